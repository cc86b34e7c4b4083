//! A grant as somebody wrote it: every breach is named by its place and its rule.

use std::{collections::BTreeSet, str::FromStr};

use serde_json::{Map, Value};

use super::{Grant, Policy};
use crate::{
    destination::{Audience, HostPattern},
    ids::{ActorName, BehaviorName},
    limits::{GRANT_PATTERNS, GRANT_PER_HOUR, GUEST_MEMORY_BYTES, GUEST_MEMORY_GRANTED_BYTES},
};

/// A breach of a rule by a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidGrant {
    /// The member, as a JSON Pointer without its first slash.
    pub field: String,
    /// The rule's stable name: `schema`, `unknown-field`, `pattern`, `range`, `not-for-kind` or `too-many`.
    pub rule: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

/// MiB of memory that may be granted.
const MEMORY_MIB: std::ops::RangeInclusive<usize> = (GUEST_MEMORY_BYTES >> 20)..=(GUEST_MEMORY_GRANTED_BYTES >> 20);

const GRANT_MEMBERS: [&str; 2] = ["effects", "memory_mib"];
const POLICY_MEMBERS: [&str; 6] = ["kind", "channels", "hosts", "actors", "audiences", "per_hour"];

impl Grant {
    /// Reads a grant that somebody wrote.
    pub fn read(document: Map<String, Value>) -> Result<Self, Vec<InvalidGrant>> {
        let mut breaches = Breaches::default();
        breaches.unknown("", &document, &GRANT_MEMBERS);
        // Read by its own rule, so that the refusal names the member and not the document.
        let memory = document.get("memory_mib").filter(|memory| !memory.is_null());
        if memory.is_some_and(|memory| memory.as_u64().is_none_or(|mib| u32::try_from(mib).is_err())) {
            breaches.0.push(invalid_memory());
        }
        match document.get("effects").and_then(Value::as_array) {
            Some(effects) => {
                for (place, policy) in effects.iter().enumerate() {
                    breaches.policy(&format!("effects/{place}"), policy);
                }
            }
            None => breaches.add("effects", "schema", "must be a list of objects"),
        }
        breaches.none()?;
        let grant: Self = serde_json::from_value(Value::Object(document)).map_err(|error| {
            vec![InvalidGrant { field: "policy".to_owned(), rule: "schema", message: error.to_string() }]
        })?;
        grant.check()?;
        Ok(grant)
    }

    /// Checks what types do not say.
    pub fn check(&self) -> Result<(), Vec<InvalidGrant>> {
        let mut breaches = Breaches::default();
        for (place, policy) in self.effects.iter().enumerate() {
            breaches.meaning(&format!("effects/{place}"), policy);
        }
        let memory = self.memory_mib.map(|mib| usize::try_from(mib).unwrap_or(usize::MAX));
        if memory.is_some_and(|mib| !MEMORY_MIB.contains(&mib)) {
            breaches.0.push(invalid_memory());
        }
        breaches.none()
    }
}

#[derive(Default)]
struct Breaches(Vec<InvalidGrant>);

impl Breaches {
    fn add(&mut self, field: impl Into<String>, rule: &'static str, message: impl Into<String>) {
        self.0.push(InvalidGrant { field: field.into(), rule, message: message.into() });
    }

