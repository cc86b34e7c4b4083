//! What the owner of an actor does among others: notes, answers, a timeline, notifications, and who follows.

use reqwest::{Method, header};
use rosehip_tests::{Browser, Client, Host, Peer};
use serde_json::{Value, json};

use crate::strangers::{host, inbox};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

fn me(host: &Host) -> String {
    format!("{}/actors/site", host.url())
}

async fn taken_in(host: &Host, peer: &Peer, activity: &Value) {
    let answer = peer.post(&inbox(host), activity).await;
    assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
}

/// A note of the stranger's, to these.
fn note(peer: &Peer, id: &str, content: &str, to: &[&str]) -> Value {
    let object = json!({
        "id": peer.url(&format!("/notes/{id}")), "type": "Note", "attributedTo": peer.actor(), "content": content,
        "to": to,
    });
    let mut activity = peer.activity(&format!("/activities/{id}"), "Create", object);
    activity["to"] = json!(to);
    activity
}

/// Has the stranger follow the site, and the site the stranger.
async fn befriend(host: &Host, client: &Client, peer: &mut Peer) {
    taken_in(host, peer, &peer.activity("/follows/1", "Follow", json!(me(host)))).await;
    assert_eq!(peer.next().await.json()["type"], "Accept");
    client.post("/actors/site/follow", &json!({"who": peer.actor()})).await.expect(201);
    let follow = peer.next().await.json();
    assert_eq!(follow["type"], "Follow");
    taken_in(host, peer, &peer.activity("/accepts/1", "Accept", follow)).await;
}

async fn items(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["items"].as_array().cloned().expect("items")
}

