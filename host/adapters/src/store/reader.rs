//! Reading the log while its writer goes on.

use std::{io, path::Path};

use rosehip_core::{
    ids::DedupKey,
    log::{Head, StoredEntry, Stream},
    ports::{LogReader, StoreError},
};
use rusqlite::Connection;

use super::{MIGRATIONS, SchemaError, queries};
use crate::sqlite::{self, Damage};

/// What a connection keeps of the file at most: entries of one stream lie apart, and finding them goes over an index.
const PAGE_CACHE_KIB: i64 = 8_000;

/// The same while the whole file is examined: each entry is looked up in indexes whose order is another.
const EXAMINED_KIB: i64 = 256 * 1_024;

/// A read-only connection to the log, of one thread at a time. Opening one takes well under a millisecond, so that
/// many can be open. Each call sees the frames that were committed when it began.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
}

impl SqliteReader {
    /// Opens the file, which must be of this release's version.
    pub fn open(path: &Path) -> Result<Self, SchemaError> {
        let connection = sqlite::open_read_only(path, MIGRATIONS)?;
        let cached = connection.pragma_update(None, "cache_size", -PAGE_CACHE_KIB);
        cached.map_err(|source| SchemaError::Sqlite { path: path.to_owned(), source })?;
        Ok(Self { connection })
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

    /// Looks at the whole file: that its pages fit together, and that its indexes hold what its table does. The connection
    /// keeps more of the file from then on.
    pub(crate) fn examine(&self, path: &Path) -> Result<(), Damage> {
        let cached = self.connection.pragma_update(None, "cache_size", -EXAMINED_KIB);
        cached.map_err(|error| Damage::Structure { path: path.to_owned(), found: error.to_string() })?;
        let declared = sqlite::schema_after(MIGRATIONS).expect("the migrations make the tables of every new log");
        sqlite::examine(&self.connection, path, &declared)
    }

    /// Has several calls see the log as it is at one moment, which spares finding out for each. The log's file cannot be
    /// tidied meanwhile, so it is not for long.
    pub(crate) fn at_once<R>(&self, read: impl FnOnce(&Self) -> R) -> Result<R, StoreError> {
        let moment = self.connection.unchecked_transaction().map_err(queries::unreadable)?;
        let read = read(self);
        moment.finish().map_err(queries::unreadable)?;
        Ok(read)
    }

    /// At most `limit` entries from `seq` on as they are stored, unchecked, each with the key its stream is indexed
    /// under, if it is.
    pub(crate) fn read_with_keys(
        &self,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(Option<i64>, StoredEntry)>, StoreError> {
        let rows = queries::read_unchecked(&self.connection, from, limit)?;
        Ok(rows.into_iter().map(|stored| (stored.stream_key, stored.entry)).collect())
    }
}

impl LogReader for SqliteReader {
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        Ok(queries::read(&self.connection, from, limit)?.into_iter().map(|stored| stored.entry).collect())
    }

    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError> {
        queries::stream(&self.connection, stream, after)
    }

    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError> {
        queries::stream_head(&self.connection, stream)
    }

    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError> {
        queries::recorded(&self.connection, key)
    }
}
