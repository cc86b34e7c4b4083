//! The inbox: what strangers send, from the first byte to the log.
//!
//! What costs nothing is checked first, then what costs a hash, then what costs a look at the log, and only then is anybody
//! asked for a key. Each arrival is one append for each inbox it reaches: `activity.appended`, and what follows from it,
//! such as the `Accept` of a `Follow`. An arrival is acknowledged once that append is durable.

mod again;
mod budgets;
mod door;
mod known;
mod local;
mod moves;
mod refused;

use std::{
    hash::{Hash as _, Hasher as _},
    net::IpAddr,
    sync::Arc,
};

use rosehip_core::{
    activity::{local_actor, urls_of},
    event::{Event, RemoteActorLearned},
    federation::{ActorUrl, RemoteActor},
    follows::Side,
    ids::{ActivityId, ActorName, BoxName, DedupKey},
    limits::{ACTIVITY_RECIPIENTS, APPEND_ENTRIES},
    log::Append,
    pipeline::receive::{Arrival, Received, TheirObject, receive},
    time::Timestamp,
    trace::TraceContext,
};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use self::budgets::Budgets;
pub use self::{
    door::Admitted,
    moves::{MoveError, Moves},
    refused::Refused,
};
use super::{Directory, Keyring, Schemes};
use crate::{
    clock::SystemClock,
    pool::Pool,
    store::{SchemaError, SqliteReader},
    views::{ViewError, ViewPosition, ViewReader},
    writer::{AppendError, Writer},
};

/// Arrivals that are decided at the same time, about.
const TURNS: usize = 256;
/// An arrival that lost against another one is decided again this often.
const TRIES: usize = 8;

/// What a request to an inbox says before its body comes.
#[derive(Debug, Clone)]
pub struct InboxHead {
    /// Whose inbox it is for; none for the one that all share.
    pub owner: Option<ActorName>,
    /// Path and query.
    pub path: String,
    /// Header fields, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// Where it came from.
    pub client: IpAddr,
    /// Where it stands in a trace.
    pub trace: Option<TraceContext>,
}

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// It stands in an inbox, durably.
    Recorded,
    /// It was there already, or is about what is gone, or nobody here wants it.
    Dropped,
}

/// An actor of this host has begun to follow another one, whose outbox holds what was said before.
#[derive(Debug, Clone)]
pub struct Began {
    /// Who follows.
    pub owner: ActorName,
    /// Whom.
    pub actor: ActorUrl,
}

/// Somebody whom an actor of this host follows says that they have another address.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Who follows.
    pub owner: ActorName,
    /// The old address.
    pub from: ActorUrl,
    /// The new one.
    pub to: ActorUrl,
    /// The `Move`.
    pub activity: ActivityId,
}

/// What an inbox is made of.
pub struct InboxParts {
    /// The origin of ids, without a slash at its end.
    pub base_url: String,
    /// Appends.
    pub writer: Writer,
    /// Reads the log.
    pub log: Arc<Pool<SqliteReader, SchemaError>>,
    /// Reads the views.
    pub views: Arc<Pool<ViewReader, ViewError>>,
    /// How far the views are.
    pub position: ViewPosition,
    /// Knows the actors of other hosts.
    pub directory: Directory,
    /// Signs answers.
    pub keyring: Arc<Keyring>,
    /// Is told how hosts sign what they send.
    pub schemes: Arc<Schemes>,
    /// Is told whom an actor has begun to follow.
    pub began: mpsc::UnboundedSender<Began>,
    /// Is told who has moved whom an actor follows.
    pub moved: mpsc::UnboundedSender<Moved>,
}

/// Takes in what strangers and neighbours send.
pub struct Inbox {
    parts: InboxParts,
    budgets: Budgets,
    blocked: door::Blocked,
    /// What one sender brings to one inbox is decided one after the other: each decision reads what the one before left.
    turns: [tokio::sync::Mutex<()>; TURNS],
}

impl Inbox {
    /// An inbox that nothing has come to.
    pub fn new(parts: InboxParts) -> Result<Self, ViewError> {
        let blocked = door::Blocked::of(parts.views.with(ViewReader::blocked_peers)?);
        let turns = [const { tokio::sync::Mutex::const_new(()) }; TURNS];
        Ok(Self { parts, budgets: Budgets::default(), blocked, turns })
    }

    /// Takes in a commit: hosts that are blocked from now on, or are not any more.
    pub fn observe(&self, event: &Event) {
        if let Event::PeerBlocked(blocked) = event {
            self.blocked.set(&blocked.peer, blocked.is_blocked);
        }
    }

