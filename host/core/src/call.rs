//! The two documents of a guest call: the Call that goes in and the Outcome that comes back (DESIGN §4 and §4a).

use std::{borrow::Cow, collections::BTreeMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    activity::Activity,
    behavior::NodeIndex,
    event::Current,
    flow::FlowState,
    ids::{BehaviorName, EffectId, FlowId, NodeId},
    object::Transition,
    state::EffectStatus,
    time::Timestamp,
};

/// Bytes of most Calls.
const USUAL_BYTES: usize = 4 << 10;

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
    #[schemars(with = "Map<String, Value>")]
    activity: BTreeMap<&'a str, ActivityMember<'a>>,
    /// The object as the activity holds it.
    object: &'a Value,
    /// What the nodes before this one came to, by node id.
    input: BTreeMap<&'a str, Input<'a>>,
    /// The item of an `each` that this call is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Value>,
    /// The item's place in its list, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    item_index: Option<u32>,
    /// The config that the flow is pinned to.
    config: &'a Map<String, Value>,
    /// The time of the entry that made the node ready, RFC 3339 in UTC with milliseconds.
    #[schemars(with = "String", extend("format" = "date-time"))]
    now: Timestamp,
    /// The object's standing at that entry; null where it is gone.
    current: &'a Option<Current>,
}

/// A member of the activity.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ActivityMember<'a> {
    /// As its document has it.
    Given(&'a Value),
    /// What changed.
    Transitions(&'a [Transition]),
}

/// The activity's members but for the proof, which says nothing to a guest because the host has checked it. The object
/// stands once in a Call, so that here its id is enough.
fn activity_members(activity: &Activity) -> BTreeMap<&str, ActivityMember<'_>> {
    let given = activity.document.iter().filter(|(name, _)| *name != "proof");
    let mut members: BTreeMap<_, _> =
        given.map(|(name, value)| (name.as_str(), ActivityMember::Given(value))).collect();
    let id = activity.object_document().get("id").unwrap_or(&Value::Null);
    members.insert("object", ActivityMember::Given(id));
    members.insert("transitions", ActivityMember::Transitions(&activity.transitions));
    members
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
        let before = flow.dag.ancestors(node);
        let input = before.into_iter().map(|index| (flow.dag.node(index).id.as_str(), Input::of(flow, index)));
        Self {
            v: 1,
            flow: flow.id(),
            behavior: &flow.started.behavior,
            node: &flow.dag.node(node).id,
            attempt,
            activity: activity_members(activity),
            object: activity.object_document(),
            input: input.collect(),
            item: None,
            item_index: None,
            config: &flow.started.config,
            now: flow.node(node).ready_at.unwrap_or(flow.summary.started_at),
            current: &flow.current,
        }
    }

    /// The Call for an item of a list, or for the node itself where there is none.
    #[must_use]
    pub fn for_item(self, item: Option<(u32, &'a Value)>) -> Self {
        Self { item: item.map(|(_, item)| item), item_index: item.map(|(place, _)| place), ..self }
    }

    /// The document as the guest reads it.
    pub fn to_json(&self) -> String {
        let mut json = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut json, self).expect("a Call holds strings, numbers and JSON values only");
        String::from_utf8(json).expect("JSON is UTF-8")
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

/// What stands at a JSON Pointer (RFC 6901) into the Call of a node, found without composing it where it is in the
/// object, the config or what a node before returned.
pub fn find<'a>(flow: &'a FlowState, activity: &'a Activity, node: NodeIndex, pointer: &str) -> Option<Cow<'a, Value>> {
    let (root, rest) =
        pointer.strip_prefix('/')?.split_at_checked(pointer[1..].find('/').unwrap_or(pointer.len() - 1))?;
    if root == "object" {
        return activity.object_document().pointer(rest).map(Cow::Borrowed);
    }
    if let ("config", Some((member, rest))) = (root, member(rest)) {
        return flow.started.config.get(&member)?.pointer(rest).map(Cow::Borrowed);
    }
    if let ("activity", Some((member, rest))) = (root, member(rest)) {
        return match activity_members(activity).remove(&*member)? {
            ActivityMember::Given(value) => value.pointer(rest).map(Cow::Borrowed),
            ActivityMember::Transitions(transitions) => {
                serde_json::to_value(transitions).ok()?.pointer(rest).cloned().map(Cow::Owned)
            }
        };
    }
    if let Some((before, place)) = output_pointer(pointer) {
        let before = flow.dag.find(&before)?;
        let is_before = flow.dag.ancestors(node).contains(&before);
        return flow.node(before).output.pointer(place).filter(|_| is_before).map(Cow::Borrowed);
    }
    let call = serde_json::to_value(Call::compose(flow, activity, node, 0)).ok()?;
    call.pointer(pointer).cloned().map(Cow::Owned)
}

/// The member that a JSON Pointer leads to first, unescaped, and what is left of the pointer.
fn member(pointer: &str) -> Option<(String, &str)> {
    let rest = pointer.strip_prefix('/')?;
    let (member, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some((member.replace("~1", "/").replace("~0", "~"), rest))
}

/// The node and the pointer into its output that `/input/NODE/output…` names.
pub fn output_pointer(pointer: &str) -> Option<(NodeId, &str)> {
    let rest = pointer.strip_prefix("/input/")?;
    let (node, rest) = rest.split_once('/')?;
    let place = rest.strip_prefix("output")?;
    if !place.is_empty() && !place.starts_with('/') {
        return None;
    }
    Some((node.parse().ok()?, place))
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
