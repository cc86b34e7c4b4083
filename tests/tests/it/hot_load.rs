//! Loading: what authors offer and operators activate, going back, what is remembered, and how much memory a behavior
//! is granted.

use rosehip_tests::{Client, Host, TWO_STEP};
use serde_json::{Value, json};

use crate::modules::{Speaking, variant};

/// The behavior `tale` in a version that says so.
fn tale(version: &str) -> Vec<u8> {
    Speaking { name: "tale", version, says: version, effects: &["log"] }.build()
}

/// What the flow says that a publish starts, and the digest that it ran on.
async fn publish(client: &Client, title: &str) -> (Value, Value) {
    let saved = client.post_and_wait("/new", &Client::article(title, "published", "")).await.expect(201);
    let flows = saved["flows"].as_array().expect("flows");
    let flow = flows.iter().find(|flow| flow["behavior"] == "tale").expect("its flow");
    let flow = client.flow(flow["id"].as_str().expect("an id")).await;
    assert_eq!(flow["status"], "completed");
    (flow["effects"][0]["payload"]["message"].clone(), flow["digest"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_offers_and_an_operator_activates() {
    let mut host = Host::start().await;
    let client = host.client();
    let author = host.client_of(&host.add_user("ann", "author"));
    let active = client.install("tale", &tale("1.0.0")).await.expect(201)["digest"].clone();

    let offered = author.install("tale", &tale("1.1.0")).await.expect(200);
    assert_eq!((&offered["digest"], &offered["version"]), (&active, &json!("1.0.0")), "the active one stays");
    assert_eq!((&offered["candidate"]["version"], &offered["candidate"]["by"]), (&json!("1.1.0"), &json!("ann")));
    assert_eq!(
        author.install("tale", &tale("1.1.0")).await.expect(200)["candidates"].as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(publish(&client, "Before").await, (json!("1.0.0"), active.clone()));

    host.kill_and_serve().await;
    let listed = client.get("/behaviors").await.expect(200);
    let tale_of = |list: &Value| {
        list["behaviors"].as_array().expect("behaviors").iter().find(|one| one["name"] == "tale").cloned().expect("it")
    };
    let candidate = tale_of(&listed)["candidates"][0].clone();
    assert_eq!((&candidate["version"], &candidate["by"]), (&json!("1.1.0"), &json!("ann")));
    let digest = candidate["digest"].as_str().expect("a digest").to_owned();
    let page = client.page("/behaviors/tale").await.text;
    assert!(page.contains("Candidates") && page.contains("/behaviors/tale/activate") && page.contains(&digest));

    let activate = json!({"digest": digest[..8]});
    assert_eq!(author.post("/behaviors/tale/activate", &activate).await.status.as_u16(), 403);
    let activated = client.post("/behaviors/tale/activate", &activate).await.expect(200);
    assert_eq!((&activated["digest"], &activated["candidates"]), (&json!(digest), &json!([])));
    assert_eq!(activated["history"][1]["by"], "olga", "who activated it, not who offered it");
    assert_eq!(publish(&client, "After").await, (json!("1.1.0"), json!(digest)));
}

#[tokio::test(flavor = "multi_thread")]
async fn going_back_starts_what_only_the_newer_module_held_back() {
    let host = Host::start().await;
    let client = host.client();
    client.install("tale", &tale("1.0.0")).await.expect(201);
    let greedy = Speaking { name: "tale", version: "2.0.0", says: "2.0.0", effects: &["log", "email"] }.build();
    assert_eq!(client.install("tale", &greedy).await.expect(200)["enabled"], false, "email is not granted");
    assert_eq!(client.post("/behaviors/tale/rollback", &json!({})).await.expect(200)["enabled"], true);
    assert_eq!(publish(&client, "Back").await.0, "1.0.0");
    client.post("/behaviors/tale/disable", &json!({})).await.expect(200);
    client.install("tale", &tale("3.0.0")).await.expect(200);
    let back = client.post("/behaviors/tale/rollback", &json!({})).await.expect(200);
    assert_eq!(back["enabled"], false, "what someone switched off stays off");
    let id = client.first_flow("behavior=tale").await["id"].as_str().expect("an id").to_owned();
    assert_eq!(client.post(&format!("/flows/{id}/rerun"), &json!({})).await.status.as_u16(), 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_starts_what_an_author_put_under_a_new_name() {
    let host = Host::start().await;
    let client = host.client();
    let author = host.client_of(&host.add_user("ann", "author"));
    assert_eq!(author.install("tale", &tale("1.0.0")).await.expect(201)["enabled"], false);
    assert_eq!(author.install("tale", &tale("1.0.0")).await.expect(200)["enabled"], false);
    assert_eq!(client.install("tale", &tale("1.0.0")).await.expect(200)["enabled"], true);
    assert_eq!(publish(&client, "Taken").await.0, "1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_activated_passes_the_checks_of_an_install() {
    let host = Host::start().await;
    let client = host.client();
    let author = host.client_of(&host.add_user("ann", "author"));
    let active = client.install("tale", &tale("2.0.0")).await.expect(201)["digest"].clone();
    let lower = author.install("tale", &tale("1.0.0")).await.expect(200)["candidate"]["digest"].clone();
    let activate = |digest: Value, more: Value| {
        let mut body = json!({"digest": digest});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        client.request(reqwest::Method::POST, "/behaviors/tale/activate").json(&body)
    };
    let refused = client.send(activate(lower.clone(), json!({}))).await.expect(409);
    assert_eq!(refused["rule"], "lower-version");
    for (digest, status) in [("abc", 422), ("ABCDEF0123", 422), ("00000000", 404)] {
        let problem = client.send(activate(json!(digest), json!({}))).await.expect(status);
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.starts_with("digest:")), "{problem:#}");
    }
    assert_eq!(client.send(activate(json!(7), json!({}))).await.expect(422)["errors"][0]["field"], "digest");
    assert_eq!(client.get("/behaviors/tale").await.expect(200)["digest"], active);
    let forced = client.send(activate(lower.clone(), json!({"force": true}))).await.expect(200);
    assert_eq!((&forced["digest"], &forced["version"]), (&lower, &json!("1.0.0")));
    let missing = client.post("/behaviors/none/activate", &json!({"digest": "00000000"})).await;
    assert_eq!(missing.status.as_u16(), 404);

    // A kind that is not granted: bound, and disabled.
    let asking = Speaking { name: "tale", version: "3.0.0", says: "3", effects: &["log", "email"] }.build();
    let offered = author.install("tale", &asking).await.expect(200);
    assert_eq!(offered["to_grant"], json!(["email"]));
    let digest = offered["candidate"]["digest"].as_str().expect("a digest").to_owned();
    host.cli(&["behaviors", "activate", "tale", &digest[..12]], "").ok();
    let bound = client.get("/behaviors/tale").await.expect(200);
    assert_eq!(
        (&bound["digest"], &bound["enabled"], &bound["to_grant"]),
        (&json!(digest), &json!(false), &json!(["email"]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_returns_to_what_was_replaced_and_the_history_keeps_all() {
    let host = Host::start().await;
    let client = host.client();
    let mut digests = Vec::new();
    for version in ["1.0.0", "1.1.0"] {
        digests.push(client.install("tale", &tale(version)).await.status);
    }
    assert_eq!(digests, [201, 200]);
    let back = client.post("/behaviors/tale/rollback", &json!({})).await.expect(200);
    assert_eq!((&back["version"], &back["enabled"]), (&json!("1.0.0"), &json!(true)));
    client.install("tale", &tale("1.2.0")).await.expect(200);
    let back = client.post("/behaviors/tale/rollback", &json!({})).await.expect(200);
    let of = |key: &str| {
        back["history"].as_array().expect("a history").iter().map(|one| one[key].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("version"), ["1.0.0", "1.1.0", "1.2.0"]);
    assert_eq!(of("active"), [true, false, false], "1.2.0 replaced 1.0.0");
    let by: Vec<_> = of("rolled_back").iter().map(|back| back["by"].clone()).collect();
    assert_eq!(by, [Value::Null, json!("olga"), json!("olga")]);
    let seqs: Vec<_> = of("seq").iter().filter_map(Value::as_u64).collect();
    assert!(seqs.is_sorted() && seqs.len() == 3, "{seqs:?}");
    assert_eq!(publish(&client, "Back").await.0, "1.0.0");
    assert_eq!(client.post("/behaviors/tale/rollback", &json!({})).await.expect(409)["rule"], "state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_to_what_is_not_granted_any_more_disables() {
    let host = Host::start().await;
    let client = host.client();
    let asking = Speaking { name: "tale", version: "1.0.0", says: "1", effects: &["log", "email"] }.build();
    client.install("tale", &asking).await.expect(201);
    host.cli(&["behaviors", "grant", "tale", "email"], "").ok();
    client.post("/behaviors/tale/enable", &json!({})).await.expect(200);
    client.install("tale", &tale("1.1.0")).await.expect(200);
    host.cli(&["behaviors", "revoke", "tale", "email"], "").ok();
    let back = client.post("/behaviors/tale/rollback", &json!({})).await.expect(200);
    assert_eq!(
        (&back["version"], &back["enabled"], &back["to_grant"]),
        (&json!("1.0.0"), &json!(false), &json!(["email"]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn installs_of_one_name_at_once_come_one_after_the_other() {
    let host = Host::start().await;
    let client = host.client();
    let uploads: Vec<_> = (0..8)
        .map(|number| {
            let (client, wasm) = (client.clone(), variant(TWO_STEP, &format!("upload {number}")));
            tokio::spawn(async move { client.install("twice", &wasm).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for upload in uploads {
        statuses.push(upload.await.expect("an upload"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201], "one of them made the name");
    let twice = client.get("/behaviors/twice").await.expect(200);
    let history = twice["history"].as_array().expect("a history");
    assert_eq!(history.len(), 8);
    assert_eq!((&history[7]["active"], &history[7]["digest"]), (&json!(true), &twice["digest"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_granted_within_bounds() {
    let host = Host::start().await;
    let client = host.client();
    host.cli(&["behaviors", "grant", "publish", "--memory", "128"], "").ok();
    let policy = client.get("/behaviors/publish/policy").await.expect(200);
    assert_eq!(policy["memory_mib"], 128);
    assert!(host.cli(&["behaviors", "show", "publish"], "").ok().contains("128 MiB"));
    assert!(client.page("/behaviors/publish").await.text.contains("128 MiB a call"));
    for memory in [json!(63), json!(257), json!(64.5), json!("64")] {
        let mut policy = policy.clone();
        policy["memory_mib"] = memory;
        let problem = client.put("/behaviors/publish/policy", &policy).await.expect(422);
        let error = &problem["errors"][0];
        assert_eq!(
            (&error["field"], &error["message"]),
            (&json!("memory_mib"), &json!("must be a whole number from 64 to 256 (MiB)"))
        );
    }
    let refused = host.cli(&["behaviors", "grant", "publish", "--memory", "300"], "");
    assert!(refused.code == Some(1) && refused.stderr.contains("memory_mib"), "{}", refused.stderr);
    host.cli(&["behaviors", "revoke", "publish", "--memory"], "").ok();
    assert_eq!(client.get("/behaviors/publish/policy").await.expect(200)["memory_mib"], Value::Null);
    assert_eq!(host.cli(&["behaviors", "grant", "publish"], "").code, Some(2), "nothing to grant is a usage error");
}
