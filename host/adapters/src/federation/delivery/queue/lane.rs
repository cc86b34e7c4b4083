//! The lane of one peer: what waits for it, line by line, and whether it answers.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};
use rosehip_core::{effect::Failure, ids::DeliveryId, time::Timestamp};

use super::{DeliveryLimits, Heard};
use crate::views::{AboutKey, DeliveryPlace};

/// A delivery that waits. There may be a hundred thousand of them: what it is and where it goes is read from the views
/// once it is its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::federation::delivery) struct Waiting {
    /// The delivery.
    pub delivery: DeliveryId,
    /// `seq` of the last entry about it: the views must hold that one before they are asked.
    pub changed: u64,
    /// Since this entry it has waited for its peer to answer: it was enqueued, redriven or rejected then.
    pub since: u64,
    /// Not before this moment.
    pub not_before: Timestamp,
    /// How its last attempt failed, since it was enqueued or redriven.
    pub failure: Option<Failure>,
}

/// Where a delivery stands in its lane: its line, and its place in there.
pub(in crate::federation::delivery) type Stand = (AboutKey, DeliveryPlace);

/// Deliveries of different lines by which a silent peer is asked once each, before one of them is attempted again.
const OTHERS_FIRST: usize = 8;

/// What a delivery has told of a peer's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::federation::delivery) struct Asked {
    /// Entry of its first failure in this silence: what was enqueued before it goes with it in the end.
    pub since: u64,
    /// Its failures in this silence.
    pub failures: u32,
}

/// A peer that gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Silence {
    /// The deliveries by which it was asked.
    asked: HashMap<Stand, Asked>,
    /// The last of them.
    probe: Option<Stand>,
    /// It is not asked again before this moment.
    next_at: Option<Timestamp>,
}

impl Silence {
    /// Whether it is asked next by a delivery that has not failed in it. Where the first few have failed as well, every
    /// second turn is that of the one that was attempted most often, so that its schedule comes to an end.
    fn is_turn_of_others(&self) -> bool {
        let last = self.probe.and_then(|probe| self.asked.get(&probe));
        self.asked.len() < OTHERS_FIRST || last.is_none_or(|asked| asked.failures > 1)
    }
}

/// The delivery of a line that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moving {
    place: DeliveryPlace,
    /// How many answers the peer had given when the attempt began.
    answers: u64,
    /// How it waits once the attempt is released: it was redriven before that was.
    redriven: Option<Waiting>,
}

/// Why there is nothing to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNow {
    /// Not before this moment.
    Until(Timestamp),
    /// Not before something happens.
    Idle,
}

pub(super) struct Lane {
    waiting: BTreeMap<Stand, Waiting>,
    /// The first of each line of which none is under way, where it may leave.
    ready: BTreeMap<DeliveryPlace, AboutKey>,
    /// The others of those, by when they may.
    sleeping: BTreeSet<(Timestamp, DeliveryPlace, AboutKey)>,
    /// Lines of which one is under way, and which.
    moving: HashMap<AboutKey, Moving>,
    /// Answers that were heard.
    answers: u64,
    /// How many may be under way at a time: one at first and after each silence, twice as many after each answer.
    width: usize,
    /// Whether it has answered since this process began, or since it was last silent.
    pub(super) is_proven: bool,
    silence: Option<Silence>,
    paused_until: Option<Timestamp>,
    rate: DefaultDirectRateLimiter,
    /// Whether the queue will look at it.
    pub(super) is_listed: bool,
}

impl Lane {
    pub(super) fn new(limits: &DeliveryLimits) -> Self {
        Self {
            waiting: BTreeMap::new(),
            ready: BTreeMap::new(),
            sleeping: BTreeSet::new(),
            moving: HashMap::new(),
            answers: 0,
            width: 1,
            is_proven: false,
            silence: None,
            paused_until: None,
            rate: RateLimiter::direct(Quota::per_second(limits.per_second)),
            is_listed: false,
        }
    }

    /// Whether nothing is known of the peer that would have to be kept.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.silence.is_none() && self.paused_until.is_none()
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silence.is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn under_way(&self) -> usize {
        self.moving.len()
    }

    fn first(&self, about: AboutKey) -> Option<(Stand, Waiting)> {
        let line = (about, DeliveryPlace::from_u64(0))..=(about, DeliveryPlace::from_u64(u64::MAX));
        self.waiting.range(line).next().map(|(stand, waiting)| (*stand, *waiting))
    }

