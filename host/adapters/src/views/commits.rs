//! What the projector's thread is told: commits as they happen, and that somebody waits for the views.
//!
//! A transaction of the views costs as much for a few entries as for many, because it is mostly about pages of indexes
//! that all of them change. So commits are gathered as long as nobody asks for them, but not for long.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rosehip_core::log::Entry;

/// Entries folded in one transaction, from which on no more are gathered.
const BATCH_ENTRIES: usize = 4_000;
/// How long commits are gathered that nobody asks for.
const GATHERING: Duration = Duration::from_millis(100);

pub(super) type Commit = Arc<[Entry]>;

/// Where commits are handed to the views. When it is dropped, the projector's thread folds what it was given and ends.
pub struct ViewsIntake {
    shared: Arc<Shared>,
    is_followed: Box<dyn Fn() -> bool + Send>,
}

impl ViewsIntake {
    /// Hands on a commit. Commits must follow the log without gaps.
    pub fn observe(&self, entries: &Commit) {
        // To wake the thread for each would cost the writer more than all else that it does here.
        if self.shared.lock().push(entries, (self.is_followed)()) {
            self.shared.told.notify_one();
        }
    }
}

impl fmt::Debug for ViewsIntake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewsIntake").finish_non_exhaustive()
    }
}

impl Drop for ViewsIntake {
    fn drop(&mut self) {
        self.shared.lock().has_ended = true;
        self.shared.told.notify_one();
    }
}

/// Asks for the views to be written.
#[derive(Debug, Clone)]
pub(super) struct Bell(Arc<Shared>);

impl Bell {
    /// The entry of this `seq`, which may be on its way here, is waited for.
    pub(super) fn ring(&self, seq: u64) {
        let mut waiting = self.0.lock();
        waiting.asked = waiting.asked.max(seq);
        if waiting.first().is_some_and(|first| first <= seq) {
            self.0.told.notify_one();
        }
    }
}

/// The projector's end.
#[derive(Debug, Default)]
pub(super) struct Commits(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    told: Condvar,
}

/// What was handed over and not yet taken.
#[derive(Debug, Default)]
struct Waiting {
    commits: Vec<Commit>,
    entries: usize,
    /// When the first of them came.
    since: Option<Instant>,
    /// The last entry that somebody waits for, or waited for.
    asked: u64,
    /// Whether no commit will follow.
    has_ended: bool,
}

impl Waiting {
    /// Adds a commit; whether the projector has to look now.
    fn push(&mut self, commit: &Commit, is_followed: bool) -> bool {
        self.entries += commit.len();
        self.commits.push(Arc::clone(commit));
        // Of the first, it has to know until when it may sleep.
        let is_first = self.since.is_none();
        let since = *self.since.get_or_insert_with(Instant::now);
        is_first || self.due(is_followed).is_some_and(|due| due <= since)
    }

    fn first(&self) -> Option<u64> {
        self.commits.iter().find_map(|commit| commit.first()).map(|entry| entry.header.seq)
    }

    /// When what is here is to be folded, if there is anything.
    fn due(&self, is_followed: bool) -> Option<Instant> {
        let patience = match self.first() {
            _ if self.has_ended || self.entries >= BATCH_ENTRIES => Duration::ZERO,
            Some(first) => patience(first, self.asked, is_followed),
            None => GATHERING,
        };
        Some(self.since? + patience)
    }

    /// Moves a transaction's worth of commits to `batch`.
    fn take(&mut self, batch: &mut Vec<Commit>) {
        let mut taken = 0;
        let mut is_taken = |commit: &Commit| {
            let goes_along = taken < BATCH_ENTRIES;
            taken += commit.len();
            goes_along
        };
        let count = self.commits.iter().take_while(|commit| is_taken(commit)).count();
        batch.extend(self.commits.drain(..count));
        self.entries -= batch.iter().map(|commit| commit.len()).sum::<usize>();
        self.since = (!self.commits.is_empty()).then(Instant::now);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commits {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn bell(&self) -> Bell {
        Bell(Arc::clone(&self.0))
    }

    /// To be made once. `is_followed` says whether somebody follows live, who asks for each commit.
    pub(super) fn intake(&self, is_followed: impl Fn() -> bool + Send + 'static) -> ViewsIntake {
        ViewsIntake { shared: Arc::clone(&self.0), is_followed: Box::new(is_followed) }
    }

    /// Waits for commits and gathers them into `batch`, which is empty. Returns whether more may follow.
    pub(super) fn gather(&mut self, batch: &mut Vec<Commit>, is_followed: impl Fn() -> bool) -> bool {
        let mut waiting = self.0.lock();
        loop {
            let now = Instant::now();
            waiting = match waiting.due(is_followed()) {
                Some(due) if due <= now => break,
                Some(due) => {
                    let woken = self.0.told.wait_timeout(waiting, due - now);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None if waiting.has_ended => break,
                None => self.0.told.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
        waiting.take(batch);
        !(waiting.has_ended && waiting.commits.is_empty())
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
        let (intake, bell) = (commits.intake(|| false), commits.bell());
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
        let begun = Instant::now();
        intake.observe(&six);
        assert_eq!(gathered(&mut commits, false), (1, true), "nobody waits for it");
        assert!(begun.elapsed() >= GATHERING);
    }

    #[test]
    fn what_was_asked_for_before_it_came_is_not_gathered() {
        let mut commits = Commits::new();
        let (intake, bell) = (commits.intake(|| false), commits.bell());
        let [one, two] = commits_of([1, 1]);
        bell.ring(2);
        intake.observe(&one);
        assert_eq!(gathered(&mut commits, false), (1, true));
        assert_eq!(patience(2, commits.0.lock().asked, false), Duration::ZERO);
        intake.observe(&two);
        assert_eq!(gathered(&mut commits, false), (1, true));
        assert_eq!(patience(3, commits.0.lock().asked, false), GATHERING);
        assert_eq!(patience(3, commits.0.lock().asked, true), Duration::ZERO);
    }

    #[test]
    fn what_was_given_before_the_end_is_gathered() {
        let mut commits = Commits::new();
        let intake = commits.intake(|| false);
        let [one] = commits_of([1]);
        intake.observe(&one);
        drop(intake);
        assert_eq!(gathered(&mut commits, false), (1, false));
    }
}
