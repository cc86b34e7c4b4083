//! Backfill: what another actor said while this host did not listen, read from that actor's outbox.
//!
//! An outbox of our own kind is asked for what came after the last activity that the inbox has of its actor (`?since=`). One
//! that does not know that activity, or no such question, is read from its newest page backwards, a bounded way. What is
//! found is taken in like an arrival, oldest first: what is there already is dropped.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use rosehip_core::{
    federation::{ActorUrl, RemoteActor},
    follows::{FollowState, Side},
    ids::ActorName,
    limits::{BACKFILL_AT_A_TIME, BACKFILL_PAGES, PAGE_MAX},
};
use serde_json::{Map, Value};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Directory, FetchError,
    inbox::{Began, Inbox, Refused, TakenIn},
};
use crate::{
    pool::Pool,
    views::{ViewError, ViewReader},
};

/// What of an outbox concerns those who follow its actor.
const OF_INTEREST: [&str; 6] = ["Create", "Update", "Delete", "Announce", "Like", "Move"];

/// Why an outbox could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// A page cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was found cannot be taken in now.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The views cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

/// Reads outboxes.
#[derive(Clone)]
pub struct Backfill {
    /// Knows the actors.
    pub directory: Directory,
    /// Takes in what is found, for as long as there is one.
    pub inbox: Weak<Inbox>,
    /// Reads the views.
    pub views: Arc<Pool<ViewReader, ViewError>>,
    /// How URLs of actors of this host begin.
    pub own_actors: String,
}

/// Whom an actor of this host follows, and how far that one's outbox is known.
#[derive(Debug, Clone)]
pub struct Followed {
    owner: ActorName,
    actor: ActorUrl,
    /// The Cid of what arrived last.
    last: Option<String>,
}

/// How long after a failure an outbox is read again.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(30), Duration::from_mins(5), Duration::from_hours(1)];
/// Activities of one page that are looked at.
const PAGE_ITEMS: usize = 200;

impl Backfill {
    /// Reads the outboxes of all that actors of this host follow, and of those that they begin to follow from now on. Ends
    /// when nobody is left to say so.
    /// `followed` was read before anything could arrive, so that nothing that came since hides what was missed before it.
    pub async fn run(self, followed: Vec<Followed>, mut began: mpsc::UnboundedReceiver<Began>) {
        let mut reading = JoinSet::new();
        for followed in followed {
            self.spawn(&mut reading, followed).await;
        }
        while let Some(Began { owner, actor }) = began.recv().await {
            let last = self.views.with(|views| views.last_received(owner.as_str(), actor.as_str()));
            let last = last.ok().flatten();
            self.spawn(&mut reading, Followed { owner, actor, last }).await;
        }
    }

    async fn spawn(&self, reading: &mut JoinSet<()>, followed: Followed) {
        while reading.len() >= BACKFILL_AT_A_TIME {
            drop(reading.join_next().await);
        }
        let backfill = self.clone();
        reading.spawn(async move {
            let (owner, actor) = (&followed.owner, &followed.actor);
            for wait in AGAIN_AFTER.into_iter().map(Some).chain([None]) {
                match backfill.of(&followed).await {
                    Ok(found) => {
                        tracing::debug!(%owner, %actor, found, "an outbox was read");
                        return;
                    }
                    Err(error) => tracing::warn!(%owner, %actor, %error, "an outbox was not read"),
                }
                let Some(wait) = wait else { return };
                tokio::time::sleep(wait).await;
            }
        });
    }

    /// Who is followed by actors of this host, and how far each is known.
    pub fn followed(&self) -> Result<Vec<Followed>, ViewError> {
        self.views.with(|views| {
            let mut all = Vec::new();
            for owner in views.actors()? {
                let mut skip = 0;
                loop {
                    let page = views.follows(&owner.name, Side::Following, FollowState::Accepted, skip, PAGE_MAX)?;
                    let is_last = page.len() < PAGE_MAX;
                    skip += page.len() as u64;
                    for follow in page {
                        let Ok(actor) = follow.actor.parse::<ActorUrl>() else { continue };
                        // Of whoever is of this host, nothing is missed.
                        if actor.as_str().starts_with(&self.own_actors) {
                            continue;
                        }
                        let last = views.last_received(owner.name.as_str(), actor.as_str())?;
                        all.push(Followed { owner: owner.name.clone(), actor, last });
                    }
                    if is_last {
                        break;
                    }
                }
            }
            Ok(all)
        })
    }

    /// Takes in what an actor said that an inbox does not have. Returns how much that was.
    async fn of(&self, followed: &Followed) -> Result<usize, BackfillError> {
        let owner = &followed.owner;
        let actor = self.directory.actor(&followed.actor).await?;
        let Some(outbox) = actor.outbox.as_deref().and_then(|outbox| outbox.parse::<ActorUrl>().ok()) else {
            return Ok(0);
        };
        if let Some(cid) = &followed.last {
            let separator = if outbox.as_str().contains('?') { '&' } else { '?' };
            let since: Result<ActorUrl, _> = format!("{outbox}{separator}since={cid}").parse();
            if let Ok(since) = since
                && let Some(found) = self.since(owner, &actor, since, cid).await?
            {
                return Ok(found);
            }
        }
        self.backwards(owner, &actor, outbox).await
    }