    /// Changes a line, and then looks at what is its first.
    fn change(&mut self, about: AboutKey, change: impl FnOnce(&mut BTreeMap<Stand, Waiting>)) {
        if let Some(((_, place), waiting)) = self.first(about) {
            self.ready.remove(&place);
            self.sleeping.remove(&(waiting.not_before, place, about));
        }
        change(&mut self.waiting);
        let Some(((_, place), waiting)) = self.first(about).filter(|_| !self.moving.contains_key(&about)) else {
            return;
        };
        if waiting.not_before == Timestamp::default() {
            self.ready.insert(place, about);
        } else {
            self.sleeping.insert((waiting.not_before, place, about));
        }
    }

    /// Puts a delivery into its line; one that is there already stays as it is. Says whether it was put there. One that is
    /// under way and has changed since is put there when its attempt is released.
    pub(super) fn insert(&mut self, stand: Stand, waiting: Waiting) -> bool {
        if let Some(there) = self.waiting.get(&stand) {
            let moving = self.moving.get_mut(&stand.0).filter(|moving| moving.place == stand.1);
            if let Some(moving) = moving.filter(|_| there.changed < waiting.changed) {
                moving.redriven = Some(waiting);
            }
            return false;
        }
        self.change(stand.0, |all| {
            all.insert(stand, waiting);
        });
        true
    }

    /// Takes the peer for one that gives no answer, with the deliveries by which it was asked.
    pub(super) fn was_silent(&mut self, asked: HashMap<Stand, Asked>) {
        let due = asked.keys().filter_map(|stand| self.waiting.get(stand)).map(|waiting| waiting.not_before);
        self.silence = Some(Silence { next_at: due.min(), probe: None, asked });
    }

    /// Has a peer that gives no answer asked again at once.
    pub(super) fn hurry(&mut self) {
        if let Some(mut silence) = self.silence.take() {
            silence.next_at = None;
            self.wake(silence.asked.keys().copied().collect());
            self.silence = Some(silence);
        }
    }

    /// Lets everything leave that waits, whatever is known of the peer.
    pub(super) fn let_go(&mut self) {
        (self.silence, self.paused_until) = (None, None);
        let sleeping = self.waiting.iter().filter(|(_, waiting)| waiting.not_before != Timestamp::default());
        self.wake(sleeping.map(|(stand, _)| *stand).collect());
    }

    /// Lets these sleep no longer, nor those of them that are to sleep once they are the first of their line.
    fn wake(&mut self, stands: Vec<Stand>) {
        for stand in stands {
            self.change(stand.0, |all| {
                if let Some(waiting) = all.get_mut(&stand) {
                    waiting.not_before = Timestamp::default();
                }
            });
        }
    }

