//! A client of the host's routes, however the host is reached: over the network with a token, through the data
//! directory's socket, or, while no host runs, by opening the directory and asking the routes in this process.

mod request;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    response::Response,
};
use futures_util::StreamExt as _;
use reqwest::{
    StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION},
};
use rosehip_adapters::federation::FederationOptions;
use rosehip_adapters::{
    data_dir::{OpenError, log_path},
    lock::LockError,
};
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

pub use self::request::{Answer, Problem, Request};
use crate::{
    config::{self, ConfigError, Flags, Reach},
    host::{Host, HostOptions, Retention},
    http, serve,
    socket::{ShortPath, SocketPath},
    traces,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may take: longer than compiling the largest module that is admitted.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(10);

/// Why there is no answer, or one that is not wanted.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing answers there.
    #[error("cannot reach {at}: {reason}")]
    Unreachable {
        /// The URL or socket.
        at: String,
        /// Why not.
        reason: String,
    },
    /// The directory is another process's, which does not answer.
    #[error("{lock}, which does not answer on {socket}")]
    Silent {
        /// Who holds the directory.
        lock: LockError,
        /// Where an answer was sought.
        socket: PathBuf,
    },
    /// There is no data directory there.
    #[error("{0} is not a data directory; `rosehip serve` or `rosehip user add` makes one")]
    NoDataDir(PathBuf),
    /// The data directory was not opened.
    #[error(transparent)]
    Open(anyhow::Error),
    /// The data directory's configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The host refused.
    #[error("{problem}")]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// What it says.
        problem: Problem,
    },
    /// The answer is not what the routes give.
    #[error("the answer from {at} cannot be read: {reason}")]
    Unreadable {
        /// The URL or socket.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A way to a host.
#[derive(Debug)]
pub struct Client(Way);

#[derive(Debug)]
enum Way {
    Network(Network),
    InProcess { router: Router, host: Arc<Host> },
}

#[derive(Debug)]
struct Network {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    /// What messages call it.
    at: String,
    /// Keeps the socket's path good.
    _socket: Option<ShortPath>,
}

impl Client {
    /// A host on the network, as the user whose token this is, or as nobody.
    pub fn remote(base: Url, token: Option<String>) -> Result<Self, ClientError> {
        let at = base.origin().ascii_serialization();
        let mut builder = builder();
        if base.scheme() == "http" {
            builder = builder.tls_certs_only([]);
        }
        // The way to this machine never leads through a proxy.
        if matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| unreachable(&at, &error))?;
        Ok(Self(Way::Network(Network { http, base, token, at, _socket: None })))
    }

    /// The host of a data directory, as operator: the one that runs, or else one in this process that leaves flows
    /// alone. `create` makes the directory where there is none.
    pub async fn of_data_dir(data_dir: &Path, create: bool) -> Result<Self, ClientError> {
        if !create && !log_path(data_dir).exists() {
            return Err(ClientError::NoDataDir(data_dir.to_owned()));
        }
        let socket = SocketPath::of(data_dir);
        let mut attempt = 0;
        loop {
            if let Some(client) = Self::of_socket(&socket).await? {
                return Ok(client);
            }
            attempt += 1;
            match Self::in_process(data_dir).await {
                // Its host is starting or stopping: the socket comes last and goes first.
                Err(ClientError::Silent { .. }) if attempt < serve::ATTEMPTS => {
                    tokio::time::sleep(serve::BETWEEN_ATTEMPTS).await;
                }
                result => return result,
            }
        }
    }

    /// The host that runs on a data directory, if one does.
    pub async fn of_running(data_dir: &Path) -> Result<Option<Self>, ClientError> {
        Self::of_socket(&SocketPath::of(data_dir)).await
    }

    /// The host that listens on a socket, if one does.
    async fn of_socket(socket: &SocketPath) -> Result<Option<Self>, ClientError> {
        let at = socket.path().display().to_string();
        let failed = |reason: io::Error| ClientError::Unreachable { at: at.clone(), reason: reason.to_string() };
        if !socket.path().exists() {
            return Ok(None);
        }
        let short = socket.short().map_err(failed)?;
        match tokio::net::UnixStream::connect(short.path()).await {
            Ok(_) => {}
            // Left behind by a host that was killed.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        }
        let http = builder().no_proxy().tls_certs_only([]).unix_socket(short.path()).build();
        let http = http.map_err(|error| unreachable(&at, &error))?;
        Ok(Some(Self(Way::Network(Network { http, base: local_base(), token: None, at, _socket: Some(short) }))))
    }

    async fn in_process(data_dir: &Path) -> Result<Self, ClientError> {
        let config = config::load(data_dir, &Flags::default())?.config;
        let base_url = config.base_url(&config.server.listen);
        let is_development = base_url.starts_with("http:");
        let options = HostOptions {
            data_dir: data_dir.to_owned(),
            base_url,
            runs_flows: false,
            accept_truncation: false,
            // Effects are left to a host that runs.
            reach: Reach::default(),
            // Whom a command names is the operator's to say; a host for development knows others on its own machine.
            federation: FederationOptions { is_development, ..FederationOptions::default() },
            // Only a host that serves lets anything go by itself.
            retention: Retention::default(),
            is_traced: traces::is_configured(config.telemetry.otlp_endpoint.as_deref()),
        };
        let host = serve::open(options).await.map_err(|error| not_opened(error, data_dir))?;
        let router = http::operator(Arc::clone(&host));
        Ok(Self(Way::InProcess { router, host }))
    }

    /// Asks and waits for a success.
    pub async fn send(&self, request: Request) -> Result<Answer, ClientError> {
        self.send_any(request).await.and_then(Answer::success)
    }

    /// Asks and takes whatever the answer is.
    pub async fn send_any(&self, request: Request) -> Result<Answer, ClientError> {
        match &self.0 {
            Way::Network(network) => network.send(request).await,
            Way::InProcess { router, .. } => in_process(router.clone(), request).await,
        }
    }

    /// Whether a host runs, rather than one in this process that leaves flows alone.
    pub fn is_running(&self) -> bool {
        matches!(self.0, Way::Network(_))
    }

    /// Asks and reads the success as JSON.
    pub async fn json<T: DeserializeOwned>(&self, request: Request) -> Result<T, ClientError> {
        self.send(request).await?.json()
    }

    /// Asks for an endless answer of a running host, whose chunks follow one another.
    pub async fn tail(&self, request: Request) -> Result<Chunks, ClientError> {
        match &self.0 {
            Way::Network(_) => self.stream(request).await,
            Way::InProcess { .. } => {
                Err(ClientError::Unreachable { at: "the host".to_owned(), reason: "none is running".to_owned() })
            }
        }
    }

    /// Asks for a long answer, which is read as it comes.
    pub async fn stream(&self, mut request: Request) -> Result<Chunks, ClientError> {
        match &self.0 {
            Way::Network(network) => {
                let body = std::mem::take(&mut request.body);
                let sent = network.request(&request).body(body).send().await;
                let response = sent.map_err(|error| unreachable(&network.at, &error))?;
                if response.status().is_success() {
                    return Ok(Chunks { source: Source::Response(response), at: network.at.clone() });
                }
                network
                    .answer(response)
                    .await?
                    .success()
                    .map(|_| Chunks { source: Source::Ended, at: network.at.clone() })
            }
            Way::InProcess { router, .. } => {
                let response = ask(router.clone(), request).await?;
                if response.status().is_success() {
                    let source = Source::Body(response.into_body().into_data_stream());
                    return Ok(Chunks { source, at: IN_PROCESS.to_owned() });
                }
                answer_of(response)
                    .await?
                    .success()
                    .map(|_| Chunks { source: Source::Ended, at: IN_PROCESS.to_owned() })
            }
        }
    }

    /// Lets go of the host; one in this process writes out what is queued.
    pub async fn close(self) {
        if let Way::InProcess { host, .. } = self.0 {
            host.stop().await;
        }
    }
}

/// The pieces of a long answer.
#[derive(Debug)]
pub struct Chunks {
    source: Source,
    at: String,
}

#[derive(Debug)]
enum Source {
    Response(reqwest::Response),
    Body(BodyDataStream),
    Ended,
}

impl Chunks {
    /// The next piece, or none where the host ended it.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        match &mut self.source {
            Source::Response(response) => {
                let chunk = response.chunk().await.map_err(|error| unreachable(&self.at, &error))?;
                Ok(chunk.map(|chunk| chunk.to_vec()))
            }
            Source::Body(body) => {
                let unreadable =
                    |error: axum::Error| ClientError::Unreadable { at: self.at.clone(), reason: error.to_string() };
                Ok(body.next().await.transpose().map_err(unreadable)?.map(|chunk| chunk.to_vec()))
            }
            Source::Ended => Ok(None),
        }
    }
}

