//! The door: who sent a request, and whether what it brings holds. Nothing of it is believed before.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use rosehip_core::{
    activity::id_of,
    federation::{ActorUrl, Peer, RemoteActor, media_type, same_origin},
    json,
    limits::SIGNATURE_TOLERANCE_MS,
    pipeline::receive::Refusal,
    signing::{Message, MessageError, Proof, ProofError, PublicKey, RequestSignature},
    time::Timestamp,
};
use serde_json::{Map, Value};

use super::{Inbox, InboxHead, Refused};
use crate::federation::FetchError;

/// Hosts of which nothing is taken in.
pub(super) struct Blocked(RwLock<HashSet<Peer>>);

impl Blocked {
    pub(super) fn of(peers: Vec<Peer>) -> Self {
        Self(RwLock::new(peers.into_iter().collect()))
    }

    pub(super) fn set(&self, peer: &Peer, is_blocked: bool) {
        let mut peers = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match is_blocked {
            true => drop(peers.insert(peer.clone())),
            false => drop(peers.remove(peer)),
        }
    }

    /// Whether a host is blocked, by itself or as part of a domain that is.
    fn has(&self, peer: &Peer) -> bool {
        let peers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if peers.is_empty() {
            return false;
        }
        peer.domains().any(|domain| peers.contains(&domain))
    }
}

/// A request whose sender may send something, as far as it is known who that is. Its body has not come yet.
#[derive(Debug)]
pub struct Admitted {
    pub(super) head: InboxHead,
    /// None where a proof within the document has to do.
    signature: Option<RequestSignature>,
}

impl Admitted {
    /// Whether the request itself is signed.
    pub(super) fn is_signed(&self) -> bool {
        self.signature.is_some()
    }
}

