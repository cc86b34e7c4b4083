//! What is erased is gone: from every page, from every file, after a crash in its midst, and the log still verifies.

use std::{fs, path::Path, time::Duration};

use rosehip_tests::{Answer, Client, Host};
use serde_json::{Value, json};

/// Whether a text lies anywhere in the files of a directory.
fn lies_in(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(lies_in(&path, text));
        } else if let Ok(bytes) = fs::read(&path)
            && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

fn article(title: &str, category: &str, text: &str) -> Value {
    let mut article = Client::article(title, "published", category);
    article["body"] = json!(format!("It says {text} to everybody."));
    article
}

/// Publishes, and waits until the flow's effects are done with. Gives the flow and the activity's token.
async fn publish(client: &Client, article: &Value) -> (String, String) {
    let saved = client.post_and_wait("/new", article).await.expect(201);
    let id = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
    let is_settled = |flow: &Value| {
        let effects = flow["effects"].as_array().expect("effects");
        let open = ["recorded", "attempting", "retrying"];
        flow["status"] != "running"
            && !effects.iter().any(|effect| open.contains(&effect["status"].as_str().unwrap_or("")))
    };
    client.flow_until(&id, is_settled).await;
    let activity = saved["activity"].as_str().expect("an activity").rsplit('/').next().expect("a token").to_owned();
    (id, activity)
}

