//! What-if: recorded flows replayed on a module that is not active yet, and each on its own.

use std::{collections::BTreeSet, fs, path::PathBuf};

use crate::rehearsal::{Does, Project};
use reqwest::{Method, header};
use rosehip_tests::{Client, Host, MISBEHAVE, PUBLISH, SORT, SORT_OTHERWISE, TWO_STEP};
use serde_json::{Value, json};

/// Articles that are published for the test of many flows.
const ARTICLES: usize = 10_000;
/// Writers that publish them.
const WRITERS: usize = 32;

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn file(host: &Host, name: &str, wasm: &[u8]) -> PathBuf {
    let path = host.path(format!("../{name}"));
    fs::write(&path, wasm).expect("written");
    path
}

fn category(number: usize) -> &'static str {
    match number {
        _ if number.is_multiple_of(97) => "correction",
        _ if number.is_multiple_of(5) => "urgent",
        _ => "essay",
    }
}

/// The lines of `POST /replays`, but for those that say how far it is.
async fn replays(client: &Client, query: &str, wasm: &[u8]) -> Vec<Value> {
    let request = client.request(Method::POST, &format!("/replays?{query}"));
    let request = request.header(header::CONTENT_TYPE, "application/wasm").body(wasm.to_vec());
    let answer = client.send(request).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    answer.text.lines().map(json_of).filter(|line| line.get("progress").is_none()).collect()
}

