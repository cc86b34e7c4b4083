//! What entries say about flows, their nodes and their effects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    activity::Cause,
    behavior::Grant,
    effect::{Effect, Failure},
    guest::GuestLogLine,
    ids::{ActivityId, ActorName, BehaviorName, BoxName, Digest, EffectId, FlowId, NodeId, ObjectKey},
    object::Object,
    state::EffectStatus,
    time::Timestamp,
    trace::TraceContext,
};

/// The object's standing when a node became ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Current {
    /// Its revision.
    pub revision: u64,
    /// Its status.
    pub status: Option<String>,
}

impl Current {
    /// How an object stands; none where it is deleted.
    pub fn of(object: &Object) -> Option<Self> {
        let status = object.status().map(str::to_owned);
        object.exists().then_some(Self { revision: object.revision, status })
    }
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
    /// The URL of the flow of another host that made the activity, as that host says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// How many flows led to it.
    pub depth: u32,
    /// The activity that began it all.
    pub root: ActivityId,
    /// The object's standing now.
    pub current: Option<Current>,
    /// Who had it run again, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where its activity stands in a trace, if it is part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
}

/// A node, or one item of an `each`, was called to success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeDone {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// The item of an `each` that was called for, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// The item of an `each` that was called for, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
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
    /// The item of an `each` that was called for, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
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

/// A node is about to be called by a host that works cautiously. If the host ends before the call does, this entry
/// is what the next one finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAttempted {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// The item of an `each` that was called for, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Which call of it this is, from 1.
    pub attempt: u32,
}

/// The list of an `each` was found: its items are called for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpread {
    /// The flow.
    pub flow: FlowId,
    /// The node.
    pub node: NodeId,
    /// How many items there are.
    pub items: u32,
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
    /// When the first of its waits ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
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
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    /// Which budget the failure counts against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The next attempt comes so many milliseconds after this entry's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How its dispatch ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Value>,
    /// Who asked for it, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why that person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