/// What answers 410 once an article is erased.
async fn must_be_gone(client: &Client, slug: &str, flow: &str, activity: &str) {
    for path in [
        format!("/{slug}/"),
        format!("/objects/Article/{slug}"),
        format!("/flows/{flow}"),
        format!("/activities/{activity}"),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["rule"]),
            (410, &json!("erased")),
            "{path}: {}",
            answer.text
        );
    }
    assert!(client.flows(&format!("object={slug}")).await.is_empty());
    assert!(!client.get("/").await.text.contains(slug));
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn verified(host: &Host) -> Value {
    let verified = host.verify();
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    json_of(&verified.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_article_is_gone_from_pages_and_files_and_stays_gone() {
    const MARK: &str = "unmistakable-3141";
    let mut host = Host::start().await;
    let client = host.client();
    let (flow, activity) = publish(&client, &article("Kept Not", "urgent", MARK)).await;
    let (other, _) = publish(&client, &article("Kept", "urgent", "other words")).await;
    let revised = json!({"title": "Kept Not", "body": format!("Again {MARK}.")});
    client.post_and_wait("/kept-not/edit", &revised).await.expect(200);
    assert!(!lies_in(&host.data(), MARK).is_empty());

    let dry = json_of(&host.cli(&["--json", "erase", "object", "kept-not", "--dry-run"], "").ok());
    assert_eq!(
        (&dry["dry_run"], &dry["objects"], &dry["entry"]),
        (&json!(true), &json!(["Article/kept-not"]), &json!(null))
    );
    assert!(dry["flows"].as_u64() >= Some(1) && dry["bytes"].as_u64() > Some(1_000), "{dry}");
    client.get("/kept-not/").await.expect(200);

    let erased = host.cli(&["--json", "erase", "object", "kept-not", "--reason", "asked for"], "").ok();
    let erased = json_of(&erased);
    assert_eq!(erased["entries"], dry["entries"]);
    assert_eq!(lies_in(&host.data(), MARK), Vec::<String>::new(), "while the host runs");
    must_be_gone(&client, "kept-not", &flow, &activity).await;
    let told = client.get(&format!("/flows/{flow}")).await.json();
    assert_eq!((&told["erased"]["reason"], &told["erased"]["entry"]), (&json!("asked for"), &erased["entry"]));
    assert_eq!(told["events"][0]["kind"], "flow.started");
    for action in ["retry", "rerun", "cancel", "pin"] {
        assert_eq!(client.post(&format!("/flows/{flow}/{action}"), &json!({})).await.status.as_u16(), 410, "{action}");
    }
    assert_eq!(host.cli(&["flows", "show", &flow], "").code, Some(3));
    assert_eq!(host.cli(&["erase", "object", "kept-not"], "").code, Some(3), "it is gone already");
    assert_eq!(client.flow(&other).await["status"], "completed");
    assert_eq!(verified(&host)["erased"], erased["entries"]);

    // The name is never given again: ids are derived from it.
    assert_eq!(client.put("/objects/Article/kept-not", &article("Again", "", "x")).await.status.as_u16(), 410);
    assert_eq!(client.delete("/objects/Article/kept-not").await.status.as_u16(), 410);
    let mut named = article("Again", "", "x");
    named["slug"] = json!("kept-not");
    assert_eq!(client.post("/new", &named).await.status.as_u16(), 409);
    let again = client.post("/new", &Client::article("Kept Not", "draft", "")).await.expect(201);
    assert_eq!(again["slug"], "kept-not-2");

    let seen = async |client: &Client| -> Vec<String> {
        let answers: [Answer; 3] =
            [client.get("/flows").await, client.get("/").await, client.get("/flows?object=kept-not").await];
        answers.into_iter().map(|answer| answer.text).collect()
    };
    let before = seen(&client).await;
    host.kill_and_serve().await;
    must_be_gone(&client, "kept-not", &flow, &activity).await;
    assert_eq!(seen(&client).await, before, "after a crash");
    assert_eq!(host.stop(), Some(0));
    assert_eq!(lies_in(&host.data(), MARK), Vec::<String>::new(), "while it does not run");
    for name in ["views.db", "views.db-wal", "views.db-shm"] {
        let _ = fs::remove_file(host.path(name));
    }
    host.serve().await;
    must_be_gone(&client, "kept-not", &flow, &activity).await;
    assert_eq!(seen(&client).await, before, "from rebuilt views");
    assert_eq!(verified(&host)["unfinished"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_that_wait_are_named_and_cancelled_only_at_a_word() {
    let mut host = Host::start().await;
    let client = host.client();
    for is_running in [true, false] {
        let slug = if is_running { "running" } else { "stopped" };
        let saved = client.post_and_wait("/new", &article(slug, "newsletter", "waits")).await.expect(201);
        let flow = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
        let activity = saved["activity"].as_str().and_then(|id| id.rsplit('/').next()).expect("a token").to_owned();
        client.flow_until(&flow, |flow| flow["status"] == "suspended").await;
        if is_running {
            let refused = client.post("/erasures", &json!({"object": slug})).await;
            let refused = refused.expect(409);
            assert_eq!((&refused["rule"], &refused["flows"]), (&json!("open-flows"), &json!([flow])));
        } else {
            assert_eq!(host.stop(), Some(0));
        }
        let refused = host.cli(&["erase", "object", slug], "");
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains(&flow), "{}", refused.stderr);
        host.cli(&["erase", "object", slug, "--cancel"], "").ok();
        if !is_running {
            host.serve().await;
        }
        must_be_gone(&client, slug, &flow, &activity).await;
        verified(&host);
    }
    assert!(!host.log().contains("given up"), "nothing of what is erased is taken up again: {}", host.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_erased_under_all_the_slugs_it_had() {
    let host = Host::start().await;
    let client = host.client();
    publish(&client, &article("First", "urgent", "x")).await;
    client.post_and_wait("/first/edit", &json!({"title": "First", "slug": "second"})).await.expect(200);
    assert_eq!(client.get("/first/").await.status.as_u16(), 301);
    host.cli(&["erase", "object", "second"], "").ok();
    for slug in ["first", "second"] {
        assert_eq!(client.get(&format!("/{slug}/")).await.status.as_u16(), 410, "{slug}");
        let mut named = Client::article("Other", "draft", "");
        named["slug"] = json!(slug);
        assert_eq!(client.post("/new", &named).await.status.as_u16(), 409, "{slug}");
    }
    assert_eq!(client.get("/never-was/").await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_operator_erases() {
    let host = Host::start().await;
    let token = host.add_user("edith", "editor");
    let editor = host.client_of(&token);
    assert_eq!(editor.post("/erasures", &json!({"object": "a"})).await.status.as_u16(), 403);
    assert_eq!(host.client().post("/erasures", &json!({"object": "never-was"})).await.status.as_u16(), 404);
    assert_eq!(host.client().post("/erasures", &json!({})).await.status.as_u16(), 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_goes_with_all_it_published() {
    const MARK: &str = "unmistakable-2718";
    let host = Host::start().await;
    let client = host.client();
    let (flow, activity) = publish(&client, &article("One", "urgent", MARK)).await;
    client.post("/new", &Client::article("A draft", "draft", "")).await.expect(201);
    client.put("/objects/Order/7", &json!({"status": "paid", "note": MARK})).await.expect(201);
    let erased = json_of(&host.cli(&["--json", "erase", "actor", "site", "--cancel"], "").ok());
    assert_eq!(erased["objects"], json!(["Article/a-draft", "Article/one", "Order/7"]));
    must_be_gone(&client, "one", &flow, &activity).await;
    assert_eq!(client.get("/objects/Order/7").await.status.as_u16(), 410);
    assert_eq!(lies_in(&host.data(), MARK), Vec::<String>::new());
    verified(&host);
    // The host goes on.
    publish(&client, &article("Two", "urgent", "other words")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_goes_with_tokens_and_sessions_and_the_hosts_own_actor_stays() {
    let host = Host::start().await;
    let token = host.add_user("quintilian", "editor");
    let theirs = host.client_of(&token);
    theirs.post_and_wait("/new", &article("By them", "urgent", "words")).await.expect(201);
    let dry = json_of(&host.cli(&["--json", "erase", "user", "quintilian", "--dry-run"], "").ok());
    assert!(dry["warning"].as_str().is_some_and(|warning| warning.contains("actor site")), "{dry}");
    theirs.get("/drafts").await.expect(200);
    host.cli(&["erase", "user", "quintilian"], "").ok();
    assert_eq!(theirs.get("/drafts").await.status.as_u16(), 401);
    assert!(!host.cli(&["user", "ls"], "").ok().contains("quintilian"));
    host.client().get("/by-them/").await.expect(200);
    assert_eq!(host.cli(&["erase", "user", "quintilian"], "").code, Some(3));
    let in_accounts = lies_in(&host.data(), "quintilian").into_iter().filter(|path| path.contains("accounts"));
    assert_eq!(in_accounts.collect::<Vec<_>>(), Vec::<String>::new());
    verified(&host);
}

/// A crash at any moment of an erasure: it is completed by the next start, or it never happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_that_a_kill_cuts_short_is_completed_or_never_happened() {
    const ROUNDS: u64 = 12;
    let mut host = Host::start().await;
    for round in 0..ROUNDS {
        let client = host.client();
        let (slug, mark) = (format!("round-{round}"), format!("unmistakable-{round}-1618"));
        let key = format!("/objects/Note/{slug}");
        for revision in 0..60 {
            let note = json!({"n": revision, "text": format!("{mark} {}", "x".repeat(20_000))});
            let status = client.put(&key, &note).await.status.as_u16();
            assert!(matches!(status, 200 | 201), "{status}");
        }
        client.until_jobs(|jobs| jobs == 0).await;
        let asked = {
            let (client, slug) = (client.clone(), slug.clone());
            tokio::spawn(async move {
                let request = client.request(reqwest::Method::POST, "/erasures");
                client.try_send(request.json(&json!({"object": format!("Note/{slug}"), "cancel": true}))).await.is_ok()
            })
        };
        // The moment moves over the whole of it; the outcome is right at any.
        tokio::time::sleep(Duration::from_millis(round * 5)).await;
        host.kill();
        let was_answered = asked.await.expect("asked");
        host.serve().await;
        let client = host.client();
        let report = verified(&host);
        assert_eq!(report["unfinished"], 0);
        let status = client.get(&key).await.status.as_u16();
        match status {
            410 => assert_eq!(lies_in(&host.data(), &mark), Vec::<String>::new(), "round {round}"),
            200 => assert!(!was_answered, "round {round}"),
            other => panic!("round {round}: {other}"),
        }
    }
}
