//! Serving a data directory: the public routes on TCP, the operator's on a socket in the directory.
//!
//! `bind` before `start`, so that a port that is taken is told before anything is opened; `stop` drains what is under
//! way, lets the host write out what is queued, and takes the socket away while the lock is still held.

use std::{
    fs,
    hint::black_box,
    io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, middleware, response::Response, serve::ListenerExt as _};
use futures_util::StreamExt as _;
use rosehip_adapters::{data_dir::OpenError, lock::LockError, watch::WatchError};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener, unix::SocketAddr as UnixAddr},
    runtime::Handle,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    config::{Reach, TelemetryConfig},
    connections::{self, Origin},
    host::{Host, HostOptions, ReadError, Retention},
    http::{self, GoesOn, HttpOptions, client_of},
    meters,
    socket::SocketPath,
    strangers::Strangers,
    traces::{Collector, CollectorError, Traces},
    watch::Watch,
};

/// How long requests under way may take once the host is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// How often what was measured is put away and memory is given back.
const TIDY: Duration = Duration::from_secs(3);
/// Bytes of a block that has no others beside it.
const LARGE_BLOCK: usize = 16 << 20;

/// How often a directory that is another process's is tried, and how long apart.
pub const ATTEMPTS: u32 = 10;
/// See [`ATTEMPTS`].
pub const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// How a data directory is served.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The data directory, made on the first start.
    pub data_dir: PathBuf,
    /// The origin of ids.
    pub base_url: String,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Accept a log that is shorter than its signed head.
    pub accept_truncation: bool,
    /// A directory whose modules are installed.
    pub watch: Option<PathBuf>,
    /// What effects may reach.
    pub reach: Reach,
    /// How other hosts are dealt with.
    pub federation: rosehip_adapters::federation::FederationOptions,
    /// What of the log is kept.
    pub retention: Retention,
    /// Where traces are exported to.
    pub telemetry: TelemetryConfig,
}

/// Why a data directory is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}: {}", bind_reason(.reason))]
    Bind {
        /// The address.
        listen: String,
        /// The system's words.
        reason: io::Error,
    },
    /// The operator's socket cannot be made.
    #[error("cannot listen on {path}: {source}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The directory of modules cannot be watched.
    #[error("behaviors.watch: {0}")]
    Watch(#[from] WatchError),
    /// The collector of traces cannot be used.
    #[error(transparent)]
    Collector(#[from] CollectorError),
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The data directory was not opened.
    #[error(transparent)]
    Open(anyhow::Error),
    /// Threads cannot be started.
    #[error("cannot start threads: {0}")]
    Threads(io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}")]
    Signals(io::Error),
}

fn bind_reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::AddrInUse {
        return "the port is taken; choose another with --listen".to_owned();
    }
    error.to_string()
}

/// Takes an address to listen on, such as `127.0.0.1:7420`.
pub async fn bind(listen: &str) -> Result<TcpListener, ServeError> {
    let refused = |reason| ServeError::Bind { listen: listen.to_owned(), reason };
    TcpListener::bind(listen).await.map_err(refused)
}

/// A host that is being served.
#[derive(Debug)]
pub struct Server {
    host: Arc<Host>,
    watch: Option<Watch>,
    traces: Option<Traces>,
    socket: SocketPath,
    stopping: watch::Sender<bool>,
    tidying: JoinHandle<()>,
    listeners: JoinSet<io::Result<()>>,
}

