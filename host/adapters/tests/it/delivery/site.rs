//! A host without an engine: a log, its views, one actor and its deliveries.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use data_encoding::BASE64;
use rosehip_adapters::{
    clock::SystemClock,
    data_dir::{DataDir, DataDirOptions, log_path},
    federation::{
        ActorLookup, ArrivalError, Arrivals, Deliveries, DeliveryLinks, DeliveryOptions, DeliveryParts, Keyring,
        NoActor, QueueLengths, Schemes, TransportKeys,
    },
    lock::DirLock,
    outgoing::{Client, OutgoingOptions},
    pool::Pool,
    store::SqliteReader,
    views::{DeliveryRow, Projector, ProjectorHandle, ViewReader, views_path},
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    activity::Activity,
    canonical::Cid,
    event::{ActivityAppended, ActorCreated, ActorProfile, Event, RemoteActorLearned, append_of},
    federation::{ActorUrl, RemoteActor},
    ids::{ActorName, BoxName},
    log::Entry,
    signing::{PublicKey, RsaPublicKey},
    state::DeliveryStatus,
};
use serde_json::{Map, Value, json};

pub(crate) const BASE: &str = "https://home.example";
/// A secret for tests alone.
const RSA: &str = include_str!("../../../../core/tests/keys/rsa.pem");
/// Long enough for whatever is to happen.
const PATIENCE: Duration = Duration::from_secs(30);

type Views = Arc<Pool<ViewReader, rosehip_adapters::views::ViewError>>;

/// Actors that tests make known to the lookup.
#[derive(Default)]
pub(crate) struct Known(pub(crate) Mutex<Vec<RemoteActor>>);

impl ActorLookup for Known {
    fn actor<'a>(
        &'a self,
        url: &'a ActorUrl,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<RemoteActor>, NoActor>> + Send + 'a>> {
        let found = self.0.lock().expect("no panic").iter().find(|actor| actor.id == *url).cloned();
        Box::pin(async move { found.map(Arc::new).ok_or_else(|| NoActor::Refused(format!("{url} is nobody"))) })
    }
}

/// What arrived at actors of this host.
#[derive(Default)]
pub(crate) struct Arrived(pub(crate) Mutex<Vec<(String, Vec<ActorName>)>>);

impl Arrivals for Arrived {
    fn arrive<'a>(
        &'a self,
        activity: &'a Arc<Activity>,
        recipients: &'a [ActorName],
    ) -> Pin<Box<dyn Future<Output = Result<(), ArrivalError>> + Send + 'a>> {
        self.0.lock().expect("no panic").push((activity.id.to_string(), recipients.to_vec()));
        Box::pin(async { Ok(()) })
    }
}

pub(crate) struct Site {
    pub(crate) deliveries: Deliveries,
    pub(crate) writer: Writer,
    pub(crate) projector: ProjectorHandle,
    pub(crate) views: Views,
    pub(crate) known: Arc<Known>,
    pub(crate) arrived: Arc<Arrived>,
    /// What it signs documents with.
    pub(crate) key: PublicKey,
    /// What it signs requests with to hosts of which it knows nothing.
    pub(crate) rsa: RsaPublicKey,
    _lock: DirLock,
}

/// An actor named `ada` of a receiver; it shares its host's inbox if `shares`.
pub(crate) fn ada(host: &str, shares: bool) -> RemoteActor {
    named(host, "ada", shares)
}

pub(crate) fn named(host: &str, name: &str, shares: bool) -> RemoteActor {
    let url: ActorUrl = format!("{host}/{name}").parse().expect("a URL");
    let document = json!({
        "id": url, "type": "Person", "inbox": format!("{url}/inbox"),
        "endpoints": if shares { json!({"sharedInbox": format!("{host}/inbox")}) } else { json!({}) },
    });
    RemoteActor::read(&url, document.as_object().expect("an object")).expect("an actor")
}

