//! In which forms others may sign what they send, and what is wrong with a signature in each of them. What is wrong is told
//! by its rule, and nothing of it stays.

use rosehip_core::{
    signing::{Message, RsaSigner, SignedBy, Signer, Unsigned, cavage, proof, sign_request},
    time::Timestamp,
};
use rosehip_tests::{Answer, Client, Form, Peer, body_of, now, send};
use serde_json::{Value, json};

use crate::strangers::{host, inbox, note, rule};

const HOUR_MS: i64 = 3_600_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(now().as_millis() + ms)
}

/// The headers with one of another value.
fn with(headers: &[(String, String)], name: &str, change: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let change = |(field, value): &(String, String)| match field == name {
        true => (field.clone(), change(value)),
        false => (field.clone(), value.clone()),
    };
    headers.iter().map(change).collect()
}

/// A signature with one character changed, near its end.
fn forged(value: &str) -> String {
    let mut bytes = value.as_bytes().to_vec();
    let place = bytes.len() - 20;
    bytes[place] = if bytes[place] == b'x' { b'y' } else { b'x' };
    String::from_utf8(bytes).expect("ASCII")
}

async fn has(client: &Client, activity: &Value) -> bool {
    let id = activity["id"].as_str().expect("an id").replace(':', "%3A").replace('/', "%2F");
    client.get(&format!("/activities/{id}")).await.status.is_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_taken_and_what_comes_again_in_another_is_known() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    for form in Form::ALL {
        let note = note(&peer, &format!("{form:?}"));
        assert_eq!(peer.post_in(form, &inbox, &note).await.status.as_u16(), 202, "{form:?}");
        assert!(has(&client, &note).await, "{form:?}");
        for again in Form::ALL {
            assert_eq!(peer.post_in(again, &inbox, &note).await.status.as_u16(), 202, "{form:?}, then {again:?}");
        }
    }
    let said = client.get("/actors/site/inbox").await.expect(200);
    assert_eq!(said["totalItems"], 4, "each is there once");
    // hs2019, or no algorithm, is whatever the key is for.
    for (id, said) in [("hs2019", "algorithm=\"hs2019\","), ("unsaid", "")] {
        let note = note(&peer, id);
        let body = note.to_string().into_bytes();
        let headers = peer.headers_in(Form::Cavage, &inbox, &body, now());
        let headers = with(&headers, "signature", |value| value.replace("algorithm=\"rsa-sha256\",", said));
        assert_eq!(send(&inbox, headers, body).await.status.as_u16(), 202, "{id}");
    }
    assert_eq!(peer.asked_for("/ann"), 1);
}

/// A row for each way in which a signature of RSA does not hold, in either form.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_hold_is_refused_in_each_form() {
    let (host, client, peer) = host().await;
    let other = Peer::start().await;
    let inbox = inbox(&host);
    let note = note(&peer, "one");
    let body = note.to_string().into_bytes();
    let mut rows: Vec<(String, (u16, &str), Answer)> = Vec::new();
    for form in [Form::Ed25519, Form::Rsa, Form::Cavage] {
        let headers = peer.headers_in(form, &inbox, &body, now());
        let mut row = async |what: &str, wanted, headers, body: &[u8]| {
            rows.push((format!("{form:?}: {what}"), wanted, send(&inbox, headers, body.to_vec()).await));
        };
        let mut tampered = body.clone();
        *tampered.last_mut().expect("a byte") = b' ';
        row("another body", (401, "digest"), headers.clone(), &tampered).await;
        let digest = if form == Form::Cavage { "digest" } else { "content-digest" };
        let without = headers.iter().filter(|(name, _)| name != digest).cloned().collect();
        row("no digest", (401, "signature"), without, &body).await;
        row("another signature", (401, "signature"), with(&headers, "signature", forged), &body).await;
        for (what, ms) in [("stale", -2 * HOUR_MS), ("of the future", 2 * HOUR_MS)] {
            row(what, (401, "created"), peer.headers_in(form, &inbox, &body, at(ms)), &body).await;
        }
        let elsewhere = peer.headers_in(form, &format!("{}/inbox", host.url()), &body, now());
        row("signed for another inbox", (401, "signature"), elsewhere, &body).await;
        let foreign = peer.headers_in(form, "http://elsewhere.example/actors/site/inbox", &body, now());
        row("signed for another host", (401, "signature"), foreign, &body).await;
        row("by another actor", (403, "origin"), other.headers_in(form, &inbox, &body, now()), &body).await;
    }
    // Digest and date have to be covered, whatever else is.
    let date = now().to_http_date();
    let fields = [("date", date.as_str()), ("content-type", "application/activity+json")];
    let bare = Message { method: "POST", target_uri: &inbox, headers: &fields, body: b"" };
    let signature = cavage::sign(&bare, &peer.rsa()).expect("signed");
    let mut headers: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    headers.push(("signature".to_owned(), signature));
    rows.push((
        "a digest that is not covered".to_owned(),
        (401, "not-covered"),
        send(&inbox, headers, body.clone()).await,
    ));
    let headers = peer.headers_in(Form::Cavage, &inbox, &body, now());
    let dateless = with(&headers, "signature", |value| value.replace(" date ", " "));
    rows.push((
        "a date that is not covered".to_owned(),
        (401, "not-covered"),
        send(&inbox, dateless, body.clone()).await,
    ));
    for (what, wanted, answer) in rows {
        assert_eq!(rule(&answer), (wanted.0, wanted.1.to_owned()), "{what}: {}", answer.text);
    }
    assert!(!has(&client, &note).await);
    assert_eq!(client.get("/flows").await.expect(200)["flows"], json!([]));
    assert_eq!(peer.post_in(Form::Rsa, &inbox, &note).await.status.as_u16(), 202, "what is right is taken");
}