    /// Takes in a request that was admitted.
    pub async fn take_in(&self, admitted: Admitted, body: &[u8]) -> Result<TakenIn, Refused> {
        let now = SystemClock::now();
        let Some((sender, document)) = self.verified(&admitted, body, now).await? else { return Ok(TakenIn::Dropped) };
        let mut arrival = Arrival::check(&sender.id, document)?;
        arrival.is_said_now = admitted.is_signed();
        let InboxHead { owner, trace, .. } = admitted.head;
        arrival.trace = trace;
        let owners = match owner {
            Some(owner) => vec![owner],
            None => self.wanted_by(&arrival, &sender).await?,
        };
        self.deliver(&arrival, &sender, owners).await
    }

    /// Takes in what was fetched from its sender's own outbox.
    pub(super) async fn take_in_fetched(
        &self,
        owner: &ActorName,
        sender: &Arc<RemoteActor>,
        document: Map<String, Value>,
    ) -> Result<TakenIn, Refused> {
        door::check_proof(&document, sender, SystemClock::now())?;
        let arrival = Arrival::check(&sender.id, document)?;
        self.deliver(&arrival, sender, vec![owner.clone()]).await
    }

    /// Brings an arrival into inboxes.
    async fn deliver(
        &self,
        arrival: &Arrival,
        sender: &Arc<RemoteActor>,
        owners: Vec<ActorName>,
    ) -> Result<TakenIn, Refused> {
        let (mut taken, mut refused) = (TakenIn::Dropped, None);
        let many = owners.len() > 1;
        for owner in owners {
            match self.record(arrival, sender, &owner).await {
                Ok(TakenIn::Recorded) => taken = TakenIn::Recorded,
                Ok(TakenIn::Dropped) => {}
                Err(error @ (Refused::Append(_) | Refused::Store(_) | Refused::View(_))) => return Err(error),
                // What one of many does not want is the others' all the same.
                Err(error) if many => refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(refused) = refused.filter(|_| taken == TakenIn::Dropped) {
            tracing::debug!(%arrival.id, %refused, "nobody took what came to the shared inbox");
        }
        // What an actor says of itself has changed, and so may its keys have.
        if arrival.kind.as_str() == "Update" && arrival.object() == Some(sender.id.as_str()) {
            self.parts.directory.forget(&sender.id);
        }
        Ok(taken)
    }

    /// Appends an arrival to one inbox.
    async fn record(
        &self,
        arrival: &Arrival,
        sender: &Arc<RemoteActor>,
        owner: &ActorName,
    ) -> Result<TakenIn, Refused> {
        // What comes again is most of what comes too often. Only follows need to know more of it.
        if !matches!(arrival.kind.as_str(), "Follow" | "Undo")
            && let Some(seq) = self.recorded(owner, &arrival.id)?
        {
            return self.seen_before(arrival, owner, seq).await;
        }
        let _turn = self.turn_of(owner, arrival).lock().await;
        let mut known_before = None;
        for _ in 0..TRIES {
            let now = SystemClock::now();
            let facts = self.facts(arrival, owner).await?;
            let again = self.again(arrival, &facts, owner)?;
            let arrival = again.as_ref().unwrap_or(arrival);
            let seen = DedupKey::seen(owner, BoxName::Inbox, &arrival.id);
            let received = receive(arrival, &facts.known(&self.parts, owner, now))?;
            if received.events.is_empty() {
                return Ok(TakenIn::Dropped);
            }
            let Received { mut events, begins_following, moves_to } = received;
            if facts.sender.as_ref() != Some(&**sender) {
                events.push(RemoteActorLearned { actor: RemoteActor::clone(sender) }.into());
            }
            let drafts = events.into_iter().map(|event| event.draft(now)).collect();
            match self.parts.writer.append(Append::unconditional(drafts)).await {
                Ok(_) => {
                    if begins_following {
                        let began = Began { owner: owner.clone(), actor: sender.id.clone() };
                        // At a stop nobody listens any more.
                        let _ = self.parts.began.send(began);
                    }
                    if let Some(to) = moves_to {
                        let (owner, activity) = (owner.clone(), arrival.id.clone());
                        // At a stop nobody listens any more; the next start finds it in the views.
                        let _ = self.parts.moved.send(Moved { owner, from: sender.id.clone(), to, activity });
                    }
                    return Ok(TakenIn::Recorded);
                }
                Err(AppendError::Duplicate { key, seq }) if key == seen => {
                    let taken = self.seen_before(arrival, owner, seq).await?;
                    self.say_again(arrival, &facts, owner, now).await?;
                    return Ok(taken);
                }
                // Its object, or the answer to it, was recorded meanwhile: what that means is decided again. Where that comes
                // to the same, what was recorded has been erased, and stays so.
                Err(AppendError::Duplicate { key, .. }) if known_before == Some(key) => return Ok(TakenIn::Dropped),
                Err(AppendError::Duplicate { key, seq }) => {
                    known_before = Some(key);
                    self.parts.position.reached(seq).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppendError::QueueFull.into())
    }

    /// The actors of this host whom something at the shared inbox is for: those it addresses, those it is about, and,
    /// where it is for the sender's followers or everybody, those who follow.
    async fn wanted_by(&self, arrival: &Arrival, sender: &RemoteActor) -> Result<Vec<ActorName>, Refused> {
        let document = arrival.document();
        let named: Vec<&str> = ["to", "cc", "bto", "bcc", "audience"]
            .into_iter()
            .flat_map(|member| urls_of(document.get(member)))
            .chain(arrival.object())
            .chain(urls_of(document.get("object").and_then(|object| object.get("object"))))
            .chain(urls_of(document.get("object").and_then(|object| object.get("actor"))))
            .collect();
        let named = &named[..named.len().min(ACTIVITY_RECIPIENTS)];
        let is_gone = arrival.kind.as_str() == "Delete" && arrival.object() == Some(sender.id.as_str());
        let is_for_followers =
            named.iter().any(|url| rosehip_core::activity::is_public(url) || sender.followers.as_deref() == Some(url));
        self.parts.position.reached(self.parts.writer.committed()).await?;
        self.parts.views.with(|views| {
            let mut owners = Vec::new();
            for name in named.iter().filter_map(|url| local_actor(&self.parts.base_url, url)) {
                if !owners.contains(&name) && views.actor(name.as_str())?.is_some() {
                    owners.push(name);
                }
            }
            // An actor that is gone is gone for all who had to do with it.
            let others = if is_gone { views.tied_to(sender.id.as_str())? } else { Vec::new() };
            for name in others {
                if !owners.contains(&name) {
                    owners.push(name);
                }
            }
            if is_for_followers {
                for name in views.followers_here(sender.id.as_str())? {
                    if !owners.contains(&name) {
                        owners.push(name);
                    }
                }
            }
            owners.truncate(APPEND_ENTRIES);
            Ok(owners)
        })
    }

    /// What the views say of a sender, an actor of this host and what is between the two.
    async fn facts(&self, arrival: &Arrival, owner: &ActorName) -> Result<known::Facts, Refused> {
        self.parts.position.reached(self.parts.writer.committed()).await?;
        let parts = &self.parts;
        parts.views.with(|views| {
            let actor = views.actor(owner.as_str())?.ok_or_else(|| Refused::NoActor(owner.clone()))?;
            let sender = arrival.actor.as_str();
            let brought = match arrival.object().filter(|_| arrival.is_about_their_object()) {
                Some(object) => views.received(owner.as_str(), object)?,
                None => None,
            };
            let (their_object, their_author) = match brought {
                None => (TheirObject::Unknown, None),
                Some((false, author)) => (TheirObject::Here, Some(author)),
                Some((true, author)) => (TheirObject::Gone, Some(author)),
            };
            let follower = views.follow(owner, Side::Followers, sender)?;
            Ok(known::Facts {
                actor,
                is_blocked: views.blocks(owner, sender)?,
                following: views.follow(owner, Side::Following, sender)?,
                follower: follower.as_ref().map(|follow| follow.state),
                follow: follower.map(|follow| follow.follow),
                sender: views.remote_actor(&arrival.actor)?,
                their_object,
                their_author,
                object: known::own_object(&parts.base_url, arrival, views)?,
                depth: known::depth(parts, arrival, views)?,
            })
        })
    }

    fn turn_of(&self, owner: &ActorName, arrival: &Arrival) -> &tokio::sync::Mutex<()> {
        let mut hasher = std::hash::DefaultHasher::new();
        (owner, &arrival.actor).hash(&mut hasher);
        let place = hasher.finish() % self.turns.len() as u64;
        &self.turns[usize::try_from(place).unwrap_or(0)]
    }

    fn directory(&self) -> &Directory {
        &self.parts.directory
    }

    /// Tells the directory what the log knows of an actor. What it has learned since then stays.
    fn seed(&self, url: &ActorUrl) -> Result<(), Refused> {
        if let Some((at, actor)) = self.parts.views.with(|views| views.remote_actor_since(url))? {
            self.directory().know(actor, Timestamp::from_millis(at));
        }
        Ok(())
    }
}
