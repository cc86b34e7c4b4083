//! Whom an activity of an outbox goes to: recipients become inboxes (ActivityPub §7.1), each once.
//!
//! Nothing of this is told to anybody: an inbox learns from the document alone whom it is for, and `bto` and `bcc` are
//! not in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::{
    activity::{Activity, actor_url, id_of, local_actor},
    event::{DeliveryEnqueued, Destination, Target},
    federation::{ActorUrl, Peer},
    ids::{ActorName, BoxName, DeliveryId},
    limits::DELIVERY_TARGETS,
};

/// Where an actor of another host takes activities, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inboxes {
    /// Its own.
    pub inbox: String,
    /// The one that its host has for all of its actors.
    pub shared: Option<String>,
}

/// What this host knows when it finds out whom an activity goes to.
#[derive(Debug, Clone)]
pub struct Addressing<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// Who follows the owner; those of other hosts perhaps with their inboxes.
    pub followers: &'a [(String, Option<Inboxes>)],
    /// The inboxes of others that are named, as far as they are known.
    pub known: &'a HashMap<String, Inboxes>,
    /// Whom the owner blocks.
    pub blocked: &'a HashSet<String>,
    /// Hosts to which nothing goes.
    pub blocked_peers: &'a HashSet<Peer>,
}

/// Whom an activity goes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addressed {
    /// Inboxes of other hosts.
    pub targets: Vec<Target>,
    /// Actors of this host.
    pub here: Vec<ActorName>,
}

/// Whether it has to be found out whom an activity goes to: it stands in an outbox and names somebody, or its owner's
/// followers where there are any. `has_followers` is asked only then.
pub fn needs_addressing(activity: &Activity, has_followers: impl FnOnce() -> bool) -> bool {
    let Some(base_url) = own_origin(activity) else { return false };
    let recipients = activity.audience().recipients;
    recipients.iter().any(|url| !is_within(url, base_url) || !is_collection(url))
        || recipients.contains(&followers_of(base_url, activity)) && has_followers()
}

/// The origin of this host, as the actor of an activity tells it; none where the activity is not to be delivered. A
/// `Block` is nobody's business, least of all that of whom it blocks (ActivityPub §6.9), and neither is its end.
fn own_origin(activity: &Activity) -> Option<&str> {
    let is_of_block = activity.kind.as_str() == "Block"
        || activity.kind.as_str() == "Undo" && activity.object_type.as_str() == "Block";
    if activity.r#box != BoxName::Outbox || is_of_block {
        return None;
    }
    activity.actor()?.strip_suffix(activity.owner.as_str())?.strip_suffix("/actors/")
}

fn followers_of(base_url: &str, activity: &Activity) -> String {
    format!("{}/followers", actor_url(base_url, &activity.owner))
}

