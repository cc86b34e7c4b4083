//! What would happen: a dry run says what a write would set off, and leaves nothing behind.

use rosehip_tests::{Browser, Client, Host, answering};
use serde_json::{Value, json};

use crate::policy::emitter;

/// Entries of the log.
pub(crate) async fn entries(client: &Client) -> String {
    let metrics = client.send(client.request(reqwest::Method::GET, "/metrics")).await.text;
    metrics.lines().find(|line| line.starts_with("rosehip_log_entries ")).expect("a gauge").to_owned()
}

fn flow_of<'a>(foreseen: &'a Value, behavior: &str) -> &'a Value {
    let flows = foreseen["flows"].as_array().expect("flows");
    flows.iter().find(|flow| flow["behavior"] == behavior).unwrap_or_else(|| panic!("{behavior}: {foreseen:#}"))
}

fn kinds(flow: &Value) -> Vec<&str> {
    flow["effects"].as_array().expect("effects").iter().filter_map(|effect| effect["kind"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_foreseen_is_what_happens_and_foreseeing_leaves_nothing_behind() {
    let host = Host::start().await;
    let client = host.client();
    let fields = json!({"title": "Fire drill", "body": "At noon.", "category": "urgent"});
    let before = entries(&client).await;
    let foreseen = client.post("/dry-run", &fields).await.expect(200);
    assert_eq!(foreseen["activities"][0]["type"], "Create", "{foreseen:#}");
    let flow = flow_of(&foreseen, "publish");
    assert_eq!((kinds(flow), &flow["ends"]), (vec!["validate", "notify"], &json!("completed")));
    assert_eq!(entries(&client).await, before, "nothing is appended");
    assert_eq!(client.get("/objects/Article/fire-drill").await.status.as_u16(), 404);
    assert_eq!(client.flows("").await, Vec::<Value>::new());
    assert!(!host.log().contains("Fire drill"), "nothing is dispatched");

    let mut published = fields.clone();
    published["status"] = json!("published");
    let saved = client.post_and_wait("/new", &published).await.expect(201);
    let happened = client.flow(saved["flows"][0]["id"].as_str().expect("a flow")).await;
    assert_eq!(flow["digest"], happened["digest"]);
    for (foreseen, happened) in
        flow["effects"].as_array().expect("some").iter().zip(happened["effects"].as_array().expect("some"))
    {
        assert_eq!((&foreseen["kind"], &foreseen["payload"]), (&happened["kind"], &happened["payload"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_told_with_its_end_and_what_comes_after_it() {
    let host = Host::start().await;
    let fields = json!({"title": "News", "body": "x", "category": "newsletter"});
    let foreseen = host.client().post("/dry-run", &fields).await.expect(200);
    let flow = flow_of(&foreseen, "publish");
    assert_eq!(kinds(flow), ["validate", "notify"], "{flow:#}");
    let until = flow["waits"][0]["until"].as_str().expect("a time");
    assert_eq!(flow["effects"][1]["at"].as_str(), Some(until), "{flow:#}");
    assert!(flow["effects"][0]["at"].as_str() < Some(until));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_and_a_deletion_are_foreseen_with_why_a_behavior_does_not_start() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Stands", "published", "urgent")).await.expect(201);
    let edited = client.post("/dry-run", &json!({"slug": "stands", "title": "Stands still"})).await.expect(200);
    assert_eq!(
        (&edited["activities"][0]["type"], edited["flows"].as_array().map(Vec::len)),
        (&json!("Update"), Some(0))
    );
    assert_eq!((&edited["not"][0]["behavior"], &edited["not"][0]["why"][0]["rule"]), (&json!("publish"), &json!("on")));
    let deleted = client.post("/dry-run", &json!({"slug": "stands", "delete": true})).await.expect(200);
    assert_eq!(deleted["activities"][0]["type"], "Delete", "{deleted:#}");
    let draft = client.post("/dry-run", &json!({"title": "A draft", "status": "draft"})).await.expect(200);
    assert_eq!(draft, json!({"activities": [], "flows": [], "not": []}));
    let unchanged = client.get("/objects/Article/stands").await.json();
    assert_eq!((unchanged["revision"].as_u64(), unchanged["name"].as_str()), (Some(1), Some("Stands")));

    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    let disabled = client.post("/dry-run", &json!({"title": "Quiet"})).await.expect(200);
    assert_eq!(disabled["not"][0]["why"][0]["rule"], "disabled", "{disabled:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policy_denies_and_what_fails_is_said_beforehand() {
    let host = Host::start().await;
    let client = host.client();
    let hook = json!([{"kind": "webhook", "payload": {"url": "https://elsewhere.example/hook", "body": {}}}]);
    assert!(client.install("emitter", &emitter("emitter", &["webhook"], &hook)).await.status.is_success());
    let narrow = json!({"effects": [{"kind": "webhook", "hosts": ["example.org"]}]});
    client.put("/behaviors/emitter/policy", &narrow).await.expect(200);
    client.post("/behaviors/emitter/enable", &json!({})).await.expect(200);
    let manifest = json!({
        "v": 1, "name": "broken", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
        "nodes": [{"id": "act", "kind": "step"}], "edges": [], "effects": [],
    });
    let wasm = answering(&manifest, &json!({"v": 1, "branch": "nowhere"}));
    assert!(client.install("broken", &wasm).await.status.is_success());

    let foreseen = client.post("/dry-run", &json!({"title": "Both"})).await.expect(200);
    let effect = &flow_of(&foreseen, "emitter")["effects"][0];
    assert!(effect["denied"].as_str().is_some_and(|rule| rule.contains("host")), "{effect:#}");
    let broken = flow_of(&foreseen, "broken");
    assert_eq!((&broken["ends"], &broken["failed"]["rule"]), (&json!("failed"), &json!("undeclared-branch")));

    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let fields = [("csrf", &*csrf), ("title", "Both"), ("body", "Typed with care"), ("action", "dry-run")];
    let page = browser.submit("/new", &fields).await;
    assert_eq!(page.status.as_u16(), 200);
    for said in ["denied", "it fails at act", "Typed with care", "publish"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    assert_eq!(client.get("/objects/Article/both").await.status.as_u16(), 404, "nothing was saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_of_very_many_calls_is_cut_short_and_said_to_be() {
    let host = Host::start().await;
    let client = host.client();
    let items: Vec<u32> = (0..1_000).collect();
    let manifest = json!({
        "v": 1, "name": "many", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
        "nodes": [{"id": "act", "kind": "each", "over": "/config/items"}], "edges": [], "effects": ["log"],
        "config_schema": {"type": "object", "properties": {"items": {"default": items}}},
    });
    let wasm = answering(&manifest, &json!({"v": 1, "effects": [{"kind": "log", "payload": {"message": "x"}}]}));
    let installed = client.install("many", &wasm).await;
    assert!(installed.status.is_success(), "{}", installed.text);
    let foreseen = client.post("/dry-run", &json!({"title": "Long"})).await.expect(200);
    let flow = flow_of(&foreseen, "many");
    let told = flow["effects"].as_array().map(Vec::len).expect("effects");
    assert_eq!(flow["ends"], "unfinished", "{flow:#}");
    assert!((1..=200).contains(&told), "{told}");
    flow_of(&foreseen, "publish");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_nobody_has_sent_is_left_open() {
    let host = Host::start().await;
    let client = host.client();
    let manifest = json!({
        "v": 1, "name": "asks", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
        "nodes": [
            {"id": "ask", "kind": "wait", "wait": {"signal": "decision"}},
            {"id": "act", "kind": "step"},
        ],
        "edges": [{"from": "ask", "to": "act"}], "effects": ["log"],
    });
    let wasm = answering(&manifest, &json!({"v": 1, "effects": [{"kind": "log", "payload": {"message": "x"}}]}));
    let installed = client.install("asks", &wasm).await;
    assert!(installed.status.is_success(), "{}", installed.text);
    let foreseen = client.post("/dry-run", &json!({"title": "Asked"})).await.expect(200);
    let flow = flow_of(&foreseen, "asks");
    assert_eq!(
        (&flow["ends"], &flow["waits"][0]["signal"], kinds(flow)),
        (&json!("waiting"), &json!("decision"), vec![])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unpublishing_and_deleting_are_asked_about_with_what_they_set_off() {
    let host = Host::start().await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Leaves", "published", "urgent")).await.expect(201);
    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let asked = browser.open("/leaves/unpublish").await;
    assert!(asked.text.contains("take it back from everybody") && asked.text.contains("publish"), "{}", asked.text);
    let fields = [("csrf", &*csrf), ("revision", "1"), ("status", "draft")];
    assert_eq!(browser.submit("/leaves/edit", &fields).await.status.as_u16(), 303);
    assert_eq!(client.stranger().page("/leaves/").await.status.as_u16(), 404);
    assert_eq!(browser.open("/leaves/unpublish").await.status.as_u16(), 303, "a draft is none already");
    let asked = browser.open("/leaves/delete").await;
    assert!(asked.text.contains("nobody is told"), "{}", asked.text);
    assert_eq!(browser.submit("/leaves/delete", &[("csrf", &*csrf), ("revision", "1")]).await.status.as_u16(), 409);
    assert_eq!(browser.submit("/leaves/delete", &[("csrf", &*csrf), ("revision", "2")]).await.status.as_u16(), 303);
    assert_eq!(client.get("/objects/Article/leaves").await.status.as_u16(), 404);
}
