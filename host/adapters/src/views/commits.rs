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
    /// Somebody waits for the entry of this `seq`, which may be on its way here.
    Asked(u64),
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

/// Asks for the views to be written.
#[derive(Debug, Clone)]
pub(super) struct Bell(Sender<Told>);

impl Bell {
    /// The entry of this `seq` is waited for.
    pub(super) fn ring(&self, seq: u64) {
        // Whoever waits for a projector that has ended is told so by its position.
        let _ = self.0.send(Told::Asked(seq));
    }
}

/// The projector's end.
#[derive(Debug)]
pub(super) struct Commits {
    told: Receiver<Told>,
    sender: Sender<Told>,
    /// The last entry that somebody waits for, or waited for.
    asked: u64,
}

impl Commits {
    pub(super) fn new() -> Self {
        let (sender, told) = channel();
        Self { told, sender, asked: 0 }
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
    pub(super) fn gather(&mut self, batch: &mut Vec<Commit>, is_followed: impl Fn() -> bool) -> bool {
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
                }
                Ok(Told::Asked(seq)) => self.asked = self.asked.max(seq),
                Ok(Told::Ended) | Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => return true,
            }
            let Some(first) = batch.iter().find_map(|commit| commit.first()) else { continue };
            // Where one is waited for, what has come in the meantime goes along.
            let due = Instant::now() + patience(first.header.seq, self.asked, is_followed());
            until = Some(until.map_or(due, |until| until.min(due)));
        }
        true
    }
}

/// How long entries from `first` on are gathered, where that of `asked` was waited for last.
fn patience(first: u64, asked: u64, is_followed: bool) -> Duration {
    if asked >= first || is_followed { Duration::ZERO } else { GATHERING }
}

#[cfg(test)]
mod tests {
    use rosehip_core::log::{Draft, Frame, Head, Stream};

    use super::*;

    /// Commits one after the other, of so many entries each.
    fn commits_of<const N: usize>(entries: [usize; N]) -> [Commit; N] {
        let draft = || Draft {
            stream: Stream("object:Note/1".into()),
            time: rosehip_core::time::Timestamp::default(),
            kind: "test".into(),
            dedup: None,
            body: b"{}".to_vec().into(),
            event: None,
        };
        let mut head = Head::default();
        entries.map(|entries| {
            let mut frame = Frame::after(head);
            for _ in 0..entries {
                frame.push(draft(), [0; 32]);
            }
            head = frame.head();
            frame.entries.into()
        })
    }

    fn gathered(commits: &mut Commits, is_followed: bool) -> (usize, bool) {
        let mut batch = Vec::new();
        let goes_on = commits.gather(&mut batch, || is_followed);
        (batch.len(), goes_on)
    }

    #[test]
    fn commits_are_gathered_until_one_is_waited_for_or_there_are_many() {
        let mut commits = Commits::new();
        let (intake, bell) = (commits.intake(), commits.bell());
        let [one, two, three, many, five, six] = commits_of([1, 2, 1, BATCH_ENTRIES, 1, 1]);
        intake.observe(&one);
        intake.observe(&two);
        bell.ring(2);
        intake.observe(&three);
        assert_eq!(gathered(&mut commits, false), (3, true), "what is there goes along");
        intake.observe(&many);
        intake.observe(&five);
        assert_eq!(gathered(&mut commits, false), (1, true));
        assert_eq!(gathered(&mut commits, true), (1, true));
        bell.ring(3);
        intake.observe(&six);
        let begun = Instant::now();
        assert_eq!(gathered(&mut commits, false), (1, true), "nobody waits for it");
        assert!(begun.elapsed() >= GATHERING);
    }

    #[test]
    fn what_was_asked_for_before_it_came_is_not_gathered() {
        let mut commits = Commits::new();
        let (intake, bell) = (commits.intake(), commits.bell());
        let [one, two] = commits_of([1, 1]);
        bell.ring(2);
        intake.observe(&one);
        assert_eq!(gathered(&mut commits, false), (1, true));
        assert_eq!(patience(2, commits.asked, false), Duration::ZERO);
        intake.observe(&two);
        assert_eq!(gathered(&mut commits, false), (1, true));
        assert_eq!(patience(3, commits.asked, false), GATHERING);
        assert_eq!(patience(3, commits.asked, true), Duration::ZERO);
    }

    #[test]
    fn what_was_given_before_the_end_is_gathered() {
        let mut commits = Commits::new();
        let intake = commits.intake();
        let [one] = commits_of([1]);
        intake.observe(&one);
        drop(intake);
        assert_eq!(gathered(&mut commits, false), (1, false));
    }
}
