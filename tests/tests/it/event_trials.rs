//! A recorded event is tried again: changed, on the behavior as it stands, with nothing recorded and nothing sent.

use rosehip_tests::{Browser, Client, Host};
use serde_json::{Value, json};

use crate::dry_run::entries;

/// A host on which an urgent article was published, with the flow of it.
async fn with_a_flow() -> (Host, Client, Value) {
    let host = Host::start().await;
    let client = host.client();
    let saved = client.post_and_wait("/new", &Client::article("Fire drill", "published", "urgent")).await.expect(201);
    let id = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
    let is_done = |effect: &Value| effect["status"] == "dispatched";
    let flow = client.flow_until(&id, |flow| flow["effects"].as_array().is_some_and(|all| all.iter().all(is_done)));
    let flow = flow.await;
    (host, client, flow)
}

fn effects(flow: &Value) -> Vec<(&Value, &Value)> {
    flow["effects"].as_array().expect("effects").iter().map(|effect| (&effect["kind"], &effect["payload"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_event_does_again_what_it_did_and_leaves_nothing_behind() {
    let (host, client, flow) = with_a_flow().await;
    let id = flow["id"].as_str().expect("an id");
    let event = client.get(&format!("/flows/{id}/event")).await.expect(200);
    let status = event["transitions"].as_array().expect("some").iter().find(|change| change["field"] == "status");
    assert_eq!(status.expect("it changed")["to"], "published", "{event:#}");
    assert_eq!(client.get("/behaviors/publish/test").await.expect(200), event, "the newest flow's");

    let listed = client.first_flow("").await;
    let (queued, started) = (listed["queued_at"].as_str().expect("a time"), listed["started_at"].as_str());
    assert!(Some(queued) <= started, "{listed:#}");

    let before = entries(&client).await;
    let tried = client.post("/behaviors/publish/test", &event).await.expect(200);
    assert_eq!(tried["flows"][0]["ends"], "completed", "{tried:#}");
    assert_eq!(effects(&tried["flows"][0]), effects(&flow), "{tried:#}");
    assert_eq!(entries(&client).await, before, "nothing is appended");

    let mut calm = event.clone();
    calm["object"]["category"] = json!("newsletter");
    let tried = client.post("/behaviors/publish/test", &calm).await.expect(200);
    assert_ne!(effects(&tried["flows"][0]), effects(&flow), "{tried:#}");

    let mut edited = event.clone();
    edited["activity"]["type"] = json!("Update");
    edited.as_object_mut().expect("an object").remove("transitions");
    let tried = client.post("/behaviors/publish/test", &edited).await.expect(200);
    assert_eq!(tried["not"][0]["why"][0]["rule"], "on", "{tried:#}");

    // What stops it from starting flows does not stop anybody from trying it.
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    let tried = client.post("/behaviors/publish/test", &event).await.expect(200);
    assert_eq!(tried["flows"][0]["ends"], "completed", "{tried:#}");

    // By command it is a file that `rosehip test` takes.
    let file = host.cli(&["flows", "event", &id[..12]], "").ok();
    assert_eq!(serde_json::from_str::<Value>(&file).expect("JSON"), event);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_event_is_named() {
    let (host, client, _) = with_a_flow().await;
    for (event, field) in [
        (json!({}), "object"),
        (json!({"object": 3}), "object"),
        (json!({"object": {"type": "Article", "id": "x"}, "color": "red"}), "color"),
        (json!({"object": {"type": "Article", "id": "x"}, "waits": {"nowhere": {}}}), "waits/nowhere"),
        (json!({"object": {"type": "Article", "id": "x"}, "config": {"chanel": "x"}}), "config"),
    ] {
        let answer = client.post("/behaviors/publish/test", &event).await;
        let told = answer.expect(422);
        let named = told["errors"][0]["field"].as_str().unwrap_or_default();
        assert!(named.starts_with(field), "{event} {told}");
    }
    client.post("/behaviors/nothing/test", &json!({"object": {}})).await.expect(404);
    let editor = host.client_of(&host.add_user("edith", "editor"));
    editor.post("/behaviors/publish/test", &json!({"object": {}})).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_change_a_recorded_event_on_a_page_and_see_what_would_happen() {
    let (host, client, flow) = with_a_flow().await;
    let id = flow["id"].as_str().expect("an id");
    let (browser, csrf) = Browser::of(&host, "ann", "author").await;
    let link = format!("/behaviors/publish/test?flow={id}");
    let shown = browser.open(&format!("/flows/{id}")).await.text;
    assert!(shown.contains(&format!("href=\"{link}\"")), "{shown}");
    let page = browser.open(&link).await.text;
    assert!(page.contains("&#34;fire-drill&#34;") && page.contains("rosehip flows event"), "{page}");
    let event = client.get(&format!("/flows/{id}/event")).await.text;

    let tried = browser.submit("/behaviors/publish/test", &[("csrf", &csrf), ("event", &event)]).await;
    assert_eq!(tried.status.as_u16(), 200, "{}", tried.text);
    for said in ["What would happen", "validate: nothing wrong", "Fire drill", "then it is done"] {
        assert!(tried.text.contains(said), "{said}: {}", tried.text);
    }
    let broken = browser.submit("/behaviors/publish/test", &[("csrf", &csrf), ("event", "{\"object\"")]).await;
    assert_eq!(broken.status.as_u16(), 422);
    assert!(broken.text.contains("aria-invalid") && broken.text.contains("{&#34;object&#34;"), "{}", broken.text);
}
