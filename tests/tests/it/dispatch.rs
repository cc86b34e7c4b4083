//! Effects on their way out: in order for what they are about, one destination apart from the other, and under one key
//! however often the host dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rosehip_tests::{Client, Host, Receiver, Respond};
use serde_json::{Value, json};

/// A host that may reach loopback by its name, and gives an attempt two seconds.
async fn host() -> Host {
    let host = Host::start_configured("[outgoing]\nallow = [\"localhost\"]\ntimeout_ms = 2000\n", &[]).await;
    host.client().install_ask().await;
    host
}

fn webhook(url: &str) -> Value {
    json!({"kind": "webhook", "payload": {"url": url}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_hangs_slows_no_other_down() {
    let mut hangs = Receiver::start_with(&[], Respond::Hang).await;
    let mut answers = Receiver::start(&[]).await;
    let host = host().await;
    let client = host.client();
    // More flows than a destination may have attempts under way, each with an effect to either.
    let mut flows = Vec::new();
    for wish in 0..20 {
        let effects = json!([webhook(&hangs.url("/hangs")), webhook(&answers.url("/answers"))]);
        flows.push(client.ask(&format!("wish-{wish}"), &effects).await);
    }
    for flow in &flows {
        client.effect_until(flow, 1, "dispatched").await;
        answers.next().await;
    }
    hangs.next().await;
    let held = client.flow(flows.last().expect("a flow")).await["effects"][0]["attempts"].clone();
    let first = client.effect_until(&flows[0], 0, "retrying").await;
    assert!(first["last_error"].as_str().is_some_and(|error| error.contains("localhost")), "{first:#}");
    assert!(held == 0 || held == 1, "the last of them waits for its turn: {held}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_the_same_object_arrives_in_the_order_it_was_recorded() {
    let mut receiver = Receiver::start_with(&[Respond::Late(600)], Respond::Late(1)).await;
    let host = host().await;
    let client = host.client();
    for round in 0..6 {
        let request = client.request(reqwest::Method::PUT, "/objects/Wish/same");
        let effects = json!({"effects": [webhook(&receiver.url(&format!("/{round}")))]});
        // Two flows that begin at the same time may be recorded in either order.
        client.send(request.header("prefer", "wait=30").json(&effects)).await.expect(201);
        // What is made again is another publication, and fires again.
        client.delete("/objects/Wish/same").await.expect(200);
    }
    for round in 0..6 {
        assert_eq!(receiver.next().await.line, format!("POST /{round} HTTP/1.1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_the_host_dies_in_an_attempt_each_duplicate_carries_the_same_key() {
    let mut receiver = Receiver::start_with(&[], Respond::Late(10)).await;
    let mut host = host().await;
    let mut wanted = BTreeMap::new();
    for round in 0..24_u64 {
        let client = host.client();
        let request = client.request(reqwest::Method::PUT, &format!("/objects/Wish/round-{round}"));
        let effects = json!({"effects": [webhook(&receiver.url(&format!("/{round}")))]});
        let saved = client.send(request.json(&effects)).await.expect(201);
        let activity = saved["activity"].as_str().expect("it is told");
        // Recorded, attempting, on its way, answered, dispatched: each comes within so many milliseconds, and each round
        // ends a little later than the one before.
        tokio::time::sleep(Duration::from_millis(round)).await;
        host.kill_and_serve().await;
        let client = host.client();
        let flow = client.first_flow(&format!("activity={activity}")).await;
        let effect = client.effect_until(flow["id"].as_str().expect("an id"), 0, "dispatched").await;
        wanted.insert(format!("POST /{round} HTTP/1.1"), effect["id"].as_str().expect("an id").to_owned());
    }
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut deliveries = 0;
    while receiver.waiting() > 0 {
        let delivery = receiver.next().await;
        assert_eq!(delivery.header("idempotency-key"), delivery.header("webhook-id"));
        keys.entry(delivery.line.clone()).or_default().insert(delivery.header("webhook-id").to_owned());
        deliveries += 1;
    }
    let found: BTreeMap<_, _> =
        keys.into_iter().map(|(line, keys)| (line, keys.into_iter().collect::<Vec<_>>())).collect();
    let wanted: BTreeMap<_, _> = wanted.into_iter().map(|(line, key)| (line, vec![key])).collect();
    assert_eq!(found, wanted, "each effect arrived, and always under its id");
    assert!(deliveries >= 24);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_an_attempt_is_told_by_its_state_and_reason() {
    let host = host().await;
    let client = host.client();
    let cases: [(&'static [Respond], &str, &str); 6] = [
        (&[Respond::Status("500 Internal Server Error", "x: y")], "retrying", "500"),
        (&[Respond::Status("410 Gone", "x: y")], "dead", "410"),
        (&[Respond::Status("429 Too Many Requests", "retry-after: 3600")], "retrying", "429"),
        (&[Respond::Hang], "retrying", "localhost"),
        // What answers in time has answered, whatever it says after that.
        (&[Respond::Drip], "dispatched", ""),
        (
            &[Respond::Status("307 Temporary Redirect", "location: http://169.254.169.254/latest")],
            "dead",
            "169.254.169.254",
        ),
    ];
    for (place, (responses, status, reason)) in cases.into_iter().enumerate() {
        let receiver = Receiver::start(responses).await;
        let flow = client.ask(&format!("case-{place}"), &json!([webhook(&receiver.url("/"))])).await;
        let effect = client.effect_until(&flow, 0, status).await;
        let told = effect["last_error"].as_str().unwrap_or_default();
        assert!(told.contains(reason), "{reason}: {effect:#}");
        assert_eq!(effect["next_retry_at"].is_null(), status != "retrying");
    }
    // Nobody is there at all.
    let flow =
        client.ask("nobody", &json!([webhook(&format!("http://localhost:{}/", rosehip_tests::free_port()))])).await;
    let effect = client.effect_until(&flow, 0, "retrying").await;
    assert!(effect["last_error"].is_string(), "{effect:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_carried_out_by_recording_it_cannot_be_redriven_and_says_so() {
    let mut host = host().await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Recorded", "published", "urgent")).await.expect(201);
    let flow = client.first_flow("behavior=publish").await["id"].as_str().expect("an id").to_owned();
    client.flow_until(&flow, |flow| flow["effects"][1]["status"] == "dispatched").await;
    let effects = client.flow(&flow).await["effects"].clone();
    assert_eq!(effects[0]["kind"], "validate", "it was carried out by recording it");
    for effect in effects.as_array().expect("effects") {
        let id = effect["id"].as_str().expect("an id");
        let refused = client.post(&format!("/effects/{id}/redrive"), &json!({})).await.expect(409);
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains("dispatched")), "{refused:#}");
        client.get(&format!("/effects/{id}/redrive")).await.expect(409);
        let refused = host.cli(&["effects", "redrive", id], "");
        assert!(refused.code == Some(1) && refused.stderr.contains("dispatched"), "{refused:?}");
    }
    let nobody = "a".repeat(52);
    client.post(&format!("/effects/{nobody}/redrive"), &json!({})).await.expect(404);
    assert_eq!(host.stop(), Some(0));
    assert_eq!(host.cli(&["effects", "redrive", &nobody], "").code, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dead_is_redriven_under_its_id_and_a_cancelled_flow_sends_no_more() {
    let mut receiver = Receiver::start(&[Respond::Status("410 Gone", "x: y")]).await;
    let host = host().await;
    let client = host.client();
    let flow = client.ask("again", &json!([webhook(&receiver.url("/again"))])).await;
    let effect = client.effect_until(&flow, 0, "dead").await;
    let id = effect["id"].as_str().expect("an id");
    let redriven = host.cli(&["effects", "redrive", id, "--reason", "they are back"], "");
    assert_eq!(redriven.code, Some(0), "{redriven:?}");
    client.effect_until(&flow, 0, "dispatched").await;
    let keys = [receiver.next().await, receiver.next().await].map(|delivery| delivery.header("webhook-id").to_owned());
    assert_eq!(keys, [id, id]);
    assert!(client.flow(&flow).await["events"].to_string().contains("they are back"));
}
