//! What `rosehip behaviors grant` and `revoke` change, and how grants are written.

use std::collections::BTreeSet;

use rosehip_core::behavior::{Grant, Policy};
use serde_json::json;

use super::{
    exit::Failure,
    output::{print_json, say},
    wire::Behavior,
};
use crate::client::{Client, Request};

/// `KIND`, or `KIND=CHANNEL,…`.
pub(super) fn policy(text: &str) -> Result<Policy, Failure> {
    let (kind, channels) = match text.split_once('=') {
        Some((kind, channels)) => (kind, Some(channels.split(',').map(str::to_owned).collect::<BTreeSet<_>>())),
        None => (text, None),
    };
    if kind.is_empty() || channels.as_ref().is_some_and(|channels| channels.contains("")) {
        return Err(Failure::usage(format!("{text:?} is neither KIND nor KIND=CHANNEL,…")));
    }
    Ok(Policy { kind: kind.to_owned(), channels })
}

/// What becomes of the memory that is granted.
#[derive(Clone, Copy, Default)]
pub(super) enum MemoryChange {
    /// It stays.
    #[default]
    Kept,
    /// It is so many MiB from now on.
    Given(u32),
    /// It is what every behavior has.
    Taken,
}

/// What is to be different about a grant.
#[derive(Default)]
pub(super) struct GrantChange {
    pub(super) given: Vec<Policy>,
    pub(super) taken: BTreeSet<String>,
    pub(super) memory: MemoryChange,
}

impl GrantChange {
    /// The grant with what is given put over what was there, and what is taken gone.
    fn of(self, grant: Grant) -> Grant {
        let Self { given, taken, memory } = self;
        let replaced = |kind: &str| taken.contains(kind) || given.iter().any(|policy| policy.kind == kind);
        let mut effects: Vec<_> = grant.effects.into_iter().filter(|policy| !replaced(&policy.kind)).collect();
        effects.extend(given);
        let memory_mib = match memory {
            MemoryChange::Kept => grant.memory_mib,
            MemoryChange::Given(mib) => Some(mib),
            MemoryChange::Taken => None,
        };
        Grant { effects, memory_mib }
    }
}

/// Changes the grant of a behavior and says what it may do now.
pub(super) async fn regrant(client: &Client, name: &str, change: GrantChange, as_json: bool) -> anyhow::Result<()> {
    let grant: Grant = client.json(Request::get(&["behaviors", name, "policy"])).await?;
    if let Some(kind) = change.taken.iter().find(|kind| !grant.kinds().any(|granted| granted == *kind)) {
        return Err(Failure::not_found(format!("{kind} is not granted to {name}")).into());
    }
    let grant = change.of(grant);
    client.send(Request::put(&["behaviors", name, "policy"]).json(&json!(grant))).await?;
    if as_json {
        return print_json(&grant);
    }
    say(&format!("{name} may: {}", grant.effects.iter().map(policy_text).collect::<Vec<_>>().join(", ")));
    say(&format!("a call may use {}", memory_text(&grant)));
    let behavior: Behavior = client.json(Request::get(&["behaviors", name])).await?;
    say_what_is_missing(&behavior);
    Ok(())
}

/// As it is given on the command line.
pub(super) fn policy_text(policy: &Policy) -> String {
    match &policy.channels {
        None => policy.kind.clone(),
        Some(channels) => {
            format!("{}={}", policy.kind, channels.iter().map(String::as_str).collect::<Vec<_>>().join(","))
        }
    }
}

fn memory_text(grant: &Grant) -> String {
    format!("{} MiB of memory", grant.memory_bytes() >> 20)
}

/// Says what keeps a behavior from doing all that it declares.
pub(super) fn say_what_is_missing(behavior: &Behavior) {
    let missing = behavior.to_grant();
    let name = &behavior.name;
    if !missing.is_empty() {
        say(&format!("it declares what it may not do yet; `rosehip behaviors grant {name} {}`", missing.join(" ")));
    }
    if !behavior.enabled {
        say(&format!("it starts no flows; `rosehip behaviors enable {name}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_a_kind_or_a_kind_with_channels() {
        assert_eq!(policy_text(&policy("email").expect("a policy")), "email");
        assert_eq!(policy_text(&policy("notify=team,log").expect("a policy")), "notify=log,team");
        for bad in ["", "=log", "notify=", "notify=log,,team"] {
            assert!(policy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_given_replaces_what_was_there() {
        let given = vec![policy("notify=team").expect("a policy"), policy("email").expect("a policy")];
        let taken = BTreeSet::from(["log".to_owned()]);
        let grant = GrantChange { given, taken, memory: MemoryChange::Given(128) }.of(Grant::default());
        let kinds: Vec<_> = grant.effects.iter().map(policy_text).collect();
        assert_eq!(kinds, ["validate", "notify=team", "email"]);
        assert_eq!(grant.memory_mib, Some(128));
        let kept = GrantChange::default().of(grant.clone());
        assert_eq!(kept, grant);
        assert_eq!(GrantChange { memory: MemoryChange::Taken, ..GrantChange::default() }.of(grant).memory_mib, None);
    }
}
