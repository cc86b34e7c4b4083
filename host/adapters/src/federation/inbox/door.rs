//! The door: who sent a request, and whether what it brings holds. Nothing of it is believed before.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use rosehip_core::{
    activity::id_of,
    federation::{ActorUrl, Peer, RemoteActor, media_type},
    json,
    limits::SIGNATURE_TOLERANCE_MS,
    pipeline::receive::Refusal,
    signing::{Message, MessageError, Proof, ProofError, PublicKey, SignatureInput},
    time::Timestamp,
};
use serde_json::{Map, Value};

use super::{Inbox, InboxRequest, Refused};
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

impl Inbox {
    /// Who sent a request, and the document it brings. Nobody is asked for anything before all is checked that needs no
    /// key.
    pub(super) async fn verified(
        &self,
        request: &InboxRequest,
        now: Timestamp,
    ) -> Result<(Arc<RemoteActor>, Map<String, Value>), Refused> {
        let target = format!("{}{}", self.parts.base_url, request.path);
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let message = Message { method: "POST", target_uri: &target, headers: &headers, body: &request.body };
        let content_type = message.header("content-type").unwrap_or_default();
        if !media_type::is_activity(&content_type) {
            return Err(Refused::ContentType(content_type.chars().take(100).collect()));
        }
        let header =
            |name: &str| message.header(name).ok_or_else(|| MessageError::Missing(format!("header field {name}")));
        let input = SignatureInput::parse(&header("signature-input")?, &header("signature")?)?;
        input.check(&message, now, SIGNATURE_TOLERANCE_MS)?;
        let sender = ActorUrl::of_key(&input.key_id)
            .ok_or_else(|| Refused::NoKey(FetchError::NoKey(input.key_id.chars().take(200).collect())))?;
        let peer = sender.host();
        if self.blocked.has(&peer) {
            return Err(Refusal::Blocked(format!("{peer} is blocked")).into());
        }
        if let Err(seconds) = self.budgets.take(&peer, request.client) {
            return Err(Refused::TooMany { peer, seconds });
        }
        let document = json::parse_object(&request.body)?;
        if let Some(actor) = document.get("actor").and_then(id_of)
            && actor.parse::<ActorUrl>().ok().as_ref() != Some(&sender)
        {
            let actor: String = actor.chars().take(200).collect();
            return Err(Refusal::NotTheirs(format!("{sender} signed what {actor:?} is to have said")).into());
        }
        let actor = self.signer(&input, &message, &sender, request.client).await?;
        check_proof(&document, &actor, now)?;
        Ok((actor, document))
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
        input: &SignatureInput,
        message: &Message<'_>,
        sender: &ActorUrl,
        client: IpAddr,
    ) -> Result<Arc<RemoteActor>, Refused> {
        if self.directory().cached_key(&input.key_id).is_none() {
            self.seed(sender)?;
        }
        if let Some((actor, key)) = self.directory().cached_key(&input.key_id) {
            if input.verify(message, &key).is_ok() {
                return Ok(actor);
            }
            self.may_ask(sender, client)?;
            self.directory().refetch(sender).await.map_err(no_key)?;
        } else {
            self.may_ask(sender, client)?;
        }
        let (actor, key) = self.directory().key(&input.key_id).await.map_err(no_key)?;
        input.verify(message, &key)?;
        Ok(actor)
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
    let key: Option<PublicKey> = actor.key(&proof.verification_method, made);
    let foreign = || Refused::ForeignProof(proof.verification_method.chars().take(200).collect());
    proof.verify(document, &key.ok_or_else(foreign)?, now)?;
    Ok(())
}
