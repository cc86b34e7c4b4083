//! The file of the views: its tables, and when it is thrown away.

use std::{fs, io, path::Path};

use rosehip_core::{
    log::Head,
    ports::{LogReader, StoreError},
};
use rusqlite::{Connection, OptionalExtension};

use super::ViewError;
use crate::sqlite::{self, Access};

/// `flows.is_open`: the host has nothing left to do for the flow.
pub(super) const ENDED: u8 = 0;
/// It has.
pub(super) const OPEN: u8 = 1;
/// It has, but not before a wait ends: the flow's last entry suspended it.
pub(super) const RESTS: u8 = 2;

/// Raised whenever a table or a fold changes: older views are rebuilt, not migrated.
const VERSION: u32 = 16;

/// Pages that the connection that folds keeps at hand, in KiB. More costs more than it saves: where a B-tree is balanced, SQLite
/// gives a page the number of its lock byte for a moment, for which the next commit goes through all pages that are
/// cached (`sqlite3PcacheTruncate`).
const CACHE_KIB: i64 = 16 << 10;

pub(super) const TABLES: &str = "
CREATE TABLE position(id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
INSERT INTO position VALUES (1, 0, '');
CREATE TABLE objects(
    key TEXT PRIMARY KEY, seq INTEGER NOT NULL, is_published INTEGER NOT NULL, is_draft INTEGER NOT NULL,
    published_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX published ON objects(published_seq) WHERE is_published = 1;
CREATE INDEX drafts ON objects(seq) WHERE is_draft = 1;
CREATE INDEX images ON objects(seq) WHERE key GLOB 'Image/*';
CREATE TABLE slugs(slug TEXT PRIMARY KEY, key TEXT NOT NULL, is_current INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX slugs_by_key ON slugs(key);
CREATE TABLE tags(
    tag TEXT NOT NULL, published_seq INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (tag, published_seq, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_key ON tags(key);
CREATE TABLE activities(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, token TEXT NOT NULL, cid TEXT NOT NULL, matched_by INTEGER,
    owner TEXT NOT NULL, box TEXT NOT NULL, is_public INTEGER NOT NULL, about TEXT, root TEXT,
    actor TEXT
) STRICT;
CREATE INDEX activities_by_box ON activities(owner, box, seq);
CREATE INDEX activities_public ON activities(owner, box, seq) WHERE is_public = 1;
CREATE INDEX activities_by_actor ON activities(owner, actor, seq) WHERE actor IS NOT NULL;
CREATE INDEX activities_about ON activities(about) WHERE is_public = 1 AND about IS NOT NULL;
CREATE TABLE boxes(
    owner TEXT NOT NULL, box TEXT NOT NULL, count INTEGER NOT NULL, public INTEGER NOT NULL, PRIMARY KEY (owner, box)
) STRICT, WITHOUT ROWID;
CREATE TABLE actors(name TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE remote_actors(
    id TEXT PRIMARY KEY, peer TEXT NOT NULL, inbox TEXT NOT NULL, shared_inbox TEXT, learned_at INTEGER NOT NULL,
    row TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE follows(
    owner TEXT NOT NULL, side TEXT NOT NULL, actor TEXT NOT NULL, follow TEXT NOT NULL, state TEXT NOT NULL,
    seq INTEGER NOT NULL, PRIMARY KEY (owner, side, actor)
) STRICT, WITHOUT ROWID;
CREATE INDEX follows_by_state ON follows(owner, side, state, seq);
CREATE INDEX follows_by_actor ON follows(actor);
CREATE INDEX follows_by_id ON follows(owner, side, follow);
CREATE TABLE blocks(
    owner TEXT NOT NULL, actor TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (owner, actor)
) STRICT, WITHOUT ROWID;
CREATE TABLE blocked_peers(peer TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE received(
    owner TEXT NOT NULL, object TEXT NOT NULL, actor TEXT NOT NULL, is_gone INTEGER NOT NULL, seq INTEGER NOT NULL,
    PRIMARY KEY (owner, object)
) STRICT, WITHOUT ROWID;
CREATE TABLE remarks(
    seq INTEGER PRIMARY KEY, owner TEXT NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, peer TEXT NOT NULL,
    id TEXT NOT NULL, target TEXT, is_open INTEGER NOT NULL, is_news INTEGER NOT NULL, is_notice INTEGER NOT NULL,
    said INTEGER NOT NULL, is_gone INTEGER NOT NULL, stands INTEGER NOT NULL, is_shown INTEGER NOT NULL
) STRICT;
CREATE INDEX remarks_by_id ON remarks(actor, id, kind, seq);
CREATE INDEX remarks_by_target ON remarks(actor, target, kind, stands, seq) WHERE target IS NOT NULL;
CREATE INDEX remarks_shown ON remarks(target, kind, seq) WHERE is_shown = 1;
CREATE INDEX remarks_news ON remarks(owner, seq) WHERE is_news = 1 AND is_gone = 0;
CREATE INDEX remarks_notices ON remarks(owner, seq) WHERE is_notice = 1 AND is_gone = 0;
CREATE INDEX remarks_moves ON remarks(seq) WHERE kind = 'move';
CREATE TABLE unaddressed(seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE deliveries(
    place INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, activity INTEGER NOT NULL, owner TEXT NOT NULL,
    peer TEXT NOT NULL, is_actor INTEGER NOT NULL, url TEXT NOT NULL, about INTEGER NOT NULL, status TEXT NOT NULL,
    attempts INTEGER NOT NULL, rejected INTEGER NOT NULL, unreachable INTEGER NOT NULL, silent_since INTEGER,
    next_at INTEGER, error TEXT, recipients INTEGER NOT NULL, answered INTEGER, changed INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_by_activity ON deliveries(activity, place);
CREATE INDEX deliveries_by_peer ON deliveries(peer, place);
CREATE INDEX deliveries_by_about ON deliveries(peer, about, place);
CREATE INDEX deliveries_by_status ON deliveries(peer, status, place);
CREATE INDEX deliveries_open ON deliveries(place) WHERE status IN ('queued', 'retrying');
CREATE TABLE peers(
    peer TEXT PRIMARY KEY, queued INTEGER NOT NULL, retrying INTEGER NOT NULL, delivered INTEGER NOT NULL,
    dead INTEGER NOT NULL, delivered_at INTEGER, error TEXT, failed_at INTEGER, silent_since INTEGER, scheme TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX activities_by_token ON activities(token);
CREATE INDEX activities_by_cid ON activities(cid);
CREATE INDEX activities_unmatched ON activities(seq) WHERE matched_by IS NULL;
CREATE TABLE flows(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, behavior TEXT NOT NULL, object TEXT,
    slug TEXT, owner TEXT NOT NULL, activity TEXT NOT NULL, is_open INTEGER NOT NULL, row TEXT NOT NULL,
    started INTEGER NOT NULL, cause TEXT, cause_effect TEXT, waits_since INTEGER, marks TEXT NOT NULL,
    root TEXT
) STRICT;
CREATE INDEX flows_by_status ON flows(status, seq);
CREATE INDEX flows_by_behavior ON flows(behavior, seq);
CREATE INDEX flows_by_object ON flows(object, seq);
CREATE INDEX flows_by_activity ON flows(activity, seq);
CREATE INDEX flows_by_cause ON flows(cause, seq) WHERE cause IS NOT NULL;
CREATE INDEX flows_open ON flows(is_open, seq) WHERE is_open > 0;
CREATE INDEX flows_waiting ON flows(waits_since) WHERE waits_since IS NOT NULL;
CREATE TABLE flow_marks(mark TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (mark, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE modules(digest TEXT PRIMARY KEY, flows INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE roots(
    root TEXT PRIMARY KEY, flows INTEGER NOT NULL, activities INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE effects(
    id TEXT PRIMARY KEY, flow TEXT NOT NULL, kind TEXT NOT NULL, destination TEXT, stuck TEXT, stuck_at INTEGER, error TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX effects_stuck ON effects(stuck_at) WHERE stuck_at IS NOT NULL;
CREATE TABLE recorded_minutes(
    behavior TEXT NOT NULL, kind TEXT NOT NULL, minute INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (behavior, kind, minute)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit(
    seq INTEGER PRIMARY KEY, what TEXT NOT NULL, actor TEXT, user TEXT, is_own INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_what ON audit(what, seq);
CREATE INDEX audit_by_actor ON audit(actor, seq);
CREATE TABLE tallies(status TEXT PRIMARY KEY, flows INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE behavior_entries(seq INTEGER PRIMARY KEY) STRICT;
";

/// Opens the views for writing. Views of another release, damaged ones and ones that stand at an entry the log
/// does not have are thrown away and begun anew.
pub(super) fn open(path: &Path, log: &impl LogReader) -> Result<(Connection, Head), ViewError> {
    if let Ok(connection) = open_file(path)
        && let Ok(true) = is_of_this_release(&connection)
        && let Some(head) = position(&connection, log)?
    {
        return Ok((connection, head));
    }
    remove(path)?;
    let connection = open_file(path)?;
    connection.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
    Ok((connection, Head::default()))
}

/// Opens the views for reading beside their writer.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, rusqlite::Error> {
    sqlite::connect(path, Access::Read)
}

/// Whether the views have the tables that this release folds into.
pub(super) fn is_of_this_release(connection: &Connection) -> Result<bool, rusqlite::Error> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0))? == VERSION)
}

fn open_file(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = sqlite::connect(path, Access::Write)?;
    // A power cut may lose the last commits, which are folded again, but leaves the file whole.
    // Pages of the indexes change again and again: a long write-ahead log folds each into the file once.
    sqlite::use_wal(&connection, path)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection
        .execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 16384; PRAGMA secure_delete = ON;")?;
    Ok(connection)
}

/// Where the views stand, if the log has that very entry.
pub(super) fn position(connection: &Connection, log: &impl LogReader) -> Result<Option<Head>, StoreError> {
    let stored = connection
        .query_row("SELECT seq, hash FROM position", [], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)))
        .optional();
    let Ok(Some((seq, hash))) = stored else { return Ok(None) };
    if seq == 0 {
        return Ok(Some(Head::default()));
    }
    let entry = log.read(seq, 1)?.into_iter().next().filter(|entry| entry.header.seq == seq);
    Ok(entry.filter(|entry| entry.hash.to_string() == hash).map(|entry| Head { seq, hash: entry.hash }))
}

/// Removes the file and what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), rusqlite::Error> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(rusqlite::Error::ToSqlConversionFailure(Box::new(error))),
        }
    }
    Ok(())
}