/// Tries again soon: tests wait for it.
pub(crate) fn soon(ms: u64) -> DeliveryOptions {
    DeliveryOptions { backoff_ms: [ms; 5], ..DeliveryOptions::default() }
}

impl Site {
    /// Opens a directory; a new one gets its actor.
    pub(crate) async fn open(path: &Path, options: DeliveryOptions) -> Self {
        let dir = DataDir::open(path, &DataDirOptions::default()).expect("opened");
        let views_file = views_path(path);
        let projector = Projector::open(&views_file, &dir.reader().expect("readable")).expect("views");
        let views: Views = Arc::new(Pool::new(move || ViewReader::open(&views_file)));
        let log_file = log_path(path);
        let keys = Arc::new(dir.keys);
        // Making one takes longer than most of these tests.
        std::fs::write(path.join("keys/actor-site.rsa.key"), RSA).expect("written");
        let transport = Arc::new(TransportKeys::new(Arc::clone(&keys), BASE));
        let (known, arrived, keyring) = (Arc::new(Known::default()), Arc::new(Arrived::default()), Arc::default());
        let outgoing = OutgoingOptions { timeout: Duration::from_secs(2), ..OutgoingOptions::federation(true) };
        let (intake, prepared) = Deliveries::prepare(DeliveryParts {
            log: Arc::new(Pool::new(move || SqliteReader::open(&log_file))),
            views: Arc::clone(&views),
            client: Arc::new(Client::new(outgoing)),
            keyring: Arc::clone(&keyring),
            transport: Arc::clone(&transport),
            schemes: Arc::new(Schemes::default()),
            actors: Arc::clone(&known) as _,
            base_url: BASE.to_owned(),
            options,
        });
        let (views_intake, projector) = projector.start().expect("a thread");
        let writer_options = WriterOptions {
            observers: vec![
                Box::new(move |entries: &Arc<[Entry]>| intake.observe(entries)),
                Box::new(move |entries: &Arc<[Entry]>| views_intake.observe(entries)),
            ],
            signer: Some(dir.signer),
            ..WriterOptions::default()
        };
        let writer = Writer::start(dir.log, writer_options).expect("started");
        let key = keys.actor(&site(), 1).expect("a key");
        let key = PublicKey::from_bytes(*key.verifying_key().as_bytes()).expect("a key");
        if views.with(|views| views.actor("site")).expect("readable").is_none() {
            let created = ActorCreated {
                name: site(),
                kind: "Service".to_owned(),
                public_key: BASE64.encode(key.as_bytes()),
                profile: ActorProfile::default(),
                by: None,
            };
            let appended = writer.append(append_of(SystemClock::now(), vec![created.into()])).await.expect("appended");
            projector.reached(appended.last).await.expect("views");
        }
        let actor = views.with(|views| views.actor("site")).expect("readable").expect("the actor");
        Keyring::hold(&keyring, &actor, BASE, &keys).expect("held");
        let links =
            DeliveryLinks { writer: writer.clone(), position: projector.follow(), arrivals: Arc::clone(&arrived) as _ };
        let deliveries = prepared.start(links, true).expect("started");
        let rsa = transport.actor(&site()).await.expect("a key").public_key();
        Self { deliveries, writer, projector, views, known, arrived, key, rsa, _lock: dir.lock }
    }

    /// Ends as a crash does: what is under way is dropped.
    pub(crate) fn crash(self) {
        drop(self.deliveries);
        self.writer.stop();
    }

    pub(crate) async fn append(&self, events: Vec<Event>) -> u64 {
        let appended = self.writer.append(append_of(SystemClock::now(), events)).await.expect("appended");
        self.projector.reached(appended.last).await.expect("views");
        appended.last
    }

    /// Has an actor of another host follow, which is accepted.
    pub(crate) async fn followed_by(&self, actor: &RemoteActor) {
        self.append(following(actor).into()).await;
    }

    /// Says something, and returns the `seq` of its entry.
    pub(crate) async fn post(&self, name: &str, object: &str, to: &[&str], blind: &[&str]) -> u64 {
        self.append(vec![note(name, object, to, blind)]).await
    }

