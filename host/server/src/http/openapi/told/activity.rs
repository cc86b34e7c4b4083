//! Activities: what they started, why not, and who has them.

use std::collections::BTreeMap;

use rosehip_core::{
    behavior::WhyNot,
    canonical::Cid,
    flow::FlowSummary,
    ids::{ActivityId, ActorName, BehaviorName, BoxName, FlowId},
    object::Transition,
};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::document::ActivityStreams;
use crate::{
    host::{Considered, DeniedEffect},
    http::{cause::CauseJson, delivery_view::DeliveryJson},
};

/// An activity as those see it who work here, and as strangers do.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(in crate::http::openapi) enum ActivityAnswer {
    Detail(Box<ActivityDetail>),
    Document(ActivityStreams),
}

/// An activity, what it started, and why each other behavior did not.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct ActivityDetail {
    id: ActivityId,
    cid: Cid,
    owner: ActorName,
    r#box: BoxName,
    cause: Option<CauseJson<'static>>,
    /// How many flows led to it.
    depth: u32,
    /// The activity that began it all.
    root: ActivityId,
    activity: ActivityTold,
    /// Whether it was held against every trigger.
    matched: bool,
    flows: Option<Vec<FlowId>>,
    not: Option<BTreeMap<BehaviorName, Vec<WhyNot>>>,
    considered: Vec<Considered>,
    more_considered: bool,
    denied: Vec<DeniedEffect>,
    deliveries: Spread,
}

/// An activity's document, with its Cid and what changed.
#[derive(JsonSchema)]
pub(in crate::http) struct ActivityTold {
    id: ActivityId,
    cid: Cid,
    transitions: Vec<Transition>,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// Who has an activity.
#[derive(JsonSchema)]
pub(in crate::http) struct Spread {
    queued: u64,
    retrying: u64,
    delivered: u64,
    dead: u64,
    /// Whether it is known whom it goes to.
    addressed: bool,
    items: Vec<DeliveryJson<'static>>,
    more: bool,
}

/// Who has an activity that a flow made.
#[derive(JsonSchema)]
pub(in crate::http) struct FlowSpread {
    activity: ActivityId,
    #[schemars(flatten)]
    spread: Spread,
}

/// An activity that was said; all is null where nothing had to be said.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Posted {
    id: Option<ActivityId>,
    cid: Option<Cid>,
    activity: Option<ActivityId>,
    url: Option<String>,
    /// What it fired, where the request waited.
    #[schemars(skip_serializing_if = "Option::is_none")]
    flows: Option<Vec<FlowSummary>>,
}

/// What a write would set off.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct DryRun {
    /// What its owner would say.
    activities: Vec<Map<String, Value>>,
    /// The flows that would start, each with its behavior, its steps and its effects, those that would be denied with the rule.
    flows: Vec<Map<String, Value>>,
    /// The behaviors that would not start, and why.
    not: Vec<Map<String, Value>>,
}
