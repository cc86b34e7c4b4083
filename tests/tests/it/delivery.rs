//! What leaves for other hosts: whom it goes to, what is said of it, and what becomes of it when they do not answer.

use rosehip_core::{
    federation::{ActorUrl, RemoteActor},
    signing::{Message, SignatureInput, proof},
};
use rosehip_tests::{Client, Delivery, Host, Peer, now};
use serde_json::{Value, json};

/// Has a peer's actor follow `site`, and takes the `Accept` that comes back.
async fn followed(host: &Host, peer: &mut Peer, name: &str) -> Delivery {
    let follow = peer.activity(&format!("/follows/{name}"), "Follow", json!(format!("{}/actors/site", host.url())));
    let inbox = format!("{}/actors/site/inbox", host.url());
    assert_eq!(peer.post(&inbox, &follow).await.status.as_u16(), 202);
    let accept = peer.next().await;
    assert_eq!(accept.json()["type"], "Accept", "{}", accept.json());
    assert_eq!(accept.json()["object"]["id"], follow["id"]);
    accept
}

async fn site(client: &Client) -> RemoteActor {
    let document = client.request(reqwest::Method::GET, "/actors/site").header("accept", "application/activity+json");
    let document = client.send(document).await.expect(200);
    let url: ActorUrl = document["id"].as_str().expect("an id").parse().expect("a URL");
    RemoteActor::read(&url, document.as_object().expect("an object")).expect("our own kind")
}

/// A peer of `host` by the routes.
async fn peer_of(client: &Client, peer: &Peer) -> Value {
    client.get(&format!("/peers/127.0.0.1:{}", peer.port)).await.expect(200)
}

async fn until(client: &Client, peer: &Peer, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..6_000 {
        let answer = client.get(&format!("/peers/127.0.0.1:{}", peer.port)).await;
        if answer.status.is_success() && is_so(&answer.json()) {
            return answer.json();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{what}: {}", client.get(&format!("/peers/127.0.0.1:{}", peer.port)).await.text);
}

async fn publish(client: &Client, title: &str) -> String {
    let article = Client::article(title, "published", "urgent");
    let saved = client.post_and_wait("/new", &article).await.expect(201);
    saved["activity"].as_str().expect("an activity").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_reaches_followers_once_signed_and_proved() {
    let host = Host::start_federating().await;
    let client = host.client();
    let mut peer = Peer::start().await;
    followed(&host, &mut peer, "ann").await;
    let id = publish(&client, "Roses").await;
    let delivery = peer.next().await;
    let document = delivery.json();
    assert_eq!((document["type"].as_str(), document["id"].as_str()), (Some("Create"), Some(id.as_str())));
    assert!(delivery.line.starts_with("POST /inbox "), "the inbox that all share: {}", delivery.line);

    // The request and the document are each signed with a key that the actor tells.
    let site = site(&client).await;
    let target = peer.url("/inbox");
    let headers: Vec<_> =
        delivery.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    let message = Message { method: "POST", target_uri: &target, headers: &headers, body: &delivery.body };
    let input = SignatureInput::parse(delivery.header("signature-input"), delivery.header("signature"));
    let input = input.expect("a signature");
    input.check(&message, now(), 3_600_000).expect("it covers what it has to");
    let key = site.key(&input.key_id, now()).expect("the actor's key");
    input.verify(&message, &key).expect("it is theirs");
    let method = document["proof"]["verificationMethod"].as_str().expect("a key");
    let key = site.proof_key(method, now()).expect("the actor's key");
    proof::verify(document.as_object().expect("an object"), &key, now()).expect("the proof holds");

    let activity = client.get(&format!("/activities/{}", id.rsplit('/').next().expect("a token"))).await.expect(200);
    let told = &activity["deliveries"];
    assert_eq!(
        (told["delivered"].as_u64(), told["items"][0]["status"].as_str()),
        (Some(1), Some("delivered")),
        "{told}"
    );
    let flow = client.first_flow("").await;
    let flow = client.flow(flow["id"].as_str().expect("an id")).await;
    assert_eq!(flow["deliveries"][0]["activity"], json!(id));
    assert_eq!(peer.waiting(), 0, "nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_down_gets_it_later_and_what_was_given_up_is_redriven() {
    let mut host = Host::start_federating().await;
    let client = host.client();
    let mut peer = Peer::start().await;
    followed(&host, &mut peer, "ann").await;
    peer.answer("503 Service Unavailable");
    let first = publish(&client, "One").await;
    let second = publish(&client, "Two").await;
    until(&client, &peer, "it is tried again", |peer| peer["retrying"].as_u64() > Some(0)).await;
    host.kill_and_serve().await;
    let dead = until(&client, &peer, "it is given up", |peer| peer["dead"] == 2).await;
    assert!(dead["last_error"].as_str().is_some_and(|error| error.contains("503")), "{dead}");
    let named = client.get(&format!("/peers/127.0.0.1:{}?status=dead", peer.port)).await.expect(200);
    assert_eq!(named["deliveries"].as_array().map(Vec::len), Some(2));
    assert!(named["deliveries"][0]["attempts"].as_u64() >= Some(6), "{named}");

    while peer.waiting() > 0 {
        peer.next().await;
    }
    peer.answer("202 Accepted");
    let path = format!("/peers/127.0.0.1:{}/redrive", peer.port);
    let redriven = client.post(&path, &json!({"reason": "they are back"})).await.expect(200);
    assert_eq!(redriven["redriven"], 2);
    // What the host that was killed had sent may be read as late as this.
    let mut missing = vec![json!(first), json!(second)];
    while !missing.is_empty() {
        let came = peer.next().await.json()["id"].clone();
        missing.retain(|wanted| *wanted != came);
    }
    until(&client, &peer, "both arrived", |peer| peer["dead"] == 0 && peer["delivered"] == 3).await;
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_not_asked_again_and_who_is_blocked_gets_nothing() {
    let host = Host::start_federating().await;
    let client = host.client();
    let mut peer = Peer::start().await;
    followed(&host, &mut peer, "ann").await;
    peer.answer("410 Gone");
    publish(&client, "One").await;
    let dead = until(&client, &peer, "it is given up", |peer| peer["dead"] == 1).await;
    assert_eq!(dead["retrying"], 0);
    peer.next().await;

    peer.answer("202 Accepted");
    client.post(&format!("/peers/127.0.0.1:{}/block", peer.port), &json!({"reason": "spam"})).await.expect(200);
    let inbox = format!("{}/actors/site/inbox", host.url());
    let like = peer.activity("/activities/like", "Like", json!(format!("{}/one/", host.url())));
    assert_eq!(peer.post(&inbox, &like).await.status.as_u16(), 403);
    let second = publish(&client, "Two").await;
    client.post(&format!("/peers/127.0.0.1:{}/unblock", peer.port), &json!({})).await.expect(200);
    assert_eq!(peer.post(&inbox, &like).await.status.as_u16(), 202);
    let third = publish(&client, "Three").await;
    assert_eq!(peer.next().await.json()["id"], json!(third), "not {second}, which was not for whom was blocked");
    assert_eq!(peer_of(&client, &peer).await["blocked"], false);
}
