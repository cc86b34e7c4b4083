//! What an erasure takes: which entries hold a subject's content, and the `erased` entries that name them.
//!
//! Headers stay: streams and keys name objects, slugs and actors, and nothing here changes that. What other people's
//! entries say about a subject in free text is not found, because nobody can tell.

mod retention;
mod selection;

use crate::{
    event::Erased,
    ids::ObjectKey,
    limits::{ERASED_OBJECTS, ERASED_RANGES},
    log::SeqSet,
};

pub use retention::{Spared, may_go};
pub use selection::{Selection, Selector, Subject};

/// What an erasure by age or size is about. It is made for room, so that the store need not be written anew.
pub const RETENTION: &str = "retention";

/// What an `erased` entry says beside what it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// Why.
    pub reason: String,
    /// What was asked for, in words.
    pub about: String,
    /// Who asked.
    pub by: Option<String>,
}

/// The entries that name what is erased, each within its limits; they belong into one append.
pub fn erasures(seqs: &SeqSet, objects: &[ObjectKey], grounds: &Grounds) -> Vec<Erased> {
    let ranges: Vec<_> = seqs.ranges().chunks(ERASED_RANGES).collect();
    let objects: Vec<_> = objects.chunks(ERASED_OBJECTS).collect();
    let parts = ranges.len().max(objects.len());
    let part = |number: usize| {
        let mut set = SeqSet::default();
        for (first, last) in ranges.get(number).copied().unwrap_or_default() {
            set.insert_range(*first, *last);
        }
        Erased {
            seqs: Vec::new(),
            ranges: set,
            reason: grounds.reason.clone(),
            about: Some(grounds.about.clone()),
            objects: objects.get(number).copied().unwrap_or_default().to_vec(),
            users: Vec::new(),
            rest: u32::try_from(parts - number - 1).unwrap_or(u32::MAX),
            by: grounds.by.clone(),
        }
    };
    (0..parts).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_erasure_is_several_entries_that_count_down() {
        let seqs: SeqSet = (0..=2 * ERASED_RANGES as u64).map(|n| 2 * n + 1).collect();
        let grounds = Grounds { reason: "asked for".into(), about: "actor ada".into(), by: None };
        let parts = erasures(&seqs, &["Note/1".parse().expect("a key")], &grounds);
        assert_eq!(parts.iter().map(|part| part.rest).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!(parts.iter().map(|part| part.objects.len()).collect::<Vec<_>>(), [1, 0, 0]);
        let mut all = SeqSet::default();
        for part in &parts {
            all.extend(&part.all());
        }
        assert_eq!(all, seqs);
        assert_eq!(erasures(&SeqSet::default(), &[], &grounds), []);
    }
}
