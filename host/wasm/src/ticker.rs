//! Moves the engine's epoch while calls run, so that one that holds a processor for too long is interrupted.
//!
//! Fuel bounds a call by what it does; the epoch bounds it by wall time on a machine too busy to finish it. Without
//! calls the thread is parked and the host sleeps.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::Engine;

/// Epochs after which a call is interrupted. The fuse is exact to one part in as many.
const TICKS_PER_FUSE: u32 = 20;

/// The thread that ticks, stopped on drop.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: AtomicUsize,
    parked: AtomicBool,
    stopped: AtomicBool,
}

/// Keeps the epoch moving while it lives.
#[derive(Debug)]
pub(crate) struct Ticking<'a> {
    shared: &'a Shared,
}

impl Ticker {
    /// Starts the thread. A call is interrupted when it has run for `fuse`.
    pub(crate) fn start(engine: Engine, fuse: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let period = (fuse / TICKS_PER_FUSE).max(Duration::from_millis(1));
        let thread = thread::Builder::new().name("guest-epoch".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.tick(&engine, period)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The deadline of a call that starts now, in epochs from now. The first may end at once, so it does not count.
    pub(crate) fn deadline() -> u64 {
        u64::from(TICKS_PER_FUSE) + 1
    }

    /// Says that a call runs until the guard is dropped.
    pub(crate) fn watch(&self) -> Ticking<'_> {
        self.shared.calls.fetch_add(1, SeqCst);
        if self.shared.parked.load(SeqCst) {
            self.wake();
        }
        Ticking { shared: &self.shared }
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Shared {
    fn tick(&self, engine: &Engine, period: Duration) {
        while !self.stopped.load(SeqCst) {
            if self.calls.load(SeqCst) > 0 {
                thread::park_timeout(period);
                engine.increment_epoch();
                continue;
            }
            // Either this thread sees the new call here, or the call sees `parked` and wakes it: both write before
            // they read, in one order for all.
            self.parked.store(true, SeqCst);
            if self.calls.load(SeqCst) == 0 && !self.stopped.load(SeqCst) {
                thread::park();
            }
            self.parked.store(false, SeqCst);
        }
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.shared.calls.fetch_sub(1, SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stopped.store(true, SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // It can only have ended by a panic in wasmtime, which the panic hook has reported.
            let _ = thread.join();
        }
    }
}
