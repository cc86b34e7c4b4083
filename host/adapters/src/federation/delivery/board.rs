//! What commits and tasks of delivery both touch: the queue, who is blocked, who is followed, what is to be addressed.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use rosehip_core::{
    activity::Activity,
    effect::Failure,
    event::{DeliveryEnqueued, Event, Record},
    federation::Peer,
    ids::{ActorName, BoxName},
    log::Entry,
    pipeline::address::needs_addressing,
};
use tokio::sync::{
    Notify,
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{
    fresh,
    planner::Unaddressed,
    queue::{Asked, DeliveryLimits, Queue, Stand, Waiting},
};
use crate::views::{AboutKey, DeliveryPlace, OpenDelivery, ViewError, ViewReader};

pub(super) struct Board {
    queue: Mutex<Queue>,
    blocked: RwLock<HashSet<Peer>>,
    /// Actors of this host whom anybody has asked to follow, ever: publishing costs nothing where nobody does.
    followed: RwLock<HashSet<ActorName>>,
    unaddressed: UnboundedSender<Unaddressed>,
    /// Told when there may be something to take from the queue.
    pub(super) has_more: Notify,
}

impl Board {
    pub(super) fn new(limits: DeliveryLimits) -> (Self, UnboundedReceiver<Unaddressed>) {
        let (unaddressed, receiver) = unbounded_channel();
        let board = Self {
            queue: Mutex::new(Queue::new(limits)),
            blocked: RwLock::default(),
            followed: RwLock::default(),
            unaddressed,
            has_more: Notify::new(),
        };
        (board, receiver)
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_blocked(&self, peer: &Peer) -> bool {
        let blocked = self.blocked.read().unwrap_or_else(PoisonError::into_inner);
        !blocked.is_empty() && peer.domains().any(|domain| blocked.contains(&domain))
    }

    pub(super) fn blocked_peers(&self) -> HashSet<Peer> {
        self.blocked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fills it with what the views hold.
    pub(super) fn hydrate(&self, views: &ViewReader) -> Result<(), ViewError> {
        self.blocked.write().unwrap_or_else(PoisonError::into_inner).extend(views.blocked_peers()?);
        self.followed.write().unwrap_or_else(PoisonError::into_inner).extend(views.followed_actors()?);
        let silent: HashSet<Peer> = views.unreachable_peers()?.into_iter().collect();
        let mut asked: HashMap<Peer, HashMap<Stand, Asked>> = HashMap::new();
        let mut queue = self.queue();
        views.open_deliveries(|open| {
            let stand = (open.about, open.place);
            if let Some(since) = open.silent_since.filter(|_| silent.contains(&open.peer)) {
                // Between failures of which its peer answered some it was not silent all the time.
                let failures = if open.rejected == 0 { open.unreachable } else { 0 };
                asked.entry(open.peer.clone()).or_default().insert(stand, Asked { since, failures });
            }
            queue.insert(&open.peer, stand, waiting(&open));
        })?;
        for peer in silent {
            queue.was_silent(&peer, asked.remove(&peer).unwrap_or_default());
        }
        Ok(())
    }

    /// Takes in a commit, on the writer's thread.
    pub(super) fn observe(&self, entries: &[Entry]) {
        for entry in entries {
            if !matches!(&*entry.header.kind, "activity.appended" | "delivery.enqueued" | "peer.blocked") {
                continue;
            }
            match Record::of(entry).map(|record| record.event) {
                Ok(Some(event)) => self.take_in(entry.header.seq, &event),
                Ok(None) => {}
                Err(error) => tracing::error!(seq = entry.header.seq, %error, "delivery did not take in an entry"),
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "only these are asked for")]
    fn take_in(&self, seq: u64, event: &Event) {
        match event {
            Event::ActivityAppended(appended) => self.appended(seq, &appended.activity),
            Event::DeliveryEnqueued(enqueued) => self.enqueued(seq, enqueued),
            Event::PeerBlocked(blocked) => {
                let mut all = self.blocked.write().unwrap_or_else(PoisonError::into_inner);
                if blocked.is_blocked {
                    all.insert(blocked.peer.clone());
                } else {
                    all.remove(&blocked.peer);
                }
                drop(all);
                // What waits for it is given up as its turns come.
                self.queue().let_go(&blocked.peer);
                self.has_more.notify_one();
            }
            _ => {}
        }
    }

    fn appended(&self, seq: u64, activity: &Arc<Activity>) {
        if activity.r#box == BoxName::Inbox && activity.kind.as_str() == "Follow" {
            self.followed.write().unwrap_or_else(PoisonError::into_inner).insert(activity.owner.clone());
        }
        let is_followed = || self.followed.read().unwrap_or_else(PoisonError::into_inner).contains(&activity.owner);
        if needs_addressing(activity, is_followed) {
            // Without a host that runs nobody addresses it; the next start finds it.
            let _ = self.unaddressed.send(Unaddressed { seq, activity: Arc::clone(activity) });
        }
    }

    fn enqueued(&self, seq: u64, enqueued: &DeliveryEnqueued) {
        let about = AboutKey::of(&enqueued.about);
        let mut queue = self.queue();
        for (index, target) in (0..).zip(&enqueued.targets) {
            let stand = (about, DeliveryPlace::new(seq, index));
            queue.insert(&target.peer, stand, fresh(target.delivery, seq));
        }
        drop(queue);
        self.has_more.notify_one();
    }
}

fn waiting(open: &OpenDelivery) -> Waiting {
    let failure = if open.unreachable > 0 { Failure::Unreachable } else { Failure::Rejected };
    Waiting {
        delivery: open.delivery,
        changed: open.changed,
        // Of one that failed, the views do not tell when it was redriven. That was before its first failure since: it may be
        // given up later than it could be, and never sooner.
        since: open.silent_since.unwrap_or(open.changed),
        not_before: open.next_at.unwrap_or_default(),
        failure: open.next_at.map(|_| failure),
    }
}
