//! Another host: a program on loopback with one actor, which serves what it is given, keeps what it is sent and signs what
//! it sends.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ed25519_dalek::SigningKey;
use reqwest::{StatusCode, header::HeaderMap};
use rosehip_core::{
    signing::{Message, RsaSigner, SignedBy, Signer, Unsigned, content_digest, proof, sign_request, signature},
    time::Timestamp,
};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::{Answer, Delivery};

const ACTIVITY: &str = "application/activity+json";
/// A secret for tests alone.
const RSA: &str = include_str!("../../host/core/tests/keys/rsa.pem");

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// RFC 9421 with ed25519.
    Ed25519,
    /// RFC 9421 with RSA.
    Rsa,
    /// draft-cavage with RSA.
    Cavage,
    /// Not at all: the document has a proof.
    ProofAlone,
}

impl Form {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::Rsa, Self::Cavage, Self::ProofAlone];
}

/// What a request is signed with and over; a test changes what is to be wrong.
#[derive(Debug, Clone)]
pub struct Signing {
    /// The key.
    pub signer: Signer,
    /// When it was made.
    pub created: Timestamp,
    /// Whether a proof is put into the document.
    pub has_proof: bool,
    /// The document's type.
    pub content_type: &'static str,
}

/// The other host.
#[derive(Debug)]
pub struct Peer {
    /// Its port on 127.0.0.1.
    pub port: u16,
    signer: Mutex<Signer>,
    documents: Arc<Mutex<HashMap<String, String>>>,
    status: Arc<Mutex<&'static str>>,
    asked: Arc<Mutex<Vec<String>>>,
    deliveries: UnboundedReceiver<Delivery>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The moment, as it stands in signatures.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("a moment of this age"))
}

