//! Replaying many flows: reads their entries from the log and their Calls' answers from a guest, and records nothing.
//!
//! Flows are taken newest first, a page at a time, by as many threads as there are processors, which stand back behind
//! whatever the host does for its users. Whoever takes a page puts what it will be into the queue at once, so that pages
//! come out in the order of the flows and only so many are ahead of their reader.

use std::{
    io,
    num::NonZero,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use rosehip_core::{
    behavior::{Behavior, Grant},
    event::{Event, Record, UnreadableEvent, flow_stream},
    flow::FlowSummary,
    guest::{GuestEngine, Surroundings},
    ids::{Digest, FlowId},
    limits::GUEST_THREAD_STACK_BYTES,
    ports::{LogReader as _, StoreError},
    replay::{Purpose, Recording, Replay, Unreplayable, Verdict, replay},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
};

use crate::{
    guest_calls,
    modules::ModuleFiles,
    pool::Pool,
    store::{SchemaError, SqliteReader},
    views::{FlowFilter, ViewError, ViewReader},
};

/// Flows that a thread takes at a time.
const PAGE: usize = 64;
/// Flows that are read from the log at one moment.
const READ_AT_ONCE: usize = 8;
/// Pages that wait for their reader; further ones are not begun.
const PAGES_AHEAD: usize = 16;
/// How long the reader may keep the next page waiting: others wait for their turn.
const STALLED: Duration = Duration::from_mins(1);
/// How far replays stand back, of 19.
const NICENESS: i32 = 10;

/// The module that flows are replayed on.
#[derive(Debug, Clone)]
pub enum Subject {
    /// This one, whatever they ran on.
    Candidate {
        /// Its digest.
        digest: Digest,
        /// What it says it is.
        behavior: Arc<Behavior>,
        /// Its bytes.
        wasm: Arc<Vec<u8>>,
        /// The config and the grant to replay with; of none each flow's own.
        under: Option<(Map<String, Value>, Grant)>,
    },
    /// The one that each of them ran on.
    Recorded,
}

impl Subject {
    fn purpose(&self) -> Purpose {
        match self {
            Self::Candidate { .. } => Purpose::WhatIf,
            Self::Recorded => Purpose::Verify,
        }
    }
}

/// Which flows are replayed, newest first.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// What they have in common.
    pub filter: FlowFilter,
    /// Only this one.
    pub flow: Option<FlowId>,
    /// So many at most.
    pub last: Option<usize>,
}

/// A flow that was replayed.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayedFlow {
    /// The flow as lists show it.
    #[serde(skip)]
    pub flow: FlowSummary,
    /// How it fared.
    #[serde(flatten)]
    pub replay: Replay,
}

/// What replays are made of.
#[derive(Clone)]
pub struct ReplayParts {
    /// Reads the log.
    pub log: Arc<Pool<SqliteReader, SchemaError>>,
    /// Says which flows there are.
    pub views: Arc<Pool<ViewReader, ViewError>>,
    /// Calls guests.
    pub guests: Arc<dyn GuestEngine>,
    /// The bytes of modules that were installed.
    pub modules: Arc<ModuleFiles>,
    /// The origin of ids, without a slash at its end.
    pub base_url: String,
}

/// Why no more flows can be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The views cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// An entry cannot be read.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
    /// A thread ended with a page that it had taken.
    #[error("a thread that replayed flows has ended")]
    Ended,
    /// Nobody read on.
    #[error("nobody read on for {} s", STALLED.as_secs())]
    Stalled,
}

/// Flows that were replayed, or why they were not.
type Page = Result<Vec<ReplayedFlow>, ReplayError>;

/// What a module that was installed says it is.
pub type KnownModules = dyn Fn(Digest) -> Option<Arc<Behavior>> + Send + Sync;

/// Pages of replayed flows, as they come.
pub struct Replays {
    pages: mpsc::Receiver<oneshot::Receiver<Page>>,
    is_stalled: Arc<AtomicBool>,
}

