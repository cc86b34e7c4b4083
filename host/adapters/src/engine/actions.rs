//! What happens to flows from outside, and taking a flow that exists further.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rosehip_core::{
    event::{Current, Event, FlowCancelled, FlowRetried, FlowStarted, SignalReceived, append_of},
    flow::{FlowState, FlowSummary},
    guest::{GuestReport, Surroundings},
    ids::{ActivityId, Digest, EffectId, FlowId},
    limits::FLOW_SIGNALS,
    log::Append,
    pipeline::{dispatch, matching},
    state::{EffectStatus, FlowEvent, FlowStatus, Illegal},
};
use serde_json::Value;

use super::{
    Engine, Waiting, activity_at,
    error::EngineError,
    jobs::Job,
    recovery::Care,
    shared::Shared,
    slots::Slot,
    troubles,
    walker::{Budget, Walk},
};
use crate::writer::AppendError;

/// Why an action was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// There is no such flow or effect.
    #[error("there is no such flow or effect")]
    NotFound,
    /// Its state does not allow it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// It cannot be done, for a reason of its own.
    #[error("{0}")]
    Refused(String),
    /// The log could not be read or appended to.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An append that lost against another one of the same flow is decided again this often.
const TRIES: usize = 5;
/// Effects that a cancel calls off in its own append.
const CANCELLED_AT_ONCE: usize = 1_000;

/// Acts on flows; it may outlive a borrow of the engine.
#[derive(Clone)]
pub struct EngineActions {
    pub(super) shared: Arc<Shared>,
}

impl Engine {
    /// What happens to flows from outside.
    pub fn actions(&self) -> EngineActions {
        EngineActions { shared: Arc::clone(self.shared()) }
    }

    /// Waits for the flows of an activity to finish or suspend; call it before the activity is committed.
    pub fn wait_for(&self, activity: ActivityId) -> Waiting {
        self.shared().waiters.wait(activity)
    }

    /// Forgets waiters of an activity that have gone.
    pub fn forget(&self, activity: &ActivityId) {
        self.shared().waiters.forget(activity);
    }

    /// A flow as the log has it.
    pub fn flow(&self, flow: FlowId) -> Result<Option<FlowState>, EngineError> {
        Ok(self.shared().load(flow)?.map(|slot| slot.state))
    }
}

impl EngineActions {
    /// Puts a Call to a module, beside all flows: what it answers is in nobody's log.
    pub fn ask(&self, module: Digest, call: &str, surroundings: &Surroundings) -> GuestReport {
        self.shared.call(module, call, surroundings)
    }

    /// Has a failed flow's failed nodes called again.
    pub async fn retry(
        &self,
        flow: FlowId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        self.act(flow, move |state, current| {
            state.status().on(FlowEvent::Retry)?;
            Ok(vec![FlowRetried { flow, by: by.clone(), current: current()?, reason: reason.clone() }.into()])
        })
        .await
    }

    /// Ends a flow and calls off its open effects.
    pub async fn cancel(
        &self,
        flow: FlowId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        self.act(flow, move |state, _| {
            state.status().on(FlowEvent::Cancel)?;
            let mut events = vec![FlowCancelled { flow, by: by.clone(), reason: reason.clone() }.into()];
            // What is being attempted may still succeed; it is not attempted again. Of very many effects the driver
            // calls off the rest.
            let open = state.open_effects().filter(|effect| effect.status != EffectStatus::Attempting);
            for effect in open.take(CANCELLED_AT_ONCE) {
                events.push(dispatch::cancelled(flow, effect, by.clone())?);
            }
            Ok(events)
        })
        .await
    }

