//! The index of the log in a file of its own, `index.db`: by stream, and by the key of what entries record.
//!
//! It says nothing that the log does not, so that no commit waits for it: it lags behind and says how far it is, and by an entry's
//! hash of which log it is. Where it is of another, or is not there, it is built anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rosehip_core::{
    log::{EntryHash, Head},
    ports::StoreError,
};
use rusqlite::{Connection, Row};

use super::{
    SchemaError,
    places::{By, Generation},
    queries::{bytes32, signed, unsigned},
};
use crate::sqlite::{self, is_in_memory};

pub(super) const MIGRATIONS: &[&str] = &["
    CREATE TABLE runs(key INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(key, seq)) STRICT, WITHOUT ROWID;
    CREATE TABLE records(key INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(key, seq)) STRICT, WITHOUT ROWID;
    CREATE TABLE extent(covered INTEGER NOT NULL, begun INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
    INSERT INTO extent VALUES (0, 0, zeroblob(32))"];

/// Places that one transaction takes in: others read and write meanwhile, and the processor is theirs for that long at most.
const BATCH: usize = 512;
/// Places lie all over the file, and each page of it is changed by every generation.
const CHECKPOINT_PAGES: u32 = 16_384;
/// Pages that a connection keeps at hand, in KiB: the inner ones of both trees, and those of a batch.
const CACHE_KIB: i64 = 2 << 10;

/// The index of a log, which one connection writes and others read.
#[derive(Debug)]
pub(super) struct Index {
    connection: Connection,
    path: PathBuf,
}

/// Where the index of a log is; a log in memory has none.
pub(super) fn path_beside(log: &Path) -> Option<PathBuf> {
    (!is_in_memory(log)).then(|| log.with_file_name("index.db"))
}

impl Index {
    /// Opens or makes the file, for its one writer. One that cannot be read is made anew.
    pub(super) fn open(path: &Path) -> Result<Self, SchemaError> {
        Self::make(path).or_else(|error| {
            tracing::warn!(%error, "the index of the log is built anew");
            Self::remake(path)
        })
    }

    /// An empty one in place of what is there.
    pub(super) fn remake(path: &Path) -> Result<Self, SchemaError> {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            // What cannot be removed cannot be opened either, which is told.
            let _ = fs::remove_file(file);
        }
        Self::make(path)
    }

    fn make(path: &Path) -> Result<Self, SchemaError> {
        let connection = sqlite::open(path, MIGRATIONS)?;
        // It may lose its last commits, and takes those entries in again.
        let set = format!("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}");
        let refused = |source| SchemaError::Sqlite { path: path.to_owned(), source };
        connection.execute_batch(&set).map_err(refused)?;
        Self::over(connection, path).map_err(refused)
    }

    /// Opens the file to read it; none where it is not there, or cannot be read, which is for its writer to mend.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let connection = sqlite::open_read_only(path, MIGRATIONS).ok()?;
        Self::over(connection, path).ok()
    }

    /// Opens the file to look at all of it.
    pub(super) fn to_be_examined(path: &Path) -> Result<Self, SchemaError> {
        Ok(Self { connection: sqlite::open_read_only(path, MIGRATIONS)?, path: path.to_owned() })
    }

    fn over(connection: Connection, path: &Path) -> Result<Self, rusqlite::Error> {
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// The connection, for whoever examines the file.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The last entry before which, and of which, it has all places.
    pub(super) fn covered(&self) -> Result<u64, StoreError> {
        let read = || self.connection.prepare_cached("SELECT covered FROM extent")?.query_row([], |row| row.get(0));
        read().map(unsigned).map_err(|error| self.unreadable(&error))
    }

    /// The last entry of which it may have places, with the hash that it has in the log.
    pub(super) fn begun(&self) -> Result<Head, StoreError> {
        let head = |row: &Row<'_>| Ok(Head { seq: unsigned(row.get(0)?), hash: EntryHash(bytes32(row, 1)?) });
        let read = || self.connection.prepare_cached("SELECT begun, hash FROM extent")?.query_row([], head);
        read().map_err(|error| self.unreadable(&error))
    }

    /// Adds the entries that are found by a key, as far as it has them.
    pub(super) fn find(&self, by: By, key: i64, found: &mut Vec<u64>) -> Result<(), StoreError> {
        let sql = match by {
            By::Stream => "SELECT seq FROM runs WHERE key = ?1",
            By::Dedup => "SELECT seq FROM records WHERE key = ?1",
        };
        let mut find = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            let seqs = statement.query_map([key], |row| row.get(0).map(unsigned))?;
            for seq in seqs {
                found.push(seq?);
            }
            Ok(())
        };
        find().map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &rusqlite::Error) -> StoreError {
        let path = self.path.display();
        StoreError::Unreadable(format!("{path}: {error}; stop the host and remove it: the next start builds it anew"))
    }

    /// Takes a generation in. What was taken in of it before is taken once.
    pub(super) fn take_in(&self, generation: &Generation) -> Result<(), rusqlite::Error> {
        let Head { seq, hash } = generation.end;
        self.connection.execute("UPDATE extent SET begun = ?1, hash = ?2", (signed(seq), &hash.0[..]))?;
        self.insert("INSERT OR IGNORE INTO runs VALUES (?1, ?2)", generation.places.runs.iter())?;
        self.insert("INSERT OR IGNORE INTO records VALUES (?1, ?2)", generation.places.records.iter())?;
        self.connection.execute("UPDATE extent SET covered = begun", []).map(drop)
    }

    /// Folds its write-ahead log in. A reader may keep some of it, which is folded in later.
    pub(super) fn fold_in(&self) -> Result<(), rusqlite::Error> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn insert<'a>(
        &self,
        sql: &str,
        mut places: impl ExactSizeIterator<Item = &'a (i64, u64)>,
    ) -> Result<(), rusqlite::Error> {
        while places.len() > 0 {
            let batch = self.connection.unchecked_transaction()?;
            let mut insert = self.connection.prepare_cached(sql)?;
            for (key, seq) in places.by_ref().take(BATCH) {
                insert.execute((key, signed(*seq)))?;
            }
            drop(insert);
            batch.commit()?;
        }
        Ok(())
    }
}
