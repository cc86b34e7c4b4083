//! What leaves the machine: the sections `outgoing`, `webhook`, `email` and `channels`.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use rosehip_adapters::{
    engine::DispatchLimits,
    outgoing::{self, HostName, OutgoingOptions},
    sinks::{
        Channel, EmailOptions, EmailSink, MailAddress, Mailer, NotifySink, Password, WebhookSecret, WebhookSecrets,
        WebhookSink, Webhooks,
    },
};
use rosehip_core::{limits, ports::Sink};
use serde::{Deserialize, Serialize, Serializer};

use super::Config;

/// What is wrong with a channel that leads to a relay that is not configured.
pub(super) const NO_EMAIL: &str = "there is no section email to send it with";

/// Attempts to one destination at a time, at most.
const MOST_AT_A_TIME: usize = 1_000;

/// Section `outgoing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutgoingConfig {
    /// Hosts that may have any address, also one that is not public: `hooks.internal`, `localhost:9000`.
    pub allow: Vec<String>,
    /// How long an attempt may take, in milliseconds.
    pub timeout_ms: u64,
    /// Attempts to one destination that may be under way at a time.
    pub concurrency: usize,
    /// Attempts to one destination that may begin in a second.
    pub per_second: NonZeroU32,
}

impl Default for OutgoingConfig {
    fn default() -> Self {
        let DispatchLimits { concurrency, per_second } = DispatchLimits::default();
        Self { allow: Vec::new(), timeout_ms: limits::OUTGOING_MS, concurrency, per_second }
    }
}

/// Section `webhook`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// Secrets of receivers, by host; all others share the one in the data directory.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secrets>,
}

/// One secret, or several while it changes: each signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a secret, or a list of secrets")]
pub enum Secrets {
    /// The usual.
    One(Secret),
    /// The old one and the new one.
    Several(Vec<Secret>),
}

impl Secrets {
    /// All of them, read; none is no answer.
    fn read(&self) -> Result<Vec<WebhookSecret>, String> {
        let secrets = match self {
            Self::One(secret) => std::slice::from_ref(secret),
            Self::Several(secrets) => secrets,
        };
        if !(1..=limits::WEBHOOK_SECRETS).contains(&secrets.len()) {
            return Err(format!("must be a secret, or 1 to {} of them", limits::WEBHOOK_SECRETS));
        }
        secrets.iter().map(|Secret(secret)| secret.parse().map_err(|error| format!("{error}"))).collect()
    }
}

/// Section `email`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// The relay, such as `smtps://mail.example.org`.
    pub smtp: String,
    /// Whom messages are from.
    pub from: String,
    /// The user that logs in at the relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// How long an attempt may take, in milliseconds.
    #[serde(default = "email_ms")]
    pub timeout_ms: u64,
}

fn email_ms() -> u64 {
    limits::EMAIL_MS
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum ChannelConfig {
    /// A line of the host's log.
    Log {},
    /// An e-mail to people.
    Email {
        /// Who they are.
        to: Vec<String>,
    },
    /// A webhook.
    Webhook {
        /// Where it listens. The path is often all that protects it.
        url: SecretUrl,
    },
}

/// A URL of which only the origin is shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(pub String);

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match outgoing::web_url(&self.0) {
            Ok(url) if url.path() == "/" && url.query().is_none() => f.write_str(&self.0),
            Ok(url) => write!(f, "{}/{REDACTED}", url.origin().ascii_serialization()),
            Err(_) => f.write_str(REDACTED),
        }
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is shown to nobody.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// What variables of the environment say that must not be read as numbers or truth values: `007` is a password.
#[derive(Debug, Default)]
pub(super) struct Verbatim {
    user: Option<String>,
    password: Option<Secret>,
}

/// See [`Verbatim`].
pub(super) fn verbatim(environment: &HashMap<String, String>) -> Verbatim {
    let named = |wanted: &str| {
        let found = environment.iter().find(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.is_empty());
        found.map(|(_, value)| value.clone())
    };
    Verbatim { user: named("ROSEHIP__EMAIL__USER"), password: named("ROSEHIP__EMAIL__PASSWORD").map(Secret) }
}

impl Verbatim {
    pub(super) fn put_into(self, config: &mut Config) {
        let Some(email) = &mut config.email else { return };
        email.user = self.user.or(email.user.take());
        email.password = self.password.or(email.password.take());
    }
}

/// The channels that a variable gives recipients to, in lower case, as the environment's keys are read.
pub(super) fn channels_with_recipients(environment: &HashMap<String, String>) -> Vec<String> {
    let channel = |name: &String| {
        let name = name.to_ascii_lowercase();
        Some(name.strip_prefix("rosehip__channels__")?.strip_suffix("__to")?.to_owned())
    };
    environment.keys().filter_map(channel).collect()
}

/// What effects may reach, with everything in the configuration read and checked.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// What a destination is spared.
    pub dispatch: DispatchLimits,
    outgoing: OutgoingOptions,
    secrets: Vec<(HostName, Vec<WebhookSecret>)>,
    email: Option<EmailOptions>,
    channels: BTreeMap<String, Destination>,
}

#[derive(Debug, Clone)]
enum Destination {
    Log,
    Email(Vec<MailAddress>),
    Webhook(reqwest::Url),
}

