//! Taking recorded effects to their sinks. An attempt is durable before anything leaves the machine; its end is
//! recorded after. Which effect leaves when is the [`rosehip_core::ports::Driver`]'s to say; batches are apart
//! (`batches.rs`), and so is what changes nothing but this host's log (`changes.rs`).

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rosehip_core::{
    effect::{EffectState, destination},
    event::Event,
    flow::FlowState,
    ids::{EffectId, FlowId},
    pipeline::{
        dispatch::{self, AttemptEnd},
        walk::{Allowed, NOTHING_COUNTED},
    },
    ports::{Driver as _, Next, Outgoing, Ticket},
    state::{EffectStatus, FlowStatus, Illegal},
    time::Timestamp,
    trace::SpanId,
};

use super::{
    actions::filled,
    batches::batch_of,
    error::EngineError,
    jobs::Job,
    shared::Shared,
    slots::{Slot, SlotLock},
};
use crate::writer::AppendError;

/// How long the end of an attempt that could not be recorded waits to be tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long at most until the lanes are asked again, in milliseconds.
const ASK_AGAIN_MS: u64 = 1_000;

/// What is to be done for an effect first.
pub(super) enum Todo {
    /// Record this, then look again.
    Record(Box<Event>),
    /// Attempt it.
    Attempt,
    /// Nothing before this moment.
    Later(Timestamp),
}

/// An effect that was taken. Whatever happens to its task, the driver is told that it is not under way any more.
struct UnderWay<'a> {
    shared: &'a Arc<Shared>,
    effect: EffectId,
    next: Next,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        drop(self.shared.slots.kept(self.effect));
        self.shared.driver.release(self.effect, self.next);
        self.shared.pump();
    }
}

/// What effects of a flow are about: its object, or the flow itself.
pub(super) fn about(state: &FlowState) -> Arc<str> {
    match &state.started.object {
        Some(object) => object.to_string().into(),
        None => state.id().to_string().into(),
    }
}

/// An effect as the driver knows it.
pub(super) fn ticket(state: &FlowState, effect: &EffectState, about: &Arc<str>) -> Ticket {
    Ticket {
        place: (effect.seq, effect.effect.ordinal),
        flow: state.id(),
        effect: effect.effect.id,
        destination: destination(&effect.effect.kind, &effect.effect.payload).into(),
        about: Arc::clone(about),
    }
}

/// An effect of a flow on its way out, before the attempt is recorded.
pub(super) fn outgoing(state: &FlowState, effect: &EffectState) -> Outgoing {
    let started = &state.started;
    Outgoing {
        flow: state.id(),
        behavior: started.behavior.clone(),
        owner: started.owner.clone(),
        object: started.object.clone(),
        activity: started.activity.clone(),
        depth: started.depth,
        root: started.root.clone(),
        trace: started.trace.map(|trace| trace.below(SpanId::of_dispatch(effect.effect.id, effect.attempts + 1))),
        effect: effect.effect.clone(),
    }
}

impl Shared {
    /// Has a flow's open effects taken to their sinks. The flow's slot is the caller's.
    pub(super) fn offer(self: &Arc<Self>, state: &FlowState, slot: &SlotLock) {
        let (now, about) = (self.now(), about(state));
        let mut open = HashSet::new();
        for effect in state.open_effects() {
            open.insert(effect.effect.id);
            let is_due = effect.next_retry_at.is_none_or(|at| at <= now);
            match batch_of(state, effect) {
                Some(batch) if is_due => self.join_batch(batch, state.id(), slot, effect.effect.id),
                Some(_) => {}
                None => {
                    if is_due {
                        self.slots.keep(effect.effect.id, slot);
                    }
                    self.driver.offer(ticket(state, effect, &about), is_due);
                }
            }
        }
        self.retain_effects(state.id(), &open);
        self.pump();
    }

    fn retain_effects(&self, flow: FlowId, open: &HashSet<EffectId>) {
        for effect in self.driver.retain(flow, open) {
            drop(self.slots.kept(effect));
        }
    }

