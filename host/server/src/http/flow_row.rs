//! A flow as lists show it.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::flow::FlowSummary;

use super::{
    page::{Badge, Moment, duration},
    written,
};

/// A flow as lists show it.
pub(super) struct FlowRow {
    pub(super) id: String,
    pub(super) short: String,
    pub(super) badge: Badge,
    pub(super) behavior: String,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) run: u32,
    pub(super) owner: String,
    /// Label and path of the object it is about.
    pub(super) object: Option<(String, String)>,
    pub(super) started: Moment,
    /// How long it took, or has taken so far.
    pub(super) duration: String,
    /// When its next wait ends by itself.
    pub(super) due: Option<Moment>,
    /// Effects that are done with, and all.
    pub(super) effects: (u32, u32),
    /// Effects that need somebody.
    pub(super) stuck: u32,
    pub(super) is_pinned: bool,
}

/// Label and path of the object that a flow is about.
pub(super) fn object_link(flow: &FlowSummary) -> Option<(String, String)> {
    let object = flow.object.as_ref()?;
    let key = rosehip_core::ids::ObjectKey { kind: object.r#type.clone(), id: object.id.clone() };
    Some((object.slug.clone().unwrap_or_else(|| key.to_string()), written::path(&key, object.slug.as_deref())))
}

impl FlowRow {
    /// The row of a flow.
    pub(super) fn of(flow: &FlowSummary) -> Self {
        let effects = &flow.effects;
        Self {
            id: flow.id.to_string(),
            short: flow.id.short(),
            badge: flow.status.into(),
            behavior: flow.behavior.to_string(),
            version: flow.version.clone(),
            digest: flow.digest.short(),
            run: flow.run,
            owner: flow.owner.to_string(),
            object: object_link(flow),
            started: Moment(flow.started_at),
            duration: duration(flow.started_at, flow.finished_at.unwrap_or_else(SystemClock::now)),
            due: flow.next_due.map(Moment),
            effects: (effects.total() - effects.open(), effects.total()),
            stuck: effects.dead + effects.denied + effects.unhandled,
            is_pinned: flow.pinned,
        }
    }
}
