//! What the engine's threads and tasks share.

use std::{
    any::Any,
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, atomic::AtomicBool},
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use rosehip_core::{
    activity::Activity,
    behavior::{Behavior, Registry},
    event::{Current, Event, Record, append_of, flow_stream, object_stream},
    flow::FlowState,
    guest::{GuestEngine, GuestReport, Surroundings},
    ids::{Digest, FlowId, ObjectKey},
    log::{Append, Entry, Expected},
    ports::{LocalSink, LogReader, Runner, Sink},
    time::Timestamp,
};
use tokio::runtime::Handle;

use super::{
    activity_at,
    announced::Announced,
    batches::Batches,
    error::EngineError,
    hours::Hours,
    jobs::{Job, Jobs},
    lanes::Lanes,
    leaving::Leaving,
    meter::CallMeter,
    parts::{EngineParts, Sinks},
    recent::Recent,
    record_at,
    recovery::Care,
    runners,
    slots::{Slot, Slots},
    threads::{is_worn, stand_back},
    timers::Timers,
    together::QuickModules,
    troubles,
    waiters::Waiters,
    wall::Wall,
};
use crate::{
    guest_calls,
    modules::ModuleFiles,
    pool::Pool,
    randomness::Randomness,
    store::{SchemaError, SqliteReader},
    views::{ViewError, ViewReader},
    writer::{AppendError, Appended, Writer},
};

/// Bytes of an answer from which on reading it takes as long as a long call.
const LONG_ANSWER_BYTES: usize = 64 << 10;

pub(crate) struct Shared {
    pub(super) log: Arc<Pool<SqliteReader, SchemaError>>,
    pub(super) views: Arc<Pool<ViewReader, ViewError>>,
    pub(super) guests: Arc<dyn GuestEngine>,
    pub(super) modules: Arc<ModuleFiles>,
    /// Whether the host is still working off what a crash left.
    pub(super) recovers: AtomicBool,
    /// Flows that a crash left open and that wait for their time: a call that ends the host may come after it.
    pub(super) doubtful: Mutex<HashSet<FlowId>>,
    pub(super) concurrency: usize,
    pub(super) runtime: Handle,
    pub(super) jobs: Jobs,
    pub(super) slots: Slots,
    pub(super) timers: Arc<Timers>,
    pub(super) waiters: Waiters,
    pub(super) driver: Lanes,
    pub(super) announced: Announced,
    pub(super) batches: Batches,
    /// Whether the driver will be asked again without anything happening.
    pub(super) asks_again: AtomicBool,
    pub(super) recent: Recent,
    meter: CallMeter,
    pub(super) quick_modules: QuickModules,
    pub(super) leaving: Leaving,
    runners: [Box<dyn Runner>; 2],
    pub(super) hours: Hours,
    pub(super) base_url: String,
    pub(super) wall: Arc<Wall>,
    randomness: Arc<dyn Randomness>,
    registry: RwLock<Registry>,
    writer: OnceLock<Writer>,
    sinks: OnceLock<Sinks>,
}

impl Shared {
    pub(super) fn new(parts: EngineParts) -> Result<Self, EngineError> {
        let mut registry = Registry::default();
        let seqs = parts.views.with::<_, EngineError>(|views| Ok(views.behavior_entries()?))?;
        parts.log.with::<_, EngineError>(|log| {
            for seq in seqs {
                if let Some(record) = record_at(log, seq)? {
                    registry.apply(&record)?;
                }
            }
            Ok(())
        })?;
        let seq = parts.log.with::<_, EngineError>(|log| Ok(log.head()?.seq))?;
        let wall = Arc::new(Wall::new(parts.clock));
        let minute = wall.now().minute();
        let hours = parts.views.with::<_, EngineError>(|views| Ok(Hours::of(views.recorded_around(minute)?)))?;
        Ok(Self {
            log: parts.log,
            views: parts.views,
            guests: parts.guests,
            modules: parts.modules,
            recovers: AtomicBool::new(false),
            doubtful: Mutex::default(),
            runners: runners::all((parts.concurrency / 2).max(1)),
            concurrency: parts.concurrency.max(1),
            runtime: parts.runtime,
            jobs: Jobs::new(),
            slots: Slots::default(),
            timers: Arc::new(Timers::new(Arc::clone(&wall))),
            waiters: Waiters::default(),
            driver: Lanes::new(parts.dispatch),
            announced: Announced::default(),
            batches: Batches::default(),
            asks_again: AtomicBool::new(false),
            recent: Recent::since(seq),
            meter: CallMeter::new(),
            quick_modules: QuickModules::default(),
            leaving: Leaving::default(),
            hours,
            base_url: parts.base_url,
            wall,
            randomness: parts.randomness,
            registry: RwLock::new(registry),
            writer: OnceLock::new(),
            sinks: OnceLock::new(),
        })
    }

