//! Reading the log while its writer goes on.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rosehip_core::{
    ids::DedupKey,
    log::{Head, StoredEntry, Stream},
    ports::{LogReader, StoreError},
};
use rusqlite::Connection;

use super::{
    MIGRATIONS, SchemaError,
    check::{Expected, Held, Witness},
    lookup::Lookup,
    places::{By, Tail, dedup_key},
    queries,
};
use crate::{
    sqlite::{self, Damage},
    verify::VerifyError,
};

/// What a connection keeps of the file at most: entries of one stream lie apart.
const PAGE_CACHE_KIB: i64 = 8_000;

/// Opens readers beside the log's writer, which see at once what it committed.
#[derive(Debug, Clone)]
pub struct Readers {
    path: PathBuf,
    tail: Arc<Tail>,
}

impl Readers {
    pub(super) fn beside(path: &Path, tail: Arc<Tail>) -> Self {
        Self { path: path.to_owned(), tail }
    }

    /// Another reader.
    pub fn open(&self) -> Result<SqliteReader, SchemaError> {
        SqliteReader::connect(&self.path, Some(Arc::clone(&self.tail)))
    }
}

/// A read-only connection to the log, of one thread at a time. Opening one takes well under a millisecond, so that
/// many can be open. Each call sees the frames that were committed when it began.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
    lookup: Lookup,
}

impl SqliteReader {
    /// Opens the file, which must be of this release's version. Whoever reads where the log is written takes
    /// [`Readers::open`], because what the index lacks is read anew by each of these.
    pub fn open(path: &Path) -> Result<Self, SchemaError> {
        Self::connect(path, None)
    }

    fn connect(path: &Path, tail: Option<Arc<Tail>>) -> Result<Self, SchemaError> {
        let connection = sqlite::open_read_only(path, MIGRATIONS)?;
        let cached = connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB);
        cached.map_err(|source| SchemaError::Sqlite { path: path.to_owned(), source })?;
        Ok(Self { connection, lookup: Lookup::new(path, tail) })
    }

    /// The log's end.
    pub fn head(&self) -> Result<Head, StoreError> {
        queries::head(&self.connection)
    }

    /// Writes a consistent copy of the log to `target`, in place of what is there, while the writer goes on.
    /// After `Ok` the copy survives power loss.
    pub fn back_up(&self, target: &Path) -> io::Result<()> {
        sqlite::back_up(&self.connection, target)
    }

    /// Bytes of all bodies. It reads all entries without their bodies, in steps that each end soon.
    pub fn body_bytes(&self) -> Result<u64, StoreError> {
        queries::body_bytes(&self.connection)
    }

    /// Looks at the whole file: that its pages fit together.
    pub(crate) fn examine(&self, path: &Path) -> Result<(), Damage> {
        let declared = sqlite::schema_after(MIGRATIONS).expect("the migrations make the tables of every new log");
        sqlite::examine(&self.connection, path, &declared)
    }

    /// Holds an index against what this log said from its first entry on.
    pub(crate) fn compare(&self, index: &Witness, expected: &Expected, held: &Held) -> Result<(), VerifyError> {
        index.compare(&self.connection, expected, held)
    }

    /// Has several calls see the log as it is at one moment, which spares finding out for each. The log's file cannot be
    /// tidied meanwhile, so it is not for long.
    pub(crate) fn at_once<R>(&self, read: impl FnOnce(&Self) -> R) -> Result<R, StoreError> {
        let moment = self.connection.unchecked_transaction().map_err(queries::unreadable)?;
        let read = read(self);
        moment.finish().map_err(queries::unreadable)?;
        Ok(read)
    }

    /// At most `limit` entries from `seq` on as they are stored, unchecked.
    pub(crate) fn read_unchecked(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        queries::read_unchecked(&self.connection, from, limit)
    }
}

impl LogReader for SqliteReader {
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        queries::read(&self.connection, from, limit)
    }

    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError> {
        let starts = self.lookup.find(&self.connection, By::Stream, stream.key())?;
        queries::stream(&self.connection, stream, &starts, after)
    }

    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError> {
        let starts = self.lookup.find(&self.connection, By::Stream, stream.key())?;
        queries::stream_head(&self.connection, stream, &starts)
    }

    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError> {
        let among = self.lookup.find(&self.connection, By::Dedup, dedup_key(key))?;
        queries::recorded(&self.connection, key, &among)
    }
}
