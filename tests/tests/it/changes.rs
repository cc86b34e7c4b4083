//! Effects that change this host's own log: `set` and `activity`, each one append with its receipt.

use rosehip_tests::{Client, HEED, Host};
use serde_json::{Value, json};

async fn host() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client();
    client.install("heed", HEED).await.expect(201);
    let kinds = ["log", "notify", "email", "webhook", "set", "activity", "sms"].map(|kind| json!({ "kind": kind }));
    client.put("/behaviors/heed/policy", &json!({ "effects": kinds })).await.expect(200);
    client.post("/behaviors/heed/enable", &json!({})).await.expect(200);
    (host, client)
}

/// Saves an object, and gives the flow that it started once it has ended.
async fn ask(client: &Client, object: &str, members: Value) -> Value {
    let put = client.request(reqwest::Method::PUT, &format!("/objects/{object}")).header("prefer", "wait=30");
    let saved = client.send(put.json(&members)).await.json();
    let id = saved["flows"][0]["id"].as_str().unwrap_or_else(|| panic!("a flow: {saved:#}"));
    client.flow_until(id, |flow| flow["status"] == "completed" || flow["status"] == "failed").await
}

fn effect(kind: &str, payload: Value) -> Value {
    json!({"kind": kind, "payload": payload})
}

#[tokio::test(flavor = "multi_thread")]
async fn set_changes_the_object_once_and_what_is_equal_is_unchanged() {
    let (host, client) = host().await;
    let effects = [
        effect("set", json!({"field": "note", "value": {"by": "a flow"}})),
        effect("set", json!({"field": "note", "value": {"by": "a flow"}})),
        effect("set", json!({"field": "id", "value": "stolen"})),
    ];
    let flow = ask(&client, "Ask/one", json!({ "effects": effects })).await;
    let ends: Vec<_> = flow["effects"].as_array().expect("effects").iter().take(3).collect();
    assert_eq!(ends[0]["receipt"]["result"], "changed", "{flow:#}");
    assert_eq!((&ends[1]["receipt"]["result"], &ends[1]["status"]), (&json!("unchanged"), &json!("dispatched")));
    assert_eq!(ends[2]["status"], "dead", "the host's own members are not a behavior's to set");
    assert!(ends[2]["last_error"].as_str().is_some_and(|error| error.contains("id is not")));
    let object = client.get("/objects/Ask/one").await.expect(200);
    assert_eq!((&object["note"]["by"], &object["revision"]), (&json!("a flow"), &json!(2)));
    let activity = ends[0]["receipt"]["activity"].as_str().expect("a change of an object is told");
    let token = activity.rsplit('/').next().expect("a token");
    let activity = client.get(&format!("/activities/{token}")).await.expect(200);
    assert_eq!(activity["cause"]["flow"], flow["id"], "{activity:#}");
    assert_eq!(flow["nodes"][1]["output"], json!(["dispatched", "dispatched", "dead"]), "the node waited for them");
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_enters_the_outbox_with_its_cause_and_fires_behaviors() {
    let (_host, client) = host().await;
    let asked = json!({
        "type": "Create", "object": {"type": "Ask", "effects": [effect("log", json!({"message": "second"}))]},
        "to": ["https://www.w3.org/ns/activitystreams#Public"], "bto": ["https://example.org/secret"],
    });
    let effects =
        [effect("activity", json!({ "activity": asked })), effect("activity", json!({"activity": {"type": "Like"}}))];
    let flow = ask(&client, "Ask/first", json!({ "effects": effects })).await;
    let [sent, refused] = [&flow["effects"][0], &flow["effects"][1]];
    assert_eq!((&sent["status"], &refused["status"]), (&json!("dispatched"), &json!("dead")), "{flow:#}");
    let id = sent["receipt"]["activity"].as_str().expect("an id");
    let activity = client.get(&format!("/activities/{}", id.rsplit('/').next().expect("a token"))).await.expect(200);
    assert!(!activity.to_string().contains("example.org/secret"), "{activity:#}");
    let second = client.first_flow(&format!("activity={id}")).await;
    let second = client.flow(second["id"].as_str().expect("an id")).await;
    assert_eq!((&second["depth"], &second["cause"]["flow"]), (&json!(1), &flow["id"]), "{second:#}");
    assert_eq!(second["effects"][0]["payload"]["message"], "second");
    // And the other way round.
    let first = client.flow(flow["id"].as_str().expect("an id")).await;
    assert_eq!((&first["children"][0]["id"], &first["more_children"]), (&second["id"], &json!(false)), "{first:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_ends_at_depth_8_and_says_why() {
    let (_host, client) = host().await;
    let mut flow = ask(&client, "Loop/round", json!({"n": 0})).await;
    for depth in 0..=8 {
        assert_eq!((&flow["status"], &flow["depth"]), (&json!("completed"), &json!(depth)), "{flow:#}");
        if depth < 8 {
            let activity = flow["effects"][0]["receipt"]["activity"].as_str().expect("a change of an object is told");
            let next = client.first_flow(&format!("activity={activity}")).await;
            let is_over = |flow: &Value| flow["status"] == "completed";
            flow = client.flow_until(next["id"].as_str().expect("an id"), is_over).await;
        }
    }
    assert_eq!(flow["effects"][0]["status"], "denied", "{flow:#}");
    assert!(flow["effects"][0]["last_error"].as_str().is_some_and(|rule| rule.starts_with("depth:")), "{flow:#}");
    assert_eq!(client.flows("object=Loop/round&limit=200").await.len(), 9);
    assert_eq!(client.get("/objects/Loop/round").await.expect(200)["n"], 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_without_a_sink_is_kept_and_shown_as_unhandled() {
    let (_host, client) = host().await;
    let flow = ask(&client, "Ask/sms", json!({ "effects": [effect("sms", json!({"to": "ada"}))] })).await;
    assert_eq!(flow["effects"][0]["status"], "unhandled", "{flow:#}");
    assert_eq!(flow["nodes"][1]["output"], json!(["unhandled"]), "whoever waited for it goes on");
}
