//! The queue: which delivery is attempted when. It is in memory alone; what is open is put into it again at a start.
//!
//! A lane for each peer, in it a line for each thing that deliveries are about. Of a line one is under way at a time, in
//! the order in which they were enqueued. A peer has a bounded number under way, begins with one, and is begun at a
//! bounded rate; all peers together have a bounded number, of which half are for those that are known to answer.
//!
//! A peer that gives no answer is asked by one delivery at a time, and the others wait. A failed one says when it is asked
//! again, and then another line has its turn: it may be one inbox that hangs. Where eight have failed, every second turn is
//! that of the one that was attempted most often. When the peer answers, all go on. When a delivery is given up of which
//! every failure was in this silence, those that were enqueued before the first of them have waited as long, and are given
//! up with it. So nothing is given up before its peer was out of reach for a whole schedule while it waited.
//!
//! A delivery that gets no answer while others do, or has failed so before the last one came, fails alone: it is tried
//! again by its own schedule, and its peer is not taken for silent.
//!
//! The lanes of the engine (`engine/lanes`) keep the ticket of each effect, about a kilobyte, and know neither silence nor
//! a bound over all lanes; of a delivery this keeps some 130 bytes and reads the rest when it is its turn.

mod lane;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    num::NonZeroU32,
};

use rosehip_core::{federation::Peer, time::Timestamp};

pub(super) use self::lane::{Asked, Stand, Waiting};
use self::lane::{Lane, NotNow};

/// Lanes that are kept although nothing is in them, for what they know of their peer.
const IDLE_LANES: usize = 1_000;

/// Peers that something waits for, up to which a connection is kept for what comes next. Of more peers each has its turn so
/// rarely that keeping all connections would cost more than making them.
const KEPT_CONNECTIONS: usize = 256;

/// What other hosts and this one are spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// Attempts to one host that may be under way at a time.
    pub concurrency: usize,
    /// Attempts to all hosts that may be under way at a time.
    pub in_all: usize,
    /// Attempts to one host that may begin in a second.
    pub per_second: NonZeroU32,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        let per_second = NonZeroU32::new(100).expect("a hundred is more than none");
        Self { concurrency: 8, in_all: rosehip_core::limits::DELIVERIES_UNDER_WAY, per_second }
    }
}

/// A delivery that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub peer: Peer,
    pub stand: Stand,
    pub waiting: Waiting,
    /// Whether more is to follow soon, for which the connection is kept.
    pub keeps_connection: bool,
}

/// What an attempt told of its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answered, and perhaps asked to be left alone until a moment.
    Answer {
        /// That moment.
        pause: Option<Timestamp>,
    },
    /// It gave no answer, as this entry says.
    Silence {
        /// The entry.
        seq: u64,
        /// How often this delivery got none so far, since it was enqueued or redriven.
        failures: u32,
    },
    /// It was not asked.
    Nothing,
}

/// How much is in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLengths {
    /// Deliveries that wait or are under way.
    pub queued: usize,
    /// Those of them whose last attempt failed.
    pub retrying: usize,
    /// Those of them that are under way.
    pub under_way: usize,
    /// Peers that give no answer.
    pub unreachable: usize,
}

pub(super) struct Queue {
    lanes: HashMap<Peer, Lane>,
    /// Lanes to look at, in turns: those of peers that are known to answer, and the others.
    turns: [VecDeque<Peer>; 2],
    /// Which of both is next.
    turn: usize,
    /// Lanes to look at later.
    later: BTreeSet<(Timestamp, Peer)>,
    limits: DeliveryLimits,
    under_way: usize,
    /// Those of them whose peer is not known to answer; counted when they are taken.
    doubtful: HashSet<(Peer, Stand)>,
    queued: usize,
    retrying: usize,
}

