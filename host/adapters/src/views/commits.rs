//! What the projector's thread is told: commits as they happen, and that somebody waits for the views.
//!
//! A transaction of the views costs as much for a few entries as for many, because it is mostly about pages of indexes
//! that all of them change. So commits are gathered as long as nobody asks for them, but not for long.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

use rosehip_core::log::Entry;

/// Entries folded in one transaction, from which on no more are gathered.
const BATCH_ENTRIES: usize = 4_000;
/// How long commits are gathered that nobody asks for.
const GATHERING: Duration = Duration::from_millis(100);

pub(super) type Commit = Arc<[Entry]>;

enum Told {
    Commit(Commit),
    /// Somebody waits for what was committed so far.
    Asked,
    /// No commit will follow.
    Ended,
}

/// Where commits are handed to the views. When it is dropped, the projector's thread folds what it was given and ends.
#[derive(Debug)]
pub struct ViewsIntake(Sender<Told>);

impl ViewsIntake {
    /// Hands on a commit. Commits must follow the log without gaps.
    pub fn observe(&self, entries: &Commit) {
        // A projector that has ended has said why; the log goes on without views.
        let _ = self.0.send(Told::Commit(Arc::clone(entries)));
    }
}

impl Drop for ViewsIntake {
    fn drop(&mut self) {
        let _ = self.0.send(Told::Ended);
    }
}

/// Asks for the views to be written now.
#[derive(Debug, Clone)]
pub(super) struct Bell(Sender<Told>);

impl Bell {
    pub(super) fn ring(&self) {
        // Whoever waits for a projector that has ended is told so by its position.
        let _ = self.0.send(Told::Asked);
    }
}

/// The projector's end.
#[derive(Debug)]
pub(super) struct Commits {
    told: Receiver<Told>,
    sender: Sender<Told>,
}

impl Commits {
    pub(super) fn new() -> Self {
        let (sender, told) = channel();
        Self { told, sender }
    }

    pub(super) fn bell(&self) -> Bell {
        Bell(self.sender.clone())
    }

    /// To be made once.
    pub(super) fn intake(&self) -> ViewsIntake {
        ViewsIntake(self.sender.clone())
    }

    /// Waits for commits and gathers them into `batch`, which is empty. `is_followed` says whether somebody follows live,
    /// who asks for each commit. Returns whether more may follow.
    pub(super) fn gather(&self, batch: &mut Vec<Commit>, is_followed: impl Fn() -> bool) -> bool {
        let mut entries = 0;
        let mut until: Option<Instant> = None;
        while entries < BATCH_ENTRIES {
            let told = match until {
                None => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => self.told.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match told {
                Ok(Told::Commit(commit)) => {
                    entries += commit.len();
                    batch.push(commit);
                    let patience = if is_followed() { Duration::ZERO } else { GATHERING };
                    until = until.or(Some(Instant::now() + patience));
                }
                // What has come in the meantime goes along.
                Ok(Told::Asked) if !batch.is_empty() => until = Some(Instant::now()),
                Ok(Told::Asked) => {}
                Ok(Told::Ended) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use rosehip_core::log::{Draft, Frame, Head, Stream};

    use super::*;

    fn commit(entries: usize) -> Commit {
        let draft = || Draft {
            stream: Stream("object:Note/1".into()),
            time: rosehip_core::time::Timestamp::default(),
            kind: "test".into(),
            dedup: None,
            body: b"{}".to_vec().into(),
            event: None,
        };
        let mut frame = Frame::after(Head::default());
        for _ in 0..entries {
            frame.push(draft(), [0; 32]);
        }
        frame.entries.into()
    }

    fn gathered(commits: &Commits, is_followed: bool) -> (usize, bool) {
        let mut batch = Vec::new();
        let goes_on = commits.gather(&mut batch, || is_followed);
        (batch.len(), goes_on)
    }

    #[test]
    fn commits_are_gathered_until_somebody_asks_or_there_are_many() {
        let commits = Commits::new();
        let (intake, bell) = (commits.intake(), commits.bell());
        bell.ring();
        intake.observe(&commit(1));
        intake.observe(&commit(2));
        bell.ring();
        intake.observe(&commit(1));
        assert_eq!(gathered(&commits, false), (3, true), "what is there goes along");
        intake.observe(&commit(BATCH_ENTRIES));
        intake.observe(&commit(1));
        assert_eq!(gathered(&commits, false), (1, true));
        assert_eq!(gathered(&commits, true), (1, true));
        intake.observe(&commit(1));
        let begun = Instant::now();
        assert_eq!(gathered(&commits, false), (1, true), "nobody asks");
        assert!(begun.elapsed() >= GATHERING);
    }

    #[test]
    fn what_was_given_before_the_end_is_gathered() {
        let commits = Commits::new();
        let intake = commits.intake();
        intake.observe(&commit(1));
        drop(intake);
        assert_eq!(gathered(&commits, false), (1, false));
    }
}
