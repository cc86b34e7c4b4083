//! Actors of this host: a fold of their streams, and what others are told of them.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    activity::{ACTIVITY_STREAMS, actor_url},
    event::{ActorCreated, ActorProfile, Event},
    ids::ActorName,
    limits::REMOTE_ACTOR_KEYS,
    signing::{PublicKey, RsaPublicKey},
    time::Timestamp,
};

/// The types that an actor of this host may have.
pub const KINDS: [&str; 3] = ["Person", "Service", "Group"];

/// An actor of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalActor {
    /// Its name.
    pub name: ActorName,
    /// Its ActivityStreams type.
    pub kind: String,
    /// What it tells of itself.
    pub profile: ActorProfile,
    /// Its keys, the one it signs with last.
    pub keys: Vec<LocalKey>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A key of an actor of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalKey {
    /// Which key it is, from 1.
    pub number: u32,
    /// Its public half.
    pub key: PublicKey,
    /// When another one took its place.
    pub until: Option<Timestamp>,
}

impl LocalActor {
    /// The actor as it was created; none where its key cannot be read.
    pub fn begin(created: &ActorCreated, time: Timestamp) -> Option<Self> {
        Some(Self {
            name: created.name.clone(),
            kind: created.kind.clone(),
            profile: created.profile.clone(),
            keys: vec![LocalKey { number: 1, key: read_key(&created.public_key)?, until: None }],
            created_at: time,
        })
    }

    /// Takes in what happened to it. What is about something else changes nothing.
    pub fn apply(&mut self, event: &Event, time: Timestamp) {
        if let Event::ActorChanged(changed) = event {
            self.profile = changed.profile.clone();
        }
        if let Event::ActorKeyRotated(rotated) = event
            && let Some(key) = read_key(&rotated.public_key)
        {
            if let Some(last) = self.keys.last_mut() {
                last.until = Some(time);
            }
            self.keys.push(LocalKey { number: rotated.number, key, until: None });
        }
    }

    /// The number of the key that it signs with.
    pub fn key_number(&self) -> u32 {
        self.keys.last().map_or(1, |key| key.number)
    }

    /// Its URL.
    pub fn url(&self, base_url: &str) -> String {
        actor_url(base_url, &self.name)
    }

