//! Effects take their places in the driver's lanes as they are committed, in the order of the log.
//!
//! A commit is seen before whoever made it hears of it, and what it shows of an effect does not tell what that is about. So
//! whoever makes a commit says so before it, and offers the effects after it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rosehip_core::{
    effect::{batch, destination},
    event::Event,
    flow::FlowState,
    ids::FlowId,
    log::{Draft, Entry},
    ports::{Driver as _, Ticket},
    state::EffectStatus,
};

use super::{driver, shared::Shared};

/// Flows of which a commit is under way that records effects, and what those are about.
#[derive(Default)]
pub(super) struct Announced(Mutex<HashMap<FlowId, Arc<str>>>);

impl Announced {
    fn lock(&self) -> MutexGuard<'_, HashMap<FlowId, Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Says what effects are about that are about to be committed, so that they take their places in the driver's
    /// lanes in the order in which they are.
    pub(super) fn announce(&self, state: &FlowState, drafts: &[Draft]) {
        let records = |draft: &Draft| match draft.event.as_deref() {
            Some(Event::NodeDone(done)) => done.effects.iter().any(|effect| effect.status == EffectStatus::Recorded),
            _ => false,
        };
        if drafts.iter().any(records) {
            self.announced.lock().insert(state.id(), driver::about(state));
        }
    }

    /// The commit is over; what it recorded is offered by whoever made it.
    pub(super) fn unannounce(&self, flow: FlowId) {
        self.announced.lock().remove(&flow);
    }

    /// Gives the effects of a node that was just committed their places.
    pub(super) fn take_in_effects(&self, entry: &Entry) {
        let Some(Event::NodeDone(done)) = entry.event.as_deref() else { return };
        let mut recorded = done.effects.iter().filter(|effect| effect.status == EffectStatus::Recorded).peekable();
        if recorded.peek().is_none() {
            return;
        }
        let announced = self.announced.lock().get(&done.flow).cloned();
        let Some(about) = announced else { return };
        for effect in recorded.filter(|effect| batch(&effect.kind, &effect.payload).is_none()) {
            self.driver.expect(Ticket {
                place: (entry.header.seq, effect.ordinal),
                flow: done.flow,
                effect: effect.id,
                destination: destination(&effect.kind, &effect.payload).into(),
                about: Arc::clone(&about),
            });
        }
    }
}
