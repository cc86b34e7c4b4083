//! Requests for documents are signed by the host's own actor, in a form that the other host takes.

use std::sync::Arc;

use rosehip_adapters::{
    clock::SystemClock,
    federation::{Directory, FetchError, Schemes, SignedGet, TransportKeys},
    keys::Keys,
    outgoing::{Client, OutgoingOptions},
};
use rosehip_core::signing::{Scheme, VerificationKey};
use serde_json::json;

use crate::{
    directory::{activity, ada, parsed},
    receiver::{Receiver, answer, status},
    request::Request,
};

/// A secret for tests alone.
const RSA: &str = include_str!("../../../core/tests/keys/rsa.pem");

struct Asker {
    directory: Directory,
    key: VerificationKey,
    _dir: tempfile::TempDir,
}

impl Asker {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Keys::open(dir.path()).expect("opened");
        std::fs::write(dir.path().join("keys/host.rsa.key"), RSA).expect("written");
        let keys = Arc::new(TransportKeys::new(Arc::new(keys), "https://home.example"));
        let signer = keys.instance().await.expect("a key");
        assert_eq!(signer.key_id, "https://home.example/instance-actor.json#main-key");
        let signed = SignedGet { keys, schemes: Arc::default(), clock: Arc::new(SystemClock::now) };
        let client = Client::new(OutgoingOptions::federation(true));
        let directory = Directory::new(client, Some(signed), Arc::new(SystemClock::now));
        Self { directory, key: signer.public_key().into(), _dir: dir }
    }
}

/// What a request is signed in, over its URL or over that without the query.
fn form(request: &str, port: u16, key: &VerificationKey) -> Option<(Scheme, bool)> {
    let request = Request::read(request);
    let url = format!("http://localhost:{port}{}", request.path);
    let bare = url.split('?').next().expect("a URL").to_owned();
    let whole = request.signed_by(&url, key).ok().map(|(_, scheme)| (scheme, true));
    whole.or_else(|| request.signed_by(&bare, key).ok().map(|(_, scheme)| (scheme, false)))
}

/// A host that answers those alone whose signature is in this form.
async fn taking(wanted: (Scheme, bool), refusal: &'static str, key: VerificationKey) -> Receiver {
    Receiver::serving(move |_, request, port| match form(request, port, &key) {
        Some(form) if form == wanted => activity(&ada(port)),
        _ => status(refusal),
    })
    .await
}

fn forms(receiver: &mut Receiver, key: &VerificationKey) -> Vec<(Scheme, bool)> {
    let port = receiver.port;
    receiver.requests().iter().map(|request| form(request, port, key).expect("it is signed")).collect()
}

#[tokio::test]
async fn a_host_is_asked_in_the_form_that_it_takes_and_then_in_that_first() {
    for refusal in ["401 Unauthorized", "403 Forbidden", "400 Bad Request"] {
        let asker = Asker::start().await;
        let mut receiver = taking((Scheme::Cavage, true), refusal, asker.key.clone()).await;
        let url = parsed(&receiver.url("/ada"));
        asker.directory.actor(&url).await.expect("an actor");
        assert_eq!(forms(&mut receiver, &asker.key), [(Scheme::Rsa, true), (Scheme::Cavage, true)], "{refusal}");
        asker.directory.refetch(&url).await.expect("an actor");
        assert_eq!(forms(&mut receiver, &asker.key), [(Scheme::Cavage, true)]);
    }
    let asker = Asker::start().await;
    let mut receiver = taking((Scheme::Rsa, true), "401 Unauthorized", asker.key.clone()).await;
    asker.directory.actor(&parsed(&receiver.url("/ada"))).await.expect("an actor");
    assert_eq!(forms(&mut receiver, &asker.key), [(Scheme::Rsa, true)]);
}

/// Some verify a signature over the URL without its query.
#[tokio::test]
async fn a_url_with_a_query_is_signed_without_it_where_nothing_else_is_taken() {
    let asker = Asker::start().await;
    let key = asker.key.clone();
    let mut receiver = Receiver::serving(move |_, request, port| match form(request, port, &key) {
        Some((Scheme::Cavage, false)) => activity(&json!({"type": "OrderedCollectionPage"})),
        _ => status("401 Unauthorized"),
    })
    .await;
    asker.directory.collection(&parsed(&receiver.url("/outbox?page=1"))).await.expect("a page");
    let tried = [(Scheme::Rsa, true), (Scheme::Cavage, true), (Scheme::Cavage, false)];
    assert_eq!(forms(&mut receiver, &asker.key), tried);
    // Where there is no query, there are two forms.
    assert!(asker.directory.collection(&parsed(&receiver.url("/outbox"))).await.is_err());
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn what_is_gone_broken_or_too_much_is_not_asked_for_in_another_form() {
    for refusal in ["404 Not Found", "410 Gone", "429 Too Many Requests", "500 No", "503 No"] {
        let asker = Asker::start().await;
        let mut receiver = Receiver::start([status(refusal)]).await;
        asker.directory.actor(&parsed(&receiver.url("/ada"))).await.expect_err("nobody");
        assert_eq!(receiver.requests().len(), 1, "{refusal}");
    }
    let asker = Asker::start().await;
    let mut receiver = Receiver::start([status("401 Unauthorized")]).await;
    let refused = asker.directory.actor(&parsed(&receiver.url("/ada"))).await.expect_err("nobody");
    assert!(matches!(refused, FetchError::Unreadable { .. }), "{refused:?}");
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn every_request_carries_the_headers_that_sign_its_url() {
    let asker = Asker::start().await;
    let mut home = Receiver::serving(|n, _, port| match n {
        0 => answer("302 Found", "location: /next", ""),
        _ => activity(&ada(port)),
    })
    .await;
    asker.directory.actor(&parsed(&home.url("/ada"))).await.expect("an actor");
    let requests = home.requests();
    for (request, path) in requests.iter().zip(["/ada", "/next"]) {
        let url = home.url(path);
        Request::read(request).signed_by(&url, &asker.key).expect("signed for where it went");
    }
    assert_eq!(requests.len(), 2);
}

/// `WebFinger` is for everybody (RFC 7033 §4), and nobody is told who asks.
#[tokio::test]
async fn who_asks_for_an_account_does_not_sign() {
    let asker = Asker::start().await;
    let mut home = Receiver::start([status("404 Not Found")]).await;
    let who = format!("@ada@localhost:{}", home.port).parse().expect("a handle");
    asker.directory.find(&who).await.expect_err("nobody");
    assert!(home.requests().iter().all(|request| Request::read(request).header("signature").is_none()));
}

/// What a host's own requests are signed with says where to begin.
#[test]
fn who_sends_in_the_older_form_is_spoken_to_in_it() {
    let (schemes, peer) = (Schemes::default(), "there.example".parse().expect("a host"));
    schemes.sent(&peer, Scheme::Cavage);
    let Ok(first) = schemes.of::<std::convert::Infallible>(&peer, || Ok(None));
    assert_eq!(first, Scheme::Cavage);
}
