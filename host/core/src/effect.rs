//! Effects: what a node asks for, as data.

use std::{collections::BTreeMap, sync::LazyLock};

use jsonschema::Validator;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ids::{EffectId, NodeId},
    state::EffectStatus,
    time::Timestamp,
};

/// An effect as its node's call recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Derived from flow, node, item and ordinal.
    pub id: EffectId,
    /// The node that asked for it.
    pub node: NodeId,
    /// The item of an `each` it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Its place among the effects of that call, from 0.
    pub ordinal: u32,
    /// What kind of effect; a string, because sinks and guests may agree on kinds the host does not know.
    pub kind: String,
    /// What exactly is asked for.
    pub payload: Value,
    /// Where it stood when it was recorded: `recorded`, `dispatched` (for `log` and `validate`), `denied`.
    pub status: EffectStatus,
    /// How its dispatch ended, or the rule that denied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Value>,
}

/// An effect with everything that happened to it since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectState {
    /// As it was recorded.
    pub effect: Effect,
    /// `seq` of the entry that recorded it.
    pub seq: u64,
    /// Where it stands.
    pub status: EffectStatus,
    /// How many attempts were begun.
    pub attempts: u32,
    /// When it came to where it stands, if that is not where it was recorded.
    #[serde(skip)]
    pub changed_at: Option<Timestamp>,
    /// When the next attempt is due, while it is `retrying`.
    pub next_retry_at: Option<Timestamp>,
    /// Failed attempts by sort; none of them counts against another's budget.
    #[serde(default)]
    pub failures: Failures,
    /// How the last attempt failed.
    pub last_error: Option<String>,
    /// How its dispatch ended.
    pub receipt: Option<Value>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// The destination answered and did not take it.
    Rejected,
    /// It gave no answer.
    Unreachable,
    /// The host stopped during the attempt.
    Unknown,
}

/// How often an effect's attempts failed for each reason since it was recorded or redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the reasons")]
pub struct Failures {
    pub rejected: u32,
    pub unreachable: u32,
    pub unknown: u32,
}

impl Failures {
    /// How often for this reason.
    pub fn of(self, failure: Failure) -> u32 {
        match failure {
            Failure::Rejected => self.rejected,
            Failure::Unreachable => self.unreachable,
            Failure::Unknown => self.unknown,
        }
    }

    /// Counts one more.
    pub fn count(&mut self, failure: Failure) {
        let count = match failure {
            Failure::Rejected => &mut self.rejected,
            Failure::Unreachable => &mut self.unreachable,
            Failure::Unknown => &mut self.unknown,
        };
        *count += 1;
    }
}

impl EffectState {
    /// An effect of which nothing is known but that entry `seq` recorded it.
    pub fn new(effect: Effect, seq: u64) -> Self {
        let (status, receipt) = (effect.status, effect.receipt.clone());
        Self {
            effect,
            seq,
            status,
            attempts: 0,
            changed_at: None,
            next_retry_at: None,
            failures: Failures::default(),
            last_error: None,
            receipt,
        }
    }
}

/// Where an effect goes: what may be slow or gone on its own. A webhook's host, a channel, the mail relay, this host's
/// own log.
pub fn destination(kind: &str, payload: &Value) -> String {
    let text = |member: &str| payload.get(member).and_then(Value::as_str);
    match kind {
        "webhook" => {
            let url = text("url").unwrap_or_default();
            let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?', '#']).next();
            format!("webhook:{}", authority.unwrap_or_default().to_ascii_lowercase())
        }
        "notify" => format!("notify:{}", text("channel").unwrap_or("log")),
        "set" | "activity" => LOCAL.to_owned(),
        kind => kind.to_owned(),
    }
}

/// The batch that an effect names, with whose others it leaves as one message. What changes this host's own log leaves
/// alone.
pub fn batch<'a>(kind: &str, payload: &'a Value) -> Option<&'a str> {
    match kind {
        "set" | "activity" => None,
        _ => payload.get("batch")?.as_str(),
    }
}

/// The destination of what changes this host's own log.
pub const LOCAL: &str = "local";

/// Whether a kind is carried out by recording it: what it says is for the reader of the flow.
pub fn is_carried_out_by_recording(kind: &str) -> bool {
    matches!(kind, "log" | "validate")
}

/// Checks a payload against its kind's schema. The error has the first few things that are wrong, each with a JSON Pointer
/// into the payload. A kind the host does not know has no schema.
pub fn check_payload(kind: &str, payload: &Value) -> Result<(), String> {
    let Some(schema) = SCHEMAS.get(kind).filter(|schema| !schema.is_valid(payload)) else { return Ok(()) };
    let errors = schema.iter_errors(payload).take(PAYLOAD_ERRORS).map(|error| {
        let message: String = error.to_string().chars().take(300).collect();
        format!("payload{}: {message}", error.instance_path())
    });
    Err(errors.collect::<Vec<_>>().join("; "))
}

/// How many errors of a payload are told.
const PAYLOAD_ERRORS: usize = 5;

static SCHEMAS: LazyLock<BTreeMap<&'static str, Validator>> = LazyLock::new(|| {
    let compile = |schema: Value| jsonschema::validator_for(&schema).expect("the schemas of payloads are valid");
    payload_schemas().into_iter().map(|(kind, schema)| (kind, compile(schema))).collect()
});

/// The JSON Schema of each kind that ships, by its name. Their descriptions are what authors read.
///
/// What becomes a header of a message is one line without control characters. A `webhook` has no `batch`: its receiver
/// tells it by the effect's id, so that each leaves by itself.
pub fn payload_schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("validate", validate_schema()),
        ("log", log_schema()),
        ("notify", notify_schema()),
        ("email", email_schema()),
        ("webhook", webhook_schema()),
        ("activity", activity_schema()),
        ("set", set_schema()),
    ])
}

