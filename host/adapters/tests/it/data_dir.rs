//! A data directory's life: opened, stopped, found cut, accepted.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use rosehip_adapters::{
    data_dir::{DataDir, DataDirOptions, OpenError, log_path},
    head::{HeadError, HeadFile},
    lock::LockError,
    verify::{VerifyError, verify},
    writer::{Writer, WriterOptions},
};
use rusqlite::Connection;

use crate::support::one;

fn open(path: &Path) -> Result<DataDir, OpenError> {
    DataDir::open(path, &DataDirOptions::default())
}

/// Opens the directory, appends, and stops cleanly.
fn append(path: &Path, entries: usize) {
    let DataDir { lock, log, signer, .. } = open(path).expect("opened");
    let writer =
        Writer::start(log, WriterOptions { signer: Some(signer), ..WriterOptions::default() }).expect("started");
    for _ in 0..entries {
        writer.append_with(one("a"), Box::new(|answer| assert!(answer.is_ok())));
    }
    writer.stop();
    drop(lock);
}

/// Cuts the log after entry `seq`, as a disk that lied about an fsync does.
fn cut(path: &Path, seq: i64) {
    let log = Connection::open(log_path(path)).expect("opened");
    log.execute("DELETE FROM entries WHERE seq > ?1", [seq]).expect("cut");
}

#[test]
fn a_new_directory_is_its_owners_alone() {
    let parent = tempfile::tempdir().expect("a directory");
    let path = parent.path().join("data");
    let opened = open(&path).expect("opened");
    assert_eq!(opened.head.seq, 0);
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o700);
    opened.reader().expect("a reader");
}

#[test]
fn a_directory_has_one_host() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = open(dir.path()).expect("opened");
    let error = open(dir.path()).expect_err("locked");
    assert!(
        matches!(error, OpenError::Lock(LockError::DataDirLocked { pid: Some(pid), .. }) if pid == std::process::id())
    );
    drop(held);
    open(dir.path()).expect("opened again");
}

#[test]
fn a_clean_stop_signs_the_head() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 3);
    append(dir.path(), 2);
    let report = verify(dir.path(), |_| {}).expect("verified");
    assert_eq!(report.entries, 5);
    assert_eq!(report.signed, Some(report.head));
}

#[test]
fn a_head_that_lags_behind_is_fine() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 3);
    let signed = fs::read(dir.path().join("head.json")).expect("read");
    append(dir.path(), 3);
    fs::write(dir.path().join("head.json"), signed).expect("written");
    assert_eq!(open(dir.path()).expect("opened").head.seq, 6);
    assert_eq!(verify(dir.path(), |_| {}).expect("verified").signed.map(|head| head.seq), Some(3));
}

#[test]
fn a_cut_log_is_refused_until_the_operator_accepts_it() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 9);
    cut(dir.path(), 5);
    let error = open(dir.path()).expect_err("refused");
    assert_eq!(error.to_string(), "truncated: the log ends at entry 5, entry 9 was signed");
    let found = verify(dir.path(), |_| {});
    assert!(matches!(found, Err(VerifyError::Head(HeadError::Truncated { signed: 9, found: 5 }))), "{found:?}");

    let accepted = DataDir::open(dir.path(), &DataDirOptions { accept_truncation: true, ..DataDirOptions::default() });
    assert_eq!(accepted.expect("accepted").head.seq, 5);
    open(dir.path()).expect("accepted once and for all");
    append(dir.path(), 1);
    assert_eq!(verify(dir.path(), |_| {}).expect("verified").entries, 6);
}

#[test]
fn a_log_that_went_on_differently_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 3);
    let head = fs::read(dir.path().join("head.json")).expect("read");
    cut(dir.path(), 2);
    fs::remove_file(dir.path().join("head.json")).expect("removed");
    append(dir.path(), 2);
    fs::write(dir.path().join("head.json"), head).expect("written");
    assert!(matches!(open(dir.path()), Err(OpenError::Head(HeadError::Replaced { seq: 3, .. }))));
    assert!(matches!(verify(dir.path(), |_| {}), Err(VerifyError::Head(HeadError::Replaced { seq: 3, .. }))));
}

#[test]
fn a_head_signed_by_another_host_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 3);
    let other = tempfile::tempdir().expect("another directory");
    append(other.path(), 1);
    fs::copy(other.path().join("keys/host.key"), dir.path().join("keys/host.key")).expect("replaced");
    assert!(matches!(open(dir.path()), Err(OpenError::Head(HeadError::Signature { .. }))));
}

#[test]
fn a_signed_log_without_its_key_is_refused_and_no_new_key_is_made() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 3);
    fs::remove_dir_all(dir.path().join("keys")).expect("removed");
    assert!(matches!(open(dir.path()), Err(OpenError::Head(HeadError::KeyMissing { .. }))));
    assert!(matches!(verify(dir.path(), |_| {}), Err(VerifyError::Head(HeadError::KeyMissing { .. }))));
    assert!(!dir.path().join("keys").exists());
}

#[test]
fn opening_changes_nothing_that_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    append(dir.path(), 3);
    cut(dir.path(), 1);
    let head = fs::read(dir.path().join("head.json")).expect("read");
    open(dir.path()).expect_err("refused");
    assert_eq!(fs::read(dir.path().join("head.json")).expect("read"), head);
    let key = open_key(dir.path());
    assert_eq!(HeadFile::of(dir.path()).read(&key).expect("read").map(|head| head.seq), Some(3));
}

fn open_key(path: &Path) -> ed25519_dalek::VerifyingKey {
    rosehip_adapters::keys::Keys::open(path).expect("opened").host().verifying_key()
}
