//! A trace's spans are a fold of the log: what happened, from when to when, and below what. It appends nothing.
//!
//! An activity enters a box, is matched, starts flows; a flow calls guests, and what a call asks for is dispatched. An entry
//! may end a span that an entry long before began. Of that one the fold says that it is [`Missing`], where it has not seen it
//! or has forgotten it, and goes on once it is told.

use std::collections::{HashMap, VecDeque};

use super::{SpanId, TraceContext, TraceId};
use crate::{
    event::{EffectChanged, Event, FlowStarted, NodeDone, NodeError, Record},
    ids::{EffectId, FlowId, NodeId},
    limits::{TRACED_ACTIVITIES, TRACED_FLOWS},
    state::EffectStatus,
    time::Timestamp,
};

/// Something that happened within a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace: TraceId,
    /// Which it is.
    pub id: SpanId,
    /// What is above.
    pub parent: Option<SpanId>,
    /// What happened, and to what.
    pub name: String,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// What more is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// What has to be known of the past first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The entries of a flow before this one.
    Flow(FlowId),
    /// The entry at this place, which holds an activity.
    Activity(u64),
}

/// What is kept of a flow, for spans to come.
#[derive(Debug)]
struct Flow {
    context: TraceContext,
    name: String,
    /// Its activity's match.
    above: SpanId,
    began: Timestamp,
    /// Effects that are not done with.
    effects: HashMap<EffectId, Effect>,
}

#[derive(Debug)]
struct Effect {
    kind: String,
    node: NodeId,
    item: Option<u32>,
    attempting_since: Option<Timestamp>,
}

/// The fold.
#[derive(Debug, Default)]
pub struct Spans {
    /// Flows; none for one that is not traced.
    flows: Recent<FlowId, Option<Flow>>,
    /// Activities by the places of their entries.
    activities: Recent<u64, Option<(TraceContext, Timestamp)>>,
}

impl Spans {
    /// What has to be told before this entry can be taken.
    pub fn missing(&self, record: &Record) -> Option<Missing> {
        let event = record.event.as_deref()?;
        if let Event::ActivityMatched(matched) = event {
            return (!self.activities.holds(&matched.seq)).then_some(Missing::Activity(matched.seq));
        }
        // What a flow begins with needs nothing before it.
        let flow = event.flow().filter(|_| !matches!(event, Event::FlowStarted(_)))?;
        (!self.flows.holds(&flow)).then_some(Missing::Flow(flow))
    }

    /// Takes what was missing of a flow: its entries so far. Where there are none any more, it counts as not traced.
    pub fn recall_flow(&mut self, flow: FlowId, past: &[Record]) {
        self.flows.put(flow, None, TRACED_FLOWS);
        for record in past {
            self.take(record, record.time);
        }
    }

    /// Takes the entry of an activity that was missing; none where it is gone.
    pub fn recall_activity(&mut self, seq: u64, record: Option<&Record>) {
        self.activities.put(seq, None, TRACED_ACTIVITIES);
        if let Some(record) = record {
            self.take(record, record.time);
        }
    }

