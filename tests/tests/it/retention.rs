//! Retention takes the bodies of flows that ended long ago, and leaves what is pinned, what waits, and all else.

use std::fs;

use rosehip_tests::{Client, Host};
use serde_json::{Value, json};

async fn publish(client: &Client, title: &str, category: &str) -> String {
    let saved = client.post_and_wait("/new", &Client::article(title, "published", category)).await.expect(201);
    let id = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
    let wanted = if category == "newsletter" { "suspended" } else { "completed" };
    let open = ["recorded", "attempting", "retrying"];
    let is_settled = |effect: &Value| !open.contains(&effect["status"].as_str().unwrap_or_default());
    client
        .flow_until(&id, |flow| {
            flow["status"] == wanted && flow["effects"].as_array().is_some_and(|effects| effects.iter().all(is_settled))
        })
        .await;
    id
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn ids(client: &Client) -> Vec<String> {
    let flows = client.flows("limit=200").await;
    flows.iter().map(|flow| flow["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_is_shown_and_let_go_with_and_without_a_host() {
    let mut host = Host::start().await;
    let client = host.client();
    let flow = publish(&client, "Pinned", "urgent").await;
    assert_eq!(client.flows("").await[0]["pinned"], false);
    assert_eq!(client.post(&format!("/flows/{flow}/pin"), &json!({})).await.expect(200)["pinned"], true);
    assert_eq!(
        (&client.flow(&flow).await["pinned"], &client.flows("").await[0]["pinned"]),
        (&json!(true), &json!(true))
    );
    let editor = host.client_of(&host.add_user("edith", "editor"));
    assert_eq!(editor.post(&format!("/flows/{flow}/unpin"), &json!({})).await.status.as_u16(), 403);
    assert_eq!(
        client.flow(&flow).await["events"].as_array().and_then(|events| events.last().cloned()).expect("entries")["kind"],
        "flow.pinned"
    );
    assert_eq!(host.stop(), Some(0));
    assert_eq!(json_of(&host.cli(&["--json", "flows", "pin", &flow, "--remove"], "").ok())["pinned"], false);
    host.cli(&["flows", "pin", &flow], "").ok();
    host.serve().await;
    assert_eq!(client.flow(&flow).await["pinned"], true);
    assert_eq!(host.cli(&["flows", "pin", "aaaaaaaaaaaa"], "").code, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_that_ended_go_and_what_is_pinned_or_waits_stays() {
    let mut host = Host::start().await;
    let client = host.client();
    let gone = publish(&client, "Gone", "urgent").await;
    let pinned = publish(&client, "Pinned", "urgent").await;
    let waits = publish(&client, "Waits", "newsletter").await;
    client.post(&format!("/flows/{pinned}/pin"), &json!({})).await.expect(200);

    let dry = json_of(&host.cli(&["--json", "erase", "flows", "--older-than", "0s", "--dry-run"], "").ok());
    assert_eq!((&dry["flows"], &dry["entry"]), (&json!(1), &json!(null)));
    assert_eq!(json_of(&host.cli(&["--json", "erase", "flows", "--older-than", "1d"], "").ok())["flows"], 0);
    assert_eq!(ids(&client).await, [&*waits, &*pinned, &*gone]);
    assert_eq!(host.cli(&["erase", "flows", "--older-than", "long ago"], "").code, Some(1));

    let erased = json_of(&host.cli(&["--json", "erase", "flows", "--older-than", "0s"], "").ok());
    assert_eq!((&erased["flows"], &erased["entries"]), (&json!(1), &dry["entries"]));
    assert_eq!(ids(&client).await, [&*waits, &*pinned]);
    assert_eq!(client.get(&format!("/flows/{gone}")).await.status.as_u16(), 410);
    // Everything else is as it was: the article, its activity, and that it was matched.
    client.get("/gone/").await.expect(200);
    let activity = client.get("/flows").await.text;
    assert!(activity.contains(&pinned));
    client.post_and_wait("/gone/edit", &json!({"title": "Gone", "body": "Edited."})).await.expect(200);

    let before = (client.get("/flows").await.text, client.get("/").await.text);
    assert_eq!(host.stop(), Some(0));
    for name in ["views.db", "views.db-wal", "views.db-shm"] {
        let _ = fs::remove_file(host.path(name));
    }
    host.serve().await;
    assert_eq!((client.get("/flows").await.text, client.get("/").await.text), before);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_lets_go_by_itself_what_is_over_its_days_or_its_size() {
    for config in ["[retention]\nflows_days = 0\n", "[retention]\nmax_bytes = 1\n"] {
        let mut host = Host::start().await;
        let client = host.client();
        let pinned = publish(&client, "Pinned", "urgent").await;
        publish(&client, "Gone", "urgent").await;
        client.post(&format!("/flows/{pinned}/pin"), &json!({})).await.expect(200);
        assert_eq!(host.stop(), Some(0));
        fs::write(host.path("rosehip.toml"), config).expect("written");
        host.serve().await;
        client.flow_until(&pinned, |_| true).await;
        let begun = std::time::Instant::now();
        while ids(&client).await != [&*pinned] {
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{config} {}", host.log());
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        client.get("/gone/").await.expect(200);
        client.get("/pinned/").await.expect(200);
        assert_eq!(host.verify().code, Some(0));
    }
}

/// Bytes of the log's file, once what is written ahead is folded in.
fn size(host: &Host) -> u64 {
    let log = rusqlite::Connection::open(host.path("log.db")).expect("the log");
    log.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("folded in");
    drop(log);
    fs::metadata(host.path("log.db")).expect("a file").len()
}

/// Room is given back to the disk, not only to later entries.
#[tokio::test(flavor = "multi_thread")]
async fn the_file_shrinks_by_what_went() {
    let mut host = Host::start().await;
    let client = host.client();
    for n in 0..60 {
        publish(&client, &format!("Article {n}"), "urgent").await;
    }
    assert_eq!(host.stop(), Some(0));
    let before = size(&host);
    let erased = json_of(&host.cli(&["--json", "erase", "flows", "--older-than", "0s"], "").ok());
    assert_eq!(erased["flows"], 60);
    let (bytes, after) = (erased["bytes"].as_u64().expect("bytes"), size(&host));
    assert!(after + bytes / 2 < before, "{bytes} bytes went, and the file went from {before} to {after}");
    host.serve().await;
    assert!(ids(&client).await.is_empty());
}
