//! Replaying many flows: reads their entries from the log and their Calls' answers from a guest, and records nothing.
//!
//! Flows are taken newest first, a page at a time, by as many threads as there are processors, which stand back behind
//! whatever the host does for its users. What comes out is in the order of the flows.

use std::{
    collections::BTreeMap,
    io,
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rosehip_core::{
    behavior::Behavior,
    event::{Event, Record, UnreadableEvent, flow_stream},
    flow::FlowSummary,
    guest::{GuestEngine, Surroundings},
    ids::{Digest, FlowId},
    limits::GUEST_THREAD_STACK_BYTES,
    ports::{LogReader as _, StoreError},
    replay::{Purpose, Recording, Replay, Unreplayable, Verdict, replay},
};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{
    guest_calls,
    modules::ModuleFiles,
    pool::Pool,
    store::{SchemaError, SqliteReader},
    views::{FlowFilter, ViewError, ViewReader},
};

/// Flows that a thread takes at a time.
const PAGE: usize = 64;
/// Pages that wait for their reader; further ones are not begun.
const PAGES_AHEAD: usize = 16;
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
}

/// Flows that were replayed, with the place of their page among the others.
type Page = (usize, Result<Vec<ReplayedFlow>, ReplayError>);

/// What a module that was installed says it is.
pub type KnownModules = dyn Fn(Digest) -> Option<Arc<Behavior>> + Send + Sync;

/// Pages of replayed flows, as they come.
pub struct Replays {
    pages: mpsc::Receiver<Page>,
    early: BTreeMap<usize, Result<Vec<ReplayedFlow>, ReplayError>>,
    next: usize,
}

impl Replays {
    /// The next flows, in their order; none when all are done. After an error, flows may be missing.
    pub async fn next(&mut self) -> Option<Result<Vec<ReplayedFlow>, ReplayError>> {
        loop {
            if let Some(page) = self.early.remove(&self.next) {
                self.next += 1;
                return Some(page);
            }
            let (place, page) = self.pages.recv().await?;
            self.early.insert(place, page);
        }
    }
}

/// Begins to replay flows. Whoever drops what is returned ends it.
pub fn start(
    parts: ReplayParts,
    subject: Subject,
    selection: Selection,
    known: Arc<KnownModules>,
) -> io::Result<Replays> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (sender, pages) = mpsc::channel(PAGES_AHEAD);
    let left = selection.last.unwrap_or(usize::MAX);
    let feed = Mutex::new(Feed { selection, page: 0, left });
    let work = Arc::new(Work { parts, subject, known, feed });
    for number in 0..threads {
        let (work, sender) = (Arc::clone(&work), sender.clone());
        let builder = thread::Builder::new().name(format!("replay-{number}")).stack_size(GUEST_THREAD_STACK_BYTES);
        builder.spawn(move || {
            // It goes on without, if it must.
            let _ = rustix::process::nice(NICENESS);
            work.run(&sender);
        })?;
    }
    Ok(Replays { pages, early: BTreeMap::new(), next: 0 })
}

/// Which flows come next.
struct Feed {
    selection: Selection,
    /// Pages that were taken.
    page: usize,
    /// Flows that may still be taken.
    left: usize,
}

impl Feed {
    /// The next page with its place; none when there are no more flows.
    fn take(&mut self, views: &ViewReader) -> Result<Option<(usize, Vec<FlowSummary>)>, ViewError> {
        let flows = match self.selection.flow {
            Some(flow) => views.flow(&flow.to_string())?.into_iter().collect(),
            None => views.flows(&self.selection.filter, PAGE.min(self.left))?,
        };
        let Some((last, _)) = flows.last().filter(|_| self.left > 0) else { return Ok(None) };
        self.selection.filter.before = Some(*last);
        self.left = if self.selection.flow.is_some() { 0 } else { self.left - flows.len() };
        self.page += 1;
        Ok(Some((self.page - 1, flows.into_iter().map(|(_, flow)| flow).collect())))
    }

    /// Lets every thread come to its end.
    fn end(&mut self) {
        self.left = 0;
    }
}

struct Work {
    parts: ReplayParts,
    subject: Subject,
    known: Arc<KnownModules>,
    feed: Mutex<Feed>,
}

impl Work {
    /// The loop of a thread, which ends when there are no more flows or nobody reads on.
    fn run(&self, sender: &mpsc::Sender<Page>) {
        loop {
            let (place, page) = {
                let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
                match self.parts.views.with(|views| feed.take(views)) {
                    Ok(Some((place, flows))) => (place, Ok(flows)),
                    Ok(None) => return,
                    Err(error) => {
                        feed.end();
                        feed.page += 1;
                        (feed.page - 1, Err(error.into()))
                    }
                }
            };
            let replayed = page.and_then(|flows| flows.into_iter().map(|flow| self.replay(flow)).collect());
            if sender.blocking_send((place, replayed)).is_err() {
                self.feed.lock().unwrap_or_else(PoisonError::into_inner).end();
                return;
            }
        }
    }

    fn replay(&self, flow: FlowSummary) -> Result<ReplayedFlow, ReplayError> {
        let replay = match self.recording(flow.id)? {
            Ok(recording) => self.rerun(&recording),
            Err(unreplayable) => Replay::bare(Verdict::Erased { reason: unreplayable.to_string() }),
        };
        Ok(ReplayedFlow { flow, replay })
    }

    fn recording(&self, flow: FlowId) -> Result<Result<Recording, Unreplayable>, ReplayError> {
        self.parts.log.with(|log| {
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
        })
    }

    fn rerun(&self, recording: &Recording) -> Replay {
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
                    return Replay::bare(Verdict::Erased { reason });
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
        replay(recording, &behavior, has_same_steps, &self.parts.base_url, purpose, &ask)
    }
}

/// Whether two modules have the same nodes and edges.
fn has_same_steps(one: &Arc<Behavior>, other: &Arc<Behavior>) -> bool {
    let (one_manifest, other_manifest) = (&one.manifest, &other.manifest);
    let is_same = || one_manifest.nodes == other_manifest.nodes && one_manifest.edges == other_manifest.edges;
    Arc::ptr_eq(one, other) || is_same()
}
