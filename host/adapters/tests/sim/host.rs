//! A host of a world: the real engine, writer, store and views, put together as the composition root does it, with tasks
//! of one thread in place of threads. Each task lets others have their turn as luck has it.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rosehip_adapters::{
    engine::{DispatchLimits, Engine, EngineActions, EngineError, EngineParts, EngineSteps, Sinks},
    erasure,
    modules::ModuleFiles,
    pool::Pool,
    sinks::{ActivitySink, SetSink},
    store::{SchemaError, SqliteReader},
    transports::LocalTransport,
    views::{Projector, ViewError, ViewPosition},
    writer::{AppendError, Appended, Observer, Writer, WriterOptions},
};
use rosehip_core::{
    flow::FlowState,
    ids::{ActivityId, FlowId},
    log::{Append, Entry},
    ports::{LocalSink, StoreError, Unsigned},
    time::Timestamp,
};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    guest::Guests,
    sinks::WorldSink,
    store::{FrailLog, NO_ANSWER},
    world::{World, WorldClock, WorldRandomness},
};

/// The origin of ids.
pub(crate) const BASE: &str = "https://h.example";
/// Jobs that are under way at a time.
const WORKERS: usize = 3;

/// Commits on their way to the views.
#[derive(Default)]
struct Commits {
    queue: Mutex<VecDeque<Arc<[Entry]>>>,
    arrived: Notify,
}

/// A running host.
pub(crate) struct Host {
    /// The world that it is in.
    pub(crate) world: Arc<World>,
    /// Appends.
    pub(crate) writer: Writer,
    /// Reads the log.
    pub(crate) log: Arc<Pool<SqliteReader, SchemaError>>,
    /// How far the views are.
    pub(crate) position: ViewPosition,
    /// What happens to flows from outside.
    pub(crate) actions: EngineActions,
    /// What is bound to names is decided one after the other, and nothing of it while something is erased.
    pub(crate) changing: tokio::sync::Mutex<()>,
    /// Erasures are made one after the other.
    pub(crate) erasing: tokio::sync::Mutex<()>,
    engine: Mutex<Engine>,
    steps: EngineSteps,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

/// Why no host was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    View(#[from] ViewError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Host {
    /// Starts on what the world's disks hold, within a runtime of one thread whose time is paused.
    pub(crate) async fn start(world: &Arc<World>, modules: &Arc<ModuleFiles>) -> Result<Arc<Self>, StartError> {
        let mut store = FrailLog::open(world);
        erasure::complete(&mut store)?;
        let views_path = world.disk.views();
        let log = world.disk.log_readers();
        let projector = log.with::<_, StartError>(|log| Ok(Projector::open(&views_path, log)?))?;
        let position = projector.follow();
        let (intake, prepared) = Engine::prepare(EngineParts {
            log: Arc::clone(&log),
            views: world.disk.views_readers(),
            guests: Arc::new(Guests(Arc::clone(world))),
            modules: Arc::clone(modules),
            // Calls are made one at a time: more would be threads.
            concurrency: 1,
            runtime: tokio::runtime::Handle::current(),
            base_url: BASE.to_owned(),
            dispatch: DispatchLimits { concurrency: 2, per_second: NonZeroU32::new(5).expect("five") },
            clock: Arc::new(WorldClock(Arc::clone(world))),
            randomness: Arc::new(WorldRandomness(Arc::clone(world))),
        })?;
        let commits = Arc::new(Commits::default());
        let on_fatal = {
            let world = Arc::clone(world);
            Arc::new(move |reason: &str| {
                // A disk that gives no answer again and again is the only reason there is in a world.
                if !world.is_dead() && !reason.ends_with(NO_ANSWER) {
                    world.witness().wrong(format!("the log cannot go on: {reason}"));
                }
                world.crash();
            })
        };
        let observers: Vec<Observer> = vec![
            Box::new(move |entries: &Arc<[Entry]>| intake.observe(entries)),
            Box::new({
                let commits = Arc::clone(&commits);
                move |entries: &Arc<[Entry]>| commits.push(entries)
            }),
        ];
        let randomness = Arc::new(WorldRandomness(Arc::clone(world)));
        let options = WriterOptions { observers, on_fatal, randomness, ..WriterOptions::default() };
        let (writer, mut written) = Writer::stepped(store, options)?;
        let writing = tokio::spawn({
            let world = Arc::clone(world);
            async move {
                loop {
                    written.arrived().await;
                    world.pause(3).await;
                    if !written.step() {
                        return;
                    }
                }
            }
        });
        let following = tokio::spawn(follow(Arc::clone(world), projector, commits));
        let sinks = Sinks {
            outside: vec![WorldSink::of(world, "notify"), WorldSink::of(world, "webhook")],
            local: local_sinks(&log),
        };
        let (engine, steps) = prepared.start_stepped(writer.clone(), sinks).await?;
        let mut tasks: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(work(Arc::clone(world), steps.clone()))).collect();
        let recovery = steps.clone();
        tasks.push(tokio::spawn(async move { recovery.recover().await }));
        drop(following);
        Ok(Arc::new(Self {
            world: Arc::clone(world),
            writer,
            log,
            position,
            actions: engine.actions(),
            changing: tokio::sync::Mutex::default(),
            erasing: tokio::sync::Mutex::default(),
            engine: Mutex::new(engine),
            steps,
            tasks: Mutex::new(tasks),
            writing: Mutex::new(Some(writing)),
        }))
    }

    /// Ends as a host does that is asked to: what is under way is done, and the log says so.
    pub(crate) async fn stop(&self) {
        let leaving = self.with_engine(|engine| engine.let_none_leave());
        // What takes longer is cut short and made again.
        let _ = tokio::time::timeout(Duration::from_secs(20), leaving).await;
        drop(self.with_engine(Engine::stop));
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            // One that has panicked has ended, too.
            let _ = task.await;
        }
        if self.steps.end_run().await.is_err() {
            self.world.witness().count("stops that are not in the log");
        }
        self.writer.stop();
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writing) = writing {
            let _ = writing.await;
        }
        // The views are written by a thread of their own, which ends once it has all.
        let _ = self.position.reached(self.writer.committed()).await;
    }

    /// The time on the wall.
    pub(crate) fn now(&self) -> Timestamp {
        rosehip_adapters::clock::Clock::now(&WorldClock(Arc::clone(&self.world)))
    }

    /// Asks the engine.
    pub(crate) fn with_engine<T>(&self, ask: impl FnOnce(&mut Engine) -> T) -> T {
        ask(&mut self.engine.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A flow as the log has it.
    pub(crate) fn flow(&self, flow: FlowId) -> Result<Option<FlowState>, EngineError> {
        self.with_engine(|engine| engine.flow(flow))
    }

    /// Appends, and tells the witness what was acknowledged: `activity` is the place of an activity among the drafts.
    pub(crate) async fn append(&self, append: Append, activity: Option<u64>) -> Result<Appended, AppendError> {
        let appended = self.writer.append(append).await?;
        self.acknowledge(appended, activity);
        Ok(appended)
    }

    /// The same for whoever waits for the activity's flows, for a while.
    pub(crate) async fn append_and_run(
        &self,
        append: Append,
        activity: ActivityId,
        place: u64,
    ) -> Result<Appended, AppendError> {
        let waiting = self.with_engine(|engine| engine.wait_for(activity.clone()));
        let recording = self.with_engine(|engine| engine.record_and_run(append, activity.clone()));
        let patience = Duration::from_millis(self.world.below(2_000));
        tokio::select! {
            biased;
            _ = waiting => {}
            _ = recording.refused() => {}
            () = tokio::time::sleep(patience) => self.with_engine(|engine| engine.forget(&activity)),
        }
        let appended = recording.answered().await?;
        self.acknowledge(appended, Some(place));
        Ok(appended)
    }

    fn acknowledge(&self, appended: Appended, activity: Option<u64>) {
        if !self.world.is_dead() {
            let activity = activity.map(|place| appended.first + place);
            self.world.witness().acknowledged(appended.last, activity);
        }
    }

    /// Reads the log.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&SqliteReader) -> Result<T, StoreError>) -> Result<T, ReadError> {
        self.log.with(|log| Ok(read(log)?))
    }
}