    fn none(self) -> Result<(), Vec<InvalidGrant>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    fn unknown(&mut self, at: &str, members: &Map<String, Value>, known: &[&str]) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let field = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            self.add(field, "unknown-field", format!("is not a field; those are {}", known.join(", ")));
        }
    }

    /// The form of one granted kind.
    fn policy(&mut self, at: &str, policy: &Value) {
        let Some(members) = policy.as_object() else {
            return self.add(at, "schema", "must be an object");
        };
        self.unknown(at, members, &POLICY_MEMBERS);
        if !members.get("kind").is_some_and(Value::is_string) {
            self.add(format!("{at}/kind"), "schema", "must name a kind of effect");
        }
        let any = |_: &str| Ok(());
        self.list(&format!("{at}/channels"), members.get("channels"), any);
        self.list(&format!("{at}/hosts"), members.get("hosts"), parsed::<HostPattern>);
        self.list(&format!("{at}/actors"), members.get("actors"), parsed::<ActorName>);
        self.list(&format!("{at}/audiences"), members.get("audiences"), parsed::<Audience>);
        let most = members.get("per_hour").filter(|most| !most.is_null());
        if most.is_some_and(|most| !most.as_u64().is_some_and(|most| (1..=GRANT_PER_HOUR).contains(&most))) {
            self.per_hour(at);
        }
    }

    fn per_hour(&mut self, at: &str) {
        self.add(format!("{at}/per_hour"), "range", format!("must be a whole number from 1 to {GRANT_PER_HOUR}"));
    }

    fn list(&mut self, at: &str, list: Option<&Value>, check: impl Fn(&str) -> Result<(), String>) {
        let Some(list) = list.filter(|list| !list.is_null()) else { return };
        let Some(items) = list.as_array() else {
            return self.add(at, "schema", "must be a list of strings");
        };
        for (place, item) in items.iter().enumerate() {
            match item.as_str().map(&check) {
                Some(Ok(())) => {}
                Some(Err(message)) => self.add(format!("{at}/{place}"), "pattern", message),
                None => self.add(format!("{at}/{place}"), "schema", "must be a string"),
            }
        }
    }

    /// Whether what narrows a kind means something of it.
    fn meaning(&mut self, at: &str, policy: &Policy) {
        let kind = policy.kind.as_str();
        if kind.parse::<BehaviorName>().is_err() {
            self.add(format!("{at}/kind"), "schema", format!("{kind:?} is not [a-z][a-z0-9-]{{0,62}}"));
            return;
        }
        let lists: [(&str, Option<usize>, &[&str]); 4] = [
            ("channels", policy.channels.as_ref().map(BTreeSet::len), &["notify"]),
            ("hosts", policy.hosts.as_ref().map(BTreeSet::len), &["webhook", "email"]),
            ("actors", policy.actors.as_ref().map(BTreeSet::len), &[]),
            ("audiences", policy.audiences.as_ref().map(BTreeSet::len), &["activity"]),
        ];
        for (member, length, kinds) in lists {
            let Some(length) = length else { continue };
            if !kinds.is_empty() && !kinds.contains(&kind) {
                let message = format!("narrows {}, not {kind}", kinds.join(" and "));
                self.add(format!("{at}/{member}"), "not-for-kind", message);
            }
            if length > GRANT_PATTERNS {
                self.add(format!("{at}/{member}"), "too-many", format!("holds {length}, at most {GRANT_PATTERNS}"));
            }
        }
        if kind == "email" && policy.hosts.iter().flatten().any(HostPattern::has_port) {
            self.add(format!("{at}/hosts"), "pattern", "a mail domain has no port");
        }
        if policy.per_hour.is_some_and(|most| !(1..=GRANT_PER_HOUR).contains(&most)) {
            self.per_hour(at);
        }
    }
}

fn parsed<T: FromStr<Err: ToString>>(text: &str) -> Result<(), String> {
    text.parse::<T>().map(drop).map_err(|error| error.to_string())
}

