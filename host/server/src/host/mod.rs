//! The host: everything behind the routes and the command line, put together from the adapters.

mod actors;
mod admit;
mod audit;
mod behaviors;
mod boxes;
mod bulk;
mod collect;
mod effects;
mod erasing;
mod export;
mod federation;
mod flows;
mod following;
mod foreseeing;
mod gone;
mod installs;
mod media;
mod objects;
mod peers;
mod posts;
mod recording;
mod refusals;
mod remarks;
mod replaying;
mod retention;
mod vitals;
mod why;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use rosehip_adapters::{
    accounts::Accounts,
    clock::SystemClock,
    data_dir::{DataDir, DataDirOptions, cache_path},
    engine::{Engine, EngineParts, Sinks, stand_back},
    federation::FederationOptions,
    lock::DirLock,
    media::MediaFiles,
    modules::ModuleFiles,
    pool::Pool,
    randomness::SystemRandomness,
    replays::ReplayParts,
    sinks::{ActivitySink, SetSink},
    store::{SchemaError, SqliteReader},
    transports::LocalTransport,
    views::{Projector, ProjectorHandle, Tail, ViewError, ViewReader, views_path},
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    event::{ActorProfile, Record, actor_stream},
    guest::GuestEngine,
    ids::ActorName,
    limits,
    log::{Entry, Stream},
    ports::{LogReader, Signatures},
    trace::TraceContext,
};
use rosehip_wasm::{CacheOptions, CacheSecret, Compiler, EngineOptions, WasmEngine};

use crate::{config::Reach, traces::accepted};

pub use actors::{ActorError, NewActor};
pub use admit::{Admitted, call_loaded, check};
pub use audit::{AuditEntry, AuditPage};
pub use behaviors::BehaviorError;
pub use boxes::{BoxPage, BoxRequest};
pub use bulk::{Bulk, BulkDone, FlowAction};
pub use erasing::{Erasable, Erasure, ErasureError, ErasureRequest};
pub use flows::{
    ActionError, FlowCount, FlowDetail, FlowPage, FlowPlace, FlowQuery, FoundActivity, runner_name, with_body,
};
pub use following::{Decision, FollowCounts};
pub use foreseeing::{DryRun, ForeseenActivity, ForeseenFlow, TryError};
pub use installs::{Bound, InstallError, InstallRequest, Outcome};
pub use media::{Image, MediaError};
pub use objects::{Base, ObjectWrite, ReadError, Resolved, WriteError, Written};
pub use peers::{DeliveryDetail, PeerError, Spread};
pub use posts::{PostError, Posted};
pub use refusals::{Refusal, RefusedUpload};
pub use remarks::{Answered, Count, Counts, Said, SaidPage, Speaker};
pub use replaying::{Question, ReplayRequest, WhatIf, WhatIfError};
pub use retention::Retention;
pub use vitals::{Gauge, Health, Part, free_bytes};
pub use why::{Consideration, Considered, DeniedEffect, LastChange};

/// Objects that are written to at the same time and do not get into one another's way, about.
const TURNS: usize = 64;
/// How long a stop waits for what is under way to other hosts: longer than an attempt may take by default.
const DRAIN: Duration = Duration::from_secs(20);
/// Guest threads at least.
const GUEST_THREADS: usize = 8;

/// How a host is opened.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The origin of ids, without a slash at its end.
    pub base_url: String,
    /// Whether flows run and effects are dispatched; a command without a running host leaves them alone.
    pub runs_flows: bool,
    /// Accept a log that is shorter than its signed head.
    pub accept_truncation: bool,
    /// What effects may reach.
    pub reach: Reach,
    /// How other hosts are dealt with.
    pub federation: FederationOptions,
    /// What of the log is kept.
    pub retention: Retention,
    /// Whether what begins here begins a trace, because traces are exported.
    pub is_traced: bool,
}

