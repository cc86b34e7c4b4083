//! From a committed activity to flows: matched, started and walked in one append.

use std::{ops::Range, sync::Arc};

use rosehip_core::{
    activity::Activity,
    behavior::Standing,
    event::Event,
    flow::FlowState,
    ids::FlowId,
    log::{Append, Draft},
    pipeline::matching::Matched,
    ports::Triggers as _,
    time::Timestamp,
};

use super::{
    error::EngineError,
    jobs::Job,
    shared::Shared,
    slots::Slot,
    troubles,
    walker::{Budget, Walk},
};
use crate::writer::{AppendError, Appended};

/// A flow that was walked and is about to be committed.
pub(super) struct Walked {
    state: FlowState,
    wakes_at: Option<Timestamp>,
    goes_on: bool,
    /// Its entries' places among the match's.
    places: Range<usize>,
}

impl Walked {
    /// The flow.
    pub(super) fn flow(&self) -> FlowId {
        self.state.id()
    }
}

impl Shared {
    /// Matches the activity at `seq`. Returns once the append is queued; what follows happens when it is committed.
    pub(super) fn match_activity(self: &Arc<Self>, seq: u64, activity: Arc<Activity>) {
        match self.decide_match(seq, &activity, &mut Budget::new()) {
            Ok((append, walked)) => {
                self.announce_all(&walked, &append.drafts);
                let shared = Arc::clone(self);
                let on_done = Box::new(move |answer| {
                    shared.matched(seq, activity, walked, answer);
                    shared.jobs.finish();
                });
                self.writer().append_with(append, on_done);
            }
            Err(error) => {
                self.try_later(&error, Job::Match { seq, activity });
                self.jobs.finish();
            }
        }
    }

    /// Decides what an activity starts, and walks it as far as the budget allows.
    pub(super) fn decide_match(
        &self,
        seq: u64,
        activity: &Activity,
        budget: &mut Budget,
    ) -> Result<(Append, Vec<Walked>), EngineError> {
        let current = self.current(activity.object.as_ref(), Some((seq, activity)))?;
        let (standing, decided) = {
            let registry = self.registry();
            (registry.at(seq), registry.consider(seq, activity, current.as_ref()))
        };
        let (drafts, walked) = self.walk_matched(decided, &standing, activity, budget, Event::draft)?;
        Ok((Append::unconditional(drafts), walked))
    }

    /// Walks what an activity starts as far as the budget allows. `draft` says how the events that name the activity's
    /// entry are written.
    pub(super) fn walk_matched(
        &self,
        decided: Matched,
        standing: &Standing,
        activity: &Activity,
        budget: &mut Budget,
        draft: fn(Event, Timestamp) -> Draft,
    ) -> Result<(Vec<Draft>, Vec<Walked>), EngineError> {
        let seq = decided.matched.seq;
        let mut drafts = vec![draft(decided.matched.into(), self.now())];
        let mut walked = Vec::with_capacity(decided.flows.len());
        for started in decided.flows {
            let installed = standing.get(&started.behavior);
            let missing = EngineError::Missing { what: "behavior that stands", seq };
            let dag = Arc::clone(&installed.ok_or(missing)?.behavior.dag);
            let (now, first) = (self.now(), drafts.len());
            drafts.push(draft(Arc::clone(&started).into(), now));
            let mut state = FlowState::begin(0, now, started, dag);
            let Walk { drafts: more, wakes_at, goes_on, .. } = self.walk(&mut state, activity, budget)?;
            drafts.extend(more);
            walked.push(Walked { state, wakes_at, goes_on, places: first..drafts.len() });
        }
        Ok((drafts, walked))
    }

    /// Announces the effects of flows that are about to be committed; `drafts` are their match's.
    pub(super) fn announce_all(&self, walked: &[Walked], drafts: &[Draft]) {
        for flow in walked {
            self.announce(&flow.state, &drafts[flow.places.clone()]);
        }
    }

    /// Ends [`Shared::announce_all`].
    pub(super) fn unannounce_all(&self, walked: &[Walked]) {
        for flow in walked {
            self.unannounce(flow.flow());
        }
    }

    /// The append of a match was answered.
    fn matched(
        self: &Arc<Self>,
        seq: u64,
        activity: Arc<Activity>,
        walked: Vec<Walked>,
        answer: Result<Appended, AppendError>,
    ) {
        self.unannounce_all(&walked);
        let appended = match answer {
            Ok(appended) => appended,
            // It was matched before this host started and the views had not heard of it.
            Err(AppendError::Duplicate { .. }) => return,
            Err(error) => return self.try_later(&error.into(), Job::Match { seq, activity }),
        };
        self.settle_matched(seq, appended.first, activity, walked);
    }

    /// The activity at entry `seq` is matched, in entries from `first` on.
    pub(super) fn settle_matched(self: &Arc<Self>, seq: u64, first: u64, activity: Arc<Activity>, walked: Vec<Walked>) {
        let summaries: Vec<_> = walked.iter().map(|flow| flow.state.summary.clone()).collect();
        for flow in walked {
            let mut state = flow.state;
            let last = u64::try_from(flow.places.end).unwrap_or(u64::MAX) - 1;
            state.take_place(first + last, 0);
            state.started_by(seq);
            troubles::tell_failure(&state);
            self.settle(Slot { state, activity: Arc::clone(&activity) }, flow.wakes_at, flow.goes_on);
        }
        self.waiters.matched(&activity.id, &summaries);
    }

    /// What has to follow once a new flow's entries are committed.
    fn settle(self: &Arc<Self>, slot: Slot, wakes_at: Option<Timestamp>, goes_on: bool) {
        let flow = slot.state.id();
        if let Some(due) = wakes_at {
            self.timers.set(flow, due);
        }
        let has_effects = slot.state.has_recorded_effects();
        if !goes_on && !has_effects {
            return;
        }
        let slot = self.slots.fill(slot);
        if has_effects {
            // Nobody else has heard of the flow, unless someone asked for it in this moment; then its slot is theirs
            // and whoever holds it is followed by a look at the flow.
            match slot.try_lock() {
                Ok(held) if held.is_some() => {
                    if let Some(filled) = held.as_ref() {
                        self.offer(&filled.state, &slot);
                    }
                }
                Ok(_) | Err(_) => self.jobs.push(Job::Advance(flow)),
            }
        }
        if goes_on {
            self.jobs.push(Job::Advance(flow));
        }
    }
}
