//! What went wrong in a flow, the root of it first: the step that failed, what it kept from running, and the effects that
//! need somebody.

use rosehip_core::{
    behavior::{Node, NodeIndex},
    effect::EffectState,
    event::Event,
    flow::FlowState,
    state::{EffectEvent, EffectStatus, FlowStatus, NodeStatus},
};

use super::{effect_view::why_not, page::Badge};
use crate::host::FlowDetail;

/// Stuck effects that are named; the rest is counted.
const NAMED: usize = 5;
/// Steps that were not reached and are named.
const NOT_REACHED: usize = 20;

/// What went wrong.
pub(super) struct Trouble {
    /// The step that failed first, if one did.
    pub(super) root: Option<Root>,
    /// Effects that were given up, denied, or that nothing here carries out.
    pub(super) stuck: Vec<Stuck>,
    /// How many more of them there are.
    pub(super) more_stuck: usize,
}

/// The step that failed.
pub(super) struct Root {
    pub(super) label: String,
    pub(super) href: String,
    pub(super) rule: String,
    pub(super) message: String,
    /// What could not run because of it: the first of them by label and place, and how many there are.
    pub(super) not_reached: Vec<(String, String)>,
    pub(super) not_reached_total: usize,
}

/// An effect that needs somebody.
pub(super) struct Stuck {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) destination: String,
    pub(super) badge: Badge,
    pub(super) why: Option<String>,
    pub(super) href: String,
    pub(super) may_redrive: bool,
}

impl Trouble {
    /// What went wrong; none where nothing did. `href` says where a step is told.
    pub(super) fn of(detail: &FlowDetail, operates: bool, href: impl Fn(&Node) -> String) -> Option<Self> {
        let state = &detail.state;
        let root = root(detail, &href);
        let stuck: Vec<_> = state.effects.iter().filter(|effect| is_stuck(effect.status)).collect();
        let named = stuck.iter().take(NAMED).map(|effect| Stuck::of(state, effect, operates, &href));
        let trouble = Self { root, stuck: named.collect(), more_stuck: stuck.len().saturating_sub(NAMED) };
        (trouble.root.is_some() || !trouble.stuck.is_empty()).then_some(trouble)
    }
}

fn is_stuck(status: EffectStatus) -> bool {
    matches!(status, EffectStatus::Dead | EffectStatus::Denied | EffectStatus::Unhandled)
}

/// The step whose failure ended the flow.
fn root(detail: &FlowDetail, href: &impl Fn(&Node) -> String) -> Option<Root> {
    let state = &detail.state;
    if state.status() != FlowStatus::Failed {
        return None;
    }
    let failed = detail.records.iter().rev().find_map(|(record, _)| match record.event.as_deref() {
        Some(Event::FlowFailed(failed)) => Some(failed),
        _ => None,
    })?;
    let index = state.dag.find(&failed.node)?;
    let node = state.dag.node(index);
    let behind: Vec<_> = not_reached(state, index);
    let named = behind.iter().take(NOT_REACHED).map(|node| (node.label.clone(), href(node)));
    Some(Root {
        label: node.label.clone(),
        href: href(node),
        rule: failed.error.rule.clone(),
        message: failed.error.message.clone(),
        not_reached: named.collect(),
        not_reached_total: behind.len(),
    })
}

/// The steps behind a failed one that were not run.
fn not_reached(state: &FlowState, failed: NodeIndex) -> Vec<&Node> {
    let order = state.dag.order().iter().copied();
    let behind = order.filter(|&index| state.node(index).status == NodeStatus::Pending);
    behind.filter(|&index| state.dag.ancestors(index).contains(&failed)).map(|index| state.dag.node(index)).collect()
}

impl Stuck {
    fn of(state: &FlowState, effect: &EffectState, operates: bool, href: &impl Fn(&Node) -> String) -> Self {
        let asked = &effect.effect;
        let step = state.dag.find(&asked.node).map(|index| href(state.dag.node(index)));
        Self {
            id: asked.id.to_string(),
            kind: asked.kind.clone(),
            destination: super::effect_view::destination(asked),
            badge: effect.status.into(),
            why: why_not(effect),
            href: step.unwrap_or_default(),
            may_redrive: operates && effect.status.on(EffectEvent::Redrive).is_ok(),
        }
    }
}