/// The log cannot be read, which no world does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

fn local_sinks(log: &Arc<Pool<SqliteReader, SchemaError>>) -> Vec<Box<dyn LocalSink>> {
    let transport = LocalTransport::new(BASE.to_owned(), Arc::clone(log));
    vec![
        Box::new(SetSink::new(BASE.to_owned(), Arc::clone(log), Arc::new(Unsigned))),
        Box::new(ActivitySink::new(BASE.to_owned(), Box::new(transport), Arc::new(Unsigned))),
    ]
}

async fn work(world: Arc<World>, steps: EngineSteps) {
    loop {
        world.pause(5).await;
        if !steps.step().await {
            return;
        }
    }
}

impl Commits {
    fn push(&self, entries: &Arc<[Entry]>) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(Arc::clone(entries));
        self.arrived.notify_one();
    }

    /// The first commits that wait, some of them or all.
    fn take(&self, world: &World) -> Vec<Arc<[Entry]>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let most = usize::try_from(1 + world.below(8)).expect("few").min(queue.len());
        queue.drain(..most).collect()
    }
}

/// Keeps the views, behind the log by a moment.
async fn follow(world: Arc<World>, mut views: Projector, commits: Arc<Commits>) {
    loop {
        commits.arrived.notified().await;
        loop {
            world.pause(20).await;
            let batch = commits.take(&world);
            if batch.is_empty() {
                break;
            }
            if let Err(error) = views.take_in(&batch) {
                return world.witness().wrong(format!("the views stopped: {error}"));
            }
        }
    }
}
