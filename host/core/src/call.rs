//! The two documents of a guest call: the Call that goes in and the Outcome that comes back (DESIGN §4 and §4a).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    activity::Activity,
    behavior::NodeIndex,
    event::Current,
    flow::FlowState,
    ids::{BehaviorName, EffectId, FlowId, NodeId},
    state::EffectStatus,
    time::Timestamp,
};

/// What a guest is told. Guests ignore members they do not know.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Call<'a> {
    /// Version of this document: 1.
    #[schemars(extend("const" = 1))]
    v: u32,
    /// The flow's id: a sha-256 in base32.
    #[schemars(with = "String")]
    flow: FlowId,
    /// The name that the behavior is installed under.
    #[schemars(with = "String")]
    behavior: &'a BehaviorName,
    /// The node to run.
    #[schemars(with = "String")]
    node: &'a NodeId,
    /// Which call of the node this is, from 1.
    attempt: u32,
    /// The activity that started the flow; its `object` is the object's id.
    activity: Map<String, Value>,
    /// The object as the activity holds it.
    object: &'a Value,
    /// What the nodes before this one came to, by node id.
    input: BTreeMap<&'a str, Input<'a>>,
    /// The config that the flow is pinned to.
    config: &'a Map<String, Value>,
    /// The time of the entry that made the node ready, RFC 3339 in UTC with milliseconds.
    #[schemars(with = "String", extend("format" = "date-time"))]
    now: Timestamp,
    /// The object's standing at that entry; null where it is gone.
    current: &'a Option<Current>,
}

/// What a node before this one returned.
#[derive(Debug, Serialize, JsonSchema)]
struct Input<'a> {
    /// Its output; null where it has none or was skipped.
    output: &'a Value,
    /// The branch it took.
    branch: Option<&'a str>,
    /// The effects it asked for, in order.
    effects: Vec<InputEffect<'a>>,
}

/// An effect of a node before this one, as it stands.
#[derive(Debug, Serialize, JsonSchema)]
struct InputEffect<'a> {
    /// Its id: a sha-256 in base32.
    #[schemars(with = "String")]
    id: EffectId,
    /// Its kind.
    kind: &'a str,
    /// Where it stands.
    status: EffectStatus,
    /// How its dispatch ended; null while it has not.
    receipt: &'a Option<Value>,
}

impl<'a> Call<'a> {
    /// The Call of a node that is ready.
    pub fn compose(flow: &'a FlowState, activity: &'a Activity, node: NodeIndex, attempt: u32) -> Self {
        let mut document = activity.document.clone();
        // The object stands once in a Call; in the activity its id is enough.
        let id = activity.object_document().get("id").cloned().unwrap_or(Value::Null);
        document.insert("object".to_owned(), id);
        let changes = serde_json::to_value(&activity.transitions).expect("transitions hold strings and JSON values");
        document.insert("transitions".to_owned(), changes);
        let before = flow.dag.ancestors(node);
        let input = before.into_iter().map(|index| (flow.dag.node(index).id.as_str(), Input::of(flow, index)));
        Self {
            v: 1,
            flow: flow.id(),
            behavior: &flow.started.behavior,
            node: &flow.dag.node(node).id,
            attempt,
            activity: document,
            object: activity.object_document(),
            input: input.collect(),
            config: &flow.started.config,
            now: flow.node(node).ready_at.unwrap_or(flow.summary.started_at),
            current: &flow.current,
        }
    }

    /// The document as the guest reads it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a Call holds strings, numbers and JSON values only")
    }
}

impl<'a> Input<'a> {
    fn of(flow: &'a FlowState, index: NodeIndex) -> Self {
        let state = flow.node(index);
        let effects = state.effects.iter().map(|place| {
            let state = &flow.effects[*place];
            let effect = &state.effect;
            InputEffect { id: effect.id, kind: &effect.kind, status: state.status, receipt: &state.receipt }
        });
        Self { output: &state.output, branch: state.branch.as_deref(), effects: effects.collect() }
    }
}

/// What a guest returns from a call that succeeded. Members that are not named here are refused, so that a
/// misspelled one is not lost.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Version of this document: 1.
    #[schemars(extend("const" = 1))]
    #[serde(default = "one")]
    pub v: u32,
    /// What later nodes see of this one.
    #[serde(default)]
    pub output: Value,
    /// The branch that is taken.
    #[serde(default)]
    pub branch: Option<String>,
    /// What is asked for, in order.
    #[serde(default)]
    pub effects: Vec<RequestedEffect>,
}

/// An effect as a guest asks for it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestedEffect {
    /// Its kind.
    pub kind: String,
    /// What exactly is asked for.
    #[serde(default)]
    pub payload: Value,
}

fn one() -> u32 {
    1
}