    /// Takes an entry in, and gives the spans that it ends. `committed` is when it was durable, as far as that is known.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold passes over the entries that are not its own")]
    pub fn take(&mut self, record: &Record, committed: Timestamp) -> Vec<Span> {
        let Some(event) = record.event.as_deref() else { return Vec::new() };
        let time = record.time;
        match event {
            Event::ActivityAppended(appended) => {
                let activity = &appended.activity;
                let context = activity.trace.filter(|context| context.is_sampled);
                self.activities.put(record.seq, context.map(|context| (context, time)), TRACED_ACTIVITIES);
                let Some(context) = context else { return Vec::new() };
                let id = SpanId::of_activity(&activity.owner, activity.r#box, &activity.id);
                let name = match activity.r#box {
                    crate::ids::BoxName::Outbox => "ingest",
                    crate::ids::BoxName::Inbox => "receive",
                };
                let attributes = vec![
                    ("rosehip.activity.id", text(&activity.id)),
                    ("rosehip.activity.type", text(&activity.kind)),
                    ("rosehip.object.type", text(&activity.object_type)),
                    ("rosehip.actor", text(&activity.owner)),
                    ("rosehip.seq", number(record.seq)),
                ];
                vec![Span { attributes, ..span(context.trace, id, context.parent, name, time, committed.max(time)) }]
            }
            Event::ActivityMatched(matched) => {
                let Some(Some((context, appended))) = self.activities.get(&matched.seq) else { return Vec::new() };
                let (owner, name, activity) = (&matched.owner, matched.r#box, &matched.activity);
                let (id, above) = (SpanId::of_match(owner, name, activity), SpanId::of_activity(owner, name, activity));
                let attributes = vec![("rosehip.flows", number(matched.flows.len() as u64))];
                vec![Span { attributes, ..span(context.trace, id, Some(above), "match", *appended, time) }]
            }
            Event::FlowStarted(started) => {
                self.flows.put(started.flow, Flow::of(started, time), TRACED_FLOWS);
                Vec::new()
            }
            event => {
                let known = event.flow().and_then(|id| Some((id, self.flows.get_mut(&id)?.as_mut()?)));
                known.map_or_else(Vec::new, |(id, flow)| flow.take(id, time, event))
            }
        }
    }
}

impl Flow {
    fn of(started: &FlowStarted, began: Timestamp) -> Option<Self> {
        let context = started.trace.filter(|context| context.is_sampled)?;
        Some(Self {
            context,
            name: format!("flow {}", started.behavior),
            above: SpanId::of_match(&started.owner, started.r#box, &started.activity),
            began,
            effects: HashMap::new(),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold passes over the entries that are not its own")]
    fn take(&mut self, id: FlowId, time: Timestamp, event: &Event) -> Vec<Span> {
        match event {
            Event::NodeDone(done) => self.called(id, time, done),
            Event::NodeRetrying(failed) => {
                vec![self.failed_call(id, time, &failed.node, (failed.item, failed.attempt), &failed.error)]
            }
            Event::NodeFailed(failed) => {
                vec![self.failed_call(id, time, &failed.node, (failed.item, failed.attempt), &failed.error)]
            }
            Event::EffectChanged(change) => self.changed(id, time, change).into_iter().collect(),
            Event::FlowCompleted(_) | Event::FlowCancelled(_) => vec![self.ended(id, time, None)],
            Event::FlowFailed(failed) => vec![self.ended(id, time, Some(&failed.error))],
            _ => Vec::new(),
        }
    }

    fn span(&self, id: SpanId, parent: SpanId, name: String, times: (Timestamp, Timestamp)) -> Span {
        span(self.context.trace, id, Some(parent), name, times.0, times.1)
    }

    /// A call that succeeded, and what of its effects was carried out by being recorded.
    fn called(&mut self, flow: FlowId, time: Timestamp, done: &NodeDone) -> Vec<Span> {
        let id = SpanId::of_call(flow, &done.node, done.item);
        let name = format!("call {}", done.node);
        let attributes = call_attributes(flow, &done.node, (done.item, done.attempt))
            .chain([("rosehip.fuel", number(done.fuel))])
            .collect();
        let call = self.span(id, SpanId::of_flow(flow), name, (done.started_at.min(time), time));
        let mut spans = vec![Span { attributes, ..call }];
        for effect in &done.effects {
            if effect.status.is_open() {
                let (kind, node) = (effect.kind.clone(), effect.node.clone());
                let open = Effect { kind, node, item: effect.item, attempting_since: None };
                self.effects.insert(effect.id, open);
            } else {
                let name = format!("dispatch {}", effect.kind);
                let span = self.span(SpanId::of_dispatch(effect.id, 0), id, name, (time, time));
                spans.push(Span { attributes: effect_attributes(flow, effect.id, effect.status), ..span });
            }
        }
        spans
    }

    /// When a call began that did not succeed is not recorded.
    fn failed_call(
        &self,
        flow: FlowId,
        time: Timestamp,
        node: &NodeId,
        (item, attempt): (Option<u32>, u32),
        error: &NodeError,
    ) -> Span {
        let id = SpanId::of_failed_call(flow, node, item, attempt);
        let call = self.span(id, SpanId::of_flow(flow), format!("call {node}"), (time, time));
        let attributes = call_attributes(flow, node, (item, attempt)).collect();
        Span { error: Some(format!("{}: {}", error.rule, error.message)), attributes, ..call }
    }

    fn changed(&mut self, flow: FlowId, time: Timestamp, change: &EffectChanged) -> Option<Span> {
        let effect = self.effects.get_mut(&change.effect)?;
        if change.to == EffectStatus::Attempting {
            effect.attempting_since = Some(time);
            return None;
        }
        let since = effect.attempting_since.take();
        let above = SpanId::of_call(flow, &effect.node, effect.item);
        let name = format!("dispatch {}", effect.kind);
        let id = SpanId::of_dispatch(change.effect, change.attempt);
        let ended = self.span(id, above, name, (since.unwrap_or(time), time));
        if !change.to.is_open() && change.to != EffectStatus::Unhandled && change.to != EffectStatus::Dead {
            self.effects.remove(&change.effect);
        }
        // Of what was not attempted there is nothing to tell but a refusal.
        let is_told = since.is_some() || matches!(change.to, EffectStatus::Denied | EffectStatus::Unhandled);
        let mut attributes = effect_attributes(flow, change.effect, change.to);
        attributes.push(("rosehip.attempt", number(u64::from(change.attempt))));
        let error = (change.to != EffectStatus::Dispatched).then(|| change.error.clone()).flatten();
        is_told.then_some(Span { error, attributes, ..ended })
    }

    fn ended(&self, flow: FlowId, time: Timestamp, error: Option<&NodeError>) -> Span {
        let span = self.span(SpanId::of_flow(flow), self.above, self.name.clone(), (self.began, time));
        let error = error.map(|error| format!("{}: {}", error.rule, error.message));
        Span { error, attributes: vec![("rosehip.flow.id", text(&flow))], ..span }
    }
}

fn span(
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    name: impl Into<String>,
    start: Timestamp,
    end: Timestamp,
) -> Span {
    Span { trace, id, parent, name: name.into(), start, end: end.max(start), error: None, attributes: Vec::new() }
}

fn call_attributes(
    flow: FlowId,
    node: &NodeId,
    (item, attempt): (Option<u32>, u32),
) -> impl Iterator<Item = (&'static str, Attribute)> {
    let item = item.map(|item| ("rosehip.item", number(u64::from(item))));
    [("rosehip.flow.id", text(&flow)), ("rosehip.node", text(node)), ("rosehip.attempt", number(u64::from(attempt)))]
        .into_iter()
        .chain(item)
}

fn effect_attributes(flow: FlowId, effect: EffectId, status: EffectStatus) -> Vec<(&'static str, Attribute)> {
    vec![
        ("rosehip.flow.id", text(&flow)),
        ("rosehip.effect.id", text(&effect)),
        ("rosehip.effect.status", text(&status)),
    ]
}

fn text(value: &impl ToString) -> Attribute {
    Attribute::Text(value.to_string())
}

fn number(value: u64) -> Attribute {
    Attribute::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A map that forgets what was put first.
#[derive(Debug)]
struct Recent<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: std::hash::Hash + Eq + Copy, V> Recent<K, V> {
    fn put(&mut self, key: K, value: V, most: usize) {
        if self.map.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > most {
            if let Some(first) = self.order.pop_front() {
                self.map.remove(&first);
            }
        }
    }

    fn holds(&self, key: &K) -> bool {
        self.map.contains_key(key)
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }
}
