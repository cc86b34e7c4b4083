//! What entries say: one type for each kind of entry, its stream and its JSON body.

mod actor;
mod audit;
mod behavior;
mod delivery;
mod erased;
mod flow;
mod object;
mod pin;
mod received;
mod run;

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    federation::Peer,
    ids::{ActorName, BehaviorName, BoxName, DedupKey, FlowId, ObjectKey},
    log::{Append, Draft, Entry, StoredEntry, Stream},
    time::Timestamp,
};

pub use actor::{ActorChanged, ActorCreated, ActorKeyRotated, ActorProfile, RemoteActorLearned};
pub use audit::{Audited, Deed, Trace, Via};
pub use behavior::{
    BehaviorConfigured, BehaviorGranted, BehaviorInstalled, BehaviorOffered, BehaviorRemoved, BehaviorRolledBack,
    BehaviorSwitched,
};
pub use delivery::{
    DeliveryDeadLettered, DeliveryDelivered, DeliveryEnqueued, DeliveryFailed, DeliveryRedriven, Destination,
    PeerBlocked, Target,
};
pub use erased::Erased;
pub use flow::{
    Current, EffectChanged, FiredBy, FlowCancelled, FlowCompleted, FlowFailed, FlowResumed, FlowRetried, FlowStarted,
    FlowSuspended, NodeAttempted, NodeDone, NodeError, NodeFailed, NodeFired, NodeRetrying, NodeSpread, NodeSuspended,
    SignalReceived, Timer,
};
pub use object::{ActivityAppended, ActivityMatched, ObjectRevised, SlugAssigned};
pub use pin::FlowPinned;
pub use received::{ActivityConflicted, ObjectReceived};
pub use run::{HostStarted, HostStopped};

/// Declares [`Event`]: a variant, the struct it holds and the kind that its entries carry.
macro_rules! events {
    ($($variant:ident($body:ty) = $kind:literal),+ $(,)?) => {
        /// An entry's event.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each variant is documented at the struct it holds")]
        pub enum Event { $($variant($body),)+ }

        impl Event {
            /// Every kind that an entry may carry.
            pub const KINDS: &[&str] = &[$($kind),+];

            /// The kind that its entry carries.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $kind,)+ }
            }

            /// The body that its entry carries.
            pub fn body(&self) -> Vec<u8> {
                match self { $(Self::$variant(body) => encode(body),)+ }
            }

            /// Reads an entry's event.
            pub fn decode(kind: &str, body: &[u8]) -> Result<Self, UnreadableEvent> {
                match kind {
                    $($kind => decode(kind, body).map(Self::$variant),)+
                    _ => Err(UnreadableEvent { kind: kind.to_owned(), message: "this release knows no such kind".to_owned() }),
                }
            }
        }

        $(impl From<$body> for Event {
            fn from(body: $body) -> Self { Self::$variant(body) }
        })+
    };
}

