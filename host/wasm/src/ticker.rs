//! Moves the engine's epoch while calls run, so that one that holds a processor for too long is interrupted.
//!
//! Fuel bounds a call by what it does; the epoch bounds it by wall time on a machine too busy to finish it. Some epochs after
//! the last call the thread is parked and the host sleeps.

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
use rustix::time::{ClockId, clock_gettime};
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

/// How long a call may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// What is called on its thread once it is long.
    on_long: Option<fn()>,
    /// Epochs from the end of the first whole one until it is interrupted.
    rest: u64,
    /// Length of an epoch, and processor time after which a call is long.
    period: Duration,
}

/// Epochs without a call after which the thread is parked: most calls then find it awake, and to wake it costs as much as a short call.
const LINGERING: u32 = 20;

/// The first epoch may end at once, so it does not count.
const FIRST_WHOLE: u64 = 2;

impl Patience {
    /// Holds a store to it, for a call that begins now on this thread.
    pub(crate) fn bind<T>(self, store: &mut Store<T>) {
        let begun = on_processor();
        let (mut rest, mut is_long) = (self.rest, false);
        store.set_epoch_deadline(FIRST_WHOLE);
        store.epoch_deadline_callback(move |_| {
            let verdict = self.judge(is_long, rest, || on_processor().saturating_sub(begun));
            Ok(match verdict {
                Verdict::Over => UpdateDeadline::Interrupt,
                Verdict::Long => {
                    is_long = true;
                    if let Some(on_long) = self.on_long {
                        on_long();
                    }
                    UpdateDeadline::Continue(rest)
                }
                Verdict::KeptWaiting => {
                    rest -= 1;
                    UpdateDeadline::Continue(1)
                }
            })
        });
    }

    /// What to make of a call at the end of an epoch. It counts as long by the time it had a processor: on a busy machine
    /// one that takes microseconds may be kept waiting for several epochs, and would wait the longer if it stood back.
    fn judge(&self, is_long: bool, rest: u64, has_run: impl FnOnce() -> Duration) -> Verdict {
        match (is_long, rest) {
            (true, _) | (_, 0) => Verdict::Over,
            (false, 1) => Verdict::Long,
            (false, _) if has_run() >= self.period => Verdict::Long,
            (false, _) => Verdict::KeptWaiting,
        }
    }
}

/// What a call is at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Others had the processor.
    KeptWaiting,
    /// It goes on, behind shorter ones.
    Long,
    /// It is interrupted.
    Over,
}

/// Processor time that this thread took so far (`CLOCK_THREAD_CPUTIME_ID` of POSIX).
fn on_processor() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
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

    /// How long a call may run that starts now and is to end within `timeout`, if it has one.
    pub(crate) fn patience(&self, on_long: Option<fn()>, timeout: Option<Duration>) -> Patience {
        let epochs = timeout.map_or(self.fuse, |timeout| {
            let epochs = timeout.as_micros().div_ceil(self.period.as_micros().max(1));
            u64::try_from(epochs).unwrap_or(u64::MAX).clamp(1, self.fuse)
        });
        Patience { on_long, rest: epochs.saturating_sub(1).max(1), period: self.period }
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
        let mut without = 0;
        while !self.stopped.load(SeqCst) {
            without = if self.calls.load(SeqCst) > 0 { 0 } else { without + 1 };
            if without < LINGERING {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { on_long: None, rest: 3, period: Duration::from_millis(2) };

    fn judged(is_long: bool, rest: u64, has_run_ms: u64) -> Verdict {
        PATIENCE.judge(is_long, rest, || Duration::from_millis(has_run_ms))
    }

    #[test]
    fn a_call_is_long_by_its_processor_time_and_over_by_the_clock() {
        assert_eq!(judged(false, 3, 2), Verdict::Long);
        assert_eq!(judged(false, 3, 1), Verdict::KeptWaiting);
        assert_eq!(judged(false, 2, 1), Verdict::KeptWaiting);
        assert_eq!(judged(false, 1, 1), Verdict::Long, "its last epoch, however little it ran");
        assert_eq!(judged(true, 3, 2), Verdict::Over);
    }

    #[test]
    fn a_thread_that_waits_takes_no_processor_time() {
        let before = on_processor();
        thread::park_timeout(Duration::from_millis(50));
        assert!(on_processor().saturating_sub(before) < Duration::from_millis(50));
    }
}
