//! Finding entries by stream and by what they record: in the index, in memory, and in the log itself what neither has.

use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
    sync::Arc,
};

use rosehip_core::{
    log::{EntryHash, Head},
    ports::StoreError,
};
use rusqlite::Connection;

use super::{
    index::{self, Index},
    places::{By, Header, Runs, Tail, View},
    queries::{self, Listed},
};

/// Entries that are read at a time.
const BATCH: u64 = 10_000;

/// What a reader of a log finds entries by. The index is opened when something is looked up for the first time.
#[derive(Debug)]
pub(super) struct Lookup {
    /// None of a log in memory, which has no index.
    path: Option<PathBuf>,
    /// The writer's, of a reader in the same process. Others keep their own.
    shared: Option<Arc<Tail>>,
    opened: OnceCell<(Option<Index>, Arc<Tail>)>,
}

impl Lookup {
    /// For a reader of the log at `path`, beside its writer if that has a tail.
    pub(super) fn new(path: &Path, shared: Option<Arc<Tail>>) -> Self {
        Self { path: index::path_beside(path), shared, opened: OnceCell::new() }
    }

    /// The entries that are found by a key, in order, as far as they were committed when the call began. Others may have the
    /// same key.
    pub(super) fn find(&self, log: &Connection, by: By, key: i64) -> Result<Vec<u64>, StoreError> {
        let (index, tail) = self.open(log)?;
        if self.shared.is_none() {
            catch_up(log, tail)?;
        }
        // What leaves memory is in the index before that: in this order nothing falls between.
        let View { after, to, mut seqs } = tail.view(by, key);
        let mut covered = 0;
        if let Some(index) = index {
            covered = index.covered()?;
            index.find(by, key, &mut seqs)?;
        }
        // Whoever sees the index as it was a while ago lacks what has left memory since.
        for (from, to) in [(covered, after), (to, u64::MAX)] {
            if from < to {
                scan(log, from, to, |seq, at, found| {
                    if (at, found) == (by, key) {
                        seqs.push(seq);
                    }
                })?;
            }
        }
        seqs.sort_unstable();
        seqs.dedup();
        Ok(seqs)
    }

    fn open(&self, log: &Connection) -> Result<&(Option<Index>, Arc<Tail>), StoreError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let index = self.path.as_deref().and_then(Index::read);
        if let Some(tail) = &self.shared {
            return Ok(self.opened.get_or_init(|| (index, Arc::clone(tail))));
        }
        let index = match index {
            Some(index) if is_of(&index, log)? => Some(index),
            Some(_) | None => None,
        };
        let covered = index.as_ref().map(Index::covered).transpose()?.unwrap_or_default();
        let tail = Arc::new(tail_after(log, covered)?);
        Ok(self.opened.get_or_init(|| (index, tail)))
    }
}

/// Whether an index is of this log, and not of another that stood in its place.
pub(super) fn is_of(index: &Index, log: &Connection) -> Result<bool, StoreError> {
    let begun = index.begun()?;
    Ok(begun.seq == 0 || queries::hash(log, begun.seq)?.map(EntryHash) == Some(begun.hash))
}

/// A tail that knows of nothing yet and goes on after an entry.
pub(super) fn tail_after(log: &Connection, covered: u64) -> Result<Tail, StoreError> {
    let last = queries::list(log, covered.saturating_sub(1), covered)?.pop();
    let head = last.as_ref().map_or_else(Head::default, |last| Head { seq: last.seq, hash: last.hash });
    Ok(Tail::after(head, last.map(|last| last.stream)))
}

/// Has a tail take in what was committed since.
pub(super) fn catch_up(log: &Connection, tail: &Tail) -> Result<(), StoreError> {
    while catch_up_some(log, tail)? {}
    Ok(())
}

/// The same for some entries; whether there were any.
pub(super) fn catch_up_some(log: &Connection, tail: &Tail) -> Result<bool, StoreError> {
    let after = tail.end().seq;
    let listed = queries::list(log, after, after + BATCH)?;
    let Some(last) = listed.last() else { return Ok(false) };
    let end = Head { seq: last.seq, hash: last.hash };
    tail.push(listed.iter().map(header), end);
    Ok(true)
}

/// Shows the keys of the entries after `from` up to `to`, in order.
pub(super) fn scan(log: &Connection, from: u64, to: u64, mut show: impl FnMut(u64, By, i64)) -> Result<(), StoreError> {
    let before = queries::list(log, from.saturating_sub(1), from)?.pop();
    let (mut from, mut runs) = (from, Runs::after(before.map(|before| before.stream)));
    while from < to {
        let listed = queries::list(log, from, to.min(from.saturating_add(BATCH)))?;
        let Some(last) = listed.last() else { break };
        from = last.seq;
        for entry in &listed {
            for (by, key) in runs.next(header(entry)) {
                show(entry.seq, by, key);
            }
        }
    }
    Ok(())
}

fn header(listed: &Listed) -> Header<'_> {
    Header { seq: listed.seq, stream: &listed.stream, dedup: listed.dedup.as_ref() }
}