/// The kinds of what is listed, newest first.
async fn kinds(client: &Client, path: &str) -> Vec<String> {
    let items = items(client, path).await;
    items.iter().map(|item| item["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_has_a_page_and_goes_to_who_follows_until_it_is_deleted() {
    let (host, client, mut peer) = host().await;
    taken_in(&host, &peer, &peer.activity("/follows/1", "Follow", json!(me(&host)))).await;
    assert_eq!(peer.next().await.json()["type"], "Accept");
    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let form = browser.open("/actors/site/notes").await;
    assert!(form.text.contains("name=\"content\"") && form.text.contains("for everybody"), "{}", form.text);
    let empty = browser.submit("/actors/site/notes", &[("csrf", &*csrf), ("content", " ")]).await;
    assert_eq!(empty.status.as_u16(), 422);
    assert!(empty.text.contains("say something") && empty.text.contains("aria-invalid"), "{}", empty.text);
    let forged = browser.submit("/actors/site/notes", &[("csrf", "x"), ("content", "Hi")]).await;
    assert_eq!(forged.status.as_u16(), 403);
    let posted =
        browser.submit("/actors/site/notes", &[("csrf", &*csrf), ("content", "Frost *tonight* <b>!</b>")]).await;
    assert_eq!(posted.status.as_u16(), 303, "{}", posted.text);
    let path = posted.header("location").to_owned();
    assert!(path.starts_with("/objects/Note/"), "{path}");

    let told = peer.next().await.json();
    assert_eq!((&told["type"], &told["to"]), (&json!("Create"), &json!([PUBLIC])));
    assert_eq!(told["cc"], json!([format!("{}/followers", me(&host))]));
    assert_eq!(told["object"]["id"], json!(format!("{}{path}", host.url())));
    let page = client.stranger().page(&path).await;
    assert!(page.text.contains("Frost <em>tonight</em>") && !page.text.contains("Delete"), "{}", page.text);
    let request = client.stranger().request(Method::GET, &path).header(header::ACCEPT, "application/activity+json");
    let document = client.send(request).await.expect(200);
    assert_eq!((&document["type"], &document["attributedTo"]), (&json!("Note"), &json!(me(&host))));
    assert_eq!(document["replies"], json!(format!("{}{path}/replies", host.url())));
    assert!(document["published"].is_string());

    // Whoever answers it stands on its page.
    let mut answer = note(&peer, "answer", "<p>Brr</p>", &[PUBLIC, &me(&host)]);
    answer["object"]["inReplyTo"] = document["id"].clone();
    taken_in(&host, &peer, &answer).await;
    assert!(client.stranger().page(&path).await.text.contains("Brr"));

    let own = browser.open(&path).await;
    assert!(own.text.contains(&format!("action=\"{path}/delete\"")), "{}", own.text);
    let deleted = browser.submit(&format!("{path}/delete"), &[("csrf", &*csrf)]).await;
    assert_eq!((deleted.status.as_u16(), deleted.header("location")), (303, "/actors/site"));
    let told = peer.next().await.json();
    assert_eq!((&told["type"], &told["object"]["type"]), (&json!("Delete"), &json!("Tombstone")));
    assert_eq!(told["object"]["id"], document["id"]);
    client.stranger().get(&path).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_written_as_json_as_well_and_by_whom_it_may_be() {
    let (host, client, _peer) = host().await;
    let written = client.post("/actors/site/notes", &json!({"content": "Hello"})).await;
    let told = written.expect(201);
    assert!(written.header("location").ends_with(told["url"].as_str().expect("a URL")), "{told}");
    assert!(told["activity"].is_string());
    for (body, field, broken) in [
        (json!({}), "content", "required"),
        (json!({"content": "x".repeat(5_001)}), "content", "max-length"),
        (json!({"content": "x", "in_reply_to": "https://a.example/1"}), "in_reply_to", "unknown"),
        (json!({"content": "x", "in_reply_to": format!("{}/objects/Note/none", host.url())}), "in_reply_to", "unknown"),
        (json!({"content": "x", "colour": "red"}), "colour", "unknown-field"),
        (json!({"content": 7}), "content", "type"),
    ] {
        let refused = client.post("/actors/site/notes", &body).await.expect(422);
        assert_eq!((&refused["errors"][0]["field"], &refused["rule"]), (&json!(field), &json!(broken)), "{body}");
    }
    client.get("/actors/site/notes?in_reply_to=https://a.example/1").await.expect(422);
    client.post("/actors", &json!({"name": "garden", "kind": "Person"})).await.expect(201);
    let editor = host.client_of(&host.add_user("edith", "editor"));
    editor.post("/actors/site/notes", &json!({"content": "Hi"})).await.expect(201);
    for path in ["/actors/garden/notes", "/actors/garden/timeline", "/actors/garden/notifications"] {
        assert_eq!(editor.get(path).await.expect(403)["rule"], "owner", "{path}");
        client.stranger().get(path).await.expect(401);
    }
    editor.post("/actors/garden/notes", &json!({"content": "Hi"})).await.expect(403);
    let author = host.client_of(&host.add_user("ann", "author"));
    author.post("/actors/site/notes", &json!({"content": "Hi"})).await.expect(403);
    assert_eq!(items(&author, "/actors/site/timeline").await, Vec::<Value>::new(), "it is their actor's");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_its_author_and_goes_no_further_than_its_question() {
    let (host, client, mut peer) = host().await;
    befriend(&host, &client, &mut peer).await;
    let open = note(&peer, "open", "<p>Who is there?</p>", &[PUBLIC, &me(&host)]);
    taken_in(&host, &peer, &open).await;
    let id = open["object"]["id"].as_str().expect("an id");
    let form = client.page(&format!("/actors/site/notes?in_reply_to={id}")).await;
    assert!(form.text.contains("Who is there?") && form.text.contains(&format!("value=\"{id}\"")), "{}", form.text);
    client.post("/actors/site/notes", &json!({"content": "Me", "in_reply_to": id})).await.expect(201);
    let told = peer.next().await.json();
    assert_eq!(told["object"]["inReplyTo"], json!(id));
    assert_eq!((&told["to"], &told["cc"][1]), (&json!([PUBLIC]), &json!(peer.actor())));
    let mention = &told["object"]["tag"][0];
    let handle = format!("@ann@127.0.0.1:{}", peer.port);
    assert_eq!((&mention["type"], &mention["name"]), (&json!("Mention"), &json!(handle)));

    let secret = note(&peer, "secret", "<p>Between us</p>", &[&me(&host)]);
    taken_in(&host, &peer, &secret).await;
    let id = secret["object"]["id"].clone();
    let written = client.post("/actors/site/notes", &json!({"content": "Yes", "in_reply_to": id})).await.expect(201);
    let told = peer.next().await.json();
    assert_eq!((&told["to"], &told["cc"]), (&json!([peer.actor()]), &json!([])));
    let path = written["url"].as_str().and_then(|url| url.strip_prefix(&host.url())).expect("here").to_owned();
    client.stranger().get(&path).await.expect(404);
    assert!(client.page(&path).await.text.contains("not public"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_has_what_those_say_who_are_followed_and_nobody_else() {
    let (host, client, mut peer) = host().await;
    let other = Peer::start().await;
    befriend(&host, &client, &mut peer).await;
    for n in 0..23 {
        let content = format!("<p>Word {n}.<img src=https://evil.example/x></p>");
        taken_in(&host, &peer, &note(&peer, &format!("{n}"), &content, &[PUBLIC])).await;
    }
    taken_in(&host, &peer, &peer.activity("/shares/1", "Announce", json!("https://third.example/notes/1"))).await;
    taken_in(&host, &other, &note(&other, "loud", "<p>Buy this</p>", &[PUBLIC, &me(&host)])).await;
    let first = client.get("/actors/site/timeline").await.expect(200);
    let listed = first["items"].as_array().expect("items");
    assert_eq!(
        (listed.len(), &listed[0]["kind"], &listed[1]["content"]),
        (20, &json!("share"), &json!("<p>Word 22.</p>"))
    );
    assert_eq!(listed[0]["object"], "https://third.example/notes/1");
    assert_eq!(listed[1]["actor"], json!(peer.actor()));
    let second = client.get(first["next"].as_str().expect("another page")).await.expect(200);
    assert_eq!((second["items"].as_array().map(Vec::len), &second["next"]), (Some(4), &Value::Null));
    assert!(!first.to_string().contains("Buy this") && !second.to_string().contains("Buy this"));
    let page = client.page("/actors/site/timeline").await.text;
    assert!(page.contains("Word 22.") && page.contains("third.example") && page.contains("rel=\"next\""), "{page}");
    assert!(!page.contains("evil.example") && page.contains("in_reply_to="), "{page}");
    client.get("/actors/site/timeline?before=x").await.expect(422);

    // What is taken back is gone, what is changed says something else, and who is not followed is not heard.
    let id = peer.url("/notes/22");
    let mut update = note(&peer, "22", "<p>Other word.</p>", &[PUBLIC]);
    (update["id"], update["type"]) = (json!(peer.url("/activities/update")), json!("Update"));
    taken_in(&host, &peer, &update).await;
    assert_eq!(items(&client, "/actors/site/timeline").await[1]["content"], "<p>Other word.</p>");
    taken_in(&host, &peer, &peer.activity("/activities/delete", "Delete", json!(id))).await;
    assert_eq!(items(&client, "/actors/site/timeline").await[1]["content"], "<p>Word 21.</p>");
    client.post("/actors/site/unfollow", &json!({"actor": peer.actor()})).await.expect(201);
    assert_eq!(items(&client, "/actors/site/timeline").await, Vec::<Value>::new());
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_are_what_concerns_an_actor() {
    let (host, client, peer) = host().await;
    client.post("/actors/site/edit", &json!({"approves_followers": true})).await.expect(200);
    let path = "/actors/site/notifications";
    assert_eq!(kinds(&client, path).await, Vec::<String>::new());
    taken_in(&host, &peer, &peer.activity("/follows/1", "Follow", json!(me(&host)))).await;
    let posted = client.post_and_wait("/new", &Client::article("Roses", "published", "")).await.expect(201);
    let slug = posted["slug"].as_str().expect("a slug");
    let id = format!("{}/objects/Article/{slug}", host.url());
    taken_in(&host, &peer, &json!({"id": peer.url("/l"), "type": "Like", "actor": peer.actor(), "object": id})).await;
    taken_in(&host, &peer, &peer.activity("/s", "Announce", json!(id))).await;
    let mut answer = note(&peer, "answer", "<p>Indeed</p>", &[PUBLIC, &me(&host)]);
    answer["object"]["inReplyTo"] = json!(id);
    taken_in(&host, &peer, &answer).await;
    taken_in(&host, &peer, &note(&peer, "mention", "<p>You there</p>", &[&me(&host)])).await;
    taken_in(&host, &peer, &note(&peer, "other", "<p>No matter</p>", &[PUBLIC])).await;
    taken_in(&host, &peer, &note(&peer, "alike", "<p>Alike</p>", &[&peer.url("/actors/site")])).await;
    assert_eq!(kinds(&client, path).await, ["post", "reply", "share", "like", "follow"]);
    let listed = items(&client, path).await;
    assert_eq!(
        (&listed[4]["follow"], &listed[0]["public"], &listed[1]["public"]),
        (&json!("pending"), &json!(false), &json!(true))
    );
    let (browser, csrf) = Browser::of_an_editor(&host).await;
    let page = browser.open(path).await.text;
    for part in ["wants to follow", "likes", "boosted", "Indeed", "You there", "not public", ">Roses</a>", "Accept Ann"]
    {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // Requests have a page of their own, and are decided on there and here.
    let requests = browser.open("/actors/site/followers?state=pending").await.text;
    assert!(requests.contains("Requests") && requests.contains("value=\"accept\""), "{requests}");
    let decide =
        |decision: &'static str| [("csrf", csrf.clone()), ("actor", peer.actor()), ("decision", decision.to_owned())];
    let submit = async |decision: &'static str| {
        let fields = decide(decision);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.submit("/actors/site/followers", &fields).await.status.as_u16()
    };
    assert_eq!(submit("accept").await, 303);
    assert_eq!(items(&client, path).await[4]["follow"], "accepted");
    let followers = browser.open("/actors/site/followers").await.text;
    assert!(followers.contains("value=\"remove\""), "{followers}");
    assert_eq!(submit("remove").await, 303);
    assert_eq!(items(&client, path).await[4]["follow"], Value::Null);
    // What is taken back concerns nobody.
    taken_in(&host, &peer, &peer.activity("/u", "Undo", json!({"id": peer.url("/l"), "type": "Like"}))).await;
    assert_eq!(kinds(&client, path).await, ["post", "reply", "share", "follow"]);
    client.post("/actors/site/block", &json!({"actor": peer.actor()})).await.expect(201);
    assert_eq!(kinds(&client, path).await, Vec::<String>::new());
    assert_eq!(host.verify().code, Some(0));
}
