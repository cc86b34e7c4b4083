//! Everything that is wrong with a configuration, all at once: where it stands, the key and the rule.
//!
//! A host refuses to start at the first problem; whoever repairs a configuration wants to know of all.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use config::{Map, Value, ValueKind};
use serde::{Deserialize as _, Serialize};

use super::{Config, ConfigError, FILE_NAME, Flags, KEYS, check, environment, file_of, gather, outgoing, unknown_keys};

/// A key that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, or the variable of the environment, that says it.
    pub origin: String,
    /// The key with its section; none where the file as a whole is wrong.
    pub key: Option<String>,
    /// What is wrong.
    pub rule: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{}: {key}: {}", self.origin, self.rule),
            None => write!(f, "{}: {}", self.origin, self.rule),
        }
    }
}

/// A configuration that was looked through.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// What is wrong, in the order of the keys' names.
    pub problems: Vec<Problem>,
    /// The configuration, as far as it can be read: what is wrong has its default.
    pub config: Config,
}

/// Looks the configuration of the host in `data_dir` through.
pub fn examine(data_dir: &Path) -> Examined {
    let file = file_of(data_dir);
    let environment = environment();
    let text = match file.as_deref().map(fs::read_to_string) {
        None => String::new(),
        Some(Ok(text)) => text,
        Some(Err(error)) => return Examined::unreadable(file, error.to_string()),
    };
    if let Err(ConfigError::Malformed { line, message, .. }) = super::parse(Path::new(""), &text) {
        return Examined::unreadable(file, format!("line {line}: {message}"));
    }
    let (config, found) = problems_of(&text, &environment);
    let origins = Origins { file: file.as_deref(), environment: &environment };
    let problems = found.into_iter().map(|(key, rule)| origins.problem(key, rule)).collect();
    let mut examined = Examined { file, problems, config };
    examined.check_for_host(&environment);
    examined
}

impl Examined {
    fn unreadable(file: Option<PathBuf>, rule: String) -> Self {
        let origin = file.as_ref().map_or_else(|| FILE_NAME.to_owned(), |path| path.display().to_string());
        let problems = vec![Problem { origin, key: None, rule }];
        Self { file, problems, config: Config::default() }
    }

    /// What only a host needs: the directory that it watches, and how it deals with others.
    fn check_for_host(&mut self, environment: &HashMap<String, String>) {
        let base_url = self.config.base_url(&self.config.server.listen);
        let federation = self.config.federation.options(false, &base_url).err();
        let watch = super::check_watch(&self.config).err().map(|error| error.to_string());
        for message in [federation, watch].into_iter().flatten() {
            let (key, rule) = split(&message);
            let origins = Origins { file: self.file.as_deref(), environment };
            let problem = origins.problem(key, rule);
            self.problems.push(problem);
        }
    }
}

type Found = Vec<(Option<String>, String)>;

