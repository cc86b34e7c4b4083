//! The line under an article that follows what its last change set off: where each flow stands, and how it ended. It is
//! right when it is loaded; where scripts run, it is read anew while `GET /flows/events` tells of those flows.

use rosehip_core::{flow::FlowSummary, object::Object, state::FlowStatus};

use super::{
    fault::Fault,
    page::{Badge, Moment},
};
use crate::host::{FlowQuery, Host};

/// Flows that are followed.
const FOLLOWED: usize = 20;

/// What the last change of an article set off.
pub(super) struct Following {
    /// Its activity: the last part of its address, and its id.
    pub(super) activity: (String, String),
    pub(super) lines: Vec<FlowLine>,
    /// Whether it was held against the triggers.
    pub(super) is_matched: bool,
    /// The entry after which more may have happened.
    pub(super) after: u64,
}

/// Where a flow stands.
pub(super) struct FlowLine {
    pub(super) id: String,
    pub(super) behavior: String,
    pub(super) badge: Badge,
    pub(super) text: String,
    /// When its wait ends by itself.
    pub(super) due: Option<Moment>,
    is_open: bool,
}

impl Following {
    /// What the last activity about an article set off; none where there was none.
    pub(super) async fn of(host: &Host, object: &Object) -> Result<Option<Self>, Fault> {
        // What is committed from here on may be on the page already, and is never missed.
        let after = host.committed();
        let Some(change) = host.last_change(&object.key.to_string()).await? else { return Ok(None) };
        let Some(activity) = change.last_activity else { return Ok(None) };
        let is_matched = host.activity(activity.as_str()).await?.is_some_and(|found| found.matched.is_some());
        let query = FlowQuery { limit: FOLLOWED, activity: Some(activity.to_string()), ..FlowQuery::default() };
        let mut lines = Vec::new();
        for flow in host.flows(query).await?.flows.iter().rev() {
            lines.push(FlowLine::of(host, flow).await?);
        }
        let activity = (activity.token().to_owned(), activity.to_string());
        Ok(Some(Self { activity, lines, is_matched, after }))
    }

    /// Whether something may still happen.
    pub(super) fn is_open(&self) -> bool {
        !self.is_matched || self.lines.iter().any(|line| line.is_open)
    }
}

impl FlowLine {
    async fn of(host: &Host, flow: &FlowSummary) -> Result<Self, Fault> {
        let (open, total) = (flow.effects.open(), flow.effects.total());
        let text = match flow.status {
            FlowStatus::Running => "running".to_owned(),
            FlowStatus::Suspended if flow.next_due.is_some() => "waits until".to_owned(),
            FlowStatus::Suspended => "waits for a signal".to_owned(),
            FlowStatus::Completed if open > 0 => format!("{} of {} done", total - open, effects(total)),
            FlowStatus::Completed => ended(flow),
            FlowStatus::Failed => format!("failed: {}", failure(host, flow).await?),
            FlowStatus::Cancelled => "cancelled".to_owned(),
        };
        Ok(Self {
            id: flow.id.to_string(),
            behavior: flow.behavior.to_string(),
            badge: flow.status.into(),
            text,
            due: flow.next_due.filter(|_| flow.status == FlowStatus::Suspended).map(Moment),
            is_open: !flow.status.is_final() || open > 0,
        })
    }
}

fn effects(count: u32) -> String {
    if count == 1 { "1 effect".to_owned() } else { format!("{count} effects") }
}

/// How a flow that completed did: its effects, and those that need somebody.
fn ended(flow: &FlowSummary) -> String {
    let counts = &flow.effects;
    let stuck = [(counts.dead, "dead"), (counts.denied, "denied"), (counts.unhandled, "unhandled")];
    let stuck = stuck.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
    format!("done: {}{}", effects(counts.total()), stuck.collect::<String>())
}

/// Why a flow failed.
async fn failure(host: &Host, flow: &FlowSummary) -> Result<String, Fault> {
    let detail = host.flow(&flow.id.to_string()).await?;
    let nodes = detail.iter().flat_map(|detail| {
        let state = &detail.state;
        state.dag.order().iter().filter_map(|node| state.node(*node).error.as_ref())
    });
    Ok(nodes.map(|error| error.message.clone()).next().unwrap_or_else(|| "see why".to_owned()))
}
