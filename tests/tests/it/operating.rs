//! What whoever runs a host watches and reads: metrics, readiness, the audit trail, the pages of accounts, the unit.

use std::{
    collections::BTreeSet,
    process::Command,
    time::{Duration, Instant},
};

use reqwest::Method;
use rosehip_tests::{Browser, Client, Host, Receiver, Respond, rosehip};
use serde_json::{Value, json};

/// The names that `docs/operators/metrics.md` lists.
fn documented() -> BTreeSet<String> {
    let page = include_str!("../../../docs/operators/metrics.md");
    // The table of alarms has expressions and no kinds.
    let is_row =
        |line: &&str| ["gauge", "counter", "histogram"].iter().any(|kind| line.contains(&format!("` | {kind} |")));
    let rows = page.lines().filter(is_row).filter_map(|line| line.strip_prefix("| `rosehip_")?.split('`').next());
    rows.map(|name| format!("rosehip_{name}")).collect()
}

async fn metrics(host: &Host) -> String {
    let client = host.client().stranger();
    client.send(client.request(Method::GET, "/metrics")).await.text
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_of_the_page_with_their_help_and_no_id() {
    let mut receiver = Receiver::start(&[Respond::Status("500 Internal Server Error", "x: y")]).await;
    let host = Host::start_configured("[outgoing]\nallow = [\"localhost\"]\n", &[]).await;
    let client = host.client();
    let written = client.post_and_wait("/new", &Client::article("Counted", "published", "urgent")).await.expect(201);
    client.install("misbehave", rosehip_tests::MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "fatal"})).await.expect(200);
    client.post_and_wait("/new", &Client::article("Failed", "published", "urgent")).await.expect(201);
    client.install_ask().await;
    let email = json!([{"kind": "email", "payload": {"to": ["a@a.example"], "subject": "s", "text": "t"}}]);
    let unhandled = client.ask("email", &email).await;
    client.effect_until(&unhandled, 0, "unhandled").await;
    let flow = client.ask("late", &json!([{"kind": "webhook", "payload": {"url": receiver.url("/")}}])).await;
    receiver.next().await;
    client.effect_until(&flow, 0, "retrying").await;
    client.get("/no-such-page/").await.expect(404);

    let text = metrics(&host).await;
    let helped: BTreeSet<String> =
        text.lines().filter_map(|line| Some(line.strip_prefix("# HELP ")?.split(' ').next()?.to_owned())).collect();
    let typed: BTreeSet<String> =
        text.lines().filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned())).collect();
    let mut expected = documented();
    // Nothing was delivered to another host.
    expected.remove("rosehip_delivery_attempts_total");
    assert_eq!(helped, expected);
    assert_eq!(typed, expected);
    for line in [
        "rosehip_flows{status=\"failed\"} 1",
        "rosehip_flows_total{event=\"failed\"} 1",
        "rosehip_retries_total{of=\"effect\"} 1",
        "rosehip_effects_stuck{kind=\"email\",status=\"unhandled\"} 1",
        "rosehip_effects_total{kind=\"webhook\",status=\"retrying\"} 1",
        "rosehip_guest_failures_total{by=\"guest\",rule=\"fatal\"} 1",
        "rosehip_activities_unmatched 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is missing: {text}");
    }
    assert!(text.contains("route=\"/objects/{type}/{id}\"") && text.contains("route=\"/new\""), "{text}");
    for id in [flow.as_str(), written["flows"][0]["id"].as_str().expect("an id"), "counted", "olga"] {
        assert!(!text.contains(id), "{id} is told: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_says_how_each_part_is() {
    let host = Host::start().await;
    let client = host.client().stranger();
    let told = client.get("/readyz?verbose").await.expect(200);
    assert_eq!(told["ready"], true, "{told:#}");
    let parts = told["parts"].as_array().expect("parts");
    let names: Vec<_> = parts.iter().map(|part| part["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["log", "views", "engine", "matcher", "modules", "deliveries", "disk"]);
    assert!(parts.iter().all(|part| part["state"] != "failed" && part["detail"].is_string()), "{told:#}");
    assert_eq!(client.get("/readyz").await.text, "ok\n");
    assert_eq!(client.get("/livez").await.text, "ok\n");
    // A module that is gone is told, and the host is ready all the same.
    for module in std::fs::read_dir(host.path("modules")).expect("read") {
        std::fs::remove_file(module.expect("a file").path()).expect("removed");
    }
    let told = client.get("/readyz?verbose").await.expect(200);
    let modules = told["parts"].as_array().expect("parts").iter().find(|part| part["name"] == "modules");
    assert_eq!(modules.expect("a part")["state"], "degraded", "{told:#}");
}

/// The lines of the audit trail, newest first: what, by whom, to whom.
/// The lines of the host's own log that say this, once there are as many as wanted; for at most 30 seconds.
async fn logged(host: &Host, message: &str, wanted: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let log = host.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<_> = lines.filter(|line| line["message"] == message).collect();
        if found.len() >= wanted {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{message} is not said {wanted} times: {log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_fails_and_an_effect_that_is_dead_are_a_line_of_the_log() {
    let responses = &[Respond::Status("410 Gone", "x: y")];
    let receiver = Receiver::start(responses).await;
    let host = Host::start_configured("[outgoing]\nallow = [\"localhost\"]\n", &[]).await;
    let client = host.client();
    client.install("misbehave", rosehip_tests::MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "loop"})).await.expect(200);
    let written = client.post_and_wait("/new", &Client::article("Fire drill", "published", "urgent")).await.expect(201);
    let failed = written["flows"].as_array().expect("flows").iter().find(|flow| flow["status"] == "failed");
    let failed = failed.expect("one failed")["id"].clone();
    let lines = logged(&host, "a flow failed", 1).await;
    let told = |line: &Value, members: [&str; 3]| members.map(|member| line[member].clone());
    assert_eq!(told(&lines[0], ["level", "flow", "behavior"]), [json!("WARN"), failed.clone(), json!("misbehave")]);
    assert!(lines[0]["error"].as_str().is_some_and(|error| error.starts_with("fuel: ")), "{}", lines[0]);

    // A retry that fails again is another line, and nothing else is.
    let failed = failed.as_str().expect("an id");
    client.post(&format!("/flows/{failed}/retry"), &json!({})).await.expect(200);
    assert_eq!(logged(&host, "a flow failed", 2).await.len(), 2);

    client.install_ask().await;
    let payload = json!({"url": receiver.url("/s3cret"), "body": {"text": "wh1sper"}});
    let flow = client.ask("gone", &json!([{"kind": "webhook", "payload": payload}])).await;
    let effect = client.effect_until(&flow, 0, "dead").await;
    let lines = logged(&host, "an effect is dead", 1).await;
    assert_eq!(told(&lines[0], ["level", "effect", "flow"]), [json!("WARN"), effect["id"].clone(), json!(flow)]);
    assert_eq!(
        told(&lines[0], ["behavior", "kind", "error"]),
        [json!("ask"), json!("webhook"), effect["last_error"].clone()]
    );
    assert_eq!((lines.len(), logged(&host, "a flow failed", 2).await.len()), (1, 2));
    for secret in ["s3cret", "wh1sper"] {
        assert!(!host.log().contains(secret), "{}", host.log());
    }
}

async fn trail(client: &Client, query: &str) -> Vec<[Value; 3]> {
    let told = client.get(&format!("/audit?{query}")).await.expect(200);
    let lines = told["entries"].as_array().expect("entries").clone();
    lines.into_iter().map(|line| ["what", "by", "about"].map(|member| line[member].clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_is_in_the_audit_trail() {
    let host = Host::start().await;
    let client = host.client();
    let (browser, csrf) = Browser::of(&host, "edith", "editor").await;
    client.post("/users/edith/role", &json!({"role": "approver"})).await.expect(204);
    browser.submit("/logout", &[("csrf", &csrf)]).await;
    client.post("/users/edith/password", &json!({"password": "battery staple"})).await.expect(204);
    client.post("/behaviors/publish/disable", &json!({})).await;
    host.cli(&["backup", host.path("../copy").to_str().expect("UTF-8")], "").ok();
    client.delete("/users/edith").await.expect(204);

    let lines = trail(&client, "").await;
    let line = |what: &str, by: &str, about: Value| [json!(what), json!(by), about];
    let expected = [
        line("user-removed", "olga", json!("edith")),
        line("backup-taken", "operator", Value::Null),
        line("behavior.switched", "olga", json!("publish")),
        line("password-changed", "olga", json!("edith")),
        line("logged-out", "edith", Value::Null),
        line("role-changed", "olga", json!("edith")),
        line("logged-in", "edith", Value::Null),
        line("token-created", "operator", json!("edith")),
        line("user-added", "operator", json!("edith")),
    ];
    assert_eq!(lines[..expected.len()], expected);
    assert_eq!(trail(&client, "what=role-changed").await.len(), 1);
    assert_eq!(host.cli(&["audit", "ls", "--what", "baked"], "").code, Some(2));
    let refused = client.get("/audit?what=baked").await.expect(422);
    assert_eq!((&refused["errors"][0]["field"], &refused["errors"][0]["rule"]), (&json!("what"), &json!("one-of")));
    assert!(trail(&client, "by=edith").await.iter().all(|[_, by, _]| by == "edith"));
    let page = client.get("/audit?limit=2").await.expect(200);
    let next = page["next"].as_str().expect("there is more");
    assert_eq!(trail(&client, &format!("limit=2&cursor={next}")).await, lines[2..4]);
    let listed = host.cli(&["audit", "ls", "--what", "backup-taken", "--json"], "").ok();
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed["entries"][0]["via"], "directory");

    // No secret is anywhere in the log.
    let log = std::fs::read(host.path("log.db")).expect("read");
    let wal = std::fs::read(host.path("log.db-wal")).unwrap_or_default();
    for secret in ["correct horse", "battery staple", "rh_"] {
        let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_in(&log) && !is_in(&wal), "{secret} is in the log");
    }
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_did_is_erased_with_the_user() {
    let host = Host::start().await;
    let client = host.client();
    let (_browser, _) = Browser::of(&host, "edith", "editor").await;
    assert!(!trail(&client, "by=edith").await.is_empty());
    host.cli(&["erase", "user", "edith", "--reason", "asked for"], "").ok();
    let about_edith = |lines: Vec<[Value; 3]>| lines.into_iter().filter(|line| line.contains(&json!("edith"))).count();
    assert_eq!(about_edith(trail(&client, "").await), 0);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_tries_passwords_is_held_up_and_fills_no_log() {
    let host = Host::start().await;
    host.add_user("edith", "editor");
    let stranger = host.client().stranger();
    let form = stranger.page("/login").await;
    let cookie = form.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let csrf = form.text.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let csrf = csrf.expect("a token").to_owned();
    let mut statuses: Vec<u16> = Vec::new();
    while statuses.last() != Some(&429) {
        assert!(statuses.len() < 400, "40 at once and one every 1.5 s are let in, and no more: {statuses:?}");
        let name = if statuses.len().is_multiple_of(2) { "edith" } else { "hunter2" };
        let request = stranger.request(Method::POST, "/login").header("cookie", &cookie);
        let fields = [("csrf", csrf.as_str()), ("name", name), ("password", "wrong horse")];
        statuses.push(stranger.send(request.form(&fields)).await.status.as_u16());
    }
    assert_eq!(statuses[0], 401);
    let failed = trail(&host.client(), "what=login-failed").await;
    assert_eq!(failed.len(), 2, "one for the user that there is, one for all others: {failed:?}");
    assert!(failed.iter().all(|[_, by, about]| by.is_null() && (about.is_null() || about == "edith")), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_sees_and_ends_sessions_and_tokens() {
    let host = Host::start().await;
    let (first, _) = Browser::of(&host, "edith", "editor").await;
    let (second, csrf) = Browser::again(&host, "edith").await;
    let page = second.open("/account").await.text;
    assert!(page.contains("this one") && page.contains("127.0.0.0/24"), "{page}");
    assert!(page.contains("Log out everywhere else"), "{page}");

    let made = second.submit("/account/tokens", &[("csrf", &csrf), ("name", "laptop")]).await;
    assert_eq!(made.status.as_u16(), 200, "{}", made.text);
    let secret = made.text.split("rh_").nth(1).and_then(|rest| rest.get(..52)).expect("a secret");
    let by_token = host.client_of(&format!("rh_{secret}"));
    let account = by_token.get("/account").await.expect(200);
    assert_eq!((account["user"].as_str(), account["sessions"].as_array().map(Vec::len)), (Some("edith"), Some(2)));
    assert!(!second.open("/account").await.text.contains(secret), "it is shown once");
    let refused = by_token.post("/account/tokens", &json!({"name": "more"})).await;
    assert_eq!(refused.status.as_u16(), 403, "a token makes no tokens");

    assert_eq!(second.submit("/account/sessions/end-others", &[("csrf", &csrf)]).await.status.as_u16(), 303);
    assert_eq!(first.open("/drafts").await.header("location"), "/login?next=%2Fdrafts");
    assert_eq!(second.open("/drafts").await.status.as_u16(), 200);
    assert_eq!(second.submit("/account/tokens/laptop/revoke", &[("csrf", &csrf)]).await.status.as_u16(), 303);
    assert_eq!(by_token.get("/account").await.status.as_u16(), 401);
    assert_eq!(second.open("/users").await.status.as_u16(), 403, "others' are an operator's");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_after_users_by_forms() {
    let host = Host::start().await;
    let (browser, csrf) = Browser::of(&host, "otto", "operator").await;
    let csrf = csrf.as_str();
    let add = [("csrf", csrf), ("name", "edith"), ("role", "editor"), ("password", "correct horse"), ("actor", "site")];
    assert_eq!(browser.submit("/users", &add).await.header("location"), "/users");
    browser.submit("/users/edith/role", &[("csrf", csrf), ("role", "approver")]).await;
    let page = browser.open("/users").await.text;
    assert!(page.contains("<h2>edith</h2> <span class=\"badge\">approver</span>"), "{page}");
    let made = browser.submit("/tokens", &[("csrf", csrf), ("user", "edith"), ("name", "ci")]).await;
    assert!(made.text.contains("rh_"), "{}", made.text);
    assert!(browser.open("/tokens").await.text.contains("Revoke ci of edith"));
    assert_eq!(browser.submit("/tokens/ci/revoke?user=edith", &[("csrf", csrf)]).await.header("location"), "/tokens");
    assert_eq!(browser.submit("/users/edith/delete", &[("csrf", csrf)]).await.header("location"), "/users");
    assert!(!browser.open("/users").await.text.contains("<h2>edith</h2>"));
    let trail = browser.open("/audit?by=otto").await.text;
    assert!(trail.contains("user removed") && trail.contains("token revoked"), "{trail}");
}

/// Needs `systemd-analyze`, which comes with systemd.
#[test]
fn the_unit_is_one_that_systemd_takes() {
    let dir = tempfile::tempdir().expect("a directory");
    let unit = include_str!("../../../packaging/rosehip.service");
    let binary = rosehip().display().to_string();
    let file = dir.path().join("rosehip.service");
    std::fs::write(&file, unit.replace("/usr/local/bin/rosehip", &binary)).expect("written");
    let verified =
        Command::new("systemd-analyze").args(["verify", "--man=no", "--recursive-errors=no"]).arg(&file).output();
    let verified = verified.expect("systemd-analyze runs");
    let stderr = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && stderr.trim().is_empty(), "{stderr}");
}
