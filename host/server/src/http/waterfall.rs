//! A flow as a waterfall: a row for each step and for what it sent, with the time in the queue, in the guest and on the way
//! out apart from one another.

use std::collections::BTreeMap;

use rosehip_core::{
    behavior::NodeIndex,
    flow::{
        FlowState,
        timeline::{Phase, Span, Timeline},
    },
};

use super::{
    page::length,
    time_axis::{TimeAxis, WIDTH},
};

/// Rows of effects that a step has; more are one row together.
const EFFECT_ROWS: usize = 3;
/// The least that a bar is wide, so that it is seen.
const LEAST: f64 = 4.0;

/// A waterfall, ready to be written.
pub(super) struct Waterfall {
    pub(super) rows: Vec<Row>,
    /// Whether time was folded, and whether it could be.
    pub(super) has_folds: bool,
    pub(super) is_to_scale: bool,
    /// From its activity to its last entry, in words.
    pub(super) whole: String,
    /// The phases that occur, for the legend.
    pub(super) legend: Vec<&'static str>,
}

/// A row of a waterfall.
pub(super) struct Row {
    pub(super) label: String,
    /// Where it is told at length.
    pub(super) href: Option<String>,
    pub(super) is_effect: bool,
    pub(super) bars: Vec<Bar>,
    /// What the bars say.
    pub(super) words: String,
}

/// A bar: its class, where it begins and how wide it is, in thousandths of the row.
pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) width: String,
}

impl Waterfall {
    /// The waterfall of some of a flow's steps, with waits folded or to scale. `href` says where a step is told.
    pub(super) fn of(
        flow: &FlowState,
        timeline: &Timeline,
        shown: &[NodeIndex],
        is_to_scale: bool,
        href: impl Fn(NodeIndex) -> String,
    ) -> Self {
        let axis = TimeAxis::of(timeline.spans(), !is_to_scale);
        let mut rows = vec![Row::of(&axis, "queued".to_owned(), None, false, &[timeline.queue])];
        for &index in shown {
            let Some(spans) = timeline.nodes.get(&index) else { continue };
            let label = flow.dag.node(index).label.clone();
            rows.push(Row::of(&axis, label, Some(href(index)), false, spans));
            rows.extend(effects(flow, timeline, &axis, index));
        }
        let occurs = |phase: &Phase| timeline.spans().any(|span| span.phase == *phase && span.to > span.from);
        let ends = timeline.spans().map(|span| span.to.as_millis()).max().unwrap_or_default();
        let whole = u64::try_from(ends - timeline.queue.from.as_millis()).unwrap_or_default();
        Self {
            rows,
            has_folds: axis.folds().next().is_some(),
            is_to_scale,
            whole: length(whole),
            legend: Phase::ALL.iter().filter(|phase| occurs(phase)).map(|phase| phase.as_str()).collect(),
        }
    }
}

/// The rows of what a step sent.
fn effects(flow: &FlowState, timeline: &Timeline, axis: &TimeAxis, index: NodeIndex) -> Vec<Row> {
    let sent = flow.node(index).effects.iter().map(|place| &flow.effects[*place].effect);
    let sent: Vec<_> = sent.filter_map(|effect| Some((effect, timeline.effects.get(&effect.id)?))).collect();
    if sent.len() <= EFFECT_ROWS {
        let row = |(effect, spans): &(&rosehip_core::effect::Effect, &Vec<Span>)| {
            Row::of(axis, effect.kind.clone(), Some(format!("#effect-{}", effect.id)), true, spans)
        };
        return sent.iter().map(row).collect();
    }
    let together = union(sent.iter().flat_map(|(_, spans)| spans.iter().copied()));
    vec![Row::of(axis, format!("{} effects", sent.len()), None, true, &together)]
}

/// Spans of the same phase that overlap as one.
fn union(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut by_phase: BTreeMap<Phase, Vec<Span>> = BTreeMap::new();
    for span in spans {
        by_phase.entry(span.phase).or_default().push(span);
    }
    let joined = by_phase.into_values().flat_map(|mut spans| {
        spans.sort_by_key(|span| span.from);
        let mut joined: Vec<Span> = Vec::new();
        for span in spans {
            match joined.last_mut() {
                Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
                _ => joined.push(span),
            }
        }
        joined
    });
    joined.collect()
}

impl Row {
    fn of(axis: &TimeAxis, label: String, href: Option<String>, is_effect: bool, spans: &[Span]) -> Self {
        let bar = |span: &Span| {
            let (from, to) = (axis.place(span.from), axis.place(span.to));
            let width = (to - from).max(LEAST);
            let x = from.min(WIDTH - width);
            Bar { class: span.phase.as_str(), x: format!("{x:.1}"), width: format!("{width:.1}") }
        };
        let fold = |(from, to, _): (f64, f64, i64)| Bar {
            class: "fold",
            x: format!("{from:.1}"),
            width: format!("{:.1}", to - from),
        };
        Self {
            label,
            href,
            is_effect,
            bars: axis.folds().map(fold).chain(spans.iter().map(bar)).collect(),
            words: words(spans),
        }
    }
}

/// How long each phase took, such as `queue 2 ms, guest 1 ms`.
fn words(spans: &[Span]) -> String {
    let mut sums: BTreeMap<Phase, u64> = BTreeMap::new();
    for span in spans {
        let took = u64::try_from(span.to.as_millis() - span.from.as_millis()).unwrap_or_default();
        *sums.entry(span.phase).or_default() += took;
    }
    // A queue that took no time is no news.
    let told = sums.into_iter().filter(|(phase, took)| *took > 0 || *phase != Phase::Queue);
    let told: Vec<_> = told.map(|(phase, took)| format!("{} {}", phase.as_str(), length(took))).collect();
    if told.is_empty() { length(0) } else { told.join(", ") }
}
