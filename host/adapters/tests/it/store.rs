//! The SQLite log.

use std::fs;

use rosehip_adapters::store::{SchemaError, SqliteLog, SqliteOptions, SqliteReader};
use rosehip_core::{
    log::{Frame, Head},
    ports::{LogReader as _, LogStore as _, StoreError},
};
use tempfile::TempDir;

use crate::{
    contract::{Subject, log_store_contract},
    support::draft,
};

struct Sqlite {
    dir: TempDir,
    log: SqliteLog,
}

impl Sqlite {
    fn new() -> Self {
        Self::over(tempfile::tempdir().expect("a directory"))
    }

    fn over(dir: TempDir) -> Self {
        let log = SqliteLog::open(&dir.path().join("log.db"), &SqliteOptions::default()).expect("opened");
        Self { dir, log }
    }
}

impl Subject for Sqlite {
    type Store = SqliteLog;
    type Reader = SqliteReader;

    fn store(&mut self) -> &mut SqliteLog {
        &mut self.log
    }

    fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.dir.path().join("log.db")).expect("opened")
    }

    fn reopen(self) -> Self {
        let Self { dir, log } = self;
        drop(log);
        Self::over(dir)
    }
}

#[test]
fn the_sqlite_log_keeps_the_contract() {
    log_store_contract(Sqlite::new);
}

fn frame(after: Head, body: &str) -> Frame {
    let mut frame = Frame::after(after);
    frame.push(draft("a", body), [1; 32]);
    frame
}

/// The files as they lie while the process runs are what a `kill -9` leaves.
#[test]
fn a_log_that_was_not_closed_is_whole() {
    let mut subject = Sqlite::new();
    subject.log.append(&frame(Head::default(), "{}")).expect("committed");
    let left = tempfile::tempdir().expect("a directory");
    for name in ["log.db", "log.db-wal"] {
        fs::copy(subject.dir.path().join(name), left.path().join(name)).expect("copied");
    }
    let head = Sqlite::over(left).log.head().expect("a head");
    assert_eq!(head, subject.log.head().expect("a head"));
    assert_eq!(head.seq, 1);
}

#[test]
fn a_full_disk_refuses_the_frame_and_reads_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("log.db");
    let mut log = SqliteLog::open(&path, &SqliteOptions { max_page_count: Some(20), ..SqliteOptions::default() })
        .expect("opened");
    let body = "x".repeat(30_000);
    let mut last = Ok(());
    while last.is_ok() {
        let head = log.head().expect("a head");
        last = log.append(&frame(head, &body));
    }
    assert!(matches!(last, Err(StoreError::Full)), "{last:?}");
    let head = log.head().expect("a head");
    assert!(head.seq > 0);
    assert_eq!(SqliteReader::open(&path).expect("opened").read(1, 100).expect("read").len() as u64, head.seq);
}

#[test]
fn erased_bytes_are_in_none_of_the_files() {
    let mut subject = Sqlite::new();
    let secret = "the name of a person";
    subject.log.append(&frame(Head::default(), secret)).expect("committed");
    let holds = |name: &str| {
        let bytes = fs::read(subject.dir.path().join(name)).unwrap_or_default();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    assert!(holds("log.db") || holds("log.db-wal"));
    subject.log.erase(&[1]).expect("erased");
    assert!(!holds("log.db") && !holds("log.db-wal"));
}

#[test]
fn a_backup_is_taken_while_the_log_is_open() {
    let mut subject = Sqlite::new();
    subject.log.append(&frame(Head::default(), "{}")).expect("committed");
    let target = subject.dir.path().join("copy.db");
    for _ in 0..2 {
        subject.reader().back_up(&target).expect("copied");
    }
    let copy = SqliteReader::open(&target).expect("opened");
    assert_eq!(copy.head().expect("a head"), subject.log.head().expect("a head"));
}

#[test]
fn a_log_of_a_newer_release_is_refused_and_left_alone() {
    let subject = Sqlite::new();
    let path = subject.dir.path().join("log.db");
    drop(subject.log);
    rusqlite::Connection::open(&path).expect("opened").pragma_update(None, "user_version", 9).expect("set");
    let before = fs::read(&path).expect("read");
    let error = SqliteLog::open(&path, &SqliteOptions::default()).expect_err("refused");
    assert!(matches!(error, SchemaError::Newer { found: 9, known: 2, .. }), "{error}");
    assert!(SqliteReader::open(&path).is_err());
    assert_eq!(fs::read(&path).expect("read"), before);
}

/// Whoever reads an entry gets what was written, whatever column was changed.
#[test]
fn an_entry_that_was_altered_is_refused_by_whoever_reads_it() {
    let changes = ["time = 1", "kind = 'other'", "salt = zeroblob(32)", "body = x'00'", "hash = zeroblob(32)"];
    for change in changes {
        let mut subject = Sqlite::new();
        for n in 0..3 {
            let head = subject.log.head().expect("a head");
            subject.log.append(&frame(head, &format!("{{\"n\":{n}}}"))).expect("committed");
        }
        let other = rusqlite::Connection::open(subject.dir.path().join("log.db")).expect("opened");
        other.execute(&format!("UPDATE entries SET {change} WHERE seq = 2"), []).expect("altered");
        let reader = subject.reader();
        for read in [reader.read(2, 1), reader.read(1, 10), reader.stream(&draft("a", "").stream, 0)] {
            let error = read.expect_err(change).to_string();
            assert!(error.contains("entry 2: ") || error.contains("entry 3: "), "{change}: {error}");
        }
        assert_eq!(reader.read(1, 1).expect("it is whole").len(), 1);
    }
}
