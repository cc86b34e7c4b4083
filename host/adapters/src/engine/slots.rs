//! Flows that exist, in memory while something happens to them. Holding a slot's lock is the right to append to its
//! flow.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use rosehip_core::{
    activity::Activity,
    flow::FlowState,
    ids::{EffectId, FlowId},
};

/// A flow and its activity, as the log has them.
pub(super) struct Slot {
    pub(super) state: FlowState,
    pub(super) activity: Arc<Activity>,
}

/// A slot that is filled from the log when it is first needed.
pub(super) type SlotLock = Arc<tokio::sync::Mutex<Option<Slot>>>;

/// The slots that someone holds. One that nobody holds any more is forgotten: the log has it.
#[derive(Default)]
pub(super) struct Slots {
    slots: Mutex<HashMap<FlowId, Weak<tokio::sync::Mutex<Option<Slot>>>>>,
    /// Slots of effects that are about to be attempted, so that their flows need not be read again for that.
    kept: Mutex<HashMap<EffectId, SlotLock>>,
}

/// Slots that are kept at most; flows of others are read again.
const KEPT: usize = 4_096;
/// Forgetting is done in bulk, once the map has grown to twice of what was left.
const SWEEP_AT_LEAST: usize = 1_024;

impl Slots {
    /// The slot of a flow.
    pub(super) fn of(&self, flow: FlowId) -> SlotLock {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(&flow).and_then(Weak::upgrade) {
            return slot;
        }
        Self::sweep(&mut slots);
        let slot = SlotLock::default();
        slots.insert(flow, Arc::downgrade(&slot));
        slot
    }

    /// A slot that holds a flow which was just committed.
    pub(super) fn fill(&self, slot: Slot) -> SlotLock {
        let flow = slot.state.id();
        let filled = Arc::new(tokio::sync::Mutex::new(Some(slot)));
        let mut slots = self.lock();
        // Someone who asked for the flow before it was filled reads it from the log.
        if let Some(known) = slots.get(&flow).and_then(Weak::upgrade) {
            return known;
        }
        Self::sweep(&mut slots);
        slots.insert(flow, Arc::downgrade(&filled));
        filled
    }

    /// Keeps a slot until its effect is attempted.
    pub(super) fn keep(&self, effect: EffectId, slot: &SlotLock) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.insert(effect, Arc::clone(slot));
        }
    }

    /// The slot that was kept for an effect.
    pub(super) fn kept(&self, effect: EffectId) -> Option<SlotLock> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&effect)
    }

    fn sweep(slots: &mut HashMap<FlowId, Weak<tokio::sync::Mutex<Option<Slot>>>>) {
        if slots.len() >= SWEEP_AT_LEAST && slots.len() == slots.capacity() {
            slots.retain(|_, slot| slot.strong_count() > 0);
            slots.shrink_to(slots.len() * 2);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FlowId, Weak<tokio::sync::Mutex<Option<Slot>>>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