/// How many entries the log has.
async fn entries(client: &Client) -> String {
    let metrics = client.send(client.request(Method::GET, "/metrics")).await.text;
    let entries = metrics.lines().find_map(|line| line.strip_prefix("rosehip_log_entries "));
    entries.expect("the gauge").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_over_ten_thousand_flows_finds_exactly_those_that_differ() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    client.install("sort", SORT).await.expect(201);
    let writers = (0..WRITERS).map(|writer| {
        let client = client.clone();
        tokio::spawn(async move {
            for number in (writer..ARTICLES).step_by(WRITERS) {
                let article =
                    json!({"name": format!("A {number}"), "status": "published", "category": category(number)});
                client.put(&format!("/objects/Article/a{number}"), &article).await.expect(201);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("every article is published");
    }
    client.until_jobs(|jobs| jobs == 0).await;
    let (same, other) = (file(&host, "sort.wasm", SORT), file(&host, "otherwise.wasm", SORT_OTHERWISE));
    let entries = entries(&client).await;

    let candidate = other.to_str().expect("UTF-8");
    let replay = host.cli(&["--json", "replay", "--candidate", candidate, "--last", "20000"], "");
    assert_eq!(replay.code, Some(4), "{}", replay.stderr);
    let report = json_of(&replay.stdout);
    let corrections: BTreeSet<String> =
        (0..ARTICLES).filter(|number| category(*number) == "correction").map(|number| format!("a{number}")).collect();
    let (flows, changed) = (ARTICLES, corrections.len());
    let summary = json!({
        "flows": flows, "same": flows - changed, "changed": changed, "failed": 0, "out_of_support": 0, "erased": 0,
    });
    assert_eq!(report["summary"], summary);
    let listed = report["flows"].as_array().expect("the flows that differ");
    let found: BTreeSet<String> =
        listed.iter().map(|flow| flow["object"]["id"].as_str().expect("an object").to_owned()).collect();
    assert_eq!(found, corrections);
    let first = &listed[0];
    let title = first["object"]["id"].as_str().expect("an object").replace('a', "A ");
    assert_eq!(
        first["effects"],
        json!([
            {"change": "removed", "node": "other", "ordinal": 0, "kind": "log",
             "payload": {"message": format!("other: {title}")}},
            {"change": "added", "node": "urgent", "ordinal": 0, "kind": "log",
             "payload": {"message": format!("urgent: {title}")}},
        ])
    );

    // What does the same is promoted, what does not is not.
    let refused = host.cli(&["replay", "--candidate", candidate, "--promote-if-same"], "");
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    let before = client.get("/behaviors/sort").await.expect(200)["digest"].clone();
    host.cli(&["replay", "--candidate", same.to_str().expect("UTF-8"), "--promote-if-same"], "").ok();
    assert_eq!(client.get("/behaviors/sort").await.expect(200)["digest"], before);

    // Each on its own module, by a host that runs and without one.
    let verified = host.cli(&["replay", "--verify"], "").ok();
    assert!(verified.starts_with(&format!("{ARTICLES} flows: {ARTICLES} same, 0 changed")), "{verified}");
    assert_eq!(self::entries(&client).await, entries, "nothing was recorded");
    host.stop();
    let offline = host.cli(&["replay", "--candidate", candidate, "--last", "500"], "");
    assert_eq!(offline.code, Some(4), "{}", offline.stderr);
    assert!(offline.stdout.contains("500 flows: "), "{}", offline.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_receipts_and_failures_replay_as_they_were() {
    let host = Host::start().await;
    let client = host.client();
    let soon = rosehip_core::time::Timestamp::from_millis(
        i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis()).expect("small") + 8_000,
    );
    client.put("/behaviors/publish/config", &json!({"digest": soon.to_string()})).await.expect(200);
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "retry-then-loop"})).await.expect(200);
    for (title, category) in [("One", "urgent"), ("Two", "newsletter"), ("Three", ""), ("Four", "newsletter")] {
        client.post_and_wait("/new", &Client::article(title, "published", category)).await.expect(201);
    }
    // It is taken back before its digest, and the digest says so by what it leaves out.
    client.post("/four/edit", &Client::article("Four", "draft", "newsletter")).await.expect(200);
    let waiting = client.flows("status=suspended").await;
    assert_eq!(waiting.len(), 2, "{waiting:#?}");
    for flow in &waiting {
        client.flow_until(flow["id"].as_str().expect("an id"), |flow| flow["status"] == "completed").await;
    }

    let lines = replays(&client, "verify=true&all=true", &[]).await;
    let summary = &lines.last().expect("the sum")["summary"];
    assert_eq!(summary["same"], summary["flows"], "{lines:#?}");
    assert!(lines.iter().any(|line| line["behavior"] == "misbehave" && line["status"] == "failed"), "{lines:#?}");
    let lines = replays(&client, "behavior=publish", PUBLISH).await;
    assert_eq!(lines[0]["replay"]["behavior"], "publish");
    assert_eq!(lines.last().expect("the sum")["summary"]["same"], 4, "{lines:#?}");

    // Another module under the name asks for other effects, and one flow can be looked at alone.
    let flow = client.first_flow("behavior=publish&object=one").await["id"].as_str().expect("an id").to_owned();
    let lines = replays(&client, &format!("flow={flow}"), TWO_STEP).await;
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!(lines[1]["verdict"], "changed");
    assert_eq!(lines[1]["flow"], flow.as_str());
    let kinds: Vec<_> =
        lines[1]["effects"].as_array().expect("effects").iter().map(|effect| &effect["change"]).collect();
    assert_eq!(kinds, ["removed", "removed", "added", "added"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replayed_is_refused_by_name() {
    let host = Host::start().await;
    let client = host.client();
    for (query, wasm, status, says) in [
        ("last=many", PUBLISH, 422, "last"),
        ("since=yesterday", PUBLISH, 422, "since"),
        ("sine=1", PUBLISH, 422, "sine"),
        ("verify=true&digest=0123456789", &[][..], 422, "digest"),
        ("digest=0123456789", &[], 422, "behavior"),
        ("behavior=publish&digest=0123456789", &[], 404, "digest"),
        ("behavior=publish&digest=xyz", &[], 422, "digest"),
        ("behavior=nobody", PUBLISH, 404, "nobody"),
        ("flow=aaaaaaaaaaaa", PUBLISH, 404, "aaaaaaaaaaaa"),
        ("", b"no module", 422, "not-wasm"),
    ] {
        let request = client.request(Method::POST, &format!("/replays?{query}")).body(wasm.to_vec());
        let answer = client.send(request.header(header::CONTENT_TYPE, "application/wasm")).await;
        assert_eq!(answer.status.as_u16(), status, "{query}: {}", answer.text);
        assert!(answer.text.contains(says), "{query}: {}", answer.text);
    }
    let author = host.client_of(&host.add_user("ann", "author"));
    let lines = replays(&author, "", PUBLISH).await;
    assert_eq!(lines[1]["summary"]["flows"], 0);
    let editor = host.client_of(&host.add_user("ed", "editor"));
    assert_eq!(editor.send(editor.request(Method::POST, "/replays?verify=true")).await.status.as_u16(), 403);
    let missing = host.cli(&["replay", "--candidate", "nowhere.wasm"], "");
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    assert_eq!(host.cli(&["replay"], "").code, Some(2));
    let none = host.cli(&["replay", "--verify", "--last", "3"], "").ok();
    assert!(none.starts_with("0 flows"), "{none}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_what_a_candidate_would_do_before_activating_it() {
    let host = Host::start().await;
    let client = host.client();
    client.install("sort", SORT).await.expect(201);
    for (title, category) in [("Errata", "correction"), ("On roses", "urgent"), ("On hips", "")] {
        client.post_and_wait("/new", &Client::article(title, "published", category)).await.expect(201);
    }
    let author = host.client_of(&host.add_user("ann", "author"));
    let offered = author.install("sort", SORT_OTHERWISE).await.expect(200)["candidate"].clone();
    let digest = offered["digest"].as_str().expect("a digest");

    let behavior = client.page("/behaviors/sort").await.text;
    assert!(behavior.contains(&format!("/behaviors/sort/what-if?digest={digest}")), "{behavior}");
    let page = client.page(&format!("/behaviors/sort/what-if?digest={digest}")).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.text);
    for said in ["What if 1.1.0?", "errata", "urgent: Errata", "Activate 1.1.0"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    assert!(!page.text.contains("on-roses"), "what does the same is not listed");
    let told = client.get(&format!("/behaviors/sort/what-if?digest={digest}&last=2")).await.expect(200);
    assert_eq!(
        told["summary"],
        json!({
            "flows": 2, "same": 2, "changed": 0, "failed": 0, "out_of_support": 0, "erased": 0,
        })
    );
    let page = author.page(&format!("/behaviors/sort/what-if?digest={digest}")).await.text;
    assert!(!page.contains("Activate 1.1.0"), "an author does not activate");
    assert_eq!(client.page(&format!("/behaviors/sort/what-if?digest={digest}&last=0")).await.status.as_u16(), 422);
    let by_digest = host.cli(&["replay", "--candidate", &digest[..12], "--behavior", "sort"], "");
    assert_eq!(by_digest.code, Some(4), "{}", by_digest.stderr);
    assert!(by_digest.stdout.contains("sort: /branch: \"other\" → \"urgent\""), "{}", by_digest.stdout);

    // What was erased is said to be, and stands in nobody's way.
    client.delete("/errata").await;
    let erased = host.cli(&["erase", "object", "Article/errata"], "");
    assert_eq!(erased.code, Some(0), "{}", erased.stderr);
    let replay = host.cli(&["replay", "--candidate", digest, "--behavior", "sort", "--promote-if-same"], "");
    assert_eq!(replay.code, Some(0), "{}{}", replay.stdout, replay.stderr);
    assert_eq!(client.get("/behaviors/sort").await.expect(200)["digest"], digest);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_the_same_is_not_promoted_where_it_would_not_run() {
    let host = Host::start().await;
    let client = host.client();
    let project = Project::new(&Does::says("one"));
    project.build();
    let wasm = project.path("dist/tale.wasm");
    let promote = |more: &[&str]| {
        let candidate = ["replay", "--candidate", wasm.to_str().expect("UTF-8"), "--promote-if-same"];
        host.cli(&[&candidate[..], more].concat(), "")
    };
    client.install("tale", &std::fs::read(&wasm).expect("built")).await.expect(201);
    let refused = promote(&[]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("no flow to compare with; nothing is promoted"), "{}", refused.stderr);

    for verb in [&["behaviors", "grant", "tale", "email"][..], &["behaviors", "enable", "tale"]] {
        host.cli(verb, "").ok();
    }
    client.post_and_wait("/new", &Client::article("One", "published", "")).await.expect(201);
    host.cli(&["behaviors", "revoke", "tale", "email"], "").ok();
    let refused = promote(&[]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    let grant = format!("`rosehip --data {} behaviors grant tale email`; nothing is promoted", host.data().display());
    assert!(refused.stderr.contains(&grant), "{}", refused.stderr);

    // A flow of another behavior is compared, and the module takes no other's name unless that is said.
    let other = client.first_flow("behavior=publish").await["id"].as_str().expect("an id").to_owned();
    let refused = host.cli(&["replay", "--candidate", wasm.to_str().expect("UTF-8"), &other, "--promote-if-same"], "");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("say --behavior publish"), "{}", refused.stderr);

    host.cli(&["behaviors", "grant", "tale", "email"], "").ok();
    let promoted: Value = serde_json::from_str(&promote(&["--json"]).ok()).expect("JSON");
    assert_eq!((&promoted["summary"]["same"], &promoted["promoted"]["name"]), (&json!(1), &json!("tale")));
}
