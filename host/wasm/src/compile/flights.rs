//! Threads that want the same module at the same time: one loads it, the others wait and share what came of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use rosehip_core::{guest::GuestRefused, ids::Digest};

type Loaded = Result<(), GuestRefused>;

/// Modules that are being loaded.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Digest, Arc<OnceLock<Loaded>>>>);

impl Flights {
    /// Calls `load`, or waits for another thread that loads the same module and returns what it got.
    pub(crate) fn join(&self, digest: Digest, load: impl FnOnce() -> Loaded) -> Loaded {
        let flight = Arc::clone(self.flights().entry(digest).or_default());
        let loaded = flight.get_or_init(load).clone();
        let mut flights = self.flights();
        if flights.get(&digest).is_some_and(|found| Arc::ptr_eq(found, &flight)) {
            flights.remove(&digest);
        }
        loaded
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Digest, Arc<OnceLock<Loaded>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
    };

    use super::*;
    use crate::failure::refused;

    #[test]
    fn those_who_wait_share_what_the_first_got() {
        const THREADS: usize = 4;
        let flights = Flights::default();
        let digest = Digest::of(b"module");
        let loads = AtomicUsize::new(0);
        let joined = || Arc::strong_count(flights.flights().get(&digest).expect("it is under way")) - 1;
        let load = || {
            loads.fetch_add(1, SeqCst);
            while joined() < THREADS {
                thread::yield_now();
            }
            Err(refused("compile", "no"))
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| flights.join(digest, load))).collect();
            for thread in threads {
                assert_eq!(thread.join().expect("no panic").expect_err("refused").rule, "compile");
            }
        });
        assert_eq!(loads.load(SeqCst), 1);
        assert!(flights.flights().is_empty());
        assert_eq!(flights.join(digest, || Ok(())), Ok(()), "a new flight asks again");
    }

    #[test]
    fn a_panic_leaves_the_next_one_its_turn() {
        let flights = Flights::default();
        let digest = Digest::of(b"module");
        let panicked = thread::scope(|scope| scope.spawn(|| flights.join(digest, || panic!("on purpose"))).join());
        assert!(panicked.is_err());
        assert_eq!(flights.join(digest, || Ok(())), Ok(()));
        assert!(flights.flights().is_empty());
    }
}
