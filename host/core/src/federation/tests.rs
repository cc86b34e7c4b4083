//! Documents of actors, as peers write them and as strangers might.

use serde_json::{Value, json};

use super::{RemoteActor, RemoteActorError};
use crate::time::Timestamp;

const KEY: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
const ADA: &str = "https://a.example/users/ada";

fn multikey(id: &str, controller: &str) -> Value {
    json!({"id": id, "type": "Multikey", "controller": controller, "publicKeyMultibase": KEY})
}

/// Ada as a peer of today shows her, with these members in place of others.
fn read(changes: Value) -> Result<RemoteActor, RemoteActorError> {
    let mut document = json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
        "id": ADA,
        "type": "Person",
        "preferredUsername": "ada",
        "name": "Ada Lovelace",
        "url": "https://a.example/@ada",
        "inbox": format!("{ADA}/inbox"),
        "outbox": format!("{ADA}/outbox"),
        "followers": format!("{ADA}/followers"),
        "endpoints": {"sharedInbox": "https://a.example/inbox"},
        "publicKey": {"id": format!("{ADA}#main-key"), "owner": ADA, "publicKeyPem": "-----BEGIN PUBLIC KEY-----"},
        "assertionMethod": [multikey(&format!("{ADA}#ed25519-key"), ADA)],
    });
    let members = document.as_object_mut().expect("an object");
    members.extend(changes.as_object().expect("an object").clone());
    members.retain(|_, value| !value.is_null());
    RemoteActor::read(&ADA.parse().expect("a URL"), members)
}

fn key_ids(changes: Value) -> Vec<String> {
    read(changes).expect("an actor").keys.into_iter().map(|key| key.id).collect()
}

