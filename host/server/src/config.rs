//! The host's configuration: flags, over `ROSEHIP__SECTION__KEY`, over `rosehip.toml`, over defaults.
//!
//! The file is the data directory's, or else the working directory's. A key that is not known is refused by name,
//! wherever it stands, so that a misspelt one is not silently the default.

mod federation;
mod outgoing;
mod problems;

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

pub use self::federation::FederationConfig;
pub use self::outgoing::{ChannelConfig, EmailConfig, OutgoingConfig, Reach, WebhookConfig};
pub use self::problems::{Examined, examine};
use crate::host::Retention;

/// The configuration file's name.
pub const FILE_NAME: &str = "rosehip.toml";

/// Where a host listens unless it is told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7420";

/// Everything that can be configured. Its field names are the file's keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How the host is reached.
    pub server: ServerConfig,
    /// Where behaviors come from.
    pub behaviors: BehaviorsConfig,
    /// What of the log is kept.
    pub retention: RetentionConfig,
    /// What it writes to stderr.
    pub log: LogConfig,
    /// Who is told what it does.
    pub telemetry: TelemetryConfig,
    /// Which hosts effects may reach.
    pub outgoing: OutgoingConfig,
    /// How other hosts are dealt with.
    pub federation: FederationConfig,
    /// How webhooks are signed.
    pub webhook: WebhookConfig,
    /// How e-mail leaves; it does not, where this is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailConfig>,
    /// Where notifications go, beside the channel `log`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, ChannelConfig>,
}

/// Section `server`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Host and port to listen on.
    pub listen: String,
    /// The origin of every id and link; the listen address where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: DEFAULT_LISTEN.to_owned(), base_url: None, trusted_proxies: Vec::new() }
    }
}

/// Section `behaviors`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BehaviorsConfig {
    /// A directory whose modules are installed as they are dropped into it; a relative path is one of the working
    /// directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<PathBuf>,
}

/// Section `retention`. What is left out is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days that flows are kept after they ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flows_days: Option<u32>,
    /// Bytes that the bodies of the log may take before flows go, the oldest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl std::convert::From<RetentionConfig> for Retention {
    fn from(config: RetentionConfig) -> Self {
        Self { flows_days: config.flows_days, max_bytes: config.max_bytes }
    }
}

/// Section `log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level, or directives such as `info,rosehip=debug`.
    pub level: String,
    /// The lines' form.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

/// Section `telemetry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// The collector that traces are exported to, by OTLP over HTTP, such as `http://127.0.0.1:4318`. Where it is left out,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` names it, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.as_str() {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(format!("{word:?} is none of auto, json, text")),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{path}:{line}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The watched directory is none, or is not there.
    #[error("behaviors.watch: {dir}: {source}")]
    Watch {
        /// The directory.
        dir: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A key that is not known.
    #[error("{key} is not a key of the configuration{} (there are {})", From(.origin), KEYS.join(", "))]
    UnknownKey {
        /// The key with its section.
        key: String,
        /// The file that was read, if there is one.
        origin: Option<PathBuf>,
    },
    /// A value of the wrong type or form.
    #[error("{message}{}", From(.origin))]
    Invalid {
        /// What is wrong, with the key.
        message: String,
        /// The file that was read, if there is one.
        origin: Option<PathBuf>,
    },
}

/// Every key, for messages and for the check that nothing else is there. `*` is a name of the operator's.
const KEYS: &[&str] = &[
    "server.listen",
    "server.base_url",
    "server.trusted_proxies",
    "behaviors.watch",
    "retention.flows_days",
    "retention.max_bytes",
    "log.level",
    "log.format",
    "telemetry.otlp_endpoint",
    "outgoing.allow",
    "outgoing.timeout_ms",
    "outgoing.concurrency",
    "outgoing.per_second",
    "federation.backoff_seconds",
    "webhook.secrets.*",
    "email.smtp",
    "email.from",
    "email.user",
    "email.password",
    "email.timeout_ms",
    "channels.*.kind",
    "channels.*.to",
    "channels.*.url",
];

struct From<'a>(&'a Option<PathBuf>);

impl fmt::Display for From<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(path) => write!(f, ", in {} or the environment", path.display()),
            None => write!(f, ", in the environment"),
        }
    }
}

