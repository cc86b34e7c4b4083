//! What is believed of another host's actor: its keys, its id, its document, and where it was read.

use std::{sync::Arc, time::Duration};

use reqwest::header::HeaderMap;
use rosehip_adapters::{
    federation::FetchError,
    outgoing::{Client, NoAnswer, OutgoingOptions},
};
use rosehip_core::{
    federation::{RemoteActor, Who, media_type},
    limits,
};
use serde_json::{Value, json};

use crate::{
    directory::{KEY, Timed, activity, ada, at_home},
    receiver::{Play, Receiver, answer},
};

/// A receiver where Ada is with these members changed.
async fn changed(changes: Value) -> Receiver {
    Receiver::serving(move |_, _, port| {
        let mut document = ada(port);
        document.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
        activity(&document)
    })
    .await
}

#[track_caller]
fn unreadable(outcome: Result<Arc<RemoteActor>, FetchError>) -> String {
    let Err(FetchError::Unreadable { message, .. }) = outcome else { panic!("{outcome:?}") };
    message
}

#[tokio::test]
async fn a_key_is_one_that_its_own_actor_lists() {
    let mut home = at_home().await;
    let timed = Timed::start();
    let key_id = format!("{}#key", home.url("/ada"));
    assert_eq!(timed.directory.cached_key(&key_id), None);
    let (actor, key) = timed.directory.key(&key_id).await.expect("a key");
    assert_eq!((actor.id.as_str(), key.to_string().as_str()), (home.url("/ada").as_str(), KEY));
    assert_eq!(timed.directory.cached_key(&key_id), Some((actor, key)));
    assert_eq!(home.requests().len(), 1);

    // Another one's id for a key, an id that its actor does not list, and ids of no actor.
    let other = format!("{}#other", home.url("/ada"));
    assert_eq!(timed.directory.key(&other).await, Err(FetchError::NoKey(other.clone())));
    assert_eq!(home.requests().len(), 1, "it may be new");
    assert_eq!(timed.directory.key(&other).await, Err(FetchError::NoKey(other)));
    let bob = format!("{}#key", home.url("/bob"));
    assert!(matches!(timed.directory.key(&bob).await, Err(FetchError::OtherId { .. })));
    assert_eq!(home.requests().len(), 1);
    for id in [home.url("/ada"), home.url("/ada#"), "did:key:z6Mk#z6Mk".to_owned(), String::new()] {
        assert_eq!(timed.directory.key(&id).await, Err(FetchError::NoKey(id)));
    }
    assert!(home.requests().is_empty());
}

#[tokio::test]
async fn a_key_that_another_actor_claims_is_not_believed() {
    let victim = at_home().await;
    let victim_id = victim.url("/ada");
    // Mallory lists a key under the victim's id, and one that is the victim's to control.
    let foreign = json!({"id": format!("{victim_id}#key2"), "type": "Multikey", "controller": victim_id, "publicKeyMultibase": KEY});
    let mallory = changed(json!({"assertionMethod": [foreign]})).await;
    let timed = Timed::start();
    assert!(timed.actor(&mallory.url("/ada")).await.expect("an actor").keys.is_empty());
    let claimed = format!("{victim_id}#key2");
    assert_eq!(timed.directory.key(&claimed).await, Err(FetchError::NoKey(claimed)));
}

#[tokio::test]
async fn a_new_key_of_a_known_actor_is_learned() {
    let home = Receiver::serving(|n, _, port| {
        let mut document = ada(port);
        if n > 0 {
            document["assertionMethod"][0]["id"] = json!(format!("http://localhost:{port}/ada#new"));
        }
        activity(&document)
    })
    .await;
    let timed = Timed::start();
    timed.actor(&home.url("/ada")).await.expect("an actor");
    timed.directory.key(&format!("{}#new", home.url("/ada"))).await.expect("the new key");
    let old = format!("{}#key", home.url("/ada"));
    assert_eq!(timed.directory.key(&old).await, Err(FetchError::NoKey(old)), "which took the old one's place");
}

#[tokio::test]
async fn an_actor_is_who_it_says_it_is() {
    let elsewhere = changed(json!({"id": "http://localhost:1/ada", "inbox": "http://localhost:1/inbox"})).await;
    let timed = Timed::start();
    let url = elsewhere.url("/ada");
    let Err(FetchError::OtherId { asked, id }) = timed.actor(&url).await else { panic!("believed") };
    assert_eq!((asked.as_str(), id.as_str()), (url.as_str(), "http://localhost:1/ada"));
    let who = Who::Url(asked);
    assert!(matches!(timed.directory.find(&who).await, Err(FetchError::OtherId { .. })), "it is of another origin");

    let foreign = changed(json!({"inbox": "http://localhost:1/inbox"})).await;
    let message = unreadable(timed.actor(&foreign.url("/ada")).await);
    assert!(message.starts_with("same-origin: inbox "), "{message}");
}

#[tokio::test]
async fn a_page_leads_to_its_actor_on_the_same_host() {
    let mut home = at_home().await;
    let timed = Timed::start();
    let who = home.url("/@ada").parse().expect("a URL");
    assert_eq!(timed.directory.find(&who).await.expect("an actor").id.as_str(), home.url("/ada"));
    timed.directory.find(&who).await.expect("an actor");
    assert_eq!(home.requests().len(), 2, "the page and the actor");
}

