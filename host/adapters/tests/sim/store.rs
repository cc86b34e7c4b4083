//! The real store on a disk that fills up, does not answer, or ends with its host.

use std::sync::Arc;

use rosehip_adapters::store::{SqliteLog, SqliteOptions};
use rosehip_core::{
    ids::DedupKey,
    log::{Frame, Head, StoredEntry, Stream},
    ports::{Compacted, Compaction, LogReader, LogStore, StoreError},
};

use crate::world::World;

/// What a disk says whose outcome is not known.
pub(crate) const NO_ANSWER: &str = "no answer";

/// The log of a world.
pub(crate) struct FrailLog {
    world: Arc<World>,
    inner: SqliteLog,
}

impl FrailLog {
    /// Opens what is on the world's disk.
    pub(crate) fn open(world: &Arc<World>) -> Self {
        let inner = SqliteLog::open(&world.disk.log(), &SqliteOptions::default()).expect("a log in memory");
        Self { world: Arc::clone(world), inner }
    }

    fn commit(&mut self, frame: &Frame) -> Result<(), StoreError> {
        self.inner.append(frame)?;
        self.world.witness().committed(&frame.entries);
        Ok(())
    }

    /// The host ends; whoever asked is never answered.
    fn crash(&self) -> StoreError {
        self.world.crash();
        ended()
    }
}

fn ended() -> StoreError {
    StoreError::SyncFailed("the host has ended".to_owned())
}

impl LogStore for FrailLog {
    fn append(&mut self, frame: &Frame) -> Result<(), StoreError> {
        if self.world.is_dead() {
            return Err(ended());
        }
        if !self.world.mishap_once_in(40) {
            return self.commit(frame);
        }
        let unknown = || StoreError::Unknown(NO_ANSWER.to_owned());
        match self.world.below(8) {
            0 | 1 => Err(self.crash()),
            2 | 3 => {
                self.commit(frame)?;
                Err(self.crash())
            }
            4 => {
                self.commit(frame)?;
                Err(unknown())
            }
            5 => Err(unknown()),
            _ => Err(StoreError::Full),
        }
    }

    fn head(&self) -> Result<Head, StoreError> {
        self.inner.head()
    }

    fn erase(&mut self, seqs: &[u64]) -> Result<(), StoreError> {
        if self.world.is_dead() {
            return Err(ended());
        }
        if self.world.mishap_once_in(8) {
            // A part of them is gone already.
            let part = usize::try_from(self.world.below(seqs.len() as u64 + 1)).expect("a part");
            self.inner.erase(&seqs[..part])?;
            return Err(self.crash());
        }
        self.inner.erase(seqs)
    }

    fn compact(&mut self, how: Compaction) -> Result<Compacted, StoreError> {
        self.inner.compact(how)
    }
}

impl LogReader for FrailLog {
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