    /// The time of what is decided now.
    pub(super) fn now(&self) -> Timestamp {
        self.wall.now()
    }

    pub(super) fn doubtful(&self) -> MutexGuard<'_, HashSet<FlowId>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number from 0 to 1 that spreads retries.
    pub(super) fn jitter(&self) -> f64 {
        let mut bytes = [0; 4];
        // Without randomness every retry takes the longest delay, which is safe.
        match self.randomness.fill(&mut bytes) {
            Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
            Err(_) => 1.0,
        }
    }

    /// Gives the engine its way out, once.
    pub(super) fn connect(&self, writer: Writer, sinks: Sinks) {
        // A prepared engine is started once, which consumes it.
        let _ = (self.writer.set(writer), self.sinks.set(sinks));
    }

    pub(super) fn writer(&self) -> &Writer {
        self.writer.get().expect("work is queued only after the engine is connected")
    }

    /// The sink of a kind of effect.
    pub(super) fn sink(&self, kind: &str) -> Option<&dyn Sink> {
        self.sinks.get()?.outside.iter().find(|sink| sink.kind() == kind).map(|sink| &**sink)
    }

    /// The sink of a kind of effect that changes this host's own log.
    pub(super) fn local_sink(&self, kind: &str) -> Option<&dyn LocalSink> {
        self.sinks.get()?.local.iter().find(|sink| sink.kind() == kind).map(|sink| &**sink)
    }

    pub(super) fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a module says it is.
    pub(super) fn module(&self, digest: Digest) -> Option<Arc<Behavior>> {
        self.registry().module(digest).cloned()
    }

    /// The cheapest runner that covers what a module needs.
    pub(super) fn runner(&self, module: &Behavior) -> &dyn Runner {
        let [.., most_capable] = &self.runners;
        let covering = self.runners.iter().find(|runner| module.needs.is_subset(&runner.kind().capabilities));
        &**covering.unwrap_or(most_capable)
    }

    pub(super) fn take_in_activity(&self, entry: &Entry) {
        let seq = entry.header.seq;
        match Record::of(entry).map(|record| record.event) {
            Ok(Some(event)) => {
                if let Event::ActivityAppended(appended) = &*event {
                    self.jobs.push(Job::Match { seq, activity: Arc::clone(&appended.activity) });
                }
            }
            Ok(None) => {}
            Err(error) => tracing::error!(seq, %error, "an activity was not taken in"),
        }
    }

    pub(super) fn take_in_behavior(&self, entry: &Entry) {
        let applied = Record::of(entry).map_err(EngineError::from).and_then(|record| {
            let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
            Ok(registry.apply(&record)?)
        });
        if let Err(error) = applied {
            tracing::error!(seq = entry.header.seq, %error, "an entry about a behavior was not taken in");
        }
    }

    /// The loop of a guest thread, which ends when the engine stops or the thread is worn.
    pub(super) fn work(self: &Arc<Self>) {
        while let Some(job) = self.jobs.take() {
            self.runtime.block_on(self.carry_out(job));
            if is_worn() {
                return;
            }
        }
    }

    /// Does a job.
    pub(super) async fn carry_out(self: &Arc<Self>, job: Job) {
        // A defect must not cost a thread: what it was about is found again at the next start.
        if let Err(panic) = AssertUnwindSafe(self.try_job(job)).catch_unwind().await {
            tracing::error!(message = panic_message(&*panic), "a job of the engine panicked");
            self.jobs.finish();
        }
    }

    async fn try_job(self: &Arc<Self>, job: Job) {
        match job {
            Job::Match { seq, activity } => self.match_activity(seq, activity),
            Job::Record(offer) => self.record_offered(offer),
            Job::Advance(flow) => {
                let care = if self.doubtful().remove(&flow) { Care::OneCallAtATime } else { Care::Usual };
                if let Err(error) = self.advance(flow, care).await {
                    self.try_later(&error, Job::Advance(flow));
                }
                self.jobs.finish();
            }
        }
    }