impl Server {
    /// Opens the data directory and serves it. Connections made since `listener` was bound are answered from here on.
    pub async fn start(options: ServeOptions, listener: TcpListener) -> Result<Self, ServeError> {
        // Before anything is opened that counts.
        meters::install();
        let http_options = HttpOptions {
            secure_cookies: options.base_url.starts_with("https:"),
            trusted_proxies: options.trusted_proxies,
        };
        let socket = SocketPath::of(&options.data_dir);
        let collector = Collector::of(options.telemetry.otlp_endpoint.as_deref(), &options.base_url)?;
        let host_options = HostOptions {
            data_dir: options.data_dir,
            base_url: options.base_url,
            runs_flows: true,
            accept_truncation: options.accept_truncation,
            reach: options.reach,
            federation: options.federation,
            retention: options.retention,
            is_traced: collector.is_some(),
        };
        let host = open_once_free(&host_options, &socket).await.map_err(ServeError::Open)?;
        let begun = listen_on(&socket).map_err(|source| {
            let path = socket.path().to_owned();
            ServeError::Socket { path, source }
        });
        let begun = begun.and_then(|operators| {
            let watch = options.watch.map(|dir| Watch::start(Arc::clone(&host), &dir)).transpose()?;
            let traces = collector.map(|collector| Traces::start(&host, collector)).transpose()?;
            Ok((operators, watch, traces, Strangers::start().map_err(ServeError::Threads)?))
        });
        let (operators, watch, traces, strangers) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                host.stop().await;
                return Err(error);
            }
        };

        let strangers = Arc::new(strangers);
        let (stopping, stop) = watch::channel(false);
        let public = ending(http::public(Arc::clone(&host), &http_options, Arc::clone(&strangers)), stop.clone());
        let operator = ending(http::operator(Arc::clone(&host)), stop.clone());
        let listener = listener.tap_io(without_delay);
        let mut listeners = JoinSet::new();
        let of_network = move |address: &SocketAddr| {
            // Whom a trusted proxy speaks for is known by its requests.
            let threads = match http_options.trusted_proxies.contains(&address.ip().to_canonical()) {
                true => Handle::current(),
                false => strangers.threads_for(client_of(address.ip())),
            };
            Origin { address: Some(*address), threads }
        };
        let of_socket = |_: &UnixAddr| Origin { address: None, threads: Handle::current() };
        listeners.spawn(connections::serve(listener, public, of_network, stopped(stop.clone())));
        listeners.spawn(connections::serve(operators, operator, of_socket, stopped(stop)));
        let tidying = tokio::spawn(tidy());
        Ok(Self { host, watch, traces, socket, stopping, tidying, listeners })
    }

    /// The host that is served.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Takes no more requests, waits for those under way, then stops the host.
    pub async fn stop(mut self) {
        self.host.drain();
        let _listeners_are_gone = self.stopping.send(true);
        let drained = async { while self.listeners.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(seconds = DRAIN.as_secs(), "requests were still under way when the host stopped");
        }
        self.tidying.abort();
        self.listeners.abort_all();
        if let Some(watch) = self.watch {
            watch.end().await;
        }
        self.host.stop().await;
        if let Some(traces) = self.traces {
            traces.end(self.host.committed()).await;
        }
        if let Err(error) = fs::remove_file(self.socket.path()) {
            tracing::warn!(socket = %self.socket.path().display(), %error, "the socket was not removed");
        }
    }
}

/// Keeps what was measured small where nobody reads it, and gives back memory that nobody needs any more.
async fn tidy() {
    let mut interval = tokio::time::interval(TIDY);
    loop {
        interval.tick().await;
        meters::tidy();
        give_back_memory();
    }
}

/// The allocator gives back what was freed a second ago when it frees a large block, which a host that has become idle never does
/// by itself. The block is not touched, so that there is no memory behind it.
fn give_back_memory() {
    drop(black_box(Vec::<u8>::with_capacity(LARGE_BLOCK)));
}

/// Opens a data directory, after a moment where a command has it: those hold it briefly and answer on no socket. A
/// host that runs is told at once.
async fn open_once_free(options: &HostOptions, socket: &SocketPath) -> Result<Arc<Host>, anyhow::Error> {
    for _ in 0..ATTEMPTS {
        match open(options.clone()).await {
            Err(error) if is_locked(&error) && !socket.answers().await => tokio::time::sleep(BETWEEN_ATTEMPTS).await,
            result => return result,
        }
    }
    open(options.clone()).await
}

/// Whether a data directory was not opened because another process has it.
pub fn is_locked(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(OpenError::Lock(LockError::DataDirLocked { .. })))
}

/// Opens a data directory on a thread that may block.
pub async fn open(options: HostOptions) -> Result<Arc<Host>, anyhow::Error> {
    tokio::task::spawn_blocking(move || Host::open(options)).await?
}

/// The signals that ask a process to end: SIGINT and SIGTERM. From the first of these on none is missed, and none ends
/// the process by itself.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen for them.
    pub fn listen() -> Result<Self, ServeError> {
        let interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
        let terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for one.
    pub async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Makes the operator's socket. One that is there is stale: its host would hold the directory's lock, which is ours.
fn listen_on(socket: &SocketPath) -> io::Result<UnixListener> {
    match fs::remove_file(socket.path()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(socket.short()?.path())?;
    fs::set_permissions(socket.path(), fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn without_delay(stream: &mut TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
}

/// Resolves when the host is told to stop, or when whoever would tell it is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _either_way = stop.wait_for(|stopping| *stopping).await;
}

/// Ends answers that go on for long when the host is told to stop; they would hold up its end otherwise.
fn ending(router: Router, stop: watch::Receiver<bool>) -> Router {
    router.layer(middleware::map_response(move |response: Response| {
        let stop = stop.clone();
        async move { if goes_on(&response) { response.map(|body| until(body, stop)) } else { response } }
    }))
}

fn goes_on(response: &Response) -> bool {
    response.extensions().get::<GoesOn>().is_some()
}

fn until(body: Body, stop: watch::Receiver<bool>) -> Body {
    Body::from_stream(body.into_data_stream().take_until(Box::pin(stopped(stop))))
}
