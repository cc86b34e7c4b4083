//! Effects of a batch: they wait for the others of it and leave together, as one message.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rosehip_core::{
    effect::{EffectState, batch, destination},
    flow::FlowState,
    ids::{EffectId, FlowId},
    pipeline::dispatch,
    ports::Outgoing,
};

use super::{
    actions::filled,
    driver::{Todo, outgoing},
    error::EngineError,
    jobs::Job,
    shared::Shared,
    slots::SlotLock,
};
use crate::writer::AppendError;

/// How long a batch waits for flows that are still at work.
const BATCH_PATIENCE: Duration = Duration::from_secs(5);

/// What belongs together: behavior, kind, destination and batch.
pub(super) type BatchKey = (String, String, String, String);

/// The batch that an effect belongs to, if it does.
pub(super) fn batch_of(state: &FlowState, effect: &EffectState) -> Option<BatchKey> {
    let (kind, payload) = (&effect.effect.kind, &effect.effect.payload);
    let batch = batch(kind, payload)?;
    let to = destination(kind, payload);
    Some((state.started.behavior.to_string(), kind.clone(), to, batch.to_owned()))
}

/// An effect of a flow.
struct Member {
    flow: FlowId,
    slot: SlotLock,
    effect: EffectId,
}

/// The batches that gather.
#[derive(Default)]
pub(super) struct Batches {
    gathering: Mutex<HashMap<BatchKey, Vec<Member>>>,
    /// Effects that gather or are being attempted.
    in_flight: Mutex<HashSet<EffectId>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Effects that are in flight, as long as it lives.
struct InFlight<'a> {
    batches: &'a Batches,
    members: &'a [Member],
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut in_flight = locked(&self.batches.in_flight);
        for member in self.members {
            in_flight.remove(&member.effect);
        }
    }
}

impl Shared {
    /// Adds an effect to its batch, unless it is there already. Call it before the job that led to it is finished: a
    /// batch leaves when no job is left that could add to it.
    pub(super) fn join_batch(self: &Arc<Self>, key: BatchKey, flow: FlowId, slot: &SlotLock, effect: EffectId) {
        if !locked(&self.batches.in_flight).insert(effect) {
            return;
        }
        let mut gathering = locked(&self.batches.gathering);
        let members = gathering.entry(key.clone()).or_default();
        members.push(Member { flow, slot: Arc::clone(slot), effect });
        if members.len() > 1 {
            return;
        }
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            // Flows that end their wait at the same time are at work; what they add belongs to the same message.
            let _ = tokio::time::timeout(BATCH_PATIENCE, shared.jobs.idle()).await;
            let members = locked(&shared.batches.gathering).remove(&key).unwrap_or_default();
            let attempted = {
                let Some(_pass) = shared.leaving.begin() else { return };
                let _in_flight = InFlight { batches: &shared.batches, members: &members };
                shared.attempt_batch(&members).await
            };
            if let Err(error) = attempted {
                for member in &members {
                    *member.slot.lock().await = None;
                    shared.try_later(&error, Job::Advance(member.flow));
                }
                return;
            }
            // What became due again while it was in flight was not taken in.
            let due = shared.now();
            for member in &members {
                let held = member.slot.lock().await;
                let effect = held.as_ref().and_then(|slot| slot.state.effect(member.effect));
                let is_due = effect
                    .is_some_and(|effect| effect.status.is_open() && effect.next_retry_at.is_none_or(|at| at <= due));
                if is_due {
                    shared.jobs.push(Job::Advance(member.flow));
                }
            }
        });
    }

    /// Attempts effects together: each attempt is durable, then the sink is called once, then each end is recorded.
    async fn attempt_batch(self: &Arc<Self>, members: &[Member]) -> Result<(), EngineError> {
        let mut leaving: Vec<(&SlotLock, Outgoing)> = Vec::with_capacity(members.len());
        for member in members {
            match self.begin_attempt(member).await {
                Ok(Some(outgoing)) => leaving.push((&member.slot, outgoing)),
                Ok(None) => {}
                Err(error @ EngineError::Append(AppendError::Stopped)) => return Err(error),
                // One flow that cannot be read or appended to keeps no other from leaving.
                Err(error) => {
                    *member.slot.lock().await = None;
                    self.try_later(&error, Job::Advance(member.flow));
                }
            }
        }
        let outgoing: Vec<Outgoing> = leaving.iter().map(|(_, outgoing)| outgoing.clone()).collect();
        if outgoing.is_empty() {
            return Ok(());
        }
        let end = self.send(&outgoing).await;
        for (slot, outgoing) in leaving {
            self.record_end(slot, &outgoing, &end).await?;
        }
        Ok(())
    }

    /// Records that an effect is attempted; none where it is not to leave now.
    async fn begin_attempt(self: &Arc<Self>, member: &Member) -> Result<Option<Outgoing>, EngineError> {
        loop {
            let mut held = member.slot.lock().await;
            let Some(slot) = filled(self, &mut held, member.flow)? else { return Ok(None) };
            let effect = slot.state.effect(member.effect).filter(|effect| effect.status.is_open());
            let Some(effect) = effect else { return Ok(None) };
            match self.todo(&slot.state, effect) {
                Ok(Todo::Record(event)) => {
                    self.record(slot, vec![*event]).await?;
                    self.after_change(&slot.state);
                }
                Ok(Todo::Attempt) => {
                    let Ok(attempt) = dispatch::attempt(member.flow, effect) else { return Ok(None) };
                    let outgoing = outgoing(&slot.state, effect);
                    self.record(slot, vec![attempt]).await?;
                    return Ok(Some(outgoing));
                }
                Ok(Todo::Later(due)) => {
                    self.timers.set_earlier(member.flow, due);
                    return Ok(None);
                }
                Err(illegal) => {
                    tracing::error!(flow = %member.flow, effect = %member.effect, %illegal, "an effect was left alone");
                    return Ok(None);
                }
            }
        }
    }
}
