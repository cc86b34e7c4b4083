//! A clock that was set back: what it said before is not yet.

use crate::{limits::CLOCK_SLACK_MS, time::Timestamp};

/// What the clock says, and since when it says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct SetBack {
    /// What it says.
    pub(super) now: Timestamp,
    /// The first moment that is known of it as it is now.
    pub(super) since: Timestamp,
}

impl SetBack {
    /// Whether something happened by the clock as it was before it was set back.
    pub(super) fn is_ahead(self, happened_at: Timestamp) -> bool {
        happened_at > self.now.plus_millis(CLOCK_SLACK_MS)
    }

    /// Something is due a while after it began: if that was by the clock as it was, the while begins anew.
    pub(super) fn follow(self, began: &mut Option<Timestamp>, due: &mut Option<Timestamp>) {
        let (Some(at), Some(then)) = (*began, *due) else { return };
        if self.is_ahead(at) {
            let length = u64::try_from(then.as_millis() - at.as_millis()).unwrap_or(0);
            (*began, *due) = (Some(self.since), Some(self.since.plus_millis(length)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn what_was_begun_by_the_clock_as_it_was_counts_from_when_it_was_set_back() {
        let set_back = SetBack { now: at(5_000), since: at(3_000) };
        let followed = |began, due| {
            let (mut began, mut due) = (Some(at(began)), Some(at(due)));
            set_back.follow(&mut began, &mut due);
            (began, due)
        };
        assert_eq!(followed(900_000, 960_000), (Some(at(3_000)), Some(at(63_000))));
        assert_eq!(followed(4_000, 64_000), (Some(at(4_000)), Some(at(64_000))));
        // Clocks are set by a little all the time.
        assert_eq!(followed(5_900, 65_900), (Some(at(5_900)), Some(at(65_900))));
    }
}
