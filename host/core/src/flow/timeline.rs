//! When a flow did what: a pure fold of its entries' times into spans, from which a waterfall is drawn. Time in the queue,
//! time in the guest and time on the way out are told apart, so that one sees at once whose time it was.

use std::collections::BTreeMap;

use super::{FlowState, Waiting};
use crate::{
    behavior::NodeIndex,
    event::Event,
    ids::{EffectId, NodeId},
    state::EffectStatus,
    time::Timestamp,
};

/// What passed during a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// There was work to do and the host had not begun it.
    Queue,
    /// The guest was called; of an `each`, for any of its items.
    Guest,
    /// A call or an attempt had failed and the next one was not due.
    Backoff,
    /// The node waited for its time, its signal or its effects.
    Wait,
    /// An attempt to carry an effect out was under way.
    Dispatch,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Queue, Self::Guest, Self::Wait, Self::Dispatch, Self::Backoff];

    /// Whether the host or something it asked was at work, or should have been.
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Queue | Self::Guest | Self::Dispatch)
    }

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Guest => "guest",
            Self::Backoff => "backoff",
            Self::Wait => "wait",
            Self::Dispatch => "dispatch",
        }
    }
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What passed.
    pub phase: Phase,
    /// From when.
    pub from: Timestamp,
    /// Until when; of what still goes on, until the moment the timeline was asked for. Never before `from`.
    pub to: Timestamp,
}

/// When a flow did what, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// From its activity to the flow's first entry.
    pub queue: Span,
    /// What each node that was reached did.
    pub nodes: BTreeMap<NodeIndex, Vec<Span>>,
    /// What became of each effect that was not settled by the append that recorded it.
    pub effects: BTreeMap<EffectId, Vec<Span>>,
}

impl Timeline {
    /// The timeline of a flow from its entries with their times, oldest first. `queued_at` is the time of its activity's
    /// entry, `now` ends what still goes on. Clocks that went backwards make spans empty, never negative.
    pub fn of<'a>(
        flow: &FlowState,
        entries: impl Iterator<Item = (Timestamp, &'a Event)>,
        queued_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let mut fold = Fold { flow, nodes: BTreeMap::new(), effects: BTreeMap::new() };
        for (time, event) in entries {
            fold.apply(time, event);
        }
        let mut nodes = end(fold.nodes, now);
        for &index in flow.dag.order() {
            let spans = nodes.remove(&index).unwrap_or_default();
            let spans = around(flow, index, spans, now);
            if !spans.is_empty() {
                nodes.insert(index, spans);
            }
        }
        Self { queue: span(Phase::Queue, queued_at, flow.summary.started_at), nodes, effects: end(fold.effects, now) }
    }

    /// All its spans.
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        std::iter::once(&self.queue).chain(self.nodes.values().flatten()).chain(self.effects.values().flatten())
    }
}

fn span(phase: Phase, from: Timestamp, to: Timestamp) -> Span {
    Span { phase, from, to: to.max(from) }
}

/// Spans so far, and what has begun and not ended.
#[derive(Default)]
struct Track {
    spans: Vec<Span>,
    open: Option<(Phase, Timestamp)>,
}

impl Track {
    fn begin(&mut self, phase: Phase, at: Timestamp) {
        self.end(at);
        self.open = Some((phase, at));
    }

    fn end(&mut self, at: Timestamp) {
        if let Some((phase, from)) = self.open.take() {
            self.push(span(phase, from, at));
        }
    }

    /// Adds a span. One that touches the last of its kind becomes part of it: the items of an `each` are called at once.
    fn push(&mut self, new: Span) {
        match self.spans.last_mut() {
            Some(last) if last.phase == new.phase && new.from <= last.to => {
                last.from = last.from.min(new.from);
                last.to = last.to.max(new.to);
            }
            _ => self.spans.push(new),
        }
    }
}

struct Fold<'a> {
    flow: &'a FlowState,
    nodes: BTreeMap<NodeIndex, Track>,
    effects: BTreeMap<EffectId, Track>,
}

impl Fold<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most entries say nothing about when a node or effect was at work"
    )]
    fn apply(&mut self, time: Timestamp, event: &Event) {
        match event {
            Event::NodeDone(done) => {
                self.called(&done.node, done.started_at, time);
                for effect in done.effects.iter().filter(|effect| effect.status == EffectStatus::Recorded) {
                    self.effects.entry(effect.id).or_default().begin(Phase::Queue, time);
                }
            }
            Event::NodeRetrying(retrying) => {
                let track = self.track(&retrying.node);
                // When the call began is not recorded; that it was made is.
                track.end(time);
                track.push(span(Phase::Guest, time, time));
                track.begin(Phase::Backoff, time);
            }
            Event::NodeFailed(failed) => self.called(&failed.node, failed.started_at, time),
            Event::NodeSuspended(suspended) => self.track(&suspended.node).begin(Phase::Wait, time),
            Event::NodeFired(fired) => self.track(&fired.node).end(time),
            Event::EffectChanged(change) => {
                let track = self.effects.entry(change.effect).or_default();
                match change.to {
                    EffectStatus::Recorded => track.begin(Phase::Queue, time),
                    EffectStatus::Attempting => track.begin(Phase::Dispatch, time),
                    // What somebody redrives is due at once.
                    EffectStatus::Retrying if change.delay_ms.is_none() => track.begin(Phase::Queue, time),
                    EffectStatus::Retrying => track.begin(Phase::Backoff, time),
                    EffectStatus::Dispatched
                    | EffectStatus::Dead
                    | EffectStatus::Denied
                    | EffectStatus::Cancelled
                    | EffectStatus::Unhandled => track.end(time),
                }
            }
            _ => {}
        }
    }

    fn track(&mut self, node: &NodeId) -> &mut Track {
        let index = self.flow.dag.find(node).unwrap_or_default();
        self.nodes.entry(index).or_default()
    }

    fn called(&mut self, node: &NodeId, from: Timestamp, to: Timestamp) {
        let track = self.track(node);
        track.end(from);
        track.push(span(Phase::Guest, from, to));
    }
}

/// A node's spans with what no entry of its own tells: the time before its first call, and that after its last one in which it
/// waited for its effects.
fn around(flow: &FlowState, index: NodeIndex, mut spans: Vec<Span>, now: Timestamp) -> Vec<Span> {
    let node = flow.node(index);
    let is_waiting = matches!(node.waiting, Some(Waiting::Effects));
    let settled = if is_waiting { Some(now) } else { node.finished_at };
    if let (true, Some(last), Some(settled)) = (flow.dag.node(index).await_effects, spans.last(), settled) {
        let waited = span(Phase::Wait, last.to, settled);
        spans.extend((waited.to > waited.from).then_some(waited));
    }
    let is_due = flow.summary.finished_at.is_none() && !node.status.is_settled();
    let called = spans.first().map(|first| first.from).or(is_due.then_some(now));
    if let (Some(ready), Some(called)) = (node.ready_at, called)
        && called > ready
    {
        spans.insert(0, span(Phase::Queue, ready, called));
    }
    spans
}

fn end<K: Ord>(tracks: BTreeMap<K, Track>, now: Timestamp) -> BTreeMap<K, Vec<Span>> {
    let ended = tracks.into_iter().map(|(key, mut track)| {
        track.end(now);
        (key, track.spans)
    });
    ended.filter(|(_, spans)| !spans.is_empty()).collect()
}
