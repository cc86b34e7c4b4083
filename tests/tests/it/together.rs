//! Whoever waits for an article's flows has them recorded in one commit with it, unless a guest takes its time.

use std::time::Duration;

use reqwest::Method;
use rosehip_tests::{Client, Host, MISBEHAVE, TWO_STEP};
use serde_json::{Value, json};

const COMMITS: &str = "rosehip_commit_seconds_count";
const CALLS: &str = "rosehip_guest_call_seconds_count";

/// A count of `/metrics` so far, over all its labels.
async fn count(client: &Client, name: &str) -> u64 {
    let metrics = client.send(client.request(Method::GET, "/metrics")).await.text;
    let counts = metrics.lines().filter(|line| line.starts_with(name));
    counts.map(|line| line.rsplit(' ').next().expect("a number").parse::<u64>().expect("a number")).sum()
}

async fn publish(client: &Client, title: &str) -> Value {
    client.post_and_wait("/new", &Client::article(title, "published", "urgent")).await.expect(201)
}

/// The only flow of an answer, which `publish` is not in.
async fn flow_of(client: &Client, saved: &Value) -> Value {
    let [flow] = saved["flows"].as_array().expect("flows").as_slice() else { panic!("one flow: {saved:#}") };
    client.flow(flow["id"].as_str().expect("an id")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_and_its_flows_are_one_commit_once_the_module_is_known_to_be_quick() {
    let mut host = Host::start().await;
    let client = host.client();
    client.install("two-step", TWO_STEP).await.expect(201);
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    let (mut flows, mut taken) = (Vec::new(), Vec::new());
    // Where the machine is so busy that it takes a tenth of a second, an article is not kept back for its flow.
    while taken.last() != Some(&1) {
        assert!(taken.len() < 20, "commits of each article: {taken:?}");
        let (commits, calls) = (count(&client, COMMITS).await, count(&client, CALLS).await);
        let saved = publish(&client, &format!("Article {}", taken.len())).await;
        taken.push(count(&client, COMMITS).await - commits);
        client.until_jobs(|jobs| jobs == 0).await;
        // One that was not kept back is matched later, and what guests answered before is thrown away.
        if taken.last() == Some(&1) {
            assert_eq!(count(&client, CALLS).await - calls, 2, "each step is called once");
        }
        let flow = flow_of(&client, &saved).await;
        assert_eq!(flow["status"], "completed");
        let events = flow["events"].as_array().expect("entries");
        let started = &events[0];
        assert_eq!(started["kind"], "flow.started");
        let seq = started["seq"].as_u64().expect("a place");
        assert_eq!(started["body"]["activity_seq"], seq - 2, "the activity, its match, the flow: {started:#}");
        assert_eq!(flow["activity"]["id"], saved["activity"]);
        flows.push(flow);
    }
    assert_eq!(taken[0], 2, "a module that was never called is not relied on");
    host.kill_and_serve().await;
    assert_eq!(host.verify().code, Some(0));
    for flow in flows {
        let again = host.client().flow(flow["id"].as_str().expect("an id")).await;
        assert_eq!(again["events"], flow["events"], "what was told is what was recorded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_of_a_behavior_counts_from_the_next_article_on() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    for (title, mode, status) in [
        ("One", "ok", "completed"),
        ("Two", "fatal", "failed"),
        ("Three", "ok", "completed"),
        ("Four", "trap", "failed"),
    ] {
        client.put("/behaviors/misbehave/config", &json!({"mode": mode})).await.expect(200);
        let flow = flow_of(&client, &publish(&client, title).await).await;
        let config = &flow["events"][0]["body"]["config"];
        assert_eq!((&flow["status"], &config["mode"]), (&json!(status), &json!(mode)), "{flow:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_takes_its_time_keeps_no_article_back() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    publish(&client, "Quick").await;
    // The module answered at once so far, and now it does not.
    client.put("/behaviors/misbehave/config", &json!({"mode": "loop"})).await.expect(200);
    let writer = host.client();
    // A guest may take the longer the more it is told.
    let stuck = json!({"title": "Stuck", "body": "words ".repeat(20_000), "status": "published"});
    let mut waits = tokio::spawn(async move { writer.post_and_wait("/new", &stuck).await.expect(201) });
    let recorded = async {
        while client.get("/objects/Article/stuck").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        biased;
        saved = &mut waits => panic!("nobody saw the article before its flow ended: {saved:#?}"),
        () = recorded => {}
    }
    let saved = waits.await.expect("an answer");
    let flow = flow_of(&client, &saved).await;
    assert_eq!(flow["status"], "failed");
    let started = flow["events"].as_array().expect("entries").iter().filter(|event| event["kind"] == "flow.started");
    assert_eq!(started.count(), 1);
}