    /// Takes what a flow that is gone left in the lanes.
    pub(super) fn forget_effects_of(self: &Arc<Self>, flow: FlowId) {
        self.retain_effects(flow, &HashSet::new());
        self.pump();
    }

    /// Begins what may begin.
    pub(super) fn pump(self: &Arc<Self>) {
        if self.leaving.is_over() {
            return;
        }
        let (tickets, again) = self.driver.take(self.now());
        for ticket in tickets {
            let shared = Arc::clone(self);
            self.runtime.spawn(async move {
                let Some(_pass) = shared.leaving.begin() else { return };
                let mut under_way = UnderWay { shared: &shared, effect: ticket.effect, next: Next::Again };
                let slot = shared.slots.kept(ticket.effect).unwrap_or_else(|| shared.slots.of(ticket.flow));
                match shared.attempt(&ticket, &slot).await {
                    Ok(next) => under_way.next = next,
                    Err(error) => {
                        *slot.lock().await = None;
                        shared.try_later(&error, Job::Advance(ticket.flow));
                    }
                }
            });
        }
        let Some(again) = again.map(|again| again.min(ASK_AGAIN_MS)) else { return };
        if !self.asks_again.swap(true, Ordering::Relaxed) {
            let shared = Arc::downgrade(self);
            self.runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(again)).await;
                if let Some(shared) = shared.upgrade() {
                    shared.asks_again.store(false, Ordering::Relaxed);
                    shared.pump();
                }
            });
        }
    }

    /// Takes an effect as far as one attempt goes.
    async fn attempt(self: &Arc<Self>, ticket: &Ticket, lock: &SlotLock) -> Result<Next, EngineError> {
        loop {
            let mut held = lock.lock().await;
            let Some(slot) = filled(self, &mut held, ticket.flow)? else { return Ok(Next::Ended) };
            let Some(effect) = slot.state.effect(ticket.effect) else { return Ok(Next::Ended) };
            if !effect.status.is_open() {
                return Ok(Next::Ended);
            }
            let todo = match self.todo(&slot.state, effect) {
                Ok(todo) => todo,
                Err(illegal) => {
                    tracing::error!(flow = %ticket.flow, effect = %ticket.effect, %illegal, "an effect was left alone");
                    return Ok(Next::Ended);
                }
            };
            match todo {
                Todo::Later(due) => {
                    self.timers.set_earlier(ticket.flow, due);
                    return Ok(Next::Again);
                }
                Todo::Record(event) => {
                    self.record(slot, vec![*event]).await?;
                    self.after_change(&slot.state);
                }
                Todo::Attempt => {
                    if let Some(sink) = self.local_sink(&effect.effect.kind) {
                        return self.change(slot, ticket.effect, sink).await;
                    }
                    let attempt = dispatch::attempt(ticket.flow, effect);
                    let Ok(attempt) = attempt else { return Ok(Next::Ended) };
                    let outgoing = outgoing(&slot.state, effect);
                    self.record(slot, vec![attempt]).await?;
                    drop(held);
                    let end = self.send(std::slice::from_ref(&outgoing)).await;
                    let ended = self.record_end(lock, &outgoing, &end).await?;
                    return Ok(match end {
                        AttemptEnd::Rejected { retry_after_ms: Some(ms), .. } if ended != Next::Ended => {
                            Next::Pause(self.now().plus_millis(ms))
                        }
                        AttemptEnd::Done(_)
                        | AttemptEnd::Rejected { .. }
                        | AttemptEnd::Unreachable(_)
                        | AttemptEnd::Refused(_)
                        | AttemptEnd::Unknown => ended,
                    });
                }
            }
        }
    }

    pub(super) fn todo(&self, state: &FlowState, effect: &EffectState) -> Result<Todo, Illegal> {
        let flow = state.id();
        if effect.status == EffectStatus::Attempting {
            // This process does not attempt it: an earlier one stopped during that attempt.
            return conclude(state, effect, AttemptEnd::Unknown, self.jitter()).map(record);
        }
        if state.status() == FlowStatus::Cancelled {
            return dispatch::cancelled(flow, effect, None).map(record);
        }
        if let Some(at) = effect.next_retry_at.filter(|at| *at > self.now()) {
            return Ok(Todo::Later(at));
        }
        let Some(module) = self.module(state.started.digest) else {
            let rule = "ungranted: what its module declares is not known any more".to_owned();
            return dispatch::denied(flow, effect, rule).map(record);
        };
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
        if self.local_sink(kind).is_some() {
            return match self.loop_rule(state) {
                Some(rule) => dispatch::denied(flow, effect, rule).map(record),
                None => Ok(Todo::Attempt),
            };
        }
        if self.sink(kind).is_none() && effect.status == EffectStatus::Recorded {
            return dispatch::unhandled(flow, effect).map(record);
        }
        Ok(Todo::Attempt)
    }

    /// Calls the sink of effects that leave together.
    pub(super) async fn send(&self, outgoing: &[Outgoing]) -> AttemptEnd {
        let Some(first) = outgoing.first() else { return AttemptEnd::Unknown };
        match self.sink(&first.effect.kind) {
            Some(sink) => sink.send(outgoing).await,
            None => AttemptEnd::Refused(format!("no sink of this host carries out {}", first.effect.kind)),
        }
    }

    /// Records the end of an attempt, which must not be forgotten: it is tried until it is durable or the log's
    /// writer has stopped.
    pub(super) async fn record_end(
        self: &Arc<Self>,
        lock: &SlotLock,
        outgoing: &Outgoing,
        end: &AttemptEnd,
    ) -> Result<Next, EngineError> {
        loop {
            let mut held = lock.lock().await;
            let recorded = match filled(self, &mut held, outgoing.flow) {
                Ok(None) => return Ok(Next::Ended),
                Err(error) => Err(error),
                Ok(Some(slot)) => {
                    let Some(effect) = slot.state.effect(outgoing.effect.id) else { return Ok(Next::Ended) };
                    match conclude(&slot.state, effect, end.clone(), self.jitter()) {
                        Ok(event) => self.record(slot, vec![event]).await.map(drop),
                        Err(illegal) => {
                            tracing::warn!(flow = %outgoing.flow, %illegal, "the end of an attempt came too late");
                            return Ok(Next::Ended);
                        }
                    }
                }
            };
            match recorded {
                Ok(()) => {
                    let Some(slot) = held.as_ref() else { return Ok(Next::Ended) };
                    self.after_change(&slot.state);
                    return Ok(self.next_of(slot, outgoing.effect.id));
                }
                Err(error @ EngineError::Append(AppendError::Stopped)) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, flow = %outgoing.flow, "the end of an attempt is recorded in a second");
                    *held = None;
                    drop(held);
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    /// What becomes of an effect, as its flow says; sets the timer of another attempt.
    pub(super) fn next_of(&self, slot: &Slot, effect: EffectId) -> Next {
        let effect = slot.state.effect(effect).filter(|effect| effect.status.is_open());
        let Some(effect) = effect else { return Next::Ended };
        if let Some(due) = effect.next_retry_at {
            self.timers.set_earlier(slot.state.id(), due);
        }
        Next::Again
    }

    /// A node may have waited for the end of its effects.
    pub(super) fn after_change(&self, state: &FlowState) {
        self.waiters.changed(&state.summary);
        let now = self.now();
        let rests =
            rosehip_core::flow::next(state, now).iter().all(|step| matches!(step, rosehip_core::flow::Step::Sleep(_)));
        if !rests {
            self.jobs.push(Job::Advance(state.id()));
        }
    }
}

fn record(event: Event) -> Todo {
    Todo::Record(Box::new(event))
}

/// The end of an attempt. Where the flow was cancelled meanwhile, a success counts and anything else is the last.
fn conclude(state: &FlowState, effect: &EffectState, end: AttemptEnd, jitter: f64) -> Result<Event, Illegal> {
    let is_called_off = state.status() == FlowStatus::Cancelled && !matches!(end, AttemptEnd::Done(_));
    if is_called_off {
        return dispatch::cancelled(state.id(), effect, None);
    }
    dispatch::conclude(state.id(), effect, end, jitter)
}
