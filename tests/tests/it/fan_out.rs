//! A node that is called for each item of a list: together, joined in order, and each to success once.

use rosehip_tests::{Client, Host, INVITE};
use serde_json::{Value, json};

async fn host() -> (Host, Client) {
    let host = Host::start().await;
    let client = host.client();
    let installed = client.install("invite", INVITE).await.expect(201);
    assert_eq!(
        (&installed["runner"], &installed["needs"]),
        (&json!("durable"), &json!(["effect", "branch", "each", "retry"]))
    );
    (host, client)
}

/// Saves a party with these guests, and gives the flow once it has come to rest.
async fn party(client: &Client, id: &str, guests: &[&str]) -> Value {
    let guests: Vec<_> = guests.iter().map(|name| json!({ "name": name })).collect();
    let put = client.request(reqwest::Method::PUT, &format!("/objects/Party/{id}")).header("prefer", "wait=30");
    let saved = client.send(put.json(&json!({ "guests": guests }))).await.expect(201);
    client.flow(saved["flows"][0]["id"].as_str().expect("a flow")).await
}

fn messages(flow: &Value) -> Vec<String> {
    let effects = flow["effects"].as_array().expect("effects");
    effects.iter().map(|effect| effect["payload"]["message"].as_str().unwrap_or_default().to_owned()).collect()
}

fn node<'a>(flow: &'a Value, id: &str) -> &'a Value {
    flow["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["id"] == id)).expect("a node")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_is_called_once_and_what_they_return_is_joined_in_order() {
    let (_host, client) = host().await;
    let flow = party(&client, "small", &["ada", "shy", "cy"]).await;
    assert_eq!(flow["status"], "completed", "{flow:#}");
    assert_eq!(messages(&flow).last().map(String::as_str), Some("ada,shy,cy"));
    assert_eq!(node(&flow, "tell")["items"], json!({"total": 3, "done": 3}));
    assert_eq!(node(&flow, "tell")["attempts"], 4, "one of them was called again");
    let places: Vec<_> =
        flow["effects"].as_array().expect("effects").iter().map(|effect| (&effect["node"], &effect["item"])).collect();
    assert!(places.contains(&(&json!("tell"), &json!(1))), "{places:?}");
    let many: Vec<String> = (0..500).map(|number| format!("guest {number}")).collect();
    let flow = party(&client, "large", &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((&flow["status"], &node(&flow, "count")["output"]), (&json!("completed"), &json!(500)));
    assert_eq!(messages(&flow).len(), 501);
    let flow = party(&client, "empty", &[]).await;
    assert_eq!((&flow["status"], messages(&flow)), (&json!("completed"), vec![String::new()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_fails_fails_the_flow_and_a_retry_calls_that_item_alone() {
    let (mut host, client) = host().await;
    let flow = party(&client, "mixed", &["ada", "rude", "cy"]).await;
    assert_eq!(
        (&flow["status"], &node(&flow, "tell")["error"]["rule"]),
        (&json!("failed"), &json!("fatal")),
        "{flow:#}"
    );
    assert_eq!(messages(&flow), ["0 ada", "2 cy"], "what the others asked for stands");
    let id = flow["id"].as_str().expect("an id");
    // What was done is in the log: a host that never saw the calls knows them too.
    host.kill_and_serve().await;
    client.post(&format!("/flows/{id}/retry"), &json!({})).await.expect(200);
    let flow = client.flow_until(id, |flow| flow["status"] == "completed").await;
    assert_eq!(messages(&flow), ["0 ada", "2 cy", "1 rude", "ada,rude,cy"]);
    assert_eq!(node(&flow, "tell")["attempts"], 4);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_list_fails_its_node_and_says_so() {
    let (_host, client) = host().await;
    let put = client.request(reqwest::Method::PUT, "/objects/Party/odd").header("prefer", "wait=30");
    let saved = client.send(put.json(&json!({"guests": "ada"}))).await.expect(201);
    let flow = client.flow(saved["flows"][0]["id"].as_str().expect("a flow")).await;
    let error = &node(&flow, "tell")["error"];
    assert_eq!(error["rule"], "each-over", "{flow:#}");
    assert!(error["message"].as_str().is_some_and(|message| message.contains("/object/guests")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlasts_its_nodes_timeout_is_tried_again_by_the_nodes_policy() {
    let (_host, client) = host().await;
    // The longer its Call, the more fuel a call has: enough to be still at it when its time is up.
    let party = json!({"guests": [{"name": "dj"}], "note": "x".repeat(400_000)});
    let saved = client.put("/objects/Party/loud", &party).await.expect(201);
    let activity = saved["activity"].as_str().expect("it is told");
    let flow = client.first_flow(&format!("activity={activity}")).await;
    let id = flow["id"].as_str().expect("an id");
    let flow = client.flow_until(id, |flow| flow["status"] == "failed").await;
    let dance = node(&flow, "dance");
    assert_eq!((&dance["error"]["rule"], &dance["attempts"]), (&json!("timeout"), &json!(2)), "{flow:#}");
    assert!(dance["error"]["message"].as_str().is_some_and(|message| message.contains("timeout_ms, 20")));
}
