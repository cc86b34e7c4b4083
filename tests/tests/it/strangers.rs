//! A host, and a stranger who sends to its inbox.

use rosehip_tests::{Answer, Client, Host, Peer};
use serde_json::{Value, json};

/// A host and a stranger.
pub(crate) async fn host() -> (Host, Client, Peer) {
    let host = Host::start_federating().await;
    let client = host.client();
    (host, client, Peer::start().await)
}

/// The inbox of its actor.
pub(crate) fn inbox(host: &Host) -> String {
    format!("{}/actors/site/inbox", host.url())
}

/// A note that the stranger made.
pub(crate) fn note(peer: &Peer, id: &str) -> Value {
    let object = json!({
        "id": peer.url(&format!("/notes/{id}")), "type": "Note", "attributedTo": peer.actor(), "content": "Hello",
    });
    peer.activity(&format!("/activities/{id}"), "Create", object)
}

/// What a request was answered with: the status, and the rule of what was refused.
pub(crate) fn rule(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["rule"].as_str().unwrap_or_default().to_owned())
}
