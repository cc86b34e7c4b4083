//! The log in one SQLite file, `log.db`.
//!
//! [`SqliteLog`] is the writer's side: a frame is one transaction, WAL with `synchronous = FULL`, so that a commit
//! that returned survives `kill -9` and power loss. [`SqliteReader`]s have connections of their own and see committed
//! frames only, while the writer goes on. What entries are found by is in an index beside it, `index.db`.

pub(crate) mod check;
mod index;
mod indexer;
mod log;
mod lookup;
mod places;
mod queries;
mod reader;

pub use check::IndexDamage;
pub use log::{Commits, SqliteLog, SqliteOptions};
pub use reader::{Readers, SqliteReader};

pub use crate::sqlite::{Damage, SchemaError, in_memory};

/// `MIGRATIONS[n]` takes a file from version `n` to `n + 1`. Released ones are never changed.
///
/// Entries are ordered by `seq`, their key. Salt and body stand last, so that headers are read without them. In version 1
/// the file had indexes of its own, and `stream_key` was what entries were found by.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE entries(
        seq INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        time INTEGER NOT NULL,
        stream_key INTEGER,
        stream TEXT NOT NULL,
        kind TEXT NOT NULL,
        dedup BLOB,
        body_hash BLOB NOT NULL,
        hash BLOB NOT NULL,
        salt BLOB,
        body BLOB
    ) STRICT;
    CREATE INDEX entries_by_stream ON entries(stream_key, seq) WHERE stream_key IS NOT NULL;
    CREATE UNIQUE INDEX entries_by_dedup ON entries(dedup) WHERE dedup IS NOT NULL",
    "
    DROP INDEX entries_by_stream;
    DROP INDEX entries_by_dedup;
    ALTER TABLE entries DROP COLUMN stream_key",
];
