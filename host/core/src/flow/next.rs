//! What a flow does next: a pure function of its state.

use super::{Calls, FlowState, Waiting};
use crate::{
    behavior::{NodeIndex, NodeWork},
    event::{FiredBy, NodeError, Timer},
    limits::EACH_AT_A_TIME,
    state::{FlowStatus, NodeStatus},
    time::Timestamp,
};

/// One thing to do for a flow.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Find the list of an `each`.
    Spread {
        /// The node.
        node: NodeIndex,
    },
    /// Call the guest for a node.
    Call {
        /// The node.
        node: NodeIndex,
        /// The item of an `each`, from 0.
        item: Option<u32>,
        /// Which call of the node or the item this is, from 1.
        attempt: u32,
    },
    /// Begin a node's wait.
    Wait {
        /// The node.
        node: NodeIndex,
    },
    /// End a node's wait, because its time or its signal came.
    Fire {
        /// The node.
        node: NodeIndex,
        /// The moment it was meant for.
        at: Timestamp,
        /// What ends it.
        by: FiredBy,
    },
    /// Nothing can be done before this moment.
    Sleep(Timestamp),
    /// Only waits are left: the flow suspends.
    Suspend,
    /// A wait ended while the flow was suspended: it goes on.
    Resume,
    /// A node failed, and the flow with it.
    Fail {
        /// The node.
        node: NodeIndex,
        /// How it failed.
        error: NodeError,
    },
    /// Every node is settled.
    Complete,
}

/// What to do for a flow at `now`, first things first. Empty while it waits for something that comes from outside
/// and once it has ended.
pub fn next(flow: &FlowState, now: Timestamp) -> Vec<Step> {
    if flow.status().is_final() {
        return Vec::new();
    }
    let nodes = || flow.dag.order().iter().map(|&index| (index, flow.node(index)));
    if let Some((node, state)) = nodes().find(|(_, state)| state.status == NodeStatus::Failed) {
        let error = state.error.clone().expect("a failed node has its error");
        return vec![Step::Fail { node, error }];
    }
    let mut steps: Vec<Step> = nodes().filter_map(|(node, _)| fire(flow, node, now)).collect();
    let mut wakes_at = nodes().filter_map(|(node, _)| wake(flow, node, now)).min();
    for (node, state) in nodes() {
        if state.status != NodeStatus::Pending || state.ready_at.is_none() {
            continue;
        }
        let mut call = |item, calls: &Calls| match calls.retry_at {
            Some(later) if later > now => {
                wakes_at = Some(wakes_at.map_or(later, |at| at.min(later)));
                None
            }
            Some(_) | None => Some(Step::Call { node, item, attempt: calls.made + 1 }),
        };
        match (&flow.dag.node(node).work, &state.items) {
            (NodeWork::Wait(_), _) => steps.push(Step::Wait { node }),
            (NodeWork::Step, _) => steps.extend(call(None, &state.calls)),
            (NodeWork::Each(_), None) => steps.push(Step::Spread { node }),
            (NodeWork::Each(_), Some(items)) => {
                let open = (0..).zip(items).filter(|(_, item)| item.output.is_none());
                let calls = open.filter_map(|(place, item)| call(Some(place), &item.calls));
                steps.extend(calls.take(EACH_AT_A_TIME));
            }
        }
    }
    let is_suspended = flow.status() == FlowStatus::Suspended;
    if !steps.is_empty() {
        // Waits are ended while the flow is suspended; anything else needs it running.
        if is_suspended {
            steps.retain(|step| matches!(step, Step::Fire { .. }));
        }
        return if steps.is_empty() { vec![Step::Resume] } else { steps };
    }
    if nodes().all(|(_, state)| state.status.is_settled()) {
        return vec![if is_suspended { Step::Resume } else { Step::Complete }];
    }
    let is_retrying = nodes().any(|(_, state)| state.retry_at().is_some());
    let suspend = (!is_suspended && !is_retrying).then_some(Step::Suspend);
    suspend.into_iter().chain(wakes_at.map(Step::Sleep)).collect()
}

/// The end of a node's wait, if it has come.
fn fire(flow: &FlowState, node: NodeIndex, now: Timestamp) -> Option<Step> {
    let Some(Waiting::Wait { timer, signal }) = &flow.node(node).waiting else { return None };
    if let Some((at, _)) = signal.as_ref().and_then(|name| flow.signals.get(name)) {
        return Some(Step::Fire { node, at: *at, by: FiredBy::Signal });
    }
    let timer = timer.filter(|timer| timer.due(now) <= now)?;
    let by = if signal.is_some() { FiredBy::Timeout } else { FiredBy::Timer };
    Some(Step::Fire { node, at: timer.nominal(), by })
}

/// When a node's wait ends by itself.
fn wake(flow: &FlowState, node: NodeIndex, now: Timestamp) -> Option<Timestamp> {
    match &flow.node(node).waiting {
        Some(Waiting::Wait { timer, .. }) => timer.map(|timer: Timer| timer.due(now)),
        Some(Waiting::Effects) | None => None,
    }
}
