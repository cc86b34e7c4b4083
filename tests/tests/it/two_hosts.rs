//! Two hosts, and a third process that speaks to them: follows, posts, answers, restarts, other keys, and what was missed.

use std::time::Duration;

use reqwest::{Method, header};
use rosehip_core::{
    federation::{ActorUrl, RemoteActor},
    signing::proof,
};
use rosehip_tests::{Client, Host, Peer, now};
use serde_json::{Value, json};

async fn host() -> (Host, Client) {
    let host = Host::start_answering().await;
    let client = host.client();
    (host, client)
}

/// Asks again until something is so.
async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    for _ in 0..3_000 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} does not come");
}

fn handle(host: &Host) -> String {
    host.url().replace("http://", "@site@")
}

fn actor(host: &Host) -> String {
    format!("{}/actors/site", host.url())
}

async fn count(client: &Client, path: &str) -> u64 {
    client.get(path).await.expect(200)["totalItems"].as_u64().expect("a number")
}

async fn inbox(client: &Client) -> Vec<Value> {
    client.get("/actors/site/inbox?page=1").await.expect(200)["orderedItems"].as_array().cloned().expect("items")
}

/// Waits until an inbox has an activity.
async fn arrived(client: &Client, id: &Value) -> Value {
    until(&format!("{id}"), async || inbox(client).await.into_iter().find(|item| item["id"] == *id)).await
}

/// Has one host follow the other, by the command line.
async fn follow(follower: &Host, followed: &Host) {
    follower.cli(&["actors", "follow", &handle(followed)], "").ok();
    let (client, other) = (follower.client(), followed.client());
    until("the follow", async || {
        let both = count(&client, "/actors/site/following").await + count(&other, "/actors/site/followers").await;
        (both >= 2).then_some(())
    })
    .await;
}

async fn publish(client: &Client, title: &str) -> Value {
    let article = Client::article(title, "published", "urgent");
    client.post_and_wait("/new", &article).await.expect(201)["activity"].clone()
}