    /// Sends a flow a signal; `false` where it is recorded as ignored.
    pub async fn signal(
        &self,
        flow: FlowId,
        name: &str,
        payload: Value,
        by: Option<String>,
    ) -> Result<bool, ActionError> {
        let name = name.to_owned();
        let counts = Arc::new(AtomicBool::new(false));
        let counted = Arc::clone(&counts);
        self.act(flow, move |state, _| {
            if state.signals.len() >= FLOW_SIGNALS {
                return Err(ActionError::Refused(format!("the flow has {} signals already", state.signals.len())));
            }
            // A flow that failed may be retried, and then the signal counts.
            let has_ended = matches!(state.status(), FlowStatus::Completed | FlowStatus::Cancelled);
            let ignored = has_ended || state.signals.contains_key(&name);
            counted.store(!ignored, Ordering::Relaxed);
            let (name, payload, by) = (name.clone(), payload.clone(), by.clone());
            Ok(vec![SignalReceived { flow, name, payload, by, ignored }.into()])
        })
        .await?;
        Ok(counts.load(Ordering::Relaxed))
    }

    /// Has a dead or unhandled effect tried again.
    pub async fn redrive(
        &self,
        flow: FlowId,
        effect: EffectId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        self.act(flow, move |state, _| {
            let effect = state.effect(effect).ok_or(ActionError::NotFound)?;
            Ok(vec![dispatch::redriven(flow, effect, by.clone(), reason.clone())?])
        })
        .await
    }

    /// Runs a flow's activity through its behavior as it stands now, as run `run` or the first free one after it.
    pub async fn rerun(
        &self,
        flow: FlowId,
        run: u32,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        let shared = Arc::clone(&self.shared);
        self.to_the_end(async move { shared.rerun(flow, run, by, reason).await }).await
    }

    /// Decides on a flow's state, records what was decided and takes the flow on from there.
    pub(super) async fn act<D>(&self, flow: FlowId, decide: D) -> Result<FlowSummary, ActionError>
    where
        D: FnMut(&FlowState, &CurrentOf<'_>) -> Result<Vec<Event>, ActionError> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.to_the_end(async move { shared.act(flow, decide).await }).await
    }

    /// Carries work out even if whoever waits for it goes away: what is recorded must be followed up.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, ActionError>> + Send + 'static,
    ) -> Result<T, ActionError> {
        match self.shared.runtime.spawn(work).await {
            Ok(result) => result,
            Err(error) => Err(ActionError::Refused(error.to_string())),
        }
    }
}

/// Asks for the standing of a flow's object.
type CurrentOf<'a> = dyn Fn() -> Result<Option<Current>, EngineError> + 'a;

impl Shared {
    async fn act(
        self: &Arc<Self>,
        flow: FlowId,
        mut decide: impl FnMut(&FlowState, &CurrentOf<'_>) -> Result<Vec<Event>, ActionError>,
    ) -> Result<FlowSummary, ActionError> {
        let lock = self.slots.of(flow);
        let mut held = lock.lock().await;
        for _ in 0..TRIES {
            let slot = filled(self, &mut held, flow)?.ok_or(ActionError::NotFound)?;
            let object = slot.state.started.object.clone();
            let events = decide(&slot.state, &|| self.current(object.as_ref(), None))?;
            match self.record(slot, events).await {
                Ok(_) => {
                    let summary = slot.state.summary.clone();
                    drop(held);
                    self.timers.clear(flow);
                    self.waiters.changed(&summary);
                    self.jobs.push(Job::Advance(flow));
                    return Ok(summary);
                }
                Err(EngineError::Append(AppendError::Stale { .. })) => *held = None,
                Err(error) => {
                    *held = None;
                    return Err(error.into());
                }
            }
        }
        Err(ActionError::Refused("the flow changes too quickly; try again".to_owned()))
    }

    async fn rerun(
        &self,
        flow: FlowId,
        run: u32,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<FlowSummary, ActionError> {
        let slot = self.load(flow)?.ok_or(ActionError::NotFound)?;
        let behavior = &slot.state.started.behavior;
        let installed = self.registry().now().get(behavior).cloned();
        let gone = || ActionError::Refused(format!("behavior {behavior} is not installed any more"));
        let installed = installed.ok_or_else(gone)?;
        if !installed.enabled {
            return Err(ActionError::Refused(format!("behavior {behavior} is disabled; enable it first")));
        }
        let seq = slot.state.started.activity_seq;
        let activity = self.log.with(|log| activity_at(log, seq))?;
        let current = self.current(activity.object.as_ref(), None)?;
        for run in (run..).take(TRIES) {
            let started = matching::start(seq, &activity, &installed, run, current.clone());
            let started = Arc::new(FlowStarted { by: by.clone(), reason: reason.clone(), ..started });
            let now = self.now();
            let append = append_of(now, vec![Event::from(Arc::clone(&started))]);
            match self.writer().append(append).await {
                Ok(_) => {
                    self.jobs.push(Job::Advance(started.flow));
                    return Ok(FlowSummary::begin(now, &started));
                }
                // Someone else ran it again at the same time.
                Err(AppendError::Duplicate { .. }) => {}
                Err(error) => return Err(EngineError::from(error).into()),
            }
        }
        Err(ActionError::Refused("the flow is being run again too often; try again".to_owned()))
    }
}

/// The flow in a slot, read from the log where the slot is empty.
pub(super) fn filled<'a>(
    shared: &Shared,
    held: &'a mut Option<Slot>,
    flow: FlowId,
) -> Result<Option<&'a mut Slot>, EngineError> {
    match held {
        Some(slot) => shared.follow_clock(&mut slot.state),
        None => *held = shared.load(flow)?,
    }
    Ok(held.as_mut())
}

