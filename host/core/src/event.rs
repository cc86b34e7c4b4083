//! What entries say: one type for each kind of entry, its stream and its JSON body.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    activity::{Activity, Cause},
    behavior::{Grant, Manifest, WhyNot},
    effect::Effect,
    guest::GuestLogLine,
    ids::{
        ActivityId, ActorName, BehaviorName, BoxName, DedupKey, Digest, EffectId, FlowId, NodeId, ObjectId, ObjectKey,
    },
    log::{Append, Draft, Entry, StoredEntry, Stream},
    object::Object,
    state::EffectStatus,
    time::Timestamp,
};

/// Declares [`Event`]: a variant, the struct it holds and the kind that its entries carry.
macro_rules! events {
    ($($variant:ident($body:ty) = $kind:literal),+ $(,)?) => {
        /// An entry's event.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each variant is documented at the struct it holds")]
        pub enum Event { $($variant($body),)+ }

        impl Event {
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
    EffectChanged(EffectChanged) = "effect.changed",
    BehaviorInstalled(BehaviorInstalled) = "behavior.installed",
    BehaviorRolledBack(BehaviorRolledBack) = "behavior.rolled-back",
    BehaviorSwitched(BehaviorSwitched) = "behavior.switched",
    BehaviorConfigured(BehaviorConfigured) = "behavior.configured",
    BehaviorGranted(BehaviorGranted) = "behavior.granted",
    BehaviorRemoved(BehaviorRemoved) = "behavior.removed",
    ActorCreated(ActorCreated) = "actor.created",
    Erased(Erased) = "erased",
}

/// An entry whose event cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an entry of kind {kind} cannot be read: {message}")]
pub struct UnreadableEvent {
    /// The entry's kind.
    pub kind: String,
    /// What is wrong with it.
    pub message: String,
}

fn encode(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("events hold strings, numbers and JSON values only")
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
        Draft {
            stream: self.stream(),
            time,
            kind: self.kind().into(),
            dedup: self.dedup(),
            body: self.body().into(),
            event: Some(Arc::new(self)),
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
            Self::EffectChanged(body) => flow_stream(body.flow),
            Self::BehaviorInstalled(body) => behavior_stream(&body.name),
            Self::BehaviorRolledBack(body) => behavior_stream(&body.name),
            Self::BehaviorSwitched(body) => behavior_stream(&body.name),
            Self::BehaviorConfigured(body) => behavior_stream(&body.name),
            Self::BehaviorGranted(body) => behavior_stream(&body.name),
            Self::BehaviorRemoved(body) => behavior_stream(&body.name),
            Self::ActorCreated(body) => Stream(format!("actor:{}", body.name).into()),
            Self::Erased(_) => Stream("host".into()),
        }
    }

    /// The flow that the event belongs to.
    pub fn flow(&self) -> Option<FlowId> {
        match self {
            Self::FlowStarted(body) => Some(body.flow),
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
            Self::EffectChanged(body) => Some(body.flow),
            Self::ObjectRevised(_)
            | Self::SlugAssigned(_)
            | Self::ActivityAppended(_)
            | Self::ActivityMatched(_)
            | Self::BehaviorInstalled(_)
            | Self::BehaviorRolledBack(_)
            | Self::BehaviorSwitched(_)
            | Self::BehaviorConfigured(_)
            | Self::BehaviorGranted(_)
            | Self::BehaviorRemoved(_)
            | Self::ActorCreated(_)
            | Self::Erased(_) => None,
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

/// The stream of a behavior.
pub fn behavior_stream(name: &BehaviorName) -> Stream {
    Stream(format!("behavior:{name}").into())
}

/// The stream of a box.
pub fn box_stream(owner: &ActorName, name: BoxName) -> Stream {
    Stream(format!("{name}:{owner}").into())
}

/// An object was saved or deleted. What changed follows from the revision before; an activity says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectRevised {
    /// The object after it; its `seq` is not known yet and stands as 0.
    pub object: Object,
    /// The user who did it, or none where a flow did.
    pub by: Option<String>,
    /// The effect that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// A slug that is not an article's id was given to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlugAssigned {
    /// The slug.
    pub slug: String,
    /// The article's id.
    pub article: ObjectId,
}

/// An activity entered a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityAppended {
    /// The activity.
    pub activity: Arc<Activity>,
}

/// An activity was held against every trigger. There is exactly one such entry for each activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityMatched {
    /// The activity.
    pub activity: ActivityId,
    /// `seq` of its entry.
    pub seq: u64,
    /// Whose box it is in.
    pub owner: ActorName,
    /// The box.
    pub r#box: BoxName,
    /// The flows it started.
    pub flows: Vec<FlowId>,
    /// Why each other behavior did not start.
    pub not: BTreeMap<BehaviorName, Vec<WhyNot>>,
}

/// The object's standing when a node became ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Current {
    /// Its revision.
    pub revision: u64,
    /// Its status.
    pub status: Option<String>,
}