/// An open data directory with its writer, engine and views. Its parts are dropped in the order in which they
/// stand: the lock last, once nothing writes any more.
pub struct Host {
    engine: RwLock<Engine>,
    guests: Arc<dyn GuestEngine>,
    writer: Writer,
    projector: ProjectorHandle,
    log: Arc<Pool<SqliteReader, SchemaError>>,
    views: Arc<Pool<ViewReader, ViewError>>,
    modules: Arc<ModuleFiles>,
    accounts: Accounts,
    /// Changes to what is bound to names, and the removal of modules, are decided one after the other.
    installing: tokio::sync::Mutex<()>,
    collector: Arc<collect::Collector>,
    /// Erasures are made one after the other, so that only the last can be cut short.
    erasing: tokio::sync::Mutex<()>,
    refusals: refusals::Refusals,
    failed_logins: audit::FailedLogins,
    /// Whether the host is about to stop.
    draining: tokio::sync::watch::Sender<bool>,
    replay_parts: ReplayParts,
    /// Replays are made one after the other: each takes all the processors that nobody else wants.
    replaying: Arc<tokio::sync::Semaphore>,
    media: Arc<MediaFiles>,
    /// Images are kept and removed one after the other.
    keeping_images: tokio::sync::Mutex<()>,
    /// Images take a processor and much memory while they are decoded.
    decoding: Arc<tokio::sync::Semaphore>,
    /// Dry runs call guests that flows call as well.
    foreseeing: tokio::sync::Semaphore,
    /// Writes that lost a race wait here for their turn; see [`Host::write`].
    turns: [tokio::sync::Mutex<()>; TURNS],
    options: HostOptions,
    federation: federation::Federation,
    lock: Mutex<Option<DirLock>>,
}

impl Host {
    /// Opens the data directory, catches its views up and takes up what was left to do. Call it within a tokio
    /// runtime.
    pub fn open(options: HostOptions) -> Result<Arc<Self>, anyhow::Error> {
        let dir_options = DataDirOptions { accept_truncation: options.accept_truncation, ..DataDirOptions::default() };
        let dir = DataDir::open(&options.data_dir, &dir_options)?;
        let readers = dir.log.readers();
        let views_file = views_path(&options.data_dir);
        let projector = Projector::open(&views_file, &dir.reader()?).context("views.db")?;
        let views = Arc::new(Pool::new(move || ViewReader::open(&views_file)));
        // More guest threads than cores, so that guests that use up their time hold up nobody else.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let concurrency = (2 * cores).max(GUEST_THREADS);
        let guests: Arc<dyn GuestEngine> = Arc::new(WasmEngine::new(&EngineOptions {
            compiler: Compiler::Child { program: rosehip_wasm::own_program()? },
            cache: Some(CacheOptions {
                dir: cache_path(&options.data_dir),
                secret: CacheSecret(dir.keys.cache()?),
                bytes: limits::COMPILED_CACHE_BYTES,
            }),
            on_long_call: Some(stand_back),
            ..EngineOptions::new(concurrency)
        })?);
        let log = Arc::new(Pool::new(move || readers.open()));
        let modules = Arc::new(dir.modules);
        let (intake, prepared) = Engine::prepare(EngineParts {
            log: Arc::clone(&log),
            views: Arc::clone(&views),
            guests: Arc::clone(&guests),
            modules: Arc::clone(&modules),
            concurrency,
            runtime: tokio::runtime::Handle::current(),
            dispatch: options.reach.dispatch,
            base_url: options.base_url.clone(),
            clock: Arc::new(SystemClock),
            randomness: Arc::new(SystemRandomness),
        })?;
        let webhook_secret = dir.keys.webhook()?;
        let (deliveries_intake, federation) =
            federation::Prepared::new(&options, dir.keys, Arc::clone(&log), Arc::clone(&views))?;
        let (views_intake, projector) = projector.start().context("the thread of the views cannot be started")?;
        let writer_options = WriterOptions {
            observers: vec![
                Box::new(move |entries: &Arc<[Entry]>| intake.observe(entries)),
                Box::new(move |entries: &Arc<[Entry]>| deliveries_intake.observe(entries)),
                Box::new(move |entries: &Arc<[Entry]>| views_intake.observe(entries)),
            ],
            signer: Some(dir.signer),
            ..WriterOptions::default()
        };
        let writer = Writer::start(dir.log, writer_options)?;
        let signatures: Arc<dyn Signatures> = Arc::clone(&federation.keyring) as _;
        let base_url = options.base_url.clone();
        let transport = LocalTransport::new(base_url.clone(), Arc::clone(&log));
        let sinks = Sinks {
            outside: options.reach.clone().sinks(webhook_secret),
            local: vec![
                Box::new(SetSink::new(base_url.clone(), Arc::clone(&log), signatures.clone())),
                Box::new(ActivitySink::new(base_url, Box::new(transport), signatures)),
            ],
        };
        let engine = prepared.start(writer.clone(), sinks, options.runs_flows)?;
        let federation = federation.start(&writer, &projector.follow())?;
        let replay_parts = ReplayParts {
            log: Arc::clone(&log),
            views: Arc::clone(&views),
            guests: Arc::clone(&guests),
            modules: Arc::clone(&modules),
            base_url: options.base_url.clone(),
        };
        let host = Arc::new(Self {
            engine: RwLock::new(engine),
            guests,
            writer,
            projector,
            log,
            views,
            modules,
            accounts: dir.accounts,
            installing: tokio::sync::Mutex::default(),
            collector: Arc::default(),
            erasing: tokio::sync::Mutex::default(),
            refusals: refusals::Refusals::default(),
            failed_logins: audit::FailedLogins::default(),
            draining: tokio::sync::watch::Sender::default(),
            replay_parts,
            replaying: Arc::new(tokio::sync::Semaphore::new(1)),
            media: Arc::new(dir.media),
            keeping_images: tokio::sync::Mutex::default(),
            decoding: Arc::new(tokio::sync::Semaphore::new(limits::MEDIA_AT_ONCE)),
            foreseeing: tokio::sync::Semaphore::new(limits::DRY_RUNS_AT_ONCE),
            turns: [const { tokio::sync::Mutex::const_new(()) }; TURNS],
            options,
            federation,
            lock: Mutex::new(Some(dir.lock)),
        });
        host.begin()?;
        if host.options.runs_flows {
            host.tidy();
        }
        Ok(host)
    }

