//! What `rosehip behaviors grant` and `revoke` change, and how grants are written.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use clap::Args;
use rosehip_core::behavior::{Grant, Policy};
use serde_json::json;

use super::{
    Context,
    exit::Failure,
    next_step::NextStep,
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
    Ok(Policy { channels, ..Policy::of(kind) })
}

/// What narrows the one kind that is granted.
#[derive(Debug, Args)]
pub(super) struct Narrowing {
    /// A channel that a notify may name; give it once for each.
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<String>,
    /// A host that a webhook may call, or a domain that an email may go to: HOST, *.HOST, or either with :PORT.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// An actor of this host as whom the behavior may act.
    #[arg(long = "actor", value_name = "NAME")]
    actors: Vec<String>,
    /// Whom an activity may address: public, followers, an actor's URL, or a host as above.
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
    /// How many effects of the kind may be recorded in any one hour.
    #[arg(long, value_name = "N")]
    per_hour: Option<u64>,
}

impl Narrowing {
    /// The kinds that are given, narrowed; only one kind can be.
    pub(super) fn of(self, kinds: &[String]) -> Result<Vec<Policy>, Failure> {
        let mut given: Vec<_> = kinds.iter().map(|kind| policy(kind)).collect::<Result<_, _>>()?;
        let lists = [&self.channels, &self.hosts, &self.actors, &self.audiences];
        if lists.iter().all(|list| list.is_empty()) && self.per_hour.is_none() {
            return Ok(given);
        }
        let [only] = given.as_mut_slice() else {
            return Err(Failure::usage("what narrows a grant is given with exactly one kind"));
        };
        if !self.channels.is_empty() {
            only.channels.get_or_insert_default().extend(self.channels);
        }
        only.hosts = parsed("--host", &self.hosts)?;
        only.actors = parsed("--actor", &self.actors)?;
        only.audiences = parsed("--audience", &self.audiences)?;
        only.per_hour = self.per_hour;
        Ok(given)
    }
}

