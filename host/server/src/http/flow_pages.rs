//! Flows as people read them: the list, and one with all that happened.

use askama::Template;
use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    behavior::{Dag, NodeIndex, NodeWork, Wait},
    event::{Event, Record, Timer},
    flow::{FlowState, FlowSummary, NodeState, Waiting},
    guest::{GuestLogLevel, GuestLogLine},
    ids::BoxName,
    state::{EffectStatus, FlowEvent, FlowStatus, NodeStatus},
};
use serde_json::{Value, value::RawValue};

use super::{
    access::Need,
    cause::CauseLink,
    delivery_view::SpreadView,
    effect_view::{EffectView, Payload},
    flow_json,
    flow_query::Filters,
    objects::pretty,
    page::{Badge, Frame, Moment, duration},
    visitor::Visitor,
    written,
};
use crate::host::{FlowDetail, FlowPage};

/// Characters of a value that changed which its row shows.
const CHANGE_CHARS: usize = 240;

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

/// The list of flows.
#[derive(Template)]
#[template(path = "flows.html")]
pub(super) struct FlowsPage {
    frame: Frame,
    filters: Filters,
    /// Words to filter by, with whether it is done.
    statuses: Vec<(&'static str, bool)>,
    flows: Vec<FlowRow>,
    next: Option<String>,
}

impl FlowsPage {
    /// The page of a list.
    pub(super) fn new(visitor: &Visitor, filters: Filters, page: &FlowPage) -> Self {
        Self {
            frame: Frame::new("Flows", visitor),
            next: page.next.map(|cursor| filters.page_from(cursor)),
            statuses: FlowStatus::ALL
                .iter()
                .map(|status| (status.as_str(), filters.query.status == Some(*status)))
                .collect(),
            filters,
            flows: page.flows.iter().map(FlowRow::of).collect(),
        }
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

/// The activity that started a flow.
pub(super) struct ActivityView {
    pub(super) kind: String,
    pub(super) object_type: String,
    pub(super) token: String,
    pub(super) id: String,
    pub(super) cid: String,
    pub(super) actor: String,
    pub(super) changes: Vec<ChangeView>,
}

/// A field that changed; a side is none where the field was absent.
pub(super) struct ChangeView {
    pub(super) field: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

impl ActivityView {
    /// Without what stood there before, which may never have been published.
    pub(super) fn for_everybody(self) -> Self {
        Self { changes: Vec::new(), ..self }
    }

    /// The view of an activity.
    pub(super) fn of(activity: &rosehip_core::activity::Activity) -> Self {
        let changes = activity.transitions.iter().map(|change| {
            let side = |value: &Value| (!value.is_null()).then(|| short(&plain(value)));
            ChangeView { field: change.field.clone(), from: side(&change.from), to: side(&change.to) }
        });
        Self {
            kind: activity.kind.to_string(),
            object_type: activity.object_type.to_string(),
            // Ids of other hosts may end alike.
            token: match activity.r#box {
                BoxName::Inbox => activity.cid.to_string(),
                BoxName::Outbox => activity.id.token().to_owned(),
            },
            id: activity.id.to_string(),
            cid: activity.cid.to_string(),
            actor: activity.owner.to_string(),
            changes: changes.collect(),
        }
    }
}

/// A value as people read it: text as it is, of a source its text, of a tag its name.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => match (members.get("bytes"), members.get("content").or(members.get("name"))) {
            (Some(bytes), _) => format!("{bytes} bytes"),
            (None, Some(text)) => plain(text),
            (None, None) => value.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(CHANGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A node with what happened to it.
struct StepView {
    id: String,
    label: String,
    kind: &'static str,
    badge: Badge,
    is_idle: bool,
    /// What leads to it, such as `validate (urgent)`.
    after: Vec<String>,
    branch: Option<String>,
    attempts: u32,
    /// Of an `each`: how many items there are, and how many of them are done.
    items: Option<(usize, usize)>,
    duration: Option<String>,
    fuel: Option<String>,
    waiting: Option<WaitView>,
    retry_at: Option<Moment>,
    error: Option<(String, String)>,
    effects: Vec<EffectView>,
    log: Vec<(&'static str, String)>,
}

/// What a node waits for.
struct WaitView {
    until: Option<Moment>,
    signal: Option<String>,
    schedule: Option<String>,
    is_for_effects: bool,
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
        let order = reading_order(&state.dag);
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

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (head, tail) = digits.split_at(first);
    let groups = tail.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    Some(head.to_owned()).filter(|head| !head.is_empty()).into_iter().chain(groups).collect::<Vec<_>>().join(",")
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

impl StepView {
    fn of(detail: &FlowDetail, index: NodeIndex, operates: bool) -> Self {
        let state = &detail.state;
        let (node, now) = (state.dag.node(index), state.node(index));
        let ended = now.finished_at.or_else(|| now.started_at.map(|_| SystemClock::now()));
        Self {
            id: node.id.to_string(),
            label: node.label.clone(),
            kind: flow_json::kind(&node.work),
            badge: now.status.into(),
            is_idle: matches!(now.status, NodeStatus::Skipped | NodeStatus::Pending),
            after: after(&state.dag, index),
            branch: now.branch.clone(),
            attempts: now.attempts(),
            items: now.progress(),
            duration: now.started_at.zip(ended).map(|(from, to)| duration(from, to)),
            fuel: now.fuel.map(grouped),
            waiting: WaitView::of(state, &node.work, now),
            retry_at: now.retry_at().map(Moment),
            error: now.error.as_ref().map(|error| (error.rule.clone(), error.message.clone())),
            effects: now
                .effects
                .iter()
                .map(|place| EffectView::of(&state.effects[*place], operates, &detail.children))
                .collect(),
            log: log_of(detail, node.id.as_str()),
        }
    }
}

/// The nodes in the manifest's order, as far as none comes before what leads to it.
pub(super) fn reading_order(dag: &Dag) -> Vec<NodeIndex> {
    let mut order: Vec<NodeIndex> = Vec::with_capacity(dag.len());
    let mut left: Vec<NodeIndex> = (0..dag.len()).map(NodeIndex::new).collect();
    while let Some(place) = left.iter().position(|&node| dag.incoming(node).all(|(from, _)| order.contains(&from))) {
        order.push(left.remove(place));
    }
    order
}

/// What leads to a node, with the branch on which it does.
pub(super) fn after(dag: &Dag, index: NodeIndex) -> Vec<String> {
    let edges = dag.incoming(index).map(|(from, edge)| {
        let from = &dag.node(from).id;
        edge.when.as_ref().map_or_else(|| from.to_string(), |branch| format!("{from} ({branch})"))
    });
    let mut edges: Vec<_> = edges.collect();
    edges.sort();
    edges
}

/// What the guest wrote while a node was called.
#[expect(clippy::wildcard_enum_match_arm, reason = "three of some thirty events carry lines")]
fn log_of(detail: &FlowDetail, id: &str) -> Vec<(&'static str, String)> {
    let lines = detail.records.iter().filter_map(|(record, _)| match record.event.as_deref()? {
        Event::NodeDone(done) if done.node.as_str() == id => Some(&done.log),
        Event::NodeRetrying(retrying) if retrying.node.as_str() == id => Some(&retrying.log),
        Event::NodeFailed(failed) if failed.node.as_str() == id => Some(&failed.log),
        _ => None,
    });
    lines.flatten().map(|line: &GuestLogLine| (level(line.level), line.message.clone())).collect()
}

fn level(level: GuestLogLevel) -> &'static str {
    match level {
        GuestLogLevel::Debug => "debug",
        GuestLogLevel::Info => "info",
        GuestLogLevel::Warn => "warn",
        GuestLogLevel::Error => "error",
    }
}

impl WaitView {
    fn of(state: &FlowState, work: &NodeWork, now: &NodeState) -> Option<Self> {
        match now.waiting.as_ref()? {
            Waiting::Wait { timer, signal } => Some(Self {
                until: timer.map(Timer::nominal).map(Moment),
                signal: signal.clone(),
                schedule: schedule(state, work),
                is_for_effects: false,
            }),
            Waiting::Effects => Some(Self { until: None, signal: None, schedule: None, is_for_effects: true }),
        }
    }
}

/// The schedule that a wait follows, such as `09:00 Europe/Berlin on mon, thu`.
fn schedule(state: &FlowState, work: &NodeWork) -> Option<String> {
    let NodeWork::Wait(Wait::Until(pointer)) = work else { return None };
    let within = pointer.strip_prefix("/config/")?;
    let (name, rest) =
        within.split_once('/').map_or((within, String::new()), |(name, rest)| (name, format!("/{rest}")));
    let schedule = state.started.config.get(name)?.pointer(&rest)?;
    let text = |name: &str| schedule.get(name).and_then(Value::as_str);
    let time = format!("{} {}", text("at")?, text("tz")?);
    let days = schedule.get("days").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let days = days.collect::<Vec<_>>().join(", ");
    Some(if days.is_empty() { format!("every day at {time}") } else { format!("{days} at {time}") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_as_text() {
        assert_eq!(plain(&json!({"content": "*x*", "mediaType": "text/markdown"})), "*x*");
        assert_eq!(plain(&json!([{"type": "Hashtag", "name": "#a"}, {"name": "#b"}])), "#a, #b");
        assert_eq!(plain(&json!({"bytes": 2_000})), "2000 bytes");
        assert_eq!(short(&"ä".repeat(300)).chars().count(), CHANGE_CHARS + 1);
        assert_eq!([1, 12, 123, 1_234, 1_234_567].map(grouped), ["1", "12", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn steps_are_read_in_the_manifests_order() {
        let node = |id: &str| serde_json::from_value(json!({"id": id, "kind": "step"})).expect("a node");
        let edge = |from: &str, to: &str| serde_json::from_value(json!({"from": from, "to": to})).expect("an edge");
        let nodes = ["last", "first", "left", "right"].map(node);
        let edges = [edge("first", "left"), edge("first", "right"), edge("left", "last"), edge("right", "last")];
        let dag = Dag::check(&nodes, &edges).expect("a DAG");
        let order: Vec<_> = reading_order(&dag).into_iter().map(|index| dag.node(index).id.to_string()).collect();
        assert_eq!(order, ["first", "left", "right", "last"]);
    }
}