impl Replays {
    /// The next flows, in their order; none when all are done. After an error, flows are missing.
    pub async fn next(&mut self) -> Option<Page> {
        match self.pages.recv().await {
            Some(page) => Some(page.await.unwrap_or(Err(ReplayError::Ended))),
            None => self.is_stalled.swap(false, SeqCst).then_some(Err(ReplayError::Stalled)),
        }
    }
}

/// Begins to replay flows, from within a runtime. Whoever drops what is returned ends it, as does whoever does not read on.
/// `turn` is held until the last thread is done.
pub fn start(
    parts: ReplayParts,
    subject: Subject,
    selection: Selection,
    known: Arc<KnownModules>,
    turn: OwnedSemaphorePermit,
) -> io::Result<Replays> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (queue, pages) = mpsc::channel(PAGES_AHEAD);
    let is_stalled = Arc::new(AtomicBool::new(false));
    let left = selection.last.unwrap_or(usize::MAX);
    let feed = Feed { selection, left, queue, is_stalled: Arc::clone(&is_stalled), runtime: Handle::current() };
    let work = Arc::new(Work { parts, subject, known, feed: Mutex::new(feed), _turn: turn });
    for number in 0..threads {
        let work = Arc::clone(&work);
        let builder = thread::Builder::new().name(format!("replay-{number}")).stack_size(GUEST_THREAD_STACK_BYTES);
        builder.spawn(move || {
            // It goes on without, if it must.
            let _ = rustix::process::nice(NICENESS);
            work.run();
        })?;
    }
    Ok(Replays { pages, is_stalled })
}

/// Which flows come next, and where they go.
struct Feed {
    selection: Selection,
    /// Flows that may still be taken.
    left: usize,
    queue: mpsc::Sender<oneshot::Receiver<Page>>,
    is_stalled: Arc<AtomicBool>,
    runtime: Handle,
}

impl Feed {
    /// The next flows, and where they go once they are replayed; none when there are no more, or nobody reads on.
    fn take(&mut self, views: &Pool<ViewReader, ViewError>) -> Option<(Vec<FlowSummary>, oneshot::Sender<Page>)> {
        if self.left == 0 {
            return None;
        }
        let flows = match views.with(|views| self.next(views)) {
            Ok(flows) => flows,
            Err(error) => {
                self.left = 0;
                // Whoever has stopped reading does not miss it.
                let _ = self.enqueue()?.send(Err(error.into()));
                return None;
            }
        };
        self.selection.filter.before = Some(flows.last()?.0);
        self.left = if self.selection.flow.is_some() { 0 } else { self.left - flows.len() };
        let answer = self.enqueue()?;
        Some((flows.into_iter().map(|(_, flow)| flow).collect(), answer))
    }

    fn next(&self, views: &ViewReader) -> Result<Vec<(u64, FlowSummary)>, ViewError> {
        match self.selection.flow {
            Some(flow) => Ok(views.flow(&flow.to_string())?.into_iter().collect()),
            None => views.flows(&self.selection.filter, PAGE.min(self.left)),
        }
    }

    /// Has the reader wait for one more page.
    fn enqueue(&mut self) -> Option<oneshot::Sender<Page>> {
        let (answer, page) = oneshot::channel();
        match self.runtime.block_on(self.queue.send_timeout(page, STALLED)) {
            Ok(()) => Some(answer),
            Err(error) => {
                self.left = 0;
                self.is_stalled.store(matches!(error, mpsc::error::SendTimeoutError::Timeout(_)), SeqCst);
                None
            }
        }
    }
}

struct Work {
    parts: ReplayParts,
    subject: Subject,
    known: Arc<KnownModules>,
    feed: Mutex<Feed>,
    _turn: OwnedSemaphorePermit,
}

impl Work {
    /// The loop of a thread, which ends when there are no more flows or nobody reads on.
    fn run(&self) {
        loop {
            let taken = self.feed.lock().unwrap_or_else(PoisonError::into_inner).take(&self.parts.views);
            let Some((flows, answer)) = taken else { return };
            let page = self.page(flows, &answer);
            // Whoever has stopped reading does not miss it.
            let _ = answer.send(page);
        }
    }

