//! A node of a flow, as the flow's page shows it.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    behavior::{NodeIndex, NodeWork, Wait},
    event::{Event, Timer},
    flow::{FlowState, NodeState, Waiting},
    guest::GuestLogLine,
    state::NodeStatus,
};
use serde_json::Value;

use super::{
    effect_view::EffectView,
    flow_json,
    flow_part::{EFFECTS, EFFECTS_ALONE, FlowPart},
    page::{Badge, Moment, duration},
};
use crate::{host::FlowDetail, words::grouped};

/// A node with what happened to it.
pub(super) struct StepView {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) kind: &'static str,
    pub(super) badge: Badge,
    pub(super) is_idle: bool,
    /// What leads to it, such as `validate (urgent)`.
    pub(super) after: Vec<String>,
    pub(super) branch: Option<String>,
    pub(super) attempts: u32,
    /// Of an `each`: how many items there are, and how many of them are done.
    pub(super) items: Option<(usize, usize)>,
    pub(super) duration: Option<String>,
    pub(super) fuel: Option<String>,
    pub(super) waiting: Option<WaitView>,
    pub(super) retry_at: Option<Moment>,
    pub(super) error: Option<(String, String)>,
    pub(super) effects: Vec<EffectView>,
    /// How many effects it has on other pages, with the one where they begin.
    pub(super) more_effects: Option<(usize, String)>,
    pub(super) log: Vec<(&'static str, String)>,
    /// Lines of its log that are left out.
    pub(super) more_log: usize,
}

/// Lines of a guest's log that a page shows, and characters of each.
const LOG_LINES: usize = 20;
const LOG_CHARS: usize = 500;

/// What a node waits for.
pub(super) struct WaitView {
    pub(super) until: Option<Moment>,
    pub(super) signal: Option<String>,
    pub(super) schedule: Option<String>,
    pub(super) is_for_effects: bool,
}

impl StepView {
    /// The view of a node, for a visitor who may operate the host or not.
    pub(super) fn of(detail: &FlowDetail, index: NodeIndex, part: &FlowPart, operates: bool) -> Self {
        let state = &detail.state;
        let (node, now) = (state.dag.node(index), state.node(index));
        let is_alone = part.step.as_ref() == Some(&node.id);
        let (first, most) = if is_alone { (part.effects, EFFECTS_ALONE) } else { (0, EFFECTS) };
        let rest = now.effects.len().saturating_sub(first.saturating_add(most));
        let address = |effects| {
            let own = |part: &mut FlowPart| (part.step, part.effects) = (Some(node.id.clone()), effects);
            format!("{}#step-{}", part.address(&state.id().to_string(), own), node.id)
        };
        let (log, more_log) = log_of(detail, node.id.as_str());
        let ended = now.finished_at.or_else(|| now.started_at.map(|_| SystemClock::now()));
        Self {
            id: node.id.to_string(),
            label: node.label.clone(),
            kind: flow_json::kind(&node.work),
            badge: now.status.into(),
            is_idle: matches!(now.status, NodeStatus::Skipped | NodeStatus::Pending),
            after: state.dag.leading_to(index),
            branch: now.branch.clone(),
            attempts: now.attempts(),
            items: now.progress(),
            duration: now.started_at.zip(ended).map(|(from, to)| duration(from, to)),
            fuel: now.fuel.map(grouped),
            waiting: WaitView::of(state, &node.work, now),
            retry_at: now.retry_at().map(Moment),
            error: now.error.as_ref().map(|error| (error.rule.clone(), error.message.clone())),
            more_effects: (rest > 0).then(|| (rest, address(if is_alone { first + most } else { 0 }))),
            effects: now
                .effects
                .iter()
                .skip(first)
                .take(most)
                .map(|place| EffectView::of(&state.effects[*place], operates, &detail.children))
                .collect(),
            log,
            more_log,
        }
    }
}

/// What the guest wrote while a node was called, as far as a page shows it, and how many lines there are beyond.
#[expect(clippy::wildcard_enum_match_arm, reason = "three of some thirty events carry lines")]
fn log_of(detail: &FlowDetail, id: &str) -> (Vec<(&'static str, String)>, usize) {
    let lines = detail.records.iter().filter_map(|(record, _)| match record.event.as_deref()? {
        Event::NodeDone(done) if done.node.as_str() == id => Some(&done.log),
        Event::NodeRetrying(retrying) if retrying.node.as_str() == id => Some(&retrying.log),
        Event::NodeFailed(failed) if failed.node.as_str() == id => Some(&failed.log),
        _ => None,
    });
    let mut lines = lines.flatten();
    let shown = |line: &GuestLogLine| (line.level.as_str(), line.message.chars().take(LOG_CHARS).collect());
    let first = lines.by_ref().take(LOG_LINES).map(shown).collect();
    (first, lines.count())
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
