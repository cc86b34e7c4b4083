//! The keys that an actor's document lists: the Multikeys of its `assertionMethod` (FEP-521a, W3C Controlled
//! Identifiers 1.0 §2.2.2 and §2.3.3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ActorUrl, RemoteActorError, items};
use crate::{
    limits::{REMOTE_ACTOR_KEYS, REMOTE_URL_BYTES},
    signing::PublicKey,
    time::{InvalidTime, Timestamp},
};

/// A key of an actor of another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteKey {
    /// Its id: the actor's URL and a fragment.
    pub id: String,
    /// The key.
    pub key: PublicKey,
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

    /// Reads a verification method. Whatever is no ed25519 key of this actor is none at all: peers list keys of other
    /// kinds beside it, and a time that cannot be read cannot be kept to.
    fn read(actor: &ActorUrl, method: &Value) -> Option<Self> {
        let method = method.as_object()?;
        let text = |name| method.get(name).and_then(Value::as_str);
        let id = text("id").filter(|id| id.len() <= REMOTE_URL_BYTES)?;
        let is_own = ActorUrl::of_key(id).as_ref() == Some(actor)
            && text("controller").and_then(|controller| controller.parse().ok()).as_ref() == Some(actor);
        if text("type") != Some("Multikey") || !is_own {
            return None;
        }
        let key = text("publicKeyMultibase")?.parse().ok()?;
        let (expires, revoked) = (moment(method, "expires").ok()?, moment(method, "revoked").ok()?);
        Some(Self { id: id.to_owned(), key, expires, revoked })
    }
}

/// The moment that a member names, which may be absent.
fn moment(method: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, InvalidTime> {
    match method.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().unwrap_or_default().parse().map(Some),
    }
}

/// The keys that stand in `assertionMethod`, or that it names and that stand in `verificationMethod`. Of two under one
/// id the first counts.
pub(super) fn keys(id: &ActorUrl, document: &Map<String, Value>) -> Result<Vec<RemoteKey>, RemoteActorError> {
    let (methods, named) = (items(document.get("assertionMethod")), items(document.get("verificationMethod")));
    for (member, methods) in [("assertionMethod", methods), ("verificationMethod", named)] {
        if methods.len() > REMOTE_ACTOR_KEYS {
            return Err(RemoteActorError::TooLong { member, limit: format!("{REMOTE_ACTOR_KEYS} keys") });
        }
    }
    let resolved = methods.iter().filter_map(|method| match method.as_str() {
        Some(name) => named.iter().find(|method| method.get("id").and_then(Value::as_str) == Some(name)),
        None => Some(method),
    });
    let mut keys: Vec<RemoteKey> = Vec::new();
    for key in resolved.filter_map(|method| RemoteKey::read(id, method)) {
        if keys.iter().all(|known| known.id != key.id) {
            keys.push(key);
        }
    }
    Ok(keys)
}
