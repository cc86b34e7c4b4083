//! The directory: who the actors of other hosts are, as far as this process knows. The log keeps what must last; the
//! directory is seeded from it and may forget anything.

use std::{fmt, pin::Pin, sync::Arc};

use rosehip_core::{
    destination::quoted,
    federation::{ActorUrl, Peer, RemoteActor, Who, same_origin, webfinger::Found},
    signing::VerificationKey,
    time::Timestamp,
};
use serde_json::{Map, Value};

use super::{
    ActorLookup, FetchError, NoActor, SignedGet,
    fetch::Fetch,
    lookups::{Lookups, Wants},
};
use crate::outgoing::Client;

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Actors of other hosts. A clone is the same directory.
#[derive(Clone)]
pub struct Directory {
    fetch: Arc<Fetch>,
    actors: Arc<Lookups<ActorUrl, Arc<RemoteActor>>>,
    accounts: Arc<Lookups<Question, Found>>,
    clock: Clock,
}

/// Who a host is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    host: Peer,
    who: Who,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.who, self.host)
    }
}

impl ActorLookup for Directory {
    fn actor<'a>(
        &'a self,
        url: &'a ActorUrl,
    ) -> Pin<Box<dyn Future<Output = Result<Arc<RemoteActor>, NoActor>> + Send + 'a>> {
        Box::pin(async move { Ok(Self::actor(self, url).await?) })
    }
}

impl Directory {
    /// A directory that knows nobody. `client` is its own, with [`OutgoingOptions::federation`].
    ///
    /// [`OutgoingOptions::federation`]: crate::outgoing::OutgoingOptions::federation
    pub fn new(client: Client, signed: Option<SignedGet>, clock: Clock) -> Self {
        Self {
            fetch: Arc::new(Fetch::new(client, signed)),
            actors: Arc::new(Lookups::new(Arc::clone(&clock))),
            accounts: Arc::new(Lookups::new(Arc::clone(&clock))),
            clock,
        }
    }

    /// The actor of this id, as it was at some time of the last day.
    pub async fn actor(&self, url: &ActorUrl) -> Result<Arc<RemoteActor>, FetchError> {
        self.get(url, Wants::Known).await
    }

    /// The actor of this id as it is now, also where it was not there a moment ago. Where somebody else has asked for
    /// that within half a minute, what was learned then is the answer.
    pub async fn refetch(&self, url: &ActorUrl) -> Result<Arc<RemoteActor>, FetchError> {
        self.get(url, Wants::Current).await
    }

    /// The key of this id of an actor, if the actor lists it and it has neither expired nor been revoked. An actor that is
    /// known without the key is asked anew. Nothing but the actor's own document is asked for, wherever the id leads.
    pub async fn key_of(
        &self,
        url: &ActorUrl,
        key_id: &str,
    ) -> Result<(Arc<RemoteActor>, VerificationKey), FetchError> {
        let actor = match self.actors.found(url) {
            Some(actor) if self.listed(&actor, key_id).is_some() => actor,
            Some(_) => self.refetch(url).await?,
            None => self.actor(url).await?,
        };
        let key = self.listed(&actor, key_id).ok_or_else(|| FetchError::NoKey(quoted(key_id)))?;
        Ok((actor, key))
    }

    /// The same of the actor whose id stands before the fragment of the key's.
    pub async fn key(&self, key_id: &str) -> Result<(Arc<RemoteActor>, VerificationKey), FetchError> {
        let url = ActorUrl::of_key(key_id).ok_or_else(|| FetchError::NoKey(quoted(key_id)))?;
        self.key_of(&url, key_id).await
    }

    /// The key of this id of an actor, where the actor is known, without asking anybody.
    pub fn cached_key_of(&self, url: &ActorUrl, key_id: &str) -> Option<(Arc<RemoteActor>, VerificationKey)> {
        let actor = self.actors.found(url)?;
        let key = self.listed(&actor, key_id)?;
        Some((actor, key))
    }

    /// The same of the actor whose id stands before the fragment of the key's.
    pub fn cached_key(&self, key_id: &str) -> Option<(Arc<RemoteActor>, VerificationKey)> {
        self.cached_key_of(&ActorUrl::of_key(key_id)?, key_id)
    }

    /// The actor that somebody means. A handle is looked up by `WebFinger` at its host; where the account or the actor
    /// turns out to be of another host, that host must say the same. A URL may also be one that the actor's host serves
    /// its actor under, such as its page.
    pub async fn find(&self, who: &Who) -> Result<Arc<RemoteActor>, FetchError> {
        match who {
            Who::Url(url) => match self.actor(url).await {
                Err(FetchError::OtherId { id, .. }) if same_origin(url, &id) => self.actor(&id).await,
                found => found,
            },
            Who::Handle(_) => self.actor(&self.account(who).await?.actor).await,
        }
    }

    /// The actor of this id as it is now, with the document that it was read from.
    pub async fn document_of(&self, url: &ActorUrl) -> Result<(Arc<RemoteActor>, Map<String, Value>), FetchError> {
        let (actor, document) = self.fetch.actor_document(url).await?;
        let actor = Arc::new(actor);
        self.actors.put(url.clone(), Arc::clone(&actor), (self.clock)());
        Ok((actor, document))
    }

    /// A collection of another host, or a page of one, as it is now.
    pub async fn collection(&self, url: &ActorUrl) -> Result<Map<String, Value>, FetchError> {
        self.fetch.collection(url).await
    }

    /// Takes in what the log says was learned at a moment, unless something newer is known.
    pub fn know(&self, actor: RemoteActor, learned_at: Timestamp) {
        self.actors.put(actor.id.clone(), Arc::new(actor), learned_at);
    }

    /// Forgets an actor, so that the next who wants it asks anew.
    pub fn forget(&self, url: &ActorUrl) {
        self.actors.forget(url);
    }

    async fn get(&self, url: &ActorUrl, wants: Wants) -> Result<Arc<RemoteActor>, FetchError> {
        let look = || {
            let (fetch, url) = (Arc::clone(&self.fetch), url.clone());
            async move { fetch.actor(&url).await.map(Arc::new) }
        };
        self.actors.get(url, wants, look).await
    }

    /// Where an account's name leads, confirmed by every host that it names.
    async fn account(&self, who: &Who) -> Result<Found, FetchError> {
        let found = self.webfinger(who.host(), who).await?;
        for witness in found.witnesses(&who.host()) {
            let unconfirmed = |message| FetchError::Unconfirmed { what: who.to_string(), message };
            match self.webfinger(witness.clone(), &found.subject).await {
                Ok(said) if found.is_confirmed_by(&said) => {}
                Ok(said) => {
                    let message = format!("{witness} says that {} is {}", said.subject, said.actor);
                    return Err(unconfirmed(message));
                }
                Err(error @ (FetchError::Unreachable(_) | FetchError::Busy(_))) => return Err(error),
                Err(error) => return Err(unconfirmed(format!("{witness} was asked for {}: {error}", found.subject))),
            }
        }
        Ok(found)
    }

    async fn webfinger(&self, host: Peer, who: &Who) -> Result<Found, FetchError> {
        let question = Question { host, who: who.clone() };
        let look = || {
            let (fetch, Question { host, who }) = (Arc::clone(&self.fetch), question.clone());
            async move { fetch.webfinger(&host, &who).await }
        };
        self.accounts.get(&question, Wants::Known, look).await
    }

    fn listed(&self, actor: &RemoteActor, key_id: &str) -> Option<VerificationKey> {
        actor.key(key_id, (self.clock)())
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}
