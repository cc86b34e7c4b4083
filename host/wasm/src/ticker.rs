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

use rosehip_core::limits;
use wasmtime::{Engine, Store, UpdateDeadline};

/// The thread that ticks, stopped on drop.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Epochs after which a call is interrupted.
    fuse: u64,
    /// Length of an epoch.
    period: Duration,
}

/// How long a call may run, in epochs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until it is long, and what is called then.
    long: (u64, Option<fn()>),
    /// From there on until it is interrupted.
    rest: u64,
}

impl Patience {
    /// Holds a store to it.
    pub(crate) fn bind<T>(self, store: &mut Store<T>) {
        let (long, on_long) = self.long;
        store.set_epoch_deadline(long);
        let mut is_long = false;
        store.epoch_deadline_callback(move |_| {
            if std::mem::replace(&mut is_long, true) {
                return Ok(UpdateDeadline::Interrupt);
            }
            if let Some(on_long) = on_long {
                on_long();
            }
            Ok(UpdateDeadline::Continue(self.rest))
        });
    }
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
        let ticks = (fuse.as_millis() / u128::from(limits::GUEST_LONG_CALL_MS)).max(1);
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        let period = (fuse / ticks).max(Duration::from_millis(1));
        let thread = thread::Builder::new().name("guest-epoch".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.tick(&engine, period)
        })?;
        Ok(Self { shared, thread: Some(thread), fuse: u64::from(ticks), period })
    }

    /// How long a call may run that starts now and is to end within `timeout`, if it has one. The first epoch may end
    /// at once, so it does not count.
    pub(crate) fn patience(&self, on_long: Option<fn()>, timeout: Option<Duration>) -> Patience {
        let epochs = timeout.map_or(self.fuse, |timeout| {
            let epochs = timeout.as_micros().div_ceil(self.period.as_micros().max(1));
            u64::try_from(epochs).unwrap_or(u64::MAX).clamp(1, self.fuse)
        });
        Patience { long: (2, on_long), rest: epochs.saturating_sub(1).max(1) }
    }

    /// Wall time after which a call is interrupted.
    pub(crate) fn fuse(&self) -> Duration {
        self.period * u32::try_from(self.fuse).unwrap_or(u32::MAX)
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
