//! Whoever wants to know when the flows of an activity have finished or suspended (`Prefer: wait`).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rosehip_core::{
    flow::FlowSummary,
    ids::{ActivityId, FlowId},
    state::FlowStatus,
};
use tokio::sync::oneshot;

/// Resolves to the flows of an activity once each has finished or suspended.
pub type Waiting = oneshot::Receiver<Vec<FlowSummary>>;

struct Waiter {
    answer: oneshot::Sender<Vec<FlowSummary>>,
    flows: Vec<FlowSummary>,
}

/// Waiters by the activity they wait for.
#[derive(Default)]
pub(super) struct Waiters {
    by_activity: Mutex<HashMap<ActivityId, Vec<Waiter>>>,
}

impl Waiters {
    /// Waits for the flows of an activity; call it before the activity is committed.
    pub(super) fn wait(&self, activity: ActivityId) -> Waiting {
        let (answer, waiting) = oneshot::channel();
        let mut waiters = self.lock();
        // Whoever stopped waiting is forgotten when the next one comes for the same activity or it is told.
        let list = waiters.entry(activity).or_default();
        list.retain(|waiter| !waiter.answer.is_closed());
        list.push(Waiter { answer, flows: Vec::new() });
        waiting
    }

    /// Forgets those who have stopped waiting for an activity.
    pub(super) fn forget(&self, activity: &ActivityId) {
        let mut waiters = self.lock();
        if let Some(list) = waiters.get_mut(activity) {
            list.retain(|waiter| !waiter.answer.is_closed());
            if list.is_empty() {
                waiters.remove(activity);
            }
        }
    }

    /// The activity was matched; these are its flows.
    pub(super) fn matched(&self, activity: &ActivityId, flows: &[FlowSummary]) {
        let mut waiters = self.lock();
        let Some(list) = waiters.remove(activity) else { return };
        let open =
            list.into_iter().filter_map(|waiter| told(Waiter { flows: flows.to_vec(), ..waiter })).collect::<Vec<_>>();
        if !open.is_empty() {
            waiters.insert(activity.clone(), open);
        }
    }

    /// A flow went on.
    pub(super) fn changed(&self, flow: &FlowSummary) {
        let mut waiters = self.lock();
        let Some(list) = waiters.remove(&flow.activity) else { return };
        let open = list
            .into_iter()
            .filter_map(|mut waiter| {
                replace(&mut waiter.flows, flow.id, flow);
                if waiter.flows.is_empty() { Some(waiter) } else { told(waiter) }
            })
            .collect::<Vec<_>>();
        if !open.is_empty() {
            waiters.insert(flow.activity.clone(), open);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ActivityId, Vec<Waiter>>> {
        self.by_activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace(flows: &mut [FlowSummary], id: FlowId, flow: &FlowSummary) {
    if let Some(known) = flows.iter_mut().find(|known| known.id == id) {
        known.clone_from(flow);
    }
}

/// Answers a waiter whose flows have all come to rest; gives back one that has to go on waiting.
fn told(waiter: Waiter) -> Option<Waiter> {
    if waiter.flows.iter().any(|flow| flow.status == FlowStatus::Running) {
        return (!waiter.answer.is_closed()).then_some(waiter);
    }
    // Whoever waited may be gone; the flows are in the log.
    let _ = waiter.answer.send(waiter.flows);
    None
}
