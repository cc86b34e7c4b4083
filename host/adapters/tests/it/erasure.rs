//! Erasing: what a crash cut short is completed, what was erased is nowhere, and its room is given back.

use std::{fs, path::Path};

use rosehip_adapters::{
    data_dir::{DataDir, DataDirOptions, log_path},
    store::{SqliteLog, SqliteOptions, SqliteReader},
    verify::verify,
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    erasure::{Grounds, erasures},
    event::{Event, append_of},
    limits::ERASED_RANGES,
    log::{Append, Frame, Head, SeqSet},
    ports::{Compaction, LogReader as _, LogStore as _},
    time::Timestamp,
};
use rusqlite::Connection;

use crate::support::draft;

fn mark(n: usize) -> String {
    format!("<mark-{n:06}>")
}

/// Marks that lie anywhere in the files of a log.
fn marks_in(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for name in ["log.db", "log.db-wal", "log.db-shm"] {
        let bytes = fs::read(dir.join(name)).unwrap_or_default();
        let places = bytes.windows(6).enumerate().filter(|(_, window)| window == b"<mark-");
        found.extend(places.map(|(place, _)| String::from_utf8_lossy(&bytes[place..place + 13]).into_owned()));
    }
    found.sort();
    found.dedup();
    found
}

/// A log of marked bodies whose lengths run from some bytes to several pages.
fn filled(path: &Path, count: usize) -> SqliteLog {
    let mut log = SqliteLog::open(path, &SqliteOptions::default()).expect("opened");
    let mut frame = Frame::after(Head::default());
    for n in 0..count {
        let text = format!("{} {}", mark(n), "y".repeat(n * 7_919 % 9_000));
        frame.push(draft("a", &format!("{text:?}")), [7; 32]);
    }
    log.append(&frame).expect("committed");
    log
}

fn pages(path: &Path) -> u64 {
    fs::metadata(path).expect("a file").len()
}

#[test]
fn no_page_keeps_a_copy_of_what_is_erased_in_any_order() {
    const COUNT: usize = 1_200;
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = filled(&log_path(dir.path()), COUNT);
    // First every third, which moves its neighbours about, then those.
    for step in 0..3 {
        let seqs: Vec<u64> = (0..COUNT as u64).filter(|n| n % 3 == step).map(|n| n + 1).collect();
        log.erase(&seqs).expect("erased");
        log.compact(Compaction::Rewrite).expect("written anew");
        let left: Vec<_> = (0..COUNT).filter(|n| *n as u64 % 3 > step).map(mark).collect();
        assert_eq!(marks_in(dir.path()), left, "after step {step}");
    }
    assert!(log.read(1, COUNT).expect("read").iter().all(|entry| entry.body.is_none()));
}

#[test]
fn room_is_given_back_in_steps_while_entries_stay() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = log_path(dir.path());
    let mut log = filled(&path, 1_000);
    log.compact(Compaction::Some(0)).expect("folded in");
    let full = pages(&path);
    let head = log.head().expect("a head");
    log.erase(&(1..=900).collect::<Vec<_>>()).expect("erased");
    let some = log.compact(Compaction::Some(1 << 20)).expect("given back");
    assert!(some.free > 0 && some.bytes < full, "{some:?} of {full}");
    let all = log.compact(Compaction::Some(u64::MAX)).expect("given back");
    assert!(all.free == 0 && all.bytes < full / 3, "{all:?} of {full}");
    assert_eq!(pages(&path), all.bytes);
    assert_eq!(log.head().expect("a head"), head);
    let kept = SqliteReader::open(&path).expect("opened").read(901, 200).expect("read");
    assert!(kept.len() == 100 && kept.iter().all(|entry| entry.body.is_some()));
}

/// Files of before room could be given back in steps.
#[test]
fn an_older_file_gives_room_back_once_it_is_written_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = log_path(dir.path());
    drop(filled(&path, 300));
    Connection::open(&path).expect("opened").execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").expect("as it was");
    let mut log = SqliteLog::open(&path, &SqliteOptions::default()).expect("opened");
    log.erase(&(1..=200).collect::<Vec<_>>()).expect("erased");
    let stuck = log.compact(Compaction::Some(u64::MAX)).expect("tried");
    assert!(stuck.free > 0);
    let anew = log.compact(Compaction::Rewrite).expect("written anew");
    assert!(anew.free == 0 && anew.bytes < stuck.bytes);
    log.erase(&(201..=280).collect::<Vec<_>>()).expect("erased");
    assert_eq!(log.compact(Compaction::Some(u64::MAX)).expect("given back").free, 0);
}

#[tokio::test]
async fn an_erasure_that_was_cut_short_is_completed_when_the_directory_is_opened() {
    let dir = tempfile::tempdir().expect("a directory");
    let count = 2 * ERASED_RANGES as u64 + 3;
    let open = || DataDir::open(dir.path(), &DataDirOptions::default()).expect("opened");
    let start = |opened: DataDir| {
        let options = WriterOptions { signer: Some(opened.signer), ..WriterOptions::default() };
        (opened.lock, Writer::start(opened.log, options).expect("started"))
    };
    let (lock, writer) = start(open());
    for _ in 0..count.div_ceil(500) {
        writer.append(Append::unconditional(vec![draft("a", "\"<mark-000000>\""); 1_000])).await.expect("appended");
    }
    // Every other one, so that it takes three entries to name them.
    let seqs: SeqSet = (1..=count).map(|n| 2 * n - 1).collect();
    let grounds = Grounds { reason: "asked for".into(), about: "object Note/1".into(), by: None };
    let parts = erasures(&seqs, &[], &grounds);
    assert_eq!(parts.len(), 3);
    writer.append(append_of(Timestamp::default(), parts.into_iter().map(Event::from).collect())).await.expect("named");
    writer.erase(vec![1, 3, 5]).await.expect("erased");
    writer.stop();
    drop((writer, lock));
    let report = verify(dir.path(), |_| {}).expect("verified");
    assert_eq!((report.erased, report.unfinished), (3, count - 3));

    drop(open());
    let report = verify(dir.path(), |_| {}).expect("verified");
    assert_eq!((report.erased, report.unfinished), (count, 0));
    let (_lock, writer) = start(open());
    writer.append(Append::unconditional(vec![draft("a", "{}")])).await.expect("it goes on");
    writer.stop();
    assert_eq!(verify(dir.path(), |_| {}).expect("verified").erased, count);
}
