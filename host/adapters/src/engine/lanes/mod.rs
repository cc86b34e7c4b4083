//! The driver of a host of its own: a lane for each destination, kept in memory.
//!
//! In a lane stand lines, one for each thing that effects are about. Only the first of a line may leave; of several
//! lines the effect that was recorded first.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, ReasonablyRealtime},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use rosehip_core::{
    effect::LOCAL,
    ids::{EffectId, FlowId},
    limits::CLOCK_SLACK_MS,
    ports::{Driver, Next, Ticket},
    time::Timestamp,
};

/// What a destination is spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatchLimits {
    /// Attempts to one destination that may be under way at a time.
    pub concurrency: usize,
    /// Attempts to one destination that may begin in a second.
    pub per_second: NonZeroU32,
}

impl Default for DispatchLimits {
    fn default() -> Self {
        Self { concurrency: 8, per_second: NonZeroU32::new(100).expect("a hundred is more than none") }
    }
}

/// Attempts under way where the destination is this host itself: as many as fit a commit.
const CONCURRENCY_WITHIN: usize = 256;
/// Lanes that are kept although nothing is in them, for what they know of their rate.
const IDLE_LANES: usize = 1_000;

/// The destinations that are this host itself: its log, and its own lines.
fn is_within(destination: &str) -> bool {
    destination == LOCAL || destination == "notify:log"
}

type Place = (u64, u32);
type Rate = RateLimiter<NotKeyed, InMemoryState, SteadyClock, NoOpMiddleware<Instant>>;

/// The clock that the runtime's pauses are measured by.
#[derive(Debug, Clone, Copy)]
struct SteadyClock;

impl Clock for SteadyClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl ReasonablyRealtime for SteadyClock {}

/// How an effect stands in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Recorded; it will be offered.
    Expected,
    /// To be attempted once it is offered again.
    Waiting,
    /// To be attempted.
    Ready,
    /// Being attempted.
    UnderWay,
}

struct Stop {
    ticket: Ticket,
    standing: Standing,
    /// Whether it was offered as due while it was under way.
    is_wanted_again: bool,
}

struct Lane {
    lines: HashMap<Arc<str>, BTreeMap<Place, Stop>>,
    /// The first of each line, where it is ready and none of the line is under way.
    ready: BTreeMap<Place, Arc<str>>,
    /// Lines of which one is under way.
    moving: HashSet<Arc<str>>,
    under_way: usize,
    concurrency: usize,
    rate: Option<Rate>,
    paused_until: Option<Timestamp>,
    /// What the clock said last.
    seen_at: Option<Timestamp>,
}

impl Lane {
    fn new(destination: &str, limits: DispatchLimits) -> Self {
        let is_within = is_within(destination);
        Self {
            lines: HashMap::new(),
            ready: BTreeMap::new(),
            moving: HashSet::new(),
            under_way: 0,
            concurrency: if is_within { CONCURRENCY_WITHIN } else { limits.concurrency.max(1) },
            rate: (!is_within)
                .then(|| RateLimiter::direct_with_clock(Quota::per_second(limits.per_second), SteadyClock)),
            paused_until: None,
            seen_at: None,
        }
    }

    fn is_idle(&self) -> bool {
        self.lines.is_empty() && self.under_way == 0
    }

    /// Puts a ticket into its line.
    fn insert(&mut self, ticket: Ticket, standing: Standing) {
        let line = self.lines.entry(Arc::clone(&ticket.about)).or_default();
        // What comes late may have been recorded before the one that was the first.
        if let Some((first, _)) = line.first_key_value() {
            self.ready.remove(first);
        }
        debug_assert!(!line.contains_key(&ticket.place), "two effects have one place");
        let about = Arc::clone(&ticket.about);
        line.insert(ticket.place, Stop { ticket, standing, is_wanted_again: false });
        self.look_at(&about);
    }

    fn remove(&mut self, ticket: &Ticket) {
        if let Some(line) = self.lines.get_mut(&ticket.about) {
            line.remove(&ticket.place);
        }
        self.ready.remove(&ticket.place);
        self.look_at(&ticket.about);
    }

