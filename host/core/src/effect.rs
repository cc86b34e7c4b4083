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
    /// Where it stands.
    pub status: EffectStatus,
    /// How many attempts were begun.
    pub attempts: u32,
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
    /// An effect of which nothing is known but that it was recorded.
    pub fn new(effect: Effect) -> Self {
        let (status, receipt) = (effect.status, effect.receipt.clone());
        Self {
            effect,
            status,
            attempts: 0,
            next_retry_at: None,
            failures: Failures::default(),
            last_error: None,
            receipt,
        }
    }
}

/// Whether a kind is carried out by recording it: what it says is for the reader of the flow.
pub fn is_carried_out_by_recording(kind: &str) -> bool {
    matches!(kind, "log" | "validate")
}

/// Checks a payload against its kind's schema. The error is a JSON Pointer into the payload and what is wrong
/// there. A kind the host does not know has no schema.
pub fn check_payload(kind: &str, payload: &Value) -> Result<(), String> {
    let Some(schema) = SCHEMAS.get(kind) else { return Ok(()) };
    schema.validate(payload).map_err(|error| {
        let message: String = error.to_string().chars().take(300).collect();
        format!("payload{}: {message}", error.instance_path())
    })
}

/// The schema of each kind that ships, by its name.
static SCHEMAS: LazyLock<BTreeMap<&'static str, Validator>> = LazyLock::new(|| {
    let text = json!({"type": "string", "maxLength": 65_536});
    let line = json!({"type": "string", "minLength": 1, "maxLength": 1_000});
    let schemas = [
        (
            "validate",
            json!({
                "type": "object",
                "required": ["valid", "findings"],
                "properties": {
                    "valid": {"type": "boolean"},
                    "findings": {"type": "array", "items": {
                        "type": "object",
                        "required": ["field", "rule", "message"],
                        "properties": {
                            "field": line, "rule": line, "message": text,
                            "severity": {"enum": ["error", "warning"]}
                        }
                    }}
                }
            }),
        ),
        (
            "log",
            json!({
                "type": "object",
                "required": ["message"],
                "properties": {"level": {"enum": ["debug", "info", "warn", "error"]}, "message": text}
            }),
        ),
        (
            "notify",
            json!({
                "type": "object",
                "required": ["subject", "text"],
                "properties": {
                    "channel": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,62}$"},
                    "subject": line,
                    "text": text,
                    "url": text,
                    "batch": {"type": "string", "maxLength": 64}
                }
            }),
        ),
        (
            "email",
            json!({
                "type": "object",
                "required": ["to", "subject", "text"],
                "properties": {
                    "to": {"type": "array", "minItems": 1, "maxItems": 1_000, "items": line},
                    "subject": line, "text": text, "html": text,
                    "batch": {"type": "string", "maxLength": 64}
                }
            }),
        ),
        (
            "webhook",
            json!({"type": "object", "required": ["url"], "properties": {"url": {"type": "string", "maxLength": 2_048}}}),
        ),
        (
            "activity",
            json!({"type": "object", "required": ["activity"], "properties": {"activity": {"type": "object"}}}),
        ),
        ("set", json!({"type": "object", "required": ["field", "value"], "properties": {"field": line}})),
    ];
    let compile = |schema: Value| jsonschema::validator_for(&schema).expect("the schemas above are valid");
    schemas.into_iter().map(|(kind, schema)| (kind, compile(schema))).collect()
});

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
    fn a_kind_of_someone_elses_has_no_schema() {
        assert!(check_payload("sms", &json!(7)).is_ok());
    }
}