    /// Waits until the deliveries of the activity at entry `seq` are as they should be.
    pub(crate) async fn until(&self, seq: u64, is_so: impl Fn(&[DeliveryRow]) -> bool) -> Vec<DeliveryRow> {
        let mut committed = self.writer.watch();
        let waiting = async {
            loop {
                self.projector.reached(*committed.borrow_and_update()).await.expect("views");
                let read = |views: &ViewReader| views.deliveries_of_activity(seq, None, 100_000);
                let rows = self.views.with(read).expect("readable");
                if is_so(&rows) {
                    return rows;
                }
                committed.changed().await.expect("the writer runs");
            }
        };
        let rows = tokio::time::timeout(PATIENCE, waiting).await;
        let Ok(rows) = rows else {
            let rows = self.views.with(|views| views.deliveries_of_activity(seq, None, 100)).expect("readable");
            panic!("not so: {rows:#?}");
        };
        rows
    }

    /// Waits until the queue is as it should be: what the views hold, it knows a moment later.
    pub(crate) async fn until_queue(&self, is_so: impl Fn(QueueLengths) -> bool) {
        let waiting = async {
            while !is_so(self.deliveries.lengths()) {
                tokio::task::yield_now().await;
            }
        };
        let so = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(so.is_ok(), "not so: {:?}", self.deliveries.lengths());
    }

    /// Waits until all deliveries of an activity stand so.
    pub(crate) async fn until_all(&self, seq: u64, status: DeliveryStatus) -> Vec<DeliveryRow> {
        self.until(seq, |rows| !rows.is_empty() && rows.iter().all(|row| row.state.status == status)).await
    }
}

pub(crate) fn site() -> ActorName {
    "site".parse().expect("a name")
}

/// What the log says of an actor of another host that follows.
pub(crate) fn following(actor: &RemoteActor) -> [Event; 3] {
    let (id, me) = (format!("{}/follows/1", actor.id), format!("{BASE}/actors/site"));
    let follow = json!({"type": "Follow", "id": id, "actor": actor.id, "object": me});
    let accepted = format!("{BASE}/activities/{}", actor.id.as_str().replace(['/', ':'], "-"));
    let accept = json!({"type": "Accept", "id": accepted, "actor": me, "object": follow});
    [
        RemoteActorLearned { actor: actor.clone() }.into(),
        appended(BoxName::Inbox, follow, &[]),
        appended(BoxName::Outbox, accept, &[]),
    ]
}

/// A note of the site's.
pub(crate) fn note(name: &str, object: &str, to: &[&str], blind: &[&str]) -> Event {
    let document = json!({
        "type": "Create", "id": format!("{BASE}/activities/{name}"), "actor": format!("{BASE}/actors/site"),
        "to": to, "object": {"type": "Note", "id": format!("{BASE}/{object}"), "content": name},
    });
    appended(BoxName::Outbox, document, blind)
}

pub(crate) fn appended(r#box: BoxName, document: Value, blind: &[&str]) -> Event {
    let Value::Object(document): Value = document else { panic!("an object") };
    let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
    let whole = Value::Object(document.clone());
    let id: rosehip_core::ids::ActivityId = text(&whole, "id").expect("an id").parse().expect("a URL");
    let object_type = document.get("object").and_then(|object| text(object, "type")).unwrap_or("Link".to_owned());
    let document: Map<String, Value> = document;
    let activity = Activity {
        cid: Cid::of_document(&document),
        owner: site(),
        r#box,
        kind: text(&whole, "type").expect("a type").parse().expect("a type"),
        object_type: object_type.parse().expect("a type"),
        object: None,
        revision: None,
        cause: None,
        caused_by: None,
        depth: 0,
        root: id.clone(),
        transitions: Vec::new(),
        blind: blind.iter().map(ToString::to_string).collect(),
        id,
        trace: None,
        document,
    };
    ActivityAppended { activity: Arc::new(activity) }.into()
}