/// What is wrong with a file and an environment, and what is left of them without it.
fn problems_of(text: &str, environment: &HashMap<String, String>) -> (Config, Found) {
    let verbatim = outgoing::verbatim(environment);
    let mut found = Found::new();
    let gathered = gather(text, environment.clone(), &Flags::default()).and_then(config::Config::try_deserialize);
    let mut table: Map<String, Value> = match gathered {
        Ok(table) => table,
        Err(error) => {
            found.push((None, super::one_line(&error.to_string())));
            return (Config::default(), found);
        }
    };
    let tree: serde_json::Value = Value::from(table.clone()).try_deserialize().unwrap_or_default();
    for key in unknown_keys(&tree) {
        found.push((Some(key.join(".")), format!("is not a key of the configuration (there are {})", KEYS.join(", "))));
        remove(&mut table, &key.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let mut config = loop {
        match Config::deserialize(Value::from(table.clone())) {
            Ok(config) => break config,
            Err(error) => {
                let (key, rule) = explained(&error);
                let path: Vec<&str> = key.as_deref().unwrap_or_default().split('.').collect();
                // Of a key that is missing, its section goes; what cannot be found is the last that is told.
                let is_gone = remove(&mut table, &path) || remove(&mut table, &path[..path.len() - 1]);
                found.push((key.clone(), rule));
                if !is_gone {
                    return (Config::default(), found);
                }
            }
        }
    };
    verbatim.put_into(&mut config);
    // A section that was taken out for what is wrong in it is not missing.
    let email_is_told = found.iter().any(|(key, _)| key.as_deref().is_some_and(|key| key.starts_with("email.")));
    let more =
        check(&mut config).into_iter().filter(|message| !(email_is_told && message.ends_with(outgoing::NO_EMAIL)));
    found.extend(more.map(|message| split(&message)));
    // Tables are read in no order; people find their place by name.
    found.sort_by(|one, other| one.0.cmp(&other.0));
    (config, found)
}

/// Takes a key out of a tree. Returns whether it was there.
fn remove(table: &mut Map<String, Value>, path: &[&str]) -> bool {
    match path {
        [] => false,
        [last] => table.remove(*last).is_some(),
        [section, rest @ ..] => match table.get_mut(*section).map(|value| &mut value.kind) {
            Some(ValueKind::Table(inner)) => remove(inner, rest),
            Some(_) | None => false,
        },
    }
}

/// The key that a value was refused for, without an index, and why.
fn explained(error: &config::ConfigError) -> (Option<String>, String) {
    let message = super::one_line(&error.to_string());
    if let config::ConfigError::NotFound(key) = error {
        return (Some(key.clone()), "is missing".to_owned());
    }
    let Some((rule, rest)) = message.split_once(" for key `") else { return (None, message) };
    let key = rest.split(['`', '[']).next().unwrap_or_default();
    (Some(key.to_owned()), rule.to_owned())
}

/// The key that a message begins with.
fn split(message: &str) -> (Option<String>, String) {
    match message.split_once(": ") {
        Some((key, rule)) => (Some(key.to_owned()), rule.to_owned()),
        None => (None, message.to_owned()),
    }
}

/// Where keys may stand.
struct Origins<'a> {
    file: Option<&'a Path>,
    environment: &'a HashMap<String, String>,
}

impl Origins<'_> {
    fn problem(&self, key: Option<String>, rule: String) -> Problem {
        let variable = key.as_deref().and_then(|key| self.variable(key));
        let origin = match (variable, self.file) {
            (Some(variable), _) => variable,
            (None, Some(file)) => file.display().to_string(),
            (None, None) => FILE_NAME.to_owned(),
        };
        Problem { origin, key, rule }
    }

    /// The variable that gives a key.
    fn variable(&self, key: &str) -> Option<String> {
        let wanted = format!("ROSEHIP__{}", key.replace('.', "__"));
        self.environment.keys().find(|name| name.eq_ignore_ascii_case(&wanted)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text = r#"
colour = "red"
[server]
listen = "nowhere"
base_url = "example.org/blog"
listen_on = "a:1"
trusted_proxies = ["nobody"]
[log]
format = "xml"
level = "rosehip=loud"
[outgoing]
timeout_ms = 0
concurrency = "many"
[email]
smtp = "smtps://mail.example.org"
[channels.team]
kind = "email"
to = []
[channels.Bot]
kind = "log"
"#;
        let environment = HashMap::from([("ROSEHIP__OUTGOING__PER_SECOND".to_owned(), "0".to_owned())]);
        let (_, found) = problems_of(text, &environment);
        let origins = Origins { file: Some(Path::new("rosehip.toml")), environment: &environment };
        let lines: Vec<String> = found.into_iter().map(|(key, rule)| origins.problem(key, rule).to_string()).collect();
        let told = lines.join("\n").replace(&KEYS.join(", "), "…");
        insta::assert_snapshot!(told, @r#"
        rosehip.toml: channels.Bot: a channel's name is [a-z][a-z0-9-]{0,62}
        rosehip.toml: channels.team.to: there is nobody
        rosehip.toml: colour: is not a key of the configuration (there are …)
        rosehip.toml: email.from: is missing
        rosehip.toml: log.format: "xml" is none of auto, json, text
        rosehip.toml: log.level: "rosehip=loud": error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5
        rosehip.toml: outgoing.concurrency: invalid type: string "many", expected an integer
        ROSEHIP__OUTGOING__PER_SECOND: outgoing.per_second: invalid value: integer `0`, expected a nonzero u32
        rosehip.toml: outgoing.timeout_ms: 0 is not from 1 to 300000 (milliseconds)
        rosehip.toml: server.base_url: "example.org/blog" is not an origin such as https://example.org
        rosehip.toml: server.listen: "nowhere" is not an address and a port such as 127.0.0.1:7420
        rosehip.toml: server.listen_on: is not a key of the configuration (there are …)
        rosehip.toml: server.trusted_proxies: invalid IP address syntax
        "#);
    }
}