/// The key decides on the algorithm, and nothing that is said beside it.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_names_another_algorithm_than_its_key_is_refused() {
    let (host, client, peer) = host().await;
    let inbox = inbox(&host);
    let note = note(&peer, "one");
    let body = note.to_string().into_bytes();
    let request = Unsigned { method: "POST", url: &inbox, content: Some((&body, "application/activity+json")) };
    let ed25519_id = peer.signing().signer.key_id;
    let rsa_pem = include_str!("../../../host/core/tests/keys/rsa.pem");
    let rsa_as_ed25519 = RsaSigner::from_pem(ed25519_id, rsa_pem).expect("a key");
    let ed25519_as_rsa = Signer { key_id: peer.url("/ann#main-key"), ..peer.signing().signer };
    for by in [SignedBy::Rsa(&rsa_as_ed25519), SignedBy::Cavage(&rsa_as_ed25519), SignedBy::Ed25519(&ed25519_as_rsa)] {
        let fields = sign_request(&request, by, now()).expect("signed");
        let headers = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let answer = send(&inbox, headers, body.clone()).await;
        assert_eq!(rule(&answer), (401, "signature".to_owned()), "{}", answer.text);
    }
    let headers = peer.headers_in(Form::Cavage, &inbox, &body, now());
    for said in ["hmac-sha256", "rsa-sha512", "ed25519", "none"] {
        let headers = with(&headers, "signature", |value| value.replace("rsa-sha256", said));
        assert_eq!(rule(&send(&inbox, headers, body.clone()).await), (401, "signature".to_owned()), "{said}");
    }
    let headers = peer.headers_in(Form::Rsa, &inbox, &body, now());
    for said in ["hmac-sha256", "rsa-pss-sha512", "ed25519"] {
        let headers = with(&headers, "signature-input", |value| value.replace("rsa-v1_5-sha256", said));
        assert_eq!(rule(&send(&inbox, headers, body.clone()).await), (401, "signature".to_owned()), "{said}");
    }
    assert!(!has(&client, &note).await);
}

