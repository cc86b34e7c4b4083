//! What others say about an article: on its page, in its collections, and gone again when it is taken back.

use reqwest::{Method, header};
use rosehip_tests::{Answer, Client, Host, Peer};
use serde_json::{Value, json};

use crate::strangers::{host, inbox, rule};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// An article that was published, and its id.
async fn article(client: &Client, title: &str) -> String {
    let posted = client.post_and_wait("/new", &Client::article(title, "published", "")).await.expect(201);
    let path = format!("/{}/", posted["slug"].as_str().expect("a slug"));
    document(client, &path).await["id"].as_str().expect("an id").to_owned()
}

/// What everybody may read at a path.
async fn document(client: &Client, path: &str) -> Value {
    let request = client.stranger().request(Method::GET, path);
    client.send(request.header(header::ACCEPT, "application/activity+json")).await.expect(200)
}

/// A note of the stranger's that answers something, for these.
fn reply(host: &Host, peer: &Peer, id: &str, answered: &str, content: &str, to: &str) -> Value {
    let me = format!("{}/actors/site", host.url());
    let object = json!({
        "id": peer.url(&format!("/notes/{id}")), "type": "Note", "attributedTo": peer.actor(), "content": content,
        "inReplyTo": answered, "published": "2026-02-03T04:05:06Z", "url": peer.url(&format!("/@ann/{id}")),
        "to": [to], "cc": [me],
    });
    let mut activity = peer.activity(&format!("/activities/{id}"), "Create", object);
    activity["to"] = json!([to]);
    activity["cc"] = json!([me]);
    activity
}

async fn taken_in(host: &Host, peer: &Peer, activity: &Value) {
    let answer = peer.post(&inbox(host), activity).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
}

/// How many are told of a collection, and its items.
async fn collection(client: &Client, path: &str) -> (u64, Vec<Value>) {
    let whole = document(client, path).await;
    assert_eq!(whole["type"], "OrderedCollection", "{whole}");
    let first = whole["first"].as_str().expect("a page");
    let query = first.split('?').nth(1).expect("a query");
    let page = document(client, &format!("{path}?{query}")).await;
    assert_eq!((&page["type"], &page["partOf"]), (&json!("OrderedCollectionPage"), &whole["id"]));
    let items = page["orderedItems"].as_array().cloned().expect("items");
    (whole["totalItems"].as_u64().expect("a number"), items)
}

