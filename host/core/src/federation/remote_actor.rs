//! An actor of another host, read from its document (ActivityPub §4). Nothing in it is believed beyond the origin that
//! it came from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ActorUrl, RemoteKey, handle::is_user, items, linked_data, remote_key, same_origin};
use crate::{
    destination::quoted,
    ids::TypeName,
    limits::{REMOTE_ACTOR_TEXT_BYTES, REMOTE_NAME_CHARS},
    signing::{PublicKey, VerificationKey},
    time::Timestamp,
};

/// An actor of another host, as far as this one has a use for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteActor {
    /// Its identity.
    pub id: ActorUrl,
    /// What it is: `Person`, `Service`, `Group`, `Organization`, `Application` or another type.
    pub kind: TypeName,
    /// Its name within its host (`preferredUsername`), where it can stand in a handle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its page for people, on its own origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where it takes activities.
    pub inbox: String,
    /// Where its host takes activities for all its actors at once (`endpoints.sharedInbox`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_inbox: Option<String>,
    /// Where its own activities stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<String>,
    /// The collection of its followers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followers: Option<String>,
    /// Its keys of ed25519 and RSA; none where it has only keys of other kinds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<RemoteKey>,
}

/// Why a document is not taken for an actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteActorError {
    /// A member is missing or not what it must be.
    #[error("{member}: {message}")]
    Invalid {
        /// The member.
        member: &'static str,
        /// What it must be.
        message: String,
    },
    /// The document is of another actor than the URL that it came from. Whoever trusts neither asks for that id.
    #[error("id: {id} was served at {fetched}")]
    OtherId {
        /// The URL that the document came from.
        fetched: ActorUrl,
        /// What it says to be.
        id: ActorUrl,
    },
    /// An address lies elsewhere, where it could be anybody's.
    #[error("same-origin: {member} {url:?} is not of the actor's own origin, {origin}")]
    ForeignUrl {
        /// The member.
        member: &'static str,
        /// What it says.
        url: String,
        /// The actor's origin.
        origin: String,
    },
    /// Something is longer than it may be.
    #[error("text-length: {member} is longer than {limit}")]
    TooLong {
        /// The member.
        member: &'static str,
        /// What it may be at most, with its unit.
        limit: String,
    },
}

impl RemoteActor {
    /// Reads the document that was served at a URL.
    pub fn read(fetched: &ActorUrl, document: &Map<String, Value>) -> Result<Self, RemoteActorError> {
        linked_data::check(document).map_err(|error| invalid("@context", &error.to_string()))?;
        let id = text(document, "id").ok_or_else(|| invalid("id", "it has none"))?;
        let id: ActorUrl = id.parse().map_err(|error| invalid("id", &format!("{error}")))?;
        if id != *fetched {
            return Err(RemoteActorError::OtherId { fetched: fetched.clone(), id });
        }
        let own = |member, value: Option<&Value>| own_url(&id, member, value);
        let inbox = own("inbox", document.get("inbox"))?.ok_or_else(|| invalid("inbox", "it has none"))?;
        let shared_inbox = document.get("endpoints").and_then(|endpoints| endpoints.get("sharedInbox"));
        let actor = Self {
            kind: kind(document)?,
            handle: text(document, "preferredUsername").filter(|name| is_user(name)).map(ToOwned::to_owned),
            name: name(document)?,
            url: page(&id, document),
            inbox,
            shared_inbox: own("sharedInbox", shared_inbox)?,
            outbox: own("outbox", document.get("outbox"))?,
            followers: own("followers", document.get("followers"))?,
            keys: remote_key::keys(&id, document)?,
            id,
        };
        if actor.text_bytes() > REMOTE_ACTOR_TEXT_BYTES {
            let limit = format!("{REMOTE_ACTOR_TEXT_BYTES} bytes with all its members");
            return Err(RemoteActorError::TooLong { member: "the actor", limit });
        }
        Ok(actor)
    }

    /// The key of this id, where the actor lists it and it counts at this moment.
    pub fn key(&self, id: &str, now: Timestamp) -> Option<VerificationKey> {
        self.keys.iter().find(|key| key.id == id && key.is_valid_at(now)).map(|key| key.key.clone())
    }

    /// The same, where it is a key that proofs are made with. RSA keys sign requests and nothing else.
    pub fn proof_key(&self, id: &str, now: Timestamp) -> Option<PublicKey> {
        match self.key(id, now)? {
            VerificationKey::Ed25519(key) => Some(key),
            VerificationKey::Rsa(_) => None,
        }
    }

    fn text_bytes(&self) -> usize {
        let texts = [&self.handle, &self.name, &self.url, &self.shared_inbox, &self.outbox, &self.followers];
        let own: usize = texts.into_iter().flatten().map(String::len).sum();
        let keys: usize = self.keys.iter().map(|key| key.id.len()).sum();
        self.id.as_str().len() + self.inbox.len() + own + keys
    }
}

fn invalid(member: &'static str, message: &str) -> RemoteActorError {
    RemoteActorError::Invalid { member, message: message.to_owned() }
}

fn text<'a>(document: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    document.get(member).and_then(Value::as_str)
}

/// The first of its types that has a type's name; extensions of others' are passed over.
fn kind(document: &Map<String, Value>) -> Result<TypeName, RemoteActorError> {
    let mut kinds = items(document.get("type")).iter().filter_map(Value::as_str);
    kinds.find_map(|kind| kind.parse().ok()).ok_or_else(|| invalid("type", "none of it is a type's name"))
}

fn name(document: &Map<String, Value>) -> Result<Option<String>, RemoteActorError> {
    let Some(name) = text(document, "name") else { return Ok(None) };
    if name.chars().count() > REMOTE_NAME_CHARS {
        let limit = format!("{REMOTE_NAME_CHARS} characters");
        return Err(RemoteActorError::TooLong { member: "name", limit });
    }
    Ok(Some(name.to_owned()).filter(|name| !name.is_empty()))
}

/// A URL of the actor's own origin, which may be absent.
fn own_url(id: &ActorUrl, member: &'static str, value: Option<&Value>) -> Result<Option<String>, RemoteActorError> {
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        // A collection may be embedded.
        Some(value) => value.as_str().or_else(|| value.get("id").and_then(Value::as_str)),
    };
    let text = text.ok_or_else(|| invalid(member, "it is no URL"))?;
    let url: ActorUrl = text.parse().map_err(|error| invalid(member, &format!("{error}")))?;
    if !same_origin(id, &url) {
        let origin = id.origin().to_owned();
        return Err(RemoteActorError::ForeignUrl { member, url: quoted(text), origin });
    }
    Ok(Some(url.to_string()))
}

/// The first page for people that is of the actor's own origin. A link to elsewhere is no reason to do without the
/// actor, and would be shown as if it were its own.
fn page(id: &ActorUrl, document: &Map<String, Value>) -> Option<String> {
    let hrefs =
        items(document.get("url")).iter().filter_map(|link| link.as_str().or_else(|| link.get("href")?.as_str()));
    hrefs.filter_map(|href| href.parse().ok()).find(|url| same_origin(id, url)).map(|url: ActorUrl| url.to_string())
}
