//! The keys that an actor's document lists: the Multikeys of its `assertionMethod` (FEP-521a, W3C Controlled
//! Identifiers 1.0 §2.2.2 and §2.3.3), and the RSA keys of its `publicKey` (W3C Security Vocabulary), of which peers list
//! one or several.
//!
//! A key is an actor's because that actor's own document lists it and says so. No other document is asked for a key.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ActorUrl, RemoteActorError, items, same_origin};
use crate::{
    limits::{REMOTE_ACTOR_KEYS, REMOTE_URL_BYTES},
    signing::{PublicKey, RsaPublicKey, VerificationKey},
    time::{InvalidTime, Timestamp},
};

/// A key of an actor of another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteKey {
    /// Its id: the actor's URL and a fragment; of an RSA key also another URL of the actor's origin.
    pub id: String,
    /// The key.
    pub key: VerificationKey,
    /// When it stops counting, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// From when on its owner does not stand by it any more, if at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

impl RemoteKey {
    /// Whether what it signs counts at this moment.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        [self.expires, self.revoked].into_iter().flatten().all(|end| now < end)
    }

    /// Reads a member of `publicKey`. Whatever is no RSA key of this actor is none at all.
    fn read_pem(actor: &ActorUrl, key: &Value) -> Option<Self> {
        let key = key.as_object()?;
        let text = |name| key.get(name).and_then(Value::as_str);
        let id = text("id").filter(|id| id.len() <= REMOTE_URL_BYTES)?;
        let place: ActorUrl = id.split('#').next()?.parse().ok()?;
        let owner: ActorUrl = text("owner").or_else(|| text("controller"))?.parse().ok()?;
        if owner != *actor || !same_origin(&place, actor) {
            return None;
        }
        let rsa = RsaPublicKey::from_pem(text("publicKeyPem")?)?;
        let (expires, revoked) = (moment(key, "expires").ok()?, moment(key, "revoked").ok()?);
        Some(Self { id: id.to_owned(), key: rsa.into(), expires, revoked })
    }

    /// Reads a verification method. Whatever is no ed25519 key of this actor is none at all: peers list keys of other
    /// kinds beside it, and a time that cannot be read cannot be kept to.
    fn read_multikey(actor: &ActorUrl, method: &Value) -> Option<Self> {
        let method = method.as_object()?;
        let text = |name| method.get(name).and_then(Value::as_str);
        let id = text("id").filter(|id| id.len() <= REMOTE_URL_BYTES)?;
        let is_own = ActorUrl::of_key(id).as_ref() == Some(actor)
            && text("controller").and_then(|controller| controller.parse().ok()).as_ref() == Some(actor);
        if text("type") != Some("Multikey") || !is_own {
            return None;
        }
        let key: PublicKey = text("publicKeyMultibase")?.parse().ok()?;
        let (expires, revoked) = (moment(method, "expires").ok()?, moment(method, "revoked").ok()?);
        Some(Self { id: id.to_owned(), key: key.into(), expires, revoked })
    }
}

/// The moment that a member names, which may be absent.
fn moment(method: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, InvalidTime> {
    match method.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().unwrap_or_default().parse().map(Some),
    }
}

/// The keys that stand in `assertionMethod`, or that it names and that stand in `verificationMethod`, and those of `publicKey`.
/// Of two under one id the first counts.
pub(super) fn keys(id: &ActorUrl, document: &Map<String, Value>) -> Result<Vec<RemoteKey>, RemoteActorError> {
    let (methods, named) = (items(document.get("assertionMethod")), items(document.get("verificationMethod")));
    let pems = items(document.get("publicKey"));
    for (member, methods) in [("assertionMethod", methods), ("verificationMethod", named), ("publicKey", pems)] {
        if methods.len() > REMOTE_ACTOR_KEYS {
            return Err(RemoteActorError::TooLong { member, limit: format!("{REMOTE_ACTOR_KEYS} keys") });
        }
    }
    let resolved = methods.iter().filter_map(|method| match method.as_str() {
        Some(name) => named.iter().find(|method| method.get("id").and_then(Value::as_str) == Some(name)),
        None => Some(method),
    });
    let mut keys: Vec<RemoteKey> = Vec::new();
    let multikeys = resolved.filter_map(|method| RemoteKey::read_multikey(id, method));
    for key in multikeys.chain(pems.iter().filter_map(|key| RemoteKey::read_pem(id, key))) {
        if keys.iter().all(|known| known.id != key.id) {
            keys.push(key);
        }
    }
    Ok(keys)
}