    /// The next delivery to attempt, which is under way from now on.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(Stand, Waiting), NotNow> {
        while let Some((due, place, about)) = self.sleeping.first().copied().filter(|(due, ..)| *due <= now) {
            self.sleeping.remove(&(due, place, about));
            if let Some(waiting) = self.waiting.get_mut(&(about, place)) {
                waiting.not_before = Timestamp::default();
            }
            self.ready.insert(place, about);
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(NotNow::Until(until));
        }
        self.paused_until = None;
        let width = if self.silence.is_some() { 1 } else { self.width };
        if self.moving.len() >= width {
            return Err(NotNow::Idle);
        }
        let stand = self.next(now)?;
        if let Err(not_until) = self.rate.check() {
            let wait = not_until.wait_time_from(self.rate.clock().now()).as_millis();
            return Err(NotNow::Until(now.plus_millis(u64::try_from(wait).unwrap_or(1_000).max(1))));
        }
        let waiting = self.waiting.get(&stand).copied().ok_or(NotNow::Idle)?;
        self.ready.remove(&stand.1);
        self.moving.insert(stand.0, Moving { place: stand.1, answers: self.answers, redriven: None });
        if let Some(silence) = &mut self.silence {
            silence.probe = Some(stand);
        }
        Ok((stand, waiting))
    }

    /// Which is next: of a peer that gives no answer the one by which it is asked.
    fn next(&self, now: Timestamp) -> Result<Stand, NotNow> {
        let next = match &self.silence {
            None => self.ready.first_key_value().map(|(place, about)| (*about, *place)),
            Some(silence) => {
                if let Some(until) = silence.next_at.filter(|until| *until > now) {
                    return Err(NotNow::Until(until));
                }
                self.probe(silence).filter(|(_, place)| self.ready.contains_key(place))
            }
        };
        next.ok_or_else(|| self.sleeping.first().map_or(NotNow::Idle, |(due, ..)| NotNow::Until(*due)))
    }

    /// By which delivery a peer that gives no answer is asked next, though perhaps not yet. One that fails may do so
    /// because of its own inbox: others are asked too.
    fn probe(&self, silence: &Silence) -> Option<Stand> {
        let other = || {
            let mut ready = self.ready.iter().map(|(place, about)| (*about, *place));
            ready.find(|stand| !silence.asked.contains_key(stand))
        };
        let again = || {
            let is_first = |stand: &Stand| self.first(stand.0).is_some_and(|(first, _)| first == *stand);
            let asked = silence.asked.iter().filter(|(stand, _)| is_first(stand));
            asked.max_by_key(|(stand, asked)| (asked.failures, Reverse(stand.1))).map(|(stand, _)| *stand)
        };
        if silence.is_turn_of_others() { other().or_else(again) } else { again().or_else(other) }
    }

    /// The attempt of a delivery has ended: it waits again as it is put back, or is gone. Says how it waits now, and which
    /// others are given up with it.
    pub(super) fn release(
        &mut self,
        stand: Stand,
        again: Option<Waiting>,
        heard: Heard,
        limits: &DeliveryLimits,
    ) -> (Option<Waiting>, Vec<Waiting>) {
        let moved = self.moving.remove(&stand.0);
        let redriven = moved.and_then(|moving| moving.redriven);
        let waits = again.into_iter().chain(redriven).max_by_key(|waiting| waiting.changed);
        self.change(stand.0, |all| {
            all.remove(&stand);
            all.extend(waits.map(|waiting| (stand, waiting)));
        });
        let is_unheard = moved.is_some_and(|moving| moving.answers == self.answers);
        let given_up = match heard {
            Heard::Answer { pause } => {
                self.is_proven = true;
                self.answers += 1;
                self.width = (self.width * 2).min(limits.concurrency.max(1));
                self.paused_until = self.paused_until.max(pause);
                if let Some(silence) = self.silence.take() {
                    self.wake(silence.asked.into_keys().collect());
                }
                Vec::new()
            }
            // Where the peer answers others, now or since this failed before, it is this one's own failure.
            Heard::Silence { failures, .. } if !is_unheard || (self.silence.is_none() && failures > 1) => Vec::new(),
            Heard::Silence { seq, failures } => {
                self.fall_silent(stand, again.map(|waiting| waiting.not_before), (seq, failures))
            }
            Heard::Nothing => Vec::new(),
        };
        (waits, given_up)
    }

    /// A delivery got no answer: it is due again, or that was the last time.
    fn fall_silent(&mut self, stand: Stand, due: Option<Timestamp>, (seq, failures): (u64, u32)) -> Vec<Waiting> {
        (self.width, self.is_proven) = (1, false);
        let silence = self.silence.get_or_insert_default();
        let is_probe = *silence.probe.get_or_insert(stand) == stand;
        let asked = silence.asked.entry(stand).or_insert(Asked { since: seq, failures: 0 });
        asked.failures += 1;
        let asked = *asked;
        if due.is_some() {
            if is_probe {
                silence.next_at = due;
            }
            return Vec::new();
        }
        silence.asked.remove(&stand);
        // One that failed before this silence as well has not seen a whole schedule of it.
        if asked.failures < failures { Vec::new() } else { self.give_up(asked.since) }
    }

    /// Takes out all that has waited since before entry `since` and is not under way.
    fn give_up(&mut self, since: u64) -> Vec<Waiting> {
        let has_waited = |(about, place): &Stand, waiting: &Waiting| {
            waiting.since < since && self.moving.get(about).is_none_or(|moving| moving.place != *place)
        };
        let stands: Vec<Stand> = self
            .waiting
            .iter()
            .filter(|(stand, waiting)| has_waited(stand, waiting))
            .map(|(stand, _)| *stand)
            .collect();
        let mut given_up = Vec::with_capacity(stands.len());
        for stand in stands {
            self.change(stand.0, |all| given_up.extend(all.remove(&stand)));
            if let Some(silence) = &mut self.silence {
                silence.asked.remove(&stand);
            }
        }
        given_up
    }
}
