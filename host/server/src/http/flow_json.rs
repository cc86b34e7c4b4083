//! Flows as JSON (DESIGN §7). Written out member by member, and never held as a tree: that would take many times as much
//! memory as the text.

use rosehip_adapters::views::ChildFlow;
use rosehip_core::{
    activity::Activity,
    behavior::{Capability, Node, NodeWork},
    effect::{Effect, EffectState},
    event::{Event, NodeError, Record},
    flow::{FlowState, FlowSummary, NodeState, ObjectRef, Waiting},
    ids::{ActivityId, ActorName, BehaviorName, Digest, EffectId, FlowId, NodeId},
    state::{EffectStatus, FlowStatus, NodeStatus},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    cause::CauseJson,
    delivery_view::spread_json,
    openapi::told::{ActivityTold, FlowSpread},
};
use crate::host::{FlowDetail, Spread};

/// A flow of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedFlow<'a> {
    #[serde(flatten)]
    pub(super) flow: &'a FlowSummary,
    /// When its activity was recorded.
    pub(super) queued_at: Option<Timestamp>,
}

/// A flow with all that happened.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Flow")]
pub(super) struct FlowJson<'a> {
    id: FlowId,
    status: FlowStatus,
    behavior: &'a BehaviorName,
    digest: Digest,
    version: &'a str,
    run: u32,
    owner: &'a ActorName,
    object: &'a Option<ObjectRef>,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_due: Option<Timestamp>,
    pinned: bool,
    cause: Option<CauseJson<'a>>,
    /// The trace that it is part of (W3C Trace Context).
    trace: Option<String>,
    depth: u32,
    #[schemars(with = "ActivityTold")]
    activity: Map<String, Value>,
    needs: &'a [Capability],
    runner: &'static str,
    nodes: Vec<NodeJson<'a>>,
    edges: Vec<EdgeJson<'a>>,
    effects: Vec<EffectJson<'a>>,
    /// Other runs of its behavior for its activity, by run.
    runs: &'a [FlowSummary],
    children: Vec<ChildJson<'a>>,
    more_children: bool,
    #[schemars(with = "Vec<FlowSpread>")]
    deliveries: Vec<Value>,
    events: Vec<EntryJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowNode")]
struct NodeJson<'a> {
    id: &'a NodeId,
    label: &'a str,
    kind: &'static str,
    status: NodeStatus,
    branch: &'a Option<String>,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
    fuel: Option<u64>,
    error: &'a Option<NodeError>,
    attempts: u32,
    /// Of an `each` whose list was found.
    items: Option<Items>,
    retry_at: Option<Timestamp>,
    waiting: Value,
    output: &'a Value,
}

#[derive(Serialize, JsonSchema)]
struct Items {
    total: usize,
    done: usize,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowEdge")]
struct EdgeJson<'a> {
    from: &'a NodeId,
    to: &'a NodeId,
    when: &'a Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowEffect")]
struct EffectJson<'a> {
    id: EffectId,
    node: &'a NodeId,
    item: Option<u32>,
    ordinal: u32,
    kind: &'a str,
    payload: &'a Value,
    status: EffectStatus,
    attempts: u32,
    next_retry_at: Option<Timestamp>,
    last_error: &'a Option<String>,
    receipt: &'a Option<Value>,
    /// Flows that it caused.
    children: Vec<FlowId>,
}

/// Who has an activity.
fn spread_of(activity: &ActivityId, spread: &Spread) -> Value {
    let mut told = spread_json(spread);
    told["activity"] = json!(activity);
    told
}

/// A flow that this one caused: its list item, and the effect that did.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowChild")]
struct ChildJson<'a> {
    #[serde(flatten)]
    flow: &'a FlowSummary,
    effect: Option<EffectId>,
}

/// An entry as it stands in the log.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowEntry")]
pub(super) struct EntryJson<'a> {
    seq: u64,
    time: Timestamp,
    kind: Option<&'static str>,
    #[schemars(with = "Value")]
    body: &'a RawValue,
}