/// Whether a URL is of the origin `base_url`.
fn is_within(url: &str, base_url: &str) -> bool {
    url.strip_prefix(base_url).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// What deliveries of an activity are about. Those that are about the same thing reach a host in their order: what ends
/// something comes after what began it, so that an `Undo` is about what the undone one was about.
pub fn about(activity: &Activity) -> &str {
    let object = activity.object_document();
    let undone = object.get("object").and_then(id_of).filter(|_| activity.kind.as_str() == "Undo");
    undone.or_else(|| id_of(object)).unwrap_or(activity.id.as_str())
}

/// Finds out whom an activity goes to.
pub fn address(activity: &Activity, to: &Addressing<'_>) -> Addressed {
    if own_origin(activity).is_none() {
        return Addressed::default();
    }
    let audience = activity.audience();
    let to_followers = audience.recipients.contains(&followers_of(to.base_url, activity));
    let mut inboxes = BTreeMap::new();
    let mut here = BTreeSet::new();
    let followers = to.followers.iter().filter(|_| to_followers);
    for (follower, known) in followers {
        // To followers, a host hands out what comes to the inbox that all of its actors share.
        put(&mut inboxes, &mut here, to, follower, known.as_ref(), true);
    }
    for url in audience.recipients.iter().filter(|url| !is_collection(url)) {
        // To others it cannot where the document does not name them, and must not where it is not for everybody.
        let may_share = audience.is_public && !activity.blind.contains(url);
        put(&mut inboxes, &mut here, to, url, to.known.get(url), may_share);
    }
    here.remove(&activity.owner);
    let target = |((peer, destination), recipients): ((Peer, Destination), u32)| Target {
        delivery: DeliveryId::derive(&activity.id, destination.url()),
        peer,
        to: destination,
        recipients,
    };
    Addressed { targets: inboxes.into_iter().map(target).collect(), here: here.into_iter().collect() }
}

/// Counts a recipient to the inbox that reaches it, or names it among those of this host.
fn put(
    inboxes: &mut BTreeMap<(Peer, Destination), u32>,
    here: &mut BTreeSet<ActorName>,
    to: &Addressing<'_>,
    url: &str,
    known: Option<&Inboxes>,
    may_share: bool,
) {
    if is_within(url, to.base_url) {
        here.extend(local_actor(to.base_url, url));
        return;
    }
    let Ok(actor) = url.parse::<ActorUrl>() else { return };
    let peer = actor.host();
    if to.blocked.contains(url) || peer.domains().any(|domain| to.blocked_peers.contains(&domain)) {
        return;
    }
    let destination = match known {
        Some(Inboxes { shared: Some(shared), .. }) if may_share => Destination::Inbox(shared.clone()),
        Some(Inboxes { inbox, .. }) => Destination::Inbox(inbox.clone()),
        None => Destination::Actor(url.to_owned()),
    };
    *inboxes.entry((peer, destination)).or_default() += 1;
}

/// Whether a URL is that of a collection, as everybody names them. What is in one of another host is that host's to know.
fn is_collection(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    matches!(path.rsplit('/').next(), Some("followers" | "following"))
}

/// The entries that say where the activity at `seq` goes. There is at least one, so that it is settled.
pub fn enqueued(activity: &Activity, seq: u64, targets: Vec<Target>) -> Vec<DeliveryEnqueued> {
    let entry = |(part, targets): (u32, Vec<Target>)| DeliveryEnqueued {
        activity: activity.id.clone(),
        seq,
        owner: activity.owner.clone(),
        about: about(activity).to_owned(),
        part,
        targets,
    };
    let mut rest = targets.into_iter();
    let mut parts = vec![rest.by_ref().take(DELIVERY_TARGETS).collect::<Vec<_>>()];
    loop {
        let part: Vec<_> = rest.by_ref().take(DELIVERY_TARGETS).collect();
        if part.is_empty() {
            return (0..).zip(parts).map(entry).collect();
        }
        parts.push(part);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{activity::PUBLIC, canonical::Cid};

    const HOST: &str = "https://h.example";

    fn activity(kind: &str, document: Value, blind: &[&str]) -> Activity {
        let Value::Object(mut document) = document else { panic!("an object") };
        document.insert("actor".to_owned(), json!("https://h.example/actors/site"));
        let id: crate::ids::ActivityId = "https://h.example/activities/a".parse().expect("an id");
        let object_type =
            document.get("object").and_then(|object| object.get("type")).and_then(Value::as_str).unwrap_or("Note");
        Activity {
            cid: Cid::of_document(&document),
            owner: "site".parse().expect("a name"),
            r#box: BoxName::Outbox,
            kind: kind.parse().expect("a type"),
            object_type: object_type.parse().expect("a type"),
            object: None,
            revision: None,
            cause: None,
            caused_by: None,
            depth: 0,
            root: id.clone(),
            transitions: Vec::new(),
            blind: blind.iter().map(ToString::to_string).collect(),
            id,
            trace: None,
            document,
        }
    }

    fn note(to: &[&str], blind: &[&str]) -> Activity {
        activity("Create", json!({"to": to, "object": {"type": "Note", "id": "https://h.example/n"}}), blind)
    }

    fn inboxes(host: &str, name: &str, shares: bool) -> Inboxes {
        let shared = shares.then(|| format!("https://{host}/inbox"));
        Inboxes { inbox: format!("https://{host}/{name}/inbox"), shared }
    }

    fn ada(host: &str) -> String {
        format!("https://{host}/ada")
    }

    /// Where it goes: each URL with how many it reaches, then the actors of this host.
    fn addressed(activity: &Activity, blocked: &[&str], blocked_peers: &[&str]) -> (Vec<(String, u32)>, Vec<String>) {
        let followers = [
            (ada("a.example"), Some(inboxes("a.example", "ada", true))),
            ("https://a.example/bob".to_owned(), Some(inboxes("a.example", "bob", true))),
            (ada("b.example"), Some(inboxes("b.example", "ada", false))),
            (ada("c.example"), None),
            ("https://h.example/actors/eve".to_owned(), None),
        ];
        let known = HashMap::from([(ada("a.example"), inboxes("a.example", "ada", true))]);
        let addressed = address(
            activity,
            &Addressing {
                base_url: HOST,
                followers: &followers,
                known: &known,
                blocked: &blocked.iter().map(ToString::to_string).collect(),
                blocked_peers: &blocked_peers.iter().map(|peer| peer.parse().expect("a host")).collect(),
            },
        );
        let targets = addressed.targets.iter().map(|target| (target.to.to_string(), target.recipients)).collect();
        (targets, addressed.here.iter().map(ToString::to_string).collect())
    }

    const FOLLOWERS: &str = "https://h.example/actors/site/followers";

    fn told(targets: &[(&str, u32)], here: &[&str]) -> (Vec<(String, u32)>, Vec<String>) {
        let targets = targets.iter().map(|(url, count)| ((*url).to_owned(), *count)).collect();
        (targets, here.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn followers_of_one_host_share_a_delivery() {
        let all = told(
            &[("https://a.example/inbox", 2), ("https://b.example/ada/inbox", 1), ("https://c.example/ada", 1)],
            &["eve"],
        );
        assert_eq!(addressed(&note(&[FOLLOWERS], &[]), &[], &[]), all);
        assert_eq!(addressed(&note(&[PUBLIC, FOLLOWERS], &[]), &[], &[]), all);
        assert_eq!(addressed(&note(&[PUBLIC], &[]), &[], &[]), told(&[], &[]), "followers are not named");
    }

    #[test]
    fn who_is_named_alone_has_it_alone() {
        let own = told(&[("https://a.example/ada/inbox", 1)], &[]);
        assert_eq!(addressed(&note(&[&ada("a.example")], &[]), &[], &[]), own);
        let shared = told(&[("https://a.example/inbox", 1)], &[]);
        assert_eq!(addressed(&note(&[PUBLIC, &ada("a.example")], &[]), &[], &[]), shared);
        // The document does not tell the host whom it is for.
        assert_eq!(addressed(&note(&[PUBLIC], &[&ada("a.example")]), &[], &[]), own);
        let unknown = told(&[("https://x.example/eve", 1)], &[]);
        assert_eq!(addressed(&note(&["https://x.example/eve"], &[]), &[], &[]), unknown);
    }

    #[test]
    fn collections_and_this_host_are_no_targets() {
        let others = ["https://a.example/ada/followers", "https://a.example/ada/following/", "not a URL"];
        assert_eq!(addressed(&note(&others, &[]), &[], &[]), told(&[], &[]));
        let here = ["https://h.example/actors/site", "https://h.example/actors/bob", "https://h.example/tags/x"];
        assert_eq!(addressed(&note(&here, &[]), &[], &[]), told(&[], &["bob"]));
        let similar = told(&[("https://h.example.org/actors/bob", 1)], &[]);
        assert_eq!(addressed(&note(&["https://h.example.org/actors/bob"], &[]), &[], &[]), similar);
    }

    #[test]
    fn who_is_blocked_gets_nothing_and_hears_of_no_block() {
        let left = told(&[("https://a.example/inbox", 1), ("https://c.example/ada", 1)], &["eve"]);
        assert_eq!(addressed(&note(&[FOLLOWERS], &[]), &[&ada("a.example")], &["b.example"]), left);
        for (kind, object) in
            [("Block", json!(ada("a.example"))), ("Undo", json!({"type": "Block", "id": "https://h"}))]
        {
            let block = activity(kind, json!({"to": [ada("a.example")], "object": object}), &[]);
            assert_eq!(addressed(&block, &[], &[]), told(&[], &[]));
            assert!(!needs_addressing(&block, || true));
        }
    }

    #[test]
    fn only_what_may_leave_is_looked_at() {
        let never = || -> bool { panic!("followers do not matter") };
        assert!(needs_addressing(&note(&[&ada("a.example")], &[]), never));
        assert!(needs_addressing(&note(&[], &[&ada("a.example")]), never));
        assert!(needs_addressing(&note(&[PUBLIC, "https://h.example/actors/bob"], &[]), never));
        assert!(!needs_addressing(&note(&[PUBLIC], &[]), never));
        assert!(needs_addressing(&note(&[PUBLIC, FOLLOWERS], &[]), || true));
        assert!(!needs_addressing(&note(&[PUBLIC, FOLLOWERS], &[]), || false));
        let arrived = Activity { r#box: BoxName::Inbox, ..note(&[&ada("a.example")], &[]) };
        assert!(!needs_addressing(&arrived, never));
    }

    #[test]
    fn what_ends_something_is_about_what_it_began_with() {
        let follow = activity("Follow", json!({"object": "https://a.example/ada"}), &[]);
        let undone =
            json!({"type": "Follow", "id": "https://h.example/activities/f", "object": "https://a.example/ada"});
        let undo = activity("Undo", json!({ "object": undone }), &[]);
        assert_eq!((about(&follow), about(&undo)), ("https://a.example/ada", "https://a.example/ada"));
        assert_eq!(about(&note(&[], &[])), "https://h.example/n");
    }

    #[test]
    fn many_targets_are_several_entries_of_which_the_first_settles_it() {
        let note = note(&[], &[]);
        let target = |n: usize| Target {
            delivery: DeliveryId::derive(&note.id, &n.to_string()),
            peer: "a.example".parse().expect("a host"),
            to: Destination::Inbox(n.to_string()),
            recipients: 1,
        };
        let sizes = |count: usize| {
            let entries = enqueued(&note, 9, (0..count).map(target).collect());
            assert!((0..).zip(&entries).all(|(part, entry)| entry.part == part && entry.seq == 9));
            entries.iter().map(|entry| entry.targets.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(0), [0]);
        assert_eq!(sizes(DELIVERY_TARGETS), [DELIVERY_TARGETS]);
        assert_eq!(sizes(2 * DELIVERY_TARGETS + 1), [DELIVERY_TARGETS, DELIVERY_TARGETS, 1]);
    }
}
