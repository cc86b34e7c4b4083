//! The driver: takes recorded effects to their sinks. An attempt is durable before anything leaves the machine; its
//! end is recorded after. One task a flow works its effects off in order; effects of a batch wait for the others of
//! it and leave together.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rosehip_core::{
    behavior::channel,
    effect::EffectState,
    event::Event,
    flow::FlowState,
    ids::{EffectId, FlowId},
    pipeline::{
        dispatch::{self, AttemptEnd},
        walk::{Allowed, NOTHING_COUNTED},
    },
    ports::Outgoing,
    state::{EffectStatus, FlowStatus, Illegal},
    time::Timestamp,
};

use super::{
    actions::filled,
    jobs::Job,
    shared::{EngineError, Shared},
    slots::SlotLock,
};
use crate::{clock::SystemClock, writer::AppendError};

/// How long a batch waits for flows that are still at work.
const BATCH_PATIENCE: Duration = Duration::from_secs(5);

/// How long the end of an attempt that could not be recorded waits to be tried again.
const PATIENCE: Duration = Duration::from_secs(1);

/// What belongs together: behavior, kind, channel and batch.
type BatchKey = (String, String, String, String);

/// Which flows and batches are being worked off.
#[derive(Default)]
pub(super) struct Driver {
    /// Flows with a task of their own, and whether there was more to do since it last looked.
    driving: Mutex<HashMap<FlowId, bool>>,
    batches: Mutex<HashMap<BatchKey, Vec<Member>>>,
    /// Effects that this process is attempting, or has taken into a batch.
    in_flight: Mutex<HashSet<EffectId>>,
}

impl Driver {
    /// Asks for a flow to be worked off; whether a task has to be started for that.
    fn begin(&self, flow: FlowId) -> bool {
        let mut driving = locked(&self.driving);
        driving.insert(flow, true).is_none()
    }

    /// Before the task of a flow looks at it: whether there is anything to look at since it last did. Where there is
    /// not, the task has ended.
    fn looks(&self, flow: FlowId) -> bool {
        let mut driving = locked(&self.driving);
        match driving.get_mut(&flow) {
            Some(has_more) if *has_more => {
                *has_more = false;
                true
            }
            Some(_) | None => {
                driving.remove(&flow);
                false
            }
        }
    }

