//! Timers: which flow is due when. A fold of suspended flows, rebuilt at every start.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use rosehip_core::{ids::FlowId, time::Timestamp};
use tokio::sync::Notify;

use super::{jobs::Job, shared::Shared, wall::Wall};

/// The clock of the machine may be set while a timer runs, so it is looked at this often.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    due: BTreeSet<(Timestamp, FlowId)>,
    by_flow: HashMap<FlowId, Timestamp>,
    /// Since when the clock goes as it did when the timers were set.
    since: Timestamp,
    is_stopped: bool,
}

impl State {
    /// The clock was set back: when each flow is due is for the flow to say anew.
    fn look_at_all(&mut self, now: Timestamp) {
        for due in self.by_flow.values_mut() {
            *due = now;
        }
        self.due = std::mem::take(&mut self.due).into_iter().map(|(_, flow)| (now, flow)).collect();
    }
}

/// One timer a flow: the earliest thing it waits for.
pub(super) struct Timers {
    state: Mutex<State>,
    changed: Notify,
    wall: Arc<Wall>,
}

impl Timers {
    /// No timer is set; what is due is told by `wall`.
    pub(super) fn new(wall: Arc<Wall>) -> Self {
        let state = State { since: wall.since(), ..State::default() };
        Self { state: Mutex::new(state), changed: Notify::new(), wall }
    }

    /// Sets a flow's timer, in place of the one it has.
    pub(super) fn set(&self, flow: FlowId, due: Timestamp) {
        let mut state = self.lock();
        if let Some(before) = state.by_flow.insert(flow, due) {
            state.due.remove(&(before, flow));
        }
        let is_first = state.due.first().is_none_or(|(first, _)| due < *first);
        state.due.insert((due, flow));
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// Sets a flow's timer, unless it has one that comes before.
    pub(super) fn set_earlier(&self, flow: FlowId, due: Timestamp) {
        let known = self.lock().by_flow.get(&flow).copied();
        if known.is_none_or(|known| due < known) {
            self.set(flow, due);
        }
    }

    /// Whether a flow has one.
    pub(super) fn is_set(&self, flow: FlowId) -> bool {
        self.lock().by_flow.contains_key(&flow)
    }

    /// Takes a flow's timer away.
    pub(super) fn clear(&self, flow: FlowId) {
        let mut state = self.lock();
        if let Some(before) = state.by_flow.remove(&flow) {
            state.due.remove(&(before, flow));
        }
    }

    /// How many are set.
    pub(super) fn len(&self) -> usize {
        self.lock().due.len()
    }

    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_one();
    }

    /// Waits for the next flow that is due; none once stopped.
    async fn next_due(&self) -> Option<FlowId> {
        loop {
            let patience = {
                let mut state = self.lock();
                if state.is_stopped {
                    return None;
                }
                let now = self.wall.now();
                let since = self.wall.since();
                if state.since != since {
                    state.since = since;
                    state.look_at_all(now);
                }
                match state.due.first().copied() {
                    Some((due, flow)) if due <= now => {
                        state.due.remove(&(due, flow));
                        state.by_flow.remove(&flow);
                        return Some(flow);
                    }
                    Some((due, _)) => {
                        let left = u64::try_from(due.as_millis() - now.as_millis()).unwrap_or(0);
                        Some(Duration::from_millis(left).min(LOOK))
                    }
                    None => None,
                }
            };
            // Whoever changes something from here on leaves word.
            match patience {
                Some(patience) => drop(tokio::time::timeout(patience, self.changed.notified()).await),
                None => self.changed.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues every flow that is due, until the timers are stopped.
pub(super) async fn run(timers: Arc<Timers>, shared: Weak<Shared>) {
    while let Some(flow) = timers.next_due().await {
        let Some(shared) = shared.upgrade() else { return };
        shared.jobs.push(Job::Advance(flow));
    }
}
