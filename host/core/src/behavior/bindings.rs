//! What a name was bound to, one module after the other, and which modules are offered for it.

use semver::Version;

use crate::{
    ids::Digest,
    limits::{BEHAVIOR_CANDIDATES, BEHAVIOR_DIGEST_DIGITS, BEHAVIOR_HISTORY},
    time::Timestamp,
};

/// The history of a name and its candidates.
///
/// The history only grows: a module that is bound takes the next place, also if it stood there before. Going back
/// moves the active place and adds none. What a rollback returns to is what was active when the active module was
/// bound: after binding A, B, rolling back and binding C, the history is A, B, C, and the next rollback returns to A,
/// because C replaced A. B stays to be seen, and can be bound again by its digest.
///
/// The newest [`BEHAVIOR_HISTORY`] bindings are kept, and beyond them the active one and the one before it; the log
/// has all.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    history: Vec<Binding>,
    active: usize,
    candidates: Vec<Candidate>,
}

/// One binding of a module to the name.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The module.
    pub digest: Digest,
    /// Its version.
    pub version: Version,
    /// When it was bound.
    pub installed_at: Timestamp,
    /// Who bound it.
    pub by: Option<String>,
    /// The entry that bound it.
    pub seq: u64,
    /// How it was rolled back from last, if it was.
    pub rolled_back: Option<RolledBack>,
    /// Place of the binding that it replaced.
    replaced: Option<usize>,
}

/// Who went back from a binding to the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Option<String>,
}

/// A module that is offered for a name and bound to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The module.
    pub digest: Digest,
    /// Its version.
    pub version: Version,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// Who offered it.
    pub by: Option<String>,
}

/// Why an abbreviated digest names no module of a behavior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchModule {
    /// It is not the beginning of a digest.
    #[error("must be the first {BEHAVIOR_DIGEST_DIGITS} or more of 64 lower-case hex digits")]
    Form,
    /// Several begin so.
    #[error("is the beginning of several digests; give more digits")]
    Ambiguous,
    /// None begins so.
    #[error("is no candidate and nothing in the history")]
    Unknown,
}

impl Bindings {
    /// What the name was bound to, oldest first.
    pub fn history(&self) -> &[Binding] {
        &self.history
    }

    /// Place of the active module in the history.
    pub fn active_place(&self) -> usize {
        self.active
    }

    /// The module that a rollback returns to.
    pub fn previous(&self) -> Option<&Binding> {
        self.history.get(self.history.get(self.active)?.replaced?)
    }