    /// Reads what came after a known activity, oldest first; none where the outbox does not know it.
    async fn since(
        &self,
        owner: &ActorName,
        actor: &Arc<RemoteActor>,
        first: ActorUrl,
        cid: &str,
    ) -> Result<Option<usize>, BackfillError> {
        let (mut next, mut found, mut is_known) = (Some(first), 0, false);
        for _ in 0..BACKFILL_PAGES {
            let Some(url) = next.take() else { break };
            let page = self.directory.collection(&url).await?;
            // An outbox of our kind tells its tip; one that does not know the activity tells nothing else.
            let Some(tip) = page.get("tip") else { return Ok(None) };
            let has_items = page.get("orderedItems").and_then(Value::as_array).is_some_and(|items| !items.is_empty());
            is_known |= has_items || tip.get("cid").and_then(Value::as_str) == Some(cid);
            if !is_known {
                return Ok(None);
            }
            found += self.take_in(owner, actor, items(&page)).await?;
            next = next_page(&page, actor);
        }
        Ok(Some(found))
    }

    /// Reads the newest pages of an outbox until one holds nothing new.
    async fn backwards(
        &self,
        owner: &ActorName,
        actor: &Arc<RemoteActor>,
        outbox: ActorUrl,
    ) -> Result<usize, BackfillError> {
        let collection = self.directory.collection(&outbox).await?;
        let first = collection.get("first");
        let mut pages: Vec<Map<String, Value>> = Vec::new();
        let mut next = match first {
            Some(Value::Object(page)) => {
                pages.push(page.clone());
                next_page(page, actor)
            }
            Some(_) => own_url(first, actor),
            None => {
                pages.push(collection);
                None
            }
        };
        let mut read = HashSet::new();
        while let Some(url) = next.take().filter(|url| pages.len() < BACKFILL_PAGES && read.insert(url.clone())) {
            let page = self.directory.collection(&url).await?;
            next = next_page(&page, actor);
            let is_news = items(&page).iter().any(|item| !self.has(owner, item));
            pages.push(page);
            if !is_news {
                break;
            }
        }
        let mut all: Vec<_> = pages.iter().flat_map(items).collect();
        all.reverse();
        self.take_in(owner, actor, all).await
    }

    fn has(&self, owner: &ActorName, item: &Map<String, Value>) -> bool {
        let Some(id) = item.get("id").and_then(Value::as_str) else { return true };
        let place = self.views.with(|views| views.activity_in_box(owner, rosehip_core::ids::BoxName::Inbox, id));
        matches!(place, Ok(Some(_)))
    }

    async fn take_in(
        &self,
        owner: &ActorName,
        actor: &Arc<RemoteActor>,
        items: Vec<Map<String, Value>>,
    ) -> Result<usize, BackfillError> {
        let Some(inbox) = self.inbox.upgrade() else { return Ok(0) };
        let mut found = 0;
        for item in items {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut taken = inbox.take_in_fetched(owner, actor, item.clone()).await;
            if matches!(taken, Err(Refused::ForeignProof(_))) {
                // Its keys may be others by now; that is asked for once in a while.
                let actor = self.directory.refetch(&actor.id).await?;
                taken = inbox.take_in_fetched(owner, &actor, item).await;
            }
            match taken {
                Ok(TakenIn::Recorded) => found += 1,
                Ok(TakenIn::Dropped) => {}
                Err(error @ (Refused::Append(_) | Refused::Store(_) | Refused::View(_))) => return Err(error.into()),
                Err(error) => tracing::debug!(%actor.id, id, %error, "an item of an outbox was left out"),
            }
        }
        Ok(found)
    }
}

/// The activities that stand on a page, as it orders them. What is only named there is left out.
fn items(page: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let list = page.get("orderedItems").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_of_interest = |item: &&Map<String, Value>| {
        item.get("type").and_then(Value::as_str).is_some_and(|kind| OF_INTEREST.contains(&kind))
    };
    list.iter().filter_map(Value::as_object).filter(is_of_interest).take(PAGE_ITEMS).cloned().collect()
}

fn next_page(page: &Map<String, Value>, actor: &RemoteActor) -> Option<ActorUrl> {
    own_url(page.get("next"), actor)
}

/// A page that its actor's own host keeps.
fn own_url(url: Option<&Value>, actor: &RemoteActor) -> Option<ActorUrl> {
    let url: ActorUrl = url?.as_str()?.parse().ok()?;
    rosehip_core::federation::same_origin(&url, &actor.id).then_some(url)
}
