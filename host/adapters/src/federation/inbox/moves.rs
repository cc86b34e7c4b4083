//! Following those who move: a `Move` that came is asked about at the new address, and what follows from it is appended.
//!
//! A `Move` that was recorded and not carried out is found in the views: its actor is followed still. So what a crash cut short
//! goes on at the next start, and what is said has ids of its own and is said once.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use rosehip_core::{
    activity::id_of,
    event::{Event, Record},
    federation::{ActorUrl, Peer},
    follows::{Follow, FollowState, Side},
    log::Append,
    pipeline::moving::{Barrier, Moving, NotMoved},
    ports::{LogReader, StoreError},
};
use tokio::{sync::mpsc, task::JoinSet};

use super::{Inbox, Moved};
use crate::{clock::SystemClock, federation::FetchError, views::ViewError, writer::AppendError};

/// Moves that a start looks at.
const AT_START: usize = 1_000;
/// Moves that are carried out, or wait to be tried again, at a time.
const UNDER_WAY: usize = 64;
/// How long after a failure the new address is asked again.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(30), Duration::from_mins(5), Duration::from_hours(1)];

/// Why somebody who moved was not followed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The new address cannot be asked.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not the same actor, or not to be followed.
    #[error(transparent)]
    NotMoved(#[from] NotMoved),
    /// It could not be made durable.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The views cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl MoveError {
    /// Whether it may be otherwise later.
    fn may_pass(&self) -> bool {
        match self {
            Self::Fetch(error) => matches!(error, FetchError::Unreachable(_) | FetchError::Busy(_)),
            Self::Append(_) | Self::Store(_) | Self::View(_) => true,
            Self::NotMoved(_) => false,
        }
    }
}

/// Carries out moves, for as long as there is an inbox that they come to.
#[derive(Clone)]
pub struct Moves {
    inbox: Weak<Inbox>,
}

impl Moves {
    /// The moves that come to an inbox.
    pub fn of(inbox: &Arc<Inbox>) -> Self {
        Self { inbox: Arc::downgrade(inbox) }
    }

    /// Carries out these moves and those that come, until nobody is left to say so.
    pub async fn run(self, ahead: Vec<Moved>, mut come: mpsc::UnboundedReceiver<Moved>) {
        let mut asking = JoinSet::new();
        for moved in ahead {
            self.spawn(&mut asking, moved).await;
        }
        while let Some(moved) = come.recv().await {
            self.spawn(&mut asking, moved).await;
        }
    }

    async fn spawn(&self, asking: &mut JoinSet<()>, moved: Moved) {
        // A host that does not answer holds up no other's moves: those that wait for another try take a place, and no more
        // than so many do.
        while asking.len() >= UNDER_WAY {
            drop(asking.join_next().await);
        }
        let moves = self.clone();
        asking.spawn(async move {
            let Moved { owner, from, to, .. } = &moved;
            for wait in AGAIN_AFTER.into_iter().map(Some).chain([None]) {
                let Some(inbox) = moves.inbox.upgrade() else { return };
                let done = inbox.carry_out(&moved).await;
                drop(inbox);
                match (done, wait) {
                    (Ok(()), _) => return,
                    (Err(error), Some(wait)) if error.may_pass() => {
                        tracing::info!(%owner, %from, %to, %error, "somebody who moved is asked for again later");
                        tokio::time::sleep(wait).await;
                    }
                    (Err(error), _) => {
                        tracing::warn!(%owner, %from, %to, %error, "somebody who moved is not followed there");
                        return;
                    }
                }
            }
        });
    }
}

impl Inbox {
    /// Moves that were recorded before this process began, of those who are followed still.
    pub fn moves_ahead(&self) -> Result<Vec<Moved>, MoveError> {
        let places = self.parts.views.with(|views| views.moves_ahead(AT_START))?;
        let mut moves = Vec::new();
        for (owner, seq) in places {
            let event = self.parts.log.with::<_, StoreError>(|log| {
                let entries = log.read(seq, 1)?;
                let record = entries.first().filter(|entry| entry.header.seq == seq).map(Record::read).transpose();
                Ok(record.map_err(|error| StoreError::Unreadable(error.to_string()))?.and_then(|record| record.event))
            })?;
            let Some(Event::ActivityAppended(appended)) = event.as_deref() else { continue };
            let url = |member: &str| {
                let url = appended.activity.document.get(member).and_then(id_of);
                url.and_then(|url| url.parse::<ActorUrl>().ok())
            };
            if let (Some(from), Some(to)) = (url("actor"), url("target")) {
                moves.push(Moved { owner, from, to, activity: appended.activity.id.clone() });
            }
        }
        Ok(moves)
    }

    /// Has the owner follow where its target has moved to, if the target says so as well.
    async fn carry_out(&self, moved: &Moved) -> Result<(), MoveError> {
        let Moved { owner, from, to, activity } = moved;
        if self.followed(moved).await?.is_none() {
            return Ok(());
        }
        let (actor, document) = self.parts.directory.document_of(to).await?;
        let Some(follow) = self.followed(moved).await? else { return Ok(()) };
        let now = SystemClock::now();
        let known = self.parts.views.with::<_, ViewError>(|views| {
            let peers: Vec<Peer> = views.blocked_peers()?;
            let is_peer_blocked = to.host().domains().any(|domain| peers.contains(&domain));
            let barrier = match is_peer_blocked || views.blocks(owner, to.as_str())? {
                true => Some(Barrier::Blocked),
                false => views.has_moved(owner, to.as_str())?.then_some(Barrier::Moved),
            };
            Ok(NewAddress {
                is_known: views.remote_actor(to)?.as_ref() == Some(&*actor),
                is_followed: views.follow(owner, Side::Following, to.as_str())?.is_some(),
                barrier,
            })
        })?;
        let moving = Moving {
            base_url: &self.parts.base_url,
            owner,
            moved: activity,
            from,
            follow: &follow,
            to: &actor,
            document: &document,
            is_known: known.is_known,
            is_followed: known.is_followed,
            barrier: known.barrier,
            signatures: &*self.parts.keyring,
            now,
        };
        let drafts = moving.follow_on()?.into_iter().map(|event| event.draft(now)).collect();
        match self.parts.writer.append(Append::unconditional(drafts)).await {
            // It was said already.
            Ok(_) | Err(AppendError::Duplicate { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// By what the old address is followed, where it is.
    async fn followed(&self, moved: &Moved) -> Result<Option<Follow>, MoveError> {
        self.parts.position.reached(self.parts.writer.committed()).await?;
        let follow = self.parts.views.with(|views| views.follow(&moved.owner, Side::Following, moved.from.as_str()))?;
        Ok(follow.filter(|follow| follow.state == FollowState::Accepted))
    }
}

/// What the views say of the new address.
struct NewAddress {
    is_known: bool,
    is_followed: bool,
    barrier: Option<Barrier>,
}