    fn is_in_flight(&self, effect: EffectId) -> bool {
        locked(&self.in_flight).contains(&effect)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An effect of a flow.
struct Member {
    flow: FlowId,
    slot: SlotLock,
    effect: EffectId,
}

/// What is to be done for an effect first.
enum Todo {
    /// Record this, then look again.
    Record(Box<Event>),
    /// Attempt it.
    Attempt,
    /// Attempt it together with others.
    Batch(BatchKey),
    /// Nothing before this moment.
    Later(Timestamp),
}

impl Shared {
    /// Works a flow's open effects off, unless that is being done.
    pub(super) fn drive(self: &Arc<Self>, flow: FlowId, slot: SlotLock) {
        if !self.driver.begin(flow) {
            return;
        }
        let shared = Arc::clone(self);
        // Until it has looked once, the flow may add to a batch that waits for the others.
        self.jobs.begin();
        self.runtime.spawn(async move {
            let mut is_first = true;
            while shared.driver.looks(flow) {
                let worked_off = shared.work_off(flow, &slot).await;
                if std::mem::take(&mut is_first) {
                    shared.jobs.finish();
                }
                match worked_off {
                    Ok(Some(due)) => shared.timers.set_earlier(flow, due),
                    Ok(None) => {}
                    Err(error) => {
                        *slot.lock().await = None;
                        shared.try_later(&error, Job::Advance(flow));
                    }
                }
            }
        });
    }

    /// Returns when the flow's effects are to be looked at again.
    async fn work_off(self: &Arc<Self>, flow: FlowId, lock: &SlotLock) -> Result<Option<Timestamp>, EngineError> {
        loop {
            let mut held = lock.lock().await;
            let Some(slot) = filled(self, &mut held, flow)? else { return Ok(None) };
            let mut due: Option<Timestamp> = None;
            let mut next = None;
            let ids: Vec<EffectId> = slot.state.open_effects().map(|effect| effect.effect.id).collect();
            for id in ids.into_iter().filter(|id| !self.driver.is_in_flight(*id)) {
                let Some(effect) = slot.state.effect(id) else { continue };
                match self.todo(&slot.state, effect) {
                    Ok(Todo::Later(at)) => due = Some(due.map_or(at, |due| due.min(at))),
                    Ok(todo) => {
                        next = Some((id, todo));
                        break;
                    }
                    Err(illegal) => tracing::error!(%flow, effect = %id, %illegal, "an effect was left alone"),
                }
            }
            match next {
                None => return Ok(due),
                Some((_, Todo::Record(event))) => {
                    self.record(slot, vec![*event]).await?;
                    self.after_change(&slot.state);
                }
                Some((id, Todo::Batch(key))) => {
                    self.join_batch(key, Member { flow, slot: Arc::clone(lock), effect: id });
                }
                Some((id, Todo::Attempt)) => {
                    drop(held);
                    self.attempt(&[Member { flow, slot: Arc::clone(lock), effect: id }]).await?;
                }
                Some((_, Todo::Later(_))) => unreachable!("later effects are passed over above"),
            }
        }
    }

    fn todo(&self, state: &FlowState, effect: &EffectState) -> Result<Todo, Illegal> {
        let flow = state.id();
        if effect.status == EffectStatus::Attempting {
            // This process does not attempt it: an earlier one stopped during that attempt.
            return conclude(state, effect, AttemptEnd::Unknown).map(record);
        }
        if state.status() == FlowStatus::Cancelled {
            return dispatch::cancelled(flow, effect, None).map(record);
        }
        if let Some(at) = effect.next_retry_at.filter(|at| *at > SystemClock::now()) {
            return Ok(Todo::Later(at));
        }
        let Some(module) = self.module(state.started.digest) else { return Ok(Todo::Attempt) };
        let installed = self.registry().now().get(&state.started.behavior).cloned();
        let now = installed.as_deref().map(|installed| &installed.grant);
        let allowed = Allowed {
            declared: &module.effects,
            pinned: &state.started.grant,
            now,
            owner: &state.started.owner,
            base_url: &self.base_url,
            recorded: &NOTHING_COUNTED,
        };
        let (kind, payload) = (&effect.effect.kind, &effect.effect.payload);
        if let Err(denial) = allowed.permits(kind, payload) {
            return dispatch::denied(flow, effect, denial.to_string()).map(record);
        }
        if self.sink(kind).is_none() && effect.status == EffectStatus::Recorded {
            return dispatch::unhandled(flow, effect).map(record);
        }
        let batch = payload.get("batch").and_then(serde_json::Value::as_str);
        Ok(batch.map_or(Todo::Attempt, |batch| {
            Todo::Batch((
                state.started.behavior.to_string(),
                kind.clone(),
                channel(payload).to_owned(),
                batch.to_owned(),
            ))
        }))
    }

    fn join_batch(self: &Arc<Self>, key: BatchKey, member: Member) {
        locked(&self.driver.in_flight).insert(member.effect);
        let mut batches = locked(&self.driver.batches);
        let members = batches.entry(key.clone()).or_default();
        members.push(member);
        if members.len() > 1 {
            return;
        }
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            // Flows that end their wait at the same time are at work; what they add belongs to the same message.
            let _ = tokio::time::timeout(BATCH_PATIENCE, shared.jobs.idle()).await;
            let members = locked(&shared.driver.batches).remove(&key).unwrap_or_default();
            if let Err(error) = shared.attempt(&members).await {
                for member in &members {
                    *member.slot.lock().await = None;
                    shared.try_later(&error, Job::Advance(member.flow));
                }
            }
        });
    }