/// A document that is proved needs no signature, and is its actor's whoever brings it.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_alone_holds_for_its_own_actor_and_document() {
    let (host, client, peer) = host().await;
    let other = Peer::start().await;
    let inbox = inbox(&host);
    let bring = async |body: Vec<u8>| {
        send(&inbox, vec![("content-type".to_owned(), "application/activity+json".to_owned())], body).await
    };
    let signed = |document: &Value, signer: &Signer| {
        let mut document = document.as_object().cloned().expect("an object");
        proof::attach(&mut document, signer, now());
        Value::Object(document)
    };
    let (first, signer) = (note(&peer, "one"), peer.signing().signer);
    let whole = signed(&first, &signer);
    let bytes = |document: &Value| document.to_string().into_bytes();
    let unproved = bring(bytes(&first)).await;
    assert_eq!(rule(&unproved), (401, "signature".to_owned()), "{}", unproved.text);
    let mut tampered = whole.clone();
    tampered["object"]["content"] = json!("Never said");
    assert_eq!(rule(&bring(bytes(&tampered)).await), (403, "proof".to_owned()));
    let foreign = signed(&first, &other.signing().signer);
    assert_eq!(rule(&bring(bytes(&foreign)).await), (403, "origin".to_owned()));
    let unlisted = signed(&first, &Signer { key_id: peer.url("/ann#nobody"), ..signer.clone() });
    assert_eq!(rule(&bring(bytes(&unlisted)).await), (401, "key".to_owned()));
    let by_rsa_id = signed(&first, &Signer { key_id: peer.url("/ann#main-key"), ..signer.clone() });
    assert_eq!(rule(&bring(bytes(&by_rsa_id)).await), (403, "proof".to_owned()));
    let mut several = whole.clone();
    several["proof"] = json!([several["proof"]]);
    assert_eq!(rule(&bring(bytes(&several)).await), (403, "proof".to_owned()));
    // A linked data signature proves nothing.
    let mut linked = first.clone();
    linked["signature"] =
        json!({"type": "RsaSignature2017", "creator": peer.url("/ann#main-key"), "signatureValue": "AA=="});
    assert_eq!(rule(&bring(bytes(&linked)).await), (401, "signature".to_owned()));
    assert!(!has(&client, &first).await);

    assert_eq!(bring(bytes(&whole)).await.status.as_u16(), 202, "what is right is taken");
    assert_eq!(bring(bytes(&whole)).await.status.as_u16(), 202, "and is known when it comes again");
    assert!(has(&client, &first).await);
    // Another one's request that brings it is another one's word.
    let brought = other.headers_in(Form::Rsa, &inbox, &bytes(&whole), now());
    assert_eq!(rule(&send(&inbox, brought, bytes(&whole)).await), (403, "origin".to_owned()));
    assert_eq!(body_of(&first, &rosehip_tests::Signing { has_proof: false, ..peer.signing() }), bytes(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_and_asks_again_is_accepted_again() {
    let (host, client, mut peer) = host().await;
    let inbox = inbox(&host);
    let site = format!("{}/actors/site", host.url());
    let follow = peer.activity("/follows/1", "Follow", json!(site));
    for form in [Form::Rsa, Form::Cavage] {
        assert_eq!(peer.post_in(form, &inbox, &follow).await.status.as_u16(), 202);
        let accept = peer.next().await.json();
        assert_eq!((&accept["type"], &accept["object"]["id"]), (&json!("Accept"), &follow["id"]), "{form:?}");
    }
    assert_eq!(client.get("/actors/site/followers").await.expect(200)["totalItems"], 1);
    // Under another id as well, as most servers do it.
    let anew = peer.activity("/follows/2", "Follow", json!(site));
    assert_eq!(peer.post_in(Form::Cavage, &inbox, &anew).await.status.as_u16(), 202);
    assert_eq!(peer.next().await.json()["object"]["id"], anew["id"]);
    assert_eq!(client.get("/actors/site/followers").await.expect(200)["totalItems"], 1);
    assert_eq!(host.verify().code, Some(0));
}

/// Misskey's ids are one for each pair of actors, and its `Undo` has that of what it undoes with `/undo`.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_and_follows_again_under_one_id_follows_again() {
    let (mut host, client, mut peer) = host().await;
    let inbox = inbox(&host);
    let site = format!("{}/actors/site", host.url());
    let follow = peer.activity("/follows/ann/site", "Follow", json!(site));
    let followers = async || client.get("/actors/site/followers").await.expect(200)["totalItems"].clone();
    let mut accepts = Vec::new();
    for round in 0..3 {
        // The time makes each another document under the same id.
        let mut undo = peer.activity("/follows/ann/site/undo", "Undo", follow.clone());
        undo["published"] = json!(format!("2026-11-23T00:00:0{round}Z"));
        assert_eq!(peer.post_in(Form::Cavage, &inbox, &follow).await.status.as_u16(), 202);
        let accept = peer.next().await.json();
        assert_eq!((&accept["type"], &accept["object"]["id"]), (&json!("Accept"), &follow["id"]), "{round}");
        accepts.push(accept["id"].clone());
        assert_eq!(followers().await, 1, "{round}");
        assert_eq!(peer.post_in(Form::Cavage, &inbox, &undo).await.status.as_u16(), 202);
        assert_eq!(followers().await, 0, "{round}");
        // Whoever only brings the words of one who has left brings nobody back.
        assert_eq!(peer.post_in(Form::ProofAlone, &inbox, &follow).await.status.as_u16(), 202);
        assert_eq!(followers().await, 0, "{round}");
    }
    accepts.dedup();
    assert_eq!(accepts.len(), 3, "each is an answer of its own");
    host.kill_and_serve().await;
    assert_eq!(followers().await, 0);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_and_asks_again_under_one_id_is_decided_on_again() {
    let (host, client, mut peer) = host().await;
    let inbox = inbox(&host);
    let site = format!("{}/actors/site", host.url());
    client.post("/actors/site/edit", &json!({"approves_followers": true})).await.expect(200);
    let follow = peer.activity("/follows/ann/site", "Follow", json!(site));
    let undo = peer.activity("/follows/ann/site/undo", "Undo", follow.clone());
    for round in 0..3 {
        assert_eq!(peer.post_in(Form::Rsa, &inbox, &follow).await.status.as_u16(), 202);
        let decision = json!({"actor": peer.actor(), "decision": "accept"});
        client.post("/actors/site/followers", &decision).await.expect(201);
        assert_eq!(peer.next().await.json()["object"]["id"], follow["id"], "{round}");
        assert_eq!(client.get("/actors/site/followers").await.expect(200)["totalItems"], 1, "{round}");
        assert_eq!(peer.post_in(Form::Rsa, &inbox, &undo).await.status.as_u16(), 202);
    }
    assert_eq!(client.get("/actors/site/followers").await.expect(200)["totalItems"], 0);
}