impl Queue {
    pub(super) fn new(limits: DeliveryLimits) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: Default::default(),
            turn: 0,
            later: BTreeSet::new(),
            limits,
            under_way: 0,
            doubtful: HashSet::new(),
            queued: 0,
            retrying: 0,
        }
    }

    /// Puts a delivery into its line. One that is there already stays as it is; where it is under way and has changed
    /// since, it waits anew when its attempt is released.
    pub(super) fn insert(&mut self, peer: &Peer, stand: Stand, waiting: Waiting) {
        if self.lane(peer).insert(stand, waiting) {
            self.queued += 1;
            self.retrying += usize::from(waiting.failure.is_some());
        }
        self.list(peer);
    }

    /// Takes a peer for one that gives no answer, with the deliveries by which it was asked.
    pub(super) fn was_silent(&mut self, peer: &Peer, asked: HashMap<Stand, Asked>) {
        self.lane(peer).was_silent(asked);
    }

    /// Has a peer that gives no answer asked again at once.
    pub(super) fn hurry(&mut self, peer: &Peer) {
        if let Some(lane) = self.lanes.get_mut(peer) {
            lane.hurry();
            self.list(peer);
        }
    }

    /// Lets everything leave that waits for a peer, whatever is known of it.
    pub(super) fn let_go(&mut self, peer: &Peer) {
        if let Some(lane) = self.lanes.get_mut(peer) {
            lane.let_go();
            self.list(peer);
        }
    }

    /// The deliveries whose attempts begin now, and when to ask again at the latest if nothing happens.
    pub(super) fn take(&mut self, now: Timestamp) -> (Vec<Taken>, Option<Timestamp>) {
        while let Some((due, peer)) = self.later.first().cloned().filter(|(due, _)| *due <= now) {
            self.later.remove(&(due, peer.clone()));
            self.list(&peer);
        }
        let mut taken = Vec::new();
        let is_few = self.turns.iter().map(VecDeque::len).sum::<usize>() <= KEPT_CONNECTIONS;
        while self.under_way < self.limits.in_all
            && let Some((peer, is_proven)) = self.next_turn()
        {
            let Some(lane) = self.lanes.get_mut(&peer) else { continue };
            if lane.is_proven != is_proven {
                self.turns[usize::from(!lane.is_proven)].push_back(peer);
                continue;
            }
            match lane.take(now) {
                Ok((stand, waiting)) => {
                    if !is_proven {
                        self.doubtful.insert((peer.clone(), stand));
                    }
                    self.under_way += 1;
                    let keeps_connection = is_few && lane.len() > 1;
                    taken.push(Taken { peer: peer.clone(), stand, waiting, keeps_connection });
                    self.turns[usize::from(!is_proven)].push_back(peer);
                }
                Err(not_now) => {
                    lane.is_listed = false;
                    if let NotNow::Until(due) = not_now {
                        self.later.insert((due, peer));
                    }
                }
            }
        }
        (taken, self.later.first().map(|(due, _)| *due))
    }

    /// Whose turn it is, and whether the peer was known to answer when it was listed.
    fn next_turn(&mut self) -> Option<(Peer, bool)> {
        let may_doubt = self.doubtful.len() < self.limits.in_all.div_ceil(2);
        let [proven, doubtful] = &mut self.turns;
        self.turn = 1 - self.turn;
        let mut of_proven = || proven.pop_front().map(|peer| (peer, true));
        let mut of_doubtful = || may_doubt.then(|| doubtful.pop_front()).flatten().map(|peer| (peer, false));
        match self.turn {
            0 => of_proven().or_else(of_doubtful),
            _ => of_doubtful().or_else(of_proven),
        }
    }

    /// The attempt of a delivery that was taken has ended: it waits again as it is put back, or is gone. Those that are
    /// given up with it are returned, and are gone as well.
    pub(super) fn release(&mut self, taken: &Taken, again: Option<Waiting>, heard: Heard) -> Vec<Waiting> {
        self.under_way -= 1;
        self.doubtful.remove(&(taken.peer.clone(), taken.stand));
        let limits = self.limits;
        let Some(lane) = self.lanes.get_mut(&taken.peer) else { return Vec::new() };
        let (waits, given_up) = lane.release(taken.stand, again, heard, &limits);
        let has_failed = |waiting: &Waiting| usize::from(waiting.failure.is_some());
        self.queued -= usize::from(waits.is_none()) + given_up.len();
        self.retrying -= has_failed(&taken.waiting) + given_up.iter().map(has_failed).sum::<usize>();
        self.retrying += waits.as_ref().map_or(0, has_failed);
        let is_idle = lane.is_idle();
        self.list(&taken.peer);
        if is_idle && self.lanes.len() > IDLE_LANES {
            self.lanes.remove(&taken.peer);
        }
        given_up
    }

    pub(super) fn lengths(&self) -> QueueLengths {
        QueueLengths {
            queued: self.queued,
            retrying: self.retrying,
            under_way: self.under_way,
            unreachable: self.lanes.values().filter(|lane| lane.is_silent()).count(),
        }
    }

    fn lane(&mut self, peer: &Peer) -> &mut Lane {
        if !self.lanes.contains_key(peer) {
            self.lanes.insert(peer.clone(), Lane::new(&self.limits));
        }
        self.lanes.get_mut(peer).expect("it was put there if it was missing")
    }

    /// Has a lane looked at by the next [`Self::take`].
    fn list(&mut self, peer: &Peer) {
        let Some(lane) = self.lanes.get_mut(peer).filter(|lane| !lane.is_listed && lane.len() > lane.under_way())
        else {
            return;
        };
        lane.is_listed = true;
        self.turns[usize::from(!lane.is_proven)].push_back(peer.clone());
    }
}
