//! Modules change while flows wait: each flow goes on with the one it began with.

use rosehip_tests::{Client, Host, PUBLISH, TWO_STEP};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_flow_keeps_its_module_when_another_takes_the_name() {
    let mut host = Host::start().await;
    let client = host.client();
    let in_a_while = rosehip_core::time::Timestamp::from_millis(
        i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis()).expect("small") + 8_000,
    );
    client.put("/behaviors/publish/config", &json!({"digest": in_a_while.to_string()})).await.expect(200);
    let saved = client.post_and_wait("/new", &Client::article("Swap", "published", "newsletter")).await.expect(201);
    let waiting = saved["flows"][0].clone();

    // The other module has no such config; it is installed over the first by name.
    client.put("/behaviors/publish/config", &json!({})).await.expect(200);
    let swapped = client.install("publish", TWO_STEP).await.expect(200);
    assert_ne!(swapped["digest"], waiting["digest"], "{swapped:#}");
    let next = client.post_and_wait("/new", &Client::article("After", "published", "urgent")).await.expect(201);
    assert_eq!(next["flows"][0]["digest"], swapped["digest"]);
    host.kill_and_serve().await;

    let id = waiting["id"].as_str().expect("an id");
    let flow = client.flow_until(id, |flow| flow["status"] == "completed").await;
    assert_eq!(flow["digest"], waiting["digest"]);
    assert_eq!(flow["effects"][1]["kind"], "notify", "the digest of the first module");

    let back = client.post("/behaviors/publish/rollback", &json!({})).await.expect(200);
    assert_eq!(back["digest"], waiting["digest"]);
    assert_eq!(client.post("/behaviors/publish/rollback", &json!({})).await.status.as_u16(), 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_behavior_starts_nothing_and_the_activity_says_why() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    let saved = client.post_and_wait("/new", &Client::article("Quiet", "published", "urgent")).await.expect(201);
    assert_eq!(saved["flows"], json!([]));
    let token = saved["activity"].as_str().and_then(|id| id.rsplit('/').next()).expect("an activity");
    let why = client.get(&format!("/activities/{token}")).await.expect(200).to_string();
    assert!(why.contains("disabled"), "{why}");
    client.post("/behaviors/publish/enable", &json!({})).await.expect(200);
    let saved = client.post_and_wait("/new", &Client::article("Loud", "published", "urgent")).await.expect(201);
    assert_eq!(saved["flows"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_version_needs_force_and_a_waiting_behavior_is_not_removed() {
    let host = Host::start().await;
    let client = host.client();
    let installed = client.install("second", PUBLISH).await.expect(201);
    assert_eq!(installed["name"], "second");
    assert_eq!(client.install("second", PUBLISH).await.status.as_u16(), 200, "the same again is fine");
    let saved = client.post_and_wait("/new", &Client::article("Both", "published", "newsletter")).await.expect(201);
    let behaviors: Vec<&Value> =
        saved["flows"].as_array().expect("flows").iter().map(|flow| &flow["behavior"]).collect();
    assert_eq!(behaviors, [&json!("publish"), &json!("second")]);
    assert_eq!(client.delete("/behaviors/second").await.status.as_u16(), 409);
    let removed = client.delete("/behaviors/second?cancel=true").await.status.as_u16();
    assert!([200, 204].contains(&removed), "{removed}");
    assert_eq!(client.get("/behaviors/second").await.status.as_u16(), 404);
    assert_eq!(client.flows("behavior=second&status=cancelled").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_steps_log_twice() {
    let host = Host::start().await;
    let client = host.client();
    client.install("two-step", TWO_STEP).await.expect(201);
    let saved = client.post_and_wait("/new", &Client::article("Steps", "published", "")).await.expect(201);
    let two_step = saved["flows"].as_array().expect("flows").iter().find(|flow| flow["behavior"] == "two-step");
    assert_eq!(two_step.expect("its flow")["effects"]["dispatched"], 2);
}