    /// What others are told of it (ActivityPub §4.1), compacted. Its keys are Multikeys under `assertionMethod`
    /// (FEP-521a); one that was replaced says until when it was used, and is still told, so that what it signed can be
    /// verified. Of very many the oldest are left out, because others read no more. Its RSA key, which signs requests to those
    /// who read no Multikey, stands alone under `publicKey` (W3C Security Vocabulary), where most look for one object.
    pub fn document(&self, base_url: &str, rsa: &RsaPublicKey) -> Map<String, Value> {
        let url = self.url(base_url);
        let keys = self.keys.iter().map(|key| {
            let mut multikey = json!({
                "id": key_id(&url, key.number),
                "type": "Multikey",
                "controller": url,
                "publicKeyMultibase": key.key,
            });
            if let Some(until) = key.until {
                multikey["expires"] = json!(until);
            }
            multikey
        });
        let document = json!({
            "@context": [ACTIVITY_STREAMS, "https://w3id.org/security/v1", "https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": url,
            "type": self.kind,
            "preferredUsername": self.name,
            "name": self.profile.display_name.as_deref().unwrap_or(self.name.as_str()),
            "summary": self.profile.summary.as_deref().map(escaped),
            "url": url,
            "inbox": format!("{url}/inbox"),
            "outbox": format!("{url}/outbox"),
            "followers": format!("{url}/followers"),
            "following": format!("{url}/following"),
            "endpoints": {"sharedInbox": format!("{base_url}/inbox")},
            "manuallyApprovesFollowers": self.profile.approves_followers,
            "alsoKnownAs": Some(&self.profile.also_known_as).filter(|names| !names.is_empty()),
            "published": self.created_at,
            "publicKey": public_key(&url, rsa),
            // The key in use comes first: some look at no other.
            "assertionMethod": keys.rev().take(REMOTE_ACTOR_KEYS).collect::<Vec<_>>(),
        });
        let Value::Object(mut document) = document else { unreachable!("the literal above is an object") };
        document.retain(|_, value| !value.is_null());
        document
    }
}

/// The URL under which an actor's key is told: `#ed25519-key` for its first one.
pub fn key_id(actor_url: &str, number: u32) -> String {
    match number {
        1 => format!("{actor_url}#ed25519-key"),
        number => format!("{actor_url}#ed25519-key-{number}"),
    }
}

/// The URL under which an actor's RSA key is told.
pub fn rsa_key_id(actor_url: &str) -> String {
    format!("{actor_url}#main-key")
}

fn public_key(url: &str, rsa: &RsaPublicKey) -> Value {
    json!({"id": rsa_key_id(url), "owner": url, "publicKeyPem": rsa.to_pem()})
}

/// The URL of the actor that a host asks others as. No actor of people has it: their names have no point in them.
pub fn instance_actor_url(base_url: &str) -> String {
    format!("{base_url}/instance-actor.json")
}

/// What others are told of the actor that a host asks them as: an `Application` that says nothing, follows nobody, and signs
/// requests for documents. `name` is what it is called in a handle: the host's own name, as peers expect it.
pub fn instance_actor(base_url: &str, name: &str, rsa: &RsaPublicKey) -> Map<String, Value> {
    let url = instance_actor_url(base_url);
    let document = json!({
        "@context": [ACTIVITY_STREAMS, "https://w3id.org/security/v1"],
        "id": url,
        "type": "Application",
        "preferredUsername": name,
        "name": name,
        "url": base_url,
        "inbox": format!("{base_url}/inbox"),
        "endpoints": {"sharedInbox": format!("{base_url}/inbox")},
        "manuallyApprovesFollowers": true,
        "publicKey": public_key(&url, rsa),
    });
    let Value::Object(document) = document else { unreachable!("the literal above is an object") };
    document
}

/// `summary` is HTML (ActivityStreams vocabulary §4); what is kept is text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn read_key(text: &str) -> Option<PublicKey> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    PublicKey::from_bytes(bytes.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{ActorChanged, ActorKeyRotated},
        federation::{ActorUrl, RemoteActor},
    };

    fn key(byte: u8) -> String {
        let key = ed25519_dalek::SigningKey::from_bytes(&[byte; 32]);
        BASE64.encode(key.verifying_key().as_bytes())
    }

    /// What an actor says of itself is read by our own kind, with the key in use and the one before it.
    #[test]
    fn an_actor_that_was_told_is_read_again_with_every_key_it_had() {
        let name: ActorName = "site".parse().expect("a name");
        let created = ActorCreated {
            name: name.clone(),
            kind: "Service".to_owned(),
            public_key: key(1),
            profile: ActorProfile::default(),
            by: None,
        };
        let at = Timestamp::from_millis;
        let mut actor = LocalActor::begin(&created, at(0)).expect("a key");
        let rotated = ActorKeyRotated { name: name.clone(), number: 2, public_key: key(2), by: None };
        actor.apply(&rotated.into(), at(60_000));
        let profile = ActorProfile { summary: Some("a < b".to_owned()), ..ActorProfile::default() };
        actor.apply(&ActorChanged { name, profile, by: None }.into(), at(70_000));

        let rsa = crate::signing::rsa::tests::published();
        let document = actor.document("https://h.example", &rsa);
        assert_eq!(document["publicKey"]["id"], "https://h.example/actors/site#main-key");
        assert_eq!(document["summary"], "a &lt; b");
        assert_eq!(document["endpoints"]["sharedInbox"], "https://h.example/inbox");
        let url: ActorUrl = "https://h.example/actors/site".parse().expect("a URL");
        let read = RemoteActor::read(&url, &document).expect("our own kind");
        assert_eq!(read.inbox, "https://h.example/actors/site/inbox");
        let [first, second] =
            ["https://h.example/actors/site#ed25519-key", "https://h.example/actors/site#ed25519-key-2"];
        assert!(read.key(first, at(59_999)).is_some() && read.key(first, at(60_000)).is_none());
        assert!(read.key(second, at(60_000)).is_some());
        assert_eq!(actor.key_number(), 2);
        let main = "https://h.example/actors/site#main-key";
        assert_eq!(read.key(main, at(60_000)), Some(rsa.into()));
        assert_eq!(read.proof_key(main, at(60_000)), None, "it signs requests and no documents");
        assert!(read.proof_key(second, at(60_000)).is_some());
    }

    #[test]
    fn the_actor_of_the_host_itself_is_read_with_its_key() {
        let rsa = crate::signing::rsa::tests::published();
        let document = instance_actor("https://h.example", "h.example", &rsa);
        let url: ActorUrl = instance_actor_url("https://h.example").parse().expect("a URL");
        let read = RemoteActor::read(&url, &document).expect("an actor");
        assert_eq!((read.kind.as_str(), read.handle.as_deref()), ("Application", Some("h.example")));
        let at = Timestamp::from_millis(0);
        assert_eq!(read.key("https://h.example/instance-actor.json#main-key", at), Some(rsa.into()));
    }
}
