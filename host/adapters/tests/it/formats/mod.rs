//! Formats: what was ever written is read, what is written is what was, and what is newer is refused.
//!
//! `tests/formats` holds a story, which has every kind of entry, and what the code of its time made of it: the log that is
//! written today (`today.sql`), and a data directory for each older version of a file that it has (`tests/formats/README.md`
//! tells them apart).

mod dump;
mod newer;
mod older;

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use rosehip_adapters::store::{SqliteLog, SqliteOptions};
use rosehip_core::{
    event::Event,
    log::{Frame, Head},
    ports::LogStore as _,
    time::Timestamp,
};
use rusqlite::Connection;
use serde::Deserialize;
use serde_json::Value;

use self::dump::dump;

/// An entry that is to be written.
#[derive(Deserialize)]
struct Told {
    time: i64,
    kind: String,
    body: Value,
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)
}

fn story() -> Vec<(Timestamp, Event)> {
    let lines = fs::read_to_string(file("story.jsonl")).expect("the story");
    let told = lines.lines().map(|line| {
        let Told { time, kind, body } = serde_json::from_str(line).expect("a line of the story");
        let event = Event::decode(&kind, body.to_string().as_bytes()).expect("an event");
        (Timestamp::from_millis(time), event)
    });
    told.collect()
}

/// The story as one frame, with salts that are no chance.
fn frame(after: Head) -> Frame {
    let mut frame = Frame::after(after);
    for (n, (time, event)) in (0..).zip(story()) {
        frame.push(event.draft(time), [n; 32]);
    }
    frame
}

/// What the story's erasure takes.
const ERASED: [u64; 3] = [64, 72, 73];

/// Holds a text against the one that is kept.
fn assert_kept(name: &str, found: &str) {
    if env::var_os("UPDATE_FORMATS").is_some() {
        fs::write(file(name), found).expect("written");
    }
    let kept = fs::read_to_string(file(name)).unwrap_or_default();
    for (line, (found, kept)) in (1..).zip(found.lines().zip(kept.lines())) {
        assert_eq!(found, kept, "tests/formats/{name}, line {line}");
    }
    assert_eq!(found.lines().count(), kept.lines().count(), "lines of tests/formats/{name}");
}

#[test]
fn the_story_has_every_kind_of_entry() {
    let told: BTreeSet<_> = story().iter().map(|(_, event)| event.kind()).collect();
    let missing: Vec<_> = Event::KINDS.iter().filter(|kind| !told.contains(*kind)).collect();
    assert!(missing.is_empty(), "tests/formats/story.jsonl tells of no {missing:?}");
}

/// Tables, columns, headers, bodies, salts and hashes, byte for byte. Logs of this release are in this format: whoever
/// changes it raises a version, keeps what was written before under `tests/formats`, and reads both.
#[test]
fn what_is_written_is_what_was_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("log.db");
    let mut log = SqliteLog::open(&path, &SqliteOptions::default()).expect("opened");
    log.append(&frame(Head::default())).expect("committed");
    log.erase(&ERASED).expect("erased");
    drop(log);
    assert_kept("today.sql", &dump(&Connection::open(&path).expect("opened")));
}