events! {
    ObjectRevised(ObjectRevised) = "object.revised",
    SlugAssigned(SlugAssigned) = "slug.assigned",
    ActivityAppended(ActivityAppended) = "activity.appended",
    ActivityMatched(ActivityMatched) = "activity.matched",
    FlowStarted(Arc<FlowStarted>) = "flow.started",
    NodeAttempted(NodeAttempted) = "node.attempted",
    NodeSpread(NodeSpread) = "node.spread",
    NodeDone(NodeDone) = "node.done",
    NodeRetrying(NodeRetrying) = "node.retrying",
    NodeFailed(NodeFailed) = "node.failed",
    NodeSuspended(NodeSuspended) = "node.suspended",
    NodeFired(NodeFired) = "node.fired",
    SignalReceived(SignalReceived) = "signal.received",
    FlowSuspended(FlowSuspended) = "flow.suspended",
    FlowResumed(FlowResumed) = "flow.resumed",
    FlowCompleted(FlowCompleted) = "flow.completed",
    FlowFailed(FlowFailed) = "flow.failed",
    FlowCancelled(FlowCancelled) = "flow.cancelled",
    FlowRetried(FlowRetried) = "flow.retried",
    FlowPinned(FlowPinned) = "flow.pinned",
    EffectChanged(EffectChanged) = "effect.changed",
    BehaviorInstalled(BehaviorInstalled) = "behavior.installed",
    BehaviorOffered(BehaviorOffered) = "behavior.offered",
    BehaviorRolledBack(BehaviorRolledBack) = "behavior.rolled-back",
    BehaviorSwitched(BehaviorSwitched) = "behavior.switched",
    BehaviorConfigured(BehaviorConfigured) = "behavior.configured",
    BehaviorGranted(BehaviorGranted) = "behavior.granted",
    BehaviorRemoved(BehaviorRemoved) = "behavior.removed",
    ActorCreated(ActorCreated) = "actor.created",
    ActorChanged(ActorChanged) = "actor.changed",
    ActorKeyRotated(ActorKeyRotated) = "actor.key-rotated",
    RemoteActorLearned(RemoteActorLearned) = "remote-actor.learned",
    ObjectReceived(ObjectReceived) = "object.received",
    ActivityConflicted(ActivityConflicted) = "activity.conflicted",
    DeliveryEnqueued(DeliveryEnqueued) = "delivery.enqueued",
    DeliveryDelivered(DeliveryDelivered) = "delivery.delivered",
    DeliveryFailed(DeliveryFailed) = "delivery.failed",
    DeliveryDeadLettered(DeliveryDeadLettered) = "delivery.dead-lettered",
    DeliveryRedriven(DeliveryRedriven) = "delivery.redriven",
    PeerBlocked(PeerBlocked) = "peer.blocked",
    HostStarted(HostStarted) = "host.started",
    HostStopped(HostStopped) = "host.stopped",
    Erased(Erased) = "erased",
    Audited(Audited) = "audited",
}

/// What the kinds of entries about behaviors begin with.
pub const ABOUT_BEHAVIORS: &str = "behavior.";

/// An entry whose event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an entry of kind {kind} cannot be read: {message}")]
pub struct UnreadableEvent {
    /// The entry's kind.
    pub kind: String,
    /// What is wrong with it.
    pub message: String,
}

/// Bytes of most bodies.
const USUAL_BYTES: usize = 2 << 10;

fn encode(body: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, body).expect("events hold strings, numbers and JSON values only");
    bytes
}

fn decode<T: DeserializeOwned>(kind: &str, body: &[u8]) -> Result<T, UnreadableEvent> {
    serde_json::from_slice(body).map_err(|error| UnreadableEvent { kind: kind.to_owned(), message: error.to_string() })
}

/// An entry that was read: its place, its time and its event. The event is none where the body was erased.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its place in the log.
    pub seq: u64,
    /// When it happened.
    pub time: Timestamp,
    /// What it is about.
    pub stream: Stream,
    /// What happened.
    pub event: Option<Arc<Event>>,
}

impl Record {
    /// Reads a stored entry.
    pub fn read(entry: &StoredEntry) -> Result<Self, UnreadableEvent> {
        let event = match &entry.body {
            Some((_, body)) => Some(Arc::new(Event::decode(&entry.header.kind, body)?)),
            None => None,
        };
        Ok(Self { seq: entry.header.seq, time: entry.header.time, stream: entry.header.stream.clone(), event })
    }

    /// Reads an entry that was just committed; one that came with its event is not read again.
    pub fn of(entry: &Entry) -> Result<Self, UnreadableEvent> {
        let event = match &entry.event {
            Some(event) => Arc::clone(event),
            None => Arc::new(Event::decode(&entry.header.kind, &entry.body)?),
        };
        let header = &entry.header;
        Ok(Self { seq: header.seq, time: header.time, stream: header.stream.clone(), event: Some(event) })
    }
}

impl Event {
    /// The entry that says this, before it has a place.
    pub fn draft(self, time: Timestamp) -> Draft {
        let body = self.body().into();
        Draft { body, ..self.draft_to_place(time) }
    }

    /// As [`Event::draft`], for an event that names an entry of its own append by how many entries of it come before:
    /// [`Append::place`] writes it out.
    pub fn draft_to_place(self, time: Timestamp) -> Draft {
        Draft {
            stream: self.stream(),
            time,
            kind: self.kind().into(),
            dedup: self.dedup(),
            body: Arc::default(),
            event: Some(Arc::new(self)),
        }
    }

