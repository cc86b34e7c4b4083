//! Reading entries from a connection, for the writer's side and the readers alike.
//!
//! What a disk gives back is not taken on trust: an entry is handed out only if its header hashes onto the entry before
//! and its body onto its header. What the indexes leave out is not seen here; `verify` holds them against the table.

use rosehip_core::{
    ids::DedupKey,
    log::{ChainError, EntryHash, EntryHeader, Head, StoredEntry, Stream},
    ports::StoreError,
    time::Timestamp,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, ffi, types::ValueRef};

const HEAD: &str = "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1";
const READ: &str = "SELECT seq, version, time, stream, kind, dedup, body_hash, hash, salt, body, stream_key
    FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
const HASH: &str = "SELECT hash FROM entries WHERE seq = ?1";
const RUNS: &str = "SELECT seq FROM entries WHERE stream_key = ?1 ORDER BY seq";
const LAST_RUN: &str = "SELECT seq FROM entries WHERE stream_key = ?1 AND stream = ?2 ORDER BY seq DESC LIMIT 1";
const STREAMS: &str = "SELECT seq, stream FROM entries WHERE seq >= ?1 ORDER BY seq";
const RUN: &str = "SELECT seq, version, time, stream, kind, dedup, body_hash, hash, salt, body, stream_key
    FROM entries WHERE seq >= ?1 ORDER BY seq";
const RECORDED: &str = "SELECT seq FROM entries WHERE dedup = ?1";

const BODY_BYTES: &str = "SELECT coalesce(sum(length(body)), 0) FROM entries WHERE seq BETWEEN ?1 AND ?2";
/// Entries whose bodies are counted in one statement: a longer one would hold up checkpoints.
const COUNTED: u64 = 100_000;

/// A row of the table: the entry and, where it begins a run of its stream, the key it is indexed under.
pub(super) struct Stored {
    pub(super) stream_key: Option<i64>,
    pub(super) entry: StoredEntry,
}

pub(super) fn head(connection: &Connection) -> Result<Head, StoreError> {
    let mut statement = connection.prepare_cached(HEAD).map_err(unreadable)?;
    let head = statement
        .query_row([], |row| Ok(Head { seq: unsigned(row.get(0)?), hash: EntryHash(bytes32(row, 1)?) }))
        .optional()
        .map_err(unreadable)?;
    Ok(head.unwrap_or_default())
}

/// At most `limit` rows from `seq` on, in order, each held against the one before.
pub(super) fn read(connection: &Connection, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
    let rows = read_unchecked(connection, from, limit)?;
    let Some(first) = rows.first() else { return Ok(rows) };
    let mut links = Links::onto(connection, first.entry.header.seq)?;
    for row in &rows {
        links.check(&row.entry)?;
    }
    Ok(rows)
}

