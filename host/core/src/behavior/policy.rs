//! What a behavior may do: what its manifest declares and its operator grants, whichever is narrower.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    destination::{Audience, HostPattern, hosts_of, quoted, recipients_of},
    ids::ActorName,
    limits::{GUEST_MEMORY_BYTES, GUEST_MEMORY_GRANTED_BYTES},
};

/// What an operator grants a behavior.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The kinds of effect granted, each perhaps narrowed.
    pub effects: Vec<Policy>,
    /// Linear memory of a call, in MiB, where it is more than the 64 that every behavior has; at most 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
}

/// One granted kind. What is left out narrows nothing; an empty list grants nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The kind of effect.
    pub kind: String,
    /// The channels a `notify` may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<BTreeSet<String>>,
    /// The hosts that a `webhook` may call and the domains that an `email` may go to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<BTreeSet<HostPattern>>,
    /// The actors of this host as whom it may act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actors: Option<BTreeSet<ActorName>>,
    /// Whom an `activity` may address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<BTreeSet<Audience>>,
    /// How many of them may be recorded in any one hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u64>,
}

/// What an effect asks for, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The kind of effect.
    pub kind: &'a str,
    /// What exactly.
    pub payload: &'a Value,
    /// The actor as whom its flow runs.
    pub owner: &'a ActorName,
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
}

/// Why an effect may not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The rule's stable name: `undeclared`, `ungranted`, `actor`, `channel`, `host`, `audience` or `per-hour`.
    pub rule: &'static str,
    /// What is not granted, for people.
    pub message: String,
}

impl Denial {
    fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

/// The rule first, then the text.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

impl Default for Grant {
    /// `validate`, `log`, and `notify` to the `log` channel.
    fn default() -> Self {
        let to_log = Policy { channels: Some(BTreeSet::from(["log".to_owned()])), ..Policy::of("notify") };
        Self { effects: vec![Policy::of("validate"), Policy::of("log"), to_log], memory_mib: None }
    }
}

impl Policy {
    /// A kind that nothing narrows.
    pub fn of(kind: &str) -> Self {
        Self { kind: kind.to_owned(), ..Self::default() }
    }

    fn permits(&self, asked: Asked<'_>, recorded: Option<u64>) -> Result<(), Denial> {
        self.permits_actor(asked)?;
        self.permits_channel(asked)?;
        self.permits_hosts(asked)?;
        self.permits_audience(asked)?;
        match (self.per_hour, recorded) {
            (Some(most), Some(recorded)) if recorded >= most => {
                let message = format!("{recorded} effects {} were recorded within an hour, at most {most}", asked.kind);
                Err(Denial::new("per-hour", message))
            }
            _ => Ok(()),
        }
    }

    fn permits_actor(&self, asked: Asked<'_>) -> Result<(), Denial> {
        match &self.actors {
            Some(actors) if !actors.contains(asked.owner) => {
                Err(Denial::new("actor", format!("{} as {} is not granted", asked.kind, asked.owner)))
            }
            _ => Ok(()),
        }
    }

    fn permits_channel(&self, asked: Asked<'_>) -> Result<(), Denial> {
        let channel = channel(asked.payload);
        match &self.channels {
            Some(channels) if !channels.contains(channel) => {
                Err(Denial::new("channel", format!("{} to channel {channel:?} is not granted", asked.kind)))
            }
            _ => Ok(()),
        }
    }

    fn permits_hosts(&self, asked: Asked<'_>) -> Result<(), Denial> {
        let Some(granted) = &self.hosts else { return Ok(()) };
        let hosts = hosts_of(asked.kind, asked.payload).map_err(|error| Denial::new("host", error.to_string()))?;
        if hosts.is_empty() {
            return Err(Denial::new("host", format!("this {} names no host", asked.kind)));
        }
        match hosts.iter().find(|host| !granted.iter().any(|pattern| pattern.covers(host))) {
            Some(host) => Err(Denial::new("host", format!("{} to {host} is not granted", asked.kind))),
            None => Ok(()),
        }
    }

    fn permits_audience(&self, asked: Asked<'_>) -> Result<(), Denial> {
        let Some(granted) = &self.audiences else { return Ok(()) };
        let recipients = recipients_of(asked.payload).map_err(|error| Denial::new("audience", error.to_string()))?;
        let followers = format!("{}/actors/{}/followers", asked.base_url, asked.owner);
        let is_granted = |recipient: &str| granted.iter().any(|audience| audience.covers(recipient, &followers));
        match recipients.into_iter().find(|recipient| !is_granted(recipient)) {
            Some(recipient) => {
                Err(Denial::new("audience", format!("{} to {} is not granted", asked.kind, quoted(recipient))))
            }
            None => Ok(()),
        }
    }
}

impl Grant {
    /// The granted kinds.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.effects.iter().map(|policy| policy.kind.as_str())
    }

