//! The writer's side of the log.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    sync::Arc,
};

use rosehip_core::{
    ids::DedupKey,
    log::{Entry, EntryHash, EntryHeader, Frame, Head, SALT_BYTES, StoredEntry, Stream},
    ports::{Compacted, Compaction, LogReader, LogStore, StoreError},
};
use rusqlite::{Connection, Statement, hooks::Wal};

use super::{
    MIGRATIONS, Readers, SchemaError,
    index::{self, Index},
    indexer::Indexer,
    lookup,
    places::{By, Header, Tail, dedup_key},
    queries::{self, is_of_sync, signed, unreadable, write_error},
};
use crate::sqlite;

const INSERT: &str = "INSERT INTO entries(seq, version, time, stream, kind, dedup, body_hash, hash, salt, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
/// A page that is changed often is worth folding into the file late: with 64 MiB of write-ahead log.
const CHECKPOINT_PAGES: i32 = 16_384;
/// Pages that the connection keeps at hand, in KiB: it appends, and reads what it has just appended.
const CACHE_KIB: i64 = 4 << 10;
/// Bytes are overwritten where they lie before they are let go: what shrinks is moved about within its page.
const OVERWRITE: &str = "UPDATE entries SET salt = zeroblob(length(salt)), body = zeroblob(length(body))
    WHERE seq = ?1 AND body IS NOT NULL";
/// The rows are then taken out and put back without their bodies, because SQLite joins pages that have become empty
/// where a row is deleted, and not where one shrinks.
const DELETE: &str = "DELETE FROM entries WHERE seq = ?1";
/// Entries that the index takes in at once. The more there are, the more of them share a page of it; all that it lacks is in memory
/// and read at a start.
const GENERATION: u64 = 32_768;
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
    /// Entries that the index takes in at once; 32,768 by default.
    pub generation: Option<u64>,
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
    path: PathBuf,
    tail: Arc<Tail>,
    /// Whether the tail may lack what is committed, because it is not known whether a frame was.
    is_behind: Cell<bool>,
    /// None of a log in memory.
    indexed: Option<Indexed>,
    generation: u64,
}

/// What keeps the index, and what reads it for the writer.
#[derive(Debug)]
struct Indexed {
    indexer: Indexer,
    index: Index,
}

