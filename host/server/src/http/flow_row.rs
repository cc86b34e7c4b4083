//! A flow as lists show it.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::flow::FlowSummary;

use super::{
    access::Need,
    page::{Badge, Moment, duration},
    visitor::Visitor,
    written,
};
use crate::host::FlowPlace;

/// A flow as lists show it.
pub(super) struct FlowRow {
    pub(super) id: String,
    pub(super) short: String,
    /// Its place among all flows, where a list knows it.
    pub(super) seq: u64,
    pub(super) badge: Badge,
    pub(super) behavior: String,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) run: u32,
    pub(super) owner: String,
    /// Label and path of the object it is about.
    pub(super) object: Option<(String, String)>,
    pub(super) started: Moment,
    /// How long its activity waited for it to begin, on a page of flows.
    pub(super) queued: Option<String>,
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

/// Label and path of the object that a flow is about. What a visitor may not read has an empty path: of what is no article,
/// authors of behaviors see the flows and not the page.
pub(super) fn object_link(flow: &FlowSummary, visitor: &Visitor) -> Option<(String, String)> {
    let object = flow.object.as_ref()?;
    let may_read = object.slug.is_some() || visitor.has(Need::Write);
    let key = rosehip_core::ids::ObjectKey { kind: object.r#type.clone(), id: object.id.clone() };
    let path = if may_read { written::path(&key, object.slug.as_deref()) } else { String::new() };
    Some((object.slug.clone().unwrap_or_else(|| key.to_string()), path))
}

impl FlowRow {
    /// The row of a flow, as a visitor sees it.
    pub(super) fn of(flow: &FlowSummary, visitor: &Visitor) -> Self {
        let effects = &flow.effects;
        Self {
            id: flow.id.to_string(),
            short: flow.id.short(),
            seq: 0,
            badge: flow.status.into(),
            behavior: flow.behavior.to_string(),
            version: flow.version.clone(),
            digest: flow.digest.short(),
            run: flow.run,
            owner: flow.owner.to_string(),
            object: object_link(flow, visitor),
            started: Moment(flow.started_at),
            queued: None,
            duration: duration(flow.started_at, flow.finished_at.unwrap_or_else(SystemClock::now)),
            due: flow.next_due.map(Moment),
            effects: (effects.total() - effects.open(), effects.total()),
            stuck: effects.dead + effects.denied + effects.unhandled,
            is_pinned: flow.pinned,
        }
    }

    /// The row with where the flow stands in the log.
    pub(super) fn at(self, place: &FlowPlace) -> Self {
        let queued = place.queued_at.filter(|at| *at < self.started.0).map(|at| duration(at, self.started.0));
        Self { seq: place.seq, queued, ..self }
    }
}
