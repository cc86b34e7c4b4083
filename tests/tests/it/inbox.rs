//! What strangers send to an inbox: who may say what, and what becomes of it.

use std::time::Instant;

use rosehip_tests::{Answer, Client, Host, Peer, body_of, headers_of, now, send};
use serde_json::{Value, json};

async fn host() -> (Host, Client, Peer) {
    let host = Host::start_answering().await;
    let client = host.client();
    (host, client, Peer::start().await)
}

fn note(peer: &Peer, id: &str, content: &str) -> Value {
    let object = json!({
        "id": peer.url(&format!("/notes/{id}")), "type": "Note", "attributedTo": peer.actor(), "content": content,
    });
    peer.activity(&format!("/activities/{id}"), "Create", object)
}

fn article(peer: &Peer, id: &str) -> Value {
    let object = json!({
        "id": peer.url(&format!("/articles/{id}")), "type": "Article", "attributedTo": peer.actor(), "name": "Far away",
        "status": "published",
    });
    peer.activity(&format!("/activities/{id}"), "Create", object)
}

/// What stands in the log of an activity.
async fn known(client: &Client, activity: &Value) -> Value {
    let id = activity["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    client.get(&format!("/activities/{id}")).await.expect(200)
}

fn rule(answer: &Answer) -> String {
    answer.json()["rule"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_signs_arrives_once_and_fires_what_names_the_inbox_alone() {
    let (host, client, peer) = host().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    let far = article(&peer, "far");
    for _ in 0..2 {
        assert_eq!(peer.post(&inbox, &far).await.status.as_u16(), 202);
    }
    client.until_jobs(|jobs| jobs == 0).await;
    let activity = known(&client, &far).await;
    assert_eq!((&activity["box"], &activity["owner"]), (&json!("inbox"), &json!("site")));
    let flows = client.get("/flows").await.expect(200);
    let behaviors: Vec<_> =
        flows["flows"].as_array().expect("flows").iter().map(|flow| flow["behavior"].as_str()).collect();
    assert_eq!(behaviors, [Some("answer")], "publish does not fire for a stranger's article, and nothing fires twice");
    assert_eq!(activity["not"]["publish"][0]["rule"], "box");

    // The same under its id, and something else.
    let mut other = far.clone();
    other["object"]["name"] = json!("Farther away");
    let answer = peer.post(&inbox, &other).await;
    assert_eq!((answer.status.as_u16(), rule(&answer).as_str()), (409, "conflict"), "{}", answer.text);
    assert_eq!(client.get("/flows").await.expect(200)["flows"].as_array().map(Vec::len), Some(1));
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arrival_survives_what_the_host_does_not() {
    let (mut host, client, peer) = host().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    let far = article(&peer, "far");
    assert_eq!(peer.post(&inbox, &far).await.status.as_u16(), 202);
    host.kill_and_serve().await;
    assert_eq!(known(&client, &far).await["box"], "inbox");
    // The key is known by now, and nobody is asked for it again.
    assert_eq!(peer.asked_for("/ann"), 1);
    assert_eq!(peer.post(&inbox, &article(&peer, "near")).await.status.as_u16(), 202);
    assert_eq!(peer.asked_for("/ann"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_comes_first_leaves_nothing_of_what_it_deletes() {
    let (host, client, peer) = host().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    let lost = article(&peer, "lost");
    let delete = peer.activity(
        "/activities/delete",
        "Delete",
        json!({
            "id": lost["object"]["id"], "type": "Tombstone", "formerType": "Article",
        }),
    );
    assert_eq!(peer.post(&inbox, &delete).await.status.as_u16(), 202);
    assert_eq!(peer.post(&inbox, &lost).await.status.as_u16(), 202);
    client.until_jobs(|jobs| jobs == 0).await;
    let id = lost["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    client.get(&format!("/activities/{id}")).await.expect(404);
    assert_eq!(client.get("/flows").await.expect(200)["flows"], json!([]));

    // The other way round it comes, and is gone after.
    let brief = article(&peer, "brief");
    assert_eq!(peer.post(&inbox, &brief).await.status.as_u16(), 202);
    let delete = peer.activity("/activities/delete-brief", "Delete", brief["object"]["id"].clone());
    assert_eq!(peer.post(&inbox, &delete).await.status.as_u16(), 202);
    let mut update = brief.clone();
    update["id"] = json!(peer.url("/activities/update"));
    update["type"] = json!("Update");
    assert_eq!(peer.post(&inbox, &update).await.status.as_u16(), 202);
    let id = update["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    client.get(&format!("/activities/{id}")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn html_that_could_do_harm_does_not_come_in() {
    let (host, client, peer) = host().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    let bad = note(&peer, "bad", "<p onclick=\"x()\">Hi</p><script>alert(1)</script>");
    assert_eq!(peer.post(&inbox, &bad).await.status.as_u16(), 202);
    let activity = known(&client, &bad).await;
    assert_eq!(activity["activity"]["object"]["content"], "<p>Hi</p>");
}

/// One row for each way in which a request is not what it has to be.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_refused_by_its_rule_and_leaves_nothing() {
    let (host, client, peer) = host().await;
    let other = Peer::start().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    let signing = peer.signing();
    let far = article(&peer, "far");
    let body = body_of(&far, &signing);
    let headers = headers_of(&inbox, &body, &signing);
    let without = |name: &str| headers.iter().filter(|(field, _)| field != name).cloned().collect::<Vec<_>>();
    let with = |name: &str, value: &str| {
        let mut headers = without(name);
        headers.push((name.to_owned(), value.to_owned()));
        headers
    };
    let hour_ms = 3_600_000;
    let created = |ms: i64| rosehip_tests::Signing {
        created: rosehip_core::time::Timestamp::from_millis(now().as_millis() + ms),
        ..signing.clone()
    };
    let mut rows: Vec<(&str, u16, &str, Answer)> = Vec::new();
    for (what, status, wanted, headers) in [
        ("no signature", 401, "signature", without("signature")),
        ("no digest", 401, "signature", without("content-digest")),
        ("another type", 415, "content-type", with("content-type", "application/json")),
        ("another digest", 401, "digest", with("content-digest", &rosehip_core::signing::content_digest::of(b"x"))),
        ("another signature", 401, "signature", with("signature", &format!("sig1=:{}:", "A".repeat(86) + "=="))),
    ] {
        rows.push((what, status, wanted, send(&inbox, headers, body.clone()).await));
    }
    let mut tampered = body.clone();
    let place = tampered.len() - 3;
    tampered[place] ^= 1;
    rows.push(("another body", 401, "digest", send(&inbox, headers.clone(), tampered).await));
    let elsewhere = headers_of(&format!("{}/inbox", host.url()), &body, &signing);
    rows.push(("for another inbox", 401, "signature", send(&inbox, elsewhere, body.clone()).await));
    for (what, ms) in [("stale", -2 * hour_ms), ("of the future", 2 * hour_ms)] {
        rows.push((what, 401, "created", peer.post_signed(&inbox, &far, &created(ms)).await));
    }
    rows.push(("somebody else's", 403, "origin", other.post(&inbox, &far).await));
    let mut foreign = far.clone();
    foreign["object"]["id"] = json!(other.url("/articles/far"));
    rows.push(("a foreign object", 403, "origin", peer.post(&inbox, &foreign).await));
    let mut foreign = far.clone();
    foreign["id"] = json!(other.url("/activities/far"));
    rows.push(("a foreign id", 403, "origin", peer.post(&inbox, &foreign).await));
    let mut attributed = far.clone();
    attributed["object"]["attributedTo"] = json!(other.actor());
    rows.push(("attributed elsewhere", 403, "origin", peer.post(&inbox, &attributed).await));
    let accept = peer.activity("/activities/accept", "Accept", json!(format!("{}/activities/x", host.url())));
    rows.push(("an answer nobody asked for", 403, "unsolicited", peer.post(&inbox, &accept).await));
    let follow = peer.activity("/activities/follow", "Follow", json!(other.actor()));
    rows.push(("a follow of somebody else", 422, "activity", peer.post(&inbox, &follow).await));
    let no_type = json!({"id": peer.url("/activities/none"), "actor": peer.actor(), "object": "urn:x"});
    rows.push(("no type", 422, "activity", peer.post(&inbox, &no_type).await));
    let mut proved = serde_json::from_slice::<Value>(&body).expect("JSON");
    proved["object"]["name"] = json!("Tampered");
    let unproved = rosehip_tests::Signing { has_proof: false, ..signing.clone() };
    rows.push(("a proof of something else", 403, "proof", peer.post_signed(&inbox, &proved, &unproved).await));
    let key = rosehip_core::signing::Signer { key_id: peer.url("/ann#other"), ..signing.signer.clone() };
    let unlisted = rosehip_tests::Signing { signer: key, ..signing.clone() };
    rows.push(("a key that its actor does not list", 401, "key", peer.post_signed(&inbox, &far, &unlisted).await));
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100)).into_bytes();
    let deep_headers = headers_of(&inbox, &deep, &signing);
    rows.push(("too deep", 400, "json-depth", send(&inbox, deep_headers, deep).await));
    for (what, status, wanted, answer) in rows {
        assert_eq!((answer.status.as_u16(), rule(&answer).as_str()), (status, wanted), "{what}: {}", answer.text);
    }
    let nobody = format!("{}/actors/nobody/inbox", host.url());
    assert_eq!(peer.post(&nobody, &far).await.status.as_u16(), 404);
    assert_eq!(client.get("/flows").await.expect(200)["flows"], json!([]));
    // What was refused so often is taken when it is right.
    assert_eq!(peer.post(&inbox, &far).await.status.as_u16(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_under_its_id_is_asked_for_once() {
    let (host, _client, peer) = host().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    assert_eq!(peer.post(&inbox, &article(&peer, "one")).await.status.as_u16(), 202);
    peer.rotate();
    for id in ["two", "three", "four"] {
        assert_eq!(peer.post(&inbox, &article(&peer, id)).await.status.as_u16(), 202);
    }
    assert_eq!(peer.asked_for("/ann"), 2);
}

/// Sends until it is too much, which is after 300 and what is added to the budget meanwhile, 300 a minute: the answers
/// before, and that one.
async fn until_refused(send: impl AsyncFn() -> Answer) -> (Vec<Answer>, Answer) {
    let (begun, mut taken) = (Instant::now(), Vec::new());
    loop {
        let answer = send().await;
        if answer.status.as_u16() == 429 {
            assert!(taken.len() >= 300, "{}", taken.len());
            return (taken, answer);
        }
        taken.push(answer);
        let most = 301 + begun.elapsed().as_millis() / 200;
        assert!(taken.len() as u128 <= most, "{} are taken, of at most {most}", taken.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_may_send_so_much_in_a_minute() {
    let (host, _client, peer) = host().await;
    let inbox = format!("{}/actors/site/inbox", host.url());
    let far = article(&peer, "far");
    let (taken, refused) = until_refused(async || peer.post(&inbox, &far).await).await;
    assert!(taken.iter().all(|answer| answer.status.as_u16() == 202));
    assert!(!refused.header("retry-after").is_empty());
    // Who does not say whom a request is from until its body comes, has the budget of the address.
    let stranger = host.client().stranger();
    let unsigned = async || {
        let request = stranger.request(reqwest::Method::POST, "/actors/site/inbox");
        stranger.send(request.header("content-type", "application/activity+json").body("{}")).await
    };
    let (taken, _) = until_refused(unsigned).await;
    assert!(taken.iter().all(|answer| answer.status.as_u16() == 401));
    let other = Peer::start().await;
    assert_eq!(other.post(&inbox, &article(&other, "far")).await.status.as_u16(), 202, "others are not held up");
}
