//! One flow as people read it: what went wrong first, then what it did, when, and why.

use askama::Template;
use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    behavior::{Node, NodeIndex},
    event::{Event, Record},
    flow::{FlowSummary, timeline::Timeline},
    state::{EffectStatus, FlowEvent, NodeStatus},
};
use serde_json::value::RawValue;

use super::{
    access::Need,
    activity_view::ActivityView,
    cause::CauseLink,
    dag_picture::DagPicture,
    delivery_view::SpreadView,
    effect_view::Payload,
    flow_part::{ENTRIES, FlowPart, STEPS},
    flow_row::FlowRow,
    flow_trouble::Trouble,
    page::{Badge, Frame, Moment},
    step_view::StepView,
    visitor::Visitor,
    waterfall::Waterfall,
};
use crate::host::FlowDetail;

/// Bytes of an entry that the page shows.
const ENTRY_BYTES: usize = 2_000;

/// One flow.
#[expect(clippy::struct_excessive_bools, reason = "each says what the visitor may do")]
#[derive(Template)]
#[template(path = "flow.html")]
pub(super) struct FlowDetailPage {
    frame: Frame,
    /// Where it is told that the flow goes on, while it can.
    follow: Option<String>,
    flow: FlowRow,
    digest: String,
    queued: Moment,
    activity: ActivityView,
    depth: u32,
    cause: Option<CauseLink>,
    /// Who has what it is about and what it said, by the activity's token.
    spreads: Vec<(String, SpreadView)>,
    /// All runs of its behavior for its activity, this one among them; none where it is the only one.
    runs: Vec<Run>,
    /// Flows that it caused, and whether there are more than these.
    children: (Vec<FlowRow>, bool),
    deeds: Vec<Deed>,
    trouble: Option<Trouble>,
    runner: &'static str,
    needs: String,
    picture: Option<DagPicture>,
    waterfall: Waterfall,
    /// The same page with waits folded, or to scale.
    other_scale: String,
    steps: Vec<StepView>,
    steps_total: usize,
    /// The pages of steps before and after this one; of a page with one step, the one with all of them.
    more_steps: More,
    entries: Vec<EntryView>,
    entries_total: usize,
    /// The first and the last entry that are shown, where those are not all.
    entries_range: Option<(u64, u64)>,
    more_entries: More,
    finished: Option<Moment>,
    may_retry: bool,
    may_rerun: bool,
    may_export: bool,
    /// The trace that it is part of.
    trace: Option<String>,
    /// Whether the visitor may try its event.
    may_try: bool,
    /// What an operator may do about keeping it: `pin` or `unpin`.
    pin: Option<&'static str>,
    may_cancel: bool,
    /// Signals that nodes wait for, where the visitor may send them.
    signals: Vec<String>,
    /// The origin of this host, for what is copied.
    origin: String,
}

/// Where more is of what a page shows a part of.
#[derive(Default)]
struct More {
    before: Option<String>,
    after: Option<String>,
    all: Option<String>,
}

/// A run of the flow's behavior for its activity.
struct Run {
    id: String,
    number: u32,
    badge: Badge,
    is_this: bool,
}

impl Run {
    fn all(detail: &FlowDetail) -> Vec<Self> {
        if detail.runs.is_empty() {
            return Vec::new();
        }
        let this = &detail.state.summary;
        let run = |flow: &FlowSummary| Self {
            id: flow.id.to_string(),
            number: flow.run,
            badge: flow.status.into(),
            is_this: flow.id == this.id,
        };
        let mut runs: Vec<_> = detail.runs.iter().chain([this]).map(run).collect();
        runs.sort_by_key(|run| run.number);
        runs
    }
}

struct EntryView {
    seq: u64,
    at: Moment,
    kind: &'static str,
    json: String,
}