    /// Tells the entry of its own append that it names by its `seq`, as the append's first entry has `first`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other entries name only entries that are in the log")]
    pub(crate) fn place(&mut self, first: u64) {
        match self {
            Self::ActivityMatched(body) => body.seq += first,
            Self::FlowStarted(body) => Arc::make_mut(body).activity_seq += first,
            _ => {}
        }
    }

    /// What must not be recorded twice.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most entries may be repeated")]
    fn dedup(&self) -> Option<DedupKey> {
        match self {
            Self::ActivityAppended(body) => {
                let activity = &body.activity;
                Some(DedupKey::seen(&activity.owner, activity.r#box, &activity.id))
            }
            Self::ActivityMatched(body) => Some(DedupKey::matched(&body.owner, body.r#box, &body.activity)),
            Self::ActivityConflicted(body) => {
                Some(DedupKey::conflict(&body.owner, body.r#box, &body.activity, &body.arrived))
            }
            Self::ObjectReceived(body) => Some(DedupKey::received(&body.owner, &body.object)),
            // Where an activity goes to many places, its first entry says that it was found out.
            Self::DeliveryEnqueued(body) => (body.part == 0).then(|| DedupKey::addressed(&body.owner, &body.activity)),
            // The first run is recorded once with its activity's match.
            Self::FlowStarted(body) => (body.run > 1).then(|| body.flow.started_once()),
            _ => None,
        }
    }

    /// What the entry is about.
    pub fn stream(&self) -> Stream {
        match self {
            Self::ObjectRevised(body) => object_stream(&body.object.key),
            Self::SlugAssigned(body) => slug_stream(&body.slug),
            Self::ActivityAppended(body) => box_stream(&body.activity.owner, body.activity.r#box),
            Self::ActivityMatched(body) => box_stream(&body.owner, body.r#box),
            Self::FlowStarted(body) => flow_stream(body.flow),
            Self::NodeAttempted(body) => flow_stream(body.flow),
            Self::NodeSpread(body) => flow_stream(body.flow),
            Self::NodeDone(body) => flow_stream(body.flow),
            Self::NodeRetrying(body) => flow_stream(body.flow),
            Self::NodeFailed(body) => flow_stream(body.flow),
            Self::NodeSuspended(body) => flow_stream(body.flow),
            Self::NodeFired(body) => flow_stream(body.flow),
            Self::SignalReceived(body) => flow_stream(body.flow),
            Self::FlowSuspended(body) => flow_stream(body.flow),
            Self::FlowResumed(body) => flow_stream(body.flow),
            Self::FlowCompleted(body) => flow_stream(body.flow),
            Self::FlowFailed(body) => flow_stream(body.flow),
            Self::FlowCancelled(body) => flow_stream(body.flow),
            Self::FlowRetried(body) => flow_stream(body.flow),
            Self::FlowPinned(body) => flow_stream(body.flow),
            Self::EffectChanged(body) => flow_stream(body.flow),
            Self::BehaviorInstalled(body) => behavior_stream(&body.name),
            Self::BehaviorOffered(body) => behavior_stream(&body.name),
            Self::BehaviorRolledBack(body) => behavior_stream(&body.name),
            Self::BehaviorSwitched(body) => behavior_stream(&body.name),
            Self::BehaviorConfigured(body) => behavior_stream(&body.name),
            Self::BehaviorGranted(body) => behavior_stream(&body.name),
            Self::BehaviorRemoved(body) => behavior_stream(&body.name),
            Self::ActorCreated(body) => actor_stream(&body.name),
            Self::ActorChanged(body) => actor_stream(&body.name),
            Self::ActorKeyRotated(body) => actor_stream(&body.name),
            Self::RemoteActorLearned(body) => peer_stream(&body.actor.id.host()),
            Self::ObjectReceived(body) => box_stream(&body.owner, BoxName::Inbox),
            Self::ActivityConflicted(body) => box_stream(&body.owner, body.r#box),
            Self::DeliveryEnqueued(body) => box_stream(&body.owner, BoxName::Outbox),
            Self::DeliveryDelivered(body) => peer_stream(&body.peer),
            Self::DeliveryFailed(body) => peer_stream(&body.peer),
            Self::DeliveryDeadLettered(body) => peer_stream(&body.peer),
            Self::DeliveryRedriven(body) => peer_stream(&body.peer),
            Self::PeerBlocked(body) => peer_stream(&body.peer),
            Self::HostStarted(_) | Self::HostStopped(_) => run_stream(),
            Self::Erased(_) => erasure_stream(),
            Self::Audited(_) => audit_stream(),
        }
    }

    /// The flow that the event belongs to.
    pub fn flow(&self) -> Option<FlowId> {
        match self {
            Self::FlowStarted(body) => Some(body.flow),
            Self::NodeAttempted(body) => Some(body.flow),
            Self::NodeSpread(body) => Some(body.flow),
            Self::NodeDone(body) => Some(body.flow),
            Self::NodeRetrying(body) => Some(body.flow),
            Self::NodeFailed(body) => Some(body.flow),
            Self::NodeSuspended(body) => Some(body.flow),
            Self::NodeFired(body) => Some(body.flow),
            Self::SignalReceived(body) => Some(body.flow),
            Self::FlowSuspended(body) => Some(body.flow),
            Self::FlowResumed(body) => Some(body.flow),
            Self::FlowCompleted(body) => Some(body.flow),
            Self::FlowFailed(body) => Some(body.flow),
            Self::FlowCancelled(body) => Some(body.flow),
            Self::FlowRetried(body) => Some(body.flow),
            Self::FlowPinned(body) => Some(body.flow),
            Self::EffectChanged(body) => Some(body.flow),
            Self::ObjectRevised(_)
            | Self::SlugAssigned(_)
            | Self::ActivityAppended(_)
            | Self::ActivityMatched(_)
            | Self::BehaviorInstalled(_)
            | Self::BehaviorOffered(_)
            | Self::BehaviorRolledBack(_)
            | Self::BehaviorSwitched(_)
            | Self::BehaviorConfigured(_)
            | Self::BehaviorGranted(_)
            | Self::BehaviorRemoved(_)
            | Self::ActorCreated(_)
            | Self::ActorChanged(_)
            | Self::ActorKeyRotated(_)
            | Self::RemoteActorLearned(_)
            | Self::ObjectReceived(_)
            | Self::ActivityConflicted(_)
            | Self::DeliveryEnqueued(_)
            | Self::DeliveryDelivered(_)
            | Self::DeliveryFailed(_)
            | Self::DeliveryDeadLettered(_)
            | Self::DeliveryRedriven(_)
            | Self::PeerBlocked(_)
            | Self::HostStarted(_)
            | Self::HostStopped(_)
            | Self::Erased(_)
            | Self::Audited(_) => None,
        }
    }
}

/// The drafts of events that happen at the same time, as one append.
pub fn append_of(time: Timestamp, events: Vec<Event>) -> Append {
    Append::unconditional(events.into_iter().map(|event| event.draft(time)).collect())
}

/// The stream of an object's revisions.
pub fn object_stream(key: &ObjectKey) -> Stream {
    Stream(format!("object:{key}").into())
}

/// The stream of a slug's owners, for slugs that are not their article's id.
pub fn slug_stream(slug: &str) -> Stream {
    Stream(format!("slug:{slug}").into())
}

/// The stream of a flow.
pub fn flow_stream(flow: FlowId) -> Stream {
    Stream(format!("flow:{flow}").into())
}

/// The stream of the host's starts and stops.
pub fn run_stream() -> Stream {
    Stream("host:run".into())
}

/// The stream of an actor.
pub fn actor_stream(name: &ActorName) -> Stream {
    Stream(format!("actor:{name}").into())
}

/// The stream of what is known of another host and goes to it.
pub fn peer_stream(peer: &Peer) -> Stream {
    Stream(format!("peer:{peer}").into())
}

/// The stream of erasures.
pub fn erasure_stream() -> Stream {
    Stream("host".into())
}

/// The stream of what people do that no other entry says.
pub fn audit_stream() -> Stream {
    Stream("host:audit".into())
}

/// The stream of a behavior.
pub fn behavior_stream(name: &BehaviorName) -> Stream {
    Stream(format!("behavior:{name}").into())
}

/// The stream of a box.
pub fn box_stream(owner: &ActorName, name: BoxName) -> Stream {
    Stream(format!("{name}:{owner}").into())
}
