//! Flows as JSON (DESIGN §7).

use rosehip_core::{
    behavior::NodeWork,
    effect::EffectState,
    event::Record,
    flow::{FlowState, NodeState, Waiting},
};
use serde_json::{Value, json};

use crate::host::FlowDetail;

/// A flow with all that happened.
pub(super) fn detail(flow: &FlowDetail) -> Value {
    let state = &flow.state;
    let mut value = json!(state.summary);
    let activity = &flow.activity;
    let mut document = activity.document.clone();
    document.insert("cid".to_owned(), json!(activity.cid));
    document.insert("transitions".to_owned(), json!(activity.transitions));
    value["cause"] = json!(state.started.cause);
    value["depth"] = state.started.depth.into();
    value["activity"] = Value::Object(document);
    value["needs"] = json!(flow.needs);
    value["runner"] = flow.runner.into();
    value["nodes"] = nodes(state);
    value["edges"] =
        state.dag.edges().map(|(from, to, edge)| json!({"from": from.id, "to": to.id, "when": edge.when})).collect();
    value["effects"] = state.effects.iter().map(effect).collect();
    value["events"] = flow.records.iter().map(|(record, body)| entry(record, body)).collect();
    value
}

/// The nodes in the order in which none comes before what leads to it.
fn nodes(state: &FlowState) -> Value {
    let order = state.dag.order().iter();
    order
        .map(|&index| {
            let (node, now) = (state.dag.node(index), state.node(index));
            json!({
                "id": node.id,
                "label": node.label,
                "kind": kind(&node.work),
                "status": now.status,
                "branch": now.branch,
                "started_at": now.started_at,
                "finished_at": now.finished_at,
                "fuel": now.fuel,
                "error": now.error,
                "attempts": now.attempts,
                "retry_at": now.retry_at,
                "waiting": waiting(now),
                "output": now.output,
            })
        })
        .collect()
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

fn effect(state: &EffectState) -> Value {
    let effect = &state.effect;
    json!({
        "id": effect.id,
        "node": effect.node,
        "item": effect.item,
        "ordinal": effect.ordinal,
        "kind": effect.kind,
        "payload": effect.payload,
        "status": state.status,
        "attempts": state.attempts,
        "next_retry_at": state.next_retry_at,
        "last_error": state.last_error,
        "receipt": state.receipt,
    })
}

/// An entry of the log as the API gives it.
pub(super) fn entry(record: &Record, body: &Value) -> Value {
    let kind = record.event.as_deref().map(rosehip_core::event::Event::kind);
    json!({"seq": record.seq, "time": record.time, "kind": kind, "body": body})
}
