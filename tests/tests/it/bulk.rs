//! Acting on many flows and effects at once: a count first, every refusal told, who and why kept.

use rosehip_tests::{Client, Host, MISBEHAVE};
use serde_json::{Value, json};

use crate::{
    bad_modules::{component, manifest},
    policy::emitter,
};

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn numbers(done: &Value) -> (u64, u64, usize) {
    let refused = done["refused"].as_array().map_or(0, Vec::len);
    (done["matched"].as_u64().expect("matched"), done["done"].as_u64().expect("done"), refused)
}

/// Publishes articles whose flows of `misbehave` fail.
async fn fail_flows(client: &Client, count: usize) {
    client.put("/behaviors/misbehave/config", &json!({"mode": "fatal"})).await.expect(200);
    for n in 0..count {
        let article = Client::article(&format!("Fails {n}"), "published", "");
        client.post_and_wait("/new", &article).await.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_flows_are_counted_and_then_retried_or_run_again() {
    let mut host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    fail_flows(&client, 4).await;
    let bulk = async |body: Value| client.post("/flows/bulk", &body).await.expect(200);
    let filter = json!({"behavior": "misbehave"});
    let counted = bulk(json!({"action": "retry", "filter": filter, "dry_run": true})).await;
    assert_eq!(numbers(&counted), (4, 0, 0), "{counted:#}");
    assert_eq!((&counted["dry_run"], &counted["more"]), (&json!(true), &json!(false)));
    assert_eq!(client.flows("status=failed").await.len(), 4, "counting does nothing");

    // A retry keeps the config they are pinned to, so they fail again, each knowing why it was retried.
    let retried = bulk(json!({"action": "retry", "filter": filter, "reason": "the module is mended"})).await;
    assert_eq!(numbers(&retried), (4, 4, 0), "{retried:#}");
    for flow in client.flows("behavior=misbehave").await {
        let id = flow["id"].as_str().expect("an id");
        let flow = client.flow_until(id, |flow| flow["status"] == "failed").await;
        let entry = flow["events"].as_array().expect("entries").iter().find(|entry| entry["kind"] == "flow.retried");
        let body = &entry.expect("its retry")["body"];
        assert_eq!((&body["reason"], &body["by"]), (&json!("the module is mended"), &json!("olga")));
        assert!(client.page(&format!("/flows/{id}")).await.text.contains("the module is mended"));
    }

    // What does not allow it is told one by one.
    let refused = bulk(json!({"action": "cancel", "filter": {"behavior": "misbehave", "status": "failed"}})).await;
    assert_eq!(numbers(&refused), (4, 0, 4), "{refused:#}");
    assert!(refused["refused"][0]["why"].as_str().is_some_and(|why| !why.is_empty()), "{refused:#}");

    // A rerun takes the config as it is now; of the command line, with a host and without one.
    client.put("/behaviors/misbehave/config", &json!({"mode": "ok"})).await.expect(200);
    let cli = |host: &Host, args: &[&str]| host.cli(args, "");
    let rerun = ["flows", "rerun", "--behavior", "misbehave", "--object", "fails-0"];
    let reason = ["--reason", "once more", "--json"];
    let done = read(&cli(&host, &[&rerun[..], &reason].concat()).ok());
    assert_eq!(numbers(&done), (1, 1, 0), "{done:#}");
    let again = client.first_flow("behavior=misbehave&status=completed").await;
    let again = client.flow(again["id"].as_str().expect("an id")).await;
    assert_eq!((&again["run"], &again["events"][0]["body"]["reason"]), (&json!(2), &json!("once more")));
    assert_eq!(host.stop(), Some(0));
    let counted = cli(&host, &["flows", "retry", "--all", "--dry-run", "--json"]);
    assert_eq!(numbers(&read(&counted.ok())), (4, 0, 0));
    assert_eq!(cli(&host, &["flows", "retry", "--older-than", "P1D"]).code, Some(0));
    let both = read(&cli(&host, &[&rerun[..], &["--json"]].concat()).stdout);
    assert_eq!(numbers(&both), (2, 1, 1), "of two runs of one activity only the later is run again: {both:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_flows_are_cancelled_by_filter() {
    let mut host = Host::start().await;
    let client = host.client();
    let wait = json!([{"id": "ask", "kind": "wait", "wait": {"signal": "answer"}}]);
    client.install("asking", &component(&manifest(wait, json!([])), "")).await.expect(201);
    for title in ["One", "Two", "Three"] {
        client.post_and_wait("/new", &Client::article(title, "published", "")).await.expect(201);
    }
    let cancel = |args: &[&str]| host.cli(&[&["flows", "cancel"], args].concat(), "");
    assert_eq!(cancel(&[]).code, Some(2), "nothing is meant by saying nothing");
    assert_eq!(cancel(&["abcdefgh", "--all"]).code, Some(2));
    assert_eq!(cancel(&["abcdefgh", "--dry-run"]).code, Some(2));
    let counted = cancel(&["--status", "suspended", "--dry-run"]);
    assert!(counted.stderr.contains('3'), "{}", counted.stderr);
    cancel(&["--behavior", "asking", "--object", "two", "--reason", "asked nobody"]).ok();
    assert_eq!(client.flows("status=suspended").await.len(), 2);
    let flow = client.first_flow("status=cancelled").await;
    let page = client.page(&format!("/flows/{}", flow["id"].as_str().expect("an id"))).await.text;
    assert!(page.contains("asked nobody"), "{page}");
    assert_eq!(host.stop(), Some(0));
    host.cli(&["flows", "cancel", "--all", "--newer-than", "PT1H"], "").ok();
    let left = read(&host.cli(&["flows", "ls", "--status", "suspended", "--json"], "").ok());
    assert_eq!(left["flows"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_effects_than_fit_one_request_are_redriven_in_turns() {
    let host = Host::start().await;
    let client = host.client();
    // Nothing on this host carries out an sms: granted, it is kept as unhandled.
    let sms = json!({"kind": "sms", "payload": {"text": "hello"}});
    client.install("texting", &emitter("texting", &["sms"], &json!(vec![sms; 520]))).await.expect(201);
    host.cli(&["behaviors", "grant", "texting", "sms"], "").ok();
    host.cli(&["behaviors", "enable", "texting"], "").ok();
    for title in ["First", "Second"] {
        client.post_and_wait("/new", &Client::article(title, "published", "")).await.expect(201);
    }
    for flow in client.flows("behavior=texting").await {
        let id = flow["id"].as_str().expect("an id");
        let held = |flow: &Value| {
            flow["effects"].as_array().is_some_and(|all| all.iter().all(|one| one["status"] == "unhandled"))
        };
        client.flow_until(id, held).await;
    }
    let redrive = async |body: Value| client.post("/effects/redrive", &body).await;
    let filter = json!({"kind": "sms", "status": "unhandled", "behavior": "texting", "error": "NO SINK"});
    let counted = redrive(json!({"filter": filter, "dry_run": true})).await.expect(200);
    assert_eq!(numbers(&counted), (1_040, 0, 0), "{counted:#}");
    assert!(counted["more"] == true && counted["next"].is_string(), "{counted:#}");
    for nothing in [json!({"kind": "notify"}), json!({"error": "timeout"}), json!({"status": "dead"})] {
        assert_eq!(numbers(&redrive(json!({"filter": nothing, "dry_run": true})).await.expect(200)), (0, 0, 0));
    }
    // The command asks again until all are done with.
    let done = host.cli(&["effects", "redrive", "--kind", "sms", "--reason", "a sink is coming", "--json"], "");
    assert_eq!(numbers(&read(&done.ok())), (1_040, 1_040, 0));
    let flow = client.first_flow("behavior=texting").await;
    let flow = client.flow(flow["id"].as_str().expect("an id")).await;
    let entries = flow["events"].as_array().expect("entries").iter();
    let reasons = entries.filter(|entry| entry["body"]["reason"] == "a sink is coming").count();
    assert_eq!(reasons, 520);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_meant_must_be_said() {
    let mut host = Host::start().await;
    let client = host.client();
    let filter = |filter: Value| json!({"action": "cancel", "filter": filter});
    for (path, body, field) in [
        ("/flows/bulk", filter(json!({})), "filter"),
        ("/flows/bulk", json!({"filter": {"all": true}}), "action"),
        ("/flows/bulk", filter(json!({"all": true, "limit": "1"})), "filter/limit"),
        ("/flows/bulk", filter(json!({"status": "done"})), "filter/status"),
        ("/flows/bulk", filter(json!({"older_than": "yesterday"})), "filter/older_than"),
        ("/effects/redrive", json!({}), "filter"),
        ("/effects/redrive", json!({"filter": {"status": "denied"}}), "filter/status"),
        ("/effects/redrive", json!({"filter": {"all": true}, "cursor": "x"}), "cursor"),
    ] {
        let problem = client.post(path, &body).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem:#}");
    }
    let nothing = client.post("/flows/bulk", &filter(json!({"all": true}))).await.expect(200);
    assert_eq!(numbers(&nothing), (0, 0, 0));
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        assert_eq!(host.cli(&["effects", "redrive"], "").code, Some(2));
        assert!(host.cli(&["effects", "redrive", "--all", "--dry-run"], "").stderr.contains('0'));
    }
}
