//! Delivery: what an outbox says to actors of other hosts is brought to their inboxes.
//!
//! It reads the log's activities and `delivery.*` entries through the views, and appends every `delivery.*` entry. An
//! activity that goes elsewhere is addressed once (`planner.rs`); each inbox that it goes to is a delivery in the
//! [`queue`]; each attempt of one is a request with a signature of its own (`attempt.rs`), whose end is an entry. Work to
//! do is a fold of the log: activities without a `delivery.enqueued`, deliveries that are neither delivered nor dead.

mod attempt;
mod board;
mod dispatcher;
mod planner;
mod queue;
mod redrive;
mod sending;

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use rosehip_core::{
    activity::Activity,
    event::UnreadableEvent,
    federation::{ActorUrl, RemoteActor},
    ids::ActorName,
    log::Entry,
    pipeline::dispatch::BACKOFF_MS,
    ports::StoreError,
    state::Illegal,
    time::Timestamp,
};
use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    task::JoinHandle,
};

use self::{board::Board, planner::Unaddressed, queue::Waiting};
pub use self::{
    queue::{DeliveryLimits, QueueLengths},
    redrive::RedriveError,
};
use super::{Keyring, Schemes, TransportKeys};
use crate::{
    outgoing::Client,
    pool::Pool,
    store::{SchemaError, SqliteReader},
    views::{ViewError, ViewPosition, ViewReader},
    writer::{AppendError, Writer},
};

/// Why no actor's document is at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoActor {
    /// There is none, and asking again will not change that.
    #[error("{0}")]
    Refused(String),
    /// Its host answers, and perhaps tells it later.
    #[error("{0}")]
    Rejected(String),
    /// Its host gives no answer.
    #[error("{0}")]
    Unreachable(String),
}

/// Finds the actors of other hosts.
pub trait ActorLookup: Send + Sync {
    /// The actor of this URL.
    fn actor<'a>(
        &'a self,
        url: &'a ActorUrl,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<RemoteActor>, NoActor>> + Send + 'a>>;
}

/// Why an activity did not arrive at actors of this host.
pub type ArrivalError = Box<dyn std::error::Error + Send + Sync>;

/// Brings activities to actors of this host.
pub trait Arrivals: Send + Sync {
    /// Puts an activity of this host into the inboxes of others of this host. It may be called again for the same; once it
    /// has succeeded, and that was recorded, it is not.
    fn arrive<'a>(
        &'a self,
        activity: &'a Arc<Activity>,
        recipients: &'a [ActorName],
    ) -> Pin<Box<dyn Future<Output = Result<(), ArrivalError>> + Send + 'a>>;
}

/// Why delivery could not go on with something.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
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
    /// A delivery's entries do not follow from one another.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The log was not appended to.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An activity did not arrive at actors of this host.
    #[error("an activity did not arrive here: {0}")]
    Arrival(ArrivalError),
    /// A task ended before its time.
    #[error("a task of delivery ended: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// How deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryOptions {
    /// Delays after the first to the fifth failure of one sort, in milliseconds; the sixth is the last.
    pub backoff_ms: [u64; 5],
    /// What other hosts and this one are spared.
    pub limits: DeliveryLimits,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self { backoff_ms: BACKOFF_MS, limits: DeliveryLimits::default() }
    }
}

/// What delivery is made of.
pub struct DeliveryParts {
    /// Reads the log.
    pub log: Arc<Pool<SqliteReader, SchemaError>>,
    /// Reads the views.
    pub views: Arc<Pool<ViewReader, ViewError>>,
    /// Sends.
    pub client: Arc<Client>,
    /// What actors of this host sign with.
    pub keyring: Arc<Keyring>,
    /// What they sign requests with to hosts that know RSA alone.
    pub transport: Arc<TransportKeys>,
    /// How hosts want to be spoken to.
    pub schemes: Arc<Schemes>,
    /// Finds inboxes of actors that are known by their URL alone.
    pub actors: Arc<dyn ActorLookup>,
    /// The origin of ids, without a slash at its end.
    pub base_url: String,
    /// How deliveries are made.
    pub options: DeliveryOptions,
}

/// What delivery is connected to once the log has a writer.
pub struct DeliveryLinks {
    /// Appends.
    pub writer: Writer,
    /// Where the views stand.
    pub position: ViewPosition,
    /// Brings activities to actors of this host.
    pub arrivals: Arc<dyn Arrivals>,
}

/// What the tasks share.
struct Shared {
    parts: DeliveryParts,
    links: DeliveryLinks,
    board: Arc<Board>,
}

/// Sees every commit before whoever appended it is answered, and queues what it means for delivery. It exists before the
/// writer, which shows it the commits.
pub struct DeliveryIntake {
    board: Arc<Board>,
}

impl DeliveryIntake {
    /// Takes in a commit.
    pub fn observe(&self, entries: &[Entry]) {
        self.board.observe(entries);
    }
}

/// Delivery that has not started: it takes commits in and does nothing about them yet.
pub struct PreparedDeliveries {
    parts: DeliveryParts,
    board: Arc<Board>,
    unaddressed: UnboundedReceiver<Unaddressed>,
}

impl PreparedDeliveries {
    /// Takes up what the log has left to do. The views must have caught up with the log. With `runs` unset nothing is
    /// addressed and nothing leaves, until a host runs. Call it within a tokio runtime.
    pub fn start(self, links: DeliveryLinks, runs: bool) -> Result<Deliveries, DeliveryError> {
        let Self { parts, board, unaddressed } = self;
        let backlog = parts.views.with::<_, ViewError>(|views| {
            board.hydrate(views)?;
            views.unaddressed()
        })?;
        let shared = Arc::new(Shared { parts, links, board });
        let (stopping, stops) = watch::channel(false);
        let tasks = if runs {
            vec![
                tokio::spawn(planner::run(Arc::clone(&shared), backlog, unaddressed, stops.clone())),
                tokio::spawn(dispatcher::run(Arc::clone(&shared), stops)),
            ]
        } else {
            Vec::new()
        };
        Ok(Deliveries { shared, stopping, tasks: Mutex::new(tasks), redriving: tokio::sync::Mutex::default() })
    }
}

/// A handle to delivery. When it is dropped, delivery ends as by a crash.
pub struct Deliveries {
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Redrives are decided one after the other.
    redriving: tokio::sync::Mutex<()>,
}

impl Deliveries {
    /// Prepares delivery. Show its intake every commit from now on, and then start it.
    pub fn prepare(parts: DeliveryParts) -> (DeliveryIntake, PreparedDeliveries) {
        let (board, unaddressed) = Board::new(parts.options.limits);
        let board = Arc::new(board);
        (DeliveryIntake { board: Arc::clone(&board) }, PreparedDeliveries { parts, board, unaddressed })
    }

    /// How much is in the queue.
    pub fn lengths(&self) -> QueueLengths {
        self.shared.board.queue().lengths()
    }

    /// Begins nothing more, and waits for the attempts under way to be recorded. What is left is found again at the next
    /// start.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of delivery did not end well");
            }
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        for task in self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("lengths", &self.lengths()).finish_non_exhaustive()
    }
}

/// One that waits without a failure since entry `seq`.
fn fresh(delivery: rosehip_core::ids::DeliveryId, seq: u64) -> Waiting {
    Waiting { delivery, changed: seq, since: seq, not_before: Timestamp::default(), failure: None }
}
