//! How many effects of a kind each behavior recorded within the last hour: what `per_hour` of a grant is held against.
//!
//! It is a fold of `node.done` entries by minute. The views keep the same fold, from which this one begins at a start. It
//! counts what was decided, before it is committed, so that two walks cannot both take the last place of an hour; what is
//! decided and then lost against another append stays counted, which is never too little.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rosehip_core::{
    behavior::Grant,
    effect::Effect,
    event::Event,
    flow::FlowState,
    guest::GuestReport,
    ids::BehaviorName,
    pipeline::walk::{self, Allowed, Attempt},
    state::EffectStatus,
    time::Timestamp,
};

use super::{Engine, shared::Shared};
use crate::views::RecordedMinute;

/// Minutes that an hour touches: sixty whole ones and the one that has begun.
const MINUTES: u64 = 60;

/// Minutes that are kept: more than an hour's, for a clock that is set back and forth.
const MINUTES_KEPT: usize = 120;

/// What every behavior recorded lately.
#[derive(Default)]
pub(super) struct Hours {
    minutes: Mutex<HashMap<BehaviorName, HashMap<String, Minutes>>>,
    turn: Mutex<()>,
}

/// Effects by the minute since the epoch, in the order in which the minutes were seen.
#[derive(Default)]
struct Minutes(VecDeque<(i64, u64)>);

impl Minutes {
    fn add(&mut self, minute: i64, count: u64) {
        match self.0.iter_mut().rfind(|(known, _)| *known == minute) {
            Some((_, known)) => *known += count,
            None => self.0.push_back((minute, count)),
        }
        if self.0.len() > MINUTES_KEPT {
            self.0.pop_front();
        }
    }

    fn sum(&self, now: i64) -> u64 {
        self.0.iter().filter(|(minute, _)| minute.abs_diff(now) <= MINUTES).map(|(_, count)| count).sum()
    }
}

impl Hours {
    /// Begins with what the views know.
    pub(super) fn of(rows: Vec<RecordedMinute>) -> Self {
        let hours = Self::default();
        let mut minutes = hours.lock();
        for row in rows {
            minutes.entry(row.behavior).or_default().entry(row.kind).or_default().add(row.minute, row.count);
        }
        drop(minutes);
        hours
    }

    /// Effects of these kinds in the hour before `now`.
    fn recorded<'a>(
        &self,
        behavior: &BehaviorName,
        kinds: impl Iterator<Item = &'a str>,
        now: Timestamp,
    ) -> BTreeMap<String, u64> {
        let minutes = self.lock();
        let of = |kind: &str| minutes.get(behavior)?.get(kind).map(|minutes| minutes.sum(now.minute()));
        kinds.map(|kind| (kind.to_owned(), of(kind).unwrap_or(0))).collect()
    }

    /// Counts effects that are about to be recorded; denied ones do not count.
    fn count(&self, behavior: &BehaviorName, effects: &[Effect], now: Timestamp) {
        if effects.is_empty() {
            return;
        }
        let mut minutes = self.lock();
        let kinds = minutes.entry(behavior.clone()).or_default();
        for effect in effects.iter().filter(|effect| effect.status != EffectStatus::Denied) {
            match kinds.get_mut(&effect.kind) {
                Some(known) => known.add(now.minute(), 1),
                None => kinds.entry(effect.kind.clone()).or_default().add(now.minute(), 1),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BehaviorName, HashMap<String, Minutes>>> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// What a behavior recorded in the hour before `now`, of the kinds of which a grant allows only so many.
    pub fn recorded_lately(&self, behavior: &BehaviorName, grant: &Grant, now: Timestamp) -> BTreeMap<String, u64> {
        self.shared().hours.recorded(behavior, grant.counted_kinds(), now)
    }
}

impl Shared {
    /// What a guest's answer means for its node, with its effects counted.
    pub(super) fn conclude_counted(
        &self,
        state: &FlowState,
        attempt: Attempt,
        report: GuestReport,
        allowed: Allowed<'_>,
    ) -> Event {
        let behavior = &state.started.behavior;
        // Where an hour may get full, one call is concluded after the other: each sees what the one before took.
        let is_counted = allowed.counted_kinds().next().is_some();
        let _turn = is_counted.then(|| self.hours.turn.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.now();
        let recorded = match is_counted {
            true => self.hours.recorded(behavior, allowed.counted_kinds(), now),
            false => BTreeMap::new(),
        };
        let event = walk::conclude(state, attempt, report, Allowed { recorded: &recorded, ..allowed }, now);
        if let Event::NodeDone(done) = &event {
            self.hours.count(behavior, &done.effects, now);
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn name() -> BehaviorName {
        "noisy".parse().expect("a name")
    }

    fn effects(statuses: &[EffectStatus]) -> Vec<Effect> {
        let effect = |status: &EffectStatus| Effect {
            id: rosehip_core::ids::EffectId::from_bytes([0; 32]),
            node: "act".parse().expect("a name"),
            item: None,
            ordinal: 0,
            kind: "log".to_owned(),
            payload: serde_json::Value::Null,
            status: *status,
            receipt: None,
        };
        statuses.iter().map(effect).collect()
    }

    fn recorded(hours: &Hours, at: i64) -> u64 {
        hours.recorded(&name(), ["log"].into_iter(), Timestamp::from_millis(at))["log"]
    }

    #[test]
    fn an_effect_counts_for_an_hour_and_a_denied_one_never() {
        let hours = Hours::default();
        let begun = 10 * HOUR;
        hours.count(
            &name(),
            &effects(&[EffectStatus::Recorded, EffectStatus::Denied, EffectStatus::Dispatched]),
            Timestamp::from_millis(begun),
        );
        for (later, count) in [(0, 2), (HOUR / 2, 2), (HOUR, 2), (HOUR + 60_000, 0)] {
            assert_eq!(recorded(&hours, begun + later), count, "{later}");
        }
        assert_eq!(hours.recorded(&name(), ["notify"].into_iter(), Timestamp::from_millis(begun))["notify"], 0);
    }

    #[test]
    fn no_hour_holds_more_than_what_is_seen_of_it() {
        let hours = Hours::default();
        let times: Vec<i64> = (0..400).map(|step| 10 * HOUR + step * 37_000).collect();
        for (place, at) in times.iter().enumerate() {
            let within = times[..place].iter().filter(|time| at - **time < HOUR).count() as u64;
            assert!(recorded(&hours, *at) >= within, "{place}");
            hours.count(&name(), &effects(&[EffectStatus::Recorded]), Timestamp::from_millis(*at));
        }
        assert_eq!(hours.lock()[&name()]["log"].0.len(), MINUTES_KEPT, "old minutes are forgotten");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_close_the_hour_for_a_day() {
        let hours = Hours::default();
        hours.count(&name(), &effects(&[EffectStatus::Recorded]), Timestamp::from_millis(100 * HOUR));
        assert_eq!(recorded(&hours, 76 * HOUR), 0);
    }

    #[test]
    fn it_begins_with_what_the_views_know() {
        let row = |minute| RecordedMinute { behavior: name(), kind: "log".to_owned(), minute, count: 3 };
        let hours = Hours::of(vec![row(600), row(601), row(500)]);
        assert_eq!(recorded(&hours, 601 * 60_000), 6);
    }
}
