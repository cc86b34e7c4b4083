//! What erasing needs of the engine: that nobody appends to the flows that are about to go, and pins, which keep flows
//! from going.
//!
//! Whoever appends to a flow holds its slot. So an erasure takes the slots of its flows, looks again whether they have
//! ended, and lets go once the bodies are gone; whoever waited then finds no flow.

use std::sync::Arc;

use rosehip_core::{
    event::{Event, FlowCancelled, FlowPinned},
    flow::FlowSummary,
    ids::FlowId,
    pipeline::dispatch,
    state::{EffectStatus, FlowEvent},
};
use tokio::sync::OwnedMutexGuard;

use super::{ActionError, EngineActions, EngineError, shared::Shared, slots::Slot};

/// Flows that nobody else can append to.
pub struct HeldFlows {
    shared: Arc<Shared>,
    flows: Vec<(FlowId, OwnedMutexGuard<Option<Slot>>)>,
}

impl HeldFlows {
    /// Their list items, as the log has them; those that are erased have none.
    pub fn summaries(&self) -> Result<Vec<FlowSummary>, ActionError> {
        let slots = self.flows.iter().map(|(flow, _)| self.shared.load(*flow));
        Ok(slots
            .filter_map(Result::transpose)
            .map(|slot| Ok(slot?.state.summary))
            .collect::<Result<_, EngineError>>()?)
    }

    /// The flows among them that have not ended or have effects open, as the log has them.
    pub fn open(&self) -> Result<Vec<FlowId>, ActionError> {
        let is_open = |flow: &FlowSummary| !flow.status.is_final() || flow.effects.open() > 0;
        Ok(self.summaries()?.into_iter().filter(is_open).map(|flow| flow.id).collect())
    }

    /// Whether a flow is among them.
    pub fn contains(&self, flow: FlowId) -> bool {
        self.flows.binary_search_by_key(&flow, |(flow, _)| *flow).is_ok()
    }

    /// Forgets what memory holds of those that are erased. The others go on as they were.
    pub fn forget(&mut self) {
        for (flow, slot) in &mut self.flows {
            **slot = None;
            match self.shared.load(*flow) {
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.shared.timers.clear(*flow);
                    self.shared.forget_effects_of(*flow);
                }
                Err(error) => tracing::error!(%flow, %error, "a flow cannot be read after an erasure"),
            }
        }
    }
}

impl EngineActions {
    /// Takes the slots of flows. Waits for whatever is being done to them.
    pub async fn hold(&self, flows: impl IntoIterator<Item = FlowId>) -> HeldFlows {
        let mut ids: Vec<_> = flows.into_iter().collect();
        // Two that hold several take them in the same order.
        ids.sort_unstable();
        ids.dedup();
        let mut held = HeldFlows { shared: Arc::clone(&self.shared), flows: Vec::with_capacity(ids.len()) };
        for flow in ids {
            let slot = self.shared.slots.of(flow).lock_owned().await;
            held.flows.push((flow, slot));
        }
        held
    }

    /// Ends a flow that has not ended, and calls off its open effects. One that is being attempted is left to its end;
    /// where this host attempts nothing (`is_idle`), it is called off as well.
    pub async fn call_off(
        &self,
        flow: FlowId,
        by: Option<String>,
        reason: &str,
        is_idle: bool,
    ) -> Result<FlowSummary, ActionError> {
        let reason = reason.to_owned();
        self.act(flow, move |state, _| {
            let mut events: Vec<Event> = Vec::new();
            if state.status().on(FlowEvent::Cancel).is_ok() {
                events.push(FlowCancelled { flow, by: by.clone(), reason: Some(reason.clone()) }.into());
            }
            let is_attempted = |status| status == EffectStatus::Attempting && !is_idle;
            for effect in state.open_effects().filter(|effect| !is_attempted(effect.status)).take(CALLED_OFF_AT_ONCE) {
                events.push(dispatch::cancelled(flow, effect, by.clone())?);
            }
            Ok(events)
        })
        .await
    }

    /// Pins a flow or lets it go. Doing what is done already is recorded again.
    pub async fn pin(&self, flow: FlowId, pinned: bool, by: Option<String>) -> Result<FlowSummary, ActionError> {
        self.act(flow, move |_, _| Ok(vec![FlowPinned { flow, pinned, by: by.clone() }.into()])).await
    }
}

/// Effects called off in one append.
const CALLED_OFF_AT_ONCE: usize = 1_000;
