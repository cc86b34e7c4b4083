//! What only the whole file shows: an index that is not its table, accounts that are not what they were, and a write-ahead
//! log that SQLite would recover less of than was acknowledged.

use std::{fs, path::Path};

use rosehip_adapters::{
    accounts::{Accounts, NewUser, Role},
    data_dir::{DataDir, DataDirOptions},
    lock::DirLock,
    verify::verify,
    writer::{Writer, WriterOptions},
};
use rosehip_core::{log::Append, time::Timestamp};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{key, keyed};

/// A host that runs: it has appended three times, and has a user.
struct Running {
    dir: TempDir,
    _lock: DirLock,
    _accounts: Accounts,
    writer: Writer,
}

fn running() -> Running {
    let dir = tempfile::tempdir().expect("a directory");
    let opened = DataDir::open(dir.path(), &DataDirOptions::default()).expect("opened");
    let DataDir { lock, log, accounts, .. } = opened;
    for (name, role) in [("ann", Role::Editor), ("ben", Role::Operator), ("cem", Role::Author)] {
        let (actor, password, now) = ("site".parse().expect("a name"), "correct horse", Timestamp::from_millis(1));
        accounts.add_user(NewUser { name, role, actor: &actor, password, now }).expect("added");
    }
    let writer = Writer::start(log, WriterOptions::default()).expect("started");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for n in 1..=3 {
        let append = Append::unconditional(vec![keyed("a", key(n))]);
        runtime.block_on(writer.append(append)).expect("appended");
    }
    Running { dir, _lock: lock, _accounts: accounts, writer }
}

/// What a host leaves that is killed.
fn killed() -> TempDir {
    let running = running();
    let left = tempfile::tempdir().expect("a directory");
    for name in ["log.db", "log.db-wal", "accounts.db", "accounts.db-wal", "keys/host.key"] {
        let to = left.path().join(name);
        fs::create_dir_all(to.parent().expect("the directory")).expect("made");
        fs::copy(running.dir.path().join(name), to).expect("copied");
    }
    running.writer.stop();
    left
}

fn stopped() -> TempDir {
    let running = running();
    running.writer.stop();
    let Running { dir, .. } = running;
    dir
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("read");
    change(&mut bytes);
    fs::write(path, bytes).expect("written");
}

/// Turns a bit of a value on the first page of a table or an index.
fn turn(dir: &TempDir, file: &str, name: &str, value: &[u8]) {
    let path = dir.path().join(file);
    let connection = Connection::open(&path).expect("opened");
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: usize = connection.query_row(root, [name], |row| row.get(0)).expect("a page");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("folded in");
    drop(connection);
    change(&path, |bytes| {
        let at = bytes[(page - 1) * 4_096..page * 4_096].windows(value.len()).position(|found| found == value);
        bytes[(page - 1) * 4_096 + at.expect("it stands there")] ^= 1;
    });
}

#[test]
fn an_index_of_the_log_that_is_not_its_table_is_found() {
    let dir = stopped();
    verify(dir.path(), |_| {}).expect("as it was written");
    turn(&dir, "index.db", "records", &[2; 8]);
    let found = verify(dir.path(), |_| {}).expect_err("damaged").to_string();
    assert!(found.contains("index.db is damaged: entry ") && found.contains("is not found in its records"), "{found}");
}

#[test]
fn a_value_of_the_accounts_that_is_another_is_found() {
    let dir = stopped();
    turn(&dir, "accounts.db", "users", b"editor");
    let found = verify(dir.path(), |_| {}).expect_err("damaged").to_string();
    assert!(found.contains("accounts.db is damaged: ") && found.contains("users_twice"), "{found}");
}

#[test]
fn a_write_ahead_log_that_is_damaged_is_refused_by_a_start_and_found_by_verify() {
    for name in ["log.db-wal", "accounts.db-wal"] {
        let dir = killed();
        change(&dir.path().join(name), |bytes| bytes[32 + 24 + 100] ^= 1);
        let found = verify(dir.path(), |_| {}).expect_err("damaged").to_string();
        let refused = DataDir::open(dir.path(), &DataDirOptions::default()).expect_err("refused").to_string();
        for told in [found, refused] {
            assert!(told.contains(&format!("{name}: frame 1 is damaged and ")), "{told}");
        }
    }
}