    /// After something changed in a line: whether its first is ready.
    fn look_at(&mut self, about: &Arc<str>) {
        let Some(line) = self.lines.get(about) else { return };
        match line.first_key_value() {
            None => drop(self.lines.remove(about)),
            Some((place, stop)) if stop.standing == Standing::Ready && !self.moving.contains(about) => {
                self.ready.insert(*place, Arc::clone(about));
            }
            Some(_) => {}
        }
    }

    /// The next effect to leave; else in how many milliseconds to ask again, where asking can help.
    fn take(&mut self, now: Timestamp) -> Result<Ticket, Option<u64>> {
        if self.under_way >= self.concurrency || self.ready.is_empty() {
            return Err(None);
        }
        let seen_at = self.seen_at.replace(now).filter(|seen_at| *seen_at > now.plus_millis(CLOCK_SLACK_MS));
        if let (Some(seen_at), Some(until)) = (seen_at, self.paused_until) {
            // The clock was set back: what is left of the pause is left of it.
            let left = u64::try_from(until.as_millis() - seen_at.as_millis()).unwrap_or(0);
            self.paused_until = Some(now.plus_millis(left));
        }
        if let Some(until) = self.paused_until.filter(|until| *until > now) {
            return Err(Some(u64::try_from(until.as_millis() - now.as_millis()).unwrap_or(1)));
        }
        self.paused_until = None;
        if let Some(rate) = &self.rate
            && let Err(not_until) = rate.check()
        {
            let wait = not_until.wait_time_from(rate.clock().now()).as_millis();
            return Err(Some(u64::try_from(wait).unwrap_or(1_000).max(1)));
        }
        let (place, about) = self.ready.pop_first().ok_or(None)?;
        let stop = self.lines.get_mut(&about).and_then(|line| line.get_mut(&place)).ok_or(None)?;
        stop.standing = Standing::UnderWay;
        self.under_way += 1;
        let ticket = stop.ticket.clone();
        self.moving.insert(about);
        Ok(ticket)
    }
}

#[derive(Default)]
struct State {
    lanes: HashMap<Arc<str>, Lane>,
    /// Lanes that may have something to give.
    busy: BTreeSet<Arc<str>>,
    by_effect: HashMap<EffectId, Ticket>,
    by_flow: HashMap<FlowId, HashSet<EffectId>>,
}

impl State {
    fn stop(&mut self, ticket: &Ticket) -> Option<&mut Stop> {
        self.lanes.get_mut(&ticket.destination)?.lines.get_mut(&ticket.about)?.get_mut(&ticket.place)
    }

    fn insert(&mut self, ticket: Ticket, standing: Standing, limits: DispatchLimits) {
        self.by_effect.insert(ticket.effect, ticket.clone());
        self.by_flow.entry(ticket.flow).or_default().insert(ticket.effect);
        let destination = Arc::clone(&ticket.destination);
        let lane = self.lanes.entry(destination).or_insert_with_key(|name| Lane::new(name, limits));
        lane.insert(ticket.clone(), standing);
        self.wake(&ticket);
    }

    /// Has the lane of a ticket looked at by the next [`Driver::take`], if there is anything to take.
    fn wake(&mut self, ticket: &Ticket) {
        let has_ready = self.lanes.get(&ticket.destination).is_some_and(|lane| !lane.ready.is_empty());
        if has_ready && !self.busy.contains(&ticket.destination) {
            self.busy.insert(Arc::clone(&ticket.destination));
        }
    }

    fn remove(&mut self, ticket: &Ticket) {
        self.by_effect.remove(&ticket.effect);
        if let Some(effects) = self.by_flow.get_mut(&ticket.flow) {
            effects.remove(&ticket.effect);
            if effects.is_empty() {
                self.by_flow.remove(&ticket.flow);
            }
        }
        let many = self.lanes.len() > IDLE_LANES;
        let Some(lane) = self.lanes.get_mut(&ticket.destination) else { return };
        lane.remove(ticket);
        if many && lane.is_idle() {
            self.lanes.remove(&ticket.destination);
        }
        self.wake(ticket);
    }
}