impl Network {
    fn request(&self, request: &Request) -> reqwest::RequestBuilder {
        let mut builder =
            self.http.request(request.method.clone(), request.url(&self.base)).header(ACCEPT, "application/json");
        if let Some(token) = &self.token {
            builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        builder
    }

    async fn send(&self, mut request: Request) -> Result<Answer, ClientError> {
        let body = std::mem::take(&mut request.body);
        let sent = self.request(&request).timeout(ANSWER_TIMEOUT).body(body).send().await;
        self.answer(sent.map_err(|error| unreachable(&self.at, &error))?).await
    }

    async fn answer(&self, response: reqwest::Response) -> Result<Answer, ClientError> {
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable(&self.at, &error))?.to_vec();
        Ok(Answer { status, body, at: self.at.clone() })
    }
}

/// What messages call a host in this process.
const IN_PROCESS: &str = "the data directory";

async fn in_process(router: Router, request: Request) -> Result<Answer, ClientError> {
    answer_of(ask(router, request).await?).await
}

fn unreadable(reason: impl ToString) -> ClientError {
    ClientError::Unreadable { at: IN_PROCESS.to_owned(), reason: reason.to_string() }
}

async fn ask(router: Router, request: Request) -> Result<Response, ClientError> {
    let url = request.url(&local_base());
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut builder = axum::http::Request::builder()
        .method(request.method)
        .uri(format!("{}{query}", url.path()))
        .header(ACCEPT, "application/json");
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    let sent = builder.body(Body::from(request.body)).map_err(unreadable)?;
    Ok(router.oneshot(sent).await.unwrap_or_else(|never| match never {}))
}

async fn answer_of(response: Response) -> Result<Answer, ClientError> {
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.map_err(unreadable)?;
    Ok(Answer { status, body: body.to_vec(), at: IN_PROCESS.to_owned() })
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("rosehip/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        // A redirect leads to a page for people, or elsewhere with our token.
        .redirect(reqwest::redirect::Policy::none())
}

/// What requests name where no network is involved.
fn local_base() -> Url {
    Url::parse("http://localhost/").expect("a constant that is a URL")
}

/// The innermost cause is what people can act on; what wraps it repeats the URL.
fn unreachable(at: &str, error: &reqwest::Error) -> ClientError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    ClientError::Unreachable { at: at.to_owned(), reason: cause.to_string() }
}

fn not_opened(error: anyhow::Error, data_dir: &Path) -> ClientError {
    match error.downcast::<OpenError>() {
        Ok(OpenError::Lock(lock @ LockError::DataDirLocked { .. })) => {
            ClientError::Silent { lock, socket: SocketPath::of(data_dir).path().to_owned() }
        }
        Ok(error) => ClientError::Open(error.into()),
        Err(error) => ClientError::Open(error),
    }
}
