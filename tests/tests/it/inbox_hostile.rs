//! What hostile hosts try that is no matter of signatures alone: keys that are not theirs, others' objects, documents that are
//! two documents, and connections that never end.

use std::time::{Duration, Instant};

use rosehip_core::{
    limits::{HEAD_MS, HTTP_BODY_BYTES, REQUEST_MS},
    signing::{RsaSigner, SignedBy, Signer, Unsigned, sign_request},
};
use rosehip_tests::{Answer, Client, Form, Host, Peer, Process, now, send};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::strangers::{host, inbox, note, rule};

const RSA: &str = include_str!("../../../host/core/tests/keys/rsa.pem");

/// Sends a document, signed by whatever signs.
async fn signed(inbox: &str, document: &Value, by: SignedBy<'_>) -> Answer {
    let body = document.to_string().into_bytes();
    let request = Unsigned { method: "POST", url: inbox, content: Some((&body, "application/activity+json")) };
    let fields = sign_request(&request, by, now()).expect("signed");
    send(inbox, fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), body).await
}

async fn has(client: &Client, activity: &Value) -> bool {
    let id = activity["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    client.get(&format!("/activities/{id}")).await.status.is_success()
}

/// Another actor of a peer, with the peer's own key under its own id.
fn ben(peer: &Peer) -> (String, RsaSigner) {
    let actor = peer.url("/ben");
    let signer = RsaSigner::from_pem(format!("{actor}#main-key"), RSA).expect("a key");
    let key = json!({"id": signer.key_id, "owner": actor, "publicKeyPem": signer.public_key().to_pem()});
    let document = json!({"id": actor, "type": "Person", "inbox": format!("{actor}/inbox"), "publicKey": key});
    peer.serve("/ben", &document);
    (actor, signer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_asked_for_at_its_actor_and_nowhere_else() {
    let (host, _client, peer) = host().await;
    let victim = Peer::start().await;
    let inbox = inbox(&host);
    // A key's id that leads to another host, with and without a fragment, whatever stands there.
    for id in [victim.url("/internal"), victim.url("/internal#key"), victim.url("/ann#main-key")] {
        let signer = RsaSigner::from_pem(id, RSA).expect("a key");
        for by in [SignedBy::Rsa(&signer), SignedBy::Cavage(&signer)] {
            assert_eq!(rule(&signed(&inbox, &note(&peer, "one"), by).await), (403, "origin".to_owned()));
        }
    }
    assert_eq!(victim.asked_for("/internal") + victim.asked_for("/ann"), 0, "nobody is asked");
    assert_eq!(peer.asked_for("/ann"), 0);
    // An actor that does not list the key, though another document at its origin does.
    let own = peer.url("/keys/1");
    let signer = RsaSigner::from_pem(own.clone(), RSA).expect("a key");
    peer.serve(
        "/keys/1",
        &json!({
            "id": own, "type": "Key", "owner": peer.actor(), "publicKeyPem": signer.public_key().to_pem(),
        }),
    );
    let answer = signed(&inbox, &note(&peer, "one"), SignedBy::Cavage(&signer)).await;
    assert_eq!(rule(&answer), (401, "key".to_owned()), "{}", answer.text);
    assert_eq!((peer.asked_for("/ann"), peer.asked_for("/keys/1")), (1, 0));
    // Where its actor lists it, a key may lie beside the actor, as some servers have it.
    let (actor, _) = ben(&peer);
    let path = RsaSigner::from_pem(format!("{actor}/main-key"), RSA).expect("a key");
    let key = json!({"id": path.key_id, "owner": actor, "publicKeyPem": path.public_key().to_pem()});
    peer.serve("/ben", &json!({"id": actor, "type": "Person", "inbox": format!("{actor}/inbox"), "publicKey": [key]}));
    let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": actor, "object": host.url()});
    assert_eq!(signed(&inbox, &like, SignedBy::Cavage(&path)).await.status.as_u16(), 202);
}

/// Who claims keys of an actor that it has not makes nobody forget those that it has, whatever their kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_there_hides_none_that_is() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    let mut forged = Vec::new();
    for (n, id) in ["#nobody", "#main-key", "#ed25519-key", "#nobody", "/main-key"].into_iter().enumerate() {
        let key_id = peer.url(&format!("/ann{id}"));
        let document = note(&peer, &format!("forged-{n}"));
        let stranger = Signer { key_id: key_id.clone(), key: ed25519_dalek::SigningKey::from_bytes(&[66; 32]) };
        let rsa = RsaSigner::from_pem(key_id, RSA).expect("a key");
        forged.push(signed(&inbox, &document, SignedBy::Ed25519(&stranger)).await);
        if id != "#main-key" {
            forged.push(signed(&inbox, &document, SignedBy::Rsa(&rsa)).await);
        }
        assert!(!has(&client, &document).await, "{id}");
    }
    assert!(
        forged.iter().all(|answer| answer.status.as_u16() == 401),
        "{:?}",
        forged.iter().map(rule).collect::<Vec<_>>()
    );
    assert!(peer.asked_for("/ann") <= 2, "it is asked for once, and once more");
    for form in Form::ALL {
        let note = note(&peer, &format!("{form:?}"));
        assert_eq!(peer.post_in(form, &inbox, &note).await.status.as_u16(), 202, "{form:?}");
    }
    // Nor does one who makes up actors of a host.
    for n in 0..20 {
        let actor = peer.url(&format!("/nobody-{n}"));
        let rsa = RsaSigner::from_pem(format!("{actor}#main-key"), RSA).expect("a key");
        let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": actor, "object": host.url()});
        assert_eq!(signed(&inbox, &like, SignedBy::Rsa(&rsa)).await.status.as_u16(), 401);
    }
    assert_eq!(peer.post_in(Form::Rsa, &inbox, &note(&peer, "still")).await.status.as_u16(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_actor_said_is_not_anothers_of_its_host_to_change_or_delete() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    let said = note(&peer, "one");
    assert_eq!(peer.post_in(Form::Rsa, &inbox, &said).await.status.as_u16(), 202);
    let (actor, signer) = ben(&peer);
    let mut changed = said["object"].clone();
    changed["content"] = json!("Never said");
    let mut unattributed = changed.clone();
    unattributed.as_object_mut().expect("an object").remove("attributedTo");
    for (n, (kind, object)) in [("Update", changed), ("Update", unattributed), ("Delete", said["object"]["id"].clone())]
        .into_iter()
        .enumerate()
    {
        let id = peer.url(&format!("/ben/{n}"));
        let document = json!({"id": id, "type": kind, "actor": actor, "object": object});
        let answer = signed(&inbox, &document, SignedBy::Cavage(&signer)).await;
        assert_eq!(rule(&answer), (403, "origin".to_owned()), "{kind}: {}", answer.text);
    }
    // Whoever said it changes it.
    let mut update = said.clone();
    update["id"] = json!(peer.url("/activities/update"));
    update["type"] = json!("Update");
    assert_eq!(peer.post_in(Form::Rsa, &inbox, &update).await.status.as_u16(), 202);
    assert!(has(&client, &update).await);
}

/// Hosts tell everybody they know when an actor goes, and its key goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_is_gone_takes_its_follows_along_and_is_no_error_where_nobody_knew_it() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    let (actor, signer) = ben(&peer);
    let gone = json!({"id": format!("{actor}#delete"), "type": "Delete", "actor": actor, "object": actor});
    peer.withdraw("/ben");
    assert_eq!(signed(&inbox, &gone, SignedBy::Cavage(&signer)).await.status.as_u16(), 202, "nobody knew it");
    assert!(!has(&client, &gone).await);
    let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": actor, "object": host.url()});
    assert_eq!(rule(&signed(&inbox, &like, SignedBy::Cavage(&signer)).await), (401, "key".to_owned()));

    // One who followed is known, and verified by what is known.
    let follow = peer.activity("/follows/1", "Follow", json!(format!("{}/actors/site", host.url())));
    assert_eq!(peer.post_in(Form::Cavage, &inbox, &follow).await.status.as_u16(), 202);
    assert_eq!(client.get("/actors/site/followers").await.expect(200)["totalItems"], 1);
    peer.withdraw("/ann");
    let gone = peer.activity("/ann/delete", "Delete", json!(peer.actor()));
    assert_eq!(peer.post_in(Form::Cavage, &format!("{}/inbox", host.url()), &gone).await.status.as_u16(), 202);
    assert_eq!(client.get("/actors/site/followers").await.expect(200)["totalItems"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follow_is_accepted_by_the_one_who_was_asked_alone() {
    let (host, client, peer) = host().await;
    let third = Peer::start().await;
    let inbox = inbox(&host);
    host.cli(&["actors", "follow", &peer.actor()], "").ok();
    let outbox = client.get("/actors/site/outbox?page=1").await.expect(200);
    let follow = outbox["orderedItems"].as_array().expect("items").iter().find(|item| item["type"] == "Follow");
    let follow = follow.expect("the Follow").clone();
    for (what, from, object) in [
        ("a third one", &third, follow["id"].clone()),
        ("a third one, quoting it", &third, follow.clone()),
        ("of what was not asked", &peer, json!(format!("{}/activities/other", host.url()))),
    ] {
        let accept = from.activity(&format!("/accepts/{}", what.len()), "Accept", object);
        let answer = from.post_in(Form::Rsa, &inbox, &accept).await;
        assert_eq!(rule(&answer), (403, "unsolicited".to_owned()), "{what}: {}", answer.text);
    }
    assert_eq!(client.get("/actors/site/following").await.expect(200)["totalItems"], 0);
    let accept = peer.activity("/accepts/1", "Accept", follow);
    assert_eq!(peer.post_in(Form::Rsa, &inbox, &accept).await.status.as_u16(), 202);
    assert_eq!(client.get("/actors/site/following").await.expect(200)["totalItems"], 1);
}

/// Documents are read as plain JSON: what would be another document to who reads JSON-LD is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_can_be_read_in_two_ways_is_refused() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    let plain = note(&peer, "one");
    for (what, member, value) in [
        ("@graph", "@graph", json!([{"type": "Delete"}])),
        ("@reverse", "@reverse", json!({"object": {}})),
        ("@included", "@included", json!([{}])),
        ("@id", "@id", json!(peer.url("/activities/other"))),
        ("@context", "@context", json!(["https://www.w3.org/ns/activitystreams", {"actor": "as:object"}])),
        ("@import", "@context", json!({"@import": "https://evil.example/"})),
    ] {
        for within in [false, true] {
            let mut document = plain.clone();
            let place = if within { &mut document["object"] } else { &mut document };
            place[member] = value.clone();
            let answer = peer.post_in(Form::Rsa, &inbox, &document).await;
            assert_eq!(rule(&answer), (422, "activity".to_owned()), "{what}: {}", answer.text);
        }
    }
    // The same of an actor: it is not read at all.
    let (actor, signer) = ben(&peer);
    let key = json!({"id": signer.key_id, "owner": actor, "publicKeyPem": signer.public_key().to_pem()});
    peer.serve(
        "/ben",
        &json!({
            "@context": {"publicKeyPem": "https://evil.example/#other"},
            "id": actor, "type": "Person", "inbox": format!("{actor}/inbox"), "publicKey": key,
        }),
    );
    let like = json!({"id": peer.url("/likes/1"), "type": "Like", "actor": actor, "object": host.url()});
    assert_eq!(rule(&signed(&inbox, &like, SignedBy::Rsa(&signer)).await), (401, "key".to_owned()));
    assert!(!has(&client, &plain).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_too_long_too_deep_or_ambiguous_is_refused_by_the_rule() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    let raw = async |body: String| {
        let body = body.into_bytes();
        let headers = peer.headers_in(Form::Cavage, &inbox, &body, now());
        send(&inbox, headers, body).await
    };
    let actor = peer.actor();
    let long = format!("{{\"actor\":\"{actor}\",\"content\":\"{}\"}}", "x".repeat(HTTP_BODY_BYTES));
    assert_eq!(raw(long).await.status.as_u16(), 413);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(rule(&raw(deep).await), (400, "json-depth".to_owned()));
    let twice = format!("{{\"actor\":\"{actor}\",\"actor\":\"https://victim.example/ann\"}}");
    assert_eq!(rule(&raw(twice).await), (400, "json-duplicate-key".to_owned()));
    let within = format!("{{\"actor\":\"{actor}\",\"object\":{{\"id\":\"a\",\"id\":\"b\"}}}}");
    assert_eq!(rule(&raw(within).await), (400, "json-duplicate-key".to_owned()));
    let heavy = format!("{{\"actor\":\"{actor}\",\"a\":[{}{{}}]}}", "{},".repeat(300_000));
    assert_eq!(rule(&raw(heavy).await), (400, "json-weight".to_owned()));
    assert_eq!(client.get("/flows").await.expect(200)["flows"], json!([]));
}

/// Connections that send a byte a second: a hundred heads that never end, and as many bodies. Others are served beside them,
/// and a body has as long as any request.
/// How often a thread went to sleep says how often it was woken.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_answered_by_threads_that_stand_back_and_those_who_behave_are_not() {
    const REQUESTS: u64 = 50;
    let host = Host::start_federating().await;
    let (inbox, peer) = (inbox(&host), Peer::start().await);
    let threads = || Process(host.pid()).threads_of("stranger");
    let sleeps = || threads().iter().map(|(sleeps, _)| sleeps).sum::<u64>();
    let note = |n: u64| note(&peer, &n.to_string());

    // What nobody signed is all that this address has sent: but for the first, its requests are begun one after the other.
    let (before, begun) = (sleeps(), Instant::now());
    for n in 0..REQUESTS {
        let unsigned = reqwest::Client::new().post(&inbox).header("content-type", "application/activity+json");
        let answer = unsigned.body(note(n).to_string()).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401);
    }
    let turns = u32::try_from(REQUESTS).expect("not so many") - 1;
    assert!(begun.elapsed() >= turns * Duration::from_millis(5), "{:?}", begun.elapsed());
    let of_suspects = sleeps() - before;
    assert!(threads().iter().all(|(_, nice)| *nice == 10), "{:?}", threads());
    assert_eq!(peer.post(&inbox, &note(0)).await.status.as_u16(), 202);

    // It is a regular's now, until it sends something again.
    let before = sleeps();
    for n in 1..REQUESTS {
        assert_eq!(peer.post(&inbox, &note(n)).await.status.as_u16(), 202);
    }
    let of_regulars = sleeps() - before;
    let before = sleeps();
    for _ in 0..REQUESTS {
        assert_eq!(peer.post(&inbox, &note(0)).await.status.as_u16(), 202);
    }
    let of_the_same_again = sleeps() - before;
    assert!(of_suspects > 5 * of_regulars, "{of_suspects} {of_regulars}");
    assert!(of_the_same_again > 5 * of_regulars, "{of_the_same_again} {of_regulars}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_byte_a_second_holds_up_nobody_and_is_cut_off() {
    let (host, _client, peer) = host().await;
    let inbox = inbox(&host);
    let address = host.url().replace("http://", "");
    let head =
        format!("POST /actors/site/inbox HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/activity+json\r\n");
    // Gives what is answered; nothing where the connection is closed.
    let drip = |begin: String| {
        let address = address.clone();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(&address).await.expect("the host listens");
            stream.write_all(begin.as_bytes()).await.expect("the host reads");
            let (mut read, mut write) = stream.into_split();
            let writing = async {
                while write.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            };
            let mut answer = vec![0; 512];
            let reading = async {
                let length = read.read(&mut answer).await.unwrap_or(0);
                String::from_utf8_lossy(&answer[..length]).into_owned()
            };
            tokio::select! {
                answer = reading => answer,
                () = writing => String::new(),
            }
        })
    };
    let mut slow = Vec::new();
    for _ in 0..100 {
        slow.push(drip(format!("{head}content-length: 100000\r\n\r\n")));
        slow.push(drip(format!("{head}x-slow: ")));
    }
    let begun = tokio::time::Instant::now();
    for n in 0..20 {
        assert_eq!(peer.post_in(Form::Rsa, &inbox, &note(&peer, &n.to_string())).await.status.as_u16(), 202);
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "others are held up: {:?}", begun.elapsed());
    let patience = Duration::from_millis(REQUEST_MS.max(HEAD_MS)) * 2;
    for request in slow {
        let answer = tokio::time::timeout(patience, request).await.expect("it is cut off").expect("no panic");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 503 ") || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
}