/// A flow began, pinned to what stood at its activity's `seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowStarted {
    /// The flow.
    pub flow: FlowId,
    /// The behavior.
    pub behavior: BehaviorName,
    /// The module.
    pub digest: Digest,
    /// The module's version.
    pub version: String,
    /// The config its nodes see.
    pub config: Map<String, Value>,
    /// What the operator granted.
    pub grant: Grant,
    /// How often the grant was changed before.
    pub grant_version: u32,
    /// 1, and one more each time it is run again.
    pub run: u32,
    /// The actor it runs as.
    pub owner: ActorName,
    /// The box its activity is in.
    pub r#box: BoxName,
    /// The activity.
    pub activity: ActivityId,
    /// `seq` of the activity's entry.
    pub activity_seq: u64,
    /// The object it is about.
    pub object: Option<ObjectKey>,
    /// The article's slug at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// What made the activity, if a flow did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many flows led to it.
    pub depth: u32,
    /// The activity that began it all.
    pub root: ActivityId,
    /// The object's standing now.
    pub current: Option<Current>,
}

/// A node was called to success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeDone {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// Which call of it succeeded, from 1.
    pub attempt: u32,
    /// What it returned.
    pub output: Value,
    /// The branch it took.
    pub branch: Option<String>,
    /// The effects it asked for.
    pub effects: Vec<Effect>,
    /// Fuel used.
    pub fuel: u64,
    /// When it was called.
    pub started_at: Timestamp,
    /// What it logged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<GuestLogLine>,
}

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeError {
    /// The rule's stable name: `retry`, `fatal`, `fuel`, `memory`, `trap`, `outcome`, `effect-payload` …
    pub rule: String,
    /// What happened, for people.
    pub message: String,
}

/// A call failed and another will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRetrying {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// Which call failed, from 1.
    pub attempt: u32,
    /// Why.
    pub error: NodeError,
    /// The next call comes so many milliseconds after this entry's time.
    pub delay_ms: u64,
    /// What the failed call logged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<GuestLogLine>,
}

/// A node failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFailed {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// Which call failed, from 1; 0 where none was made.
    pub attempt: u32,
    /// Why.
    pub error: NodeError,
    /// Fuel used.
    pub fuel: u64,
    /// When it was called.
    pub started_at: Timestamp,
    /// What the failed call logged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<GuestLogLine>,
}

/// A wait was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSuspended {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// When it ends by itself, if it does.
    pub timer: Option<Timer>,
    /// The signal it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// When a wait ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// At a moment, whatever the clock did meanwhile.
    At(Timestamp),
    /// A length of time after it was set; from now, where the clock is before that.
    After {
        /// When it was set.
        set_at: Timestamp,
        /// How long it is, in milliseconds.
        length_ms: u64,
    },
}