/// Text for people, of any number of lines.
fn text(description: &str) -> Value {
    json!({"type": "string", "maxLength": 65_536, "description": description})
}

/// A line for people.
fn line(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 1_000, "description": description})
}

/// What a header of a message is made of: a line break would begin another header.
fn header(description: &str) -> Value {
    let mut header = line(description);
    header["pattern"] = r"^[^\u0000-\u001f\u007f-\u009f]*$".into();
    header
}

fn batch_schema(description: &str) -> Value {
    json!({"type": "string", "maxLength": 64, "description": description})
}

fn validate_schema() -> Value {
    let severity = "How bad it is; `error` where it is left out.";
    json!({
        "type": "object",
        "required": ["valid", "findings"],
        "properties": {
            "valid": {"type": "boolean", "description": "Whether the object is in order."},
            "findings": {"type": "array", "description": "What was found, in the order in which people should read it.", "items": {
                "type": "object",
                "required": ["field", "rule", "message"],
                "properties": {
                    "field": line("The field that it is about, such as `title`."),
                    "rule": line("The rule's stable name, such as `required`."),
                    "message": text("What people read."),
                    "severity": {"enum": ["error", "warning"], "description": severity}
                }
            }}
        }
    })
}

fn log_schema() -> Value {
    let level = "How much it matters; `info` where it is left out.";
    json!({
        "type": "object",
        "required": ["message"],
        "properties": {
            "level": {"enum": ["debug", "info", "warn", "error"], "description": level},
            "message": text("The line.")
        }
    })
}

fn notify_schema() -> Value {
    let channel = "The channel, by the name that the operator gave it; `log` where it is left out.";
    json!({
        "type": "object",
        "required": ["subject", "text"],
        "properties": {
            "channel": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$", "description": channel},
            "subject": line("What it is about."),
            "text": text("The message."),
            "url": text("Where to read more."),
            "batch": batch_schema("All of one batch that go to one channel leave as one message.")
        }
    })
}

fn email_schema() -> Value {
    let to = "The recipients. Each sees the others.";
    json!({
        "type": "object",
        "required": ["to", "subject", "text"],
        "properties": {
            "to": {
                "type": "array", "minItems": 1, "maxItems": 1_000, "description": to,
                "items": header("An address, perhaps with a name before it.")
            },
            "subject": header("The subject, one line."),
            "text": text("The message as plain text."),
            "html": text("The same message as HTML."),
            "batch": batch_schema("All of one batch that go to the same recipients leave as one message.")
        }
    })
}

fn webhook_schema() -> Value {
    let kind = "`type` of a body of Standard Webhooks; `BEHAVIOR.NODE` where it is left out.";
    json!({
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {"type": "string", "minLength": 1, "maxLength": 2_048, "description": "Where it is posted to."},
            "body": {"description": "What is sent, as it stands; without it, a body of Standard Webhooks: `{type, timestamp, data}`."},
            "type": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,128}$", "description": kind},
            "data": {"description": "`data` of such a body; `{}` where it is left out."},
            "batch": false
        }
    })
}

fn activity_schema() -> Value {
    let activity = "The activity, without `id`, `actor` and `proof`, which the host gives it.";
    json!({
        "type": "object",
        "required": ["activity"],
        "properties": {"activity": {"type": "object", "description": activity}}
    })
}

fn set_schema() -> Value {
    json!({
        "type": "object",
        "required": ["field", "value"],
        "properties": {
            "field": line("The field's name."),
            "value": {"description": "Its value from now on, any JSON; null takes the field away."}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_payload_is_named_by_its_pointer() {
        let payload = json!({"valid": true, "findings": [{"field": "title", "rule": "", "message": "x"}]});
        let error = check_payload("validate", &payload).expect_err("an empty rule");
        assert!(error.starts_with("payload/findings/0/rule:"), "{error}");
        assert!(check_payload("notify", &json!({"text": "x"})).is_err());
        assert!(check_payload("notify", &json!({"subject": "s", "text": "x"})).is_ok());
    }

    #[test]
    fn a_header_of_an_email_is_one_line() {
        let email = |to: &str, subject: &str| json!({"to": ["a@b.example", to], "subject": subject, "text": "a\r\nb"});
        assert_eq!(check_payload("email", &email("Ünal <c@d.example>", "Grüße")), Ok(()));
        for (to, subject, place) in [
            ("c@d.example", "s\r\nBcc: e@f.example", "payload/subject:"),
            ("c@d.example", "s\n", "payload/subject:"),
            ("c@d.example", "s\u{85}", "payload/subject:"),
            ("c@d.example\rX: y", "s", "payload/to/1:"),
            ("c\0@d.example", "s", "payload/to/1:"),
        ] {
            let error = check_payload("email", &email(to, subject)).expect_err("a control character");
            assert!(error.starts_with(place), "{error}");
        }
    }

    #[test]
    fn a_webhook_has_a_url_and_no_batch() {
        let checked = |payload| check_payload("webhook", &payload);
        assert_eq!(checked(json!({"url": "https://a.example/", "type": "post.published", "data": {"a": 1}})), Ok(()));
        assert_eq!(checked(json!({"url": "https://a.example/", "body": [1]})), Ok(()));
        assert!(checked(json!({"data": 1})).is_err());
        assert!(checked(json!({"url": "https://a.example/", "type": "two words"})).is_err());
        let error = checked(json!({"url": "https://a.example/", "batch": "b"})).expect_err("a batch");
        assert!(error.starts_with("payload/batch:"), "{error}");
    }

    #[test]
    fn a_kind_of_someone_elses_has_no_schema() {
        assert!(check_payload("sms", &json!(7)).is_ok());
    }
}
