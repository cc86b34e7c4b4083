//! Where an entry is found by its stream and by the key of what it records.
//!
//! Both are hashes, so that their order is another than the log's: an index of either that is kept entry by entry is written
//! all over. The index file (`index.rs`) therefore takes in many entries at once, in its own order, and what it does not
//! have yet is here, in memory.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use rosehip_core::{
    ids::DedupKey,
    log::{Head, Stream},
};

/// Entries that follow one another and share their stream are found by the first of them, which is no further back than this.
pub(super) const LONGEST_RUN: u64 = 64;

/// What an entry is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum By {
    /// Its stream; of a run of entries, the first alone.
    Stream,
    /// The key of what it records, which not every entry has.
    Dedup,
}

impl By {
    /// The table of the index.
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Stream => "runs",
            Self::Dedup => "records",
        }
    }
}

/// The first eight bytes of a dedup key. Whoever finds an entry by it compares the whole key.
pub(super) fn dedup_key(key: &DedupKey) -> i64 {
    let (first, _) = key.as_bytes().split_first_chunk().expect("a key has more than eight bytes");
    i64::from_be_bytes(*first)
}

/// What a place is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'a> {
    pub(super) seq: u64,
    pub(super) stream: &'a Stream,
    pub(super) dedup: Option<&'a DedupKey>,
}

/// Tells under which keys entries are found that follow one another.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The stream of the entry before.
    before: Option<Stream>,
}

impl Runs {
    /// Goes on after an entry of that stream, if there is one.
    pub(super) fn after(before: Option<Stream>) -> Self {
        Self { before }
    }

    /// The keys of the next entry.
    pub(super) fn next(&mut self, header: Header<'_>) -> impl Iterator<Item = (By, i64)> + use<> {
        let is_another = self.before.as_ref() != Some(header.stream);
        if is_another {
            self.before = Some(header.stream.clone());
        }
        let begins = is_another || header.seq % LONGEST_RUN == 1;
        let run = begins.then(|| (By::Stream, header.stream.key()));
        run.into_iter().chain(header.dedup.map(|key| (By::Dedup, dedup_key(key))))
    }
}

/// Keys and the entries they lead to, in the order of the keys.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) runs: BTreeSet<(i64, u64)>,
    pub(super) records: BTreeSet<(i64, u64)>,
}

impl Places {
    fn add(&mut self, by: By, key: i64, seq: u64) {
        match by {
            By::Stream => self.runs.insert((key, seq)),
            By::Dedup => self.records.insert((key, seq)),
        };
    }

    fn of(&self, by: By, key: i64) -> impl Iterator<Item = u64> {
        let of = match by {
            By::Stream => &self.runs,
            By::Dedup => &self.records,
        };
        of.range((key, 0)..=(key, u64::MAX)).map(|(_, seq)| *seq)
    }
}

/// The places of entries that follow one another, up to its end.
#[derive(Debug, Default)]
pub(super) struct Generation {
    pub(super) places: Places,
    pub(super) end: Head,
}

/// The newest entries' places, for a writer and all who read beside it.
#[derive(Debug)]
pub(super) struct Tail(RwLock<State>);

#[derive(Debug)]
struct State {
    /// Entries up to here are in the index.
    indexed: u64,
    /// What the index takes in now.
    frozen: Option<Arc<Generation>>,
    young: Generation,
    runs: Runs,
}

/// What a tail knows of a key.
#[derive(Debug)]
pub(super) struct View {
    /// It knows of entries after this one,
    pub(super) after: u64,
    /// up to this one:
    pub(super) to: u64,
    /// these are found by the key.
    pub(super) seqs: Vec<u64>,
}

impl Tail {
    /// Goes on after an entry that the index has, which is of that stream; both are none before the first.
    pub(super) fn after(indexed: Head, stream: Option<Stream>) -> Self {
        let young = Generation { end: indexed, ..Generation::default() };
        Self(RwLock::new(State { indexed: indexed.seq, frozen: None, young, runs: Runs::after(stream) }))
    }

    /// The last entry that it knows of.
    pub(super) fn end(&self) -> Head {
        self.read().young.end
    }

    /// Takes in entries that follow the last one; `end` is the log's after them.
    pub(super) fn push<'a>(&self, entries: impl Iterator<Item = Header<'a>>, end: Head) {
        let mut state = self.write();
        let State { young, runs, .. } = &mut *state;
        for header in entries {
            for (by, key) in runs.next(header) {
                young.places.add(by, key, header.seq);
            }
        }
        young.end = end;
    }

    /// What it knows of a key.
    pub(super) fn view(&self, by: By, key: i64) -> View {
        let state = self.read();
        let frozen = state.frozen.iter().flat_map(|frozen| frozen.places.of(by, key));
        let seqs = frozen.chain(state.young.places.of(by, key)).collect();
        View { after: state.indexed, to: state.young.end.seq, seqs }
    }

    /// Hands over what the index is to take in next, unless it takes something in or there are fewer than `least` entries.
    pub(super) fn freeze(&self, least: u64) -> Option<Arc<Generation>> {
        let mut state = self.write();
        let entries = state.young.end.seq - state.indexed;
        if state.frozen.is_some() || entries < least {
            return None;
        }
        let end = state.young.end;
        let frozen = Arc::new(std::mem::replace(&mut state.young, Generation { end, ..Generation::default() }));
        state.frozen = Some(Arc::clone(&frozen));
        Some(frozen)
    }

    /// What was handed over is in the index.
    pub(super) fn indexed(&self) {
        let mut state = self.write();
        if let Some(frozen) = state.frozen.take() {
            state.indexed = frozen.end.seq;
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: &str) -> Stream {
        Stream(name.into())
    }

    fn push(tail: &Tail, streams: &[&str]) {
        let after = tail.end().seq;
        let streams: Vec<_> = streams.iter().map(|name| stream(name)).collect();
        let end = Head { seq: after + streams.len() as u64, ..Head::default() };
        tail.push((after + 1..).zip(&streams).map(|(seq, stream)| Header { seq, stream, dedup: None }), end);
    }

    fn of(tail: &Tail, name: &str) -> Vec<u64> {
        tail.view(By::Stream, stream(name).key()).seqs
    }

    #[test]
    fn a_run_is_found_by_its_first_entry_and_goes_on_over_commits() {
        let tail = Tail::after(Head::default(), None);
        push(&tail, &["a", "a", "b"]);
        push(&tail, &["b", "a"]);
        assert_eq!((of(&tail, "a"), of(&tail, "b")), (vec![1, 5], vec![3]));
        let long: Vec<_> = std::iter::repeat_n("a", 200).collect();
        push(&tail, &long);
        assert_eq!(of(&tail, "a"), [1, 5, 65, 129, 193]);
    }

    #[test]
    fn what_the_index_takes_in_stays_known_until_it_has_it() {
        let tail = Tail::after(Head::default(), None);
        push(&tail, &["a", "b"]);
        assert!(tail.freeze(3).is_none(), "they are too few");
        let frozen = tail.freeze(2).expect("they are enough");
        push(&tail, &["a"]);
        assert_eq!((frozen.end.seq, of(&tail, "a")), (2, vec![1, 3]));
        assert!(tail.freeze(0).is_none(), "one is under way");
        tail.indexed();
        let view = tail.view(By::Stream, stream("a").key());
        assert_eq!((view.after, view.to, view.seqs), (2, 3, vec![3]));
    }
}
