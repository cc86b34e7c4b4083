//! Modules that break a rule are refused by its name; guests that break one while they run fail their node alone.

use rosehip_tests::{Client, Host, MISBEHAVE, PUBLISH};
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WIT: &str = include_str!("../../../guest-sdk/wit/v1/behavior.wit");

/// A component whose `describe` returns `manifest` and whose `run` traps.
pub(crate) fn component(manifest: &str, more_imports: &str) -> Vec<u8> {
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
    let escaped = escape(manifest.as_bytes());
    let wat = format!(
        r#"(module
            (import "rosehip:behavior/log@1.0.0" "write" (func (param i32 i32 i32)))
            {more_imports}
            (memory (export "memory") 17)
            (data (i32.const 1024) "{escaped}")
            (data (i32.const 0) "\00\04\00\00{length}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 131072)
            (func (export "rosehip:behavior/guest@1.0.0#describe") (result i32) i32.const 0)
            (func (export "rosehip:behavior/guest@1.0.0#run") (param i32 i32) (result i32) unreachable))"#,
        length =
            u32::try_from(manifest.len()).expect("short").to_le_bytes().map(|byte| format!("\\{byte:02x}")).concat(),
    );
    let mut module = wat::parse_str(wat).expect("WAT");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("behavior.wit", WIT).expect("WIT");
    let world = resolve.select_world(&[package], Some("behavior")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
}

/// The manifest of a graph that an article starts.
pub(crate) fn manifest(nodes: Value, edges: Value) -> String {
    json!({
        "v": 1, "name": "bad", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
        "nodes": nodes, "edges": edges, "effects": ["log"],
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_a_manifest_is_told_at_once() {
    let host = Host::start().await;
    let nodes = json!([{"id": "A", "kind": "step"}, {"id": "b", "kind": "loop"}, {"id": "c", "kind": "step"}]);
    let wasm = component(&manifest(nodes, json!([])), "");
    let problem = host.client().install("bad", &wasm).await.expect(422);
    let errors = problem["errors"].as_array().expect("errors");
    let told: Vec<_> = errors.iter().map(|error| (error["field"].clone(), error["rule"].clone())).collect();
    assert_eq!(told, [(json!("nodes/0"), json!("node-id")), (json!("nodes/1"), json!("node-kind"))]);
    assert_eq!(problem["rule"], "node-id");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(errors.iter().all(|error| detail.contains(error["message"].as_str().expect("a text"))), "{problem:#}");

    let file = host.path("../bad.wasm");
    std::fs::write(&file, &wasm).expect("written");
    let checked = host.cli(&["check", file.to_str().expect("UTF-8")], "");
    assert_eq!(checked.code, Some(4), "{}", checked.stderr);
    for word in ["node-id: node \"A\"", "node-kind: node \"b\"", "bad.wasm: 2 rules of manifests are broken"] {
        assert!(checked.stderr.contains(word), "{word} is missing: {}", checked.stderr);
    }
    let told = host.cli(&["check", file.to_str().expect("UTF-8"), "--json"], "").stdout;
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["errors"][1]["field"], "nodes/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn why_the_last_upload_was_refused_stands_on_the_page_until_one_is_taken() {
    let host = Host::start().await;
    let client = host.client();
    let cycle = json!([{"from": "a", "to": "a"}]);
    client.install("publish", b"hello").await.expect(422);
    client.install("publish", &component(&manifest(json!([{"id": "a", "kind": "step"}]), cycle), "")).await.expect(422);
    client.install("absent", b"hello").await.expect(422);

    let shown = client.get("/behaviors/publish").await.expect(200);
    let refused = &shown["refused_upload"];
    assert_eq!((&refused["rule"], &refused["by"]), (&json!("cycle"), &json!("olga")), "{shown:#}");
    let list = client.get("/behaviors").await.expect(200);
    let uploads = list["refused_uploads"].as_array().expect("a list");
    let names: Vec<_> = uploads.iter().map(|upload| (&upload["behavior"], &upload["rule"])).collect();
    assert_eq!(names, [(&json!("absent"), &json!("not-wasm")), (&json!("publish"), &json!("cycle"))]);
    let page = client.page("/behaviors/publish").await.text;
    for part in ["Refused uploads", "cycle", "leads back to itself", "olga"] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(client.page("/behaviors").await.text.contains("not-wasm"));

    client.install("publish", PUBLISH).await.expect(200);
    assert_eq!(client.get("/behaviors/publish").await.expect(200)["refused_upload"], Value::Null);
    assert!(!client.page("/behaviors/publish").await.text.contains("Refused uploads"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_module_is_422_by_its_rule_and_the_active_one_stays() {
    let host = Host::start().await;
    let client = host.client();
    let before = client.get("/behaviors/publish").await.expect(200)["digest"].clone();
    let step = |id: &str| json!({"id": id, "kind": "step"});
    let cycle = json!([{"from": "a", "to": "b"}, {"from": "b", "to": "a"}]);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"hello".to_vec(), "not-wasm"),
        (Vec::new(), "not-wasm"),
        (b"\0asm\x01\0\0\0".to_vec(), "missing-export"),
        (PUBLISH[..PUBLISH.len() / 2].to_vec(), "invalid-wasm"),
        (wat::parse_str("(component)").expect("WAT"), "missing-export"),
        (wat::parse_str(r#"(component (import "wasi:http/types@0.2.0" (instance)))"#).expect("WAT"), "wasi:http/types"),
        (component("{", ""), "json-syntax"),
        (component(&manifest(json!([step("a"), step("b")]), cycle), ""), "cycle"),
        (component(&manifest(json!([step("a"), step("a")]), json!([])), ""), "duplicate-node"),
        (component(&manifest(json!([step("a")]), json!([{"from": "a", "to": "z"}])), ""), "dangling-edge"),
        (component(&manifest(json!([{"id": "a", "kind": "loop"}]), json!([])), ""), "node-kind"),
        (component(&manifest(json!([{"id": "a", "kind": "each", "over": "/current"}]), json!([])), ""), "pointer"),
    ];
    for (wasm, rule) in cases {
        let answer = client.install("publish", &wasm).await;
        let problem = answer.expect(422);
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(rule), "{rule}: {problem:#}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(client.get("/behaviors/publish").await.expect(200)["digest"], before);
    let saved = client.post_and_wait("/new", &Client::article("Still", "published", "urgent")).await.expect(201);
    assert_eq!(saved["flows"][0]["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_misbehaves_fails_its_node_and_others_go_on() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    for (mode, rule) in [
        ("loop", "fuel"),
        ("trap", "trap"),
        ("recurse", "stack"),
        ("memory", "memory"),
        ("bad-json", "json-syntax"),
        ("duplicate-key", "json-duplicate-key"),
        ("too-much", "output-bytes"),
        ("many-effects", "effects-per-call"),
        ("fatal", "fatal"),
        ("bad-payload", "effect-payload"),
        ("bad-branch", "undeclared-branch"),
    ] {
        client.put("/behaviors/misbehave/config", &json!({"mode": mode})).await.expect(200);
        let saved = client.post_and_wait("/new", &Client::article(mode, "published", "urgent")).await.expect(201);
        let flows = saved["flows"].as_array().expect("flows");
        let of = |behavior: &str| flows.iter().find(|flow| flow["behavior"] == behavior).expect("its flow").clone();
        assert_eq!(
            (&of("misbehave")["status"], &of("publish")["status"]),
            (&json!("failed"), &json!("completed")),
            "{mode}"
        );
        let flow = client.flow(of("misbehave")["id"].as_str().expect("an id")).await;
        let error = &flow["nodes"][0]["error"];
        assert!(error.to_string().contains(rule), "{mode}: {error}");
        assert_eq!(flow["effects"], json!([]), "nothing of a failed call is recorded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_failure_is_tried_again_and_an_undeclared_effect_is_denied() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "retry-then-ok"})).await.expect(200);
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    let saved = client.post("/new", &Client::article("Third time", "published", "")).await.expect(201);
    assert!(saved["activity"].is_string());
    let id = client.first_flow("object=third-time").await["id"].as_str().expect("an id").to_owned();
    let flow = client.flow_until(&id, |flow| flow["status"] == "completed").await;
    let kinds: Vec<&Value> = flow["events"].as_array().expect("entries").iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "node.retrying").count(), 2);

    client.put("/behaviors/misbehave/config", &json!({"mode": "undeclared-effect"})).await.expect(200);
    let saved = client.post_and_wait("/new", &Client::article("Sneaky", "published", "")).await.expect(201);
    assert_eq!(saved["flows"][0]["effects"]["denied"], 1, "{saved:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_breaks_its_schema_is_422_and_names_the_place() {
    let host = Host::start().await;
    let client = host.client();
    let problem =
        client.put("/behaviors/publish/config", &json!({"digest": {"at": "9", "tz": "UTC"}})).await.expect(422);
    assert!(problem.to_string().contains("digest"), "{problem:#}");
    let zone = json!({"digest": {"at": "09:00", "tz": "Mars/Base"}});
    let nowhere = client.put("/behaviors/publish/config", &zone).await.expect(422);
    assert!(nowhere.to_string().contains("Mars/Base"), "{nowhere:#}");
    let unknown = client.put("/behaviors/publish/config", &json!({"colour": "red"})).await.expect(422);
    assert!(unknown.to_string().contains("colour"), "{unknown:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_cannot_describe_itself_is_refused_with_what_it_logged_last() {
    let host = Host::start().await;
    let wat = r#"(module
        (import "rosehip" "log" (func $log (param i32 i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "no roses before May\nask again")
        (func (export "rosehip_abi_version") (result i32) i32.const 1)
        (func (export "rosehip_alloc") (param i32) (result i32) i32.const 0)
        (func (export "rosehip_describe") (result i64)
            (call $log (i32.const 3) (i32.const 16) (i32.const 29)) unreachable)
        (func (export "rosehip_run") (param i32 i32) (result i64) unreachable))"#;
    let wasm = wat::parse_str(wat).expect("WAT");
    let problem = host.client().install("early", &wasm).await.expect(422);
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("trap: describe: "), "{problem:#}");
    assert!(detail.ends_with("\nthe last that it logged:\nno roses before May\nask again"), "{problem:#}");

    let file = host.path("../early.wasm");
    std::fs::write(&file, wasm).expect("written");
    let refused = host.cli(&["behaviors", "install", file.to_str().expect("UTF-8"), "--name", "early"], "");
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("no roses before May"), "{}", refused.stderr);
}
