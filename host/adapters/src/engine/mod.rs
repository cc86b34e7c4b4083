//! The engine: takes committed activities to flows, flows through their DAGs and effects to their sinks.
//!
//! It reads the log's activities and behaviors and appends every `activity.matched`, `flow.*`, `node.*`,
//! `signal.*` and `effect.*` entry. Work to do is a fold of the log: what is queued here is rebuilt at every start
//! from activities without a match, flows that have not ended and effects that are open.
//!
//! Guest threads take jobs from one queue. Matching an activity and walking its flows is decided without waiting
//! for the commit, so that a thread goes on to the next activity; everything that touches a flow that exists holds
//! that flow's slot until its entries are committed.

mod actions;
mod announced;
mod batches;
mod changes;
mod driver;
mod erasing;
mod error;
mod hours;
mod jobs;
mod lanes;
mod leaving;
mod matcher;
mod meter;
mod parts;
mod recent;
mod recovery;
mod runners;
mod shared;
mod slots;
mod steps;
mod threads;
mod timers;
mod together;
mod troubles;
mod waiters;
mod walker;
mod wall;

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    thread::JoinHandle,
};

use rosehip_core::{
    event::{ABOUT_BEHAVIORS, Event, Record},
    limits::GUEST_THREAD_STACK_BYTES,
    log::{Entry, StoredEntry},
    ports::LogReader,
};

pub use actions::{ActionError, EngineActions};
pub use erasing::HeldFlows;
pub use error::EngineError;
pub use lanes::DispatchLimits;
pub use parts::{EngineParts, Sinks};
pub use runners::runners;
pub use steps::EngineSteps;
pub use threads::stand_back;
pub use together::Recording;
pub use waiters::Waiting;

use self::{recovery::Care, shared::Shared};
use crate::writer::Writer;

/// Sees every commit before whoever appended it is answered, and queues what it means for the engine. It exists
/// before the writer, which shows it the commits.
pub struct Intake {
    shared: Arc<Shared>,
}

impl Intake {
    /// Takes in a commit.
    pub fn observe(&self, entries: &[Entry]) {
        // Activities that were recorded with their match, which names them by an entry of this commit.
        let mut matched: Vec<u64> = entries.iter().filter_map(matched_by).collect();
        matched.sort_unstable();
        for entry in entries {
            match &*entry.header.kind {
                "object.revised" => self.shared.recent.revised(&entry.header.stream, entry.header.seq),
                "activity.appended" if matched.binary_search(&entry.header.seq).is_ok() => {}
                "activity.appended" => self.shared.take_in_activity(entry),
                "node.done" => self.shared.take_in_effects(entry),
                kind if kind.starts_with(ABOUT_BEHAVIORS) => self.shared.take_in_behavior(entry),
                _ => {}
            }
        }
    }
}

/// A handle to the engine.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    runs: bool,
}

impl Engine {
    /// Prepares an engine whose registry holds the behaviors of the log so far. Show its intake every commit from
    /// now on, and then start it.
    pub fn prepare(parts: EngineParts) -> Result<(Intake, Prepared), EngineError> {
        let shared = Arc::new(Shared::new(parts)?);
        Ok((Intake { shared: Arc::clone(&shared) }, Prepared { shared }))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The behaviors, now and at every earlier entry.
    pub fn registry(&self) -> std::sync::RwLockReadGuard<'_, rosehip_core::behavior::Registry> {
        self.shared.registry()
    }

    /// Jobs that are queued or at work.
    pub fn jobs(&self) -> usize {
        self.shared.jobs.unfinished()
    }

    /// Timers that are set.
    pub fn timers(&self) -> usize {
        self.shared.timers.len()
    }

    /// Effects that wait for their turn or are under way.
    pub fn dispatching(&self) -> usize {
        self.shared.driver.len()
    }

    /// Whether it runs flows, rather than leaving them to a host that does.
    pub fn runs(&self) -> bool {
        self.runs
    }

    /// Whether it is still working off what a crash left.
    pub fn recovers(&self) -> bool {
        self.shared.recovers.load(Ordering::Relaxed)
    }