    /// Has modules, flows and images that nothing needs any more taken away.
    fn tidy(self: &Arc<Self>) {
        tokio::spawn(Arc::clone(&self.collector).run(Arc::downgrade(self)));
        tokio::spawn(retention::run(Arc::downgrade(self)));
        let sweeper = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = sweeper.sweep_images().await {
                tracing::warn!(%error, "images that no object stands for were not looked for");
            }
        });
    }

    /// Gives a new data directory its actor and its behavior.
    fn begin(self: &Arc<Self>) -> Result<(), anyhow::Error> {
        let runtime = tokio::runtime::Handle::current();
        let stream = actor_stream(&Self::site());
        if self.log.with::<_, anyhow::Error>(|log| Ok(log.stream_head(&stream)?))?.is_none() {
            let (name, kind) = (Self::site(), "Service".to_owned());
            let asked = NewActor { name, kind, profile: ActorProfile::default(), by: None };
            wait_on(&runtime, self.add_actor(asked)).context("the actor of a new host cannot be created")?;
        }
        if self.registry_is_new() {
            let request = InstallRequest {
                name: None,
                wasm: crate::shipped::publish().to_vec(),
                force: false,
                enable: true,
                by: Some("rosehip".to_owned()),
            };
            wait_on(&runtime, self.install(request)).context("the behavior that ships cannot be installed")?;
        }
        Ok(())
    }

    fn registry_is_new(&self) -> bool {
        self.with_engine(|engine| engine.registry().is_new())
    }

    /// The actor that a new host has.
    pub fn site() -> ActorName {
        "site".parse().expect("an actor name")
    }

    /// The origin of ids, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.options.base_url
    }

    /// What compiles modules and calls them.
    pub fn guests(&self) -> &Arc<dyn GuestEngine> {
        &self.guests
    }

    /// Users, tokens and sessions.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How many articles are published.
    pub async fn count_published(&self) -> Result<u64, ReadError> {
        self.read_views(ViewReader::count_published).await
    }

    /// Every record committed from now on, in order (for the live tail; a slow receiver lags and re-reads by
    /// [`Host::records_after`]).
    pub fn tail(&self) -> tokio::sync::broadcast::Receiver<Tail> {
        self.projector.tail()
    }

    /// `seq` of the last entry that is durable.
    pub fn committed(&self) -> u64 {
        self.writer.committed()
    }

    /// At most `limit` records after entry `seq`, in order.
    pub fn records_after(&self, seq: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        let entries = self.read_log(|log| Ok(log.read(seq.saturating_add(1), limit)?))?;
        entries.iter().map(Record::read).collect::<Result<_, _>>().map_err(|error| ReadError(error.to_string()))
    }

    /// The host is about to stop: who waits for flows to come to rest is answered soon, however they stand.
    pub fn drain(&self) {
        self.draining.send_replace(true);
    }

    /// All records of a stream, in order.
    pub fn records_of(&self, stream: &Stream) -> Result<Vec<Record>, ReadError> {
        let entries = self.read_log(|log| Ok(log.stream(stream, 0)?))?;
        entries.iter().map(Record::read).collect::<Result<_, _>>().map_err(|error| ReadError(error.to_string()))
    }

    /// `seq` of a stream's last entry.
    pub fn last_of_stream(&self, stream: &Stream) -> Result<Option<u64>, ReadError> {
        self.read_log(|log| Ok(log.stream_head(stream)?))
    }

    /// The trace that what is written now is part of: that of the request, or, where traces are exported, a new one.
    pub fn trace(&self) -> Option<TraceContext> {
        let begun = || {
            let mut random = [0; 16];
            // Without randomness there is no id, and what happens is not traced.
            getrandom::fill(&mut random).ok().map(|()| TraceContext::begin(random))
        };
        accepted::current().or_else(|| self.options.is_traced.then(begun).flatten())
    }

    /// Writes out what is queued, signs the head and stops.
    pub async fn stop(self: &Arc<Self>) {
        self.collector.end();
        self.flush_failed_logins().await;
        // Whoever has the turn finishes what was begun.
        drop(self.installing.lock().await);
        let effects = self.with_engine(Engine::let_none_leave);
        let leaving = async { tokio::join!(self.federation.deliveries.stop(), effects) };
        if tokio::time::timeout(DRAIN, leaving).await.is_err() {
            tracing::warn!("attempts under way were cut short; they are made again");
        }
        let host = Arc::clone(self);
        let stopped = tokio::task::spawn_blocking(move || {
            let threads = host.engine.write().unwrap_or_else(PoisonError::into_inner).stop();
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the engine panicked");
                }
            }
            if let Err(error) = host.with_engine(Engine::end_run) {
                tracing::warn!(%error, "the stop is not in the log; the next start takes it for a crash");
            }
            host.writer.stop();
            host.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        if let Err(error) = stopped.await {
            tracing::error!(%error, "the host did not stop cleanly");
        }
    }

    fn with_engine<T>(&self, read: impl FnOnce(&Engine) -> T) -> T {
        read(&self.engine.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the views once they hold what was committed before the call, or cannot be written.
    async fn read_views<T>(&self, read: impl FnOnce(&ViewReader) -> Result<T, ViewError>) -> Result<T, ReadError> {
        // On a full disk the views stand still, and reading goes on.
        let reached = self.projector.reached_or_held_up(self.writer.committed()).await;
        reached.map_err(|error| ReadError(error.to_string()))?;
        self.views.with(read).map_err(|error: ViewError| ReadError(error.to_string()))
    }

    fn read_log<T>(&self, read: impl FnOnce(&SqliteReader) -> Result<T, anyhow::Error>) -> Result<T, ReadError> {
        self.log.with(read).map_err(|error: anyhow::Error| ReadError(error.to_string()))
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Waits for a future from synchronous code that runs within the runtime, at start only.
fn wait_on<F: Future>(runtime: &tokio::runtime::Handle, future: F) -> F::Output {
    tokio::task::block_in_place(|| runtime.block_on(future))
}
