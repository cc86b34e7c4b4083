//! `Move` (FEP-7628): whoever is followed and has another address is followed there, if the other address says so as well.

use std::time::Duration;

use rosehip_tests::{Client, Host, Peer};
use serde_json::{Value, json};

use crate::strangers::{host, inbox, rule};

/// Serves another actor of a peer, with other names.
fn serve(peer: &Peer, path: &str, members: Value) -> String {
    let actor = peer.url(path);
    let mut document =
        json!({"id": actor, "type": "Person", "preferredUsername": "ann", "inbox": format!("{actor}/inbox")});
    let object = document.as_object_mut().expect("an object");
    object.extend(members.as_object().cloned().expect("an object"));
    peer.serve(path, &document);
    actor
}

async fn follow(host: &Host, client: &Client, peer: &mut Peer) {
    client.post("/actors/site/follow", &json!({"who": peer.actor()})).await.expect(201);
    let follow = peer.next().await.json();
    let accept = peer.activity("/accepts/1", "Accept", follow);
    assert_eq!(peer.post(&inbox(host), &accept).await.status.as_u16(), 202);
}

fn moving(peer: &Peer, n: u8, to: &str) -> Value {
    let mut activity = peer.activity(&format!("/moves/{n}"), "Move", json!(peer.actor()));
    activity["target"] = json!(to);
    activity
}

/// Whom the site follows, answered or not.
async fn asked(client: &Client) -> Vec<(String, String)> {
    let outbox = client.get("/actors/site/outbox?page=1").await.expect(200);
    let items = outbox["orderedItems"].as_array().cloned().expect("items");
    let text = |value: &Value| value.as_str().or_else(|| value["object"].as_str()).unwrap_or_default().to_owned();
    items.iter().rev().map(|item| (text(&item["type"]), text(&item["object"]))).collect()
}

fn strings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(kind, about)| ((*kind).to_owned(), (*about).to_owned())).collect()
}