impl InboxHead {
    fn fields(&self) -> Vec<(&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Inbox {
    /// Lets a request in by what it says before its body: whoever is blocked or sends too much has none of it read.
    pub fn admit(&self, head: InboxHead) -> Result<Admitted, Refused> {
        let target = format!("{}{}", self.parts.base_url, head.path);
        let message = Message { method: "POST", target_uri: &target, headers: &head.fields(), body: &[] };
        let content_type = message.header("content-type").unwrap_or_default();
        if !media_type::is_activity(&content_type) {
            return Err(Refused::ContentType(content_type.chars().take(100).collect()));
        }
        let signature = RequestSignature::of(&message)?;
        match &signature {
            Some(signature) => self.let_in(&place_of(signature.key_id())?, head.client)?,
            // Its document says who it is from. Until then it counts as its address's.
            None => self.budgets.unsigned(head.client).map_err(Refused::Unnamed)?,
        }
        Ok(Admitted { head, signature })
    }

    /// Who sent a request, and the document it brings. Nobody is asked for anything before all is checked that needs no
    /// key. None for the deletion of an actor who is gone and was never heard of here: hosts tell it to everybody they know,
    /// and nobody can verify it any more. Nothing here has to do with that actor, so that nothing is to be done.
    pub(super) async fn verified(
        &self,
        Admitted { head, signature }: &Admitted,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<(Arc<RemoteActor>, Map<String, Value>)>, Refused> {
        let Some(signature) = signature else {
            return self.verified_by_proof(body, head.client, now).await.map(Some);
        };
        let target = format!("{}{}", self.parts.base_url, head.path);
        let message = Message { method: "POST", target_uri: &target, headers: &head.fields(), body };
        signature.check(&message, now, SIGNATURE_TOLERANCE_MS)?;
        let place = place_of(signature.key_id())?;
        let document = json::parse_object(body)?;
        let sender = sender(signature.key_id(), &place, &document)?;
        let actor = match self.signer(signature, &message, &sender, head.client).await {
            Err(Refused::NoKey(FetchError::Gone { .. })) if is_own_deletion(&document, &sender) => return Ok(None),
            signed => signed?,
        };
        check_proof(&document, &actor, now)?;
        Ok(Some((actor, document)))
    }

    /// The same of a request that is not signed, and brings a document that its actor has proved (FEP-8b32). Whoever brings
    /// it, it was said by that actor; brought again, it is known by its id.
    async fn verified_by_proof(
        &self,
        body: &[u8],
        client: IpAddr,
        now: Timestamp,
    ) -> Result<(Arc<RemoteActor>, Map<String, Value>), Refused> {
        let document = json::parse_object(body)?;
        let proof = match Proof::of(&document) {
            Ok(proof) => proof,
            // Who proves nothing is told that the request has to be signed.
            Err(ProofError::Absent) => return Err(MessageError::Missing("header field signature".to_owned()).into()),
            Err(error) => return Err(error.into()),
        };
        let place = place_of(&proof.verification_method)?;
        self.let_in(&place, client)?;
        let sender = sender(&proof.verification_method, &place, &document)?;
        let method = &proof.verification_method;
        let holds = |actor: &RemoteActor| check_proof(&document, actor, now);
        self.seed_unless_known(&sender, method)?;
        if let Some((actor, _)) = self.directory().cached_key_of(&sender, method) {
            match holds(&actor) {
                Ok(()) => return Ok((actor, document)),
                // Its key may be another by now; anything else will not change.
                Err(Refused::Proof(ProofError::Wrong(_)) | Refused::ForeignProof(_)) => {}
                Err(error) => return Err(error),
            }
            self.may_ask(&sender, client)?;
            self.directory().refetch(&sender).await.map_err(no_key)?;
        } else {
            self.may_ask(&sender, client)?;
        }
        let (actor, _) = self.directory().key_of(&sender, method).await.map_err(no_key)?;
        holds(&actor)?;
        Ok((actor, document))
    }

    /// Lets a host in that is neither blocked nor sends too much. It is only claimed yet that the request is from it.
    fn let_in(&self, place: &ActorUrl, client: IpAddr) -> Result<(), Refused> {
        let peer = place.host();
        if self.blocked.has(&peer) {
            return Err(Refusal::Blocked(format!("{peer} is blocked")).into());
        }
        self.budgets.take(&peer, client).map_err(|seconds| Refused::TooMany { peer, seconds })
    }

    /// Whether somebody may be asked because of a request from this address. Who it is from is only claimed yet, and hosts to
    /// claim are without number.
    fn may_ask(&self, sender: &ActorUrl, client: IpAddr) -> Result<(), Refused> {
        self.budgets.ask(client).map_err(|seconds| Refused::TooMany { peer: sender.host(), seconds })
    }

    /// The actor whose key a request is signed with. A key that is known and does not fit may have been replaced under its
    /// id: its actor is asked once.
    async fn signer(
        &self,
        signature: &RequestSignature,
        message: &Message<'_>,
        sender: &ActorUrl,
        client: IpAddr,
    ) -> Result<Arc<RemoteActor>, Refused> {
        let key_id = signature.key_id();
        self.seed_unless_known(sender, key_id)?;
        if let Some((actor, key)) = self.directory().cached_key_of(sender, key_id) {
            if signature.verify(message, &key).is_ok() {
                self.parts.schemes.sent(&sender.host(), signature.scheme(&key));
                return Ok(actor);
            }
            self.may_ask(sender, client)?;
            self.directory().refetch(sender).await.map_err(no_key)?;
        } else {
            self.may_ask(sender, client)?;
        }
        let (actor, key) = self.directory().key_of(sender, key_id).await.map_err(no_key)?;
        signature.verify(message, &key)?;
        self.parts.schemes.sent(&sender.host(), signature.scheme(&key));
        Ok(actor)
    }

    fn seed_unless_known(&self, sender: &ActorUrl, key_id: &str) -> Result<(), Refused> {
        match self.directory().cached_key_of(sender, key_id) {
            Some(_) => Ok(()),
            None => self.seed(sender),
        }
    }
}

/// Whether a document says that its actor is no more.
fn is_own_deletion(document: &Map<String, Value>, sender: &ActorUrl) -> bool {
    let is_deletion = document.get("type").and_then(Value::as_str) == Some("Delete");
    is_deletion && document.get("object").and_then(id_of) == Some(sender.as_str())
}

/// Where a key's id leads, without its fragment.
fn place_of(key_id: &str) -> Result<ActorUrl, Refused> {
    let place = key_id.split('#').next().unwrap_or(key_id);
    place.parse().map_err(|_| Refused::NoKey(FetchError::NoKey(key_id.chars().take(200).collect())))
}

/// The actor that is to have signed with a key: the one that the document names, whose key it can be. Where the id has a
/// fragment, the actor stands before it; where it has none, it lies at the actor's origin. Whether that actor lists the key
/// is told by the actor's own document.
fn sender(key_id: &str, place: &ActorUrl, document: &Map<String, Value>) -> Result<ActorUrl, Refused> {
    let named = document.get("actor").and_then(id_of);
    let actor = named.and_then(|actor| actor.parse::<ActorUrl>().ok());
    let told = || named.unwrap_or_default().chars().take(200).collect::<String>();
    let foreign = || Refused::from(Refusal::NotTheirs(format!("{place} signed what {:?} is to have said", told())));
    match (ActorUrl::of_key(key_id), actor) {
        (Some(signer), Some(actor)) if signer == actor => Ok(actor),
        (None, Some(actor)) if same_origin(place, &actor) => Ok(actor),
        // A document without an actor is refused for that, once it is known who sent it.
        (Some(signer), None) if named.is_none() => Ok(signer),
        (Some(_) | None, Some(_) | None) => Err(foreign()),
    }
}

fn no_key(error: FetchError) -> Refused {
    match error {
        FetchError::Unreachable(_) | FetchError::Busy(_) => Refused::Later(error),
        FetchError::Gone { .. }
        | FetchError::Refused(_)
        | FetchError::Unreadable { .. }
        | FetchError::OtherId { .. }
        | FetchError::NoKey(_)
        | FetchError::Unconfirmed { .. } => Refused::NoKey(error),
    }
}

/// Holds the proof of a document, where it has one, against the keys of its actor. One that was made with a key that was
/// replaced since holds, if the key was in use then.
pub(super) fn check_proof(document: &Map<String, Value>, actor: &RemoteActor, now: Timestamp) -> Result<(), Refused> {
    let proof = match Proof::of(document) {
        Ok(proof) => proof,
        Err(ProofError::Absent) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let made = proof.created.filter(|created| *created <= now).unwrap_or(now);
    let key: Option<PublicKey> = actor.proof_key(&proof.verification_method, made);
    let foreign = || Refused::ForeignProof(proof.verification_method.chars().take(200).collect());
    proof.verify(document, &key.ok_or_else(foreign)?, now)?;
    Ok(())
}