/// What stands above the file and the environment.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`.
    pub listen: Option<String>,
    /// `--watch`.
    pub watch: Option<PathBuf>,
}

/// A configuration and the file it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The merged configuration.
    pub config: Config,
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
}

impl Loaded {
    /// Checks what a host needs to find and other commands do not: the watched directory.
    pub fn check_for_host(&self) -> Result<(), ConfigError> {
        check_watch(&self.config)
    }
}

fn check_watch(config: &Config) -> Result<(), ConfigError> {
    let Some(dir) = &config.behaviors.watch else { return Ok(()) };
    let refused = |source| ConfigError::Watch { dir: dir.clone(), source };
    match fs::metadata(dir) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(refused(io::Error::from(io::ErrorKind::NotADirectory))),
        Err(error) => Err(refused(error)),
    }
}

/// The file that is read: the data directory's, or else the working directory's.
fn file_of(data_dir: &Path) -> Option<PathBuf> {
    [data_dir.join(FILE_NAME), PathBuf::from(FILE_NAME)].into_iter().find(|path| path.exists())
}

/// The variables of the environment that are text.
fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Reads the configuration of the host in `data_dir`.
pub fn load(data_dir: &Path, flags: &Flags) -> Result<Loaded, ConfigError> {
    let file = file_of(data_dir);
    let text = match &file {
        Some(path) => fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })
            .and_then(|text| parse(path, &text))?,
        None => String::new(),
    };
    let config = merge(&text, environment(), flags, file.as_deref())?;
    Ok(Loaded { config, file })
}

/// Refuses what is not TOML in one line; the text is parsed again when it is merged.
fn parse(path: &Path, text: &str) -> Result<String, ConfigError> {
    match toml::from_str::<toml::Table>(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(ConfigError::Malformed {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count()),
            message: error.message().lines().collect::<Vec<_>>().join(" "),
        }),
    }
}

fn merge(
    file: &str,
    environment: HashMap<String, String>,
    flags: &Flags,
    origin: Option<&Path>,
) -> Result<Config, ConfigError> {
    let origin = || origin.map(Path::to_owned);
    let invalid =
        |error: config::ConfigError| ConfigError::Invalid { message: one_line(&error.to_string()), origin: origin() };
    let verbatim = outgoing::verbatim(&environment);
    let merged = gather(file, environment, flags).map_err(invalid)?;
    let tree: Value = merged.clone().try_deserialize().map_err(invalid)?;
    if let Some(key) = unknown_keys(&tree).into_iter().next() {
        return Err(ConfigError::UnknownKey { key: key.join("."), origin: origin() });
    }
    let mut config: Config = merged.try_deserialize().map_err(invalid)?;
    if let Some(watch) = &flags.watch {
        config.behaviors.watch = Some(watch.clone());
    }
    verbatim.put_into(&mut config);
    match check(&mut config).into_iter().next() {
        Some(message) => Err(ConfigError::Invalid { message, origin: origin() }),
        None => Ok(config),
    }
}

/// Puts the file, the environment and the flags over one another.
fn gather(
    file: &str,
    environment: HashMap<String, String>,
    flags: &Flags,
) -> Result<config::Config, config::ConfigError> {
    let mut source = config::Environment::with_prefix("ROSEHIP")
        .prefix_separator("__")
        .separator("__")
        .ignore_empty(true)
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("server.trusted_proxies")
        .with_list_parse_key("outgoing.allow")
        .with_list_parse_key("federation.backoff_seconds");
    for channel in outgoing::channels_with_recipients(&environment) {
        source = source.with_list_parse_key(&format!("channels.{channel}.to"));
    }
    config::Config::builder()
        .add_source(config::File::from_str(file, config::FileFormat::Toml))
        .add_source(source.source(Some(environment)))
        .set_override_option("server.listen", flags.listen.clone())
        .and_then(config::builder::ConfigBuilder::<config::builder::DefaultState>::build)
}

/// The keys that are neither keys of the configuration nor sections. Names of the operator's may hold dots, so a path is
/// kept in parts.
fn unknown_keys(tree: &Value) -> Vec<Vec<String>> {
    let mut unknown = Vec::new();
    find_unknown(tree, &[], &mut unknown);
    unknown
}