impl Timer {
    /// When it is due, seen from `now`.
    pub fn due(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::After { set_at, length_ms } => {
                if now < set_at {
                    now.plus_millis(length_ms)
                } else {
                    set_at.plus_millis(length_ms)
                }
            }
        }
    }

    /// The moment it was meant for when it was set.
    pub fn nominal(self) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::After { set_at, length_ms } => set_at.plus_millis(length_ms),
        }
    }
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FiredBy {
    /// Its time came.
    Timer,
    /// Its signal came.
    Signal,
    /// Its signal did not come in time.
    Timeout,
}

/// A wait ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeFired {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// The moment it was meant for; of a signal, when it came.
    pub at: Timestamp,
    /// What ended it.
    pub by: FiredBy,
    /// What the signal carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
}

/// A signal came. Of a name that came before, or once the flow has ended, it is ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalReceived {
    /// The flow.
    pub flow: FlowId,
    /// The signal's name.
    pub name: String,
    /// What it carries.
    pub payload: Value,
    /// Who sent it.
    pub by: Option<String>,
    /// Whether it counts for nothing.
    pub ignored: bool,
}

/// Only waits are left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSuspended {
    /// The flow.
    pub flow: FlowId,
}

/// A wait ended and the flow goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowResumed {
    /// The flow.
    pub flow: FlowId,
    /// The object's standing now.
    pub current: Option<Current>,
}

/// Every node is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCompleted {
    /// The flow.
    pub flow: FlowId,
}

/// A node failed, and the flow with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowFailed {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// Why.
    pub error: NodeError,
}

/// Someone ended the flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowCancelled {
    /// The flow.
    pub flow: FlowId,
    /// Who.
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Someone has the failed nodes called again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRetried {
    /// The flow.
    pub flow: FlowId,
    /// Who.
    pub by: Option<String>,
    /// The object's standing now.
    pub current: Option<Current>,
}

/// An effect went from one status to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectChanged {
    /// The flow.
    pub flow: FlowId,
    /// The effect.
    pub effect: EffectId,
    /// Where it stood.
    pub from: EffectStatus,
    /// Where it stands.
    pub to: EffectStatus,
    /// Which attempt it is about, from 1; 0 where none was made.
    pub attempt: u32,
    /// How the attempt failed, or the rule that denies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The next attempt comes so many milliseconds after this entry's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How its dispatch ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Value>,
    /// Who asked for it, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// A module was bound to a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviorInstalled {
    /// The name.
    pub name: BehaviorName,
    /// The module.
    pub digest: Digest,
    /// What it says it is.
    pub manifest: Manifest,
    /// Who installed it.
    pub by: Option<String>,
    /// Whether it starts flows from now on.
    pub enabled: bool,
}

/// A name was bound to the module before its current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorRolledBack {
    /// The name.
    pub name: BehaviorName,
    /// The module it is bound to again.
    pub digest: Digest,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior was enabled or disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorSwitched {
    /// The name.
    pub name: BehaviorName,
    /// Whether it starts flows from now on.
    pub enabled: bool,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior's config was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviorConfigured {
    /// The name.
    pub name: BehaviorName,
    /// The operator's config, before the schema's defaults.
    pub config: Map<String, Value>,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior's grant was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorGranted {
    /// The name.
    pub name: BehaviorName,
    /// The grant.
    pub grant: Grant,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior was removed. Its flows stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorRemoved {
    /// The name.
    pub name: BehaviorName,
    /// Who did it.
    pub by: Option<String>,
}

/// An actor was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorCreated {
    /// Its name.
    pub name: ActorName,
    /// Its ActivityStreams type: `Person`, `Service` or `Group`.
    pub kind: String,
    /// Its ed25519 public key, base64.
    pub public_key: String,
}

/// Salt and body of entries were removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// The entries.
    pub seqs: Vec<u64>,
    /// Why.
    pub reason: String,
}
