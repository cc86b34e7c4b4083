//! Effects that change nothing but this host's own log: the change, its activity and the receipt are one append.

use std::sync::Arc;

use rosehip_core::{
    event::{Event, flow_stream},
    flow::FlowState,
    ids::EffectId,
    limits::{FLOW_DEPTH, FLOWS_PER_ROOT},
    log::Append,
    pipeline::dispatch::{self, AttemptEnd},
    ports::{Change, LocalSink, Next},
    state::Illegal,
};

use super::{driver::outgoing, error::EngineError, shared::Shared, slots::Slot, troubles};
use crate::writer::AppendError;

/// A change that lost against another one of the same object is decided again this often.
const TRIES: usize = 32;

impl Shared {
    /// Why a flow may not set off anything more, if it may not: the loop that it is part of ends here.
    pub(super) fn loop_rule(&self, state: &FlowState) -> Option<String> {
        let started = &state.started;
        if started.depth >= FLOW_DEPTH {
            let message =
                format!("depth: {} flows led to this one, one through the other, and that is the most", started.depth);
            return Some(message);
        }
        // What is counted may lag behind by what is being committed.
        let flows = self.views.with(|views| views.flows_of_root(started.root.as_str()));
        match flows {
            Ok(flows) if flows >= FLOWS_PER_ROOT => {
                Some(format!("flows-per-root: {flows} flows began with {}, at most {FLOWS_PER_ROOT}", started.root))
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the flows that began with one activity cannot be counted");
                None
            }
        }
    }

    /// Carries an effect out by an append of this log.
    pub(super) async fn change(
        self: &Arc<Self>,
        slot: &mut Slot,
        effect: EffectId,
        sink: &dyn LocalSink,
    ) -> Result<Next, EngineError> {
        for _ in 0..TRIES {
            let Some(state) = slot.state.effect(effect) else { return Ok(Next::Ended) };
            let now = self.now();
            let (append, end) = match sink.decide(&outgoing(&slot.state, state), now)? {
                Change::Append(append, receipt) => (append, Ok(AttemptEnd::Done(receipt))),
                Change::Nothing(receipt) => (Append::default(), Ok(AttemptEnd::Done(receipt))),
                Change::Refused(message) => (Append::default(), Ok(AttemptEnd::Refused(message))),
                Change::Denied(rule) => (Append::default(), Err(rule)),
            };
            let flow = slot.state.id();
            let events: Result<Vec<Event>, Illegal> = match end {
                Ok(end) => dispatch::at_once(flow, state, end).map(Vec::from),
                Err(rule) => dispatch::denied(flow, state, rule).map(|event| vec![event]),
            };
            let Ok(events) = events else { return Ok(Next::Ended) };
            match self.record_with(slot, append, events).await {
                Ok(()) => {
                    self.after_change(&slot.state);
                    return Ok(self.next_of(slot, effect));
                }
                // Someone else changed the object meanwhile; what that means for this effect is decided anew.
                Err(EngineError::Append(AppendError::Stale { stream, .. })) if stream != flow_stream(flow) => {}
                // Deciding anew would come to the same.
                Err(EngineError::Append(error @ (AppendError::TooLarge { .. } | AppendError::Duplicate { .. }))) => {
                    let Some(state) = slot.state.effect(effect) else { return Ok(Next::Ended) };
                    let refused = dispatch::at_once(flow, state, AttemptEnd::Refused(error.to_string()));
                    let Ok(events) = refused else { return Ok(Next::Ended) };
                    self.record_with(slot, Append::default(), events.into()).await?;
                    self.after_change(&slot.state);
                    return Ok(Next::Ended);
                }
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Append(AppendError::QueueFull))
    }

    /// Records a change together with a flow's events, and takes those in.
    async fn record_with(&self, slot: &mut Slot, change: Append, events: Vec<Event>) -> Result<(), EngineError> {
        let now = self.now();
        let mut append = Self::append_to(&slot.state, slot.state.seq, change);
        let before = append.drafts.len();
        append.drafts.extend(events.into_iter().map(|event| event.draft(now)));
        let events: Vec<_> = append.drafts[before..].iter().filter_map(|draft| draft.event.clone()).collect();
        let appended = self.writer().append(append).await?;
        let first = appended.first + u64::try_from(before).unwrap_or(0);
        for (seq, event) in (first..).zip(&events) {
            slot.state.apply(seq, now, event)?;
        }
        troubles::tell_given_up(&slot.state, events.iter().map(|event| &**event));
        Ok(())
    }
}
