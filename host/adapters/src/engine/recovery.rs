//! What the log has left to do when a host starts, and how it is worked off.
//!
//! It reads the last `host.started` or `host.stopped` and appends the next one. After a stop everything is queued as
//! usual. After anything else a guest call may have ended the host, so what was open is worked off first, one call at
//! a time, each announced by a `node.attempted` entry before it is made (DESIGN, invariant 10).

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering, mpsc},
};

use futures_util::FutureExt as _;
use rosehip_core::{
    activity::Activity,
    event::{Event, HostStarted, HostStopped, append_of, run_stream},
    ids::FlowId,
    log::Append,
    ports::{Driver as _, LogReader as _},
};

use super::{
    activity_at,
    batches::batch_of,
    driver::{about, ticket},
    error::EngineError,
    jobs::Job,
    matcher::Walked,
    record_at,
    shared::{Shared, panic_message},
    walker::Budget,
};
use crate::writer::{Answer, AppendError};

/// How a flow is taken further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// As far as it goes.
    Usual,
    /// One call at a time, each announced before it is made.
    OneCallAtATime,
}

/// What the log has left to do, oldest first.
#[derive(Debug)]
pub(super) struct Open {
    unmatched: Vec<(u64, Arc<Activity>)>,
    flows: Vec<FlowId>,
}

impl Open {
    /// How many activities and flows there are.
    fn len(&self) -> usize {
        self.unmatched.len() + self.flows.len()
    }
}

impl Shared {
    /// How careful a host that begins to run has to be, and the append that records that it does.
    pub(super) fn decide_run(&self) -> Result<(Care, Append), EngineError> {
        let last = self.log.with::<_, EngineError>(|log| match log.stream_head(&run_stream())? {
            Some(seq) => Ok(record_at(log, seq)?.and_then(|record| record.event)),
            None => Ok(None),
        })?;
        // A log in which no host ever ran has nothing open.
        let stopped = matches!(last.as_deref(), None | Some(Event::HostStopped(_)));
        let care = if stopped { Care::Usual } else { Care::OneCallAtATime };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let started = HostStarted { version, cautious: care == Care::OneCallAtATime };
        Ok((care, append_of(self.now(), vec![started.into()])))
    }

    /// Records that a host runs, and says how careful it has to be.
    pub(super) fn begin_run(&self) -> Result<Care, EngineError> {
        let (care, append) = self.decide_run()?;
        self.append_and_wait(append)?;
        Ok(care)
    }

    /// Records that the host stops, once no guest is called any more. A stop in the middle of a recovery is none: the
    /// next start has to be as careful.
    pub(super) fn end_run(&self) -> Result<(), EngineError> {
        if let Some(append) = self.decide_end_of_run() {
            self.append_and_wait(append)?;
        }
        Ok(())
    }

    /// The append that records a stop, if it is one.
    pub(super) fn decide_end_of_run(&self) -> Option<Append> {
        let is_one = !self.recovers.load(Ordering::Relaxed);
        is_one.then(|| append_of(self.now(), vec![HostStopped {}.into()]))
    }

    fn append_and_wait(&self, append: Append) -> Answer {
        let (answer, answered) = mpsc::sync_channel(1);
        self.writer().append_with(append, Box::new(move |appended: Answer| drop(answer.send(appended))));
        answered.recv().unwrap_or(Err(AppendError::Stopped))
    }

