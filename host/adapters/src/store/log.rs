//! The writer's side of the log.

use std::path::Path;

use rosehip_core::{
    ids::DedupKey,
    log::{Entry, EntryHash, EntryHeader, Frame, Head, SALT_BYTES, StoredEntry, Stream},
    ports::{Compacted, Compaction, LogReader, LogStore, StoreError},
};
use rusqlite::{Connection, Statement, hooks::Wal};

use super::{
    MIGRATIONS, SchemaError,
    queries::{self, Stored, is_of_sync, signed, unreadable, write_error},
};
use crate::sqlite;

const INSERT: &str =
    "INSERT INTO entries(seq, version, time, stream_key, stream, kind, dedup, body_hash, hash, salt, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
/// A page that is changed often is worth folding into the file late: with 64 MiB of write-ahead log.
const CHECKPOINT_PAGES: i32 = 16_384;
/// Bytes are overwritten where they lie before they are let go: what shrinks is moved about within its page.
const OVERWRITE: &str = "UPDATE entries SET salt = zeroblob(length(salt)), body = zeroblob(length(body))
    WHERE seq = ?1 AND body IS NOT NULL";
/// The rows are then taken out and put back without their bodies, because SQLite joins pages that have become empty
/// where a row is deleted, and not where one shrinks.
const DELETE: &str = "DELETE FROM entries WHERE seq = ?1";
/// `PRAGMA auto_vacuum` of a file that gives free pages back when it is asked to.
const INCREMENTAL: u32 = 2;

/// How the log's file is kept. No configuration sets any of it.
#[derive(Debug, Clone, Default)]
pub struct SqliteOptions {
    /// Pages (of 4 KiB) the file may have; beyond, appends fail as on a full disk. Unlimited by default.
    pub max_page_count: Option<u32>,
    /// When a commit is durable.
    pub commits: Commits,
    /// Pages of the write-ahead log that are folded into the file; 16,384 by default.
    pub checkpoint_pages: Option<i32>,
}

/// When a commit is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Commits {
    /// Before it returns: `synchronous = FULL`.
    #[default]
    Synced,
    /// With the next checkpoint: `synchronous = NORMAL`, under which a power cut takes away what was acknowledged. It is
    /// there for the proof that power cuts are told apart.
    Unsynced,
}

/// The log in a SQLite file, as its one writer holds it.
///
/// A frame is one transaction. After `append` returned `Ok` it survives `kill -9` and power loss; after a crash
/// before that, all of it is there or nothing. Prepared statements are kept between calls.
#[derive(Debug)]
pub struct SqliteLog {
    connection: Connection,
}

