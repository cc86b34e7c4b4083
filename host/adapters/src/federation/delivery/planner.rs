//! The task that finds out whom activities go to.
//!
//! It reads activities of outboxes, and who follows, and appends `delivery.enqueued`, once for each activity, in the order
//! of the log. Actors of this host get theirs before that entry says that it is settled.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use rosehip_core::{
    activity::Activity,
    event::Event,
    federation::Peer,
    ids::ActorName,
    pipeline::address::{self, Addressed, Addressing, Inboxes},
};
use tokio::sync::{mpsc::UnboundedReceiver, watch};

use super::{DeliveryError, Shared};
use crate::{
    clock::SystemClock,
    views::{ViewError, ViewReader},
    writer::AppendError,
};

/// How long activities that could not be addressed wait to be tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Activities that are looked at together at most.
const BATCH: usize = 100;
/// Targets from which on what was found is appended, before more is.
const TARGETS_AN_APPEND: usize = 5_000;

/// An activity of an outbox that goes to others.
#[derive(Debug, Clone)]
pub(super) struct Unaddressed {
    /// `seq` of its entry.
    pub seq: u64,
    /// The activity.
    pub activity: Arc<Activity>,
}

/// Followers with their inboxes, by whom they follow.
type Followers = HashMap<ActorName, Vec<(String, Option<Inboxes>)>>;

/// Addresses what the log has left, and then what comes, until it is told to stop.
pub(super) async fn run(
    shared: Arc<Shared>,
    backlog: Vec<u64>,
    mut new: UnboundedReceiver<Unaddressed>,
    mut stopping: watch::Receiver<bool>,
) {
    let known = backlog.last().copied().unwrap_or(0);
    for seqs in backlog.chunks(BATCH) {
        let batch = shared.unaddressed(seqs);
        shared.settle(batch, &stopping).await;
    }
    while !*stopping.borrow() {
        let mut batch = Vec::new();
        tokio::select! {
            count = new.recv_many(&mut batch, BATCH) => if count == 0 { return },
            _ = stopping.changed() => return,
        }
        batch.retain(|unaddressed| unaddressed.seq > known);
        shared.settle(batch, &stopping).await;
    }
}

impl Shared {
    /// The activities at these entries that were not erased.
    fn unaddressed(&self, seqs: &[u64]) -> Vec<Unaddressed> {
        let read = |seq: &u64| match self.activity(*seq) {
            Ok(activity) => activity.map(|activity| Unaddressed { seq: *seq, activity }),
            Err(error) => {
                tracing::error!(seq, %error, "whom an activity goes to is found out at the next start");
                None
            }
        };
        seqs.iter().filter_map(read).collect()
    }

    /// Addresses activities, however often it has to try.
    async fn settle(self: &Arc<Self>, batch: Vec<Unaddressed>, stopping: &watch::Receiver<bool>) {
        let mut left: &[Unaddressed] = &batch;
        while !left.is_empty() && !*stopping.borrow() {
            match self.address(left).await {
                Ok(settled) => left = &left[settled..],
                Err(DeliveryError::Append(AppendError::Stopped)) => return,
                Err(error) => {
                    tracing::warn!(%error, "activities are addressed in a second");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    /// Addresses the first of these activities, and says how many.
    async fn address(self: &Arc<Self>, batch: &[Unaddressed]) -> Result<usize, DeliveryError> {
        let last = batch.iter().map(|unaddressed| unaddressed.seq).max().unwrap_or(0);
        self.links.position.reached(last).await?;
        let (shared, wanted) = (Arc::clone(self), batch.to_vec());
        let found = tokio::task::spawn_blocking(move || shared.find(&wanted)).await??;
        let mut events = Vec::with_capacity(found.len());
        let settled = found.len();
        for (unaddressed, addressed) in batch.iter().zip(found) {
            // It may have been erased while it waited here.
            let is_there = self.activity(unaddressed.seq)?.is_some();
            if is_there && !addressed.here.is_empty() {
                let arrived = self.links.arrivals.arrive(&unaddressed.activity, &addressed.here).await;
                arrived.map_err(DeliveryError::Arrival)?;
            }
            let targets = if is_there { addressed.targets } else { Vec::new() };
            let entries = address::enqueued(&unaddressed.activity, unaddressed.seq, targets);
            events.push(entries.into_iter().map(Event::from).collect::<Vec<_>>());
        }
        match self.enqueue(events.concat()).await {
            // One of them was settled before: each is tried alone.
            Err(AppendError::Duplicate { .. }) if settled > 1 => {
                for event in events {
                    match self.enqueue(event).await {
                        Ok(()) | Err(AppendError::Duplicate { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Ok(()) | Err(AppendError::Duplicate { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(settled)
    }

    async fn enqueue(&self, events: Vec<Event>) -> Result<(), AppendError> {
        let append = rosehip_core::event::append_of(SystemClock::now(), events);
        self.links.writer.append(append).await.map(drop)
    }

    /// Whom the first of these activities go to, until there are many targets.
    fn find(&self, batch: &[Unaddressed]) -> Result<Vec<Addressed>, DeliveryError> {
        let blocked_peers = self.board.blocked_peers();
        self.parts.views.with(|views| {
            let (mut followers, mut found, mut targets) = (Followers::new(), Vec::new(), 0);
            for Unaddressed { activity, .. } in batch {
                let addressed = self.whom(views, activity, &mut followers, &blocked_peers)?;
                targets += addressed.targets.len();
                found.push(addressed);
                if targets >= TARGETS_AN_APPEND {
                    break;
                }
            }
            Ok(found)
        })
    }

    fn whom(
        &self,
        views: &ViewReader,
        activity: &Activity,
        followers: &mut Followers,
        blocked_peers: &HashSet<Peer>,
    ) -> Result<Addressed, ViewError> {
        let owner = &activity.owner;
        if !followers.contains_key(owner) {
            followers.insert(owner.clone(), views.followers_with_inboxes(owner)?);
        }
        let known = views.inboxes_of(activity)?.into_iter().collect();
        let blocked = views.blocked_by(owner)?.into_iter().collect();
        Ok(address::address(
            activity,
            &Addressing {
                base_url: &self.parts.base_url,
                followers: followers.get(owner).map_or(&[], Vec::as_slice),
                known: &known,
                blocked: &blocked,
                blocked_peers,
            },
        ))
    }
}