fn find_unknown(tree: &Value, section: &[&str], unknown: &mut Vec<Vec<String>>) {
    let Some(members) = tree.as_object() else { return };
    for (name, value) in members {
        let path: Vec<&str> = section.iter().copied().chain([name.as_str()]).collect();
        // Whether a key begins with this path, and whether it ends there.
        let known = KEYS.iter().filter_map(|key| {
            let mut parts = key.split('.');
            let fits = path.iter().all(|name| parts.next().is_some_and(|part| part == "*" || part == *name));
            fits.then(|| parts.next().is_none())
        });
        let (keys, sections): (Vec<bool>, Vec<bool>) = known.partition(|is_key| *is_key);
        if !keys.is_empty() {
            continue;
        }
        if value.is_object() && !sections.is_empty() {
            find_unknown(value, &path, unknown);
        } else {
            unknown.push(path.into_iter().map(str::to_owned).collect());
        }
    }
}

/// Checks what types do not say, and puts the base URL into the form that ids are made with. Each message begins with its
/// key.
fn check(config: &mut Config) -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(error) = EnvFilter::try_new(&config.log.level) {
        problems.push(format!("log.level: {:?}: {error}", config.log.level));
    }
    let listen = &config.server.listen;
    let has_port = listen.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !has_port {
        problems.push(format!("server.listen: {listen:?} is not an address and a port such as {DEFAULT_LISTEN}"));
    }
    if let Some(base_url) = &mut config.server.base_url {
        match origin_of(base_url) {
            Some(origin) => *base_url = origin,
            None => {
                problems.push(format!("server.base_url: {base_url:?} is not an origin such as https://example.org"));
            }
        }
    }
    if let Some(endpoint) = &config.telemetry.otlp_endpoint {
        let url = Url::parse(endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            problems.push(format!("telemetry.otlp_endpoint: {endpoint:?} is not a URL such as http://127.0.0.1:4318"));
        }
    }
    problems.extend(config.reach().err().unwrap_or_default());
    problems
}

/// An http(s) URL without path, query or fragment, written without the slash at its end.
fn origin_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    bare.then(|| url.origin().ascii_serialization())
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

