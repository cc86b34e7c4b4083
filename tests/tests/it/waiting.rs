//! Waits outlive the process: the newsletter's flow is suspended, and the digest time resumes it.

use std::time::{SystemTime, UNIX_EPOCH};

use rosehip_core::time::Timestamp;
use rosehip_tests::{Client, Host};
use serde_json::{Value, json};

fn in_seconds(seconds: u64) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    Timestamp::from_millis(i64::try_from(now).expect("before the year 292 million")).plus_millis(seconds * 1_000)
}

async fn set_digest(client: &Client, seconds: u64) -> Timestamp {
    let at = in_seconds(seconds);
    client.put("/behaviors/publish/config", &json!({"digest": at.to_string()})).await.expect(200);
    at
}

async fn publish(client: &Client, title: &str) -> String {
    let saved = client.post_and_wait("/new", &Client::article(title, "published", "newsletter")).await.expect(201);
    assert_eq!(saved["flows"][0]["status"], "suspended", "{saved:#}");
    saved["flows"][0]["id"].as_str().expect("an id").to_owned()
}

fn has_ended(flow: &Value) -> bool {
    flow["status"] == "completed"
        && flow["effects"]
            .as_array()
            .is_some_and(|effects| effects.iter().all(|effect| effect["status"] == "dispatched"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newsletter_waits_through_a_crash_and_goes_out_as_one_message() {
    let mut host = Host::start().await;
    let client = host.client();
    let at = set_digest(&client, 10).await;
    let (first, second) = (publish(&client, "First").await, publish(&client, "Second").await);
    host.kill_and_serve().await;
    assert_eq!(client.flow(&first).await["status"], "suspended");
    for flow in [&first, &second] {
        let flow = client.flow_until(flow, has_ended).await;
        assert_eq!(flow["effects"][1]["payload"]["batch"], json!(at));
        assert_eq!(flow["effects"][1]["receipt"]["effects"], 2, "both left in one message");
    }
    assert_eq!(host.log().matches("2 notifications").count(), 1);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newsletter_that_was_unpublished_meanwhile_sends_nothing() {
    let host = Host::start().await;
    let client = host.client();
    set_digest(&client, 6).await;
    let flow = publish(&client, "Regret").await;
    let edit = json!({"title": "Regret", "body": "x", "status": "draft", "category": "newsletter"});
    client.post("/regret/edit", &edit).await.expect(200);
    let flow = client.flow_until(&flow, has_ended).await;
    assert_eq!(flow["effects"].as_array().map(Vec::len), Some(1), "only the validation: {flow:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_schedule_is_read_in_its_zone() {
    let host = Host::start().await;
    let client = host.client();
    let config = json!({"digest": {"at": "09:00", "tz": "Europe/Berlin", "days": ["mon"]}});
    client.put("/behaviors/publish/config", &config).await.expect(200);
    let flow = client.flow(&publish(&client, "Monday").await).await;
    let suspended = flow["events"].as_array().expect("entries").iter().find(|event| event["kind"] == "node.suspended");
    let due: Timestamp =
        suspended.expect("a wait")["body"]["timer"]["at"].as_str().expect("a moment").parse().expect("a time");
    let weekday = (due.as_millis() / 86_400_000 + 4) % 7;
    assert_eq!(weekday, 1, "{due} is a Monday");
    let hour = due.as_millis() / 3_600_000 % 24;
    assert!([7, 8].contains(&hour), "09:00 in Berlin is 07:00 or 08:00 UTC: {due}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_flow_can_be_cancelled_and_run_again() {
    let host = Host::start().await;
    let client = host.client();
    set_digest(&client, 3_600).await;
    let flow = publish(&client, "Never mind").await;
    let cancelled = client.post(&format!("/flows/{flow}/cancel"), &json!({"reason": "a mistake"})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(client.post(&format!("/flows/{flow}/cancel"), &json!({})).await.status.as_u16(), 409);
    let again = client.post(&format!("/flows/{flow}/rerun"), &json!({})).await.expect(200);
    assert_eq!(again["run"], 2);
    client.flow_until(again["id"].as_str().expect("an id"), |flow| flow["status"] == "suspended").await;
}
