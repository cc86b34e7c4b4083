//! The one writer of the log.
//!
//! A thread named `log-writer` owns the store. It takes every append that is queued, checks each against the heads and
//! keys it rests on, chains what passes into one frame and commits that, so that however many callers wait, they wait
//! for one fsync. Once the frame is durable, observers see its entries, and then the callers get their answers.

mod gather;
mod queue;
mod quiet;
mod steps;
mod stream_heads;
mod thread;

use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rosehip_core::{
    ids::DedupKey,
    limits::{APPEND_ENTRIES, WRITER_QUEUE_APPENDS, WRITER_QUEUE_BYTES},
    log::{Append, Entry, Stream},
    ports::{Compacted, Compaction, LogReader, LogStore, StoreError},
};
use tokio::sync::{oneshot, watch};

use self::{
    queue::{Queue, Queued, Request},
    thread::WriterThread,
};
use crate::{
    head::HeadSigner,
    randomness::{Randomness, SystemRandomness},
};

pub use self::{quiet::Quiet, steps::WriterSteps};

/// Where an append's entries stand in the log. Of an append without drafts `last` is the log's head and `first` the
/// place after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// `seq` of its first entry.
    pub first: u64,
    /// `seq` of its last entry.
    pub last: u64,
}

/// Why an append was not committed. None of its entries are in the log, except as [`AppendError::Stopped`] says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// A stream went on since the append was decided: decide again.
    #[error("stream {stream} is at entry {}, not at entry {}", seq_or_none(*.found), seq_or_none(*.expected))]
    Stale {
        /// The stream.
        stream: Stream,
        /// The head the append rests on.
        expected: Option<u64>,
        /// The head it has.
        found: Option<u64>,
    },
    /// Behaviors are not as they were when the append was decided: decide again.
    #[error("behaviors changed with entry {changed}, and this was decided by how they stood at entry {as_of}")]
    BehaviorsChanged {
        /// The entry that it rests on.
        as_of: u64,
        /// The last entry about a behavior.
        changed: u64,
    },
    /// What it records is recorded already.
    #[error("{key} is recorded already, as entry {seq}")]
    Duplicate {
        /// The key of what is recorded.
        key: DedupKey,
        /// The entry that records it.
        seq: u64,
    },
    /// Too much waits to be written. Nothing was queued; try again a little later.
    #[error("the writer's queue is full ({WRITER_QUEUE_APPENDS} appends or {} MiB)", WRITER_QUEUE_BYTES >> 20)]
    QueueFull,
    /// It holds more entries than an append may.
    #[error("an append of {entries} entries is over the limit of {APPEND_ENTRIES}")]
    TooLarge {
        /// How many it holds.
        entries: usize,
    },
    /// There is no space for it. Later ones are tried all the same.
    #[error("the disk is full")]
    DiskFull,
    /// The writer has stopped. Whether the append was committed before that is for the next start to tell.
    #[error("the writer has stopped")]
    Stopped,
}

fn seq_or_none(seq: Option<u64>) -> String {
    seq.map_or_else(|| "none".to_owned(), |seq| seq.to_string())
}

/// Why no writer was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log's head cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no thread.
    #[error("the log writer's thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// Is shown every frame's entries once they are durable, in `seq` order, before whoever appended them is answered.
/// It runs on the writer's thread, so that it holds up every append; it must own no [`Writer`].
pub type Observer = Box<dyn FnMut(&Arc<[Entry]>) + Send>;

/// Called when the log cannot go on: a failed fsync, a second writer, a store that cannot be read.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// The answer to an append.
pub type Answer = Result<Appended, AppendError>;

/// What a writer is started with.
pub struct WriterOptions {
    /// Who is shown the entries.
    pub observers: Vec<Observer>,
    /// Signs the log's head; none leaves it unsigned.
    pub signer: Option<HeadSigner>,
    /// By default it aborts the process: what the disk holds must be read anew. If it returns, the writer stops.
    pub on_fatal: OnFatal,
    /// Appends that may wait.
    pub queue_appends: usize,
    /// Bytes of bodies that may wait. One append is always let in when none waits.
    pub queue_bytes: usize,
    /// Where salts come from.
    pub randomness: Arc<dyn Randomness>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self {
            observers: Vec::new(),
            signer: None,
            on_fatal: Arc::new(|_| std::process::abort()),
            queue_appends: WRITER_QUEUE_APPENDS,
            queue_bytes: WRITER_QUEUE_BYTES,
            randomness: Arc::new(SystemRandomness),
        }
    }
}

impl fmt::Debug for WriterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterOptions").field("observers", &self.observers.len()).finish_non_exhaustive()
    }
}

/// A handle to the writer; clones lead to the same one. When the last is dropped, the writer stops as
/// [`Writer::stop`] says.
#[derive(Clone)]
pub struct Writer {
    handle: Arc<Handle>,
}

