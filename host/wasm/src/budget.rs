//! What one call may use: its fuel, its memories and its tables.

use rosehip_core::limits;
use wasmtime::{AsContextMut, ResourceLimiter, Trap};

/// wasmtime's text for growth beyond what a 32-bit memory can address, the one growth it refuses by itself.
const BEYOND_ADDRESS_SPACE: &str = "memory growth exceeds memory type's limits";

/// Fuel for a call with an input of `bytes`.
pub(crate) fn fuel_for(bytes: usize) -> u64 {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    limits::GUEST_FUEL_BASE
        .saturating_add(bytes.saturating_mul(limits::GUEST_FUEL_PER_INPUT_BYTE))
        .min(limits::GUEST_FUEL_MAX)
}

/// Takes fuel for a call of the host that handles `bytes` of the guest's.
pub(crate) fn charge(mut store: impl AsContextMut, bytes: u64) -> wasmtime::Result<()> {
    let mut store = store.as_context_mut();
    let cost = limits::GUEST_HOST_CALL_FUEL.saturating_add(bytes);
    let Some(left) = store.get_fuel()?.checked_sub(cost) else {
        store.set_fuel(0)?;
        return Err(Trap::OutOfFuel.into());
    };
    store.set_fuel(left)
}

/// What a guest asked for and was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Linear memory beyond what the call may have, in bytes.
    Memory(usize),
    /// Linear memory beyond the maximum that the module sets itself.
    OwnMaximum,
    /// Table elements.
    Table,
}

/// The host could not give memory that the guest was entitled to.
#[derive(Debug, thiserror::Error)]
#[error("the host has no memory for the guest: {0}")]
pub(crate) struct HostMemory(String);

/// Bounds all linear memories of a call together and each of its tables.
///
/// A denied growth is -1 to the guest, as the specification wants; what is denied here depends on the guest alone.
/// Where the host itself fails, the call ends instead: a guest must not see what differs between two runs.
#[derive(Debug)]
pub(crate) struct SpaceBudget {
    most_memory_bytes: usize,
    memory_bytes: usize,
    denied: Option<Denied>,
}

impl SpaceBudget {
    /// Room for `most_memory_bytes` of linear memory.
    pub(crate) fn new(most_memory_bytes: usize) -> Self {
        Self { most_memory_bytes, memory_bytes: 0, denied: None }
    }

    /// The first kind of growth that was denied.
    pub(crate) fn denied(&self) -> Option<Denied> {
        self.denied
    }

    fn deny(&mut self, what: Denied) {
        self.denied.get_or_insert(what);
    }
}

impl ResourceLimiter for SpaceBudget {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.deny(Denied::OwnMaximum);
            return Ok(false);
        }
        if total > self.most_memory_bytes {
            self.deny(Denied::Memory(self.most_memory_bytes));
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        let reason = error.to_string();
        if reason == BEYOND_ADDRESS_SPACE {
            self.deny(Denied::Memory(self.most_memory_bytes));
            return Ok(());
        }
        Err(HostMemory(reason).into())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > limits::GUEST_TABLE_ELEMENTS || maximum.is_some_and(|maximum| desired > maximum) {
            self.deny(Denied::Table);
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        limits::GUEST_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        limits::GUEST_TABLES as usize
    }

    fn memories(&self) -> usize {
        limits::GUEST_MEMORIES as usize
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn fuel_grows_with_the_input_up_to_a_ceiling() {
        assert_eq!(fuel_for(0), 100_000_000);
        assert_eq!(fuel_for(1_000), 104_000_000);
        assert_eq!(fuel_for(2 << 20), 5_000_000_000);
        assert_eq!(fuel_for(usize::MAX), 5_000_000_000);
    }

    #[test]
    fn memories_share_one_budget() {
        let mut budget = SpaceBudget::new(limits::GUEST_MEMORY_BYTES);
        let half = limits::GUEST_MEMORY_BYTES / 2;
        assert!(budget.memory_growing(0, half, None).unwrap());
        assert!(budget.memory_growing(0, half, None).unwrap());
        assert_eq!(budget.denied(), None);
        assert!(!budget.memory_growing(half, half + 1, None).unwrap());
        assert_eq!(budget.denied(), Some(Denied::Memory(limits::GUEST_MEMORY_BYTES)));
    }

    #[test]
    fn a_memory_keeps_its_own_maximum_without_using_the_budget() {
        let mut budget = SpaceBudget::new(limits::GUEST_MEMORY_BYTES);
        assert!(!budget.memory_growing(0, 2 << 16, Some(1 << 16)).unwrap());
        assert_eq!(budget.denied(), Some(Denied::OwnMaximum));
        assert!(budget.memory_growing(0, limits::GUEST_MEMORY_BYTES, None).unwrap());
    }

    #[test]
    fn a_failure_of_the_host_is_no_answer_to_the_guest() {
        let mut budget = SpaceBudget::new(limits::GUEST_MEMORY_BYTES);
        let error = budget.memory_grow_failed(wasmtime::Error::msg("mprotect")).unwrap_err();
        assert!(error.downcast_ref::<HostMemory>().is_some());
        assert_eq!(budget.denied(), None);
    }
}
