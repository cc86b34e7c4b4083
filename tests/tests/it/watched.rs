//! The watched directory: what is dropped into it is installed, what breaks a rule is shown.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use rosehip_tests::{Client, Host, TWO_STEP};
use serde_json::{Value, json};

use crate::modules::{Speaking, variant};

/// A host that watches a directory, which may hold something before it starts.
async fn watching(before: &[(&str, Vec<u8>)]) -> (Host, PathBuf) {
    let mut host = Host::start().await;
    let dir = host.path("dropped");
    fs::create_dir(&dir).expect("made");
    for (name, wasm) in before {
        fs::write(dir.join(name), wasm).expect("written");
    }
    fs::write(host.path("rosehip.toml"), format!("[behaviors]\nwatch = {:?}\n", dir.display().to_string()))
        .expect("written");
    assert_eq!(host.stop(), Some(0));
    host.serve().await;
    (host, dir)
}

/// Asks until an answer is as wanted, for at most 30 seconds.
async fn until(client: &Client, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = client.get(path).await.json();
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{path} does not get there: {answer:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn refused(list: &Value, file: &str) -> Option<Value> {
    list["refused"].as_array()?.iter().find(|refused| refused["file"] == file).cloned()
}

fn tale(version: &str) -> Vec<u8> {
    Speaking { name: "tale", version, says: version, effects: &["log"] }.build()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_installed_and_what_is_replaced_is_swapped() {
    let (host, dir) = watching(&[("early.wasm", variant(TWO_STEP, "early"))]).await;
    let client = host.client();
    let early = until(&client, "/behaviors/early", |early| early["name"] == "early").await;
    assert_eq!(early["history"][0]["by"], "watch");

    fs::write(dir.join("tale.wasm"), tale("1.0.0")).expect("written");
    let first = until(&client, "/behaviors/tale", |tale| tale["version"] == "1.0.0").await;
    fs::write(dir.join("next"), tale("1.1.0")).expect("written");
    fs::rename(dir.join("next"), dir.join("tale.wasm")).expect("renamed");
    let second = until(&client, "/behaviors/tale", |tale| tale["version"] == "1.1.0").await;
    assert_eq!(second["history"][0]["digest"], first["digest"]);
    let saved = client.post_and_wait("/new", &Client::article("Dropped", "published", "")).await.expect(201);
    assert!(saved["flows"].as_array().expect("flows").iter().any(|flow| flow["digest"] == second["digest"]));

    // The stem is no behavior's name: the module's own is taken.
    fs::write(
        dir.join("Story 1.wasm"),
        Speaking { name: "story", version: "1.0.0", says: "1", effects: &["log"] }.build(),
    )
    .expect("written");
    until(&client, "/behaviors/story", |story| story["name"] == "story").await;

    fs::remove_file(dir.join("tale.wasm")).expect("removed");
    fs::write(dir.join("tale.wasm"), tale("1.2.0")).expect("written");
    until(&client, "/behaviors/tale", |tale| tale["version"] == "1.2.0").await;
    fs::remove_file(dir.join("tale.wasm")).expect("removed");
    fs::write(
        dir.join("story.wasm"),
        Speaking { name: "story", version: "1.1.0", says: "2", effects: &["log"] }.build(),
    )
    .expect("written");
    until(&client, "/behaviors/story", |story| story["version"] == "1.1.0").await;
    assert_eq!(client.get("/behaviors/tale").await.expect(200)["version"], "1.2.0", "nothing is removed with its file");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_rule_is_shown_until_it_does_not() {
    let (host, dir) = watching(&[]).await;
    let client = host.client();
    let whole = tale("2.0.0");
    fs::write(dir.join("tale.wasm"), &whole[..whole.len() / 2]).expect("written");
    let list = until(&client, "/behaviors", |list| refused(list, "tale.wasm").is_some()).await;
    assert_eq!(refused(&list, "tale.wasm").expect("it")["rule"], "invalid-wasm");
    assert!(client.page("/behaviors").await.text.contains("tale.wasm"));
    assert!(host.log().contains("invalid-wasm"), "it is logged");
    fs::write(dir.join("tale.wasm"), &whole).expect("written");
    until(&client, "/behaviors", |list| refused(list, "tale.wasm").is_none()).await;
    until(&client, "/behaviors/tale", |tale| tale["version"] == "2.0.0").await;

    fs::write(dir.join("tale.wasm"), tale("1.0.0")).expect("written");
    let list = until(&client, "/behaviors", |list| refused(list, "tale.wasm").is_some()).await;
    assert_eq!(refused(&list, "tale.wasm").expect("it")["rule"], "lower-version");
    let page = client.page("/behaviors/tale").await.text;
    assert!(page.contains("Not loaded") && page.contains("lower-version"), "its own page says so too: {page}");
    assert_eq!(client.get("/behaviors/tale").await.expect(200)["version"], "2.0.0");

    let long = fs::File::create(dir.join("long.wasm")).expect("made");
    long.set_len(33 << 20).expect("sparse");
    let list = until(&client, "/behaviors", |list| refused(list, "long.wasm").is_some()).await;
    assert_eq!(refused(&list, "long.wasm").expect("it")["rule"], "module-bytes");
    fs::remove_file(dir.join("long.wasm")).expect("removed");
    until(&client, "/behaviors", |list| refused(list, "long.wasm").is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_survives_a_start_and_so_does_a_removal() {
    let first = Speaking { name: "tale", version: "1.0.0", says: "1", effects: &["log"] }.build();
    let (mut host, dir) = watching(&[("tale.wasm", first), ("gone.wasm", variant(TWO_STEP, "gone"))]).await;
    let client = host.client();
    until(&client, "/behaviors/tale", |tale| tale["version"] == "1.0.0").await;
    until(&client, "/behaviors/gone", |gone| gone["name"] == "gone").await;
    fs::write(dir.join("tale.wasm"), tale("1.1.0")).expect("written");
    until(&client, "/behaviors/tale", |tale| tale["version"] == "1.1.0").await;
    client.post("/behaviors/tale/rollback", &json!({})).await.expect(200);
    assert_eq!(client.delete("/behaviors/gone").await.status.as_u16(), 204);
    // It is taken in after the others, so that they have been looked at once it is there.
    fs::write(dir.join("zebra.wasm"), variant(TWO_STEP, "zebra")).expect("written");
    host.kill_and_serve().await;
    until(&client, "/behaviors/zebra", |zebra| zebra["name"] == "zebra").await;
    fs::write(dir.join("zulu.wasm"), variant(TWO_STEP, "zulu")).expect("written");
    until(&client, "/behaviors/zulu", |zulu| zulu["name"] == "zulu").await;
    let tale = client.get("/behaviors/tale").await.expect(200);
    assert_eq!((&tale["version"], tale["history"].as_array().map(Vec::len)), (&json!("1.0.0"), Some(2)));
    assert_eq!(client.get("/behaviors/gone").await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there_is_told_in_one_line() {
    let host = Host::start().await;
    let told = host.cli(&["serve", "--listen", "127.0.0.1:0", "--watch", "nowhere"], "");
    assert_eq!((told.code, told.stderr.lines().count()), (Some(1), 1), "{}", told.stderr);
    assert!(told.stderr.contains("behaviors.watch: nowhere"), "{}", told.stderr);
}
