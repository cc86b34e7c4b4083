//! The clock on the wall, watched: whoever set it back made what was begun before seem not to have begun yet.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use rosehip_core::{limits::CLOCK_SLACK_MS, time::Timestamp};

use crate::clock::Clock;

/// The clock, and since when it has only gone forwards.
pub(super) struct Wall {
    clock: Arc<dyn Clock>,
    latest: AtomicI64,
    since: AtomicI64,
}

impl Wall {
    /// Begins to watch a clock.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now().as_millis();
        Self { clock, latest: AtomicI64::new(now), since: AtomicI64::new(now) }
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let latest = self.latest.fetch_max(now.as_millis(), Ordering::Relaxed);
        if now.plus_millis(CLOCK_SLACK_MS).as_millis() < latest {
            self.since.store(now.as_millis(), Ordering::Relaxed);
            self.latest.store(now.as_millis(), Ordering::Relaxed);
            tracing::warn!(%now, latest = %Timestamp::from_millis(latest), "the clock was set back");
        }
        now
    }

    /// The first moment that is known of the clock as it is: when it was set back last, or when the host began.
    pub(super) fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.since.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn it_knows_since_when_the_clock_goes_as_it_does() {
        let hand = Arc::new(Hand(AtomicI64::new(10_000)));
        let wall = Wall::new(Arc::clone(&hand) as _);
        let at = |ms| {
            hand.0.store(ms, Ordering::Relaxed);
            assert_eq!(wall.now().as_millis(), ms);
            wall.since().as_millis()
        };
        assert_eq!([at(20_000), at(19_500), at(5_000), at(6_000)], [10_000, 10_000, 5_000, 5_000]);
    }
}