impl Config {
    /// What effects may reach; else each key that is wrong, and why. No message holds a secret.
    pub fn reach(&self) -> Result<Reach, Vec<String>> {
        let mut problems = Vec::new();
        let mut allow: Vec<HostName> = Vec::new();
        for host in &self.outgoing.allow {
            match host.parse() {
                Ok(host) => allow.push(host),
                Err(error) => problems.push(format!("outgoing.allow: {error}")),
            }
        }
        let timeout = kept(&mut problems, milliseconds("outgoing.timeout_ms", self.outgoing.timeout_ms));
        let OutgoingConfig { concurrency, per_second, .. } = self.outgoing;
        if !(1..=MOST_AT_A_TIME).contains(&concurrency) {
            problems.push(format!("outgoing.concurrency: must be a whole number from 1 to {MOST_AT_A_TIME}"));
        }
        let secrets = self.webhook.secrets.iter().filter_map(|(host, secrets)| {
            let key = |error: &dyn fmt::Display| format!("webhook.secrets.{host:?}: {error}");
            let name: Result<HostName, String> = host.parse().map_err(|error| key(&error));
            let secrets = secrets.read().map_err(|error| key(&error));
            Some((kept(&mut problems, name)?, kept(&mut problems, secrets)?))
        });
        let secrets: Vec<_> = secrets.collect();
        let email = self.email.as_ref().and_then(|email| kept(&mut problems, email.options()));
        let has_email = self.email.is_some();
        let channels = self.channels.iter().filter_map(|(name, channel)| {
            let destination = channel.destination(name, has_email);
            let destination = destination.map_err(|error| format!("channels.{name}{error}"));
            Some((name.clone(), kept(&mut problems, destination)?))
        });
        let channels = channels.collect();
        match timeout {
            Some(timeout) if problems.is_empty() => Ok(Reach {
                dispatch: DispatchLimits { concurrency, per_second },
                outgoing: OutgoingOptions { allow, timeout, ..OutgoingOptions::default() },
                secrets,
                channels,
                email,
            }),
            Some(_) | None => Err(problems),
        }
    }
}

/// What was read; else it is said what is wrong.
fn kept<T>(problems: &mut Vec<String>, read: Result<T, String>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

impl EmailConfig {
    fn options(&self) -> Result<EmailOptions, String> {
        let relay = self.smtp.parse().map_err(|error| format!("email.smtp: {error}"))?;
        let from = self.from.parse().map_err(|error| format!("email.from: {error}"))?;
        let login = match (&self.user, &self.password) {
            (None, None) => None,
            (Some(user), Some(Secret(password))) => Some((user.clone(), Password(password.clone()))),
            (Some(_), None) => return Err("email.password: there is a user and no password".to_owned()),
            (None, Some(_)) => return Err("email.user: there is a password and no user".to_owned()),
        };
        let timeout = milliseconds("email.timeout_ms", self.timeout_ms)?;
        let options = EmailOptions { login, timeout, ..EmailOptions::new(relay, from) };
        if options.login.is_some() && !options.relay.is_private() {
            let rule = "email.smtp: a password would be sent in the clear; use smtps:// or smtp+starttls://";
            return Err(rule.to_owned());
        }
        Ok(options)
    }
}

impl ChannelConfig {
    /// Where the channel leads; else the member that is wrong and why, to stand after the channel's name.
    fn destination(&self, name: &str, has_email: bool) -> Result<Destination, String> {
        let is_name = name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !is_name {
            return Err(": a channel's name is [a-z][a-z0-9-]{0,62}".to_owned());
        }
        // Every behavior may notify it, so it must not lead elsewhere.
        if name == "log" && !matches!(self, Self::Log {}) {
            return Err(": the channel log is always the host's log; choose another name".to_owned());
        }
        match self {
            Self::Log {} => Ok(Destination::Log),
            Self::Email { to } if to.is_empty() => Err(".to: there is nobody".to_owned()),
            Self::Email { .. } if !has_email => Err(format!(": {NO_EMAIL}")),
            Self::Email { to } => {
                let to = to.iter().map(|address| address.parse()).collect::<Result<_, _>>();
                to.map(Destination::Email).map_err(|error| format!(".to: {error}"))
            }
            Self::Webhook { url } => {
                outgoing::web_url(&url.0).map(Destination::Webhook).map_err(|error| format!(".url: {error}"))
            }
        }
    }
}

fn milliseconds(key: &str, ms: u64) -> Result<Duration, String> {
    if (1..=limits::OUTGOING_MAX_MS).contains(&ms) {
        return Ok(Duration::from_millis(ms));
    }
    Err(format!("{key}: {ms} is not from 1 to {} (milliseconds)", limits::OUTGOING_MAX_MS))
}

impl Reach {
    /// The names of the channels that are configured.
    pub fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// The sinks of a host; `secret` signs webhooks to hosts that have none of their own.
    pub fn sinks(self, secret: WebhookSecret) -> Vec<Box<dyn Sink>> {
        let client = Arc::new(outgoing::Client::new(self.outgoing));
        let webhooks = Arc::new(Webhooks::new(client, WebhookSecrets::new(secret, self.secrets)));
        let mailer = self.email.map(|options| Arc::new(Mailer::new(options)));
        let channel = |destination| {
            Some(match destination {
                Destination::Log => Channel::Log,
                Destination::Email(to) => Channel::Email { mailer: mailer.clone()?, to },
                Destination::Webhook(url) => Channel::Webhook { webhooks: Arc::clone(&webhooks), url },
            })
        };
        let channels = self.channels.into_iter().filter_map(|(name, destination)| Some((name, channel(destination)?)));
        let notify = NotifySink::new(channels.collect());
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(notify), Box::new(WebhookSink::new(webhooks))];
        if let Some(mailer) = mailer {
            sinks.push(Box::new(EmailSink::new(mailer)));
        }
        sinks
    }
}