impl FlowDetailPage {
    /// The page of a flow, or of a part of it.
    pub(super) fn new(visitor: &Visitor, detail: &FlowDetail, part: &FlowPart, origin: &str, since: u64) -> Self {
        let state = &detail.state;
        let flow = FlowRow::of(&state.summary, visitor);
        let status = state.status();
        let operates = visitor.has(Need::Operate);
        let may = |event: FlowEvent| operates && status.on(event).is_ok();
        let order = state.dag.reading_order();
        let (shown, more_steps) = steps_of(detail, &order, part, &flow.id);
        let children = detail.children.iter().map(|child| FlowRow::of(&child.summary, visitor));
        let needs: Vec<_> = detail.needs.iter().map(ToString::to_string).collect();
        let signals = order.iter().filter(|&&index| state.node(index).status == NodeStatus::Suspended);
        let signals = signals.filter_map(|&index| state.waits_for_signal(index)).map(str::to_owned);
        let entries = detail.records.iter().filter_map(|(record, _)| Some((record.time, record.event.as_deref()?)));
        let timeline = Timeline::of(state, entries, detail.queued_at, SystemClock::now());
        let href = |node: &Node| step_address(detail, &shown, node);
        Self {
            frame: Frame::new(format!("Flow {}", flow.short), visitor),
            follow: (state.summary.finished_at.is_none() || state.summary.effects.open() > 0)
                .then(|| format!("/flows/events?changes=1&flow={}&after={since}", flow.id)),
            digest: state.summary.digest.to_string(),
            queued: Moment(detail.queued_at),
            activity: ActivityView::of(&detail.activity),
            depth: state.started.depth,
            cause: CauseLink::of(state.started.cause.as_ref(), state.started.caused_by.as_deref()),
            runs: Run::all(detail),
            children: (children.collect(), detail.more_children),
            spreads: detail
                .spreads
                .iter()
                .filter_map(|(id, spread)| Some((id.token().to_owned(), SpreadView::of(spread)?)))
                .collect(),
            deeds: detail.records.iter().filter_map(|(record, _)| Deed::of(record)).collect(),
            trouble: Trouble::of(detail, operates, href),
            runner: detail.runner,
            needs: needs.join(", "),
            picture: DagPicture::of_flow(state, href),
            waterfall: Waterfall::of(state, &timeline, &shown, part.is_to_scale, |index| href(state.dag.node(index))),
            other_scale: part.address(&flow.id, |part| part.is_to_scale = !part.is_to_scale),
            steps: shown.iter().map(|&index| StepView::of(detail, index, part, operates)).collect(),
            steps_total: order.len(),
            more_steps,
            entries: detail.records.iter().skip(part.entries).take(ENTRIES).map(EntryView::of).collect(),
            entries_total: detail.records.len(),
            entries_range: range(&detail.records, part.entries),
            more_entries: pages(part.entries, ENTRIES, detail.records.len(), |entries| {
                part.address(&flow.id, |part| part.entries = entries) + "#log"
            }),
            finished: state.summary.finished_at.map(Moment),
            may_retry: may(FlowEvent::Retry),
            may_rerun: operates && status.is_final(),
            may_export: operates,
            trace: state.started.trace.map(|context| context.trace.to_string()),
            may_try: visitor.has(Need::Upload),
            pin: operates.then_some(if state.summary.pinned { "unpin" } else { "pin" }),
            may_cancel: may(FlowEvent::Cancel),
            signals: if visitor.has(Need::Signal) { signals.collect() } else { Vec::new() },
            origin: origin.to_owned(),
            flow,
        }
    }
}

/// The first and the last entry that are shown, where those are not all.
fn range(records: &[(Record, Box<RawValue>)], first: usize) -> Option<(u64, u64)> {
    let mut shown = records.iter().skip(first).take(ENTRIES).map(|(record, _)| record.seq);
    let begins = shown.next()?;
    Some((begins, shown.next_back().unwrap_or(begins))).filter(|_| records.len() > ENTRIES)
}

/// The steps that a page shows, and where the others are.
fn steps_of(detail: &FlowDetail, order: &[NodeIndex], part: &FlowPart, flow: &str) -> (Vec<NodeIndex>, More) {
    let alone = part.step.as_ref().and_then(|step| detail.state.dag.find(step));
    if let Some(step) = alone {
        return (vec![step], More { all: Some(format!("/flows/{flow}")), ..More::default() });
    }
    let shown = order.iter().skip(part.steps).take(STEPS).copied().collect();
    let more = pages(part.steps, STEPS, order.len(), |steps| part.address(flow, |part| part.steps = steps) + "#steps");
    (shown, more)
}

/// The pages before and after one that begins at `first`.
fn pages(first: usize, size: usize, total: usize, address: impl Fn(usize) -> String) -> More {
    let before = (first > 0).then(|| address(first.saturating_sub(size)));
    let after = (first.saturating_add(size) < total).then(|| address(first.saturating_add(size)));
    More { before, after, all: None }
}

/// Where a step is told: on this page, where it is one of those shown, else on a page of its own.
fn step_address(detail: &FlowDetail, shown: &[NodeIndex], node: &Node) -> String {
    let is_here = shown.iter().any(|&index| detail.state.dag.node(index).id == node.id);
    let id = &node.id;
    if is_here { format!("#step-{id}") } else { format!("/flows/{}?step={id}#step-{id}", detail.state.id()) }
}

impl EntryView {
    fn of((record, body): &(Record, Box<RawValue>)) -> Self {
        Self {
            seq: record.seq,
            at: Moment(record.time),
            kind: record.event.as_deref().map_or("erased", Event::kind),
            json: readable(body),
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
    let text = body.get();
    if text.len() <= ENTRY_BYTES {
        return serde_json::from_str(text).map_or_else(|_| text.to_owned(), |body| super::objects::pretty(&body));
    }
    let length = crate::words::grouped(text.len() as u64);
    format!("{}… (cut; {length} bytes, which the download has)", &text[..text.floor_char_boundary(ENTRY_BYTES)])
}
