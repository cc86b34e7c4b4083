//! The queue that guest threads take jobs from.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rosehip_core::{activity::Activity, ids::FlowId};
use tokio::sync::Notify;

use super::together::Offer;

/// Something for a guest thread to do.
pub(super) enum Job {
    /// Match an activity and walk the flows it starts.
    Match {
        /// `seq` of its entry.
        seq: u64,
        /// The activity.
        activity: Arc<Activity>,
    },
    /// Record an activity, if that is left to do, with what it sets off.
    Record(Arc<Offer>),
    /// Take a flow as far as it goes.
    Advance(FlowId),
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Flows with an `Advance` in the queue: one is enough.
    advancing: HashSet<FlowId>,
    is_stopped: bool,
    is_held: bool,
}

impl State {
    /// The next job, unless all have to wait.
    fn pop(&mut self) -> Option<Job> {
        let job = if self.is_held { None } else { self.jobs.pop_front() };
        if let Some(Job::Advance(flow)) = &job {
            self.advancing.remove(flow);
        }
        job
    }
}

/// Jobs in the order they came.
pub(super) struct Jobs {
    state: Mutex<State>,
    arrived: Condvar,
    /// The same for tasks, which take turns.
    bell: Notify,
    unfinished: AtomicUsize,
    idle: Notify,
}

impl Jobs {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            arrived: Condvar::new(),
            bell: Notify::new(),
            unfinished: AtomicUsize::new(0),
            idle: Notify::new(),
        }
    }

    /// Queues a job, unless it is an `Advance` of a flow that has one queued.
    pub(super) fn push(&self, job: Job) {
        let mut state = self.lock();
        if let Job::Advance(flow) = &job
            && !state.advancing.insert(*flow)
        {
            return;
        }
        state.jobs.push_back(job);
        self.unfinished.fetch_add(1, Ordering::SeqCst);
        drop(state);
        self.arrived.notify_one();
        self.bell.notify_one();
    }

    /// Waits for a job; none once the queue is stopped.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(job) = state.pop() {
                return Some(job);
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`Jobs::take`], for a task.
    pub(super) async fn next(&self) -> Option<Job> {
        loop {
            let changed = self.bell.notified();
            {
                let mut state = self.lock();
                if state.is_stopped {
                    return None;
                }
                if let Some(job) = state.pop() {
                    return Some(job);
                }
            }
            changed.await;
        }
    }

    /// A job that was taken is done, its commits included.
    pub(super) fn finish(&self) {
        let one_less = |count: usize| count.checked_sub(1);
        if self.unfinished.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) == Ok(1) {
            self.idle.notify_waiters();
        }
    }

    /// Jobs that are queued or at work.
    pub(super) fn unfinished(&self) -> usize {
        self.unfinished.load(Ordering::SeqCst)
    }

    /// Waits until no job is queued or at work.
    pub(super) async fn idle(&self) {
        loop {
            // Made before the count is read: it hears of everything that happens from here on.
            let idle = self.idle.notified();
            if self.unfinished() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Lets every `take` wait until [`Jobs::release`], whatever is queued.
    pub(super) fn hold(&self) {
        self.lock().is_held = true;
    }

    /// Ends [`Jobs::hold`].
    pub(super) fn release(&self) {
        self.lock().is_held = false;
        self.tell_all();
    }

    /// Whether the queue is stopped.
    pub(super) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Lets every `take` end.
    pub(super) fn stop(&self) {
        self.lock().is_stopped = true;
        self.tell_all();
    }

    fn tell_all(&self) {
        self.arrived.notify_all();
        self.bell.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