async fn document(client: &Client, url: &str) -> Value {
    let path = reqwest::Url::parse(url).expect("a URL").path().to_owned();
    let request = client.stranger().request(Method::GET, &path);
    client.send(request.header(header::ACCEPT, "application/activity+json")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_process_follows_and_the_outbox_goes_from_nothing_to_one() {
    let (host, client) = host().await;
    let mut peer = Peer::start().await;
    let outbox = client.stranger().get("/actors/site/outbox").await.expect(200);
    assert_eq!(outbox["tip"], json!({"seq": 0, "cid": null}), "{outbox}");
    let follow = peer.activity("/follows/1", "Follow", json!(actor(&host)));
    assert_eq!(peer.post(&format!("{}/inbox", actor(&host)), &follow).await.status.as_u16(), 202);
    let accept = peer.next().await.json();
    assert_eq!((&accept["type"], &accept["actor"]), (&json!("Accept"), &json!(actor(&host))));
    let outbox = client.stranger().get("/actors/site/outbox").await.expect(200);
    assert_eq!(outbox["tip"]["seq"], 1, "{outbox}");
    assert!(outbox["tip"]["cid"].is_string());
    assert_eq!(count(&client.stranger(), "/actors/site/followers").await, 1);

    let undo = peer.activity("/follows/undo", "Undo", follow);
    assert_eq!(peer.post(&format!("{}/inbox", actor(&host)), &undo).await.status.as_u16(), 202);
    assert_eq!(count(&client.stranger(), "/actors/site/followers").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_publishes_fires_behaviors_of_the_other_through_restarts_and_another_key() {
    let ((mut a, at_a), (mut b, at_b)) = (host().await, host().await);
    follow(&a, &b).await;
    let first = publish(&at_b, "Roses").await;
    let arrived_first = arrived(&at_a, &first).await;
    let flow = until("A's own behavior", async || {
        let flows = at_a.flows("behavior=answer").await;
        flows.into_iter().find(|flow| flow["activity"] == first && flow["status"] == "completed")
    })
    .await;
    assert_eq!(flow["owner"], "site");
    let others = at_a.flows("behavior=publish").await;
    assert_eq!(others, Vec::<Value>::new(), "publish does not fire for a stranger's article");

    a.kill_and_serve().await;
    b.kill_and_serve().await;
    let second = publish(&at_b, "Leeks").await;
    arrived(&at_a, &second).await;

    // A shares it: the announcement arrives where the article is from, and says which.
    let announce = json!({"type": "Announce", "object": arrived_first["object"]["id"], "to": [actor(&b)]});
    let announce = at_a.post("/actors/site/outbox", &announce).await.expect(201);
    arrived(&at_b, &announce["id"]).await;
    until("B's behavior", async || {
        let flows = at_b.flows("behavior=answer").await;
        flows.into_iter().find(|flow| flow["activity"] == announce["id"] && flow["object"]["id"] == "roses")
    })
    .await;

    // Another key: what comes after it is believed, and what was signed with the old one still verifies.
    b.cli(&["actors", "rotate-key", "site"], "").ok();
    let third = publish(&at_b, "Beans").await;
    arrived(&at_a, &third).await;
    let told = document(&at_b, &actor(&b)).await;
    let url: ActorUrl = actor(&b).parse().expect("a URL");
    let keys = RemoteActor::read(&url, told.as_object().expect("an object")).expect("our own kind");
    for (id, number) in [(&first, ""), (&third, "-2")] {
        let activity = document(&at_b, id.as_str().expect("an id")).await;
        let activity = activity.as_object().expect("an object");
        let method = activity["proof"]["verificationMethod"].as_str().expect("a method").to_owned();
        assert_eq!(method, format!("{}#ed25519-key{number}", actor(&b)));
        let made = activity["proof"]["created"].as_str().expect("a time").parse().expect("a time");
        let key = keys.proof_key(&method, made).expect("it is told");
        proof::verify(activity, &key, now()).expect("it holds");
    }
    for host in [&a, &b] {
        assert_eq!(host.verify().code, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_while_a_host_was_away_is_read_when_it_is_back() {
    let ((mut a, at_a), (b, at_b)) = (host().await, host().await);
    let early = publish(&at_b, "Early").await;
    follow(&a, &b).await;
    arrived(&at_a, &early).await;
    let known = publish(&at_b, "Known").await;
    arrived(&at_a, &known).await;
    a.kill();
    let mut missed = Vec::new();
    for title in ["One", "Two", "Three"] {
        missed.push(publish(&at_b, title).await);
    }
    let peer = a.url().replace("http://", "/peers/");
    until("B gives up", async || (at_b.get(&peer).await.json()["dead"].as_u64() == Some(3)).then_some(())).await;
    a.serve().await;
    for id in &missed {
        arrived(&at_a, id).await;
    }
    // What comes by redrive as well is there once.
    at_b.post(&format!("{peer}/redrive"), &json!({})).await.expect(200);
    until("it is taken", async || (at_b.get(&peer).await.json()["dead"] == 0).then_some(())).await;
    until("all of it", async || {
        let peer = at_b.get(&peer).await.json();
        (peer["queued"] == 0 && peer["retrying"] == 0).then_some(())
    })
    .await;
    let ids: Vec<_> = inbox(&at_a).await.iter().map(|item| item["id"].clone()).collect();
    for id in &missed {
        assert_eq!(ids.iter().filter(|known| *known == id).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_answer_each_other_come_to_an_end_and_each_flow_leads_to_the_one_before() {
    let ((a, at_a), (b, at_b)) = (host().await, host().await);
    let note = json!({"type": "Create", "to": [actor(&b)], "object": {"type": "Note", "content": "<p>Hello</p>"}});
    let said = at_a.post("/actors/site/outbox", &note).await.expect(201);
    arrived(&at_b, &said["id"]).await;
    let deepest = until("the end", async || {
        let mut flows = at_a.flows("behavior=answer&limit=200").await;
        flows.extend(at_b.flows("behavior=answer&limit=200").await);
        let is_denied = |flow: &Value| flow["effects"]["denied"].as_u64() > Some(0);
        flows.into_iter().find(is_denied)
    })
    .await;
    let id = deepest["id"].as_str().expect("an id");
    let (client, other) = match at_a.get(&format!("/flows/{id}")).await.status.is_success() {
        true => (&at_a, &b),
        false => (&at_b, &a),
    };
    let flow = client.flow(id).await;
    assert_eq!(flow["depth"], 8, "{flow}");
    let cause = flow["cause"]["flow"].as_str().expect("a flow");
    assert!(cause.starts_with(&format!("{}/flows/", other.url())), "{cause}");
    let page = client.page(&format!("/flows/{id}")).await;
    assert!(page.text.contains(&format!("href=\"{cause}\"")), "the page leads there");
    let flows =
        at_a.flows("behavior=answer&limit=200").await.len() + at_b.flows("behavior=answer&limit=200").await.len();
    assert!(flows <= 10, "{flows} flows");
}
