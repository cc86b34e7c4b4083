//! The two clocks: one stands still, the other is moved by sleeping.

use rosehip_core::time::Timestamp;

/// Nanoseconds of a millisecond, the unit in which `now` is known.
pub(super) const WALL_RESOLUTION: u64 = 1_000_000;
/// Smallest step of the monotonic clock, in nanoseconds.
pub(super) const MONOTONIC_RESOLUTION: u64 = 1;
/// What the monotonic clock shows when a call begins. Go's runtime takes 0 for a broken clock and ends.
const MONOTONIC_START: u64 = 1;

/// The clocks of one call, in nanoseconds.
#[derive(Debug)]
pub(super) struct Clocks {
    wall: u64,
    monotonic: u64,
}

impl Clocks {
    /// `now` is what the wall clock shows; a time before 1970 cannot be shown and is taken as 1970.
    pub(super) fn new(now: Timestamp) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self { wall: millis.saturating_mul(WALL_RESOLUTION), monotonic: MONOTONIC_START }
    }

    /// Since 1970.
    pub(super) fn wall(&self) -> u64 {
        self.wall
    }

    /// Since a nanosecond before the call began.
    pub(super) fn monotonic(&self) -> u64 {
        self.monotonic
    }

    /// When a sleep of `duration` that begins now ends, on the monotonic clock.
    pub(super) fn after(&self, duration: u64) -> u64 {
        self.monotonic.saturating_add(duration)
    }

    /// Sleeps until the monotonic clock shows `end`, which it does at once.
    pub(super) fn sleep_until(&mut self, end: u64) {
        self.monotonic = self.monotonic.max(end);
    }
}