impl Peer {
    /// Begins to listen, with an actor `ann` and one key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (seen, deliveries) = unbounded_channel();
        let documents: Arc<Mutex<HashMap<String, String>>> = Arc::default();
        let status = Arc::new(Mutex::new("202 Accepted"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (served, answered, counted) = (Arc::clone(&documents), Arc::clone(&status), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, served, answered, counted) =
                    (seen.clone(), Arc::clone(&served), Arc::clone(&answered), Arc::clone(&counted));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = crate::receiver::read(&mut stream).await {
                        let answer = if request.line.starts_with("POST ") {
                            // What it says now: once the request is seen, the test goes on and may have it say another thing.
                            let status = *lock(&answered);
                            // The test may have ended.
                            let _ = seen.send(request);
                            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
                        } else {
                            let path = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
                            let body = lock(&served).get(&path).cloned();
                            lock(&counted).push(path);
                            match body {
                                Some(body) => format!(
                                    "HTTP/1.1 200 OK\r\ncontent-type: {ACTIVITY}\r\ncontent-length: {}\r\n\r\n{body}",
                                    body.len()
                                ),
                                None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
                            }
                        };
                        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        let key = SigningKey::from_bytes(&[7; 32]);
        let signer = Signer { key_id: format!("http://127.0.0.1:{port}/ann#ed25519-key"), key };
        let peer = Self { port, signer: Mutex::new(signer), documents, status, asked, deliveries };
        peer.serve_actor();
        peer
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Its actor.
    pub fn actor(&self) -> String {
        self.url("/ann")
    }

    /// Serves a document from now on.
    pub fn serve(&self, path: &str, document: &Value) {
        lock(&self.documents).insert(path.to_owned(), document.to_string());
    }

    /// Serves a path no more.
    pub fn withdraw(&self, path: &str) {
        lock(&self.documents).remove(path);
    }

    /// What it answers to what it is sent from now on, such as `410 Gone`.
    pub fn answer(&self, status: &'static str) {
        *lock(&self.status) = status;
    }

    /// How often a path was asked for.
    pub fn asked_for(&self, path: &str) -> usize {
        lock(&self.asked).iter().filter(|asked| *asked == path).count()
    }

    /// Serves the actor's document with the key it has.
    pub fn serve_actor(&self) {
        let (actor, signer) = (self.actor(), lock(&self.signer).clone());
        let document = json!({
            "@context": ["https://www.w3.org/ns/activitystreams"],
            "id": actor, "type": "Person", "preferredUsername": "ann", "name": "Ann",
            "inbox": self.url("/ann/inbox"), "outbox": self.url("/ann/outbox"), "followers": self.url("/ann/followers"),
            "endpoints": {"sharedInbox": self.url("/inbox")},
            "publicKey": {
                "id": self.url("/ann#main-key"), "owner": actor, "publicKeyPem": self.rsa().public_key().to_pem(),
            },
            "assertionMethod": [{
                "id": signer.key_id, "type": "Multikey", "controller": actor,
                "publicKeyMultibase": signer.public_key().to_string(),
            }],
        });
        self.serve("/ann", &document);
    }

    /// Takes another key, under the id that the one before it had.
    pub fn rotate(&self) {
        let key = SigningKey::from_bytes(&[8; 32]);
        lock(&self.signer).key = key;
        self.serve_actor();
    }

    /// What it signs with where that is RSA.
    pub fn rsa(&self) -> RsaSigner {
        RsaSigner::from_pem(self.url("/ann#main-key"), RSA).expect("a key")
    }

    /// Sends an activity, signed in this form.
    pub async fn post_in(&self, form: Form, inbox: &str, activity: &Value) -> Answer {
        let signing = Signing { has_proof: form == Form::ProofAlone, ..self.signing() };
        let body = body_of(activity, &signing);
        send(inbox, self.headers_in(form, inbox, &body, now()), body).await
    }

    /// The headers of a request, signed in this form at a moment.
    pub fn headers_in(&self, form: Form, inbox: &str, body: &[u8], at: Timestamp) -> Vec<(String, String)> {
        let (signer, rsa) = (lock(&self.signer).clone(), self.rsa());
        let by = match form {
            Form::Ed25519 => SignedBy::Ed25519(&signer),
            Form::Rsa => SignedBy::Rsa(&rsa),
            Form::Cavage => SignedBy::Cavage(&rsa),
            Form::ProofAlone => return vec![("content-type".to_owned(), ACTIVITY.to_owned())],
        };
        let request = Unsigned { method: "POST", url: inbox, content: Some((body, ACTIVITY)) };
        let fields = sign_request(&request, by, at).expect("all that is signed is there");
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// What it signs with, at this moment.
    pub fn signing(&self) -> Signing {
        Signing { signer: lock(&self.signer).clone(), created: now(), has_proof: true, content_type: ACTIVITY }
    }

    /// An activity of its actor.
    pub fn activity(&self, id: &str, kind: &str, object: Value) -> Value {
        json!({
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"],
            "id": self.url(id), "type": kind, "actor": self.actor(), "object": object,
            "to": ["https://www.w3.org/ns/activitystreams#Public"],
        })
    }

    /// Sends an activity, signed, to an inbox.
    pub async fn post(&self, inbox: &str, activity: &Value) -> Answer {
        self.post_signed(inbox, activity, &self.signing()).await
    }

    /// Sends an activity, signed so.
    pub async fn post_signed(&self, inbox: &str, activity: &Value, signing: &Signing) -> Answer {
        let body = body_of(activity, signing);
        let headers = headers_of(inbox, &body, signing);
        send(inbox, headers, body).await
    }

    /// Waits for the next that it is sent.
    pub async fn next(&mut self) -> Delivery {
        let wait = tokio::time::timeout(Duration::from_mins(1), self.deliveries.recv());
        wait.await.expect("something is sent within a minute").expect("the peer runs")
    }

    /// How many were sent that nobody has asked for yet.
    pub fn waiting(&self) -> usize {
        self.deliveries.len()
    }
}

/// The bytes of an activity, with a proof where that is wanted.
pub fn body_of(activity: &Value, signing: &Signing) -> Vec<u8> {
    let mut document: Map<String, Value> = activity.as_object().cloned().expect("an object");
    if signing.has_proof {
        proof::attach(&mut document, &signing.signer, signing.created);
    }
    Value::Object(document).to_string().into_bytes()
}

/// The headers of a signed request.
pub fn headers_of(inbox: &str, body: &[u8], signing: &Signing) -> Vec<(String, String)> {
    let digest = content_digest::of(body);
    let headers = [("content-digest", digest.as_str()), ("content-type", signing.content_type)];
    let message = Message { method: "POST", target_uri: inbox, headers: &headers, body };
    let signed = signature::sign(&message, &signing.signer, signing.created).expect("all that is signed is there");
    [
        ("content-digest", digest.clone()),
        ("content-type", signing.content_type.to_owned()),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Sends a request as it is.
pub async fn send(url: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> Answer {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().expect("a client");
    let headers: HeaderMap = headers
        .into_iter()
        .map(|(name, value)| {
            (name.parse::<reqwest::header::HeaderName>().expect("a name"), value.parse().expect("a value"))
        })
        .collect();
    let response = http.post(url).headers(headers).body(body).send().await.expect("an answer");
    let (status, headers): (StatusCode, HeaderMap) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.expect("a body") }
}