/// The values of an option; none where it was not given.
fn parsed<T: FromStr<Err: Display> + Ord>(option: &str, texts: &[String]) -> Result<Option<BTreeSet<T>>, Failure> {
    let read = |text: &String| text.parse().map_err(|error| Failure::usage(format!("{option}: {error}")));
    let values = texts.iter().map(read).collect::<Result<BTreeSet<T>, _>>()?;
    Ok(Some(values).filter(|values| !values.is_empty()))
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
pub(super) async fn regrant(client: &Client, name: &str, change: GrantChange, context: &Context) -> anyhow::Result<()> {
    let grant: Grant = client.json(Request::get(&["behaviors", name, "policy"])).await?;
    if let Some(kind) = change.taken.iter().find(|kind| !grant.kinds().any(|granted| granted == *kind)) {
        return Err(Failure::not_found(format!("{kind} is not granted to {name}")).into());
    }
    let grant = change.of(grant);
    client.send(Request::put(&["behaviors", name, "policy"]).json(&json!(grant))).await?;
    if context.json {
        return print_json(&grant);
    }
    say(&format!("{name} may: {}", grant.effects.iter().map(policy_text).collect::<Vec<_>>().join(", ")));
    say(&format!("a call may use {}", memory_text(&grant)));
    let behavior: Behavior = client.json(Request::get(&["behaviors", name])).await?;
    say_what_is_missing(&behavior, &context.next);
    Ok(())
}

/// As it is given on the command line.
pub(super) fn policy_text(policy: &Policy) -> String {
    let mut text = policy.kind.clone();
    if let Some(channels) = &policy.channels {
        text.push('=');
        text.push_str(&channels.iter().map(String::as_str).collect::<Vec<_>>().join(","));
    }
    text.push_str(&options("--host", policy.hosts.as_ref()));
    text.push_str(&options("--actor", policy.actors.as_ref()));
    text.push_str(&options("--audience", policy.audiences.as_ref()));
    if let Some(most) = policy.per_hour {
        text = format!("{text} --per-hour {most}");
    }
    text
}

fn options<T: Display>(option: &str, values: Option<&BTreeSet<T>>) -> String {
    // No option says that nothing is granted.
    if values.is_some_and(BTreeSet::is_empty) {
        return format!(" {option} (none)");
    }
    values.into_iter().flatten().map(|value| format!(" {option} {value}")).collect::<Vec<_>>().concat()
}

fn memory_text(grant: &Grant) -> String {
    format!("{} MiB of memory", grant.memory_bytes() >> 20)
}

/// Says what keeps a behavior from doing all that it declares.
pub(super) fn say_what_is_missing(behavior: &Behavior, next: &NextStep) {
    for line in what_is_missing(behavior) {
        say(&next.told(&line));
    }
}

/// What keeps a behavior from doing all that it declares, each with the command that mends it.
pub(super) fn what_is_missing(behavior: &Behavior) -> Vec<String> {
    let missing = behavior.to_grant();
    let name = &behavior.name;
    let mut lines = Vec::new();
    if !missing.is_empty() {
        lines.push(format!(
            "it declares what it may not do yet; `rosehip behaviors grant {name} {}`",
            missing.join(" ")
        ));
    }
    lines.extend(channels_to_grant(behavior));
    if !behavior.enabled {
        lines.push(format!("it starts no flows; `rosehip behaviors enable {name}`"));
    }
    lines
}

/// Which channels of the host a `notify` may not name yet, and the grant of one that may. Once an operator has named others
/// than `log`, which every behavior has, the rest is left out on purpose.
fn channels_to_grant(behavior: &Behavior) -> Option<String> {
    let notify = behavior.policy.as_ref()?.effects.iter().find(|policy| policy.kind == "notify")?;
    let granted = notify.channels.as_ref().filter(|granted| granted.iter().eq(["log"]))?;
    let others = &behavior.channels_to_grant;
    if others.is_empty() {
        return None;
    }
    let listed = others.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let all = Policy { channels: Some(granted | others), ..notify.clone() };
    let grant = policy_text(&all);
    Some(format!("its notify goes to log, and not to {listed}; `rosehip behaviors grant {} {grant}`", behavior.name))
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
    fn a_kind_is_narrowed_by_options() {
        let narrowing = |host: &str| Narrowing {
            channels: Vec::new(),
            hosts: vec![host.to_owned(), "b.example:8443".to_owned()],
            actors: vec!["site".to_owned()],
            audiences: Vec::new(),
            per_hour: Some(5),
        };
        let given = narrowing("*.a.example").of(&["webhook".to_owned()]).expect("a policy");
        assert_eq!(
            policy_text(&given[0]),
            "webhook --host b.example:8443 --host *.a.example --actor site --per-hour 5"
        );
        assert!(narrowing("https://a").of(&["webhook".to_owned()]).is_err());
        assert!(narrowing("a").of(&["webhook".to_owned(), "email".to_owned()]).is_err());
    }

    #[test]
    fn a_channel_that_is_not_granted_is_told_with_the_grant_that_has_it() {
        let behavior = |channels: serde_json::Value, policy: &str| -> Behavior {
            let policy = Grant { effects: vec![super::policy(policy).expect("a policy")], memory_mib: None };
            serde_json::from_value(json!({
                "name": "news", "version": "1.0.0", "digest": "", "enabled": true, "runner": "inline",
                "effects": ["notify"], "granted": ["notify"], "policy": policy, "channels_to_grant": channels,
            }))
            .expect("a behavior")
        };
        assert_eq!(
            what_is_missing(&behavior(json!(["team", "chat"]), "notify=log")),
            ["its notify goes to log, and not to chat, team; `rosehip behaviors grant news notify=chat,log,team`"]
        );
        assert!(what_is_missing(&behavior(json!([]), "notify=log")).is_empty());
        assert!(what_is_missing(&behavior(json!(["team"]), "notify=chat")).is_empty());
        assert!(what_is_missing(&behavior(json!([]), "notify")).is_empty());
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
