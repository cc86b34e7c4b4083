//! The threads that call guests, and how a long call stands back behind short ones.
//!
//! A call may keep a processor for as long as its fuel lasts. Whatever else becomes ready there, be it a commit, an
//! answer or a behavior that takes microseconds, may have to wait for a slice of the scheduler's each time. So a thread
//! whose call turns out to be long lowers its own priority. Only a privileged process could raise it again; therefore
//! the thread ends with the job, and another takes its place.

use std::{
    cell::Cell,
    io,
    sync::{Arc, mpsc},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use rosehip_core::limits::GUEST_THREAD_STACK_BYTES;

use super::shared::Shared;

/// How far a long call stands back, of 19.
const NICENESS: i32 = 19;

/// What a thread is for, and whether it can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is none that calls guests for flows.
    Other,
    /// It has the priority that the host has.
    Fresh,
    /// Its priority is lowered.
    Worn,
}

thread_local! {
    static STANDING: Cell<Standing> = const { Cell::new(Standing::Other) };
}

/// Lowers the priority of the calling thread, if it is one that calls guests for flows. Call it when a call is long.
pub fn stand_back() {
    if STANDING.get() == Standing::Fresh && rustix::process::nice(NICENESS).is_ok() {
        STANDING.set(Standing::Worn);
    }
}

/// Says that the calling thread calls guests for flows, and may stand back.
pub(super) fn begin_guest_thread() {
    STANDING.set(Standing::Fresh);
}

/// Whether the calling thread is to end, because its priority is lowered.
pub(super) fn is_worn() -> bool {
    STANDING.get() == Standing::Worn
}

/// Why a thread ended its loop.
enum End {
    Stopped,
    Worn,
}

/// Starts the threads and the one that replaces them. It ends when all have been stopped.
pub(super) fn start(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let (ended, ends) = mpsc::channel();
    let threads = (0..shared.concurrency).map(|_| spawn(shared, &ended)).collect::<io::Result<Vec<_>>>()?;
    let shared = Arc::clone(shared);
    // A thread has the priority of the one that starts it, so none that is worn starts its successor.
    Builder::new().name("guests".to_owned()).spawn(move || replace(&shared, threads, &ended, &ends))
}

fn spawn(shared: &Arc<Shared>, ended: &mpsc::Sender<End>) -> io::Result<JoinHandle<()>> {
    let (shared, ended) = (Arc::clone(shared), ended.clone());
    let work = move || {
        begin_guest_thread();
        shared.work();
        let end = if is_worn() { End::Worn } else { End::Stopped };
        // It can only fail where the receiver has panicked, and there is nobody else to tell.
        let _ = ended.send(end);
    };
    Builder::new().name("guest".to_owned()).stack_size(GUEST_THREAD_STACK_BYTES).spawn(work)
}

fn replace(
    shared: &Arc<Shared>,
    mut threads: Vec<JoinHandle<()>>,
    ended: &mpsc::Sender<End>,
    ends: &mpsc::Receiver<End>,
) {
    let mut running = threads.len();
    while running > 0 {
        let Ok(end) = ends.recv() else { return };
        threads.retain(|thread| !thread.is_finished());
        let successor = matches!(end, End::Worn).then(|| spawn(shared, ended));
        match successor {
            Some(Ok(thread)) => threads.push(thread),
            Some(Err(error)) => {
                tracing::error!(%error, "a guest thread cannot be replaced; it is tried again in a second");
                std::thread::sleep(Duration::from_secs(1));
                // The one that ended is still to be replaced, unless the engine stops.
                let again = if shared.jobs.is_stopped() { End::Stopped } else { End::Worn };
                let _ = ended.send(again);
            }
            None => running -= 1,
        }
    }
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a guest thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).expect("every thread has one")
    }

    #[test]
    fn only_a_thread_that_calls_guests_for_flows_stands_back() {
        let elsewhere = std::thread::spawn(|| {
            let before = niceness();
            stand_back();
            (niceness() == before, is_worn())
        });
        assert_eq!(elsewhere.join().expect("it ends"), (true, false));
        let guest = std::thread::spawn(|| {
            STANDING.set(Standing::Fresh);
            stand_back();
            (niceness(), is_worn())
        });
        assert_eq!(guest.join().expect("it ends"), (NICENESS, true));
    }
}
