//! What the host's own log says of flows: a line for each that fails and for each effect that is given up. The rest is told by
//! the flow's page. Neither what a guest was given nor what it asked for is in it.

use rosehip_core::{
    event::{Event, NodeError},
    flow::FlowState,
    state::{EffectStatus, FlowStatus, NodeStatus},
};

use crate::outgoing::excerpt;

/// Rules whose message quotes what a guest returned.
const QUOTING: [&str; 2] = ["outcome", "effect-payload"];

/// Tells that a flow has just failed, once that is durable.
pub(super) fn tell_failure(state: &FlowState) {
    if state.status() != FlowStatus::Failed {
        return;
    }
    let failed = state.nodes().find(|(_, node)| node.status == NodeStatus::Failed);
    let Some((node, Some(error))) = failed.map(|(node, state)| (node, state.error.as_ref())) else { return };
    let behavior = &state.started.behavior;
    tracing::warn!(flow = %state.id(), %behavior, node = %node.id, error = shown(error), "a flow failed");
}

/// Tells which effects are given up by events of a flow that are durable and taken in.
pub(super) fn tell_given_up<'a>(state: &FlowState, events: impl Iterator<Item = &'a Event>) {
    for event in events {
        let Event::EffectChanged(change) = event else { continue };
        let Some(effect) = state.effect(change.effect).filter(|_| change.to == EffectStatus::Dead) else { continue };
        let (flow, behavior, kind) = (state.id(), &state.started.behavior, &effect.effect.kind);
        let error = excerpt(change.error.as_deref().unwrap_or_default(), &[]);
        tracing::warn!(effect = %change.effect, %flow, %behavior, kind, attempts = change.attempt, error, "an effect is dead");
    }
}

/// A rule and what happened, in a line.
fn shown(error: &NodeError) -> String {
    let NodeError { rule, message } = error;
    if QUOTING.contains(&rule.as_str()) { rule.clone() } else { format!("{rule}: {}", excerpt(message, &[])) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rule: &str, message: &str) -> String {
        shown(&NodeError { rule: rule.to_owned(), message: message.to_owned() })
    }

    #[test]
    fn an_error_is_a_line_and_quotes_no_payload() {
        assert_eq!(of("fatal", "no title\n  at line 3"), "fatal: no title at line 3");
        assert_eq!(of("effect-payload", "effects/0 (email): \"ada@a.example\" is not of type array"), "effect-payload");
        assert!(of("trap", &"x".repeat(1_000)).chars().count() < 300);
    }
}
