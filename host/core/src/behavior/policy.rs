//! What a behavior may do: what its manifest declares and its operator grants, whichever is narrower.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ids::BehaviorName,
    limits::{GUEST_MEMORY_BYTES, GUEST_MEMORY_GRANTED_BYTES},
};

/// What an operator grants a behavior.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The kinds of effect granted, each perhaps narrowed.
    pub effects: Vec<Policy>,
    /// Linear memory of a call, in MiB, where it is more than the 64 that every behavior has; at most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
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
        Self { effects: vec![plain("validate"), plain("log"), to_log], memory_mib: None }
    }
}

/// Why a document is no grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidGrant {
    /// The member, as a JSON Pointer without its first slash.
    pub field: String,
    /// The rule that it breaks, for people.
    pub message: String,
}

/// MiB of memory that may be granted.
const MEMORY_MIB: std::ops::RangeInclusive<usize> = (GUEST_MEMORY_BYTES >> 20)..=(GUEST_MEMORY_GRANTED_BYTES >> 20);

impl Grant {
    /// Reads a grant that somebody wrote.
    pub fn read(document: Map<String, Value>) -> Result<Self, InvalidGrant> {
        // Read by its own rule, so that the refusal names the member and not the document.
        let memory = document.get("memory_mib").filter(|memory| !memory.is_null());
        if memory.is_some_and(|memory| memory.as_u64().is_none_or(|mib| u32::try_from(mib).is_err())) {
            return Err(invalid_memory());
        }
        let grant: Self = serde_json::from_value(Value::Object(document))
            .map_err(|error| InvalidGrant { field: "policy".to_owned(), message: error.to_string() })?;
        grant.check()?;
        Ok(grant)
    }

    /// Checks what types do not say.
    pub fn check(&self) -> Result<(), InvalidGrant> {
        for (place, policy) in self.effects.iter().enumerate() {
            if policy.kind.parse::<BehaviorName>().is_err() {
                let message = format!("{:?} is not [a-z][a-z0-9-]{{0,62}}", policy.kind);
                return Err(InvalidGrant { field: format!("effects/{place}/kind"), message });
            }
        }
        let memory = self.memory_mib.map(|mib| usize::try_from(mib).unwrap_or(usize::MAX));
        if memory.is_some_and(|mib| !MEMORY_MIB.contains(&mib)) {
            return Err(invalid_memory());
        }
        Ok(())
    }

    /// The granted kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.effects.iter().map(|policy| policy.kind.as_str())
    }

    /// Linear memory of a call, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let granted =
            self.memory_mib.map_or(0, |mib| usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20));
        granted.clamp(GUEST_MEMORY_BYTES, GUEST_MEMORY_GRANTED_BYTES)
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

fn invalid_memory() -> InvalidGrant {
    let message = format!("must be a whole number from {} to {} (MiB)", MEMORY_MIB.start(), MEMORY_MIB.end());
    InvalidGrant { field: "memory_mib".to_owned(), message }
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

    #[test]
    fn a_refusal_of_a_grant_names_the_member_and_the_rule() {
        let read = |memory: Value| {
            let document = json!({"effects": [{"kind": "log"}], "memory_mib": memory});
            Grant::read(document.as_object().cloned().expect("an object"))
        };
        for memory in [json!(63), json!(257), json!(64.5), json!(-64), json!("64"), json!(5_000_000_000_u64)] {
            let refused = read(memory.clone()).expect_err("refused");
            assert_eq!(
                (refused.field.as_str(), refused.message.as_str()),
                ("memory_mib", "must be a whole number from 64 to 256 (MiB)"),
                "{memory}"
            );
        }
        for (memory, bytes) in [(json!(null), 64 << 20), (json!(64), 64 << 20), (json!(256), 256 << 20)] {
            assert_eq!(read(memory).map(|grant| grant.memory_bytes()), Ok(bytes));
        }
        let bad_kind = json!({"effects": [{"kind": "log"}, {"kind": "No"}]});
        let refused = Grant::read(bad_kind.as_object().cloned().expect("an object")).expect_err("refused");
        assert_eq!(refused.field, "effects/1/kind");
    }
}
