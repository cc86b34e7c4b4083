//! The queue before the pool: a call without a permit waits, it never fails.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Permits to call, as many as the pool has room for.
#[derive(Debug)]
pub(crate) struct Permits {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Calls that wait for one: telling nobody that a permit is back would be a system call for each call.
    waiting: usize,
}

/// One call's place in the pool, returned on drop.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    permits: &'a Permits,
}

impl Permits {
    /// `count` permits; none would block every call for ever, so there is at least one.
    pub(crate) fn new(count: usize) -> Self {
        Self { state: Mutex::new(State { free: count.max(1), waiting: 0 }), returned: Condvar::new() }
    }

    /// Waits for a permit.
    pub(crate) fn acquire(&self) -> Permit<'_> {
        let mut state = self.lock();
        if state.free == 0 {
            state.waiting += 1;
            state = self.returned.wait_while(state, |state| state.free == 0).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        state.free -= 1;
        Permit { permits: self }
    }

    /// The counts are whole after every statement that holds the lock, so a panic elsewhere leaves nothing torn.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut state = self.permits.lock();
        state.free += 1;
        if state.waiting > 0 {
            self.permits.returned.notify_one();
        }
    }
}
