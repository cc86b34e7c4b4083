//! The thread that keeps the index of a log, `log-indexer`.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{
    index::Index,
    places::{Generation, Tail},
};

/// Where there is no room for the index, it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A handle to the thread. Dropped, it has the index take in what is left.
#[derive(Debug)]
pub(super) struct Indexer {
    /// None once it is to end.
    sender: Option<mpsc::Sender<Arc<Generation>>>,
    thread: Option<JoinHandle<()>>,
}

impl Indexer {
    /// Starts the thread.
    pub(super) fn start(index: Index, tail: Arc<Tail>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let work = move || work(&index, &tail, &receiver);
        let thread = std::thread::Builder::new().name("log-indexer".to_owned()).spawn(work)?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Has the index take in a generation.
    pub(super) fn send(&self, generation: Arc<Generation>) {
        // A thread that has ended has said why; the next start indexes what it did not.
        let _ = self.sender.as_ref().map(|sender| sender.send(generation));
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.sender = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the log's index panicked");
        }
    }
}

fn work(index: &Index, tail: &Tail, generations: &mpsc::Receiver<Arc<Generation>>) {
    for generation in generations {
        while let Err(error) = index.take_in(&generation) {
            tracing::warn!(%error, "the index of the log cannot be written: what it lacks stays in memory");
            // Nothing else is handed over before this is taken in.
            if generations.recv_timeout(AGAIN).is_err_and(|why| why == RecvTimeoutError::Disconnected) {
                return;
            }
        }
        tail.indexed();
    }
    let rest = tail.freeze(1);
    let taken_in = rest.map_or(Ok(()), |rest| index.take_in(&rest));
    if let Err(error) = taken_in.and_then(|()| index.fold_in()) {
        tracing::warn!(%error, "the index of the log cannot be written: the next start reads what it lacks");
    }
}