    /// The modules that are offered, oldest first.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Every module of the history and of the candidates.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        self.history.iter().map(|past| past.digest).chain(self.candidates.iter().map(|offered| offered.digest))
    }

    /// The module whose digest begins with `prefix`.
    pub fn find(&self, prefix: &str) -> Result<Digest, NoSuchModule> {
        let is_hex = prefix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex || !(BEHAVIOR_DIGEST_DIGITS..=64).contains(&prefix.len()) {
            return Err(NoSuchModule::Form);
        }
        let mut found = self.digests().filter(|digest| digest.to_string().starts_with(prefix));
        let digest = found.next().ok_or(NoSuchModule::Unknown)?;
        if found.all(|other| other == digest) { Ok(digest) } else { Err(NoSuchModule::Ambiguous) }
    }

    /// Binds a module, which is no candidate from then on. Binding the active one again adds no place.
    pub(super) fn bind(&mut self, seq: u64, time: Timestamp, digest: Digest, version: Version, by: Option<String>) {
        self.candidates.retain(|offered| offered.digest != digest);
        let active = self.history.get(self.active);
        if active.is_some_and(|active| active.digest == digest) {
            return;
        }
        let replaced = active.map(|_| self.active);
        self.history.push(Binding { digest, version, installed_at: time, by, seq, rolled_back: None, replaced });
        self.active = self.history.len() - 1;
        self.shorten();
    }

    /// Goes back to the module `digest`, which the active one replaced at some time. Returns whether there is one.
    pub(super) fn roll_back(&mut self, digest: Digest, time: Timestamp, by: Option<String>) -> bool {
        let before = |place: &usize| self.history.get(*place)?.replaced;
        let place =
            std::iter::successors(before(&self.active), before).find(|place| self.history[*place].digest == digest);
        let Some(place) = place else { return false };
        self.history[self.active].rolled_back = Some(RolledBack { at: time, by });
        self.active = place;
        true
    }

    /// Takes an offer; of very many the oldest leaves.
    pub(super) fn offer(&mut self, offered: Candidate) {
        if self.candidates.iter().any(|other| other.digest == offered.digest) {
            return;
        }
        self.candidates.push(offered);
        if self.candidates.len() > BEHAVIOR_CANDIDATES {
            self.candidates.remove(0);
        }
    }

    /// Drops the oldest binding that is neither active nor what a rollback returns to. What replaced the dropped one
    /// counts as having replaced what that one replaced.
    fn shorten(&mut self) {
        if self.history.len() <= BEHAVIOR_HISTORY {
            return;
        }
        let previous = self.history[self.active].replaced;
        let Some(oldest) = (0..self.history.len()).find(|place| *place != self.active && Some(*place) != previous)
        else {
            return;
        };
        let dropped = self.history.remove(oldest);
        let moved = |place: usize| if place > oldest { place - 1 } else { place };
        for binding in &mut self.history {
            binding.replaced = match binding.replaced {
                Some(place) if place == oldest => dropped.replaced.map(moved),
                other => other.map(moved),
            };
        }
        self.active = moved(self.active);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn bind(bindings: &mut Bindings, seq: u64, name: &str) {
        bindings.bind(seq, Timestamp::default(), digest(name), Version::new(1, 0, 0), None);
    }

    fn back(bindings: &mut Bindings) -> bool {
        let Some(previous) = bindings.previous().map(|previous| previous.digest) else { return false };
        bindings.roll_back(previous, Timestamp::default(), Some("olga".to_owned()))
    }

    fn active(bindings: &Bindings) -> Digest {
        bindings.history()[bindings.active_place()].digest
    }

    #[test]
    fn what_was_rolled_back_from_stays_in_the_history_and_a_rollback_returns_to_what_was_replaced() {
        let mut bindings = Bindings::default();
        for (seq, name) in [(1, "a"), (2, "b")] {
            bind(&mut bindings, seq, name);
        }
        assert!(back(&mut bindings));
        assert_eq!(active(&bindings), digest("a"));
        assert!(!back(&mut bindings), "nothing was bound before the first");
        bind(&mut bindings, 3, "c");
        let history: Vec<_> = bindings.history().iter().map(|past| (past.digest, past.seq)).collect();
        assert_eq!(history, [(digest("a"), 1), (digest("b"), 2), (digest("c"), 3)]);
        let gone_from: Vec<_> = bindings.history().iter().map(|past| past.rolled_back.is_some()).collect();
        assert_eq!(gone_from, [false, true, false]);
        assert!(back(&mut bindings));
        assert_eq!(active(&bindings), digest("a"), "C replaced A, not B");
    }

    #[test]
    fn binding_the_active_module_again_takes_no_place() {
        let mut bindings = Bindings::default();
        bind(&mut bindings, 1, "a");
        bind(&mut bindings, 2, "a");
        assert_eq!(bindings.history().len(), 1);
        bind(&mut bindings, 3, "b");
        bind(&mut bindings, 4, "a");
        assert_eq!(bindings.history().len(), 3, "it was bound twice, with another between");
        assert_eq!(bindings.previous().map(|previous| previous.digest), Some(digest("b")));
    }

    #[test]
    fn a_long_history_keeps_the_active_module_and_the_one_before_it() {
        let mut bindings = Bindings::default();
        for seq in 0..60 {
            bind(&mut bindings, seq, &seq.to_string());
        }
        assert_eq!((bindings.history().len(), bindings.history()[0].seq), (BEHAVIOR_HISTORY, 10));
        let mut rollbacks = 0;
        while back(&mut bindings) {
            rollbacks += 1;
        }
        assert_eq!((rollbacks, active(&bindings)), (BEHAVIOR_HISTORY - 1, digest("10")));
        bind(&mut bindings, 60, "60");
        assert_eq!(bindings.history().len(), BEHAVIOR_HISTORY);
        assert_eq!(active(&bindings), digest("60"));
        assert_eq!(bindings.previous().map(|previous| previous.digest), Some(digest("10")));
        assert!(back(&mut bindings));
        assert_eq!(active(&bindings), digest("10"));
    }

    #[test]
    fn candidates_are_bounded_and_one_that_is_bound_is_none_any_more() {
        let mut bindings = Bindings::default();
        bind(&mut bindings, 1, "a");
        let candidate = |name: &str| Candidate {
            digest: digest(name),
            version: Version::new(1, 1, 0),
            offered_at: Timestamp::default(),
            by: Some("ann".to_owned()),
        };
        for number in 0..=BEHAVIOR_CANDIDATES {
            bindings.offer(candidate(&number.to_string()));
            bindings.offer(candidate(&number.to_string()));
        }
        assert_eq!(bindings.candidates().len(), BEHAVIOR_CANDIDATES);
        assert_eq!(bindings.candidates()[0].digest, digest("1"), "the oldest has left");
        bind(&mut bindings, 2, "1");
        assert_eq!(bindings.candidates()[0].digest, digest("2"));
    }

    #[test]
    fn an_abbreviated_digest_names_one_module() {
        let mut bindings = Bindings::default();
        bind(&mut bindings, 1, "a");
        bind(&mut bindings, 2, "b");
        bind(&mut bindings, 3, "a");
        let whole = digest("a").to_string();
        assert_eq!(bindings.find(&whole), Ok(digest("a")));
        assert_eq!(bindings.find(&whole[..8]), Ok(digest("a")), "twice in the history, but one module");
        assert_eq!(bindings.find(&whole[..7]), Err(NoSuchModule::Form));
        assert_eq!(bindings.find(&whole.to_uppercase()), Err(NoSuchModule::Form));
        assert_eq!(bindings.find("00000000"), Err(NoSuchModule::Unknown));
    }
}
