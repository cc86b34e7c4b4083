//! Learning about actors of other hosts, over real sockets: what is kept, what is shared, and what is not believed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use rosehip_adapters::{
    federation::{Directory, FetchError},
    outgoing::{Client, OutgoingOptions},
};
use rosehip_core::{
    federation::{ActorUrl, RemoteActor, media_type},
    limits,
    time::Timestamp,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::receiver::{Play, Receiver, answer, status};

pub(crate) const KEY: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";

/// A directory whose time passes when a test says so.
pub(crate) struct Timed {
    pub(crate) directory: Directory,
    now: Arc<AtomicI64>,
}

impl Timed {
    /// One for development, where peers are on loopback.
    pub(crate) fn start() -> Self {
        Self::with(OutgoingOptions::federation(true))
    }

    pub(crate) fn with(options: OutgoingOptions) -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let read = Arc::clone(&now);
        let clock = Arc::new(move || Timestamp::from_millis(read.load(Ordering::SeqCst)));
        Self { directory: Directory::new(Client::new(options), None, clock), now }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn pass(&self, ms: u64) {
        self.now.fetch_add(i64::try_from(ms).expect("a limit"), Ordering::SeqCst);
    }

    pub(crate) async fn actor(&self, url: &str) -> Result<Arc<RemoteActor>, FetchError> {
        self.directory.actor(&parsed(url)).await
    }

    async fn refetch(&self, url: &str) -> Result<Arc<RemoteActor>, FetchError> {
        self.directory.refetch(&parsed(url)).await
    }
}

pub(crate) fn parsed(url: &str) -> ActorUrl {
    url.parse().expect("a URL")
}

/// The actor `/ada` of a receiver.
pub(crate) fn ada(port: u16) -> Value {
    let id = format!("http://localhost:{port}/ada");
    let key = json!({"id": format!("{id}#key"), "type": "Multikey", "controller": id, "publicKeyMultibase": KEY});
    json!({"id": id, "type": "Person", "preferredUsername": "ada", "inbox": format!("{id}/inbox"), "assertionMethod": [key]})
}

pub(crate) fn activity(document: &Value) -> Play {
    answer("200 OK", &format!("content-type: {}", media_type::ACTIVITY), &document.to_string())
}

/// A receiver where Ada is.
pub(crate) async fn at_home() -> Receiver {
    Receiver::serving(|_, _, port| activity(&ada(port))).await
}

#[tokio::test]
async fn an_actor_is_asked_for_once_a_day() {
    let mut home = at_home().await;
    let timed = Timed::start();
    let first = timed.actor(&home.url("/ada")).await.expect("an actor");
    assert_eq!(first.handle.as_deref(), Some("ada"));
    timed.pass(limits::DIRECTORY_FRESH_MS - 1);
    assert_eq!(timed.actor(&home.url("/ada")).await.expect("an actor"), first);
    let requests = home.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(request.starts_with("GET /ada HTTP/1.1\r\n"), "{request}");
    let accept = format!("accept: {}", media_type::ACCEPTS_ACTIVITY);
    assert!(request.lines().any(|line| line == accept), "{request}");
    timed.pass(1);
    timed.actor(&home.url("/ada")).await.expect("an actor");
    assert_eq!(home.requests().len(), 1);
}

#[tokio::test]
async fn a_hundred_callers_make_one_request() {
    // Nobody is answered before all have asked.
    let mut silent = Receiver::start([Play::Hang]).await;
    let options = OutgoingOptions { timeout: Duration::from_millis(300), ..OutgoingOptions::federation(true) };
    let timed = Timed::with(options);
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let (directory, url) = (timed.directory.clone(), parsed(&silent.url("/ada")));
        callers.spawn(async move { directory.actor(&url).await });
    }
    let outcomes = callers.join_all().await;
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(FetchError::Unreachable(_)))), "{outcomes:?}");
    assert_eq!(silent.requests().len(), 1);

    let mut home = at_home().await;
    let timed = Timed::start();
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let (directory, url) = (timed.directory.clone(), parsed(&home.url("/ada")));
        callers.spawn(async move { directory.actor(&url).await });
    }
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    assert_eq!(home.requests().len(), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_takes_nothing_from_the_next() {
    let mut home = at_home().await;
    let timed = Timed::start();
    let url = parsed(&home.url("/ada"));
    {
        let mut asked = std::pin::pin!(timed.directory.actor(&url));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(asked.as_mut().poll(&mut context).is_pending());
    }
    timed.directory.actor(&url).await.expect("an actor");
    assert_eq!(home.requests().len(), 1);
}

#[tokio::test]
async fn an_actor_is_asked_for_anew_once_in_half_a_minute() {
    let mut home = at_home().await;
    let timed = Timed::start();
    let url = home.url("/ada");
    timed.actor(&url).await.expect("an actor");
    timed.refetch(&url).await.expect("an actor");
    assert_eq!(home.requests().len(), 2);
    timed.pass(limits::DIRECTORY_REFETCH_MS - 1);
    timed.refetch(&url).await.expect("an actor");
    assert_eq!(home.requests().len(), 0);
    timed.pass(1);
    timed.refetch(&url).await.expect("an actor");
    assert_eq!(home.requests().len(), 1);
}

#[tokio::test]
async fn what_is_known_outlives_a_host_that_is_away_and_not_its_word_that_nobody_is_there() {
    let home = Receiver::serving(|n, _, port| match n {
        0 => activity(&ada(port)),
        1 => status("503 Busy"),
        _ => status("410 Gone"),
    })
    .await;
    let timed = Timed::start();
    let url = home.url("/ada");
    timed.actor(&url).await.expect("an actor");
    assert!(matches!(timed.refetch(&url).await, Err(FetchError::Unreachable(_))));
    timed.actor(&url).await.expect("what is known");
    timed.pass(limits::DIRECTORY_REFETCH_MS);
    assert!(matches!(timed.refetch(&url).await, Err(FetchError::Gone { status: 410, .. })));
    assert!(matches!(timed.actor(&url).await, Err(FetchError::Gone { status: 410, .. })));
}

#[tokio::test]
async fn what_is_not_there_is_asked_for_again_after_ten_minutes_and_what_failed_after_one() {
    for (answer, ms) in [
        (status("404 Not Found"), limits::DIRECTORY_GONE_MS),
        (status("410 Gone"), limits::DIRECTORY_GONE_MS),
        (status("503 Busy"), limits::DIRECTORY_MISSED_MS),
        (status("429 Too Many Requests"), limits::DIRECTORY_MISSED_MS),
        (status("403 Forbidden"), limits::DIRECTORY_MISSED_MS),
        (activity(&json!({})), limits::DIRECTORY_MISSED_MS),
    ] {
        let mut home = Receiver::start([answer]).await;
        let timed = Timed::start();
        let first = timed.actor(&home.url("/ada")).await.expect_err("nobody");
        assert_eq!(matches!(first, FetchError::Gone { .. }), ms == limits::DIRECTORY_GONE_MS, "{first:?}");
        timed.pass(ms - 1);
        assert_eq!(timed.actor(&home.url("/ada")).await, Err(first));
        assert_eq!(home.requests().len(), 1);
        timed.pass(1);
        timed.actor(&home.url("/ada")).await.expect_err("nobody");
        assert_eq!(home.requests().len(), 1);
        timed.refetch(&home.url("/ada")).await.expect_err("nobody");
        assert_eq!(home.requests().len(), 1, "whoever wants to know it now asks");
    }
}

#[tokio::test]
async fn what_the_log_says_is_known_until_it_is_forgotten() {
    let mut home = at_home().await;
    let (timed, other) = (Timed::start(), Timed::start());
    let url = home.url("/ada");
    let actor = RemoteActor::clone(&*other.actor(&url).await.expect("an actor"));
    let renamed = RemoteActor { name: Some("Ada".to_owned()), ..actor.clone() };
    timed.directory.know(renamed, timed.now());
    // What is older than what is known changes nothing.
    timed.directory.know(actor.clone(), Timestamp::from_millis(0));
    assert_eq!(timed.actor(&url).await.expect("an actor").name.as_deref(), Some("Ada"));
    assert_eq!(home.requests().len(), 1);
    timed.directory.forget(&parsed(&url));
    assert_eq!(timed.directory.cached_key(&format!("{url}#key")), None);
    assert_eq!(timed.actor(&url).await.expect("an actor").name, None);
    assert_eq!(home.requests().len(), 1);
    // What was learned too long ago is not taken for what is.
    timed.directory.forget(&parsed(&url));
    timed.directory.know(actor, Timestamp::from_millis(0));
    timed.actor(&url).await.expect("an actor");
    assert_eq!(home.requests().len(), 1);
}

#[tokio::test]
async fn a_host_is_asked_for_one_document_at_a_time() {
    let mut silent = Receiver::start([Play::Hang]).await;
    let timed = Timed::start();
    let mut home = at_home().await;
    let mut callers = JoinSet::new();
    for n in 0..limits::DIRECTORY_HOST_QUEUE + 10 {
        let (directory, url) = (timed.directory.clone(), parsed(&silent.url(&format!("/{n}"))));
        callers.spawn(async move { directory.actor(&url).await });
    }
    // Those who find the queue full are told so at once; the others wait for whoever asks.
    for _ in 0..10 {
        let told = callers.join_next().await.expect("a caller").expect("no panic");
        assert!(matches!(told, Err(FetchError::Busy(_))), "{told:?}");
    }
    timed.actor(&home.url("/ada")).await.expect("another host is not waited for");
    assert_eq!(home.requests().len(), 1);
    assert!(silent.requests().len() <= 1);
    callers.abort_all();
}