async fn page(client: &Client, path: &str) -> String {
    let answer: Answer = client.stranger().page(path).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    answer.text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_say_of_an_article_stands_on_its_page_until_it_is_taken_back() {
    let (host, client, peer) = host().await;
    let id = article(&client, "Roses").await;
    assert!(!page(&client, "/roses/").await.contains("id=\"replies\""), "nothing was said");
    let told = document(&client, "/roses/").await;
    for name in ["replies", "likes", "shares"] {
        assert_eq!(told[name], json!(format!("{}/objects/Article/roses/{name}", host.url())));
        assert_eq!(collection(&client, &format!("/objects/Article/roses/{name}")).await, (0, Vec::new()));
    }

    let said = "<p onclick=x()>So <b>true</b> <img src=https://evil.example/x.png> <a href=https://a.example/>look</a>\
                <script>alert(1)</script></p><h1>Big</h1>";
    let answer = reply(&host, &peer, "1", &id, said, PUBLIC);
    taken_in(&host, &peer, &answer).await;
    let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": peer.actor(), "object": id});
    taken_in(&host, &peer, &like).await;
    let page_url = format!("{}/roses/", host.url());
    let share = peer.activity("/shares/1", "Announce", json!(page_url));
    taken_in(&host, &peer, &share).await;
    let text = page(&client, "/roses/").await;
    for part in [
        "So <b>true</b>",
        "<a href=\"https://a.example/\" rel=\"nofollow noopener ugc\">look</a>",
        "1 reply",
        "1 like",
        "1 boost",
        "<time datetime=\"2026-02-03T04:05:06",
        &format!("<a href=\"{}\" rel=\"nofollow noopener ugc\"><b>Ann</b></a>", peer.actor()),
        &format!("@ann@127.0.0.1:{}", peer.port),
        &peer.url("/@ann/1"),
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for part in ["evil.example", "alert(1)", "onclick", "<h1>Big"] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
    let of = |name: &str| format!("/objects/Article/roses/{name}");
    assert_eq!(collection(&client, &of("replies")).await, (1, vec![answer["object"]["id"].clone()]));
    assert_eq!(collection(&client, &of("shares")).await, (1, vec![share["id"].clone()]));
    // A like that is for nobody else is counted, and whose it is is the owner's to know.
    assert_eq!(collection(&client, &of("likes")).await, (1, Vec::new()));
    assert!(page(&client, &of("replies")).await.contains("So <b>true</b>"));
    assert!(!page(&client, &of("likes")).await.contains("Ann") && page(&client, &of("shares")).await.contains("Ann"));
    assert!(client.page(&of("likes")).await.text.contains("Ann"));

    // What is said again counts once; what is not for everybody is on no page.
    let again = json!({"id": peer.url("/likes/2"), "type": "Like", "actor": peer.actor(), "object": page_url});
    taken_in(&host, &peer, &again).await;
    let secret = reply(&host, &peer, "2", &id, "<p>Between us</p>", &format!("{}/actors/site", host.url()));
    taken_in(&host, &peer, &secret).await;
    let text = page(&client, "/roses/").await;
    assert!(text.contains("1 like<") && text.contains("1 reply<") && !text.contains("Between us"), "{text}");

    let mut update = answer.clone();
    update["id"] = json!(peer.url("/activities/update"));
    update["type"] = json!("Update");
    update["object"]["content"] = json!("<p>So wrong</p>");
    taken_in(&host, &peer, &update).await;
    let text = page(&client, "/roses/").await;
    assert!(text.contains("So wrong") && !text.contains("So <b>true</b>"), "{text}");

    let undo = |n: u8, id: &Value| peer.activity(&format!("/undos/{n}"), "Undo", json!({"id": id, "type": "Like"}));
    for (n, undone) in [(1, &like["id"]), (2, &again["id"]), (3, &share["id"])] {
        taken_in(&host, &peer, &undo(n, undone)).await;
    }
    let text = page(&client, "/roses/").await;
    assert!(text.contains("0 likes") && text.contains("0 boosts") && text.contains("1 reply"), "{text}");
    let note = answer["object"]["id"].clone();
    let tombstone = json!({"id": note, "type": "Tombstone", "formerType": "Note"});
    taken_in(&host, &peer, &peer.activity("/activities/delete", "Delete", tombstone)).await;
    assert!(!page(&client, "/roses/").await.contains("id=\"replies\""));
    assert_eq!(collection(&client, &of("replies")).await, (0, Vec::new()));
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_blocked_or_gone_has_said_nothing() {
    let (host, client, peer) = host().await;
    let id = article(&client, "Roses").await;
    taken_in(&host, &peer, &reply(&host, &peer, "1", &id, "<p>Here I am</p>", PUBLIC)).await;
    let has = async || page(&client, "/roses/").await.contains("Here I am");
    assert!(has().await);
    client.post("/actors/site/block", &json!({"actor": peer.actor()})).await.expect(201);
    assert!(!has().await);
    assert_eq!(collection(&client, "/objects/Article/roses/replies").await, (0, Vec::new()));
    client.post("/actors/site/unblock", &json!({"actor": peer.actor()})).await.expect(201);
    assert!(has().await);
    let path = format!("/peers/127.0.0.1:{}", peer.port);
    client.post(&format!("{path}/block"), &json!({})).await.expect(200);
    assert!(!has().await);
    client.post(&format!("{path}/unblock"), &json!({})).await.expect(200);
    assert!(has().await);
    // Who may not read the article may not read what is said of it.
    client.post("/roses/edit", &json!({"status": "draft"})).await.expect(200);
    for name in ["replies", "likes", "shares"] {
        client.stranger().get(&format!("/objects/Article/roses/{name}")).await.expect(404);
    }
    client.post("/roses/edit", &json!({"status": "published"})).await.expect(200);
    assert!(has().await, "what was said of the publication before was said of the article");
    let gone = peer.activity("/activities/gone", "Delete", json!(peer.actor()));
    taken_in(&host, &peer, &gone).await;
    assert!(!has().await);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_theirs_is_not_changed_or_taken_back() {
    let (host, client, peer) = host().await;
    let other = Peer::start().await;
    let id = article(&client, "Roses").await;
    let answer = reply(&host, &peer, "1", &id, "<p>Mine</p>", PUBLIC);
    taken_in(&host, &peer, &answer).await;
    let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": peer.actor(), "object": id});
    taken_in(&host, &peer, &like).await;
    for (n, kind, object) in [
        (1, "Delete", answer["object"]["id"].clone()),
        (2, "Undo", json!({"id": like["id"], "type": "Like"})),
        (3, "Update", json!({"id": answer["object"]["id"], "type": "Note", "content": "<p>Yours</p>"})),
    ] {
        let forged = other.activity(&format!("/activities/{n}"), kind, object);
        assert_eq!(rule(&other.post(&inbox(&host), &forged).await), (403, "origin".to_owned()), "{kind}");
    }
    let text = page(&client, "/roses/").await;
    assert!(text.contains("Mine") && !text.contains("Yours") && text.contains("1 like"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_replies_are_many_pages() {
    let (host, client, peer) = host().await;
    let id = article(&client, "Roses").await;
    for n in 0..23 {
        taken_in(&host, &peer, &reply(&host, &peer, &format!("{n}"), &id, &format!("<p>Word {n}.</p>"), PUBLIC)).await;
    }
    let first = page(&client, "/roses/").await;
    assert!(first.contains("Word 19.") && !first.contains("Word 20.") && first.contains("23 replies"), "{first}");
    let more = first.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("more");
    let second = page(&client, more).await;
    assert!(second.contains("Word 20.") && second.contains("Word 22.") && !second.contains("Word 19."), "{second}");
    let (total, items) = collection(&client, "/objects/Article/roses/replies").await;
    assert_eq!((total, items.len()), (23, 23));
    let refused = client.get("/objects/Article/roses/replies?after=x").await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviors_answer_what_is_said_about_an_article() {
    let host = Host::start_answering().await;
    let (client, mut peer) = (host.client(), Peer::start().await);
    let id = article(&client, "Roses").await;
    let answer = reply(&host, &peer, "1", &id, "<p>Why?</p>", PUBLIC);
    taken_in(&host, &peer, &answer).await;
    let told = peer.next().await.json();
    assert_eq!((&told["type"], &told["object"]["type"]), (&json!("Create"), &json!("Note")), "{told}");
    assert_eq!((&told["object"]["inReplyTo"], &told["to"]), (&answer["object"]["id"], &json!([peer.actor()])));
    assert_eq!(told["object"]["attributedTo"], json!(format!("{}/actors/site", host.url())));
    let flow = client.first_flow("behavior=answer").await;
    assert_eq!(flow["activity"], answer["id"]);
    // A like, and passing it on, fire what is about articles.
    let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": peer.actor(), "object": id});
    taken_in(&host, &peer, &like).await;
    taken_in(&host, &peer, &peer.activity("/shares/1", "Announce", json!(id))).await;
    client.until_jobs(|jobs| jobs == 0).await;
    let flows = client.flows("behavior=answer").await;
    for fired in [&like["id"], &json!(peer.url("/shares/1"))] {
        assert!(flows.iter().any(|flow| flow["activity"] == *fired && flow["object"]["id"] == "roses"), "{flows:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_tells_answers_from_other_notes_and_an_answer_reaches_who_wrote() {
    let (host, client, mut peer) = host().await;
    let id = article(&client, "Roses").await;
    let note = peer.url("/notes/answer");
    let filter = format!("has(object.inReplyTo) && object.inReplyTo.startsWith('{}/')", host.url());
    let manifest = json!({"v": 1, "name": "thanks", "version": "1.0.0", "effects": ["activity"],
        "nodes": [{"id": "thank", "kind": "step"}], "edges": [],
        "triggers": [{"box": "inbox", "on": "Create", "object": "Note", "filter": filter}]});
    let thanks = json!({"type": "Create", "to": [peer.actor()],
        "object": {"type": "Note", "content": "<p>Thank you.</p>", "inReplyTo": note, "to": [peer.actor()]}});
    let outcome = json!({"v": 1, "effects": [{"kind": "activity", "payload": {"activity": thanks}}]});
    client.install("thanks", &rosehip_tests::answering(&manifest, &outcome)).await.expect(201);
    client.put("/behaviors/thanks/policy", &json!({"effects": [{"kind": "activity"}]})).await.expect(200);
    client.post("/behaviors/thanks/enable", &json!({})).await.expect(200);
    let mut other = reply(&host, &peer, "other", &id, "<p>By the way</p>", PUBLIC);
    other["object"].as_object_mut().expect("an object").remove("inReplyTo");
    taken_in(&host, &peer, &other).await;
    taken_in(&host, &peer, &reply(&host, &peer, "elsewhere", "https://a.example/1", "<p>No</p>", PUBLIC)).await;
    taken_in(&host, &peer, &reply(&host, &peer, "answer", &id, "<p>Well said</p>", PUBLIC)).await;
    let told = peer.next().await.json();
    assert_eq!((&told["to"], &told["object"]["inReplyTo"]), (&json!([peer.actor()]), &json!(note)));
    assert_eq!(told["object"]["content"], "<p>Thank you.</p>");
    client.until_jobs(|jobs| jobs == 0).await;
    assert_eq!(client.flows("behavior=thanks").await.len(), 1);
}

/// What servers that people use read of an article (ActivityStreams vocabulary, and what Mastodon documents that it reads).
#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_sent_in_the_shape_that_others_read() {
    let (host, client, mut peer) = host().await;
    let me = format!("{}/actors/site", host.url());
    let follow = peer.activity("/follows/1", "Follow", json!(me));
    taken_in(&host, &peer, &follow).await;
    assert_eq!(peer.next().await.json()["type"], "Accept");
    let image = rosehip_tests::FileForm::default()
        .file(&crate::media::encoded(image::ImageFormat::Png))
        .text("alt", "A rose in the snow");
    let request = client.request(Method::POST, "/media").header(header::ACCEPT, "application/json");
    let image = client.send(image.into_request(request)).await.expect(201);
    let body = format!("*Look*\n\n{}", image["markdown"].as_str().expect("Markdown"));
    let fields = json!({"title": "Roses", "body": body, "tags": ["Winter roses", "garden"], "status": "published"});
    client.post_and_wait("/new", &fields).await.expect(201);
    client
        .put("/objects/Article/roses", &{
            let mut document = client.get("/objects/Article/roses").await.expect(200);
            document["summary"] = json!("What they do in winter.");
            document
        })
        .await
        .expect(200);
    let followers = json!([format!("{me}/followers")]);
    for kind in ["Create", "Update"] {
        let told = peer.next().await.json();
        assert_eq!((&told["type"], &told["to"], &told["cc"]), (&json!(kind), &json!([PUBLIC]), &followers), "{told:#}");
        let object = &told["object"];
        assert_eq!((&object["type"], &object["attributedTo"]), (&json!("Article"), &json!(me)));
        assert_eq!((&object["to"], &object["cc"]), (&json!([PUBLIC]), &followers));
        assert_eq!(object["url"], json!(format!("{}/roses/", host.url())));
        assert_eq!(object["id"], json!(format!("{}/objects/Article/roses", host.url())));
        assert_eq!(object["name"], "Roses");
        assert!(object["content"].as_str().expect("HTML").starts_with("<p><em>Look</em></p>"), "{object:#}");
        for member in ["published", "updated"] {
            assert!(object[member].as_str().is_some_and(|time| time.ends_with('Z')), "{member}: {object:#}");
        }
        assert_eq!(
            object["tag"],
            json!([
                {"type": "Hashtag", "name": "#Winter roses", "href": format!("{}/tags/winter%20roses", host.url())},
                {"type": "Hashtag", "name": "#garden", "href": format!("{}/tags/garden", host.url())},
            ])
        );
        let attached = &object["attachment"][0];
        assert_eq!((&attached["type"], &attached["mediaType"]), (&json!("Image"), &json!("image/png")));
        assert_eq!(attached["name"], "A rose in the snow");
        let url = attached["url"].as_str().expect("a URL");
        assert!(url.starts_with(&format!("{}/media/", host.url())), "{url}");
        let summary = (kind == "Update").then(|| json!("What they do in winter."));
        assert_eq!(object.get("summary"), summary.as_ref());
    }
    // Where it stands, it says the same; and where a tag leads, it is.
    let told = document(&client, "/roses/").await;
    assert_eq!((&told["to"], &told["tag"][1]["name"]), (&json!([PUBLIC]), &json!("#garden")));
    for path in ["/tags/winter%20roses", "/tags/GARDEN"] {
        assert!(page(&client, path).await.contains("href=\"/roses/\""), "{path}");
    }
    assert!(!page(&client, "/tags/summer").await.contains("href=\"/roses/\""));
    // What was read and sent back as it was is no change.
    let thorns = json!({"title": "Thorns", "body": "*Ouch*", "tags": ["garden"], "status": "published"});
    client.post_and_wait("/new", &thorns).await.expect(201);
    let document = client.get("/objects/Article/thorns").await.expect(200);
    let same = client.put("/objects/Article/thorns", &document).await.expect(200);
    assert_eq!((&same["revision"], &same["activity"]), (&json!(1), &Value::Null), "{same}");
}
