//! A flow's page: what went wrong first, what it did when, its steps as a picture, and of much a part.

use reqwest::StatusCode;
use rosehip_tests::{Client, Host, INVITE, MISBEHAVE, Receiver, Respond};
use serde_json::{Value, json};

/// Bytes of a page at most.
const PAGE_BYTES: usize = 200_000;

fn count(text: &str, what: &str) -> usize {
    text.matches(what).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_shows_its_picture_its_waterfall_and_how_to_have_the_same_elsewhere() {
    let host = Host::start().await;
    let client = host.client();
    client.put("/behaviors/publish/config", &json!({"digest": "2999-01-01T00:00:00Z"})).await.expect(200);
    client.post_and_wait("/new", &Client::article("On roses", "published", "newsletter")).await.expect(201);
    let flow = client.first_flow("behavior=publish").await["id"].as_str().expect("an id").to_owned();
    let page = client.page(&format!("/flows/{flow}")).await.text;

    // Every node is linked to its step, and the guards that were not taken are dimmed.
    for node in ["validate", "notify", "wait", "digest", "skip"] {
        assert!(page.contains(&format!("<a href=\"#step-{node}\"")), "{node}: {page}");
        assert!(page.contains(&format!("id=\"step-{node}\"")), "{node}");
    }
    assert_eq!(count(&page, "class=\"edge not-taken\""), 2, "{page}");
    assert_eq!(count(&page, "class=\"edge taken\""), 1);
    // The wait can be had to scale.
    assert!(page.contains("class=\"wait\"") && page.contains("class=\"guest\""), "{page}");
    let scaled = client.page(&format!("/flows/{flow}?waits=to-scale")).await.text;
    assert!(!scaled.contains("class=\"fold\"") && scaled.contains("Fold the waits"), "{scaled}");
    assert!(page.contains(&format!("rosehip flows show {flow}")) && page.contains("curl -H"));

    // Its entries as they stand in the log, in either form.
    let lines = client.get(&format!("/flows/{flow}/entries")).await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    assert!(lines.header("content-disposition").starts_with("attachment; filename=\"flow-"));
    let lines: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let whole = client.get(&format!("/flows/{flow}/entries?format=json")).await.expect(200);
    assert_eq!(json!(lines), whole);
    assert_eq!(whole, client.flow(&flow).await["events"]);
    let wrong = client.get(&format!("/flows/{flow}/entries?format=xml")).await;
    assert_eq!(
        (wrong.status, &wrong.json()["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("format"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_effects_fit_on_pages_of_two_hundred_kilobytes() {
    let host = Host::start().await;
    let client = host.client();
    client.install("invite", INVITE).await.expect(201);
    let guests: Vec<_> = (0..5_000).map(|number| json!({"name": format!("guest {number}")})).collect();
    let put = client.request(reqwest::Method::PUT, "/objects/Party/large").header("prefer", "wait=30");
    let saved = client.send(put.json(&json!({ "guests": guests }))).await.expect(201);
    let flow = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
    client.flow_until(&flow, |flow| flow["status"] == "completed").await;

    let page = client.page(&format!("/flows/{flow}")).await.text;
    assert!(page.len() < PAGE_BYTES, "{}", page.len());
    assert!(page.contains("4995 more effects"), "{page}");
    let alone = client.page(&format!("/flows/{flow}?step=tell&effects=4950")).await.text;
    assert!(alone.len() < PAGE_BYTES && alone.contains("guest 4999") && !alone.contains("more effects"), "{alone}");
    let later = client.page(&format!("/flows/{flow}?entries=25")).await.text;
    assert!(later.contains("Earlier entries") && later.contains("Later entries"), "{later}");
    let wrong = client.get(&format!("/flows/{flow}?effects=many&step=No")).await;
    assert_eq!(wrong.json()["errors"].as_array().map(Vec::len), Some(2), "{}", wrong.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_stands_first_and_what_an_action_would_do_is_told_before_it_is_done() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "fatal"})).await.expect(200);
    client.post_and_wait("/new", &Client::article("On thorns", "published", "")).await.expect(201);
    let flow = client.first_flow("behavior=misbehave").await["id"].as_str().expect("an id").to_owned();
    let page = client.page(&format!("/flows/{flow}")).await.text;
    let trouble = page.find("class=\"trouble\"").expect("what went wrong");
    assert!(
        trouble < page.find("class=\"facts\"").expect("the facts") && page.contains("<code>fatal</code>"),
        "{page}"
    );

    // On its own module it fails again; nothing is recorded by asking.
    let before = client.flow(&flow).await["events"].as_array().map(Vec::len);
    let told = client.page(&format!("/flows/{flow}/retry")).await.text;
    assert!(told.contains("would fail again") && told.contains(&format!("action=\"/flows/{flow}/retry\"")), "{told}");
    assert_eq!(client.get(&format!("/flows/{flow}/retry")).await.expect(200)["would"]["verdict"], "same");
    // With the config of now it does something else.
    client.put("/behaviors/misbehave/config", &json!({"mode": "ok"})).await.expect(200);
    let told = client.page(&format!("/flows/{flow}/rerun")).await.text;
    assert!(told.contains("would do something else"), "{told}");
    assert_eq!(client.flow(&flow).await["events"].as_array().map(Vec::len), before);
    // What has not failed is not retried, and says so before a form is shown.
    client.post(&format!("/flows/{flow}/rerun"), &json!({"reason": "mended"})).await.expect(200);
    let again =
        client.first_flow("behavior=misbehave&status=completed").await["id"].as_str().expect("an id").to_owned();
    assert_eq!(client.get(&format!("/flows/{again}/retry")).await.status, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_run_of_a_behavior_for_an_activity_is_told_of_the_others() {
    let host = Host::start().await;
    let client = host.client();
    client.install("misbehave", MISBEHAVE).await.expect(201);
    client.put("/behaviors/misbehave/config", &json!({"mode": "fatal"})).await.expect(200);
    client.post_and_wait("/new", &Client::article("Runs", "published", "urgent")).await.expect(201);
    client.post_and_wait("/new", &Client::article("Others", "published", "urgent")).await.expect(201);
    let first = client.first_flow("behavior=misbehave&object=runs").await["id"].as_str().expect("an id").to_owned();
    assert_eq!(client.flow(&first).await["runs"], json!([]));
    client.put("/behaviors/misbehave/config", &json!({"mode": "ok"})).await.expect(200);
    let mut ids = vec![first];
    for _ in 0..2 {
        let again = client.post(&format!("/flows/{}/rerun", ids[0]), &json!({})).await.expect(200);
        ids.push(again["id"].as_str().expect("an id").to_owned());
        client.flow_until(ids.last().expect("there is one"), |flow| flow["status"] == "completed").await;
    }
    let statuses = ["failed", "completed", "completed"];
    for (place, id) in ids.iter().enumerate() {
        let flow = client.flow(id).await;
        let others = flow["runs"].as_array().expect("runs").iter();
        let told: Vec<_> = others.map(|run| json!([run["id"], run["run"], run["status"]])).collect();
        let wanted = (0..3).filter(|other| *other != place);
        let wanted: Vec<_> = wanted.map(|other| json!([ids[other], other + 1, statuses[other]])).collect();
        assert_eq!(told, wanted, "run {}", place + 1);
        let page = client.page(&format!("/flows/{id}")).await.text;
        for (other, id) in ids.iter().enumerate() {
            let link = format!("<a href=\"/flows/{id}\">run {}</a>", other + 1);
            assert_eq!(page.contains(&link), other != place, "run {}: {link}", place + 1);
        }
    }
    let shown = host.cli(&["flows", "show", &ids[0]], "").ok();
    assert!(
        shown.ends_with(&format!("run 2 completed {}\nrun 3 completed {}\n", &ids[1][..12], &ids[2][..12])),
        "{shown}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_says_where_it_would_go_and_whether_the_grant_still_allows_it() {
    let receiver = Receiver::start(&[Respond::Status("404 Not Found", "")]).await;
    let host = Host::start_configured("[outgoing]\nallow = [\"localhost\"]\n", &[]).await;
    let client = host.client();
    client.install_ask().await;
    let payload = json!({"url": receiver.url("/hook"), "type": "post.published", "data": {}});
    let flow = client.ask("a", &json!([{"kind": "webhook", "payload": payload}])).await;
    let effect = client.effect_until(&flow, 0, "dead").await["id"].as_str().expect("an id").to_owned();

    let page = client.page(&format!("/flows/{flow}")).await.text;
    let place = format!("localhost:{}", receiver.port);
    assert!(page.contains("class=\"trouble\"") && page.contains(&format!("webhook to {place}")), "{page}");
    let told = client.page(&format!("/effects/{effect}/redrive")).await.text;
    assert!(told.contains("would be sent") && told.contains(&place) && told.contains("as attempt 2"), "{told}");
    client.put("/behaviors/ask/policy", &json!({"effects": [{"kind": "log"}]})).await.expect(200);
    let told = client.get(&format!("/effects/{effect}/redrive")).await.expect(200);
    assert!(told["would"]["denied"].as_str().is_some_and(|rule| rule.contains("webhook")), "{told:#}");
    assert!(client.page(&format!("/effects/{effect}/redrive")).await.text.contains("would be denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_filter_finds_is_counted_on_a_page_and_then_done_by_its_form() {
    let host = Host::start().await;
    let client = host.client();
    client.put("/behaviors/publish/config", &json!({"digest": "2999-01-01T00:00:00Z"})).await.expect(200);
    for title in ["One", "Two", "Three"] {
        client.post_and_wait("/new", &Client::article(title, "published", "newsletter")).await.expect(201);
    }
    let list = client.page("/flows?view=waiting").await.text;
    assert!(
        list.contains("/flows/bulk?action=cancel&amp;view=waiting") || list.contains("/flows/bulk?view=waiting&"),
        "{list}"
    );
    let told = client.page("/flows/bulk?action=cancel&view=waiting").await.text;
    assert!(told.contains("Cancel 3 flows?") && told.contains("name=\"view\" value=\"waiting\""), "{told}");
    let form = [("action", "cancel"), ("view", "waiting"), ("reason", "no digest today")];
    let post = client.request(reqwest::Method::POST, "/flows/bulk").header("accept", "text/html").form(&form);
    let done = client.send(post).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/flows?view=waiting&done=3&refused=0"));
    assert!(client.page(done.header("location")).await.text.contains("Done for 3."));
    let flow = client.first_flow("status=cancelled").await["id"].as_str().expect("an id").to_owned();
    assert!(client.page(&format!("/flows/{flow}")).await.text.contains("no digest today"));
    let none = client.page("/flows/bulk?action=cancel&view=waiting").await.text;
    assert!(none.contains("finds no flow") && !none.contains("<button class=\"danger\">"), "{none}");
}
