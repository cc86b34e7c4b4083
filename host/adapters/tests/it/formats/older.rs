//! What older code wrote is opened, read, held against its hashes, and gone on with.

use std::{fs, path::Path};

use rosehip_adapters::{
    accounts::Role,
    data_dir::{DataDir, DataDirOptions, log_path},
    store::SqliteReader,
    verify::verify,
    views::{self, Projector, views_path},
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    event::{Event, HostStopped, Record},
    log::Append,
    ports::LogReader as _,
    time::Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{assert_kept, dump::dump, file};

/// Each directory with the versions of its files: of entries, of `log.db`, `accounts.db` and `views.db`.
const OLDER: &[(&str, [u32; 4])] = &[("entries-1-accounts-1-views-13", [1, 1, 1, 13])];

/// A copy that may be written to.
fn copy(name: &str) -> TempDir {
    fn all(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("made");
        for entry in fs::read_dir(from).expect("listed") {
            let entry = entry.expect("an entry");
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                all(&entry.path(), &to);
            } else {
                fs::copy(entry.path(), &to).expect("copied");
            }
        }
    }
    let dir = tempfile::tempdir().expect("a directory");
    all(&file(name), dir.path());
    dir
}

fn version(path: &Path) -> u32 {
    let connection = Connection::open(path).expect("opened");
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version")
}

#[test]
fn what_older_code_wrote_is_opened_verified_viewed_and_gone_on_with() {
    for (name, [entries, of_log, accounts, of_views]) in OLDER {
        let dir = copy(name);
        let path = |name: &str| dir.path().join(name);
        let found = [version(&path("log.db")), version(&path("accounts.db")), version(&path("views.db"))];
        assert_eq!(found, [*of_log, *accounts, *of_views], "{name} is what it is called");

        // Migrated, and else as it was left: chain, bodies, erasures, signed head, accounts, keys.
        drop(DataDir::open(dir.path(), &DataDirOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}")));
        let left = verify(dir.path(), |_| {}).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(left.entries > 40 && left.erased > 0 && left.signed.is_some(), "{name}: {left:?}");
        let reader = SqliteReader::open(&log_path(dir.path())).expect("opened");
        for entry in reader.read(1, usize::MAX).expect("read") {
            assert_eq!(u32::from(entry.header.version), *entries);
            let record =
                Record::read(&entry).unwrap_or_else(|error| panic!("{name}, entry {}: {error}", entry.header.seq));
            assert_eq!(record.event.is_none(), entry.body.is_none());
        }

        // Views of an older version are built anew, and say what they said.
        let opened =
            DataDir::open(dir.path(), &DataDirOptions::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        drop(Projector::open(&views_path(dir.path()), &reader).unwrap_or_else(|error| panic!("{name}: {error}")));
        assert_kept(&format!("{name}/views.sql"), &dump(&Connection::open(path("views.db")).expect("opened")));
        assert_eq!(views::check(dir.path()).expect("the same"), Some(left.head.seq));

        let users = opened.accounts.users().expect("read");
        let users: Vec<_> = users.iter().map(|user| (user.name.as_str(), user.role)).collect();
        assert_eq!(users, [("ann", Role::Editor)]);

        let DataDir { lock, log, signer, .. } = opened;
        let options = WriterOptions { signer: Some(signer), ..WriterOptions::default() };
        let writer = Writer::start(log, options).expect("started");
        let draft = Event::from(HostStopped {}).draft(Timestamp::from_millis(1_800_000_000_000));
        writer
            .append_with(Append::unconditional(vec![draft]), Box::new(|answer| assert!(answer.is_ok(), "{answer:?}")));
        writer.stop();
        drop(lock);
        let after = verify(dir.path(), |_| {}).unwrap_or_else(|error| panic!("{name}, gone on with: {error}"));
        assert_eq!(after.entries, left.entries + 1);
        for copy in [format!("log.db.backup-v{of_log}"), format!("accounts.db.backup-v{accounts}")] {
            assert!(path(&copy).exists(), "{name}: files are copied before they are migrated");
        }
    }
}
