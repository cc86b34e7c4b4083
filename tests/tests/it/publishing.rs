//! The main job: an article is published, a behavior runs, its effects are in the log.

use rosehip_tests::{Client, Host};
use serde_json::{Value, json};

fn only_flow(answer: &Value) -> &Value {
    let flows = answer["flows"].as_array().expect("the flows it fired");
    assert_eq!(flows.len(), 1, "{answer:#}");
    &flows[0]
}

fn node<'a>(flow: &'a Value, id: &str) -> &'a Value {
    flow["nodes"].as_array().expect("nodes").iter().find(|node| node["id"] == id).expect("the node")
}

fn kinds(flow: &Value) -> Vec<&str> {
    flow["effects"].as_array().expect("effects").iter().filter_map(|effect| effect["kind"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_article_is_validated_and_announced() {
    let host = Host::start().await;
    let client = host.client();
    let answer = client.post_and_wait("/new", &Client::article("Fire drill", "published", "urgent")).await;
    let saved = answer.expect(201);
    assert_eq!(
        (&saved["slug"], &saved["status"], &saved["revision"]),
        (&json!("fire-drill"), &json!("published"), &json!(1))
    );
    let item = only_flow(&saved);
    assert_eq!((&item["behavior"], &item["status"], &item["run"]), (&json!("publish"), &json!("completed"), &json!(1)));

    let dispatched = |flow: &Value| {
        flow["effects"].as_array().expect("effects").iter().all(|effect| effect["status"] == "dispatched")
    };
    let flow = client.flow_until(item["id"].as_str().expect("an id"), dispatched).await;
    assert_eq!(kinds(&flow), ["validate", "notify"]);
    assert_eq!(node(&flow, "validate")["branch"], "urgent");
    assert_eq!(node(&flow, "skip")["status"], "skipped");
    assert_eq!(flow["effects"][1]["attempts"], 1);
    assert!(host.log().contains("Fire drill"), "the log channel is the host's log");
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_article_is_validated_and_nobody_is_told() {
    let host = Host::start().await;
    let client = host.client();
    let saved = client.post_and_wait("/new", &json!({"title": "Plain", "body": "Text.", "status": "published"})).await;
    let flow = client.flow(only_flow(&saved.expect(201))["id"].as_str().expect("an id")).await;
    assert_eq!((kinds(&flow), &flow["status"]), (vec!["validate"], &json!("completed")));
    assert_eq!(node(&flow, "skip")["status"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn category_and_publish_in_one_edit_take_the_new_category() {
    let host = Host::start().await;
    let client = host.client();
    let draft = client.post("/new", &Client::article("Later", "draft", "newsletter")).await.expect(201);
    assert_eq!((&draft["activity"], &draft["revision"]), (&Value::Null, &json!(1)));
    let edit = json!({"title": "Later", "body": "x", "status": "published", "category": "urgent", "revision": 1});
    let saved = client.post_and_wait("/later/edit", &edit).await.expect(200);
    let flow = client.flow(only_flow(&saved)["id"].as_str().expect("an id")).await;
    assert_eq!(node(&flow, "validate")["branch"], "urgent");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_published_post_fires_nothing_and_publishing_again_fires_again() {
    let host = Host::start().await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Twice", "published", "urgent")).await.expect(201);
    let edit =
        |status: &str, body: &str| json!({"title": "Twice", "body": body, "status": status, "category": "urgent"});
    let edited = client.post_and_wait("/twice/edit", &edit("published", "better")).await.expect(200);
    assert_eq!(edited["flows"], json!([]));
    assert!(edited["activity"].is_string(), "an Update is an activity all the same");
    let hidden = client.post_and_wait("/twice/edit", &edit("draft", "better")).await.expect(200);
    assert_eq!(hidden["flows"], json!([]));
    let again = client.post_and_wait("/twice/edit", &edit("published", "better")).await.expect(200);
    only_flow(&again);
    assert_eq!(client.flows("object=twice").await.len(), 2);
    assert_eq!(again["url"].as_str().map(|url| url.ends_with("/twice/")), Some(true), "the page keeps its URL");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_activities_on_one_object_both_fire() {
    let host = Host::start().await;
    let client = host.client();
    for status in ["published", "draft", "published"] {
        let body = json!({"title": "Both", "body": "x", "status": status, "category": "urgent"});
        client.put("/objects/Article/both", &body).await;
    }
    let begun = std::time::Instant::now();
    while client.flows("object=both").await.len() < 2 {
        assert!(begun.elapsed().as_secs() < 20, "both publications fire");
        tokio::task::yield_now().await;
    }
    let flows = client.flows("object=both").await;
    assert_ne!(flows[0]["activity"], flows[1]["activity"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn any_typed_object_fires_what_its_trigger_names() {
    let host = Host::start().await;
    let client = host.client();
    let created = client.put("/objects/Order/7", &json!({"status": "pending", "total": 12})).await.expect(201);
    assert_eq!((&created["status"], &created["revision"]), (&json!("pending"), &json!(1)));
    let request = client.request(reqwest::Method::PUT, "/objects/Order/7").header("prefer", "wait=10");
    let paid = client.send(request.json(&json!({"status": "paid", "total": 12}))).await.expect(200);
    assert_eq!(paid["flows"], json!([]), "nothing is installed for orders");
    let activity = client.get(&format!("/activities/{}", token(&paid["activity"]))).await.expect(200);
    let text = activity.to_string();
    assert!(text.contains("\"Update\"") && text.contains("\"paid\""), "{activity:#}");
    assert!(text.contains("wants Create") || text.contains("wants Article"), "why publish did not fire: {activity:#}");
}

fn token(id: &Value) -> &str {
    id.as_str().and_then(|id| id.rsplit('/').next()).expect("an activity id")
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_edits_fire_one_transition() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Race", "draft", "urgent")).await.expect(201);
    let edits = (0..16).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            let body = json!({"title": "Race", "body": format!("by {n}"), "status": "published", "category": "urgent"});
            client.post_and_wait("/race/edit", &body).await.expect(200)["flows"].as_array().map(Vec::len)
        })
    });
    let mut fired = 0;
    for edit in edits.collect::<Vec<_>>() {
        fired += edit.await.expect("an edit").expect("its flows");
    }
    assert_eq!((fired, client.flows("object=race").await.len()), (1, 1));
    assert_eq!(client.get("/objects/Article/race").await.json()["revision"], 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_edits_that_rest_on_one_revision_one_wins() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Duel", "draft", "urgent")).await.expect(201);
    let edits = (0..8).map(|n| {
        let client = client.clone();
        let body = json!({"title": "Duel", "body": format!("by {n}"), "status": "draft", "revision": 1});
        tokio::spawn(async move { client.post("/duel/edit", &body).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for edit in edits.collect::<Vec<_>>() {
        statuses.push(edit.await.expect("an edit"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_articles_of_one_title_get_slugs_of_their_own() {
    let host = Host::start().await;
    let client = host.client();
    let posts = (0..6).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            client.post("/new", &Client::article("Same title", "draft", "")).await.expect(201)["slug"]
                .as_str()
                .map(str::to_owned)
        })
    });
    let mut slugs = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        slugs.push(post.await.expect("a post").expect("a slug"));
    }
    slugs.sort();
    slugs.dedup();
    assert_eq!(slugs.len(), 6, "{slugs:?}");
    assert!(slugs.contains(&"same-title".to_owned()) && slugs.contains(&"same-title-2".to_owned()));
}