fn invalid_memory() -> InvalidGrant {
    let message = format!("must be a whole number from {} to {} (MiB)", MEMORY_MIB.start(), MEMORY_MIB.end());
    InvalidGrant { field: "memory_mib".to_owned(), rule: "schema", message }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: Value) -> Result<Grant, Vec<InvalidGrant>> {
        Grant::read(document.as_object().cloned().expect("an object"))
    }

    #[test]
    fn a_refusal_of_a_grant_names_the_member_and_the_rule() {
        let memory = |memory: Value| read(json!({"effects": [{"kind": "log"}], "memory_mib": memory}));
        for bad in [json!(63), json!(257), json!(64.5), json!(-64), json!("64"), json!(5_000_000_000_u64)] {
            let refused = memory(bad.clone()).expect_err("refused");
            assert_eq!(
                (refused[0].field.as_str(), refused[0].message.as_str()),
                ("memory_mib", "must be a whole number from 64 to 256 (MiB)"),
                "{bad}"
            );
        }
        for (mib, bytes) in [(json!(null), 64 << 20), (json!(64), 64 << 20), (json!(256), 256 << 20)] {
            assert_eq!(memory(mib).map(|grant| grant.memory_bytes()), Ok(bytes));
        }
        for (policy, field, rule) in [
            (json!({"kind": "No"}), "effects/1/kind", "schema"),
            (json!({}), "effects/1/kind", "schema"),
            (json!("log"), "effects/1", "schema"),
            (json!({"kind": "log", "colour": 1}), "effects/1/colour", "unknown-field"),
            (json!({"kind": "webhook", "hosts": "a"}), "effects/1/hosts", "schema"),
            (json!({"kind": "webhook", "hosts": ["a", 1]}), "effects/1/hosts/1", "schema"),
            (json!({"kind": "webhook", "hosts": ["a", "*"]}), "effects/1/hosts/1", "pattern"),
            (json!({"kind": "email", "hosts": ["a:25"]}), "effects/1/hosts", "pattern"),
            (json!({"kind": "activity", "actors": ["Site"]}), "effects/1/actors/0", "pattern"),
            (json!({"kind": "activity", "audiences": ["ftp://a"]}), "effects/1/audiences/0", "pattern"),
            (json!({"kind": "log", "audiences": []}), "effects/1/audiences", "not-for-kind"),
            (json!({"kind": "set", "hosts": ["a"]}), "effects/1/hosts", "not-for-kind"),
            (json!({"kind": "webhook", "channels": ["a"]}), "effects/1/channels", "not-for-kind"),
            (json!({"kind": "log", "per_hour": 0}), "effects/1/per_hour", "range"),
            (json!({"kind": "log", "per_hour": 1.5}), "effects/1/per_hour", "range"),
            (json!({"kind": "log", "per_hour": GRANT_PER_HOUR + 1}), "effects/1/per_hour", "range"),
        ] {
            let refused = read(json!({"effects": [{"kind": "log"}, policy]})).expect_err("refused");
            assert_eq!((refused[0].field.as_str(), refused[0].rule), (field, rule), "{policy}");
        }
        let many: Vec<_> = (0..=GRANT_PATTERNS).map(|n| format!("h{n}.example")).collect();
        let refused = read(json!({"effects": [{"kind": "webhook", "hosts": many}]})).expect_err("refused");
        assert_eq!(refused[0].rule, "too-many");
        assert_eq!(read(json!({"effects": [], "more": 1})).expect_err("refused")[0].field, "more");
        assert_eq!(read(json!({})).expect_err("refused")[0].field, "effects");
    }

    #[test]
    fn every_breach_is_told_at_once() {
        let document = json!({"effects": [{"kind": "webhook", "hosts": ["*", "a/b"], "per_hour": -1}], "x": 1});
        let fields: Vec<_> = read(document).expect_err("refused").into_iter().map(|breach| breach.field).collect();
        assert_eq!(fields, ["x", "effects/0/hosts/0", "effects/0/hosts/1", "effects/0/per_hour"]);
    }

    #[test]
    fn a_grant_is_written_as_it_is_read() {
        let document = json!({"effects": [
            {"kind": "notify", "channels": ["log"]},
            {"kind": "webhook", "hosts": ["*.example.org:8443", "example.org"], "per_hour": 10},
            {"kind": "activity", "actors": ["site"], "audiences": ["followers", "https://a.example/u", "public"]},
            {"kind": "sms", "per_hour": 1},
        ]});
        let grant = read(document.clone()).expect("a grant");
        let written = serde_json::to_value(&grant).expect("JSON");
        assert_eq!(read(written), Ok(grant));
        assert_eq!(
            read(json!({"effects": [{"kind": "log", "hosts": null}]})).expect("a grant").effects[0],
            Policy::of("log")
        );
    }
}