    /// Finds what the log has left to do. What only waits for its time has its timer set and is no part of it.
    pub(super) fn find_open(&self) -> Result<Open, EngineError> {
        let (seqs, flows) = self.views.with::<_, EngineError>(|views| Ok((views.unmatched()?, views.open_flows()?)))?;
        let mut open = Open { unmatched: Vec::with_capacity(seqs.len()), flows: Vec::new() };
        for seq in seqs {
            match self.log.with(|log| activity_at(log, seq)) {
                Ok(activity) => open.unmatched.push((seq, activity)),
                Err(EngineError::Missing { .. }) => tracing::warn!(seq, "an activity was erased before it was matched"),
                Err(error) => return Err(error),
            }
        }
        let now = self.now();
        for flow in flows {
            let summary = &flow.summary;
            if summary.effects.open() > 0 {
                match self.expect_effects_of(summary.id) {
                    Ok(()) => {}
                    Err(error @ (EngineError::Store(_) | EngineError::Schema(_) | EngineError::View(_))) => {
                        return Err(error);
                    }
                    // What is wrong with one flow is told again when it is taken up, and keeps no host from starting.
                    Err(error) => tracing::error!(flow = %summary.id, %error, "a flow's effects cannot be read"),
                }
            }
            // A wait that is due is as open as anything; so is one that was set when the clock was ahead.
            let only_waits = flow.rests_since.is_some_and(|since| now >= since);
            match summary.next_due.filter(|due| only_waits && *due > now) {
                Some(due) => self.timers.set(summary.id, due),
                // A wait for a signal alone needs nothing either, but looking costs little and happens once.
                None => open.flows.push(summary.id),
            }
        }
        Ok(open)
    }

    /// Gives the open effects of a flow their places, before any effect of a flow that began later may leave.
    fn expect_effects_of(&self, flow: FlowId) -> Result<(), EngineError> {
        let Some(slot) = self.load(flow)? else { return Ok(()) };
        let about = about(&slot.state);
        for effect in slot.state.open_effects().filter(|effect| batch_of(&slot.state, effect).is_none()) {
            self.driver.expect(ticket(&slot.state, effect, &about));
        }
        Ok(())
    }

    /// Queues what was found.
    pub(super) fn take_up(&self, open: Open) {
        for (seq, activity) in open.unmatched {
            self.jobs.push(Job::Match { seq, activity });
        }
        for flow in open.flows {
            self.jobs.push(Job::Advance(flow));
        }
    }

    /// Works off what was found, one call at a time, while the queue is held. What fails for a reason of the host is
    /// queued as usual.
    pub(super) async fn recover(self: &Arc<Self>, open: Open) {
        self.work_off_all(open).await;
        if !self.jobs.is_stopped() {
            self.recovers.store(false, Ordering::Relaxed);
        }
        self.jobs.release();
    }

    async fn work_off_all(self: &Arc<Self>, open: Open) {
        let count = open.len();
        if count > 0 {
            tracing::warn!(open = count, "the host did not stop last time; what was open is worked off one by one");
        }
        let mut flows = Vec::new();
        for (seq, activity) in open.unmatched {
            if self.jobs.is_stopped() {
                return;
            }
            // As in a guest thread: a defect costs one activity its match, not the host its recovery.
            match AssertUnwindSafe(self.match_without_calls(seq, &activity)).catch_unwind().await {
                Ok(Ok(started)) => flows.extend(started),
                Ok(Err(error)) => self.try_later(&error, Job::Match { seq, activity }),
                Err(panic) => tracing::error!(seq, message = panic_message(&*panic), "matching an activity panicked"),
            }
        }
        for flow in open.flows.into_iter().chain(flows) {
            if self.jobs.is_stopped() {
                return;
            }
            match AssertUnwindSafe(self.advance(flow, Care::OneCallAtATime)).catch_unwind().await {
                // By a clock that was set back it may wait at each start anew, and what comes after the wait would never be
                // announced.
                Ok(Ok(())) if self.timers.is_set(flow) => drop(self.doubtful().insert(flow)),
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    self.doubtful().insert(flow);
                    self.try_later(&error, Job::Advance(flow));
                }
                Err(panic) => tracing::error!(%flow, message = panic_message(&*panic), "recovering a flow panicked"),
            }
        }
        if count > 0 {
            tracing::info!(open = count, "what was open is worked off");
        }
    }

    /// Matches an activity and records the flows it starts as they begin.
    async fn match_without_calls(&self, seq: u64, activity: &Activity) -> Result<Vec<FlowId>, EngineError> {
        let (append, walked) = self.decide_match(seq, activity, &mut Budget::spent())?;
        let flows = walked.iter().map(Walked::flow).collect();
        match self.writer().append(append).await {
            // A duplicate was matched before, and the views had not heard of it; so its flows are open as well.
            Ok(_) | Err(AppendError::Duplicate { .. }) => Ok(flows),
            Err(error) => Err(error.into()),
        }
    }
}
