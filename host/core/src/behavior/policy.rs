//! What a behavior may do: what its manifest declares and its operator grants, whichever is narrower.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an operator grants a behavior.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The kinds of effect granted, each perhaps narrowed.
    pub effects: Vec<Policy>,
}

/// One granted kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The kind of effect.
    pub kind: String,
    /// The channels a `notify` may name; any, where none are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<BTreeSet<String>>,
}

impl Default for Grant {
    /// `validate`, `log`, and `notify` to the `log` channel.
    fn default() -> Self {
        let plain = |kind: &str| Policy { kind: kind.to_owned(), channels: None };
        let to_log = Policy { channels: Some(BTreeSet::from(["log".to_owned()])), ..plain("notify") };
        Self { effects: vec![plain("validate"), plain("log"), to_log] }
    }
}

impl Grant {
    /// The granted kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.effects.iter().map(|policy| policy.kind.as_str())
    }

    /// The declared kinds that are not granted.
    pub fn missing<'a>(&self, declared: &'a BTreeSet<String>) -> Vec<&'a str> {
        declared.iter().map(String::as_str).filter(|kind| !self.kinds().any(|granted| granted == *kind)).collect()
    }

    /// Whether an effect may be carried out; else the rule that denies it.
    pub fn permits(&self, declared: &BTreeSet<String>, kind: &str, payload: &Value) -> Result<(), String> {
        if !declared.contains(kind) {
            return Err(format!("undeclared: the manifest does not declare {kind}"));
        }
        let Some(policy) = self.effects.iter().find(|policy| policy.kind == kind) else {
            return Err(format!("ungranted: the operator has not granted {kind}"));
        };
        let Some(channels) = &policy.channels else { return Ok(()) };
        let channel = channel(payload);
        if channels.contains(channel) {
            return Ok(());
        }
        Err(format!("channel: {kind} to channel {channel:?} is not granted"))
    }
}

/// The channel a `notify` goes to.
pub fn channel(payload: &Value) -> &str {
    payload.get("channel").and_then(Value::as_str).unwrap_or("log")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_side_can_widen_the_other() {
        let grant = Grant::default();
        let declared = BTreeSet::from(["notify".to_owned(), "email".to_owned()]);
        assert_eq!(grant.permits(&declared, "notify", &json!({})), Ok(()));
        let refused = |kind, payload| grant.permits(&declared, kind, &payload).expect_err("refused");
        assert!(refused("notify", json!({"channel": "team"})).starts_with("channel:"));
        assert!(refused("email", json!({})).starts_with("ungranted:"));
        assert!(refused("log", json!({})).starts_with("undeclared:"));
        assert_eq!(grant.missing(&declared), ["email"]);
    }
}
