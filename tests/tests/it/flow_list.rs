//! The list of flows: its views, its filters in the address, its count, and what it says when it is empty.

use reqwest::StatusCode;
use rosehip_tests::{Client, Host, MISBEHAVE};
use serde_json::{Value, json};

async fn list(client: &Client, query: &str) -> Value {
    client.get(&format!("/flows?{query}")).await.expect(200)
}

/// The behaviors of the flows that a query finds, the oldest first.
async fn behaviors(client: &Client, query: &str) -> Vec<String> {
    let list = list(client, query).await;
    let flows = list["flows"].as_array().expect("flows");
    assert_eq!((&list["count"], &list["count_is_more"]), (&json!(flows.len()), &json!(false)), "{query}");
    flows.iter().rev().map(|flow| flow["behavior"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_are_found_by_views_and_by_filters() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "loop"})).await.expect(200);
    client.put("/behaviors/publish/config", &json!({"digest": "2999-01-01T00:00:00Z"})).await.expect(200);
    client.post_and_wait("/new", &Client::article("On roses", "published", "urgent")).await.expect(201);
    client.post_and_wait("/new", &Client::article("Of hips", "published", "newsletter")).await.expect(201);

    for (query, found) in [
        ("", &["misbehave", "publish", "misbehave", "publish"][..]),
        ("view=today", &["misbehave", "publish", "misbehave", "publish"]),
        ("view=running", &[]),
        ("view=waiting", &["publish"]),
        ("view=failed", &["misbehave", "misbehave"]),
        ("view=dead", &[]),
        ("view=failed&object=of-hips", &["misbehave"]),
        ("waiting=PT0S", &["publish"]),
        ("waiting=PT1H", &[]),
        ("effect=notify", &["publish"]),
        ("effect=validate", &["publish", "publish"]),
        ("effect=validate&text=hips", &["publish"]),
        ("effect_status=dispatched&text=ROSES", &["publish"]),
        ("effect_status=denied", &[]),
        ("text=fuel+loop", &["misbehave", "misbehave"]),
        ("text=rose", &[]),
    ] {
        let mut behaviors = behaviors(&client, query).await;
        behaviors.sort_unstable();
        let mut found = found.to_vec();
        found.sort_unstable();
        assert_eq!(behaviors, found, "{query}");
    }
    let ids = host.cli(&["flows", "ls", "--view", "failed", "--text", "roses", "--json"], "").ok();
    assert_eq!(serde_json::from_str::<Value>(&ids).expect("JSON")["count"], 1);

    let wrong = client.get("/flows?view=none&waiting=long").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let fields: Vec<_> =
        wrong.json()["errors"].as_array().expect("errors").iter().map(|e| e["field"].clone()).collect();
    assert_eq!(fields, ["view", "waiting"]);
}

/// The addresses of lists and of acts on them that a page links to.
fn links(page: &str) -> Vec<String> {
    let all = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let lists = ["/flows?", "/flows/bulk?", "/effects/redrive?", "/audit?"];
    all.filter(|href| lists.iter().any(|list| href.starts_with(list)))
        .map(|href| href.replace("&#38;", "&").replace("&amp;", "&"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_filter_is_refused_by_its_name_and_no_page_links_to_it() {
    let host = Host::start().await;
    let client = host.client();
    for (path, unknown, known) in [
        ("/flows?state=failed", "state", "status"),
        ("/flows?limit=1&behaviour=publish", "behaviour", "behavior"),
        ("/flows/bulk?action=retry&limit=1", "limit", "older_than"),
        ("/flows/events?status=failed", "status", "changes"),
        ("/effects/redrive?host=a.example", "host", "destination"),
        ("/audit?user=olga", "user", "by"),
        ("/activities?slug=a", "slug", "object"),
        ("/peers?status=dead", "status", "cursor"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}: {}", answer.text);
        let problem = answer.expect(400);
        assert_eq!((&problem["rule"], &problem["errors"][0]["field"]), (&json!("unknown-parameter"), &json!(unknown)));
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(unknown) && detail.contains(known), "{path}: {detail}");
        assert_eq!(client.page(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    // Strangers bring parameters of their own.
    for path in ["/?utm_source=a", "/actors/site/outbox?page=1&min_id=1", "/actors/site/followers?x=1"] {
        assert_eq!(client.stranger().get(path).await.status, StatusCode::OK, "{path}");
    }

    for title in ["One", "Two", "Three"] {
        client.post_and_wait("/new", &Client::article(title, "published", "urgent")).await.expect(201);
    }
    let mut seen = std::collections::BTreeSet::new();
    let start =
        ["/flows?limit=1&behavior=publish&status=completed&done=1&refused=0", "/flows?view=dead", "/audit?limit=1"];
    let mut next: Vec<_> = start.map(str::to_owned).into();
    while let Some(path) = next.pop() {
        if seen.len() < 100 && seen.insert(path.clone()) {
            let page = client.page(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
            next.extend(links(&page.text));
        }
    }
    let is_seen = |part: &str| seen.iter().any(|path| path.contains(part));
    assert!(is_seen("cursor=") && is_seen("view=failed") && is_seen("/flows/bulk?") && is_seen("/audit?"), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_says_why_it_is_empty() {
    let host = Host::start().await;
    let client = host.client();
    let says = |path: &'static str| {
        let client = client.clone();
        async move { client.page(path).await.text }
    };
    assert!(says("/flows").await.contains("No flow has run yet") && says("/flows").await.contains("rosehip flows ls"));
    assert!(says("/flows?view=failed").await.contains("No flow has failed."));
    assert!(says("/flows?view=dead").await.contains("all well"));
    client.post_and_wait("/new", &Client::article("One", "published", "urgent")).await.expect(201);
    let page = says("/flows").await;
    assert!(page.contains("1 flow<") && page.contains("aria-current=\"page\""), "{page}");
    let page = says("/flows?view=today&behavior=other").await;
    assert!(page.contains("No flow matches.") && page.contains("href=\"/flows?view=today\""), "{page}");
}