impl Config {
    /// The origin of ids: `server.base_url`, or the address it listens on. `listen` has the port that was bound.
    pub fn base_url(&self, listen: &str) -> String {
        self.server.base_url.clone().unwrap_or_else(|| {
            // Nobody can follow a link to the unspecified address.
            let listen = listen.replacen("0.0.0.0", "localhost", 1).replacen("[::]", "localhost", 1);
            origin_of(&format!("http://{listen}")).unwrap_or_else(|| format!("http://{listen}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{outgoing::Secret, *};

    fn merged(file: &str, environment: &[(&str, &str)], listen: Option<&str>) -> Result<Config, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let flags = Flags { listen: listen.map(str::to_owned), watch: None };
        merge(file, environment, &flags, Some(Path::new("rosehip.toml"))).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(merged("", &[], None), Ok(Config::default()));
    }

    #[test]
    fn flags_stand_over_the_environment_over_the_file() {
        let file = "[server]\nlisten = \"file:1\"\nbase_url = \"https://example.org/\"\n[log]\nlevel = \"warn\"\n";
        let environment = [("ROSEHIP__SERVER__LISTEN", "environment:2"), ("ROSEHIP__LOG__FORMAT", "json")];
        let config = merged(file, &environment, None).expect("a configuration");
        assert_eq!(config.server.listen, "environment:2");
        assert_eq!(config.server.base_url.as_deref(), Some("https://example.org"));
        assert_eq!(config.log, LogConfig { level: "warn".to_owned(), format: LogFormat::Json });
        let config = merged(file, &environment, Some("flag:3")).expect("a configuration");
        assert_eq!(config.server.listen, "flag:3");
    }

    #[test]
    fn traces_go_to_a_url() {
        let config = merged("[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"\n", &[], None).expect("a URL");
        assert_eq!(config.telemetry.otlp_endpoint.as_deref(), Some("http://127.0.0.1:4318"));
        let refused = merged("[telemetry]\notlp_endpoint = \"collector:4318\"\n", &[], None).expect_err("no URL");
        assert!(refused.contains("telemetry.otlp_endpoint"), "{refused}");
    }

    #[test]
    fn everything_is_kept_unless_it_is_said_how_much() {
        assert_eq!(Retention::from(merged("", &[], None).expect("defaults").retention), Retention::default());
        let file = "[retention]\nflows_days = 90\n";
        let config = merged(file, &[("ROSEHIP__RETENTION__MAX_BYTES", "1000000")], None).expect("a configuration");
        let retention = Retention { flows_days: Some(90), max_bytes: Some(1_000_000) };
        assert_eq!(Retention::from(config.retention), retention);
        assert!(merged("[retention]\nflows_days = -1\n", &[], None).is_err());
    }

    #[test]
    fn the_environment_gives_lists_and_leaves_other_variables_alone() {
        let environment = [
            ("ROSEHIP__SERVER__TRUSTED_PROXIES", "10.0.0.1,::1"),
            ("ROSEHIP__LOG__LEVEL", ""),
            ("ROSEHIP_DATA", "/srv/rosehip"),
            ("PATH", "/bin"),
        ];
        let config = merged("", &environment, None).expect("a configuration");
        assert_eq!(
            config.server.trusted_proxies,
            ["10.0.0.1".parse::<IpAddr>().expect("v4"), "::1".parse().expect("v6")]
        );
        assert_eq!(config.log.level, "info");
    }

    #[test]
    fn a_watched_directory_that_is_not_there_is_told_to_a_host_alone() {
        let file = "[behaviors]\nwatch = \"nowhere\"\n";
        let config = merged(file, &[], None).expect("other commands do not look for it");
        let told = Loaded { config, file: None }.check_for_host().expect_err("refused").to_string();
        assert!(told.starts_with("behaviors.watch: nowhere: "), "{told}");
        let config = merged(file, &[("ROSEHIP__BEHAVIORS__WATCH", "/")], None).expect("a configuration");
        assert!(Loaded { config, file: None }.check_for_host().is_ok());
    }

    #[test]
    fn one_proxy_in_the_environment_is_a_list_of_one() {
        let config = merged("", &[("ROSEHIP__SERVER__TRUSTED_PROXIES", "10.0.0.1")], None).expect("a configuration");
        assert_eq!(config.server.trusted_proxies.len(), 1);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let errors = [
            merged("[server]\nlisten_on = \"a:1\"", &[], None),
            merged("colour = \"red\"", &[], None),
            merged("server = 3", &[], None),
            merged("", &[("ROSEHIP__SERVER__LISTN", "a:1")], None),
            merged("[log]\nformat = \"xml\"", &[], None),
            merged("[log]\nlevel = \"rosehip=loud\"", &[], None),
            merged("[server]\ntrusted_proxies = [\"nobody\"]", &[], None),
            merged("[server]\nbase_url = \"example.org/blog\"", &[], None),
        ];
        let errors: Vec<_> = errors.into_iter().map(|result| result.expect_err("refused")).collect();
        let told = errors.join("\n").replace(&KEYS.join(", "), "…");
        insta::assert_snapshot!(told, @r#"
        server.listen_on is not a key of the configuration, in rosehip.toml or the environment (there are …)
        colour is not a key of the configuration, in rosehip.toml or the environment (there are …)
        server is not a key of the configuration, in rosehip.toml or the environment (there are …)
        server.listn is not a key of the configuration, in rosehip.toml or the environment (there are …)
        "xml" is none of auto, json, text for key `log.format`, in rosehip.toml or the environment
        log.level: "rosehip=loud": error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5, in rosehip.toml or the environment
        invalid IP address syntax for key `server.trusted_proxies[0]`, in rosehip.toml or the environment
        server.base_url: "example.org/blog" is not an origin such as https://example.org, in rosehip.toml or the environment
        "#);
    }

    const OUTGOING: &str = r#"
[outgoing]
allow = ["localhost:9000", "hooks.internal"]
[webhook.secrets]
"hooks.example.org" = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
"hooks.example.org:8443" = ["whsec_D2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_E2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
[email]
smtp = "smtps://mail.example.org"
from = "Rosehip <rosehip@example.org>"
user = "rosehip"
password = "hunter2"
[channels.team]
kind = "email"
to = ["ada@example.org", "Bob <bob@example.org>"]
[channels.bot]
kind = "webhook"
url = "https://hooks.example.org/s3cret"
[channels.quiet]
kind = "log"
"#;

    #[test]
    fn what_effects_may_reach_is_read_and_its_secrets_are_shown_to_nobody() {
        let config = merged(OUTGOING, &[], None).expect("a configuration");
        assert_eq!(config.webhook.secrets.len(), 2, "a host's dots are not the sections'");
        let shown = toml::to_string(&config).expect("TOML");
        insta::assert_snapshot!(shown, @r#"
        [server]
        listen = "127.0.0.1:7420"
        trusted_proxies = []

        [behaviors]

        [retention]

        [log]
        level = "info"
        format = "auto"

        [telemetry]

        [outgoing]
        allow = ["localhost:9000", "hooks.internal"]
        timeout_ms = 15000
        concurrency = 8
        per_second = 100

        [federation]
        backoff_seconds = [30, 300, 1800, 21600, 86400]

        [webhook.secrets]
        "hooks.example.org" = "[redacted]"
        "hooks.example.org:8443" = ["[redacted]", "[redacted]"]

        [email]
        smtp = "smtps://mail.example.org"
        from = "Rosehip <rosehip@example.org>"
        user = "rosehip"
        password = "[redacted]"
        timeout_ms = 30000

        [channels.bot]
        kind = "webhook"
        url = "https://hooks.example.org/[redacted]"

        [channels.quiet]
        kind = "log"

        [channels.team]
        kind = "email"
        to = ["ada@example.org", "Bob <bob@example.org>"]
        "#);
        for secret in ["hunter2", "oD", "s3cret"] {
            assert!(!shown.contains(secret) && !format!("{config:?}").contains(secret), "{secret} is shown");
        }
    }

    #[test]
    fn the_environment_gives_passwords_as_they_are_and_recipients_as_lists() {
        let environment = [
            ("ROSEHIP__EMAIL__SMTP", "smtp://localhost:1025"),
            ("ROSEHIP__EMAIL__FROM", "rosehip@example.org"),
            ("ROSEHIP__EMAIL__USER", "1e3"),
            ("ROSEHIP__EMAIL__PASSWORD", "007"),
            ("ROSEHIP__OUTGOING__ALLOW", "localhost:9000,[::1]"),
            ("ROSEHIP__OUTGOING__TIMEOUT_MS", "250"),
            ("ROSEHIP__CHANNELS__TEAM__KIND", "email"),
            ("ROSEHIP__CHANNELS__TEAM__TO", "ada@example.org,bob@example.org"),
        ];
        let config = merged("", &environment, None).expect("a configuration");
        let email = config.email.expect("a section");
        assert_eq!((email.user.as_deref(), email.password), (Some("1e3"), Some(Secret("007".to_owned()))));
        assert_eq!(config.outgoing.allow, ["localhost:9000", "[::1]"]);
        assert_eq!(config.outgoing.timeout_ms, 250);
        let to = vec!["ada@example.org".to_owned(), "bob@example.org".to_owned()];
        assert_eq!(config.channels["team"], ChannelConfig::Email { to });
    }

    #[test]
    fn what_is_wrong_with_what_effects_may_reach_is_named_without_secrets() {
        let email = "[email]\nsmtp = \"smtps://a.example\"\nfrom = \"a@a.example\"\n";
        let errors = [
            "[outgoing]\nallow = [\"http://localhost\"]".to_owned(),
            "[outgoing]\ntimeout_ms = 0".to_owned(),
            "[outgoing]\nproxy = \"a\"".to_owned(),
            "[webhook.secrets]\n\"a.example\" = \"hunter2\"".to_owned(),
            "[webhook.secrets]\n\"b.example\" = [\"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\", \"hunter2\"]".to_owned(),
            "[webhook.secrets]\n\"c.example\" = []".to_owned(),
            "[webhook]\nsecret = \"hunter2\"".to_owned(),
            "[webhook.secrets]\n\"a/b\" = \"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD\"".to_owned(),
            "[email]\nsmtp = \"smtps://a.example\"".to_owned(),
            "[email]\nsmtp = \"http://u:hunter2@a.example\"\nfrom = \"a@a.example\"".to_owned(),
            "[email]\nsmtp = \"smtps://a.example\"\nfrom = \"nobody\"".to_owned(),
            format!("{email}user = \"a\""),
            format!("{email}password = \"hunter2\""),
            "[email]\nsmtp = \"smtp://a.example\"\nfrom = \"a@a.example\"\nuser = \"a\"\npassword = \"hunter2\""
                .to_owned(),
            format!("{email}[channels.team]\nkind = \"email\"\nto = []"),
            format!("{email}[channels.team]\nkind = \"email\"\nto = [\"ada\"]"),
            "[channels.team]\nkind = \"email\"\nto = [\"a@a.example\"]".to_owned(),
            "[channels.team]\nkind = \"sms\"".to_owned(),
            "[channels.team]\nkind = \"log\"\nurl = \"https://a.example\"".to_owned(),
            "[channels.Team]\nkind = \"log\"".to_owned(),
            "[channels.log]\nkind = \"webhook\"\nurl = \"https://a.example/\"".to_owned(),
            "[channels.bot]\nkind = \"webhook\"\nurl = \"https://u:hunter2@a.example/\"".to_owned(),
            "[channels.bot]\nkind = \"webhook\"\nurl = \"ftp://a.example/\"".to_owned(),
            "[channels.bot]\nkind = \"webhook\"\nchat = 3".to_owned(),
        ];
        let errors: Vec<String> = errors.iter().map(|file| merged(file, &[], None).expect_err(file)).collect();
        let told = errors.join("\n").replace(&format!(" (there are {})", KEYS.join(", ")), "");
        assert!(!told.contains("hunter2"), "{told}");
        insta::assert_snapshot!(told.replace(", in rosehip.toml or the environment", ""), @r#"
        outgoing.allow: "http://localhost" is not a host such as hooks.example.org or localhost:9000
        outgoing.timeout_ms: 0 is not from 1 to 300000 (milliseconds)
        outgoing.proxy is not a key of the configuration
        webhook.secrets."a.example": not a secret: whsec_ and 24 to 64 bytes in base64
        webhook.secrets."b.example": not a secret: whsec_ and 24 to 64 bytes in base64
        webhook.secrets."c.example": must be a secret, or 1 to 4 of them
        webhook.secret is not a key of the configuration
        webhook.secrets."a/b": "a/b" is not a host such as hooks.example.org or localhost:9000
        missing configuration field "email.from"
        email.smtp: not a relay such as smtps://mail.example.org, smtp+starttls://mail.example.org:587 or smtp://localhost:25
        email.from: "nobody" is not an address such as ada@example.org or Ada <ada@example.org>
        email.password: there is a user and no password
        email.user: there is a password and no user
        email.smtp: a password would be sent in the clear; use smtps:// or smtp+starttls://
        channels.team.to: there is nobody
        channels.team.to: "ada" is not an address such as ada@example.org or Ada <ada@example.org>
        channels.team: there is no section email to send it with
        unknown variant `sms`, expected one of `log`, `email`, `webhook` for key `channels.team.kind`
        unknown field `url`, there are no fields for key `channels.team`
        channels.Team: a channel's name is [a-z][a-z0-9-]{0,62}
        channels.log: the channel log is always the host's log; choose another name
        channels.bot.url: a URL with a user in it
        channels.bot.url: a URL of scheme ftp, which is neither http nor https
        channels.bot.chat is not a key of the configuration
        "#);
    }

    #[test]
    fn a_file_that_is_not_toml_is_named_with_its_line() {
        let error = parse(Path::new("dir/rosehip.toml"), "[server]\nlisten = \n").expect_err("refused").to_string();
        assert!(error.starts_with("dir/rosehip.toml:2: "), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }

    #[test]
    fn the_base_url_defaults_to_where_it_listens() {
        let config = Config::default();
        assert_eq!(config.base_url("127.0.0.1:7420"), "http://127.0.0.1:7420");
        assert_eq!(config.base_url("0.0.0.0:80"), "http://localhost");
        assert_eq!(config.base_url("[::]:7420"), "http://localhost:7420");
    }
}