impl SqliteLog {
    /// Opens or creates the file, migrating one of an older release after copying it to `{path}.backup-v{n}`.
    /// A file of a newer release is refused and left as it is.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<Self, SchemaError> {
        let mut connection = sqlite::open(path, MIGRATIONS)?;
        let refused = |source| SchemaError::Sqlite { path: path.to_owned(), source };
        connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(refused)?;
        if let Some(pages) = options.max_page_count {
            connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).map_err(refused)?;
        }
        if options.commits == Commits::Unsynced {
            connection.execute_batch("PRAGMA synchronous = NORMAL").map_err(refused)?;
        }
        let most = options.checkpoint_pages.unwrap_or(CHECKPOINT_PAGES);
        let hook = move |wal: &mut Wal, pages| if pages < most { Ok(()) } else { fold_in(wal) };
        connection.wal_hook(Some(hook)).map_err(refused)?;
        let generation = options.generation.unwrap_or(GENERATION);
        let (tail, indexed) = index_of(&connection, path, generation)?;
        let (path, is_behind) = (path.to_owned(), Cell::new(false));
        Ok(Self { connection, path, tail, is_behind, indexed, generation })
    }

    /// What opens readers of this log in this process.
    pub fn readers(&self) -> Readers {
        Readers::beside(&self.path, Arc::clone(&self.tail))
    }

    /// The entries that are found by a key, in order.
    fn find(&self, by: By, key: i64) -> Result<Vec<u64>, StoreError> {
        if self.is_behind.get() {
            lookup::catch_up(&self.connection, &self.tail)?;
            self.is_behind.set(false);
        }
        let mut seqs = self.tail.view(by, key).seqs;
        if let Some(Indexed { index, .. }) = &self.indexed {
            index.find(by, key, &mut seqs)?;
        }
        seqs.sort_unstable();
        seqs.dedup();
        Ok(seqs)
    }

    /// Has the index take in what is in memory, if that is enough.
    fn index(&self) {
        if let Some(Indexed { indexer, .. }) = &self.indexed
            && let Some(generation) = self.tail.freeze(self.generation)
        {
            indexer.send(generation);
        }
    }

    fn commit(&self, frame: &Frame) -> Result<(), StoreError> {
        self.run("BEGIN IMMEDIATE")?;
        let found = queries::head(&self.connection)?;
        if found != frame.after {
            return Err(StoreError::Conflict { expected: frame.after.seq, found: found.seq });
        }
        let mut insert = self.connection.prepare_cached(INSERT).map_err(write_error)?;
        for Entry { header, salt, body, hash, .. } in &frame.entries {
            insert_row(&mut insert, header, *hash, Some((salt, body)))?;
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
            let entry = queries::read(&self.connection, *seq, 1)?.pop();
            let there = entry.filter(|entry| entry.header.seq == *seq && entry.body.is_some());
            let Some(entry) = there else { continue };
            overwrite.execute([signed(*seq)]).map_err(write_error)?;
            rows.push((entry.header, entry.hash));
        }
        for (header, _) in &rows {
            delete.execute([signed(header.seq)]).map_err(write_error)?;
        }
        for (header, hash) in &rows {
            insert_row(&mut insert, header, *hash, None)?;
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

/// Opens the index beside a log and has it take in what it lacks, but for what stays in memory.
fn index_of(log: &Connection, path: &Path, generation: u64) -> Result<(Arc<Tail>, Option<Indexed>), SchemaError> {
    let refused =
        |path: &Path, error: StoreError| SchemaError::Index { path: path.to_owned(), reason: error.to_string() };
    let Some(file) = index::path_beside(path) else {
        let tail = Tail::after(Head::default(), None);
        lookup::catch_up(log, &tail).map_err(|error| refused(path, error))?;
        return Ok((Arc::new(tail), None));
    };
    let mut index = Index::open(&file)?;
    if !lookup::is_of(&index, log).map_err(|error| refused(&file, error))? {
        tracing::warn!(file = %file.display(), "the index is of another log, and is built anew");
        index = Index::remake(&file)?;
    }
    let fill = || -> Result<Tail, StoreError> {
        let tail = lookup::tail_after(log, index.covered()?)?;
        while lookup::catch_up_some(log, &tail)? {
            if let Some(generation) = tail.freeze(generation) {
                index.take_in(&generation).map_err(write_error)?;
                tail.indexed();
            }
        }
        Ok(tail)
    };
    let tail = Arc::new(fill().map_err(|error| refused(&file, error))?);
    let reading =
        Index::read(&file).ok_or_else(|| refused(&file, StoreError::Unknown("it cannot be read".to_owned())))?;
    let indexer = Indexer::start(index, Arc::clone(&tail))
        .map_err(|error| refused(&file, StoreError::Unknown(error.to_string())))?;
    Ok((tail, Some(Indexed { indexer, index: reading })))
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
    hash: EntryHash,
    body: Option<(&[u8; SALT_BYTES], &[u8])>,
) -> Result<(), StoreError> {
    let (salt, body) = body.unzip();
    insert
        .execute((
            signed(header.seq),
            header.version,
            header.time.as_millis(),
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
        self.commit(frame).inspect_err(|_| {
            self.is_behind.set(true);
            self.roll_back();
        })?;
        let headers = frame.entries.iter().map(|Entry { header, .. }| Header {
            seq: header.seq,
            stream: &header.stream,
            dedup: header.dedup.as_ref(),
        });
        if self.tail.end() == frame.after {
            self.tail.push(headers, frame.head());
        } else {
            lookup::catch_up(&self.connection, &self.tail)?;
        }
        self.index();
        Ok(())
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
        queries::read(&self.connection, from, limit)
    }

    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError> {
        queries::stream(&self.connection, stream, &self.find(By::Stream, stream.key())?, after)
    }

    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError> {
        queries::stream_head(&self.connection, stream, &self.find(By::Stream, stream.key())?)
    }

    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError> {
        queries::recorded(&self.connection, key, &self.find(By::Dedup, dedup_key(key))?)
    }
}
