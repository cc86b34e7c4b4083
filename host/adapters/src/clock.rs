//! The host's clock, read at the edge and passed inwards as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use rosehip_core::time::Timestamp;

/// What tells the time of entries and of whatever falls due. It may be set, back as well: order is `seq`, never time.
pub trait Clock: Send + Sync {
    /// Now, in whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// The wall clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// Now, in whole milliseconds. The machine may set its clock back; order is `seq`, never time.
    pub fn now() -> Timestamp {
        let ms = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Timestamp::from_millis(ms)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Self::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn now_lies_after_this_was_written() {
        let written: Timestamp = "2025-01-01T00:00:00Z".parse().expect("a time");
        assert!(SystemClock::now() > written);
    }
}