    /// Replays a page, for as long as someone waits for it.
    fn page(&self, flows: Vec<FlowSummary>, answer: &oneshot::Sender<Page>) -> Page {
        let mut replayed = Vec::with_capacity(flows.len());
        let mut flows = flows.into_iter();
        loop {
            let some: Vec<_> = flows.by_ref().take(READ_AT_ONCE).collect();
            if some.is_empty() || answer.is_closed() {
                return Ok(replayed);
            }
            let recordings = self.recordings(&some)?;
            replayed.extend(some.into_iter().zip(recordings).map(|(flow, recording)| {
                let replay = match recording {
                    Ok(recording) => self.rerun(recording),
                    Err(unreplayable) => Replay::bare(Verdict::Erased { reason: unreplayable.to_string() }),
                };
                ReplayedFlow { flow, replay }
            }));
        }
    }

    fn recordings(&self, flows: &[FlowSummary]) -> Result<Vec<Result<Recording, Unreplayable>>, ReplayError> {
        self.parts.log.with(|log| log.at_once(|log| flows.iter().map(|flow| recording(log, flow.id)).collect())?)
    }

    fn rerun(&self, recording: Recording) -> Replay {
        let recording = match &self.subject {
            Subject::Candidate { under: Some((config, grant)), .. } => recording.under(config.clone(), grant.clone()),
            Subject::Candidate { under: None, .. } | Subject::Recorded => recording,
        };
        let recorded = recording.started().digest;
        let known = || (self.known)(recorded);
        let (digest, behavior, has_same_steps) = match &self.subject {
            Subject::Candidate { digest, behavior, .. } => {
                let has_same_steps =
                    *digest == recorded || known().is_some_and(|known| has_same_steps(&known, behavior));
                (*digest, Arc::clone(behavior), has_same_steps)
            }
            Subject::Recorded => {
                let Some(behavior) = known() else {
                    let reason = format!("what module {recorded} says it is is not in the log");
                    return Replay::bare(Verdict::OutOfSupport { node: None, reason });
                };
                (recorded, behavior, true)
            }
        };
        let bytes = || match &self.subject {
            Subject::Candidate { wasm, .. } => Ok(Some(Arc::clone(wasm))),
            Subject::Recorded => Ok(self.parts.modules.get(recorded)?.map(Arc::new)),
        };
        let ask = |call: &str, surroundings: &Surroundings| {
            guest_calls::call(&*self.parts.guests, digest, bytes, call, surroundings)
        };
        let purpose = self.subject.purpose();
        replay(&recording, &behavior, has_same_steps, &self.parts.base_url, purpose, &ask)
    }
}

/// What the log holds of a flow.
fn recording(log: &SqliteReader, flow: FlowId) -> Result<Result<Recording, Unreplayable>, ReplayError> {
    let stream = log.stream(&flow_stream(flow), 0)?.iter().map(Record::read).collect::<Result<Vec<_>, _>>()?;
    let started = stream.first().and_then(|first| first.event.as_deref());
    let Some(Event::FlowStarted(started)) = started else {
        return Ok(Err(Unreplayable::Erased { seq: stream.first().map_or(0, |first| first.seq) }));
    };
    let activity = log.read(started.activity_seq, 1)?;
    let Some(activity) = activity.first().map(Record::read).transpose()? else {
        return Ok(Err(Unreplayable::Erased { seq: started.activity_seq }));
    };
    Ok(Recording::read(&stream, &activity))
}

/// Whether two modules have the same nodes and edges.
fn has_same_steps(one: &Arc<Behavior>, other: &Arc<Behavior>) -> bool {
    let (one_manifest, other_manifest) = (&one.manifest, &other.manifest);
    let is_same = || one_manifest.nodes == other_manifest.nodes && one_manifest.edges == other_manifest.edges;
    Arc::ptr_eq(one, other) || is_same()
}
