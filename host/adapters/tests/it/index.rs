//! The index beside a log: what it has, what it lacks, and what it is not.

use std::{collections::BTreeMap, fs, path::Path};

use rosehip_adapters::{
    store::{SqliteLog, SqliteOptions, SqliteReader},
    verify::verify,
};
use rosehip_core::{
    log::{Draft, Frame},
    ports::{LogReader, LogStore as _},
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{draft, key, keyed, stream};

/// Entries that the index takes in at once.
const GENERATION: u64 = 7;
/// Three streams in turn, with runs of one, two and three entries.
const STREAMS: [&str; 6] = ["a", "b", "b", "c", "c", "c"];

fn open(dir: &Path) -> SqliteLog {
    let options = SqliteOptions { generation: Some(GENERATION), ..SqliteOptions::default() };
    SqliteLog::open(&dir.join("log.db"), &options).expect("opened")
}

/// Appends the entries of these places, two a commit.
fn append(log: &mut SqliteLog, places: impl Iterator<Item = u8>) {
    let drafts: Vec<Draft> = places.map(|n| keyed(STREAMS[usize::from(n) % STREAMS.len()], key(n))).collect();
    for two in drafts.chunks(2) {
        let mut frame = Frame::after(log.head().expect("a head"));
        for draft in two {
            frame.push(draft.clone(), [1; 32]);
        }
        log.append(&frame).expect("committed");
    }
}

/// Whoever reads finds each of `entries` entries, and no others.
#[track_caller]
fn assert_found(reader: &impl LogReader, entries: u8) {
    let mut of: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for n in 0..entries {
        assert_eq!(reader.recorded(&key(n)).expect("read"), Some(u64::from(n) + 1), "key {n} of {entries}");
        of.entry(STREAMS[usize::from(n) % STREAMS.len()]).or_default().push(u64::from(n) + 1);
    }
    assert_eq!(reader.recorded(&key(entries)).expect("read"), None);
    for (name, seqs) in of {
        let found: Vec<u64> =
            reader.stream(&stream(name), 0).expect("read").iter().map(|entry| entry.header.seq).collect();
        assert_eq!(found, seqs, "stream {name} of {entries}");
        assert_eq!(reader.stream_head(&stream(name)).expect("read"), seqs.last().copied());
    }
}

fn rows(dir: &Path, sql: &str) -> u64 {
    let index = Connection::open(dir.join("index.db")).expect("opened");
    index.query_row(sql, [], |row| row.get(0)).expect("a number")
}

fn change(dir: &Path, sql: &str) {
    let index = Connection::open(dir.join("index.db")).expect("opened");
    assert!(index.execute(sql, []).expect("changed") > 0);
}

/// A directory with so many entries, all of which the index has.
fn indexed(entries: u8) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    append(&mut open(dir.path()), 0..entries);
    assert_eq!(rows(dir.path(), "SELECT covered FROM extent"), u64::from(entries));
    dir
}

#[test]
fn whoever_reads_finds_what_the_index_has_and_what_it_lacks() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = open(dir.path());
    let (beside, alone) = (log.readers().open().expect("opened"), SqliteReader::open(&dir.path().join("log.db")));
    let alone = alone.expect("opened");
    for n in (0..60).step_by(2) {
        append(&mut log, n..n + 2);
        assert_found(&log, n + 2);
        assert_found(&beside, n + 2);
        assert_found(&alone, n + 2);
        assert_found(&SqliteReader::open(&dir.path().join("log.db")).expect("opened"), n + 2);
    }
    drop(log);
    assert_eq!(rows(dir.path(), "SELECT covered FROM extent"), 60);
    let mut log = open(dir.path());
    assert_found(&log, 60);
    append(&mut log, 60..70);
    assert_found(&log, 70);
    assert_found(&log.readers().open().expect("opened"), 70);
}

#[test]
fn an_index_that_is_gone_cut_short_or_no_database_is_built_anew() {
    for damage in 0..3 {
        let dir = indexed(40);
        let file = dir.path().join("index.db");
        match damage {
            0 => fs::remove_file(&file).expect("removed"),
            1 => fs::write(&file, "nothing of the kind").expect("written"),
            _ => {
                change(dir.path(), "UPDATE extent SET covered = 14");
                change(dir.path(), "DELETE FROM runs WHERE seq > 20");
                change(dir.path(), "DELETE FROM records WHERE seq > 14 AND seq % 3 = 0");
            }
        }
        let log = SqliteReader::open(&dir.path().join("log.db")).expect("opened");
        assert_found(&log, 40);
        assert_found(&open(dir.path()), 40);
        verify(dir.path(), |_| {}).expect("as it was");
        assert_eq!(rows(dir.path(), "SELECT covered FROM extent"), 40);
    }
}

#[test]
fn an_index_of_another_log_is_told_and_built_anew() {
    let dir = indexed(40);
    let other = tempfile::tempdir().expect("a directory");
    let mut log = open(other.path());
    append(&mut log, (100..140).rev());
    drop(log);
    for name in ["log.db", "log.db-wal", "log.db-shm"] {
        let _ = fs::remove_file(dir.path().join(name));
    }
    fs::copy(other.path().join("log.db"), dir.path().join("log.db")).expect("copied");

    let found = verify(dir.path(), |_| {}).expect_err("refused").to_string();
    assert!(found.contains("index.db is of another log"), "{found}");
    let alone = SqliteReader::open(&dir.path().join("log.db")).expect("opened");
    assert_eq!(alone.recorded(&key(139)).expect("read"), Some(1));
    let log = open(dir.path());
    assert_eq!((log.recorded(&key(100)).expect("read"), log.recorded(&key(1)).expect("read")), (Some(40), None));
    drop(log);
    verify(dir.path(), |_| {}).expect("it is of this one now");
}

#[test]
fn what_the_index_has_too_little_or_too_much_is_found() {
    let damages = [
        ("DELETE FROM runs WHERE seq = 1", "index.db is damaged: entry 1 is not found in its runs"),
        ("DELETE FROM records WHERE seq = 9", "index.db is damaged: entry 9 is not found in its records"),
        ("UPDATE records SET seq = 10 WHERE seq = 9", "index.db is damaged: entry 9 is not found in its records"),
        (
            "INSERT INTO records VALUES (1, 3)",
            "index.db is damaged: records has 41 rows, and 40 entries are found there",
        ),
        ("INSERT INTO runs VALUES (1, 99)", "index.db is damaged: runs has 1 rows, and 0 entries are found there"),
    ];
    for (sql, told) in damages {
        let dir = indexed(40);
        change(dir.path(), sql);
        let found = verify(dir.path(), |_| {}).expect_err(sql).to_string();
        assert!(found.contains(told), "{sql}: {found}");
    }
}

#[test]
fn an_erased_entry_is_found_as_before() {
    let dir = indexed(20);
    let mut log = open(dir.path());
    log.erase(&[2, 3, 17]).expect("erased");
    assert_found(&log, 20);
    let mut frame = Frame::after(log.head().expect("a head"));
    frame.push(draft("a", "{}"), [1; 32]);
    log.append(&frame).expect("committed");
    assert_eq!(log.stream_head(&stream("a")).expect("read"), Some(21));
}
