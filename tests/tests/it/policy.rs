//! What a grant narrows, through the real binary: by HTTP, by the command line, with and without a running host.

use rosehip_core::destination::{HostPattern, host_of_url};
use rosehip_tests::{Client, Host, answering};
use serde_json::{Value, json};

/// A core module that answers every call with the same outcome: these effects.
pub(crate) fn emitter(name: &str, kinds: &[&str], effects: &Value) -> Vec<u8> {
    let manifest = json!({
        "v": 1, "name": name, "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
        "nodes": [{"id": "act", "kind": "step"}], "edges": [], "effects": kinds,
    });
    answering(&manifest, &json!({"v": 1, "effects": effects}))
}

/// The effects of the flow that a new article starts: kind, status and, where it was denied, the rule.
async fn effects_of(client: &Client, title: &str) -> Vec<(String, String, String)> {
    let saved = client.post_and_wait("/new", &Client::article(title, "published", "")).await.expect(201);
    let flow = saved["flows"].as_array().expect("flows").iter().find(|flow| flow["behavior"] == "emitter");
    let flow = client.flow(flow.expect("its flow")["id"].as_str().expect("an id")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let effects = flow["effects"].as_array().expect("effects").iter();
    effects.map(|effect| (text(&effect["kind"]), text(&effect["status"]), text(&effect["receipt"]["rule"]))).collect()
}

fn rules(effects: &[(String, String, String)]) -> Vec<&str> {
    effects.iter().map(|(_, _, rule)| rule.split(':').next().unwrap_or_default()).collect()
}

/// What policy takes for the host is what the HTTP client will call, or nothing. (The client reads by the WHATWG's rules.)
#[test]
fn what_is_read_as_a_host_is_the_host_that_is_called() {
    const PARTS: [&str; 34] = [
        "http",
        "https",
        "HTTP",
        ":",
        "/",
        "//",
        "\\\\",
        "@",
        "a.example",
        "B.example",
        "b",
        "%41",
        "%2e",
        ".",
        "-",
        "_",
        ":80",
        ":8443",
        "?",
        "#",
        "[::1]",
        "[",
        "]",
        "127.1",
        "0x7f",
        "1",
        " ",
        "\t",
        "\n",
        "ä",
        "xn--",
        ";",
        ",",
        "*",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    let mut read = 0;
    for _ in 0..400_000 {
        let count = random.usize(1..7);
        let scheme = if random.bool() { "https://" } else { "" };
        let url = (0..count).fold(scheme.to_owned(), |url, _| url + random.choice(PARTS).expect("a part"));
        let Ok(host) = host_of_url(&url) else { continue };
        // What the client cannot read it does not call.
        let Ok(called) = reqwest::Url::parse(&url) else { continue };
        read += 1;
        assert_eq!(called.port_or_known_default(), host.port, "{url:?}");
        let name = called.host_str().unwrap_or_default();
        if name != host.name {
            // A number that the client takes for an address, which no pattern but its own text covers.
            let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
            assert!(is_address, "{url:?}: {host} is called as {name}");
            assert!(!"*.example".parse::<HostPattern>().expect("a pattern").covers(&host), "{url:?}");
        }
    }
    assert!(read > 10_000, "only {read} were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_grant_does_not_cover_is_denied_by_its_rule() {
    let host = Host::start().await;
    let client = host.client();
    let public = "https://www.w3.org/ns/activitystreams#Public";
    let effects = json!([
        {"kind": "webhook", "payload": {"url": "http://hooks.example.org/in"}},
        {"kind": "webhook", "payload": {"url": "http://hooks.example.org@evil.example/in"}},
        {"kind": "email", "payload": {"to": ["a@example.org", "b@evil.example"], "subject": "s", "text": "t"}},
        {"kind": "activity", "payload": {"activity": {"type": "Note", "to": [public]}}},
        {"kind": "notify", "payload": {"channel": "team", "subject": "s", "text": "t"}},
        {"kind": "set", "payload": {"field": "tags", "value": []}},
        {"kind": "log", "payload": {"message": "declared by nobody"}},
    ]);
    let kinds = ["webhook", "email", "activity", "notify", "set"];
    let installed = client.install("emitter", &emitter("emitter", &kinds, &effects)).await.expect(201);
    assert_eq!(installed["enabled"], false, "{installed:#}");
    let policy = json!({"effects": [
        {"kind": "webhook", "hosts": ["*.example.com"]}, {"kind": "email", "hosts": ["example.org"]},
        {"kind": "activity", "audiences": ["followers"]}, {"kind": "notify", "channels": ["log"]},
        {"kind": "set", "actors": ["ada"]}, {"kind": "log"},
    ]});
    assert_eq!(client.put("/behaviors/emitter/policy", &policy).await.expect(200), policy);
    client.post("/behaviors/emitter/enable", &json!({})).await.expect(200);
    let found = effects_of(&client, "Denied").await;
    assert_eq!(rules(&found), ["host", "host", "host", "audience", "channel", "actor", "undeclared"], "{found:#?}");
    assert!(found.iter().all(|(_, status, rule)| status == "denied" && rule.contains(": ")), "{found:#?}");

    // The page shows and takes the same document.
    let page = client.page("/behaviors/emitter").await.text;
    assert!(page.contains("*.example.com") && page.contains("per_hour"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_narrowed_denies_what_waits() {
    let mut host = Host::start().await;
    let client = host.client();
    // A webhook that cannot be reached is tried again later; where there is no sink it is unhandled and redriven.
    let effects = json!([{"kind": "webhook", "payload": {"url": "http://127.0.0.1:1/in"}}]);
    client.install("emitter", &emitter("emitter", &["webhook"], &effects)).await.expect(201);
    host.cli(&["behaviors", "grant", "emitter", "webhook", "--host", "127.0.0.1:1"], "").ok();
    host.cli(&["behaviors", "enable", "emitter"], "").ok();
    let saved = client.post_and_wait("/new", &Client::article("Waits", "published", "")).await.expect(201);
    let flows = saved["flows"].as_array().expect("flows");
    let id = flows.iter().find(|flow| flow["behavior"] == "emitter").expect("its flow")["id"].clone();
    let id = id.as_str().expect("an id");
    let is_held =
        |flow: &Value| matches!(flow["effects"][0]["status"].as_str(), Some("unhandled" | "retrying" | "dead"));
    let flow = client.flow_until(id, is_held).await;
    let effect = flow["effects"][0]["id"].as_str().expect("an id").to_owned();

    // Without a host that runs, as well.
    assert_eq!(host.stop(), Some(0));
    host.cli(&["behaviors", "grant", "emitter", "webhook", "--host", "hooks.example"], "").ok();
    host.serve().await;
    client.post(&format!("/effects/{effect}/redrive"), &json!({})).await;
    let flow = client.flow_until(id, |flow| flow["effects"][0]["status"] == "denied").await;
    let why = flow["effects"][0]["last_error"].as_str().expect("a rule");
    assert!(why.starts_with("host: webhook to 127.0.0.1:1"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_that_is_full_denies_and_a_restart_does_not_empty_it() {
    let mut host = Host::start().await;
    let client = host.client();
    let log = json!({"kind": "log", "payload": {"message": "again"}});
    let module = emitter("emitter", &["log"], &json!([log, log]));
    client.install("emitter", &module).await.expect(201);
    host.cli(&["behaviors", "grant", "emitter", "log", "--per-hour", "3"], "").ok();
    assert_eq!(rules(&effects_of(&client, "First").await), ["", ""]);
    let second = effects_of(&client, "Second").await;
    assert_eq!(rules(&second), ["", "per-hour"], "{second:#?}");
    host.kill_and_serve().await;
    assert_eq!(rules(&effects_of(&client, "Third").await), ["per-hour", "per-hour"]);
    // Another behavior has an hour of its own.
    client.install("other", &module).await.expect(201);
    let saved = client.post_and_wait("/new", &Client::article("Fourth", "published", "")).await.expect(201);
    let flows = saved["flows"].as_array().expect("flows");
    let other = flows.iter().find(|flow| flow["behavior"] == "other").expect("its flow");
    assert_eq!(other["effects"]["dispatched"], 2);
    host.cli(&["behaviors", "grant", "emitter", "log"], "").ok();
    assert_eq!(rules(&effects_of(&client, "Fifth").await), ["", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_do_not_overfill_an_hour() {
    let host = Host::start().await;
    let client = host.client();
    let log = json!({"kind": "log", "payload": {"message": "x"}});
    client.install("emitter", &emitter("emitter", &["log"], &json!([log, log, log]))).await.expect(201);
    let policy = json!({"effects": [{"kind": "log", "per_hour": 20}]});
    client.put("/behaviors/emitter/policy", &policy).await.expect(200);
    let posts = (0..24).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            client.post_and_wait("/new", &Client::article(&format!("Burst {n}"), "published", "")).await.expect(201)
        })
    });
    for post in posts.collect::<Vec<_>>() {
        post.await.expect("saved");
    }
    let flows = client.flows("behavior=emitter&limit=200").await;
    let sum = |status: &str| flows.iter().filter_map(|flow| flow["effects"][status].as_u64()).sum::<u64>();
    assert_eq!((flows.len(), sum("dispatched"), sum("denied")), (24, 20, 52));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_grant_is_422_and_names_every_place() {
    let mut host = Host::start().await;
    let client = host.client();
    let bad = json!({"effects": [
        {"kind": "webhook", "hosts": ["ok.example", "http://x/"], "colour": "red"}, {"kind": "log", "per_hour": 0},
    ]});
    let problem = client.put("/behaviors/publish/policy", &bad).await.expect(422);
    let errors = problem["errors"].as_array().expect("errors");
    let found: Vec<_> = errors.iter().map(|error| (error["field"].as_str(), error["rule"].as_str())).collect();
    let wanted = [
        (Some("effects/0/colour"), Some("unknown-field")),
        (Some("effects/0/hosts/1"), Some("pattern")),
        (Some("effects/1/per_hour"), Some("range")),
    ];
    assert_eq!(found, wanted, "{problem:#}");
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        let cli = |args: &[&str]| host.cli(&[&["behaviors"], args].concat(), "");
        assert_eq!(cli(&["grant", "publish", "webhook", "--host", "*"]).code, Some(2));
        assert_eq!(cli(&["grant", "publish", "webhook", "email", "--host", "a.example"]).code, Some(2));
        let refused = cli(&["grant", "publish", "log", "--host", "a.example"]);
        assert!(refused.code == Some(1) && refused.stderr.contains("narrows"), "{}", refused.stderr);
        cli(&["grant", "publish", "activity", "--actor", "site", "--audience", "public", "--per-hour", "9"]).ok();
        let shown = cli(&["show", "publish"]).ok();
        assert!(shown.contains("activity --actor site --audience public --per-hour 9"), "{shown}");
        cli(&["revoke", "publish", "activity"]).ok();
        assert_eq!(cli(&["revoke", "publish", "activity"]).code, Some(3));
    }
}
