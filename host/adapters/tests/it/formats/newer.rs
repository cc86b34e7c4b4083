//! What a newer release wrote is refused by its version, and left as it is.

use std::fs;

use rosehip_adapters::{
    data_dir::{DataDir, DataDirOptions, log_path},
    store::{SqliteLog, SqliteOptions, SqliteReader},
    verify::verify,
    views::{Projector, views_path},
};
use rosehip_core::{
    event::{Event, HostStopped, Record},
    log::{FORMAT_VERSION, Frame},
    ports::{LogReader as _, LogStore as _},
    time::Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{ERASED, frame};

/// A data directory of today.
fn today() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut opened = DataDir::open(dir.path(), &DataDirOptions::default()).expect("opened");
    opened.log.append(&frame(opened.head)).expect("committed");
    opened.log.erase(&ERASED).expect("erased");
    drop(Projector::open(&views_path(dir.path()), &opened.log).expect("folded"));
    dir
}

fn raise(dir: &TempDir, name: &str, to: u32) {
    let connection = Connection::open(dir.path().join(name)).expect("opened");
    connection.pragma_update(None, "user_version", to).expect("raised");
}

fn refusal(dir: &TempDir) -> String {
    DataDir::open(dir.path(), &DataDirOptions::default()).expect_err("refused").to_string()
}

#[test]
fn a_log_or_accounts_of_a_newer_release_are_refused_by_both_versions_and_left_alone() {
    for (name, newer, known) in [("log.db", 3, 2), ("accounts.db", 3, 2)] {
        let dir = today();
        raise(&dir, name, newer);
        let before = fs::read(dir.path().join(name)).expect("read");
        let refusal = refusal(&dir);
        let versions =
            format!("{name} has schema version {newer}, this release knows versions up to {known}: use a newer");
        assert!(refusal.contains(&versions), "{refusal}");
        assert_eq!(fs::read(dir.path().join(name)).expect("read"), before, "{name} was changed");
    }
}

#[test]
fn an_entry_of_a_newer_format_is_refused_by_every_reader() {
    let dir = today();
    let path = log_path(dir.path());
    let mut log = SqliteLog::open(&path, &SqliteOptions::default()).expect("opened");
    let head = log.head().expect("read");
    let mut frame = Frame::after(head);
    frame.push(Event::from(HostStopped {}).draft(Timestamp::from_millis(1_900_000_000_000)), [1; 32]);
    let entry = &mut frame.entries[0];
    entry.header.version = FORMAT_VERSION + 1;
    entry.hash = entry.header.hash_after(head.hash);
    log.append(&frame).expect("committed");
    let words = format!(
        "entry {} has format version {}, this release reads versions up to {FORMAT_VERSION}",
        head.seq + 1,
        FORMAT_VERSION + 1
    );
    let read = log.read(head.seq + 1, 1).expect_err("refused").to_string();
    drop(log);
    let verified = verify(dir.path(), |_| {}).expect_err("refused").to_string();
    let reader = SqliteReader::open(&path).expect("opened");
    let folded = Projector::open(&views_path(dir.path()), &reader).err().expect("refused").to_string();
    for refusal in [read, verified, folded, refusal(&dir)] {
        assert!(refusal.contains(&words), "{refusal}");
    }
}

#[test]
fn an_entry_of_a_kind_that_is_not_known_is_named() {
    let dir = today();
    let mut log = SqliteLog::open(&log_path(dir.path()), &SqliteOptions::default()).expect("opened");
    let head = log.head().expect("read");
    let mut frame = Frame::after(head);
    let mut draft = Event::from(HostStopped {}).draft(Timestamp::from_millis(1_900_000_000_000));
    draft.kind = "flow.dreamt".into();
    frame.push(draft, [1; 32]);
    log.append(&frame).expect("committed");
    let entry = log.read(head.seq + 1, 1).expect("it is chained").remove(0);
    let refusal = Record::read(&entry).expect_err("refused").to_string();
    assert_eq!(refusal, "an entry of kind flow.dreamt cannot be read: this release knows no such kind");
    let folded = Projector::open(&views_path(dir.path()), &log).err().expect("refused").to_string();
    assert!(folded.contains("flow.dreamt"), "{folded}");
}

#[test]
fn a_signed_head_of_a_newer_release_is_refused() {
    let dir = today();
    let path = dir.path().join("head.json");
    fs::write(&path, r#"{"v":2,"seq":1,"hash":"","signature":""}"#).expect("written");
    assert!(refusal(&dir).contains("its version is not 1"), "{}", refusal(&dir));
}

/// Views hold nothing that the log does not: of whatever version they are, they are built anew.
#[test]
fn views_of_a_newer_release_are_built_anew() {
    let dir = today();
    let known: u32 = {
        let connection = Connection::open(views_path(dir.path())).expect("opened");
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version")
    };
    raise(&dir, "views.db", known + 1);
    let reader = SqliteReader::open(&log_path(dir.path())).expect("opened");
    drop(Projector::open(&views_path(dir.path()), &reader).expect("folded"));
    assert_eq!(rosehip_adapters::views::check(dir.path()).expect("the same"), Some(reader.head().expect("read").seq));
}