/// The same rows as they are stored, for whoever checks them.
pub(super) fn read_unchecked(connection: &Connection, from: u64, limit: usize) -> Result<Vec<Stored>, StoreError> {
    let mut statement = connection.prepare_cached(READ).map_err(unreadable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((signed(from), limit), stored).map_err(unreadable)?;
    rows.collect::<Result<_, _>>().map_err(unreadable)
}

pub(super) fn stream(connection: &Connection, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError> {
    let mut runs = connection.prepare_cached(RUNS).map_err(unreadable)?;
    let starts = runs.query_map([stream.key()], |row| row.get(0)).map_err(unreadable)?;
    let mut run = connection.prepare_cached(RUN).map_err(unreadable)?;
    let mut found: Vec<StoredEntry> = Vec::new();
    for start in starts {
        let start: i64 = start.map_err(unreadable)?;
        // The run before may have gone on into this one.
        if found.last().is_some_and(|last| signed(last.header.seq) >= start) {
            continue;
        }
        let mut links = Links::onto(connection, unsigned(start))?;
        let mut rows = run.query([start]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            if text(row, 3).map_err(unreadable)? != &*stream.0 {
                break;
            }
            let entry = stored(row).map_err(unreadable)?.entry;
            links.check(&entry)?;
            found.push(entry);
        }
    }
    found.retain(|entry| entry.header.seq > after);
    Ok(found)
}

/// Holds entries that follow one another against the chain.
struct Links {
    before: Head,
}

impl Links {
    /// The first entry to be checked is `seq`.
    fn onto(connection: &Connection, seq: u64) -> Result<Self, StoreError> {
        let before = seq.saturating_sub(1);
        let mut statement = connection.prepare_cached(HASH).map_err(unreadable)?;
        let hash = statement.query_row([signed(before)], |row| bytes32(row, 0)).optional().map_err(unreadable)?;
        if hash.is_none() && before > 0 {
            return Err(altered(&ChainError::Gap { wanted: before, found: seq }));
        }
        Ok(Self { before: Head { seq: before, hash: hash.map(EntryHash).unwrap_or_default() } })
    }

    fn check(&mut self, entry: &StoredEntry) -> Result<(), StoreError> {
        self.before = entry.follows(self.before).map_err(|error| altered(&error))?;
        Ok(())
    }
}

fn altered(error: &ChainError) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

pub(super) fn stream_head(connection: &Connection, stream: &Stream) -> Result<Option<u64>, StoreError> {
    let mut last_run = connection.prepare_cached(LAST_RUN).map_err(unreadable)?;
    let start: Option<i64> =
        last_run.query_row((stream.key(), &*stream.0), |row| row.get(0)).optional().map_err(unreadable)?;
    let Some(mut head) = start else { return Ok(None) };
    let mut streams = connection.prepare_cached(STREAMS).map_err(unreadable)?;
    let mut rows = streams.query([head]).map_err(unreadable)?;
    while let Some(row) = rows.next().map_err(unreadable)? {
        if text(row, 1).map_err(unreadable)? != &*stream.0 {
            break;
        }
        head = row.get(0).map_err(unreadable)?;
    }
    Ok(Some(unsigned(head)))
}

pub(super) fn recorded(connection: &Connection, key: &DedupKey) -> Result<Option<u64>, StoreError> {
    let mut statement = connection.prepare_cached(RECORDED).map_err(unreadable)?;
    let seq = statement.query_row([&key.as_bytes()[..]], |row| row.get(0)).optional().map_err(unreadable)?;
    Ok(seq.map(unsigned))
}

pub(super) fn body_bytes(connection: &Connection) -> Result<u64, StoreError> {
    let end = head(connection)?.seq;
    let (mut next, mut bytes) = (1, 0);
    while next <= end {
        let mut statement = connection.prepare_cached(BODY_BYTES).map_err(unreadable)?;
        let range = (signed(next), signed(next + COUNTED - 1));
        bytes += unsigned(statement.query_row(range, |row| row.get(0)).map_err(unreadable)?);
        next += COUNTED;
    }
    Ok(bytes)
}

/// What an error of a writing transaction means for the frame.
pub(super) fn write_error(error: rusqlite::Error) -> StoreError {
    let rusqlite::Error::SqliteFailure(failure, _) = &error else { return unreadable(error) };
    match (failure.code, failure.extended_code) {
        // The shared-memory index of the WAL could not grow: for want of space as well.
        (ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE) => StoreError::Full,
        _ if is_of_sync(&error) => StoreError::SyncFailed(error.to_string()),
        (ErrorCode::SystemIoFailure | ErrorCode::DatabaseBusy, _) => StoreError::Unknown(error.to_string()),
        _ => unreadable(error),
    }
}

/// Whether the disk did not confirm what was written to it.
pub(super) fn is_of_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|failure| failure.extended_code);
    matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
pub(super) fn unreadable(error: rusqlite::Error) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

/// SQLite's integers are signed; a log of more than 2^63 entries is out of reach.
pub(super) fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let dedup: Option<[u8; 32]> = row.get(5)?;
    let header = EntryHeader {
        version: row.get(1)?,
        seq: unsigned(row.get(0)?),
        stream: Stream(text(row, 3)?.into()),
        time: Timestamp::from_millis(row.get(2)?),
        kind: text(row, 4)?.into(),
        dedup: dedup.map(DedupKey::from_bytes),
        body_hash: bytes32(row, 6)?,
    };
    let body = match (row.get_ref(8)?, row.get_ref(9)?) {
        (ValueRef::Null, _) | (_, ValueRef::Null) => None,
        (_, body) => Some((bytes32(row, 8)?, body.as_blob()?.into())),
    };
    Ok(Stored { stream_key: row.get(10)?, entry: StoredEntry { header, hash: EntryHash(bytes32(row, 7)?), body } })
}

fn text<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<&'row str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn bytes32(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 32]> {
    row.get(column)
}
