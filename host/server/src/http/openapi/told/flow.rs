//! Flows and their effects: as they are, as they would be, and as events to try.

use rosehip_core::{
    flow::{FlowSummary, ObjectRef},
    ids::{BehaviorName, BoxName, Digest, EffectId, FlowId},
    replay::{Replay, Tally},
    state::FlowStatus,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::http::flow_json::{EntryJson, ListedFlow};

/// Flows, newest first.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Flows {
    flows: Vec<ListedFlow<'static>>,
    next: Option<String>,
    /// How many the filters find; null on pages after the first.
    count: Option<u64>,
    /// Whether there are more than were counted.
    count_is_more: Option<bool>,
}

/// A flow that was signalled.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Signalled {
    #[schemars(flatten)]
    flow: FlowSummary,
    /// Whether the flow had a signal of this name already.
    ignored: bool,
}

/// What a behavior's newest flows would have done on another module.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct WhatIf {
    digest: Digest,
    summary: Tally,
    /// The first that do not do the same.
    flows: Vec<Replayed>,
}

/// A flow that was replayed.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Replayed {
    #[schemars(flatten)]
    replay: Replay,
    flow: FlowId,
    behavior: BehaviorName,
    digest: Digest,
    status: FlowStatus,
    started_at: Timestamp,
    object: Option<ObjectRef>,
}

/// An author's event file.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct EventFile {
    /// The object, as the host has it.
    object: Value,
    /// Members of the activity.
    #[schemars(skip_serializing_if = "Option::is_none")]
    activity: Option<Map<String, Value>>,
    /// What changed.
    #[schemars(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<Map<String, Value>>>,
    /// The object's standing.
    #[schemars(skip_serializing_if = "Option::is_none")]
    current: Option<Map<String, Value>>,
    /// The config that the flow saw.
    #[schemars(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    /// The moment of the activity.
    #[schemars(skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
    /// The box that the activity is in, where that is not the outbox.
    #[schemars(skip_serializing_if = "Option::is_none")]
    r#box: Option<BoxName>,
}

/// Entries as they stand in the log.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct FlowEntries(Vec<EntryJson<'static>>);

/// What retrying a flow or running it again would do.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct FlowProspect {
    flow: FlowId,
    /// `retry` or `rerun`.
    action: String,
    /// The flow's replay, as `POST /replays` tells it; where it would do the same only `verdict`.
    would: Map<String, Value>,
}

/// What trying an effect again would do.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct EffectProspect {
    effect: EffectId,
    flow: FlowId,
    /// `redrive`
    action: String,
    would: EffectAttempt,
}

#[derive(JsonSchema)]
struct EffectAttempt {
    kind: String,
    payload: Value,
    /// Which attempt it would be.
    attempt: u32,
    last_error: Option<String>,
    /// The rule that would deny it.
    denied: Option<String>,
}
