//! What a node may ask the host to do.
//!
//! An [`Effect`] is data: the host writes it to the flow before anything leaves the machine, checks it against what
//! the manifest declares, what the operator grants and its kind's schema, and only then carries it out. The typed
//! effects here have the payloads of the kinds that ship; any other kind is an [`Effect`] of its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a node asks for: a kind, and a payload in the shape of that kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The kind, such as `notify`.
    pub kind: String,
    /// What the kind's sink is given.
    pub payload: Value,
}

impl Effect {
    /// An effect of any kind.
    pub fn new(kind: impl Into<String>, payload: impl Into<Value>) -> Self {
        Self { kind: kind.into(), payload: payload.into() }
    }
}

fn typed(kind: &str, payload: &impl Serialize) -> Effect {
    let payload = serde_json::to_value(payload).expect("a typed payload has string keys and holds JSON values only");
    Effect::new(kind, payload)
}

/// Gives a typed effect its kind.
macro_rules! kinds {
    ($($effect:ident = $kind:literal),* $(,)?) => {$(
        impl $effect {
            #[doc = concat!("The kind to declare in the manifest: `", $kind, "`.")]
            pub const KIND: &str = $kind;
        }

        impl From<$effect> for Effect {
            fn from(effect: $effect) -> Self {
                typed($effect::KIND, &effect)
            }
        }
    )*};
}

kinds! {
    Validate = "validate",
    Log = "log",
    Notify = "notify",
    Email = "email",
    Webhook = "webhook",
    Activity = "activity",
    Set = "set",
}

/// Says what is right and wrong with the object. Recorded as it is; people see it beside the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Validate {
    /// Whether no finding is an error.
    pub valid: bool,
    /// What was found, in the order in which people should read it.
    pub findings: Vec<Finding>,
}

impl Validate {
    /// The verdict that follows from the findings: an error makes the object invalid, a warning does not.
    pub fn new(findings: Vec<Finding>) -> Self {
        let valid = findings.iter().all(|finding| finding.severity != Severity::Error);
        Self { valid, findings }
    }
}

/// One thing found about an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The field it is about, such as `title`.
    pub field: String,
    /// The rule's stable name, such as `required`.
    pub rule: String,
    /// What people read.
    pub message: String,
    /// How bad it is.
    pub severity: Severity,
}

impl Finding {
    /// Something that must be mended.
    pub fn error(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), message: message.into(), severity: Severity::Error }
    }

    /// Something worth a look.
    pub fn warning(field: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(field, rule, message) }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It must be mended.
    Error,
    /// It is worth a look.
    Warning,
}

/// Writes a line to the flow, as an effect of its own. For lines that are no effect, see [`log`](crate::log).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Log {
    /// `debug`, `info`, `warn` or `error`; absent means `info`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The line.
    pub message: String,
}

impl Log {
    /// A line at the default level.
    pub fn new(message: impl Into<String>) -> Self {
        Self { level: None, message: message.into() }
    }

    /// The same line at this level.
    #[must_use]
    pub fn level(mut self, level: impl Into<String>) -> Self {
        self.level = Some(level.into());
        self
    }
}

/// Tells the people behind a channel that the operator configures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notify {
    /// The channel's name; absent means `log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// One line that says what it is about.
    pub subject: String,
    /// The message.
    pub text: String,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The time, RFC 3339, of the batch it belongs to: the sink sends one message for all of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

impl Notify {
    /// A message to the default channel.
    pub fn new(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self { channel: None, subject: subject.into(), text: text.into(), url: None, batch: None }
    }

    /// The same message to this channel.
    #[must_use]
    pub fn channel(mut self, channel: impl Into<String>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// The same message with an address to read more at.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The same message as a part of the batch of this time, RFC 3339.
    #[must_use]
    pub fn batch(mut self, batch: impl Into<String>) -> Self {
        self.batch = Some(batch.into());
        self
    }
}

/// Sends an e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Email {
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The subject line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// Sends a signed POST (Standard Webhooks) with the effect's id as its idempotency key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// The JSON body.
    pub body: Value,
}

/// Appends an activity to the owner's outbox. It federates if it is addressed, and may start other flows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Activity {
    /// The activity, without `id`, `actor` and `proof`, which the host gives it.
    pub activity: Value,
}

/// Changes a field of the object. Setting what it already is changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Set {
    /// The field's name.
    pub field: String,
    /// Its value from now on.
    pub value: Value,
}

impl Set {
    /// A change of `field` to `value`.
    pub fn new(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { field: field.into(), value: value.into() }
    }
}