#[test]
fn an_actor_of_today_is_read_whole_and_kept_as_it_is() {
    let ada = read(json!({})).expect("an actor");
    insta::assert_json_snapshot!(ada, @r#"
    {
      "id": "https://a.example/users/ada",
      "kind": "Person",
      "handle": "ada",
      "name": "Ada Lovelace",
      "url": "https://a.example/@ada",
      "inbox": "https://a.example/users/ada/inbox",
      "shared_inbox": "https://a.example/inbox",
      "outbox": "https://a.example/users/ada/outbox",
      "followers": "https://a.example/users/ada/followers",
      "keys": [
        {
          "id": "https://a.example/users/ada#ed25519-key",
          "key": "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
        }
      ]
    }
    "#);
    let json = serde_json::to_string(&ada).expect("JSON");
    assert_eq!(serde_json::from_str::<RemoteActor>(&json).expect("an actor"), ada);
}

#[test]
fn little_is_needed() {
    let bare = json!({"preferredUsername": null, "name": null, "url": null, "outbox": null, "followers": null,
        "endpoints": null, "assertionMethod": null});
    let ada = read(bare).expect("an actor");
    assert_eq!((ada.handle, ada.shared_inbox, ada.keys), (None, None, Vec::new()));
    assert!(matches!(read(json!({"inbox": null})), Err(RemoteActorError::Invalid { member: "inbox", .. })));
    assert!(matches!(read(json!({"type": null})), Err(RemoteActorError::Invalid { member: "type", .. })));
    assert!(matches!(read(json!({"id": null})), Err(RemoteActorError::Invalid { member: "id", .. })));
    assert_eq!(read(json!({"type": ["schema:Person", "Service"]})).expect("an actor").kind.as_str(), "Service");
    assert_eq!(read(json!({"preferredUsername": "a da"})).expect("an actor").handle, None);
}

#[test]
fn an_actor_is_what_stands_under_its_own_url() {
    let other = "https://b.example/users/ada";
    let refused = read(json!({"id": other})).expect_err("another's id");
    assert!(matches!(&refused, RemoteActorError::OtherId { id, .. } if id.as_str() == other));
    assert!(matches!(read(json!({"id": "https://a.example/@ada"})), Err(RemoteActorError::OtherId { .. })));
}

#[test]
fn boxes_on_another_origin_are_refused_by_the_name_of_the_rule() {
    for url in ["https://b.example/inbox", "http://a.example/inbox", "https://a.example:8443/inbox"] {
        for changes in [
            json!({"inbox": url}),
            json!({"outbox": url}),
            json!({"followers": {"type": "Collection", "id": url}}),
            json!({"endpoints": {"sharedInbox": url}}),
        ] {
            let refused = read(changes).expect_err(url).to_string();
            assert!(refused.starts_with("same-origin: ") && refused.contains(url), "{refused}");
        }
    }
    for url in [json!("/inbox"), json!("mailto:ada@a.example"), json!(7), json!("https://a.example/#inbox")] {
        assert!(matches!(read(json!({"inbox": url})), Err(RemoteActorError::Invalid { member: "inbox", .. })));
    }
}

#[test]
fn a_page_elsewhere_is_left_out() {
    let page = |url: Value| read(json!({"url": url})).expect("an actor").url;
    assert_eq!(page(json!("https://b.example/ada")), None);
    assert_eq!(page(json!("javascript:alert(1)")), None);
    let links = json!(["https://b.example/ada", {"type": "Link", "href": "https://a.example/ada"}]);
    assert_eq!(page(links).as_deref(), Some("https://a.example/ada"));
}

#[test]
fn only_the_actors_own_ed25519_keys_are_its_keys() {
    let own = format!("{ADA}#own");
    for foreign in [
        multikey("https://a.example/users/bob#key", ADA),
        multikey(&own, "https://a.example/users/bob"),
        multikey(ADA, ADA),
        json!({"id": own, "type": "Multikey", "publicKeyMultibase": KEY}),
        json!({"id": own, "type": "JsonWebKey", "controller": ADA}),
        json!({"id": own, "type": "Multikey", "controller": ADA, "publicKeyMultibase": "zDnaerx9CtbPJ1q36T5Ln5wYt"}),
        json!(null),
        json!(7),
        json!(format!("{ADA}#nowhere")),
    ] {
        assert_eq!(key_ids(json!({"assertionMethod": [foreign, multikey(&own, ADA)]})), [own.as_str()]);
    }
    assert_eq!(key_ids(json!({"assertionMethod": multikey(&own, ADA)})), [own.as_str()], "one may stand alone");
    assert_eq!(key_ids(json!({"assertionMethod": [multikey(&own, ADA), multikey(&own, ADA)]})), [own.as_str()]);
    let named = json!({"assertionMethod": own, "verificationMethod": [multikey(&own, ADA)]});
    assert_eq!(key_ids(named), [own.as_str()]);
    assert_eq!(key_ids(json!({"assertionMethod": [], "verificationMethod": [multikey(&own, ADA)]})), [""; 0]);
}

/// Keys for requests: one object, or several, each of which says that it is this actor's and lies at its origin.
#[test]
fn the_rsa_keys_of_an_actor_are_those_that_name_it() {
    let pem = crate::signing::rsa::tests::published().to_pem();
    let key = |id: &str, owner: &str, pem: &str| json!({"id": id, "type": "Key", "owner": owner, "publicKeyPem": pem});
    let (main, path) = (format!("{ADA}#main-key"), format!("{ADA}/main-key"));
    let ids = |keys: Value| key_ids(json!({"assertionMethod": null, "publicKey": keys}));
    assert_eq!(ids(key(&main, ADA, &pem)), [main.as_str()]);
    assert_eq!(ids(json!([key(&main, ADA, &pem), key(&path, ADA, &pem)])), [main.as_str(), path.as_str()]);
    for foreign in [
        key("https://b.example/users/ada#main-key", ADA, &pem),
        key("https://a.example:8443/users/ada#main-key", ADA, &pem),
        key(&main, "https://a.example/users/bob", &pem),
        key(&main, "https://b.example/users/ada", &pem),
        key("main-key", ADA, &pem),
        key(&main, ADA, crate::signing::rsa::tests::TOO_SHORT),
        key(&main, ADA, ""),
        json!({"id": main, "publicKeyPem": pem}),
        json!({"id": main, "owner": ADA, "publicKeyPem": pem, "revoked": "long ago"}),
        json!(main),
        json!(null),
    ] {
        assert_eq!(ids(json!([foreign, key(&path, ADA, &pem)])), [path.as_str()]);
    }
    let both =
        json!({"assertionMethod": [multikey(&format!("{ADA}#ed25519-key"), ADA)], "publicKey": key(&main, ADA, &pem)});
    let ada = read(both).expect("an actor");
    assert_eq!(ada.keys.len(), 2);
    let json = serde_json::to_string(&ada).expect("JSON");
    assert_eq!(serde_json::from_str::<RemoteActor>(&json).expect("an actor"), ada, "as it is kept");
}

#[test]
fn a_key_counts_until_it_expires_or_is_revoked() {
    let id = format!("{ADA}#key");
    let with = |member: &str, moment: Value| {
        let mut key = multikey(&id, ADA);
        key[member] = moment;
        read(json!({"assertionMethod": [key]})).expect("an actor")
    };
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    for member in ["expires", "revoked"] {
        let ada = with(member, json!("2026-01-01T00:00:00Z"));
        assert!(ada.key(&id, at("2025-12-31T23:59:59.999Z")).is_some());
        assert!(ada.key(&id, at("2026-01-01T00:00:00Z")).is_none());
        assert!(with(member, json!("soon")).keys.is_empty(), "what cannot be read cannot be kept to");
        assert!(with(member, json!(true)).keys.is_empty());
    }
    assert!(with("expires", Value::Null).key(&format!("{ADA}#other"), at("2025-01-01T00:00:00Z")).is_none());
}

#[test]
fn what_is_too_much_is_refused() {
    let keys = |count: usize| vec![multikey(&format!("{ADA}#key"), ADA); count];
    assert!(read(json!({"assertionMethod": keys(20)})).is_ok());
    let long = format!("{ADA}#{}", "x".repeat(1_500));
    let many: Vec<Value> = (0..20).map(|n| multikey(&format!("{long}{n}"), ADA)).collect();
    for changes in [
        json!({"assertionMethod": keys(21)}),
        json!({"verificationMethod": keys(21)}),
        json!({"publicKey": keys(21)}),
        json!({"name": "ü".repeat(501)}),
        json!({"assertionMethod": many}),
    ] {
        let refused = read(changes).expect_err("too much");
        assert!(refused.to_string().starts_with("text-length: "), "{refused}");
    }
    assert!(read(json!({"name": "ü".repeat(500)})).is_ok());
}