impl SqliteLog {
    /// Opens or creates the file, migrating one of an older release after copying it to `{path}.backup-v{n}`.
    /// A file of a newer release is refused and left as it is.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self, SchemaError> {
        let mut connection = sqlite::open(path, MIGRATIONS)?;
        let refused = |source| SchemaError::Sqlite { path: path.to_owned(), source };
        connection.pragma_update(None, "cache_size", -sqlite::APPENDING_CACHE_KIB).map_err(refused)?;
        if let Some(pages) = options.max_page_count {
            connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).map_err(refused)?;
        }
        if options.commits == Commits::Unsynced {
            connection.execute_batch("PRAGMA synchronous = NORMAL").map_err(refused)?;
        }
        let most = options.checkpoint_pages.unwrap_or(CHECKPOINT_PAGES);
        let hook = move |wal: &mut Wal, pages| if pages < most { Ok(()) } else { fold_in(wal) };
        connection.wal_hook(Some(hook)).map_err(refused)?;
        Ok(Self { connection })
    }

    fn commit(&self, frame: &Frame) -> Result<(), StoreError> {
        self.run("BEGIN IMMEDIATE")?;
        let found = queries::head(&self.connection)?;
        if found != frame.after {
            return Err(StoreError::Conflict { expected: frame.after.seq, found: found.seq });
        }
        let mut insert = self.connection.prepare_cached(INSERT).map_err(write_error)?;
        let mut stream: Option<&Stream> = None;
        for entry in &frame.entries {
            // Entries of one append mostly share their stream: the first of a run stands for all of it in the index.
            let key = (stream != Some(&entry.header.stream)).then(|| entry.header.stream.key());
            stream = Some(&entry.header.stream);
            let Entry { header, salt, body, hash, .. } = entry;
            insert_row(&mut insert, header, key.as_ref(), *hash, Some((salt, body)))?;
        }
        self.run("COMMIT")
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare_cached(sql).map_err(write_error)?;
        statement.execute([]).map(|_| ()).map_err(write_error)
    }

    /// Ends a transaction that failed. SQLite has ended it itself where the failure was grave.
    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
    }

    fn erase_bodies(&self, seqs: &[u64]) -> Result<(), StoreError> {
        // Appending moves no bodies about, so that only here bytes are freed that must be overwritten.
        self.connection.execute_batch("PRAGMA secure_delete = ON").map_err(write_error)?;
        self.run("BEGIN IMMEDIATE")?;
        let mut overwrite = self.connection.prepare_cached(OVERWRITE).map_err(write_error)?;
        let mut delete = self.connection.prepare_cached(DELETE).map_err(write_error)?;
        let mut insert = self.connection.prepare_cached(INSERT).map_err(write_error)?;
        let mut rows = Vec::with_capacity(seqs.len());
        for seq in seqs {
            let row = queries::read(&self.connection, *seq, 1)?.pop();
            let there = row.filter(|row| row.entry.header.seq == *seq && row.entry.body.is_some());
            let Some(Stored { stream_key, entry }) = there else { continue };
            overwrite.execute([signed(*seq)]).map_err(write_error)?;
            rows.push((stream_key, entry.header, entry.hash));
        }
        for (_, header, _) in &rows {
            delete.execute([signed(header.seq)]).map_err(write_error)?;
        }
        for (stream_key, header, hash) in &rows {
            let key = stream_key.as_ref();
            insert_row(&mut insert, header, key, *hash, None)?;
        }
        self.run("COMMIT")?;
        self.connection.execute_batch("PRAGMA secure_delete = OFF").map_err(unreadable)
    }

    /// Folds the write-ahead log in and cuts it; whether a reader keeps it from that.
    fn checkpoint(&self) -> Result<bool, StoreError> {
        let busy: bool =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(write_error)?;
        if busy {
            tracing::warn!("readers hold the write-ahead log: erased bodies leave it with a later checkpoint");
        }
        Ok(busy)
    }

    fn number(&self, pragma: &str) -> Result<u64, StoreError> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, u64>(0);
        self.connection.query_row(&format!("PRAGMA {pragma}"), [], read).map_err(unreadable)
    }

    fn give_back(&self, how: Compaction) -> Result<(), StoreError> {
        match how {
            // Files of before this was set become such when they are written anew.
            Compaction::Rewrite => self
                .connection
                .execute_batch(&format!("PRAGMA auto_vacuum = {INCREMENTAL}; VACUUM"))
                .map_err(write_error),
            Compaction::Some(bytes) => {
                let pages = bytes / self.number("page_size")?.max(1);
                let mut step =
                    self.connection.prepare(&format!("PRAGMA incremental_vacuum({pages})")).map_err(write_error)?;
                // Each row that is asked for frees one page.
                let mut rows = step.query([]).map_err(write_error)?;
                while rows.next().map_err(write_error)?.is_some() {}
                Ok(())
            }
        }
    }
}

/// Folds the write-ahead log into the file after a commit. SQLite does that by itself and keeps silent whatever happens; a
/// sync that fails is not passed over here, and is the outcome of that commit.
fn fold_in(wal: &mut Wal) -> Result<(), rusqlite::Error> {
    match wal.checkpoint() {
        Err(error) if is_of_sync(&error) => Err(error),
        // Readers are at work, or there is no room: all of it stays where it is, and the next commit tries again.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Puts an entry in its place.
fn insert_row(
    insert: &mut Statement<'_>,
    header: &EntryHeader,
    stream_key: Option<&i64>,
    hash: EntryHash,
    body: Option<(&[u8; SALT_BYTES], &[u8])>,
) -> Result<(), StoreError> {
    let (salt, body) = body.unzip();
    insert
        .execute((
            signed(header.seq),
            header.version,
            header.time.as_millis(),
            stream_key,
            &*header.stream.0,
            &*header.kind,
            header.dedup.as_ref().map(|key| &key.as_bytes()[..]),
            &header.body_hash[..],
            &hash.0[..],
            salt.map(|salt| &salt[..]),
            body,
        ))
        .map_err(write_error)?;
    Ok(())
}

impl LogStore for SqliteLog {
    fn append(&mut self, frame: &Frame) -> Result<(), StoreError> {
        if frame.entries.is_empty() {
            return Ok(());
        }
        self.commit(frame).inspect_err(|_| self.roll_back())
    }

    fn head(&self) -> Result<Head, StoreError> {
        queries::head(&self.connection)
    }

    /// Erased bytes are overwritten with zeros in the file. The write-ahead log is folded in and cut, unless a
    /// reader still needs it; then its old pages are overwritten by later commits.
    fn erase(&mut self, seqs: &[u64]) -> Result<(), StoreError> {
        self.erase_bodies(seqs).inspect_err(|_| self.roll_back())?;
        self.checkpoint().map(drop)
    }

    /// Erasing moves entries between pages, and SQLite leaves what it moved in the slack of a page; only a rewrite
    /// (`VACUUM`) is sure to have no copy of what is erased later.
    fn compact(&mut self, how: Compaction) -> Result<Compacted, StoreError> {
        self.give_back(how)?;
        let is_held = self.checkpoint()?;
        let page = self.number("page_size")?;
        let (bytes, free) = (page * self.number("page_count")?, page * self.number("freelist_count")?);
        Ok(Compacted { bytes, free, is_held })
    }
}

/// The writer reads through its own connection what it checks appends against.
impl LogReader for SqliteLog {
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
