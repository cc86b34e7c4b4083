//! Forms and JSON: what editors write, what comes back when it is wrong, and who sees what.

use reqwest::{Method, header};
use rosehip_tests::{Browser, Client, Host};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_publishes_with_a_form_and_sees_the_flow() {
    let host = Host::start().await;
    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let fields = [
        ("csrf", &*csrf),
        ("title", "Form post"),
        ("body", "Hi <b>there</b>."),
        ("category", "urgent"),
        ("tags", "a, b"),
        ("status", "published"),
    ];
    let answer = browser.submit("/new", &fields).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/form-post/"));
    let page = browser.open("/form-post/").await;
    assert!(page.text.contains("Form post") && page.text.contains("<b>there</b>"), "{}", page.text);
    host.client().first_flow("object=form-post").await;
    let flows = browser.open("/flows").await;
    assert_eq!(flows.status.as_u16(), 200);
    assert!(flows.text.contains("publish") && flows.text.contains("form-post"), "{}", flows.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_comes_back_with_the_message_and_what_was_typed() {
    let host = Host::start().await;
    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let fields = [
        ("csrf", &*csrf),
        ("title", ""),
        ("body", "Typed with care"),
        ("category", ""),
        ("tags", ""),
        ("status", "draft"),
    ];
    let answer = browser.submit("/new", &fields).await;
    assert_eq!(answer.status.as_u16(), 422);
    assert!(answer.text.contains("Typed with care") && answer.text.contains("title"), "{}", answer.text);

    host.client().post("/new", &Client::article("Mine", "draft", "")).await.expect(201);
    host.client().post("/mine/edit", &json!({"title": "Mine", "body": "theirs", "status": "draft"})).await.expect(200);
    let stale = [
        ("csrf", &*csrf),
        ("title", "Mine"),
        ("body", "my long work"),
        ("category", ""),
        ("tags", ""),
        ("status", "draft"),
        ("revision", "1"),
    ];
    let answer = browser.submit("/mine/edit", &stale).await;
    assert_eq!(answer.status.as_u16(), 409);
    assert!(answer.text.contains("my long work"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_token_is_refused() {
    let host = Host::start().await;
    let (browser, _) = Browser::of_an_editor(&host).await;
    let fields = [("title", "Forged"), ("body", "x"), ("category", ""), ("tags", ""), ("status", "published")];
    assert_eq!(browser.submit("/new", &fields).await.status.as_u16(), 403);
    assert_eq!(host.client().get("/objects/Article/forged").await.status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_that_breaks_a_rule_lists_field_and_rule() {
    let host = Host::start().await;
    let client = host.client();
    for (body, field) in [
        (json!({"title": "", "body": "x", "status": "draft"}), "title"),
        (json!({"title": "x", "body": "x", "status": "gone"}), "status"),
        (json!({"title": "x", "body": "x", "status": "draft", "slug": "Not a slug"}), "slug"),
        (json!({"title": "x", "body": "x", "status": "draft", "slug": "flows"}), "slug"),
        (json!({"title": "x", "body": "x", "status": "draft", "colour": "red"}), "colour"),
        (json!({"title": 7, "body": "x", "status": "draft"}), "title"),
        (json!({"title": "x", "body": "x", "status": "draft", "revision": "one"}), "revision"),
    ] {
        let problem = client.post("/new", &body).await.expect(422);
        let errors = problem["errors"].as_array().expect("errors");
        assert!(errors.iter().any(|error| error["field"] == field && error["rule"].is_string()), "{problem:#}");
    }
    let raw = |text: &str, kind: &str| {
        client.send(client.request(Method::POST, "/new").header(header::CONTENT_TYPE, kind).body(text.to_owned()))
    };
    assert_eq!(raw("{", "application/json").await.status.as_u16(), 400);
    assert_eq!(raw("<x/>", "application/xml").await.status.as_u16(), 415);
    assert_eq!(raw(&" ".repeat((1 << 20) + 1), "application/json").await.status.as_u16(), 413);
    assert_eq!(client.send(client.request(Method::PATCH, "/new")).await.status.as_u16(), 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_hidden_from_strangers_and_a_published_post_is_not() {
    let host = Host::start().await;
    let (client, stranger) = (host.client(), host.client().stranger());
    client.post("/new", &Client::article("Secret", "draft", "")).await.expect(201);
    assert_eq!(stranger.page("/secret/").await.status.as_u16(), 404);
    assert_eq!(client.get("/secret/").await.status.as_u16(), 200);
    assert!(!stranger.page("/").await.text.contains("Secret"));
    assert!([303, 401].contains(&stranger.page("/drafts").await.status.as_u16()));
    assert!(client.get("/drafts").await.text.contains("Secret"));
    assert!([401, 403, 404].contains(&stranger.get("/objects/Article/secret").await.status.as_u16()));
    let edit = json!({"title": "Secret", "body": "told", "status": "published"});
    client.post("/secret/edit", &edit).await.expect(200);
    assert!(stranger.page("/secret/").await.text.contains("told"));
    let request = stranger.request(Method::GET, "/secret/").header(header::ACCEPT, "application/activity+json");
    let document = stranger.send(request).await;
    assert_eq!((document.json()["type"].as_str(), document.json()["name"].as_str()), (Some("Article"), Some("Secret")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slug_that_changes_leads_on_and_a_taken_one_is_refused() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("One", "published", "")).await.expect(201);
    client.post("/new", &Client::article("Two", "published", "")).await.expect(201);
    let edit = |slug: &str| json!({"title": "One", "body": "x", "status": "published", "slug": slug});
    assert_eq!(client.post("/one/edit", &edit("two")).await.status.as_u16(), 409);
    client.post("/one/edit", &edit("uno")).await.expect(200);
    let moved = client.page("/one/").await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, "/uno/"));
    assert_eq!(client.page("/uno/").await.status.as_u16(), 200);
    let taken = json!({"title": "x", "body": "x", "status": "draft", "slug": "uno"});
    assert_eq!(client.post("/new", &taken).await.status.as_u16(), 409);
    let again = client.post("/new", &Client::article("One", "draft", "")).await.expect(201);
    assert_eq!(again["slug"], "one-2", "a former slug stays taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_post_is_gone_and_its_slug_is_free() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Brief", "published", "")).await.expect(201);
    let deleted = client.delete("/brief").await;
    assert!([200, 204].contains(&deleted.status.as_u16()), "{}", deleted.text);
    assert_eq!(client.page("/brief/").await.status.as_u16(), 404);
    let again = client.post_and_wait("/new", &Client::article("Brief", "published", "urgent")).await.expect(201);
    assert_eq!((again["slug"].as_str(), again["flows"].as_array().map(Vec::len)), (Some("brief"), Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_draft_said_is_not_told_to_strangers_by_its_activities() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &json!({"title": "Leak", "body": "DRAFTSECRET", "status": "draft"})).await.expect(201);
    let clean = json!({"title": "Leak", "body": "clean", "status": "published"});
    let published = client.post("/leak/edit", &clean).await.expect(200);
    let hidden = json!({"title": "Leak", "body": "NEWSECRET", "status": "draft"});
    let taken_back = client.post("/leak/edit", &hidden).await.expect(200);
    client.post("/leak/edit", &clean).await.expect(200);
    for saved in [published, taken_back] {
        let token = saved["activity"].as_str().and_then(|id| id.rsplit('/').next()).expect("an activity").to_owned();
        for answer in [
            host.client().stranger().get(&format!("/activities/{token}")).await,
            host.client().stranger().page(&format!("/activities/{token}")).await,
        ] {
            assert!(!answer.text.contains("SECRET"), "{}", answer.text);
        }
        assert!(client.get(&format!("/activities/{token}")).await.text.contains("transitions"), "editors see them");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_rests_on_a_stale_revision_is_409() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Stay", "published", "")).await.expect(201);
    client.post("/stay/edit", &json!({"title": "Stay", "body": "two", "status": "published"})).await.expect(200);
    assert_eq!(client.post("/stay/delete", &json!({"revision": 1})).await.status.as_u16(), 409);
    assert_eq!(client.delete("/stay?revision=1").await.status.as_u16(), 409);
    let stale = client.request(Method::DELETE, "/stay").header(header::IF_MATCH, "\"1\"");
    assert_eq!(client.send(stale).await.status.as_u16(), 409);
    let deleted = client.post("/stay/delete", &json!({"revision": 2})).await.expect(200);
    assert_eq!((deleted["slug"].as_str(), deleted["revision"].as_u64()), (Some("stay"), Some(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_costs_too_much_is_refused_at_once() {
    let host = Host::start().await;
    let client = host.client();
    for body in [">".repeat(100_000), "<div>".repeat(40_000), "- ".repeat(50_000)] {
        let problem = client.post("/new", &json!({"title": "Deep", "body": body, "status": "draft"})).await.expect(422);
        assert_eq!(problem["errors"][0]["field"], "body", "{problem:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_answered_by_303_and_json_by_json() {
    let host = Host::start().await;
    let client = host.client();
    let form = client.request(Method::POST, "/new").form(&[("title", "By form"), ("body", "x"), ("status", "draft")]);
    let answer = client.send(form).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/by-form/"));
    let answer = client.send(client.request(Method::POST, "/new").json(&Client::article("By JSON", "draft", ""))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["slug"].as_str()), (201, Some("by-json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_guards_an_object() {
    let host = Host::start().await;
    let client = host.client();
    client.put("/objects/Order/1", &json!({"status": "pending"})).await.expect(201);
    let put = |tag: &str, status: &str| {
        let request = client.request(Method::PUT, "/objects/Order/1").header(header::IF_MATCH, tag);
        client.send(request.json(&json!({"status": status})))
    };
    assert_eq!(put("\"1\"", "paid").await.status.as_u16(), 200);
    assert_eq!(put("\"1\"", "refunded").await.status.as_u16(), 409);
    let object = client.get("/objects/Order/1").await;
    assert_eq!((object.header("etag"), object.json()["status"].as_str()), ("\"2\"", Some("paid")));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_in_a_body_do_not_reach_the_page() {
    let host = Host::start().await;
    let client = host.client();
    let body = json!({"title": "<script>x</script>", "status": "published",
        "body": "<script>alert(1)</script> [a](javascript:alert(1)) <img src=x onerror=alert(1)>"});
    let slug = client.post("/new", &body).await.expect(201)["slug"].as_str().expect("a slug").to_owned();
    let page = client.page(&format!("/{slug}/")).await;
    let lower = page.text.to_lowercase();
    // The host's own script is the only one.
    let scripts: Vec<_> = lower.split("<script").skip(1).collect();
    assert!(scripts.len() == 1 && scripts[0].starts_with(" src=\"/assets/rosehip.js?v="), "{}", page.text);
    assert!(!lower.contains("href=\"javascript:") && !lower.contains("onerror"), "{}", page.text);
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(!page.header("content-security-policy").contains("unsafe-inline"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_what_readers_would_see_and_saves_nothing() {
    let host = Host::start().await;
    let (client, (browser, csrf)) = (host.client(), Browser::of_an_editor(&host).await);
    let body = "A *rose*. <script>alert(1)</script>";
    let fields = [("csrf", &*csrf), ("title", ""), ("body", body), ("action", "preview")];
    let page = browser.submit("/new", &fields).await;
    assert_eq!(page.status.as_u16(), 200);
    assert!(page.text.contains("A <em>rose</em>.") && page.text.contains("A *rose*."), "{}", page.text);
    assert!(!page.text.contains("<script>alert"), "{}", page.text);
    assert_eq!(client.get("/drafts").await.json()["orderedItems"], json!([]));
    let html = client.post("/new", &json!({"body": body, "action": "preview"})).await.expect(200)["html"].clone();
    let saved = json!({"title": "Saved", "body": body, "status": "draft"});
    client.post("/new", &saved).await.expect(201);
    assert_eq!(client.get("/objects/Article/saved").await.json()["content"], html);
    let deep = json!({"body": ">".repeat(1_000), "action": "preview"});
    assert_eq!(client.post("/saved/edit", &deep).await.expect(422)["errors"][0]["field"], "body");
    assert_eq!(client.post("/new", &json!({"action": "publish"})).await.expect(422)["errors"][0]["field"], "action");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_saves_itself_once_an_interval_and_what_is_published_never_does() {
    let host = Host::start().await;
    let client = host.client();
    let fields = json!({"title": "By itself", "body": "one", "action": "autosave", "status": "published"});
    let saved = client.post("/new", &fields).await.expect(201);
    assert_eq!((&saved["status"], &saved["activity"]), (&json!("draft"), &json!(null)), "it is never published");
    let again = json!({"title": "By itself", "body": "two", "action": "autosave", "revision": 1});
    let refused = client.post("/by-itself/edit", &again).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["rule"]), (429, &json!("autosave-interval")));
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=20).contains(&seconds)));

    client.post("/new", &Client::article("By hand", "draft", "")).await.expect(201);
    let edit = json!({"title": "By hand", "body": "more", "action": "autosave", "revision": 1});
    assert_eq!(client.post("/by-hand/edit", &edit).await.expect(200)["revision"], 2);
    let mut stale = edit.clone();
    stale["title"] = json!("Elsewhere");
    client.post("/new", &Client::article("Elsewhere", "draft", "")).await.expect(201);
    client.post("/elsewhere/edit", &json!({"body": "theirs"})).await.expect(200);
    assert_eq!(client.post("/elsewhere/edit", &stale).await.expect(409)["rule"], "stale");

    client.post("/new", &Client::article("Read", "published", "")).await.expect(201);
    let edit = json!({"body": "not for readers yet", "action": "autosave", "revision": 1});
    assert_eq!(client.post("/read/edit", &edit).await.expect(409)["rule"], "published");
    assert!(!client.stranger().page("/read/").await.text.contains("not for readers yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_publishing_set_off_stands_under_the_article() {
    let host = Host::start().await;
    let client = host.client();
    let saved = client.post_and_wait("/new", &Client::article("Followed", "published", "urgent")).await.expect(201);
    let flow = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
    let is_done = |flow: &serde_json::Value| {
        flow["effects"].as_array().is_some_and(|effects| effects.iter().all(|effect| effect["status"] == "dispatched"))
    };
    client.flow_until(&flow, is_done).await;
    let page = client.page("/followed/").await;
    assert!(page.text.contains("done: 2 effects") && page.text.contains(&format!("/flows/{flow}")), "{}", page.text);
    assert!(!page.text.contains("data-after"), "nothing more can happen");
    assert!(!client.stranger().page("/followed/").await.text.contains("following"));
    let waiting = client.post_and_wait("/new", &Client::article("Waits", "published", "newsletter")).await.expect(201);
    assert_eq!(waiting["flows"][0]["status"], "suspended");
    let page = client.page("/waits/").await;
    assert!(page.text.contains("waits until") && page.text.contains("data-after"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_validation_found_stands_at_the_field_that_it_is_about() {
    let host = Host::start().await;
    let client = host.client();
    let fields = json!({"title": "Flawed", "body": "[a](/only-here)", "status": "published"});
    client.post_and_wait("/new", &fields).await.expect(201);
    let page = client.page("/flawed/edit").await;
    let at = page.text.find("id=\"body-findings\"").unwrap_or_else(|| panic!("no findings: {}", page.text));
    assert!(page.text[at..].contains("only works on this site"), "{}", page.text);
    assert!(page.text.contains("aria-describedby=\"body-findings\""), "{}", page.text);
    client.post_and_wait("/new", &Client::article("Flawless", "published", "")).await.expect(201);
    assert!(!client.page("/flawless/edit").await.text.contains("-findings"));
}