impl Shared {
    /// Takes a flow as far as it goes, until its entries are committed. Guests are called on this thread.
    pub(super) async fn advance(self: &Arc<Self>, flow: FlowId, care: Care) -> Result<(), EngineError> {
        let lock = self.slots.of(flow);
        let mut held = lock.lock().await;
        let mut attempted = None;
        loop {
            let Some(slot) = filled(self, &mut held, flow)? else {
                // It was erased: what it left in the lanes must hold up nobody.
                self.forget_effects_of(flow);
                return Ok(());
            };
            let (head, effects) = (slot.state.seq, slot.state.effects.len());
            let mut budget = match care {
                Care::Usual => Budget::new(),
                Care::OneCallAtATime if self.jobs.is_stopped() => return Ok(()),
                Care::OneCallAtATime => Budget::cautious(attempted.take()),
            };
            let walked = self.walk(&mut slot.state, &slot.activity, &mut budget);
            let Walk { drafts, wakes_at, goes_on, rests_on } = match walked {
                Ok(walk) => walk,
                Err(error) => {
                    *held = None;
                    return Err(error);
                }
            };
            if !drafts.is_empty() {
                self.announce(&slot.state, &drafts);
                let mut append = Self::append_to(&slot.state, head, Append::unconditional(drafts));
                append.expected.extend(rests_on);
                let appended = self.writer().append(append).await;
                self.unannounce(flow);
                match appended {
                    Ok(appended) => {
                        slot.state.take_place(appended.last, effects);
                        troubles::tell_failure(&slot.state);
                    }
                    Err(AppendError::Stale { .. }) => {
                        *held = None;
                        continue;
                    }
                    Err(error) => {
                        *held = None;
                        return Err(error.into());
                    }
                }
            }
            if goes_on {
                // Only what is committed counts as announced.
                attempted = budget.attempted();
                if care == Care::Usual {
                    // Whoever wants to cancel the flow gets its slot in between, and what it asked for leaves.
                    self.offer(&slot.state, &lock);
                    self.jobs.push(Job::Advance(flow));
                    return Ok(());
                }
                continue;
            }
            // What is due is the driver's; a timer for it would go off again and again until its turn comes.
            let now = self.now();
            let retries =
                slot.state.open_effects().filter_map(|effect| effect.next_retry_at).filter(|at| *at > now).min();
            if let Some(due) = [wakes_at, retries].into_iter().flatten().min() {
                self.timers.set(flow, due);
            }
            self.waiters.changed(&slot.state.summary);
            self.offer(&slot.state, &lock);
            return Ok(());
        }
    }
}
