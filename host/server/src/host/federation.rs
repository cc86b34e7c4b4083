//! What other hosts bring and are brought: the parts of federation, put together.

use std::sync::Arc;

use rosehip_adapters::{
    clock::SystemClock,
    engine::Engine,
    federation::{
        Admitted, Backfill, Began, Clock, Deliveries, DeliveryIntake, DeliveryLimits, DeliveryLinks, DeliveryOptions,
        DeliveryParts, Directory, Inbox, InboxHead, InboxParts, Keyring, Moves, PreparedDeliveries, Refused, Schemes,
        SignedGet, TakenIn, TransportKeys,
    },
    keys::{KeyError, Keys},
    outgoing::{Client, OutgoingOptions},
    pool::Pool,
    store::{SchemaError, SqliteReader},
    views::{ViewError, ViewPosition, ViewReader},
    writer::{AppendError, Writer},
};
use rosehip_core::{
    ids::ActorName,
    limits::{DIRECTORY_ACTORS, UNMATCHED_ACTIVITIES},
    signing::RsaPublicKey,
    time::Timestamp,
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Host, HostOptions};

/// The parts before the log has a writer.
pub(super) struct Prepared {
    keys: Arc<Keys>,
    pub(super) keyring: Arc<Keyring>,
    transport: Arc<TransportKeys>,
    schemes: Arc<Schemes>,
    directory: Directory,
    log: Arc<Pool<SqliteReader, SchemaError>>,
    views: Arc<Pool<ViewReader, ViewError>>,
    base_url: String,
    deliveries: PreparedDeliveries,
    runs: bool,
}

/// The parts.
pub(super) struct Federation {
    /// The keys as they lie in the data directory.
    pub(super) keys: Arc<Keys>,
    /// The keys that actors sign with.
    pub(super) keyring: Arc<Keyring>,
    /// The RSA keys that requests are signed with.
    pub(super) transport: Arc<TransportKeys>,
    /// Who actors of other hosts are.
    pub(super) directory: Directory,
    /// Takes in what is sent.
    pub(super) inbox: Arc<Inbox>,
    /// Brings what is said to others.
    pub(super) deliveries: Deliveries,
    /// Keys are replaced one after the other.
    pub(super) rotating: tokio::sync::Mutex<()>,
}

impl Prepared {
    /// Prepares the parts. Show the intake every commit from now on, and then start them.
    pub(super) fn new(
        options: &HostOptions,
        keys: Keys,
        log: Arc<Pool<SqliteReader, SchemaError>>,
        views: Arc<Pool<ViewReader, ViewError>>,
    ) -> Result<(DeliveryIntake, Self), anyhow::Error> {
        let base_url = options.base_url.clone();
        let keyring = Arc::new(Keyring::default());
        views.with::<_, anyhow::Error>(|views| {
            for actor in views.actors()? {
                keyring.hold(&actor, &base_url, &keys)?;
            }
            Ok(())
        })?;
        let client = || Client::new(OutgoingOptions::federation(options.federation.is_development));
        let keys = Arc::new(keys);
        let transport = Arc::new(TransportKeys::new(Arc::clone(&keys), base_url.clone()));
        let schemes = Arc::new(Schemes::default());
        let clock: Clock = Arc::new(SystemClock::now);
        let signed =
            SignedGet { keys: Arc::clone(&transport), schemes: Arc::clone(&schemes), clock: Arc::clone(&clock) };
        let directory = Directory::new(client(), Some(signed), clock);
        views.with::<_, ViewError>(|views| {
            for (learned_at, actor) in views.remote_actors(DIRECTORY_ACTORS)? {
                directory.know(actor, Timestamp::from_millis(learned_at));
            }
            Ok(())
        })?;
        let (intake, deliveries) = Deliveries::prepare(DeliveryParts {
            log: Arc::clone(&log),
            views: Arc::clone(&views),
            client: Arc::new(client()),
            keyring: Arc::clone(&keyring),
            transport: Arc::clone(&transport),
            schemes: Arc::clone(&schemes),
            actors: Arc::new(directory.clone()),
            base_url: base_url.clone(),
            options: DeliveryOptions { backoff_ms: options.federation.backoff_ms, limits: DeliveryLimits::default() },
        });
        let runs = options.runs_flows;
        let prepared = Self { keys, keyring, transport, schemes, directory, log, views, base_url, deliveries, runs };
        Ok((intake, prepared))
    }

    /// Takes up what the log has left to do, where the host runs. Call it within a tokio runtime.
    pub(super) fn start(self, writer: &Writer, position: &ViewPosition) -> Result<Federation, anyhow::Error> {
        let Self { keys, keyring, transport, schemes, directory, log, views, base_url, deliveries, runs } = self;
        let (began, begins) = unbounded_channel();
        let (moved, moves) = unbounded_channel();
        let inbox = Arc::new(Inbox::new(InboxParts {
            base_url: base_url.clone(),
            writer: writer.clone(),
            log,
            views: Arc::clone(&views),
            position: position.clone(),
            directory: directory.clone(),
            keyring: Arc::clone(&keyring),
            schemes,
            began,
            moved,
        })?);
        let arrivals = Arc::clone(&inbox);
        let links = DeliveryLinks { writer: writer.clone(), position: position.clone(), arrivals };
        let deliveries = deliveries.start(links, runs)?;
        if runs {
            read_outboxes(&directory, &inbox, views, &base_url, begins)?;
            let ahead = inbox.moves_ahead()?;
            tokio::spawn(Moves::of(&inbox).run(ahead, moves));
        }
        let rotating = tokio::sync::Mutex::default();
        Ok(Federation { keys, keyring, transport, directory, inbox, deliveries, rotating })
    }
}

/// Reads the outboxes of those who are followed, for what was missed.
fn read_outboxes(
    directory: &Directory,
    inbox: &Arc<Inbox>,
    views: Arc<Pool<ViewReader, ViewError>>,
    base_url: &str,
    begins: UnboundedReceiver<Began>,
) -> Result<(), ViewError> {
    let own_actors = format!("{base_url}/actors/");
    let backfill = Backfill { directory: directory.clone(), inbox: Arc::downgrade(inbox), views, own_actors };
    let followed = backfill.followed()?;
    tokio::spawn(backfill.run(followed, begins));
    Ok(())
}

impl Host {
    /// The RSA key of an actor of this host, as others are told of it. One that was not asked for before is made.
    pub async fn rsa_key(&self, name: &ActorName) -> Result<RsaPublicKey, KeyError> {
        Ok(self.federation.transport.actor(name).await?.public_key())
    }

    /// The same of the actor that this host asks others as.
    pub async fn instance_key(&self) -> Result<RsaPublicKey, KeyError> {
        Ok(self.federation.transport.instance().await?.public_key())
    }

    /// Lets a request to an inbox in by what it says before its body.
    pub fn admit_to_inbox(&self, head: InboxHead) -> Result<Admitted, Refused> {
        if self.with_engine(Engine::jobs) >= UNMATCHED_ACTIVITIES {
            return Err(AppendError::QueueFull.into());
        }
        self.federation.inbox.admit(head)
    }

    /// Takes in a request to an inbox; returns once what it brings is durable.
    pub async fn take_in(&self, admitted: Admitted, body: &[u8]) -> Result<TakenIn, Refused> {
        self.federation.inbox.take_in(admitted, body).await
    }
}
