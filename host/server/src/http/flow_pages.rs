//! Flows as people read them: the list, and one with all that happened.

use askama::Template;
use rosehip_core::{
    event::{Event, Record},
    state::{EffectStatus, FlowEvent, FlowStatus, NodeStatus},
};
use serde_json::{Value, value::RawValue};

use super::{
    access::Need,
    activity_view::ActivityView,
    cause::CauseLink,
    delivery_view::SpreadView,
    effect_view::Payload,
    flow_query::{Filters, View},
    flow_row::FlowRow,
    objects::pretty,
    page::{Frame, Moment},
    step_view::StepView,
    visitor::Visitor,
};
use crate::{
    host::{FlowCount, FlowDetail, FlowPage},
    words::grouped,
};

/// The list of flows.
#[derive(Template)]
#[template(path = "flows.html")]
pub(super) struct FlowsPage {
    frame: Frame,
    filters: Filters,
    /// The views by label and address, with whether it is this one.
    views: Vec<(&'static str, String, bool)>,
    /// Words to filter by, with whether it is done.
    statuses: Vec<(&'static str, bool)>,
    effect_statuses: Vec<(&'static str, bool)>,
    flows: Vec<FlowRow>,
    /// How many there are on all pages, in words.
    count: String,
    next: Option<String>,
}

impl FlowsPage {
    /// The page of a list.
    pub(super) fn new(visitor: &Visitor, filters: Filters, page: &FlowPage, count: FlowCount) -> Self {
        let view = |view: View| (view.label(), filters.of_view(view), view == filters.view);
        let effect_status = filters.value("effect_status");
        Self {
            frame: Frame::new("Flows", visitor),
            next: page.next.map(|cursor| filters.page_from(cursor)),
            views: View::ALL.into_iter().map(view).collect(),
            statuses: FlowStatus::ALL
                .iter()
                .map(|status| (status.as_str(), filters.query.status == Some(*status)))
                .collect(),
            effect_statuses: EffectStatus::ALL
                .iter()
                .map(|status| (status.as_str(), status.as_str() == effect_status))
                .collect(),
            count: in_words(count),
            flows: page.flows.iter().map(FlowRow::of).collect(),
            filters,
        }
    }
}

fn in_words(count: FlowCount) -> String {
    match count {
        FlowCount { flows: 1, .. } => "1 flow".to_owned(),
        FlowCount { flows, is_more: true } => format!("more than {} flows", grouped(flows)),
        FlowCount { flows, is_more: false } => format!("{} flows", grouped(flows)),
    }
}

/// One flow.
#[derive(Template)]
#[template(path = "flow.html")]
pub(super) struct FlowDetailPage {
    frame: Frame,
    flow: FlowRow,
    digest: String,
    activity: ActivityView,
    depth: u32,
    cause: Option<CauseLink>,
    /// Who has what it is about and what it said, by the activity's token.
    spreads: Vec<(String, SpreadView)>,
    /// Flows that it caused, and whether there are more than these.
    children: (Vec<FlowRow>, bool),
    deeds: Vec<Deed>,
    error: Option<String>,
    runner: &'static str,
    needs: String,
    steps: Vec<StepView>,
    entries: Vec<EntryView>,
    finished: Option<Moment>,
    may_retry: bool,
    may_rerun: bool,
    /// What an operator may do about keeping it: `pin` or `unpin`.
    pin: Option<&'static str>,
    may_cancel: bool,
    /// Signals that nodes wait for, where the visitor may send them.
    signals: Vec<String>,
}

struct EntryView {
    seq: u64,
    at: Moment,
    kind: &'static str,
    json: String,
}

impl FlowDetailPage {
    /// The page of a flow.
    pub(super) fn new(visitor: &Visitor, detail: &FlowDetail) -> Self {
        let state = &detail.state;
        let flow = FlowRow::of(&state.summary);
        let status = state.status();
        let operates = visitor.has(Need::Operate);
        let may = |event: FlowEvent| operates && status.on(event).is_ok();
        let order = state.dag.reading_order();
        let children = detail.children.iter().map(|child| FlowRow::of(&child.summary));
        let needs: Vec<_> = detail.needs.iter().map(ToString::to_string).collect();
        let signals = order.iter().filter(|&&index| state.node(index).status == NodeStatus::Suspended);
        let signals = signals.filter_map(|&index| state.waits_for_signal(index)).map(str::to_owned);
        Self {
            frame: Frame::new(format!("Flow {}", flow.short), visitor),
            digest: state.summary.digest.to_string(),
            activity: ActivityView::of(&detail.activity),
            depth: state.started.depth,
            cause: CauseLink::of(state.started.cause.as_ref(), state.started.caused_by.as_deref()),
            children: (children.collect(), detail.more_children),
            spreads: detail
                .spreads
                .iter()
                .filter_map(|(id, spread)| Some((id.token().to_owned(), SpreadView::of(spread)?)))
                .collect(),
            deeds: detail.records.iter().filter_map(|(record, _)| Deed::of(record)).collect(),
            error: failure(detail),
            runner: detail.runner,
            needs: needs.join(", "),
            steps: order.iter().map(|&index| StepView::of(detail, index, operates)).collect(),
            entries: detail
                .records
                .iter()
                .map(|(record, body)| EntryView {
                    seq: record.seq,
                    at: Moment(record.time),
                    kind: record.event.as_deref().map_or("erased", Event::kind),
                    json: readable(body),
                })
                .collect(),
            finished: state.summary.finished_at.map(Moment),
            may_retry: may(FlowEvent::Retry),
            may_rerun: operates && status.is_final(),
            pin: operates.then_some(if state.summary.pinned { "unpin" } else { "pin" }),
            may_cancel: may(FlowEvent::Cancel),
            signals: if visitor.has(Need::Signal) { signals.collect() } else { Vec::new() },
            flow,
        }
    }
}

/// What somebody did to the flow.
struct Deed {
    at: Moment,
    what: String,
    by: String,
    reason: Option<String>,
}

impl Deed {
    #[expect(clippy::wildcard_enum_match_arm, reason = "five of some thirty events are somebody's doing")]
    fn of(record: &Record) -> Option<Self> {
        let (what, by, reason) = match record.event.as_deref()? {
            Event::FlowStarted(body) if body.by.is_some() || body.reason.is_some() => {
                ("ran it again".to_owned(), &body.by, &body.reason)
            }
            Event::FlowRetried(body) => ("had the failed steps retried".to_owned(), &body.by, &body.reason),
            Event::FlowCancelled(body) => ("cancelled it".to_owned(), &body.by, &body.reason),
            Event::SignalReceived(body) => (format!("sent the signal {}", body.name), &body.by, &None),
            Event::EffectChanged(body) if body.to == EffectStatus::Retrying && body.failure.is_none() => {
                (format!("had effect {} tried again", body.effect.short()), &body.by, &body.reason)
            }
            _ => return None,
        };
        let by = by.clone().unwrap_or_else(|| "somebody".to_owned());
        Some(Self { at: Moment(record.time), what, by, reason: reason.clone() })
    }
}

/// An entry's body as people read it; of a long one the beginning, as it stands in the log.
fn readable(body: &RawValue) -> String {
    const MOST_BYTES: usize = 64 << 10;
    let text = body.get();
    if text.len() <= MOST_BYTES {
        return serde_json::from_str(text).map_or_else(|_| text.to_owned(), |body: Value| pretty(&body));
    }
    let length = grouped(text.len() as u64);
    format!("{}… (cut; {length} bytes, which this page has as JSON)", &text[..text.floor_char_boundary(MOST_BYTES)])
}

/// How a failed flow failed.
fn failure(detail: &FlowDetail) -> Option<String> {
    if detail.state.status() != FlowStatus::Failed {
        return None;
    }
    detail.records.iter().rev().find_map(|(record, _)| match record.event.as_deref() {
        Some(Event::FlowFailed(failed)) => {
            Some(format!("{} failed: {} ({})", failed.node, failed.error.message, failed.error.rule))
        }
        _ => None,
    })
}