    /// Attempts effects together: each attempt is durable, then the sink is called once, then each end is recorded.
    async fn attempt(self: &Arc<Self>, members: &[Member]) -> Result<(), EngineError> {
        locked(&self.driver.in_flight).extend(members.iter().map(|member| member.effect));
        let result = self.attempt_in_flight(members).await;
        let mut in_flight = locked(&self.driver.in_flight);
        for member in members {
            in_flight.remove(&member.effect);
        }
        result
    }

    async fn attempt_in_flight(&self, members: &[Member]) -> Result<(), EngineError> {
        let mut outgoing = Vec::with_capacity(members.len());
        let mut attempted = Vec::with_capacity(members.len());
        for member in members {
            let mut held = member.slot.lock().await;
            let Some(slot) = filled(self, &mut held, member.flow)? else { continue };
            let Some(effect) = slot.state.effect(member.effect) else { continue };
            // It may have been cancelled since it was queued.
            let Ok(event) = dispatch::attempt(member.flow, effect) else { continue };
            outgoing.push(Outgoing {
                flow: member.flow,
                behavior: slot.state.started.behavior.clone(),
                owner: slot.state.started.owner.clone(),
                effect: effect.effect.clone(),
            });
            self.record(slot, vec![event]).await?;
            attempted.push(member);
        }
        let Some(first) = outgoing.first() else { return Ok(()) };
        let end = match self.sink(&first.effect.kind) {
            Some(sink) => sink.send(&outgoing).await,
            None => AttemptEnd::Refused(format!("no sink of this host carries out {}", first.effect.kind)),
        };
        for member in attempted {
            self.record_end(member, &end).await?;
        }
        Ok(())
    }

    /// Records the end of an attempt, which must not be forgotten: it is tried until it is durable or the log's
    /// writer has stopped.
    async fn record_end(&self, member: &Member, end: &AttemptEnd) -> Result<(), EngineError> {
        loop {
            let mut held = member.slot.lock().await;
            let recorded = match filled(self, &mut held, member.flow) {
                Ok(None) => return Ok(()),
                Err(error) => Err(error),
                Ok(Some(slot)) => {
                    let Some(effect) = slot.state.effect(member.effect) else { return Ok(()) };
                    match conclude(&slot.state, effect, end.clone()) {
                        Ok(event) => self.record(slot, vec![event]).await.map(drop),
                        Err(illegal) => {
                            tracing::warn!(flow = %member.flow, %illegal, "the end of an attempt came too late");
                            return Ok(());
                        }
                    }
                }
            };
            match recorded {
                Ok(()) => {
                    if let Some(slot) = held.as_ref() {
                        self.after_change(&slot.state);
                    }
                    return Ok(());
                }
                Err(error @ EngineError::Append(AppendError::Stopped)) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, flow = %member.flow, "the end of an attempt is recorded in a second");
                    *held = None;
                    drop(held);
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    /// A node may have waited for the end of its effects.
    fn after_change(&self, state: &FlowState) {
        self.waiters.changed(&state.summary);
        let now = SystemClock::now();
        let rests =
            rosehip_core::flow::next(state, now).iter().all(|step| matches!(step, rosehip_core::flow::Step::Sleep(_)));
        if !rests || state.open_effects().any(|effect| effect.next_retry_at.is_some()) {
            self.jobs.push(Job::Advance(state.id()));
        }
    }
}

fn record(event: Event) -> Todo {
    Todo::Record(Box::new(event))
}

/// The end of an attempt. Where the flow was cancelled meanwhile, a success counts and anything else is the last.
fn conclude(state: &FlowState, effect: &EffectState, end: AttemptEnd) -> Result<Event, Illegal> {
    let is_called_off = state.status() == FlowStatus::Cancelled && !matches!(end, AttemptEnd::Done(_));
    if is_called_off {
        return dispatch::cancelled(state.id(), effect, None);
    }
    dispatch::conclude(state.id(), effect, end, jitter())
}

/// A number from 0 to 1 that spreads retries.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness every retry takes the longest delay, which is safe.
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
