//! The lane of one peer: what waits for it, line by line, and whether it answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Not before this moment.
    pub not_before: Timestamp,
    /// How its last attempt failed, since it was enqueued or redriven.
    pub failure: Option<Failure>,
}

/// Where a delivery stands in its lane: its line, and its place in there.
pub(in crate::federation::delivery) type Stand = (AboutKey, DeliveryPlace);

/// A peer that gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Silence {
    /// The delivery by which it is asked; the first of all where it has none.
    probe: Option<Stand>,
    /// Entry of that delivery's first failure: what was enqueued before it goes with it in the end.
    since: Option<u64>,
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
    moving: HashMap<AboutKey, DeliveryPlace>,
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

    /// Puts a delivery into its line; one that is there already stays as it is. Says whether it was put there.
    pub(super) fn insert(&mut self, stand: Stand, waiting: Waiting) -> bool {
        if self.waiting.contains_key(&stand) {
            return false;
        }
        self.change(stand.0, |all| {
            all.insert(stand, waiting);
        });
        true
    }

    /// Takes the peer for one that gives no answer, with the delivery by which it was asked and its first failure's entry.
    pub(super) fn was_silent(&mut self, probe: Option<(Stand, u64)>) {
        self.silence = Some(Silence { probe: probe.map(|(stand, _)| stand), since: probe.map(|(_, since)| since) });
    }

    /// Has a peer that gives no answer asked again at once.
    pub(super) fn hurry(&mut self) {
        self.wake(|failure| failure == Some(Failure::Unreachable));
    }

    /// Lets everything leave that waits, whatever is known of the peer.
    pub(super) fn let_go(&mut self) {
        (self.silence, self.paused_until) = (None, None);
        self.wake(|_| true);
    }

    /// Lets those sleep no longer that do for this reason.
    fn wake(&mut self, which: impl Fn(Option<Failure>) -> bool) {
        for (_, place, about) in self.sleeping.clone() {
            self.change(about, |all| {
                if let Some(waiting) = all.get_mut(&(about, place)).filter(|waiting| which(waiting.failure)) {
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
        let stand = self.next()?;
        if let Err(not_until) = self.rate.check() {
            let wait = not_until.wait_time_from(self.rate.clock().now()).as_millis();
            return Err(NotNow::Until(now.plus_millis(u64::try_from(wait).unwrap_or(1_000).max(1))));
        }
        let waiting = self.waiting.get(&stand).copied().ok_or(NotNow::Idle)?;
        self.ready.remove(&stand.1);
        self.moving.insert(stand.0, stand.1);
        Ok((stand, waiting))
    }

    /// Which is next: of a peer that gives no answer only the one that asks for all.
    fn next(&mut self) -> Result<Stand, NotNow> {
        let sleeps = |lane: &Self| lane.sleeping.first().map_or(NotNow::Idle, |(due, ..)| NotNow::Until(*due));
        let Some(silence) = self.silence else {
            let first = self.ready.first_key_value().map(|(place, about)| (*about, *place));
            return first.ok_or_else(|| sleeps(self));
        };
        let of_probe = silence.probe.and_then(|(about, _)| self.first(about)).map(|(stand, _)| stand);
        let first = || {
            let ready = self.ready.first_key_value().map(|(place, about)| (*place, *about));
            let sleeping = self.sleeping.iter().map(|(_, place, about)| (*place, *about)).min();
            ready.into_iter().chain(sleeping).min().map(|(place, about)| (about, place))
        };
        let stand = of_probe.or_else(first).ok_or(NotNow::Idle)?;
        if silence.probe != Some(stand) {
            self.silence = Some(Silence { probe: Some(stand), since: None });
        }
        if self.ready.contains_key(&stand.1) {
            return Ok(stand);
        }
        let due = self.waiting.get(&stand).map(|waiting| waiting.not_before);
        Err(due.map_or(NotNow::Idle, NotNow::Until))
    }

    /// The attempt of a delivery has ended: it waits again as it is put back, or is gone. Says which others are given up
    /// with it.
    pub(super) fn release(
        &mut self,
        stand: Stand,
        again: Option<Waiting>,
        heard: Heard,
        limits: &DeliveryLimits,
    ) -> Vec<Waiting> {
        self.moving.remove(&stand.0);
        self.change(stand.0, |all| {
            all.remove(&stand);
            all.extend(again.map(|waiting| (stand, waiting)));
        });
        match heard {
            Heard::Answer { pause } => {
                self.is_proven = true;
                self.width = (self.width * 2).min(limits.concurrency.max(1));
                self.paused_until = self.paused_until.max(pause);
                if self.silence.take().is_some() {
                    self.hurry();
                }
                Vec::new()
            }
            Heard::Silence { seq } => self.fall_silent(stand, again.is_none(), seq),
            Heard::Nothing => Vec::new(),
        }
    }

    /// A delivery got no answer, perhaps for the last time.
    fn fall_silent(&mut self, stand: Stand, is_given_up: bool, seq: u64) -> Vec<Waiting> {
        (self.width, self.is_proven) = (1, false);
        let silence = self.silence.get_or_insert(Silence { probe: None, since: None });
        let is_probe = *silence.probe.get_or_insert(stand) == stand;
        if !is_probe {
            return Vec::new();
        }
        let since = *silence.since.get_or_insert(seq);
        if !is_given_up {
            return Vec::new();
        }
        *silence = Silence { probe: None, since: None };
        self.give_up(since)
    }

    /// Takes out all that has waited since before entry `since` and is not under way.
    fn give_up(&mut self, since: u64) -> Vec<Waiting> {
        let has_waited = |(about, place): &Stand, waiting: &Waiting| {
            // One that was redriven waits since then.
            let began = if waiting.failure == Some(Failure::Unreachable) { place.seq() } else { waiting.changed };
            began < since && self.moving.get(about) != Some(place)
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
        }
        given_up
    }
}
