//! A guest call that ends the host with it is found out: after four starts it fails alone, and the host goes on.

use rosehip_tests::{Client, Host, MISBEHAVE};
use serde_json::{Value, json};

use crate::bad_modules::{component, manifest};

/// An article whose size gives the guest that loops so much fuel that it runs for a good part of a second.
fn long_article() -> Value {
    let mut article = Client::article("Heavy", "published", "urgent");
    article["body"] = "word ".repeat(60_000).into();
    article
}

fn entries<'a>(flow: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let events = flow["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().filter(move |event| event["kind"] == kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_the_host_at_every_start_fails_as_host_died() {
    end_hosts("loop", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_due_after_a_delay_and_ends_the_host_fails_as_well() {
    end_hosts("retry-then-loop", 2).await;
}

/// Has a guest end its host at every start, with a call that comes after `retries` that failed.
async fn end_hosts(mode: &str, retries: usize) {
    let mut host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": mode})).await.expect(200);
    client.post("/new", &long_article()).await.expect(201);
    if retries > 0 {
        let id = client.first_flow("behavior=misbehave").await["id"].as_str().expect("an id").to_owned();
        client.flow_until(&id, |flow| entries(flow, "node.retrying").count() == retries).await;
        // The turn that failed ends, and the next one begins.
        client.until_jobs(|jobs| jobs == 0).await;
        client.until_jobs(|jobs| jobs > 0).await;
    }
    host.abort();

    for start in 2..=4 {
        host.serve().await;
        let flow = client.first_flow("behavior=misbehave").await;
        let id = flow["id"].as_str().expect("an id");
        client.flow_until(id, |flow| entries(flow, "node.attempted").count() == start - 1).await;
        host.abort();
    }

    host.serve().await;
    let flow = client.first_flow("behavior=misbehave").await;
    let id = flow["id"].as_str().expect("an id").to_owned();
    let flow = client.flow_until(&id, |flow| flow["status"] == "failed").await;
    assert_eq!(flow["nodes"][0]["error"]["rule"], "host_died", "{flow:#}");
    assert_eq!(entries(&flow, "node.attempted").count(), 3, "no fifth call was made");

    let beside = client.first_flow("behavior=publish").await;
    let beside = client.flow_until(beside["id"].as_str().expect("an id"), |flow| flow["status"] == "completed").await;
    assert_eq!(beside["object"]["slug"], "heavy", "what was open beside it is worked off");
    let saved = client.post_and_wait("/new", &Client::article("After", "published", "urgent")).await.expect(201);
    assert_eq!(saved["flows"].as_array().map(Vec::len), Some(2), "{saved:#}");

    client.post(&format!("/flows/{id}/retry"), &json!({})).await.expect(200);
    let retried = |flow: &Value| flow["status"] == "failed" && flow["nodes"][0]["error"]["rule"] != "host_died";
    client.flow_until(&id, retried).await;
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_came_while_no_host_ran_is_heeded_at_the_next_start() {
    let mut host = Host::start().await;
    let client = host.client();
    let nodes = json!([
        {"id": "ask", "kind": "wait", "wait": {"signal": "answer", "timeout": "P7D"}},
        {"id": "act", "kind": "step"},
    ]);
    let manifest = manifest(nodes, json!([{"from": "ask", "to": "act"}]));
    client.install("asking", &component(&manifest, "")).await.expect(201);
    client.post_and_wait("/new", &Client::article("Asked", "published", "")).await.expect(201);
    let id = client.first_flow("behavior=asking").await["id"].as_str().expect("an id").to_owned();
    assert_eq!(client.flow(&id).await["status"], "suspended");
    assert_eq!(host.stop(), Some(0));
    host.cli(&["flows", "signal", &id, "answer"], "").ok();
    host.serve().await;
    // Its step traps, which only a flow that went on can do.
    let flow = client.flow_until(&id, |flow| flow["status"] == "failed").await;
    assert_eq!(flow["nodes"][1]["error"]["rule"], "trap", "{flow:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_nothing_is_announced() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("One", "published", "urgent")).await.expect(201);
    assert_eq!(host.stop(), Some(0));
    host.serve().await;
    client.post_and_wait("/new", &Client::article("Two", "published", "urgent")).await.expect(201);
    assert!(!host.log().contains("did not stop last time"), "{}", host.log());
    for flow in client.flows("").await {
        let flow = client.flow(flow["id"].as_str().expect("an id")).await;
        assert_eq!(entries(&flow, "node.attempted").count(), 0);
    }
}