    /// Queues a job again in a second where trying again can help: the disk or a queue was full.
    pub(super) fn try_later(self: &Arc<Self>, error: &EngineError, job: Job) {
        match error {
            EngineError::Append(AppendError::Stopped) => {}
            EngineError::Append(_) | EngineError::Store(_) | EngineError::View(_) => {
                tracing::warn!(%error, "work is tried again in a second");
                let shared = Arc::downgrade(self);
                self.runtime.spawn(async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if let Some(shared) = shared.upgrade() {
                        shared.jobs.push(job);
                    }
                });
            }
            EngineError::Schema(_)
            | EngineError::Event(_)
            | EngineError::Flow(_)
            | EngineError::Manifest(_)
            | EngineError::Missing { .. }
            | EngineError::Thread(_) => tracing::error!(%error, "work was given up until the next start"),
        }
    }

    /// Calls a guest, loading its module first where it is not in memory.
    pub(super) fn call(&self, digest: Digest, call: &str, surroundings: &Surroundings) -> GuestReport {
        let begun = Instant::now();
        let report = guest_calls::call(
            &*self.guests,
            digest,
            || Ok(self.modules.get(digest)?.map(Arc::new)),
            call,
            surroundings,
        );
        self.meter.called(&report, begun.elapsed());
        self.quick_modules.called(digest, &report);
        if report.result.as_ref().is_ok_and(|answer| answer.len() > LONG_ANSWER_BYTES) {
            stand_back();
        }
        report
    }

    /// A flow as the log has it.
    pub(super) fn load(&self, flow: FlowId) -> Result<Option<Slot>, EngineError> {
        self.log.with(|log| {
            let entries = log.stream(&flow_stream(flow), 0)?;
            let mut records = entries.iter().map(Record::read);
            let Some(first) = records.next().transpose()? else { return Ok(None) };
            // An erased flow is none any more.
            if first.event.is_none() {
                return Ok(None);
            }
            let Some(Event::FlowStarted(started)) = first.event.as_deref() else {
                return Err(EngineError::Missing { what: "start of a flow", seq: first.seq });
            };
            let missing = EngineError::Missing { what: "flow of a known module", seq: first.seq };
            let module = self.module(started.digest).ok_or(missing)?;
            let activity = activity_at(log, started.activity_seq)?;
            let mut state = FlowState::begin(first.seq, first.time, Arc::clone(started), Arc::clone(&module.dag));
            for record in records {
                let record = record?;
                if let Some(event) = &record.event {
                    state.apply(record.seq, record.time, event)?;
                }
            }
            self.follow_clock(&mut state);
            Ok(Some(Slot { state, activity }))
        })
    }

    /// What a flow began by a clock that was set back since counts from there.
    pub(super) fn follow_clock(&self, state: &mut FlowState) {
        state.follow_clock(self.now(), self.wall.since());
    }

    /// The head of an object's stream, for an append that rests on it.
    pub(super) fn object_head(&self, key: Option<&ObjectKey>) -> Result<Option<Expected>, EngineError> {
        let Some(stream) = key.map(object_stream) else { return Ok(None) };
        self.log.with(|log| {
            let head = log.stream_head(&stream)?;
            Ok(Some(Expected { stream, head }))
        })
    }

    /// The standing of an object. `known` is an activity about it and the `seq` of its entry: where the object was
    /// not revised since, nothing is read.
    pub(super) fn current(
        &self,
        key: Option<&ObjectKey>,
        known: Option<(u64, &Activity)>,
    ) -> Result<Option<Current>, EngineError> {
        let Some(key) = key else { return Ok(None) };
        let stream = object_stream(key);
        if let Some((seq, activity)) = known
            && activity.kind.as_str() != "Delete"
            && let Some(revision) = activity.revision
            && self.recent.is_last_before(&stream, seq)
        {
            let status = activity.object_document().get("status").and_then(serde_json::Value::as_str);
            return Ok(Some(Current { revision, status: status.map(str::to_owned) }));
        }
        self.log.with(|log| {
            let Some(head) = log.stream_head(&stream)? else { return Ok(None) };
            let event = record_at(log, head)?.and_then(|record| record.event);
            let Some(Event::ObjectRevised(revised)) = event.as_deref() else { return Ok(None) };
            Ok(Current::of(&revised.object))
        })
    }

    /// An append of a flow's events that rests on the flow's head.
    pub(super) fn append_to(state: &FlowState, head: u64, mut append: Append) -> Append {
        append.expected.push(Expected { stream: flow_stream(state.id()), head: Some(head) });
        append
    }

    /// Records events of one flow, whose slot the caller holds, and takes them in.
    pub(super) async fn record(&self, slot: &mut Slot, events: Vec<Event>) -> Result<Appended, EngineError> {
        let now = self.now();
        let append = Self::append_to(&slot.state, slot.state.seq, append_of(now, events));
        let events: Vec<_> = append.drafts.iter().filter_map(|draft| draft.event.clone()).collect();
        let appended = self.writer().append(append).await?;
        for (seq, event) in (appended.first..).zip(&events) {
            slot.state.apply(seq, now, event)?;
        }
        troubles::tell_given_up(&slot.state, events.iter().map(|event| &**event));
        Ok(appended)
    }
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str))
}
