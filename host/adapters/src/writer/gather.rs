//! Whether to wait a moment for callers that were just answered.
//!
//! Callers that wait for their answer before they append again fall into step with the writer badly: while the few
//! that were queued in time are committed, all the others come back, and so frames are large and small by turns. So
//! after answering, the writer gives them a moment, a fraction of what a commit takes, as long as that brings them.

use std::time::{Duration, Instant};

use super::queue::Queue;

/// The moment is at most this part of the last commit.
const COMMIT_PART: u32 = 4;
/// And at most this long, so that a slow disk does not keep the processor busy.
const LONGEST: Duration = Duration::from_micros(100);
/// Frames that go without a moment, at most, while callers do not come back.
const MOST_SKIPPED: u32 = 64;

/// Learns whether callers come back in time.
#[derive(Debug, Default)]
pub(super) struct Gather {
    moment: Duration,
    /// Frames that still go without.
    skip: u32,
    /// How many go without after the next moment that was in vain.
    penalty: u32,
}

impl Gather {
    /// Takes note of how long a commit took.
    pub(super) fn commit_took(&mut self, commit: Duration) {
        self.moment = (commit / COMMIT_PART).min(LONGEST);
    }

    /// Gives `callers`, who were just answered, a moment to join the appends that were `waiting` before.
    pub(super) fn after_answering(&mut self, callers: usize, waiting: usize, queue: &Queue) {
        // One caller makes no frame larger; it is served as soon as it comes back.
        if callers + waiting < 2 {
            return;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        let end = Instant::now() + self.moment;
        let mut back = 0;
        while back < callers && Instant::now() < end {
            std::thread::yield_now();
            back = queue.len().saturating_sub(waiting);
        }
        self.learn(2 * back >= callers);
    }

    /// A moment in vain costs the next frames theirs, ever more of them.
    fn learn(&mut self, came_back: bool) {
        self.penalty = if came_back { 0 } else { (2 * self.penalty + 1).min(MOST_SKIPPED) };
        self.skip = self.penalty;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_vain_become_rare_and_one_that_helps_brings_them_back() {
        let mut gather = Gather::default();
        let skipped: Vec<_> = (0..9)
            .map(|_| {
                gather.learn(false);
                gather.skip
            })
            .collect();
        assert_eq!(skipped, [1, 3, 7, 15, 31, 63, 64, 64, 64]);
        gather.learn(true);
        assert_eq!(gather.skip, 0);
    }

    #[test]
    fn a_moment_is_a_part_of_a_commit_and_bounded() {
        let mut gather = Gather::default();
        gather.commit_took(Duration::from_micros(100));
        assert_eq!(gather.moment, Duration::from_micros(25));
        gather.commit_took(Duration::from_millis(50));
        assert_eq!(gather.moment, LONGEST);
    }
}