    /// The kinds of which only so many may be recorded in an hour.
    pub fn counted_kinds(&self) -> impl Iterator<Item = &str> {
        self.effects.iter().filter(|policy| policy.per_hour.is_some()).map(|policy| policy.kind.as_str())
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

    /// Whether an effect may be carried out; else the rule that denies it. `recorded` is how many of its kind the
    /// behavior recorded in the hour before; none where it is recorded already, and so counted.
    pub fn permits(&self, declared: &BTreeSet<String>, asked: Asked<'_>, recorded: Option<u64>) -> Result<(), Denial> {
        let kind = asked.kind;
        if !declared.contains(kind) {
            return Err(Denial::new("undeclared", format!("the manifest does not declare {}", quoted(kind))));
        }
        match self.effects.iter().find(|policy| policy.kind == kind) {
            None => Err(Denial::new("ungranted", format!("the operator has not granted {kind}"))),
            Some(policy) => policy.permits(asked, recorded),
        }
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

    const BASE_URL: &str = "https://h.example";

    fn grant(effects: Value) -> Grant {
        let document = json!({ "effects": effects });
        Grant::read(document.as_object().cloned().expect("an object")).expect("a grant")
    }

    /// What a grant says to an effect of the actor `site`, its kind declared: the rule that denies it, or nothing.
    fn denies(grant: &Grant, kind: &str, payload: Value, recorded: Option<u64>) -> &'static str {
        let owner = "site".parse().expect("a name");
        let asked = Asked { kind, payload: &payload, owner: &owner, base_url: BASE_URL };
        match grant.permits(&BTreeSet::from([kind.to_owned()]), asked, recorded) {
            Ok(()) => "",
            Err(denial) => denial.rule,
        }
    }

    #[test]
    fn neither_side_can_widen_the_other() {
        let grant = Grant::default();
        let declared = BTreeSet::from(["notify".to_owned(), "email".to_owned()]);
        let owner = "site".parse().expect("a name");
        let permits = |kind, payload: Value| {
            grant.permits(&declared, Asked { kind, payload: &payload, owner: &owner, base_url: BASE_URL }, None)
        };
        assert_eq!(permits("notify", json!({})), Ok(()));
        let refused = |kind, payload| permits(kind, payload).expect_err("refused").to_string();
        assert!(refused("notify", json!({"channel": "team"})).starts_with("channel: "));
        assert!(refused("email", json!({})).starts_with("ungranted: "));
        assert!(refused("log", json!({})).starts_with("undeclared: "));
        assert_eq!(grant.missing(&declared), ["email"]);
    }

    #[test]
    fn each_member_of_a_grant_narrows_its_kind() {
        let hook = |url: &str| json!({ "url": url });
        let mail = |to: &[&str]| json!({ "to": to });
        let sends = |to: Value| json!({"activity": {"type": "Create", "to": to}});
        let followers = "https://h.example/actors/site/followers";
        let public = crate::activity::PUBLIC;
        for (policy, payload, rule) in [
            (json!({"kind": "notify", "channels": ["team"]}), json!({"channel": "team"}), ""),
            (json!({"kind": "notify", "channels": ["team"]}), json!({}), "channel"),
            (json!({"kind": "notify", "channels": []}), json!({}), "channel"),
            (json!({"kind": "webhook"}), hook("nonsense"), ""),
            (json!({"kind": "webhook", "hosts": ["*.example.org"]}), hook("https://a.example.org/"), ""),
            (json!({"kind": "webhook", "hosts": ["*.example.org"]}), hook("https://example.org/"), "host"),
            (json!({"kind": "webhook", "hosts": ["example.org:443"]}), hook("https://example.org:8443/"), "host"),
            (json!({"kind": "webhook", "hosts": ["example.org"]}), hook("https://example.org@evil.example/"), "host"),
            (json!({"kind": "webhook", "hosts": []}), hook("https://example.org/"), "host"),
            (json!({"kind": "email", "hosts": ["example.org"]}), mail(&["a@example.org", "B <b@EXAMPLE.org>"]), ""),
            (json!({"kind": "email", "hosts": ["example.org"]}), mail(&["a@example.org", "b@evil.example"]), "host"),
            (json!({"kind": "email", "hosts": ["example.org"]}), mail(&[]), "host"),
            (json!({"kind": "set", "actors": ["site"]}), json!({}), ""),
            (json!({"kind": "set", "actors": ["ada"]}), json!({}), "actor"),
            (json!({"kind": "activity", "actors": ["ada"]}), sends(json!([])), "actor"),
            (json!({"kind": "activity", "audiences": ["followers"]}), sends(json!([followers])), ""),
            (json!({"kind": "activity", "audiences": ["followers"]}), sends(json!([followers, public])), "audience"),
            (json!({"kind": "activity", "audiences": ["public", "a.example"]}), sends(json!(public)), ""),
            (json!({"kind": "activity", "audiences": ["a.example"]}), sends(json!("https://b.example/u")), "audience"),
            (json!({"kind": "activity", "audiences": []}), sends(json!([])), ""),
            (json!({"kind": "activity", "audiences": ["public"]}), sends(json!([7])), "audience"),
        ] {
            let kind = policy["kind"].as_str().expect("a kind").to_owned();
            assert_eq!(denies(&grant(json!([policy])), &kind, payload.clone(), None), rule, "{policy} {payload}");
        }
    }

    #[test]
    fn an_hour_is_full_when_as_many_were_recorded_as_are_granted() {
        let grant = grant(json!([{"kind": "log", "per_hour": 2}, {"kind": "notify"}]));
        assert_eq!(grant.counted_kinds().collect::<Vec<_>>(), ["log"]);
        for (recorded, rule) in [(None, ""), (Some(0), ""), (Some(1), ""), (Some(2), "per-hour"), (Some(9), "per-hour")]
        {
            assert_eq!(denies(&grant, "log", json!({}), recorded), rule, "{recorded:?}");
        }
        assert_eq!(denies(&grant, "notify", json!({}), Some(9)), "");
    }

    #[test]
    fn a_denial_quotes_no_more_than_a_line_of_what_a_guest_wrote() {
        let grant = grant(json!([{"kind": "activity", "audiences": ["public"]}]));
        let payload = json!({"activity": {"to": "x".repeat(100_000)}});
        let owner = "site".parse().expect("a name");
        let asked = Asked { kind: "activity", payload: &payload, owner: &owner, base_url: BASE_URL };
        let denial = grant.permits(&BTreeSet::from(["activity".to_owned()]), asked, None).expect_err("denied");
        assert!(denial.message.len() < 300, "{}", denial.message.len());
    }
}
