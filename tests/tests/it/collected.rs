//! Modules that nothing needs any more are removed; what a flow names stays.

use std::{
    fs,
    time::{Duration, Instant},
};

use rosehip_tests::{Client, Host, MISBEHAVE};
use serde_json::{Value, json};

use crate::modules::{Speaking, variant};

/// Bindings of a behavior that are kept.
const HISTORY: usize = 50;

/// Whether a module's bytes are kept.
fn is_kept(host: &Host, digest: &Value) -> bool {
    host.path(format!("modules/{}.wasm", digest.as_str().expect("a digest"))).exists()
}

/// Waits for at most 30 seconds until a module is gone.
async fn until_gone(host: &Host, digest: &Value) {
    let begun = Instant::now();
    while is_kept(host, digest) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{digest} is still kept");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn spare(number: usize) -> Vec<u8> {
    let wasm = Speaking { name: "spare", version: "1.0.0", says: "spare", effects: &["log"] }.build();
    variant(&wasm, &number.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_the_history_and_never_ran_goes_away() {
    let mut host = Host::start().await;
    let client = host.client();
    let mut digests = Vec::new();
    for number in 0..=HISTORY {
        digests.push(client.install("spare", &spare(number)).await.json()["digest"].clone());
    }
    until_gone(&host, &digests[0]).await;
    assert!(digests[1..].iter().all(|digest| is_kept(&host, digest)), "all of the history can be gone back to");

    let candidate = host.client_of(&host.add_user("ann", "author")).install("spare", &spare(99)).await.expect(200);
    let candidate = candidate["candidate"]["digest"].clone();
    // What lies there without a reason goes at a start.
    let stray = host.path(format!("modules/{}.wasm", "ab".repeat(32)));
    fs::write(&stray, "stray").expect("written");
    host.kill_and_serve().await;
    until_gone(&host, &json!("ab".repeat(32))).await;
    assert!(is_kept(&host, &candidate));

    assert_eq!(client.delete("/behaviors/spare").await.status.as_u16(), 204);
    for digest in digests.iter().chain([&candidate]) {
        until_gone(&host, digest).await;
    }
    let publish = client.get("/behaviors/publish").await.expect(200);
    assert!(is_kept(&host, &publish["digest"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flow_names_stays_and_the_flow_can_be_retried() {
    let mut host = Host::start().await;
    let client = host.client();
    let never_ran = client.install("misbehave", &variant(MISBEHAVE, "never ran")).await.expect(201)["digest"].clone();
    let ran = client.install("misbehave", MISBEHAVE).await.expect(200)["digest"].clone();
    client.put("/behaviors/misbehave/config", &json!({"mode": "trap"})).await.expect(200);
    let saved = client.post_and_wait("/new", &Client::article("Named", "published", "urgent")).await.expect(201);
    let flows = saved["flows"].as_array().expect("flows");
    let failed = flows.iter().find(|flow| flow["behavior"] == "misbehave").expect("its flow");
    assert_eq!((&failed["status"], &failed["digest"]), (&json!("failed"), &ran));
    assert_eq!(client.delete("/behaviors/misbehave").await.status.as_u16(), 204);
    until_gone(&host, &never_ran).await;
    assert!(is_kept(&host, &ran), "one pass decided about both");

    // Nothing of it is in memory after a start.
    host.kill_and_serve().await;
    let id = failed["id"].as_str().expect("an id");
    let first = client.flow(id).await["events"].as_array().map_or(0, Vec::len);
    client.post(&format!("/flows/{id}/retry"), &json!({})).await.expect(200);
    let again = client
        .flow_until(id, |flow| flow["status"] == "failed" && flow["events"].as_array().map_or(0, Vec::len) > first + 1)
        .await;
    let error = again["nodes"][0]["error"].to_string();
    assert!(error.contains("trap"), "the module ran: {error}");
    assert!(is_kept(&host, &ran));
}