    /// Begins no attempt at an effect any more, and resolves once those under way have ended and that is recorded.
    pub fn let_none_leave(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shared.leaving.clone().end()
    }

    /// Lets the threads end once the jobs at work are done, and gives them to be joined. What is queued is found
    /// again at the next start.
    pub fn stop(&mut self) -> Vec<JoinHandle<()>> {
        self.shared.jobs.stop();
        self.shared.timers.stop();
        std::mem::take(&mut self.threads)
    }
}

impl Engine {
    /// Records a stop, if the engine ran and its threads have ended.
    pub fn end_run(&self) -> Result<(), EngineError> {
        if self.runs { self.shared.end_run() } else { Ok(()) }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.stop());
    }
}

/// An engine that has not started: it takes commits in and does nothing about them yet.
pub struct Prepared {
    shared: Arc<Shared>,
}

impl Prepared {
    /// Starts the threads with what the log has left to do. `sinks` carry out effects; with `runs` unset nothing is
    /// run: activities stay unmatched and waits unended until a host runs them.
    pub fn start(self, writer: Writer, sinks: Sinks, runs: bool) -> Result<Engine, EngineError> {
        let Self { shared } = self;
        shared.connect(writer, sinks);
        if !runs {
            return Ok(Engine { shared, threads: Vec::new(), runs: false });
        }
        let care = shared.begin_run()?;
        let open = shared.find_open()?;
        let mut threads = Vec::new();
        match care {
            Care::Usual => shared.take_up(open),
            Care::OneCallAtATime => {
                shared.jobs.hold();
                shared.recovers.store(true, Ordering::Relaxed);
                let shared = Arc::clone(&shared);
                let thread = std::thread::Builder::new()
                    .name("recovery".to_owned())
                    .stack_size(GUEST_THREAD_STACK_BYTES)
                    .spawn(move || shared.runtime.block_on(shared.recover(open)))?;
                threads.push(thread);
            }
        }
        threads.push(threads::start(&shared)?);
        let weak: Weak<Shared> = Arc::downgrade(&shared);
        shared.runtime.spawn(timers::run(Arc::clone(&shared.timers), weak));
        Ok(Engine { shared, threads, runs: true })
    }

    /// Starts it without threads: whoever holds the steps has jobs done, on the thread that polls. Guests are called
    /// there too, one at a time where the engine's concurrency is less than 4.
    pub async fn start_stepped(self, writer: Writer, sinks: Sinks) -> Result<(Engine, EngineSteps), EngineError> {
        let Self { shared } = self;
        shared.connect(writer, sinks);
        let (care, append) = shared.decide_run()?;
        shared.writer().append(append).await?;
        let open = shared.find_open()?;
        shared.runtime.spawn(timers::run(Arc::clone(&shared.timers), Arc::downgrade(&shared)));
        let steps = EngineSteps::new(Arc::clone(&shared), care, open);
        Ok((Engine { shared, threads: Vec::new(), runs: true }, steps))
    }
}

/// The entry of the activity whose match an entry is.
fn matched_by(entry: &Entry) -> Option<u64> {
    match entry.event.as_deref() {
        Some(Event::ActivityMatched(matched)) => Some(matched.seq),
        _ => None,
    }
}

/// Reads the entry at `seq`.
fn record_at(log: &impl LogReader, seq: u64) -> Result<Option<Record>, EngineError> {
    let entry: Option<StoredEntry> = log.read(seq, 1)?.into_iter().next().filter(|entry| entry.header.seq == seq);
    Ok(entry.as_ref().map(Record::read).transpose()?)
}

/// Reads the activity at `seq`.
fn activity_at(log: &impl LogReader, seq: u64) -> Result<Arc<rosehip_core::activity::Activity>, EngineError> {
    match record_at(log, seq)?.and_then(|record| record.event).as_deref() {
        Some(Event::ActivityAppended(appended)) => Ok(Arc::clone(&appended.activity)),
        _ => Err(EngineError::Missing { what: "activity", seq }),
    }
}
