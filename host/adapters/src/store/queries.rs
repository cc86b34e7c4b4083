//! Reading entries from a connection, for the writer's side and the readers alike.
//!
//! What a disk gives back is not taken on trust: an entry is handed out only if its header hashes onto the entry before
//! and its body onto its header. Where to look is told by `lookup.rs`; what its index leaves out is not seen, and `verify` holds
//! that against the table.

use rosehip_core::{
    ids::DedupKey,
    log::{ChainError, EntryHash, EntryHeader, Head, StoredEntry, Stream},
    ports::StoreError,
    time::Timestamp,
};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, ffi, types::ValueRef};

const HEAD: &str = "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1";
const READ: &str = "SELECT seq, version, time, stream, kind, dedup, body_hash, hash, salt, body
    FROM entries WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
const HASH: &str = "SELECT hash FROM entries WHERE seq = ?1";
const STREAMS: &str = "SELECT seq, stream FROM entries WHERE seq >= ?1 ORDER BY seq";
const RUN: &str = "SELECT seq, version, time, stream, kind, dedup, body_hash, hash, salt, body
    FROM entries WHERE seq >= ?1 ORDER BY seq";
const DEDUP: &str = "SELECT dedup FROM entries WHERE seq = ?1";
const LIST: &str = "SELECT seq, stream, dedup, hash FROM entries WHERE seq > ?1 AND seq <= ?2 ORDER BY seq";
const BODY_BYTES: &str = "SELECT coalesce(sum(length(body)), 0) FROM entries WHERE seq BETWEEN ?1 AND ?2";
/// Entries whose bodies are counted in one statement: a longer one would hold up checkpoints.
const COUNTED: u64 = 100_000;

/// What entries are found by, and what they are.
pub(super) struct Listed {
    pub(super) seq: u64,
    pub(super) stream: Stream,
    pub(super) dedup: Option<DedupKey>,
    pub(super) hash: EntryHash,
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
pub(super) fn read(connection: &Connection, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
    let rows = read_unchecked(connection, from, limit)?;
    let Some(first) = rows.first() else { return Ok(rows) };
    let mut links = Links::onto(connection, first.header.seq)?;
    for row in &rows {
        links.check(row)?;
    }
    Ok(rows)
}

/// The same rows as they are stored, for whoever checks them.
pub(super) fn read_unchecked(connection: &Connection, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
    let mut statement = connection.prepare_cached(READ).map_err(unreadable)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map((signed(from), limit), stored).map_err(unreadable)?;
    rows.collect::<Result<_, _>>().map_err(unreadable)
}

/// The entries of a stream after `after`; its runs begin where `starts` says.
pub(super) fn stream(
    connection: &Connection,
    stream: &Stream,
    starts: &[u64],
    after: u64,
) -> Result<Vec<StoredEntry>, StoreError> {
    let mut run = connection.prepare_cached(RUN).map_err(unreadable)?;
    let mut found: Vec<StoredEntry> = Vec::new();
    for start in starts {
        // The run before may have gone on into this one.
        if found.last().is_some_and(|last| last.header.seq >= *start) {
            continue;
        }
        let mut links = Links::onto(connection, *start)?;
        let mut rows = run.query([signed(*start)]).map_err(unreadable)?;
        while let Some(row) = rows.next().map_err(unreadable)? {
            if text(row, 3).map_err(unreadable)? != &*stream.0 {
                break;
            }
            let entry = stored(row).map_err(unreadable)?;
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
        let hash = hash(connection, before)?;
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

/// The last entry of a stream, whose runs begin where `starts` says.
pub(super) fn stream_head(connection: &Connection, stream: &Stream, starts: &[u64]) -> Result<Option<u64>, StoreError> {
    let mut streams = connection.prepare_cached(STREAMS).map_err(unreadable)?;
    for start in starts.iter().rev() {
        let mut rows = streams.query([signed(*start)]).map_err(unreadable)?;
        let mut head = None;
        while let Some(row) = rows.next().map_err(unreadable)? {
            if text(row, 1).map_err(unreadable)? != &*stream.0 {
                break;
            }
            head = Some(unsigned(row.get(0).map_err(unreadable)?));
        }
        // Another stream may have the same key.
        if head.is_some() {
            return Ok(head);
        }
    }
    Ok(None)
}

/// The entry among these that records what has that key.
pub(super) fn recorded(connection: &Connection, key: &DedupKey, among: &[u64]) -> Result<Option<u64>, StoreError> {
    let mut statement = connection.prepare_cached(DEDUP).map_err(unreadable)?;
    for seq in among {
        let found: Option<Option<[u8; 32]>> =
            statement.query_row([signed(*seq)], |row| row.get(0)).optional().map_err(unreadable)?;
        if found.flatten().as_ref() == Some(key.as_bytes()) {
            return Ok(Some(*seq));
        }
    }
    Ok(None)
}

/// The hash of an entry, none where it is not there.
pub(super) fn hash(connection: &Connection, seq: u64) -> Result<Option<[u8; 32]>, StoreError> {
    let mut statement = connection.prepare_cached(HASH).map_err(unreadable)?;
    statement.query_row([signed(seq)], |row| bytes32(row, 0)).optional().map_err(unreadable)
}

/// What the entries after `after` are found by, up to `to`, in order.
pub(super) fn list(connection: &Connection, after: u64, to: u64) -> Result<Vec<Listed>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(unreadable)?;
    let listed = |row: &Row<'_>| {
        let dedup: Option<[u8; 32]> = row.get(2)?;
        Ok(Listed {
            seq: unsigned(row.get(0)?),
            stream: Stream(text(row, 1)?.into()),
            dedup: dedup.map(DedupKey::from_bytes),
            hash: EntryHash(bytes32(row, 3)?),
        })
    };
    let rows = statement.query_map((signed(after), signed(to)), listed).map_err(unreadable)?;
    rows.collect::<Result<_, _>>().map_err(unreadable)
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

pub(super) fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredEntry> {
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
    Ok(StoredEntry { header, hash: EntryHash(bytes32(row, 7)?), body })
}

fn text<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<&'row str> {
    Ok(row.get_ref(column)?.as_str()?)
}

pub(super) fn bytes32(row: &Row<'_>, column: usize) -> rusqlite::Result<[u8; 32]> {
    row.get(column)
}