/// Reads the log until it says so.
async fn until_logged(host: &Host, text: &str) {
    for _ in 0..3_000 {
        if host.log().contains(text) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{text:?} is not in {}", host.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_moves_is_followed_to_the_address_that_says_so() {
    let (mut host, client, mut peer) = host().await;
    let mut new = Peer::start().await;
    follow(&host, &client, &mut peer).await;
    let to = serve(&new, "/new-ann", json!({"alsoKnownAs": ["https://third.example/ann", peer.actor()]}));
    let moved = moving(&peer, 1, &to);
    for _ in 0..2 {
        assert_eq!(peer.post(&inbox(&host), &moved).await.status.as_u16(), 202);
    }
    let follow = new.next().await.json();
    assert_eq!((&follow["type"], &follow["object"]), (&json!("Follow"), &json!(to)));
    let undo = peer.next().await.json();
    assert_eq!((&undo["type"], &undo["object"]["object"]), (&json!("Undo"), &json!(peer.actor())));
    let old = peer.actor();
    let wanted = strings(&[("Follow", &old), ("Follow", &to), ("Undo", &old)]);
    assert_eq!(asked(&client).await, wanted);
    let notices = client.get("/actors/site/notifications").await.expect(200);
    assert_eq!((&notices["items"][0]["kind"], &notices["items"][0]["actor"]), (&json!("move"), &json!(old)));
    assert!(client.page("/actors/site/notifications").await.text.contains(&to));
    // It is done, also after a start.
    host.kill_and_serve().await;
    assert_eq!(asked(&client).await, wanted);
    assert_eq!(host.verify().code, Some(0));
}

/// Serves the peer's own actor as it is, with these other names.
async fn known_as(peer: &Peer, names: Value) {
    let mut document = Client::new(&peer.url(""), None).get("/ann").await.expect(200);
    document["alsoKnownAs"] = names;
    peer.serve("/ann", &document);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_in_a_circle() {
    let (host, client, mut peer) = host().await;
    let mut new = Peer::start().await;
    follow(&host, &client, &mut peer).await;
    known_as(&new, json!([peer.actor()])).await;
    assert_eq!(peer.post(&inbox(&host), &moving(&peer, 1, &new.actor())).await.status.as_u16(), 202);
    let follow = new.next().await.json();
    assert_eq!(follow["type"], "Follow");
    assert_eq!(new.post(&inbox(&host), &new.activity("/accepts/1", "Accept", follow)).await.status.as_u16(), 202);
    // Back to where they came from, which says that it is the same: it has moved itself, and would lead on again.
    known_as(&peer, json!([new.actor()])).await;
    assert_eq!(new.post(&inbox(&host), &moving(&new, 2, &peer.actor())).await.status.as_u16(), 202);
    until_logged(&host, &format!("movedTo: {} has moved itself", peer.actor())).await;
    let (old, to) = (peer.actor(), new.actor());
    assert_eq!(asked(&client).await, strings(&[("Follow", &old), ("Follow", &to), ("Undo", &old)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_follows_where_the_new_address_does_not_agree() {
    let (host, client, mut peer) = host().await;
    let new = Peer::start().await;
    follow(&host, &client, &mut peer).await;
    let before = asked(&client).await;
    let other = format!("{}x", peer.actor());
    let bad = [
        ("/nameless", json!({}), "alsoKnownAs: "),
        ("/another", json!({"alsoKnownAs": ["https://third.example/ann", other]}), "alsoKnownAs: "),
        ("/onward", json!({"alsoKnownAs": [peer.actor()], "movedTo": peer.actor()}), "movedTo: "),
        // Another document than the one that was asked for is nobody's.
        ("/lent", json!({"id": new.url("/other"), "alsoKnownAs": [peer.actor()]}), ""),
        // Whom the actor blocks, it does not follow there either.
        ("/blocked", json!({"alsoKnownAs": [peer.actor()]}), "blocks "),
    ];
    for (n, (path, members, why)) in (1..).zip(bad) {
        let to = serve(&new, path, members);
        if path == "/blocked" {
            client.post("/actors/site/block", &json!({"actor": to})).await.expect(201);
        }
        assert_eq!(peer.post(&inbox(&host), &moving(&peer, n, &to)).await.status.as_u16(), 202);
        until_logged(&host, &format!("{why}{}", if why.is_empty() { new.url("/lent") } else { to })).await;
    }
    let good = serve(&new, "/good", json!({"alsoKnownAs": peer.actor()}));
    assert_eq!(peer.post(&inbox(&host), &moving(&peer, 9, &good)).await.status.as_u16(), 202);
    assert_eq!(peer.next().await.json()["type"], "Undo");
    let follows: Vec<_> = asked(&client).await.into_iter().filter(|(kind, _)| kind == "Follow").collect();
    assert_eq!(follows, strings(&[("Follow", &before[0].1), ("Follow", &good)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_moved_by_others_and_nobody_is_asked_for_who_is_not_followed() {
    let (host, client, peer) = host().await;
    let new = Peer::start().await;
    let to = serve(&new, "/new-ann", json!({"alsoKnownAs": [peer.actor()]}));
    let third = |object: &str| {
        let mut activity = peer.activity("/moves/third", "Move", json!(object));
        activity["target"] = json!(to);
        activity
    };
    for object in [peer.url("/ben"), format!("{}/actors/site", host.url()), to.clone()] {
        assert_eq!(rule(&peer.post(&inbox(&host), &third(&object)).await), (403, "origin".to_owned()), "{object}");
    }
    for target in [json!(null), json!(7), json!("not a URL"), json!(peer.actor()), json!({"type": "Person"})] {
        let mut activity = moving(&peer, 1, &to);
        activity["target"] = target.clone();
        assert_eq!(rule(&peer.post(&inbox(&host), &activity).await), (422, "activity".to_owned()), "{target}");
    }
    // It is kept, and nobody is asked: the site does not follow the one who moves.
    assert_eq!(peer.post(&inbox(&host), &moving(&peer, 2, &to)).await.status.as_u16(), 202);
    client.until_jobs(|jobs| jobs == 0).await;
    assert_eq!((new.asked_for("/new-ann"), asked(&client).await), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_short_goes_on_at_the_next_start() {
    let (mut host, client, mut peer) = host().await;
    let mut new = Peer::start().await;
    follow(&host, &client, &mut peer).await;
    // The new address does not know itself yet, so that nothing comes of it until the host starts again.
    let to = new.url("/late");
    assert_eq!(peer.post(&inbox(&host), &moving(&peer, 1, &to)).await.status.as_u16(), 202);
    until_logged(&host, "is not followed there").await;
    serve(&new, "/late", json!({"alsoKnownAs": [peer.actor()]}));
    host.kill_and_serve().await;
    assert_eq!(new.next().await.json()["type"], "Follow");
    assert_eq!(peer.next().await.json()["type"], "Undo");
}

/// People who move here from elsewhere: whoever follows them there and is served by another host follows them here.
#[tokio::test(flavor = "multi_thread")]
async fn who_moves_here_brings_their_followers_along() {
    let (host, client, mut peer) = host().await;
    follow(&host, &client, &mut peer).await;
    let there = Host::start_federating().await;
    let operator = there.client();
    operator.post("/actors", &json!({"name": "ann"})).await.expect(201);
    let to = format!("{}/actors/ann", there.url());
    let refused = operator.post("/actors/ann/edit", &json!({"also_known_as": ["ann@old.example"]})).await;
    assert_eq!(refused.expect(422)["errors"][0]["field"], "also_known_as");
    let many = vec![peer.actor(); 11];
    let refused = operator.post("/actors/ann/edit", &json!({"also_known_as": many})).await;
    assert_eq!(refused.expect(422)["errors"][0]["rule"], "length");
    let edited = there.cli(&["actors", "edit", "ann", "--also-known-as", &peer.actor()], "");
    assert_eq!(edited.code, Some(0), "{edited:?}");
    // What is not sent stays, and a form sends all of it.
    operator.post("/actors/ann/edit", &json!({"summary": "Moved"})).await.expect(200);
    let document = operator.stranger().get("/actors/ann").await.expect(200);
    assert_eq!(document["alsoKnownAs"], json!([peer.actor()]));
    assert!(operator.page("/actors/ann").await.text.contains(&peer.actor()));

    assert_eq!(peer.post(&inbox(&host), &moving(&peer, 1, &to)).await.status.as_u16(), 202);
    let undo = peer.next().await.json();
    assert_eq!((&undo["type"], &undo["object"]["object"]), (&json!("Undo"), &json!(peer.actor())));
    let follows = async {
        while operator.get("/actors/ann/followers").await.expect(200)["totalItems"] != 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), follows).await.expect("it follows within a minute");
    assert_eq!(there.cli(&["actors", "edit", "ann", "--also-known-as", ""], "").code, Some(0));
    assert!(operator.stranger().get("/actors/ann").await.expect(200).get("alsoKnownAs").is_none());
}
