//! Federation with servers that are not ours, as processes on this machine: a program on Fedify and one on bovine. They follow
//! a host and are followed by it, say things and take them back, and each is ended and started again in the middle.

use std::time::Duration;

use reqwest::header;
use rosehip_tests::{Client, FediversePeer, Host, Software};
use serde_json::{Value, json};

/// Asks again until something is so.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, peer: &FediversePeer, ask: impl Fn() -> F) -> T {
    for _ in 0..3_000 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} does not come: {} {}", peer.state().await, peer.log());
}

async fn host() -> (Host, Client) {
    let host = Host::start_answering().await;
    let client = host.client();
    (host, client)
}

fn site(host: &Host) -> String {
    format!("{}/actors/site", host.url())
}

async fn total(client: &Client, side: &str) -> u64 {
    client.get(&format!("/actors/site/{side}")).await.expect(200)["totalItems"].as_u64().expect("a number")
}

/// What a peer took into its inbox, of this type and about this.
async fn taken(peer: &FediversePeer, kind: &str, about: &str) -> Option<Value> {
    let state = peer.state().await;
    let inbox = state["inbox"].as_array().expect("an inbox");
    inbox.iter().find(|item| item["type"] == kind && item["object"].as_str() == Some(about)).cloned()
}

/// Publishes an article, and waits until a peer has it. Gives its slug and its URL as an object.
async fn publishes(client: &Client, peer: &FediversePeer, title: &str) -> (String, String) {
    let article = Client::article(title, "published", "urgent");
    let saved = client.post_and_wait("/new", &article).await.expect(201);
    let slug = saved["slug"].as_str().expect("a slug").to_owned();
    let activity = saved["activity"].as_str().expect("an activity").to_owned();
    let path = format!("/activities/{}", activity.rsplit('/').next().expect("a name"));
    let told = client.get(&path).await.expect(200);
    let object = told["activity"]["object"]["id"].as_str().expect("an object").to_owned();
    until("an article", peer, async || taken(peer, "Create", &object).await).await;
    (slug, object)
}

/// Has a peer say something, and waits until a behavior has fired here. Gives the note's URL.
async fn says(client: &Client, peer: &FediversePeer, content: &str) -> String {
    let said = peer.control("note", json!({ "content": content })).await;
    let id = said["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    let known = until("a note", peer, async || {
        let answer = client.get(&format!("/activities/{id}")).await;
        answer.status.is_success().then(|| answer.json())
    })
    .await;
    assert_eq!(known["activity"]["object"]["content"], content);
    until("a flow", peer, async || {
        let flows = client.get(&format!("/flows?activity={id}")).await.expect(200);
        flows["flows"]
            .as_array()
            .is_some_and(|flows| flows.iter().any(|flow| flow["behavior"] == "answer"))
            .then_some(())
    })
    .await;
    said["object"].as_str().expect("a note").to_owned()
}

async fn goes_both_ways(software: Software, form: &str) {
    let (mut host, client) = host().await;
    let mut peer = FediversePeer::start(software).await;

    // They follow, and are accepted.
    peer.follow(&site(&host)).await;
    until("the Accept", &peer, async || {
        peer.state().await["following"].as_array().is_some_and(|all| !all.is_empty()).then_some(())
    })
    .await;
    assert_eq!(total(&client, "followers").await, 1);
    let (slug, object) = publishes(&client, &peer, "Roses").await;

    // We follow, and are accepted; what they said before that is read from their outbox.
    let before = peer.control("note", json!({ "content": "<p>Before you came</p>" })).await;
    host.cli(&["actors", "follow", &peer.actor()], "").ok();
    until("their Accept", &peer, async || (total(&client, "following").await == 1).then_some(())).await;
    assert_eq!(peer.state().await["followers"], json!([site(&host)]));
    let id = before["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    until("what was said before", &peer, async || {
        client.get(&format!("/activities/{id}")).await.status.is_success().then_some(())
    })
    .await;
    let note = says(&client, &peer, "<p>Hello from afar</p>").await;

    // Each is ended and goes on.
    host.kill_and_serve().await;
    publishes(&client, &peer, "After a restart").await;
    says(&client, &peer, "<p>Still here</p>").await;
    peer.kill_and_serve().await;
    publishes(&client, &peer, "After theirs").await;
    says(&client, &peer, "<p>And so am I</p>").await;

    // What was said is taken back.
    assert!(client.delete(&format!("/{slug}")).await.status.is_success());
    until("their copy's end", &peer, async || taken(&peer, "Delete", &object).await).await;
    let deleted = peer.control("delete", json!({ "object": note })).await;
    let id = deleted["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    until("a deletion", &peer, async || {
        client.get(&format!("/activities/{id}")).await.status.is_success().then_some(())
    })
    .await;

    // And both follow no more.
    peer.control("unfollow", json!({ "actor": site(&host) })).await;
    until("their Undo", &peer, async || (total(&client, "followers").await == 0).then_some(())).await;
    client.post("/actors/site/unfollow", &json!({ "actor": peer.actor() })).await.expect(201);
    until("our Undo", &peer, async || (peer.state().await["followers"] == json!([])).then_some(())).await;
    assert_eq!(total(&client, "following").await, 0);

    let state = peer.state().await;
    let forms: Vec<_> = state["inbox"].as_array().expect("an inbox").iter().map(|item| &item["signature"]).collect();
    assert!(forms.iter().all(|found| **found == form), "{forms:?}");
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_fedify_follows_is_followed_and_hears_everything() {
    goes_both_ways(Software::Fedify, "rfc9421").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_bovine_follows_is_followed_and_hears_everything() {
    goes_both_ways(Software::Bovine, "cavage").await;
}

/// Two that are not ours first speak to each other, so that what fails above is not theirs.
#[tokio::test(flavor = "multi_thread")]
async fn the_two_understand_each_other() {
    let (fedify, bovine) = (FediversePeer::start(Software::Fedify).await, FediversePeer::start(Software::Bovine).await);
    fedify.follow(&bovine.actor()).await;
    until("the Accept", &fedify, async || (fedify.state().await["following"] == json!([bovine.actor()])).then_some(()))
        .await;
}

/// What others read of this host: one RSA key, and the actor it asks them as.
#[tokio::test(flavor = "multi_thread")]
async fn others_read_who_we_are() {
    let (host, client) = host().await;
    let stranger = client.stranger();
    let get = async |path: &str| {
        let request = stranger.request(reqwest::Method::GET, path).header(header::ACCEPT, "application/activity+json");
        stranger.send(request).await.expect(200)
    };
    let actor = get("/actors/site").await;
    assert_eq!(actor["publicKey"]["id"], json!(format!("{}#main-key", site(&host))));
    assert!(actor["publicKey"]["publicKeyPem"].as_str().is_some_and(|pem| pem.starts_with("-----BEGIN PUBLIC KEY")));
    let instance = get("/instance-actor.json").await;
    assert_eq!((&instance["type"], &instance["preferredUsername"]), (&json!("Application"), &json!("127.0.0.1")));
    let name = host.url().replace("http://", "");
    let found = get(&format!("/.well-known/webfinger?resource=acct:127.0.0.1@{name}")).await;
    assert_eq!(found["links"][1]["href"], instance["id"]);
    let found = get(&format!("/.well-known/webfinger?resource={}", instance["id"].as_str().expect("a URL"))).await;
    assert_eq!(found["subject"], json!(format!("acct:127.0.0.1@{name}")));
}