struct Handle {
    queue: Arc<Queue>,
    committed: watch::Receiver<u64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Takes over `store` and starts the thread.
    pub fn start<S>(store: S, options: WriterOptions) -> Result<Self, StartError>
    where
        S: LogStore + LogReader + 'static,
    {
        let head = store.head()?;
        let queue = Arc::new(Queue::new(options.queue_appends, options.queue_bytes));
        let (sender, committed) = watch::channel(head.seq);
        let writer = WriterThread::new(store, head, Arc::clone(&queue), options, sender);
        let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run())?;
        Ok(Self { handle: Arc::new(Handle { queue, committed, thread: Mutex::new(Some(thread)) }) })
    }

    /// Takes over `store` and starts no thread: whoever holds the steps says when what is queued is committed.
    pub fn stepped<S>(store: S, options: WriterOptions) -> Result<(Self, WriterSteps<S>), StoreError>
    where
        S: LogStore + LogReader,
    {
        let head = store.head()?;
        let queue = Arc::new(Queue::new(options.queue_appends, options.queue_bytes));
        let (sender, committed) = watch::channel(head.seq);
        let thread = WriterThread::stepped(store, head, Arc::clone(&queue), options, sender);
        let steps = WriterSteps::new(Arc::clone(&queue), thread);
        Ok((Self { handle: Arc::new(Handle { queue, committed, thread: Mutex::new(None) }) }, steps))
    }

    /// Queues an append and answers once it is durable, or why it is not. The call itself queues it, in the order of
    /// calls; dropping the future does not take it back.
    pub fn append(&self, append: Append) -> impl Future<Output = Answer> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        self.queue(append, Ack::Awaited(answer));
        async move { answered.await.unwrap_or(Err(AppendError::Stopped)) }
    }

    /// Queues an append. `on_done` is called on the writer's thread once it is durable or refused; on this thread,
    /// before the call returns, if it is not even queued. It must not block.
    pub fn append_with(&self, append: Append, on_done: Box<dyn FnOnce(Answer) + Send>) {
        self.queue(append, Ack::Called(on_done));
    }

    /// As [`Writer::append`], for callers that hear otherwise of what was committed: they are not woken for that.
    pub fn append_quietly(&self, append: Append, told: &Quiet) {
        let told = told.clone();
        self.append_with(append, Box::new(move |answer| told.tell(answer)));
    }

    /// Removes salts and bodies of entries, after everything queued before. The `erased` entry that names them must
    /// already be committed; after a crash between the two, erasing again completes it.
    pub fn erase(&self, seqs: Vec<u64>) -> impl Future<Output = Result<(), AppendError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        if let Err(Request::Erase { answer, .. }) = self.handle.queue.push_other(Request::Erase { seqs, answer }) {
            // The caller may have gone; then nobody is to be told.
            let _ = answer.send(Err(AppendError::Stopped));
        }
        async move { answered.await.unwrap_or(Err(AppendError::Stopped)) }
    }

    /// Gives back room that erasing left, after everything queued before. Appends wait meanwhile: a moment for some of
    /// it, as long as copying the log takes for a rewrite.
    pub fn compact(&self, how: Compaction) -> impl Future<Output = Result<Compacted, StoreError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        if let Err(Request::Compact { answer, .. }) = self.handle.queue.push_other(Request::Compact { how, answer }) {
            // As above.
            let _ = answer.send(Err(stopped()));
        }
        async move { answered.await.unwrap_or_else(|_| Err(stopped())) }
    }

    /// Appends and erasures that wait.
    pub fn waiting(&self) -> usize {
        self.handle.queue.len()
    }

    /// Whether appends are still taken.
    pub fn is_running(&self) -> bool {
        self.handle.committed.has_changed().is_ok()
    }

    /// `seq` of the last entry that is durable.
    pub fn committed(&self) -> u64 {
        *self.handle.committed.borrow()
    }

    /// Follows [`Writer::committed`]. It is told after the observers and before the answers.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.handle.committed.clone()
    }

    /// Commits what is queued, signs the head and ends the thread; blocks until then. Appends after it are answered
    /// with [`AppendError::Stopped`]. Stopping again is fine.
    pub fn stop(&self) {
        self.handle.stop();
    }

    fn queue(&self, append: Append, ack: Ack) {
        let entries = append.drafts.len();
        if entries > APPEND_ENTRIES {
            return ack.answer(Err(AppendError::TooLarge { entries }));
        }
        if let Err((ack, error)) = self.handle.queue.push(Queued::new(append, ack)) {
            ack.answer(Err(error));
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("committed", &self.committed()).finish_non_exhaustive()
    }
}

impl Handle {
    fn stop(&self) {
        self.queue.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // An answer may hold the last handle: then this is the writer's own thread, which ends by itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the log writer panicked");
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What is told of work that the writer did not get to.
fn stopped() -> StoreError {
    StoreError::Unknown(AppendError::Stopped.to_string())
}

/// How an append is answered.
enum Ack {
    Awaited(oneshot::Sender<Answer>),
    Called(Box<dyn FnOnce(Answer) + Send>),
}

impl Ack {
    fn answer(self, answer: Answer) {
        match self {
            // Whoever asked may have stopped waiting; the log holds the answer.
            Self::Awaited(waiting) => drop(waiting.send(answer)),
            Self::Called(on_done) => on_done(answer),
        }
    }
}
