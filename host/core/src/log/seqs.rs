//! Sets of entries, kept as ranges: what belongs together mostly stands together.

use serde::{Deserialize, Serialize};

/// A set of `seq`s. As JSON it is a list of ranges, `[[first, last], …]`, in order, both ends within.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct SeqSet {
    /// In order, with at least one `seq` between two of them.
    ranges: Vec<(u64, u64)>,
}

/// A range that ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the range of entries {0} to {1} ends before it begins")]
pub struct InvertedRange(pub u64, pub u64);

impl SeqSet {
    /// Adds an entry. It costs nothing where it follows all that is there.
    pub fn insert(&mut self, seq: u64) {
        self.insert_range(seq, seq);
    }

    /// Adds the entries from `first` to `last`; none where the range is inverted.
    pub fn insert_range(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        // What touches the new range becomes one with it.
        let begin = self.ranges.partition_point(|(_, end)| end.saturating_add(1) < first);
        let end = self.ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        let touched = &self.ranges[begin..end];
        let first = touched.first().map_or(first, |(start, _)| first.min(*start));
        let last = touched.last().map_or(last, |(_, end)| last.max(*end));
        self.ranges.splice(begin..end, [(first, last)]);
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &Self) {
        // One by one, ranges in between would each move those after them.
        let mut all = std::mem::take(&mut self.ranges);
        all.extend_from_slice(&other.ranges);
        all.sort_unstable();
        for (first, last) in all {
            self.insert_range(first, last);
        }
    }

    /// Whether an entry is in it.
    pub fn contains(&self, seq: u64) -> bool {
        let place = self.ranges.partition_point(|(_, end)| *end < seq);
        self.ranges.get(place).is_some_and(|(start, _)| *start <= seq)
    }

    /// How many entries it holds.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Its ranges in order, both ends within.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }

    /// Its entries in order.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// What is left of it up to and with `last`.
    #[must_use]
    pub fn up_to(&self, last: u64) -> Self {
        let kept = self.ranges.iter().take_while(|(first, _)| *first <= last);
        Self { ranges: kept.map(|(first, end)| (*first, (*end).min(last))).collect() }
    }

    /// The first of its entries that another set does not hold.
    pub fn first_outside(&self, other: &Self) -> Option<u64> {
        self.ranges.iter().find_map(|(first, last)| {
            let place = other.ranges.partition_point(|(_, end)| end < first);
            match other.ranges.get(place) {
                Some((start, end)) if start <= first => (end < last).then_some(end + 1),
                Some(_) | None => Some(*first),
            }
        })
    }
}

impl FromIterator<u64> for SeqSet {
    fn from_iter<I: IntoIterator<Item = u64>>(seqs: I) -> Self {
        let mut set = Self::default();
        for seq in seqs {
            set.insert(seq);
        }
        set
    }
}

impl TryFrom<Vec<(u64, u64)>> for SeqSet {
    type Error = InvertedRange;

    fn try_from(ranges: Vec<(u64, u64)>) -> Result<Self, InvertedRange> {
        let mut set = Self::default();
        for (first, last) in ranges {
            if first > last {
                return Err(InvertedRange(first, last));
            }
            set.insert_range(first, last);
        }
        Ok(set)
    }
}

impl From<SeqSet> for Vec<(u64, u64)> {
    fn from(set: SeqSet) -> Self {
        set.ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_touches_is_one_range() {
        let mut set = SeqSet::from_iter([1, 2, 3, 7, 9]);
        assert_eq!(set.ranges(), [(1, 3), (7, 7), (9, 9)]);
        set.insert(8);
        assert_eq!(set.ranges(), [(1, 3), (7, 9)]);
        set.insert_range(2, 8);
        assert_eq!((set.ranges(), set.len()), (&[(1, 9)][..], 9));
    }

    #[test]
    fn as_json_it_is_ranges_and_an_inverted_one_is_refused() {
        let set: SeqSet = serde_json::from_str("[[4,5],[1,2],[3,3]]").expect("ranges");
        assert_eq!(serde_json::to_string(&set).expect("JSON"), "[[1,5]]");
        assert!(serde_json::from_str::<SeqSet>("[[5,4]]").is_err());
    }

    proptest! {
        #[test]
        fn it_is_a_set(ranges in prop::collection::vec((0..60_u64, 0..8_u64), 0..12), other in prop::collection::vec((0..60_u64, 0..20_u64), 0..6)) {
            let build = |ranges: &[(u64, u64)]| {
                let (mut set, mut model) = (SeqSet::default(), BTreeSet::new());
                for (first, length) in ranges {
                    set.insert_range(*first, first + length);
                    model.extend(*first..=first + length);
                }
                (set, model)
            };
            let ((set, model), (other, other_model)) = (build(&ranges), build(&other));
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), model.clone());
            prop_assert_eq!(set.len(), model.len() as u64);
            let mut both = set.clone();
            both.extend(&other);
            prop_assert_eq!(both.iter().collect::<BTreeSet<_>>(), model.union(&other_model).copied().collect());
            prop_assert!((0..90).all(|seq| set.contains(seq) == model.contains(&seq)));
            prop_assert_eq!(set.first_outside(&other), model.difference(&other_model).next().copied());
            prop_assert_eq!(set.up_to(30).iter().collect::<BTreeSet<_>>(), model.into_iter().filter(|seq| *seq <= 30).collect());
        }
    }
}
