//! Why something started, why nothing else did, and why a change meant nothing.

use rosehip_tests::{Client, Host, answering};
use serde_json::{Value, json};

/// A module with these triggers whose one step asks for a webhook.
fn triggered(triggers: &Value) -> Vec<u8> {
    let manifest = json!({
        "v": 1, "name": "curious", "version": "1.2.0", "triggers": triggers,
        "nodes": [{"id": "act", "kind": "step"}], "edges": [], "effects": ["webhook"],
    });
    let effect = json!({"kind": "webhook", "payload": {"url": "https://hooks.evil.example/"}});
    answering(&manifest, &json!({"v": 1, "effects": [effect]}))
}

fn of<'a>(why: &'a Value, behavior: &str) -> &'a Value {
    let mut considered = why["considered"].as_array().expect("a list").iter();
    considered.find(|one| one["behavior"] == behavior).unwrap_or_else(|| panic!("{behavior}: {why:#}"))
}

async fn explained(client: &Client, saved: &Value) -> Value {
    let id = saved["activity"].as_str().and_then(|id| id.rsplit('/').next()).expect("an activity");
    client.get(&format!("/activities/{id}")).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trigger_says_what_it_expected_and_what_it_found() {
    let mut host = Host::start().await;
    let client = host.client();
    let triggers = json!([
        {"on": "Create", "object": "Article", "box": "inbox"},
        {"on": "Delete", "object": "Article"},
        {"on": "Create", "object": "Order"},
        {"on": "Create", "object": "Article", "transition": {"field": "status", "from": "archived", "to": "published"}},
        {"on": "Create", "object": "Article", "filter": "object.name == 'Other'"},
        {"on": "Create", "object": "Article", "transition": {"field": "summary"}},
        {"on": "Create", "object": "Article"},
        {"on": "Create", "object": "Article", "filter": "true"},
    ]);
    client.install("curious", &triggered(&triggers)).await.expect(201);
    client.install("idle", &triggered(&json!([{"on": "Create", "object": "Article"}]))).await.expect(201);
    let policy = json!({"effects": [{"kind": "webhook", "hosts": ["hooks.example.org"]}]});
    client.put("/behaviors/curious/policy", &policy).await.expect(200);
    client.post("/behaviors/curious/enable", &json!({})).await.expect(200);
    client.post("/new", &Client::article("Asked", "draft", "urgent")).await.expect(201);
    let mut article = Client::article("Asked", "published", "urgent");
    article["revision"] = 1.into();
    let saved = client.post_and_wait("/asked/edit", &article).await.expect(200);
    let why = explained(&client, &saved).await;

    let curious = of(&why, "curious");
    let triggers = curious["triggers"].as_array().expect("triggers");
    let rules: Vec<_> = triggers.iter().map(|trigger| trigger["rule"].as_str().unwrap_or("matched")).collect();
    assert_eq!(rules, ["box", "on", "object", "transition", "filter", "transition", "matched", "already"], "{why:#}");
    let text = |place: usize, name: &str| triggers[place][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(text(3, "message"), r#"status: from "archived" expected, was "draft""#);
    assert_eq!(text(3, "trigger"), "Create of Article, when status goes from archived to published");
    assert_eq!(text(4, "message"), "object.name == 'Other' is false");
    assert_eq!((&curious["version"], &triggers[6]["matched"]), (&json!("1.2.0"), &json!(true)));
    assert_eq!(
        curious["flow"],
        why["flows"]
            .as_array()
            .and_then(|flows| { flows.iter().find(|flow| **flow == curious["flow"]).cloned() })
            .expect("the flow it started")
    );
    assert_eq!(of(&why, "idle")["not"]["rule"], "disabled");
    assert!(why["denied"][0]["rule"].as_str().is_some_and(|rule| rule.starts_with("host: ")), "{why:#}");

    let path = saved["activity"].as_str().and_then(|id| id.rsplit('/').next()).expect("an activity").to_owned();
    let page = client.page(&format!("/activities/{path}")).await.text;
    assert!(
        page.contains("when status goes from archived to published") && page.contains("host: webhook to"),
        "{page}"
    );
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        for name in [path.as_str(), "asked", "Article/asked"] {
            let said = host.cli(&["why", name], "").ok();
            for words in [
                "not curious, trigger 3 (Create of Article, when status goes from archived to published): \
                 status: from \"archived\" expected, was \"draft\" (transition)",
                "not idle: the behavior is disabled (disabled)",
                "denied webhook in flow",
                "of curious: completed",
            ] {
                assert!(said.contains(words), "{name}: {words} is missing: {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_made_no_activity_is_explained() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Quiet", "draft", "")).await.expect(201);
    client.post("/new", &Client::article("Loud", "published", "")).await.expect(201);
    let mut hidden = Client::article("Loud", "draft", "");
    hidden["revision"] = 1.into();
    client.post("/loud/edit", &hidden).await.expect(200);
    let mut longer = hidden.clone();
    (longer["revision"], longer["body"]) = (2.into(), "Longer.".into());
    client.post("/loud/edit", &longer).await.expect(200);
    client.put("/objects/Order/7", &json!({"status": "pending"})).await.expect(201);
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        let why = |name: &str| host.cli(&["why", name], "");
        let quiet = why("quiet").ok();
        assert!(quiet.contains("the last change of this article was saved as a draft: no activity"), "{quiet}");
        assert!(quiet.contains("no change before made one"), "{quiet}");
        let loud = why("loud").ok();
        assert!(loud.contains("saved as a draft: no activity") && loud.contains("Delete http"), "{loud}");
        let order = why("Order/7").ok();
        assert!(order.contains("made an activity") && order.contains("wants Article, found Order"), "{order}");
        assert_eq!(why("nobody").code, Some(3));
    }
    host.serve().await;
    assert_eq!(client.get("/activities?object=nobody").await.status.as_u16(), 404);
    client.get("/activities").await.expect(422);
    assert_eq!(client.stranger().get("/activities?object=quiet").await.status.as_u16(), 401);
}
