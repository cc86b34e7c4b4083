//! A store that fails as it is told, to see what the writer makes of it.

use std::collections::VecDeque;

use rosehip_adapters::store::{SqliteLog, SqliteOptions};
use rosehip_core::{
    ids::DedupKey,
    log::{Frame, Head, StoredEntry, Stream},
    ports::{Compacted, Compaction, LogReader, LogStore, StoreError},
};

/// How an append ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// As the real store's.
    None,
    /// The disk is full.
    Full,
    /// The frame landed, but the store cannot say so.
    UnknownLanded,
    /// The frame did not land, and the store cannot say so.
    UnknownLost,
    /// The fsync failed.
    Sync,
    /// Someone else appended.
    Conflict,
}

/// The real store, whose next appends end in the given ways and then without faults.
pub(crate) struct Faulty {
    pub(crate) inner: SqliteLog,
    pub(crate) faults: VecDeque<Fault>,
}

impl Faulty {
    pub(crate) fn new(dir: &std::path::Path, faults: impl IntoIterator<Item = Fault>) -> Self {
        let inner = SqliteLog::open(&dir.join("log.db"), &SqliteOptions::default()).expect("opened");
        Self { inner, faults: faults.into_iter().collect() }
    }
}

impl LogStore for Faulty {
    fn append(&mut self, frame: &Frame) -> Result<(), StoreError> {
        match self.faults.pop_front().unwrap_or(Fault::None) {
            Fault::None => self.inner.append(frame),
            Fault::Full => Err(StoreError::Full),
            Fault::UnknownLanded => {
                self.inner.append(frame)?;
                Err(StoreError::Unknown("told so".to_owned()))
            }
            Fault::UnknownLost => Err(StoreError::Unknown("told so".to_owned())),
            Fault::Sync => Err(StoreError::SyncFailed("told so".to_owned())),
            Fault::Conflict => Err(StoreError::Conflict { expected: frame.after.seq, found: frame.after.seq + 1 }),
        }
    }

    fn head(&self) -> Result<Head, StoreError> {
        self.inner.head()
    }

    fn erase(&mut self, seqs: &[u64]) -> Result<(), StoreError> {
        self.inner.erase(seqs)
    }

    fn compact(&mut self, how: Compaction) -> Result<Compacted, StoreError> {
        self.inner.compact(how)
    }
}

impl LogReader for Faulty {
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        self.inner.read(from, limit)
    }

    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError> {
        self.inner.stream(stream, after)
    }

    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError> {
        self.inner.stream_head(stream)
    }

    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError> {
        self.inner.recorded(key)
    }
}