/// The lanes.
pub(super) struct Lanes {
    state: Mutex<State>,
    limits: DispatchLimits,
}

impl Lanes {
    pub(super) fn new(limits: DispatchLimits) -> Self {
        Self { state: Mutex::default(), limits }
    }

    /// Effects that are known: they wait, or are under way.
    pub(super) fn len(&self) -> usize {
        self.lock().by_effect.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for Lanes {
    fn expect(&self, ticket: Ticket) {
        let mut state = self.lock();
        if !state.by_effect.contains_key(&ticket.effect) {
            state.insert(ticket, Standing::Expected, self.limits);
        }
    }

    fn offer(&self, ticket: Ticket, is_due: bool) {
        let mut state = self.lock();
        let standing = if is_due { Standing::Ready } else { Standing::Waiting };
        let Some(known) = state.by_effect.get(&ticket.effect).cloned() else {
            return state.insert(ticket, standing, self.limits);
        };
        let Some(stop) = state.stop(&known) else { return };
        if stop.standing == Standing::UnderWay {
            stop.is_wanted_again |= is_due;
        } else if matches!(stop.standing, Standing::Expected | Standing::Waiting) {
            stop.standing = standing;
            if let Some(lane) = state.lanes.get_mut(&known.destination) {
                lane.look_at(&known.about);
            }
            state.wake(&known);
        }
    }

    fn take(&self, now: Timestamp) -> (Vec<Ticket>, Option<u64>) {
        let mut state = self.lock();
        let State { lanes, busy, .. } = &mut *state;
        let (mut taken, mut again) = (Vec::new(), None::<u64>);
        busy.retain(|destination| {
            let Some(lane) = lanes.get_mut(destination) else { return false };
            loop {
                match lane.take(now) {
                    Ok(ticket) => taken.push(ticket),
                    Err(None) => return false,
                    Err(Some(wait)) => {
                        again = Some(again.map_or(wait, |again| again.min(wait)));
                        return true;
                    }
                }
            }
        });
        (taken, again)
    }

    fn release(&self, effect: EffectId, next: Next) {
        let mut state = self.lock();
        let Some(ticket) = state.by_effect.get(&effect).cloned() else { return };
        let is_under_way = state.stop(&ticket).is_some_and(|stop| stop.standing == Standing::UnderWay);
        let Some(lane) = state.lanes.get_mut(&ticket.destination).filter(|_| is_under_way) else { return };
        lane.under_way = lane.under_way.saturating_sub(1);
        lane.moving.remove(&ticket.about);
        if let Next::Pause(until) = next {
            lane.paused_until = lane.paused_until.max(Some(until));
        }
        let Some(stop) = state.stop(&ticket) else { return };
        // Whoever offered it meanwhile knew of something that came after what the attempt has to say.
        let is_wanted_again = std::mem::take(&mut stop.is_wanted_again);
        match next {
            Next::Ended if !is_wanted_again => state.remove(&ticket),
            Next::Ended | Next::Again | Next::Pause(_) => {
                stop.standing = if is_wanted_again { Standing::Ready } else { Standing::Waiting };
                if let Some(lane) = state.lanes.get_mut(&ticket.destination) {
                    lane.look_at(&ticket.about);
                }
                state.wake(&ticket);
            }
        }
    }

    fn retain(&self, flow: FlowId, open: &HashSet<EffectId>) -> Vec<EffectId> {
        let mut state = self.lock();
        let Some(known) = state.by_flow.get(&flow) else { return Vec::new() };
        let gone: Vec<Ticket> =
            known.difference(open).filter_map(|effect| state.by_effect.get(effect).cloned()).collect();
        let mut forgotten = Vec::new();
        for ticket in gone {
            if state.stop(&ticket).is_some_and(|stop| stop.standing != Standing::UnderWay) {
                state.remove(&ticket);
                forgotten.push(ticket.effect);
            }
        }
        forgotten
    }
}
