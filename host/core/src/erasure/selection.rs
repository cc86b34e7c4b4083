//! Finding the entries that hold a subject's content: one walk over the log, in order.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use crate::{
    activity::Activity,
    event::{Event, UnreadableEvent, object_stream},
    ids::{ActivityId, ActorName, BoxName, DeliveryId, FlowId, ObjectKey},
    log::{SeqSet, StoredEntry, Stream},
};

/// Whose content is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An object: its revisions, the activities about it and what those started.
    Object(ObjectKey),
    /// An actor: its objects, both boxes and every flow that ran as it.
    Actor(ActorName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(key) => write!(f, "object {key}"),
            Self::Actor(name) => write!(f, "actor {name}"),
        }
    }
}

/// What a walk found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The entries, all of which have a body.
    pub seqs: SeqSet,
    /// Bytes of those bodies.
    pub bytes: u64,
    /// The objects that are gone with them.
    pub objects: BTreeSet<ObjectKey>,
    /// The activities among them.
    pub activities: BTreeSet<ActivityId>,
    /// The flows among them.
    pub flows: BTreeSet<FlowId>,
    /// Activities among them that no `matched` entry follows yet.
    pub unmatched: BTreeSet<ActivityId>,
}

/// Walks a log for what a subject's erasure takes. Feed it every entry, in order.
#[derive(Debug)]
pub struct Selector {
    subject: Subject,
    found: Selection,
    /// Entries that hold the activities that were found.
    activity_seqs: HashSet<u64>,
    /// The same activities, by whose box they are in.
    boxed: HashSet<(ActorName, BoxName, ActivityId)>,
    /// Their deliveries: what the other host answered to one may quote it.
    deliveries: HashSet<DeliveryId>,
    /// The subject's own stream, of an object.
    own: Option<Stream>,
}

impl Selector {
    /// A walk that begins before the first entry.
    pub fn new(subject: Subject) -> Self {
        let own = match &subject {
            Subject::Object(key) => Some(object_stream(key)),
            Subject::Actor(_) => None,
        };
        Self {
            subject,
            found: Selection::default(),
            activity_seqs: HashSet::new(),
            boxed: HashSet::new(),
            deliveries: HashSet::new(),
            own,
        }
    }

    /// Takes in the next entry. Those without a body are passed over, and most are told by their header alone.
    pub fn take(&mut self, entry: &StoredEntry) -> Result<(), UnreadableEvent> {
        let Some((_, body)) = &entry.body else { return Ok(()) };
        if self.is_wanted(entry, body)? {
            self.found.seqs.insert(entry.header.seq);
            self.found.bytes += body.len() as u64;
        }
        Ok(())
    }

    /// What was found so far. A walk may go on where it ended, once the log has grown.
    pub fn found(&self) -> &Selection {
        &self.found
    }

