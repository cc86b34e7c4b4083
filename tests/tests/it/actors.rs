//! Actors as others meet them: their documents, how they are found, their boxes, and what their owners say.

use reqwest::{Method, header};
use rosehip_core::{
    signing::{PublicKey, proof},
    time::Timestamp,
};
use rosehip_tests::{Answer, Client, Host};
use serde_json::{Map, Value, json};

const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";
const ACTIVITY: &str = "application/activity+json";

fn note(text: &str) -> Value {
    json!({"type": "Note", "content": text, "to": [PUBLIC]})
}

async fn get_as(client: &Client, path: &str, accept: &str) -> Answer {
    client.send(client.request(Method::GET, path).header(header::ACCEPT, accept)).await
}

async fn add(client: &Client, name: &str) {
    client.post("/actors", &json!({"name": name, "kind": "Person"})).await.expect(201);
}

/// A page of a box.
async fn items(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).await.expect(200)["orderedItems"].as_array().cloned().expect("items")
}

fn path_of(url: &Value) -> String {
    let url = reqwest::Url::parse(url.as_str().expect("a URL")).expect("a URL");
    url.path().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_found_and_told_in_the_form_that_is_asked_for() {
    let host = Host::start().await;
    let stranger = host.client().stranger();
    let url = format!("{}/actors/site", host.url());
    for (accept, kind) in [
        (ACTIVITY, ACTIVITY),
        ("application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"", "application/ld+json; profile"),
        ("application/json", "application/json"),
    ] {
        let answer = get_as(&stranger, "/actors/site", accept).await;
        let actor = answer.expect(200);
        assert!(answer.header("content-type").starts_with(kind), "{accept}");
        assert_eq!(
            (&actor["id"], &actor["type"], &actor["inbox"]),
            (&json!(url), &json!("Service"), &json!(format!("{url}/inbox")))
        );
        assert_eq!(actor["assertionMethod"][0]["id"], json!(format!("{url}#ed25519-key")));
        assert_eq!(actor["endpoints"]["sharedInbox"], json!(format!("{}/inbox", host.url())));
    }
    let page = stranger.page("/actors/site").await;
    assert!(page.text.contains("@site@127.0.0.1") && !page.text.contains("Follow somebody"), "{}", page.text);
    assert_eq!(stranger.get("/actors/nobody").await.status.as_u16(), 404);

    let account = host.url().replace("http://", "acct:site@");
    let found = stranger.get(&format!("/.well-known/webfinger?resource={account}")).await;
    assert_eq!(found.header("content-type"), "application/jrd+json");
    assert_eq!(found.header("access-control-allow-origin"), "*");
    let found = found.expect(200);
    assert_eq!(found["subject"], json!(account));
    let link = found["links"].as_array().expect("links").iter().find(|link| link["rel"] == "self").expect("self");
    assert_eq!((&link["href"], &link["type"]), (&json!(url), &json!(ACTIVITY)));
    stranger.get(&format!("/.well-known/webfinger?resource={url}")).await.expect(200);
    for (query, status) in [
        ("?resource=acct:nobody@127.0.0.1", 404),
        ("?resource=acct:site@other.example", 404),
        ("", 400),
        ("?resource=x", 400),
    ] {
        assert_eq!(stranger.get(&format!("/.well-known/webfinger{query}")).await.status.as_u16(), status, "{query}");
    }

    let discovery = stranger.get("/.well-known/nodeinfo").await.expect(200);
    let info = stranger.get(&path_of(&discovery["links"][0]["href"])).await.expect(200);
    assert_eq!((&info["version"], &info["software"]["name"]), (&json!("2.1"), &json!("rosehip")));
    assert_eq!((&info["protocols"], &info["usage"]["users"]["total"]), (&json!(["activitypub"]), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_have_boxes_of_their_own() {
    let host = Host::start().await;
    let client = host.client();
    add(&client, "ada").await;
    client.post("/actors", &json!({"name": "ada"})).await.expect(409);
    let refused = client.post("/actors", &json!({"name": "Bob", "kind": "Person"})).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "name");
    let refused = client.post("/actors", &json!({"name": "bob", "kind": "Robot"})).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "kind");

    client.post("/actors/ada/outbox", &note("by ada")).await.expect(201);
    client.post("/actors/site/outbox", &note("by site")).await.expect(201);
    for (name, text) in [("ada", "by ada"), ("site", "by site")] {
        let outbox = client.get(&format!("/actors/{name}/outbox")).await.expect(200);
        assert_eq!((&outbox["totalItems"], &outbox["tip"]["seq"]), (&json!(1), &json!(1)));
        let listed = items(&client, &format!("/actors/{name}/outbox?page=1")).await;
        assert_eq!((listed.len(), &listed[0]["object"]["content"]), (1, &json!(text)));
        let inbox = client.get(&format!("/actors/{name}/inbox")).await.expect(200);
        assert_eq!((&inbox["totalItems"], &inbox["tip"]), (&json!(0), &json!({"seq": 0, "cid": null})));
    }
    let actors = client.get("/actors").await.expect(200);
    assert_eq!(actors["actors"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_is_read_by_pages_and_since_a_cid() {
    let host = Host::start().await;
    let client = host.client();
    let mut cids = Vec::new();
    for n in 0..53 {
        let posted = client.post("/actors/site/outbox", &note(&format!("n{n}"))).await.expect(201);
        cids.push(posted["cid"].as_str().expect("a Cid").to_owned());
    }
    let stranger = host.client().stranger();
    let whole = stranger.get("/actors/site/outbox").await.expect(200);
    assert_eq!((&whole["type"], &whole["totalItems"]), (&json!("OrderedCollection"), &json!(53)));
    assert_eq!(whole["tip"], json!({"seq": 53, "cid": cids[52]}));
    let first =
        stranger.get(whole["first"].as_str().and_then(|url| url.strip_prefix(&host.url())).expect("here")).await;
    let first = first.expect(200);
    assert_eq!((first["orderedItems"].as_array().map(Vec::len), &first["cids"][0]), (Some(50), &json!(cids[52])));
    let next = first["next"].as_str().and_then(|url| url.strip_prefix(&host.url())).expect("another page").to_owned();
    let second = stranger.get(&next).await.expect(200);
    assert_eq!((second["orderedItems"].as_array().map(Vec::len), second.get("next")), (Some(3), None));
    assert_eq!(second["orderedItems"][2]["object"]["content"], "n0");

    let since = |cid: &str| format!("/actors/site/outbox?since={cid}");
    let after = stranger.get(&since(&cids[49])).await.expect(200);
    assert_eq!(after["cids"], json!(cids[50..]), "oldest first");
    let two = stranger.get(&format!("{}&page=2", since(&cids[0]))).await.expect(200);
    let other_way = stranger.get(&format!("/actors/site/outbox?page=2&since={}", cids[0])).await.expect(200);
    assert_eq!((&two["cids"], &other_way["cids"]), (&json!(cids[51..]), &json!(cids[51..])));
    let one = stranger.get(&since(&cids[0])).await.expect(200);
    assert_eq!(one["next"], json!(format!("{}{}&page=2", host.url(), since(&cids[0]))));
    assert_eq!(stranger.get(&since(&cids[52])).await.expect(200)["orderedItems"], json!([]));
    let unknown = stranger.get(&since("bagaaunknown")).await.expect(200);
    assert_eq!((&unknown["orderedItems"], &unknown["tip"]), (&json!([]), &whole["tip"]));
    assert_eq!((unknown.get("totalItems"), unknown.get("next")), (None, None));
    for bad in ["page=0", "page=x"] {
        let refused = stranger.get(&format!("/actors/site/outbox?{bad}")).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "page");
    }
    assert_eq!(items(&stranger, "/actors/site/outbox?page=99").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_that_has_not_changed_is_not_sent_again() {
    let host = Host::start().await;
    let client = host.client();
    client.post("/actors/site/outbox", &note("one")).await.expect(201);
    let stranger = client.stranger();
    let tag = stranger.get("/actors/site/outbox").await.header("etag").to_owned();
    let again = |tag: &str| {
        let request = stranger.request(Method::GET, "/actors/site/outbox").header(header::ACCEPT, "application/json");
        stranger.send(request.header(header::IF_NONE_MATCH, tag))
    };
    let unchanged = again(&tag).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.text.as_str(), unchanged.header("etag")), (304, "", &*tag));
    assert_ne!(client.get("/actors/site/outbox").await.header("etag"), tag, "its owner sees another one");
    client.post("/actors/site/outbox", &note("two")).await.expect(201);
    assert_eq!(again(&tag).await.status.as_u16(), 200);
}

/// The keys that an actor's document lists.
fn keys(actor: &Value) -> Map<String, Value> {
    let keys = actor["assertionMethod"].as_array().expect("keys");
    keys.iter().map(|key| (key["id"].as_str().expect("an id").to_owned(), key["publicKeyMultibase"].clone())).collect()
}

fn verifies(document: &Value, keys: &Map<String, Value>) -> bool {
    let document = document.as_object().expect("a document");
    let method = document["proof"]["verificationMethod"].as_str().expect("a key");
    let key: PublicKey = serde_json::from_value(keys[method].clone()).expect("a Multikey");
    let later: Timestamp = "2100-01-01T00:00:00Z".parse().expect("a time");
    proof::verify(document, &key, later).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_old_key_signed_can_still_be_verified() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post("/new", &Client::article("Before", "published", "")).await.expect(201);
    client.post("/actors/site/rotate-key", &json!({})).await.expect(200);
    client.post("/new", &Client::article("After", "published", "")).await.expect(201);
    host.kill_and_serve().await;
    client.post("/new", &Client::article("Later", "published", "")).await.expect(201);
    let stranger = client.stranger();
    let keys = keys(&stranger.get("/actors/site").await.expect(200));
    assert_eq!(keys.len(), 2);
    let said = items(&stranger, "/actors/site/outbox?page=1").await;
    let methods: Vec<_> = said.iter().map(|said| said["proof"]["verificationMethod"].clone()).collect();
    assert!(methods[0] == methods[1] && methods[1] != methods[2], "{methods:?}");
    for document in &said {
        assert!(verifies(document, &keys), "{document:#}");
        let mut forged = document.clone();
        forged["published"] = json!("2020-01-01T00:00:00.000Z");
        assert!(!verifies(&forged, &keys));
        let alone = get_as(&stranger, &path_of(&document["id"]), ACTIVITY).await.expect(200);
        assert_eq!(&alone, document, "it is the same wherever it is read");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_what_is_for_everybody_and_has_not_been_taken_back() {
    let host = Host::start().await;
    let client = host.client();
    let stranger = client.stranger();
    client.put("/objects/Order/7", &json!({"status": "paid", "total": 12})).await.expect(201);
    client.post("/new", &Client::article("Shown", "published", "")).await.expect(201);
    let article = client.post("/new", &Client::article("Hidden", "published", "")).await.expect(201);
    let public = client.put("/objects/Note/1", &json!({"content": "hi", "to": [PUBLIC]})).await.expect(201);
    assert_eq!(items(&stranger, "/actors/site/outbox?page=1").await.len(), 3);
    assert_eq!(items(&client, "/actors/site/outbox?page=1").await.len(), 4);
    assert_eq!(stranger.get("/actors/site/outbox").await.expect(200)["totalItems"], 3);
    assert_eq!(stranger.get("/objects/Order/7").await.status.as_u16(), 404);
    assert_eq!(get_as(&stranger, "/objects/Note/1", ACTIVITY).await.expect(200)["content"], "hi");

    let draft = json!({"title": "Hidden", "body": "x", "status": "draft"});
    client.post("/hidden/edit", &draft).await.expect(200);
    client
        .put("/objects/Note/1", &json!({"content": "for friends", "to": ["http://x.example/friends"]}))
        .await
        .expect(200);
    let seen = items(&stranger, "/actors/site/outbox?page=1").await;
    let kinds: Vec<_> = seen.iter().map(|seen| seen["type"].as_str().unwrap_or_default()).collect();
    assert_eq!(kinds, ["Delete", "Create"], "{seen:#?}");
    assert_eq!(stranger.get("/actors/site/outbox").await.expect(200)["totalItems"], 2);
    for taken_back in [&article, &public] {
        assert_eq!(stranger.get(&path_of(&taken_back["activity"])).await.status.as_u16(), 404);
        client.get(&path_of(&taken_back["activity"])).await.expect(200);
    }
    assert_eq!(stranger.get("/objects/Note/1").await.status.as_u16(), 404);
    let edith = host.client_of(&host.add_user("edith", "editor"));
    add(&client, "ada").await;
    client.post("/actors/ada/outbox", &json!({"type": "Note", "content": "to nobody"})).await.expect(201);
    assert_eq!(items(&edith, "/actors/ada/outbox?page=1").await.len(), 0, "another's outbox");
    assert_eq!(stranger.get("/actors/ada/inbox").await.status.as_u16(), 401);
    assert_eq!(edith.get("/actors/ada/inbox").await.status.as_u16(), 403);
    assert_eq!(edith.post("/actors/ada/outbox", &note("as her")).await.status.as_u16(), 403);
    edith.get("/actors/site/inbox").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_posts_becomes_objects_and_activities() {
    let host = Host::start().await;
    let client = host.client();
    let stranger = client.stranger();
    let outbox = "/actors/site/outbox";
    let request = client.request(Method::POST, outbox).header(header::CONTENT_TYPE, ACTIVITY);
    let posted = client.send(request.body(note("Hi <script>x</script><b>you</b>").to_string())).await;
    let created = posted.expect(201);
    assert_eq!(posted.header("location"), created["id"].as_str().expect("an id"));
    assert_eq!(created["activity"], created["id"]);
    let activity = get_as(&stranger, &path_of(&created["id"]), ACTIVITY).await.expect(200);
    assert_eq!((&activity["type"], &activity["object"]["content"]), (&json!("Create"), &json!("Hi <b>you</b>")));
    let note_id = activity["object"]["id"].clone();
    let object = get_as(&stranger, &path_of(&note_id), ACTIVITY).await.expect(200);
    assert_eq!(object["attributedTo"], json!(format!("{}/actors/site", host.url())));

    let change =
        json!({"type": "Update", "object": {"id": note_id, "content": "Changed", "summary": "<i onclick=x()>s</i>"}});
    let changed = client.post(outbox, &change).await.expect(201);
    let changed = client.get(&path_of(&changed["id"])).await.expect(200);
    assert_eq!(
        (&changed["activity"]["object"]["summary"], &changed["activity"]["to"]),
        (&json!("<i>s</i>"), &json!([PUBLIC]))
    );
    assert_eq!(changed["activity"]["transitions"][0]["field"], "content", "a post's transitions fire like any other's");
    let gone = client.post(outbox, &json!({"type": "Delete", "object": note_id})).await.expect(201);
    assert_eq!(stranger.get(&path_of(&note_id)).await.status.as_u16(), 404);
    get_as(&stranger, &path_of(&gone["id"]), ACTIVITY).await.expect(200);

    let article =
        json!({"type": "Create", "object": {"type": "Article", "name": "Posted here", "content": "<p>Text</p>"}});
    let article = client.post(outbox, &article).await.expect(201);
    assert_eq!(article["url"], json!(format!("{}/posted-here/", host.url())));
    assert!(stranger.page("/posted-here/").await.text.contains("<p>Text</p>"));

    let secret = json!({"type": "Note", "content": "psst", "bto": ["https://x.example/ann"], "to": [PUBLIC]});
    let secret = client.post(outbox, &secret).await.expect(201);
    let told = get_as(&stranger, &path_of(&secret["id"]), ACTIVITY).await;
    assert!(told.text.contains("psst") && !told.text.contains("x.example"), "{}", told.text);

    let like = json!({"type": "Like", "object": "https://x.example/1", "to": ["https://x.example/ann"]});
    let like = client.post(outbox, &like).await.expect(201);
    let undo = client.post(outbox, &json!({"type": "Undo", "object": like["id"]})).await.expect(201);
    let undo = client.get(&path_of(&undo["id"])).await.expect(200);
    assert_eq!(undo["activity"]["object"]["type"], "Like");
    assert_eq!(undo["activity"]["to"], json!(["https://x.example/ann"]), "it goes to who was told");
    for (document, field) in [
        (json!({"content": "no type"}), "type"),
        (json!({"type": "Like"}), "object"),
        (json!({"type": "Like", "object": "https://x.example/1", "actor": "https://x.example/ann"}), "actor"),
        (json!({"type": "Create", "object": "https://x.example/1"}), "object"),
        (json!({"type": "Create", "object": {"type": "Article", "content": "x"}}), "title"),
        (json!({"type": "Update", "object": {"id": "https://x.example/1", "content": "x"}}), "object"),
        (json!({"type": "Delete", "object": format!("{}/objects/Note/none", host.url())}), "object"),
        (json!({"type": "Undo", "object": "https://x.example/unknown"}), "object"),
        (json!({"type": "Undo", "object": created["id"]}), "object"),
        (json!({"type": "Accept", "object": "https://x.example/follow"}), "object"),
        (json!({"type": "Follow", "object": format!("{}/actors/site", host.url())}), "object"),
        (json!({"type": "Note", "content": "x", "to": [7]}), "object/to"),
    ] {
        let refused = client.post(outbox, &document).await;
        assert_eq!(refused.expect(422)["errors"][0]["field"], field, "{document}: {}", refused.text);
    }
    let form = client.request(Method::POST, outbox).form(&[("type", "Note")]);
    assert_eq!(client.send(form).await.status.as_u16(), 415);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_is_asked_for_answered_and_ended() {
    let host = Host::start_federating().await;
    let client = host.client();
    add(&client, "ada").await;
    let ada = format!("{}/actors/ada", host.url());
    let site = format!("{}/actors/site", host.url());
    client.post("/actors/ada/edit", &json!({"approves_followers": true, "summary": "a < b"})).await.expect(200);
    let document = client.stranger().get("/actors/ada").await.expect(200);
    assert_eq!((&document["manuallyApprovesFollowers"], &document["summary"]), (&json!(true), &json!("a &lt; b")));
    client.install_ask().await;
    let follow = json!([{"kind": "activity", "payload": {"activity": {"type": "Follow", "object": ada, "to": [ada]}}}]);
    let flow = client.ask("follow", &follow).await;
    client.effect_until(&flow, 0, "dispatched").await;

    // It has left the outbox; it arrives by itself.
    let arrives = async {
        while items(&client, "/actors/ada/followers?state=pending&page=1").await != [json!(site)] {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), arrives).await.expect("it arrives within a minute");
    assert_eq!(client.stranger().get("/actors/ada/followers?state=pending").await.status.as_u16(), 401);
    assert!(client.page("/actors/ada").await.text.contains("Want to follow"));
    assert_eq!(client.stranger().get("/actors/ada/followers").await.expect(200)["totalItems"], 0);
    let accept = client.post("/actors/ada/followers", &json!({"actor": site, "decision": "accept"})).await.expect(201);
    let told = get_as(&client.stranger(), &path_of(&accept["id"]), ACTIVITY).await.expect(200);
    assert_eq!(
        (&told["type"], &told["object"]["actor"], &told["to"]),
        (&json!("Accept"), &json!(site), &json!([site]))
    );
    assert_eq!(items(&client.stranger(), "/actors/ada/followers?page=1").await, [json!(site)]);
    let again = client.post("/actors/ada/followers", &json!({"actor": site, "decision": "accept"})).await;
    assert_eq!(again.expect(422)["errors"][0]["field"], "actor");
    client.post("/actors/ada/followers", &json!({"actor": site, "decision": "remove"})).await.expect(201);
    assert_eq!(client.get("/actors/ada/followers").await.expect(200)["totalItems"], 0);

    let other = Host::start_federating().await;
    let there = other.url().replace("http://", "@site@");
    let asked = client.post("/actors/ada/follow", &json!({"who": there})).await.expect(201);
    assert_eq!(client.post("/actors/ada/follow", &json!({"who": there})).await.expect(200)["id"], asked["id"]);
    let page = client.page("/actors/ada").await;
    assert!(page.text.contains(&there) && page.text.contains("waits"), "{}", page.text);
    let refused = client.post("/actors/ada/follow", &json!({"who": other.url().replace("http://", "@nobody@")})).await;
    assert_eq!(refused.expect(422)["errors"][0]["rule"], "unknown");
    client.post("/actors/ada/unfollow", &json!({"actor": there})).await.expect(201);
    client.post("/actors/ada/unfollow", &json!({"actor": there})).await.expect(422);

    client.post("/actors/ada/block", &json!({"actor": there})).await.expect(201);
    assert_eq!(client.post("/actors/ada/block", &json!({"actor": there})).await.expect(200)["id"], Value::Null);
    let blocks = |actors: Value| actors["actors"][0]["blocks"].clone();
    assert_eq!(blocks(client.get("/actors").await.expect(200)), json!([format!("{}/actors/site", other.url())]));
    client.post("/actors/ada/unblock", &json!({"actor": there})).await.expect(201);
    assert_eq!(blocks(client.get("/actors").await.expect(200)), json!([]));
    client.post("/actors/ada/follow", &json!({"who": ada})).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn actors_are_added_and_shown_by_command_with_and_without_a_host() {
    let mut host = Host::start_federating().await;
    let other = Host::start_federating().await;
    let there = other.url().replace("http://", "@site@");
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        let name = if is_running { "ada" } else { "ben" };
        host.cli(&["actors", "add", name, "--kind", "Person", "--name", "A Name", "--approve-followers"], "").ok();
        assert_eq!(host.cli(&["actors", "add", name], "").code, Some(1), "the name is taken");
        let listed: Value = serde_json::from_str(&host.cli(&["actors", "ls", "--json"], "").ok()).expect("JSON");
        assert_eq!(listed["actors"][usize::from(!is_running)]["display_name"], "A Name");
        let before = host.cli(&["actors", "show", name], "").ok();
        assert!(before.contains("A Name") && before.matches("\nkey ").count() == 1, "{before}");
        host.cli(&["actors", "edit", name, "--summary", "Words", "--approve-followers", "false"], "").ok();
        host.cli(&["actors", "rotate-key", name], "").ok();
        let after = host.cli(&["actors", "show", name], "").ok();
        assert!(after.contains("Words") && after.matches("\nkey ").count() == 2, "{after}");
        host.cli(&["actors", "follow", &there, "--as", name], "").ok();
        host.cli(&["actors", "unfollow", &there, "--as", name], "").ok();
        host.cli(&["actors", "block", &there, "--as", name], "").ok();
        assert!(host.cli(&["actors", "show", name], "").ok().contains("blocks"));
        host.cli(&["actors", "unblock", &there, "--as", name], "").ok();
        assert_eq!(host.cli(&["actors", "followers", name, "--pending"], "").ok(), "");
        assert_eq!(host.cli(&["actors", "accept", &there, "--as", name], "").code, Some(1), "nobody has asked");
        assert_eq!(host.cli(&["actors", "show", "nobody"], "").code, Some(3));
        assert_eq!(host.cli(&["actors", "edit", name], "").code, Some(2));
        let user = format!("user-{name}");
        host.cli(&["user", "add", &user, "--role", "editor", "--actor", name, "--password-stdin"], "correct horse\n")
            .ok();
    }
    host.serve().await;
    let token = host.cli(&["token", "create", "user-ben"], "").ok();
    let ben = host.client_of(token.trim());
    ben.post("/actors/ben/outbox", &note("mine")).await.expect(201);
    assert_eq!(ben.post("/actors/ada/outbox", &note("hers")).await.status.as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actors_page_is_the_stream_of_what_it_says_for_everybody_page_by_page() {
    let host = Host::start().await;
    let client = host.client();
    for number in 1..=51 {
        client.post("/new", &Client::article(&format!("Post {number:02}"), "published", "")).await.expect(201);
    }
    client.post("/new", &Client::article("Kept back", "draft", "")).await.expect(201);
    let stranger = client.stranger();
    let first = stranger.page("/actors/site").await.text;
    assert!(first.contains("href=\"/post-51/\"") && first.contains("href=\"/post-02/\""), "{first}");
    assert!(
        first.find("Post 51") < first.find("Post 50") && !first.contains("Post 01") && !first.contains("Kept back")
    );
    let older =
        first.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a next page");
    // What is said meanwhile moves nothing from one page to the next.
    client.post("/new", &Client::article("Post 52", "published", "")).await.expect(201);
    let second = stranger.page(older).await.text;
    assert!(second.contains("Post 01") && !second.contains("Post 02") && !second.contains("rel=\"next\""), "{second}");
    assert!(second.contains("rel=\"prev\" href=\"/actors/site\""), "{second}");
    assert_eq!(stranger.page("/actors/site?before=x").await.status.as_u16(), 422);
}