impl<'a> FlowJson<'a> {
    pub(super) fn of(flow: &'a FlowDetail) -> Self {
        let state = &flow.state;
        let entry = |(record, body): &'a (_, Box<RawValue>)| EntryJson::of(record, body);
        let edges = state.dag.edges().map(|(from, to, edge)| EdgeJson { from: &from.id, to: &to.id, when: &edge.when });
        // The list item, whose activity and effects are told at length here.
        let FlowSummary { id, status, behavior, digest, version, run, owner, object, .. } = &state.summary;
        Self {
            id: *id,
            status: *status,
            behavior,
            digest: *digest,
            version,
            run: *run,
            owner,
            object,
            started_at: state.summary.started_at,
            finished_at: state.summary.finished_at,
            next_due: state.summary.next_due,
            pinned: state.summary.pinned,
            cause: CauseJson::of(state.started.cause.as_ref(), state.started.caused_by.as_deref()),
            trace: state.started.trace.map(|context| context.trace.to_string()),
            depth: state.started.depth,
            activity: activity(&flow.activity),
            needs: &flow.needs,
            runner: flow.runner,
            nodes: nodes(state),
            edges: edges.collect(),
            effects: state.effects.iter().map(|effect| EffectJson::of(effect, &flow.children)).collect(),
            runs: &flow.runs,
            children: flow
                .children
                .iter()
                .map(|child| ChildJson { flow: &child.summary, effect: child.effect })
                .collect(),
            more_children: flow.more_children,
            deliveries: flow.spreads.iter().map(|(activity, spread)| spread_of(activity, spread)).collect(),
            events: flow.records.iter().map(entry).collect(),
        }
    }
}

fn activity(activity: &Activity) -> Map<String, Value> {
    let mut document = activity.document.clone();
    document.insert("cid".to_owned(), json!(activity.cid));
    document.insert("transitions".to_owned(), json!(activity.transitions));
    document
}

/// The nodes in the order in which none comes before what leads to it.
fn nodes(state: &FlowState) -> Vec<NodeJson<'_>> {
    let order = state.dag.order().iter();
    order.map(|&index| NodeJson::of(state.dag.node(index), state.node(index))).collect()
}

impl<'a> NodeJson<'a> {
    fn of(node: &'a Node, now: &'a NodeState) -> Self {
        Self {
            id: &node.id,
            label: &node.label,
            kind: kind(&node.work),
            status: now.status,
            branch: &now.branch,
            started_at: now.started_at,
            finished_at: now.finished_at,
            fuel: now.fuel,
            error: &now.error,
            attempts: now.attempts(),
            items: now.progress().map(|(total, done)| Items { total, done }),
            retry_at: now.retry_at(),
            waiting: waiting(now),
            output: &now.output,
        }
    }
}

fn waiting(node: &NodeState) -> Value {
    match &node.waiting {
        Some(Waiting::Wait { timer, signal }) => {
            json!({"until": timer.map(rosehip_core::event::Timer::nominal), "signal": signal})
        }
        Some(Waiting::Effects) => json!({"effects": true}),
        None => Value::Null,
    }
}

/// The word for what a node does.
pub(super) fn kind(work: &NodeWork) -> &'static str {
    match work {
        NodeWork::Step => "step",
        NodeWork::Wait(_) => "wait",
        NodeWork::Each(_) => "each",
    }
}

impl<'a> EffectJson<'a> {
    fn of(state: &'a EffectState, children: &[ChildFlow]) -> Self {
        let caused = children.iter().filter(|child| child.effect == Some(state.effect.id));
        let Effect { id, node, item, ordinal, kind, payload, .. } = &state.effect;
        Self {
            id: *id,
            node,
            item: *item,
            ordinal: *ordinal,
            kind,
            payload,
            status: state.status,
            attempts: state.attempts,
            next_retry_at: state.next_retry_at,
            last_error: &state.last_error,
            receipt: &state.receipt,
            children: caused.map(|child| child.summary.id).collect(),
        }
    }
}

impl<'a> EntryJson<'a> {
    pub(super) fn of(record: &Record, body: &'a RawValue) -> Self {
        let kind = record.event.as_deref().map(Event::kind);
        Self { seq: record.seq, time: record.time, kind, body }
    }
}