    /// What was found.
    pub fn finish(self) -> Selection {
        self.found
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only these say what an entry is about")]
    fn is_wanted(&mut self, entry: &StoredEntry, body: &[u8]) -> Result<bool, UnreadableEvent> {
        let (seq, kind, stream) = (entry.header.seq, &*entry.header.kind, &entry.header.stream);
        let is_told_by_body = match kind {
            "object.revised" => match &self.own {
                Some(own) if own != stream => return Ok(false),
                Some(_) | None => true,
            },
            "slug.assigned"
            | "activity.appended"
            | "activity.matched"
            | "activity.conflicted"
            | "object.received"
            | "delivery.enqueued"
            | "delivery.failed"
            | "delivery.dead-lettered"
            | "flow.started" => true,
            _ => false,
        };
        if !is_told_by_body {
            let flow = stream.0.strip_prefix("flow:").and_then(|id| id.parse().ok());
            return Ok(flow.is_some_and(|flow: FlowId| self.found.flows.contains(&flow)));
        }
        Ok(match Event::decode(kind, body)? {
            Event::ObjectRevised(revised) => {
                let is_own = match &self.subject {
                    Subject::Object(key) => revised.object.key == *key,
                    Subject::Actor(name) => revised.object.owner == *name,
                };
                if is_own {
                    self.found.objects.insert(revised.object.key);
                }
                is_own
            }
            Event::SlugAssigned(slug) => {
                self.found.objects.iter().any(|key| key.kind.as_str() == "Article" && key.id == slug.article)
            }
            Event::ActivityAppended(appended) => {
                let is_about = self.is_about(&appended.activity);
                if is_about {
                    self.activity_seqs.insert(seq);
                    self.found.unmatched.insert(appended.activity.id.clone());
                    self.found.activities.insert(appended.activity.id.clone());
                    let Activity { owner, r#box, id, .. } = &*appended.activity;
                    self.boxed.insert((owner.clone(), *r#box, id.clone()));
                }
                is_about
            }
            // What came with an activity, came under its name, or says to whom it went.
            Event::ObjectReceived(received) => {
                self.boxed.contains(&(received.owner, BoxName::Inbox, received.activity))
            }
            Event::ActivityConflicted(conflict) => {
                self.boxed.contains(&(conflict.owner, conflict.r#box, conflict.activity))
            }
            Event::DeliveryEnqueued(enqueued) => {
                let is_of_one = self.activity_seqs.contains(&enqueued.seq);
                if is_of_one {
                    self.deliveries.extend(enqueued.targets.iter().map(|target| target.delivery));
                }
                is_of_one
            }
            Event::DeliveryFailed(failed) => self.deliveries.contains(&failed.delivery),
            Event::DeliveryDeadLettered(dead) => self.deliveries.contains(&dead.delivery),
            Event::ActivityMatched(matched) => {
                let is_of_one = self.activity_seqs.contains(&matched.seq);
                if is_of_one {
                    self.found.unmatched.remove(&matched.activity);
                }
                is_of_one
            }
            Event::FlowStarted(started) => {
                let is_of_one = self.activity_seqs.contains(&started.activity_seq)
                    || started.object.as_ref().is_some_and(|key| self.is_object(key))
                    || self.is_actor(&started.owner);
                if is_of_one {
                    self.found.flows.insert(started.flow);
                }
                is_of_one
            }
            _ => false,
        })
    }

    /// An activity is about a subject where it names its object, stands in its box, or was made by one of its flows:
    /// those had the content and may have passed it on.
    fn is_about(&self, activity: &Activity) -> bool {
        activity.object.as_ref().is_some_and(|key| self.is_object(key))
            || self.is_actor(&activity.owner)
            || activity.cause.as_ref().is_some_and(|cause| self.found.flows.contains(&cause.flow))
    }

    fn is_object(&self, key: &ObjectKey) -> bool {
        self.subject == Subject::Object(key.clone()) || self.found.objects.contains(key)
    }

    fn is_actor(&self, name: &ActorName) -> bool {
        matches!(&self.subject, Subject::Actor(actor) if actor == name)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use serde_json::json;

    use super::*;
    use crate::{
        behavior::Grant,
        effect::Failure,
        event::{
            ActivityAppended, ActivityConflicted, ActivityMatched, DeliveryDeadLettered, DeliveryDelivered,
            DeliveryEnqueued, DeliveryFailed, Destination, FlowCompleted, FlowStarted, ObjectReceived, Target,
        },
        federation::Peer,
        ids::{ActorName, BoxName, Digest},
        log::{Frame, Head},
        object::Object,
        pipeline::ingest::{Ingested, Write, ingest},
        time::Timestamp,
    };

    fn actor(name: &str) -> ActorName {
        name.parse().expect("a name")
    }

    /// A log of writes, each matched and started as one flow.
    #[derive(Default)]
    struct Log {
        entries: Vec<StoredEntry>,
        objects: BTreeMap<String, Object>,
    }

    impl Log {
        fn push(&mut self, event: Event) -> u64 {
            let head =
                self.entries.last().map_or(Head::default(), |entry| Head { seq: entry.header.seq, hash: entry.hash });
            let mut frame = Frame::after(head);
            let seq = frame.push(event.draft(Timestamp::default()), [0; 32]);
            self.entries.extend(frame.entries.into_iter().map(StoredEntry::from));
            seq
        }

        fn write(&mut self, key: &str, owner: &str, name: &str, cause: Option<FlowId>) -> Option<FlowId> {
            let before = self.objects.get(key).cloned();
            let origin = cause.map(|flow| {
                let effect = crate::ids::EffectId::from_bytes([1; 32]);
                let root: crate::ids::ActivityId = "https://h/root".parse().expect("an id");
                let cause = crate::activity::Cause { flow, effect };
                crate::activity::Origin { cause, activity: root.clone(), depth: 1, root }
            });
            let parsed: ObjectKey = key.parse().expect("a key");
            let Ingested::Changed { append, object, .. } = ingest(Write {
                base_url: "https://h",
                key: &parsed,
                before: before.as_ref(),
                after: json!({"name": name, "status": "published"}).as_object().cloned(),
                owner: &actor(owner),
                by: Some("ada"),
                origin,
                signatures: &crate::ports::Unsigned,
                now: Timestamp::default(),
                trace: None,
                claims: (before.is_none() && key == "Article/a").then_some(("other", None)),
            }) else {
                panic!("something changed");
            };
            self.objects.insert(key.to_owned(), object);
            let mut flow = None;
            for draft in append.drafts {
                let event = Arc::unwrap_or_clone(draft.event.expect("its event"));
                let seq = self.push(event.clone());
                if let Event::ActivityAppended(appended) = event {
                    flow = Some(self.run(seq, &appended.activity));
                }
            }
            flow
        }

        fn run(&mut self, seq: u64, activity: &Activity) -> FlowId {
            let behavior = "publish".parse().expect("a name");
            let flow = FlowId::derive(&activity.id, &activity.owner, BoxName::Outbox, &behavior, 1);
            self.push(
                ActivityMatched {
                    activity: activity.id.clone(),
                    seq,
                    owner: activity.owner.clone(),
                    r#box: BoxName::Outbox,
                    flows: vec![flow],
                    not: BTreeMap::new(),
                }
                .into(),
            );
            let started = FlowStarted {
                by: None,
                reason: None,
                trace: None,
                flow,
                behavior,
                digest: Digest::of(b"wasm"),
                version: "1.0.0".into(),
                config: serde_json::Map::new(),
                grant: Grant::default(),
                grant_version: 0,
                run: 1,
                owner: activity.owner.clone(),
                r#box: BoxName::Outbox,
                activity: activity.id.clone(),
                activity_seq: seq,
                object: activity.object.clone(),
                slug: None,
                cause: activity.cause.clone(),
                caused_by: None,
                depth: 0,
                root: activity.root.clone(),
                current: None,
            };
            self.push(Arc::new(started).into());
            self.push(FlowCompleted { flow }.into());
            flow
        }

        fn select(&self, subject: Subject) -> Selection {
            let mut selector = Selector::new(subject);
            for entry in &self.entries {
                selector.take(entry).expect("read");
            }
            selector.finish()
        }

        fn kinds(&self, selection: &Selection) -> Vec<String> {
            let chosen = self.entries.iter().filter(|entry| selection.seqs.contains(entry.header.seq));
            chosen.map(|entry| entry.header.kind.to_string()).collect()
        }
    }

    #[test]
    fn an_object_goes_with_its_activities_and_their_flows_and_nothing_else_does() {
        let mut log = Log::default();
        let flow = log.write("Article/a", "site", "one", None).expect("published");
        log.write("Article/b", "site", "two", None);
        log.write("Article/a", "site", "three", None);
        // A flow of it announces something: what it had may have gone on there.
        log.write("Note/n", "site", "made of it", Some(flow));
        let selection = log.select(Subject::Object("Article/a".parse().expect("a key")));
        assert_eq!(
            log.kinds(&selection),
            [
                "object.revised",
                "activity.appended",
                "activity.matched",
                "flow.started",
                "flow.completed",
                "slug.assigned",
                "object.revised",
                "activity.appended",
                "activity.matched",
                "flow.started",
                "flow.completed",
                "activity.appended",
                "activity.matched",
                "flow.started",
                "flow.completed",
            ]
        );
        assert_eq!((selection.objects.len(), selection.activities.len(), selection.flows.len()), (1, 3, 3));
        assert!(selection.unmatched.is_empty() && selection.bytes > 1_000);
    }

    #[test]
    fn an_actor_goes_with_its_objects_boxes_and_flows() {
        let mut log = Log::default();
        log.write("Article/a", "ada", "one", None);
        log.write("Article/b", "bob", "two", None);
        let selection = log.select(Subject::Actor(actor("ada")));
        assert_eq!(selection.seqs.ranges(), [(1, 6)]);
        assert_eq!(log.select(Subject::Actor(actor("eve"))), Selection::default());
    }

    #[test]
    fn what_came_with_an_activity_and_to_whom_it_went_goes_with_it() {
        let mut log = Log::default();
        log.write("Article/a", "ada", "one", None);
        log.write("Article/b", "bob", "two", None);
        let appended = |log: &Log, owner: &str| {
            let of = |entry: &&StoredEntry| *entry.header.stream.0 == *format!("outbox:{owner}");
            let entry = log.entries.iter().find(of).expect("it is in the log").clone();
            let (_, body) = entry.body.expect("a body");
            let event = Event::decode(&entry.header.kind, &body).expect("readable");
            let Event::ActivityAppended(appended) = event else { panic!("{event:?}") };
            (entry.header.seq, appended.activity)
        };
        let mut wanted = Vec::new();
        let mut delivered = Vec::new();
        for (id, owner) in [(1, "ada"), (2, "bob")] {
            let (seq, activity) = appended(&log, owner);
            let (delivery, peer) = (DeliveryId::from_bytes([id; 32]), "peer.example".parse().expect("a host"));
            let to = Destination::Inbox("https://peer.example/inbox".to_owned());
            let quoted = "peer.example answered 500: one".to_owned();
            let arrived = Activity { r#box: BoxName::Inbox, ..Activity::clone(&activity) };
            let events: [Event; 6] = [
                DeliveryEnqueued {
                    activity: activity.id.clone(),
                    seq,
                    owner: actor(owner),
                    about: "https://h/a".to_owned(),
                    part: 0,
                    targets: vec![Target { delivery, peer: Peer::clone(&peer), to, recipients: 1 }],
                }
                .into(),
                DeliveryFailed {
                    delivery,
                    peer: Peer::clone(&peer),
                    attempt: 1,
                    failure: Failure::Rejected,
                    error: quoted.clone(),
                    delay_ms: 1,
                }
                .into(),
                DeliveryDeadLettered {
                    delivery,
                    peer: Peer::clone(&peer),
                    attempt: 2,
                    error: quoted,
                    status: Some(500),
                }
                .into(),
                ActivityConflicted {
                    activity: activity.id.clone(),
                    owner: actor(owner),
                    r#box: BoxName::Outbox,
                    known: activity.cid.clone(),
                    arrived: activity.cid.clone(),
                }
                .into(),
                ActivityAppended { activity: Arc::new(arrived) }.into(),
                ObjectReceived {
                    owner: actor(owner),
                    object: "https://h/a".to_owned(),
                    actor: "https://h/actors/x".to_owned(),
                    activity: activity.id.clone(),
                    is_gone: false,
                }
                .into(),
            ];
            wanted.push(events.map(|event| log.push(event)));
            delivered
                .push(log.push(DeliveryDelivered { delivery, peer, attempt: 3, status: 202, scheme: None }.into()));
        }
        let selection = log.select(Subject::Actor(actor("ada")));
        assert!(wanted[0].iter().all(|seq| selection.seqs.contains(*seq)), "{selection:?}");
        assert!(!wanted[1].iter().any(|seq| selection.seqs.contains(*seq)), "{selection:?}");
        assert!(!delivered.iter().any(|seq| selection.seqs.contains(*seq)), "it quotes nothing: {selection:?}");
    }

    #[test]
    fn an_activity_that_is_not_matched_yet_is_told() {
        let mut log = Log::default();
        log.write("Article/a", "site", "one", None);
        log.entries.truncate(2);
        let selection = log.select(Subject::Object("Article/a".parse().expect("a key")));
        assert_eq!(selection.unmatched.len(), 1);
    }

    #[test]
    fn what_is_erased_already_is_not_counted_again() {
        let mut log = Log::default();
        log.write("Article/b", "site", "one", None);
        for entry in &mut log.entries {
            entry.body = None;
        }
        assert_eq!(log.select(Subject::Object("Article/b".parse().expect("a key"))), Selection::default());
    }
}
