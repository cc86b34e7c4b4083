//! A host that is told to stop drains: who waits is answered, what is under way ends and is recorded, and nothing is made
//! twice after the next start.

use reqwest::Method;
use rosehip_tests::{Client, Host, MISBEHAVE, Receiver, Respond};
use serde_json::json;

/// Asks the host to stop on a thread that may wait for it, and gives it back with its exit code.
fn stop(mut host: Host) -> tokio::task::JoinHandle<(Host, Option<i32>)> {
    tokio::task::spawn_blocking(move || {
        let code = host.stop();
        (host, code)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_its_flows_is_answered_before_the_host_stops() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    // Its flow goes on for a moment: two failures, with a pause before the third attempt.
    client.put("/behaviors/misbehave/config", &json!({"mode": "retry-then-ok"})).await.expect(200);
    let asking = host.client();
    let waiting =
        tokio::spawn(
            async move { asking.post_and_wait("/new", &Client::article("Waiting", "published", "urgent")).await },
        );
    client.first_flow("behavior=misbehave").await;
    let stopping = stop(host);
    let written = waiting.await.expect("no panic").expect(201);
    let flows = written["flows"].as_array().expect("the flows that it waited for");
    assert!(flows.iter().any(|flow| flow["behavior"] == "misbehave"), "{written:#}");
    let (mut host, code) = stopping.await.expect("no panic");
    assert_eq!(code, Some(0), "{}", host.log());

    host.serve().await;
    let client = host.client();
    let flow = client.first_flow("behavior=misbehave").await;
    let flow = client.flow_until(flow["id"].as_str().expect("an id"), |flow| flow["status"] == "completed").await;
    let calls = flow["events"].as_array().expect("events").iter().filter(|event| event["kind"] == "node.done").count();
    assert_eq!((calls, client.flows("behavior=misbehave").await.len()), (1, 1), "{flow:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_under_way_ends_before_the_host_and_is_not_made_again() {
    let mut receiver = Receiver::start_with(&[], Respond::Late(1_500)).await;
    let host = Host::start_configured("[outgoing]\nallow = [\"localhost\"]\n", &[]).await;
    let client = host.client();
    client.install_ask().await;
    let effects = json!([{"kind": "webhook", "payload": {"url": receiver.url("/slow")}}]);
    let flow = client.ask("slow", &effects).await;
    let first = receiver.next().await;
    let (mut host, code) = stop(host).await.expect("no panic");
    assert_eq!(code, Some(0), "{}", host.log());

    host.serve().await;
    let client = host.client();
    let effect = client.effect_until(&flow, 0, "dispatched").await;
    assert_eq!(effect["attempts"], 1, "{effect:#}");
    assert_eq!(first.header("webhook-id"), effect["id"], "the attempt that ended is the one that was begun");
    // Something else that leaves after it shows that nothing is on its way any more.
    let effects = json!([{"kind": "webhook", "payload": {"url": receiver.url("/next")}}]);
    client.ask("next", &effects).await;
    assert_eq!(receiver.next().await.line, "POST /next HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_stops_takes_nothing_in() {
    let host = Host::start().await;
    let client = host.client();
    let (host, code) = stop(host).await.expect("no panic");
    assert_eq!(code, Some(0));
    let refused = client.try_send(client.request(Method::GET, "/livez")).await;
    assert!(refused.is_err_and(|error| error.is_connect()));
    assert!(!host.path("rosehip.sock").exists());
}