#[tokio::test]
async fn only_a_document_of_the_right_kind_and_size_is_read() {
    let timed = Timed::start();
    let of_type = |content_type: &str| {
        let header = format!("content-type: {content_type}");
        Receiver::serving(move |_, _, port| answer("200 OK", &header, &ada(port).to_string()))
    };
    for content_type in
        ["text/html", "application/json", "application/ld+json", "image/png; x=application/activity+json"]
    {
        let message = unreadable(timed.actor(&of_type(content_type).await.url("/ada")).await);
        assert!(message.contains("its content type is"), "{message}");
    }
    timed.actor(&of_type(media_type::LINKED_DATA).await.url("/ada")).await.expect("an actor");
    let nothing = Receiver::start([answer("200 OK", "x: y", "{}")]).await;
    assert!(unreadable(timed.actor(&nothing.url("/ada")).await).contains("content type is \"\""));

    let long = changed(json!({"summary": "x".repeat(limits::REMOTE_ACTOR_BYTES)})).await;
    let message = unreadable(timed.actor(&long.url("/ada")).await);
    assert_eq!(message, "the answer is longer than 262144 bytes");
    let endless = Receiver::start([Play::Flood("HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\n\r\n{")]);
    let message = unreadable(timed.actor(&endless.await.url("/ada")).await);
    assert_eq!(message, "the answer is longer than 262144 bytes");

    for (body, rule) in [
        (r#"{"id":"a","id":"b"}"#.to_owned(), "json-duplicate-key"),
        ("[".repeat(100_000), "json-depth"),
        (format!("[{}1]", "1,".repeat(100_000)), "json-weight"),
        ("[]".to_owned(), "json-syntax"),
        (String::new(), "json-syntax"),
    ] {
        let receiver = Receiver::start([answer("200 OK", "content-type: application/activity+json", &body)]).await;
        let message = unreadable(timed.actor(&receiver.url("/ada")).await);
        assert!(message.starts_with(rule), "{message}");
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\ncontent-length: 1000\r\n\r\n{";
    let broken = Receiver::start([Play::Answer(cut.to_owned())]).await;
    assert!(matches!(timed.actor(&broken.url("/ada")).await, Err(FetchError::Unreachable(_))));
}

#[tokio::test]
async fn three_redirects_within_the_host_are_followed_and_no_others() {
    for code in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let onward = answer(code, "location: /next", "");
        let mut home =
            Receiver::serving(move |n, _, port| if n < 3 { onward.clone() } else { activity(&ada(port)) }).await;
        Timed::start().actor(&home.url("/ada")).await.expect("an actor");
        assert!(home.requests()[1..].iter().all(|request| request.starts_with("GET /next ")));
    }
    let mut circle = Receiver::start([answer("302 Found", "location: /ada", "")]).await;
    let message = unreadable(Timed::start().actor(&circle.url("/ada")).await);
    assert_eq!((message.as_str(), circle.requests().len()), ("its host answered 302", 4));

    let mut other = at_home().await;
    let location = format!("location: http://127.0.0.1:{}/ada", other.port);
    let away = Receiver::start([answer("302 Found", &location, "")]).await;
    let refused = Timed::start().actor(&away.url("/ada")).await;
    let Err(FetchError::Refused(message)) = refused else { panic!("{refused:?}") };
    assert!(message.contains("to another host, 127.0.0.1"), "{message}");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn without_development_only_public_hosts_are_asked_and_only_by_https() {
    let mut home = at_home().await;
    let timed = Timed::with(OutgoingOptions::federation(false));
    let refused = timed.actor(&home.url("/ada")).await;
    let Err(FetchError::Refused(message)) = refused else { panic!("{refused:?}") };
    assert!(message.contains("only https is spoken here"), "{message}");
    for host in ["localhost", "127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"] {
        let refused = timed.actor(&format!("https://{host}:{}/ada", home.port)).await;
        let Err(FetchError::Refused(message)) = refused else { panic!("{refused:?}") };
        assert!(message.contains("outgoing.allow does not name it"), "{message}");
        let who = format!("@ada@{host}:{}", home.port).parse().expect("a handle");
        assert!(matches!(timed.directory.find(&who).await, Err(FetchError::Refused(_))));
    }
    assert!(home.requests().is_empty());
}

/// Who answers a byte a second is given the time of one attempt, and holds up nobody who asks another host.
#[tokio::test]
async fn who_answers_a_byte_a_second_is_given_up_in_time() {
    let options = OutgoingOptions { timeout: Duration::from_millis(300), ..OutgoingOptions::federation(true) };
    let timed = Timed::with(options);
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\n\r\n{",
        "HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\ncontent-length: 1000\r\n\r\n{",
        "HTTP/1.1 200 OK\r\nx-slow: ",
    ] {
        let slow = Receiver::start([Play::Drip(head)]).await;
        assert!(matches!(timed.actor(&slow.url("/ada")).await, Err(FetchError::Unreachable(_))), "{head}");
    }
}

/// An actor may say whatever it likes of where its inbox is.
#[tokio::test]
async fn nothing_is_sent_to_an_inbox_at_a_private_address_however_it_is_written() {
    let mut home = at_home().await;
    let client = Client::new(OutgoingOptions::federation(false));
    for host in [
        "localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "[fc00::1]",
        "[2002:7f00:1::]",
    ] {
        let url = url::Url::parse(&format!("https://{host}:{}/inbox", home.port)).expect("a URL");
        let refused = client.post_signed(url, HeaderMap::new(), b"{}".to_vec()).await.expect_err(host);
        assert!(matches!(refused, NoAnswer::Refused(_)), "{host}: {refused:?}");
    }
    assert!(home.requests().is_empty());
}
