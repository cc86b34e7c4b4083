//! Holding the views that are kept against the log: they are built anew beside, and compared row by row.
//!
//! SQLite has no checksums of pages, so that a bit which turned in a row of the views is a row like any other. But nothing
//! in them is not in the log.

use std::path::{Path, PathBuf};

use rosehip_core::{
    ids::DedupKey,
    log::{StoredEntry, Stream},
    ports::{LogReader, StoreError},
};
use rusqlite::{Connection, Row};

use super::{Projector, ViewError, schema, views_path};
use crate::{
    data_dir::log_path,
    sqlite::{self, Damage},
    store::{SchemaError, SqliteReader},
};

/// How often views that a host goes on writing are compared before a difference counts.
const TRIES: usize = 3;

/// Why the views do not say what the log says, or that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ViewCheckError {
    /// A table is not what the log makes of it. Without `views.db` the next start builds the views anew.
    #[error("views.db: row {row} of the table {table} is not what the log says")]
    Differs {
        /// The table.
        table: String,
        /// Its row, from 1; one past the end where rows are missing.
        row: u64,
    },
    /// They stand at an entry that the log does not have.
    #[error("views.db: they stand at an entry that the log does not have")]
    Position,
    /// The file is not whole.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The views cannot be read or built.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] SchemaError),
}

impl From<rusqlite::Error> for ViewCheckError {
    fn from(error: rusqlite::Error) -> Self {
        Self::View(error.into())
    }
}

impl From<StoreError> for ViewCheckError {
    fn from(error: StoreError) -> Self {
        Self::View(error.into())
    }
}

/// Builds the views of a data directory anew beside those that are kept, and compares the two, while a host may be
/// running. Returns the entry that they stand at; none where there are no views, or those of another release, which the
/// next start builds anew. It needs as much room as they take.
pub fn check(data_dir: &Path) -> Result<Option<u64>, ViewCheckError> {
    let path = views_path(data_dir);
    if !path.exists() {
        return Ok(None);
    }
    let mut log = UpTo { log: SqliteReader::open(&log_path(data_dir))?, end: 0 };
    let kept = schema::open_read_only(&path)?;
    if !schema::is_of_this_release(&kept)? {
        return Ok(None);
    }
    let mut tries = 1;
    loop {
        // What is compared is the views of one moment.
        let moment = kept.unchecked_transaction()?;
        let position = schema::position(&kept, &log.log)?.ok_or(ViewCheckError::Position)?;
        log.end = position.seq;
        let found = Beside::new(data_dir)?.compare(&kept, &log);
        moment.finish()?;
        // A body that is erased meanwhile is there for the one and not for the other.
        let has_moved = schema::position(&kept, &log.log)? != Some(position);
        match found {
            Err(ViewCheckError::Differs { .. }) if has_moved && tries < TRIES => tries += 1,
            found => return found.map(|()| Some(position.seq)),
        }
    }
}

/// The file in which views are built anew. It goes with this.
struct Beside(PathBuf);

impl Beside {
    fn new(data_dir: &Path) -> Result<Self, ViewCheckError> {
        let beside = Self(data_dir.join(format!("views.db.check-{}", std::process::id())));
        schema::remove(&beside.0)?;
        Ok(beside)
    }

    fn compare(&self, kept: &Connection, log: &impl LogReader) -> Result<(), ViewCheckError> {
        drop(Projector::open(&self.0, log)?);
        let anew = schema::open_read_only(&self.0)?;
        sqlite::examine(kept, &views_path(Path::new("")), &sqlite::schema_of(&anew)?)?;
        for table in sqlite::tables_of(&anew)? {
            compare_table(&anew, kept, &table)?;
        }
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Err(error) = schema::remove(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "what was built to be compared is left behind");
        }
    }
}

fn compare_table(anew: &Connection, kept: &Connection, table: &str) -> Result<(), ViewCheckError> {
    // The table itself, and no index that stands in for it.
    let sql = format!("SELECT * FROM {table} NOT INDEXED");
    let (mut anew, mut kept) = (anew.prepare(&sql)?, kept.prepare(&sql)?);
    let columns = anew.column_count();
    let (mut anew, mut kept) = (anew.query([])?, kept.query([])?);
    for row in 1.. {
        let is_same = match (anew.next()?, kept.next()?) {
            (None, None) => return Ok(()),
            (Some(one), Some(other)) => is_same(one, other, columns)?,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_same {
            return Err(ViewCheckError::Differs { table: table.to_owned(), row });
        }
    }
    Ok(())
}

fn is_same(one: &Row<'_>, other: &Row<'_>, columns: usize) -> Result<bool, rusqlite::Error> {
    for column in 0..columns {
        if one.get_ref(column)? != other.get_ref(column)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The log as it was when it ended with entry `end`.
struct UpTo {
    log: SqliteReader,
    end: u64,
}

impl LogReader for UpTo {
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError> {
        let left = (self.end + 1).saturating_sub(from);
        self.log.read(from, limit.min(usize::try_from(left).unwrap_or(limit)))
    }

    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError> {
        let mut entries = self.log.stream(stream, after)?;
        entries.retain(|entry| entry.header.seq <= self.end);
        Ok(entries)
    }

    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError> {
        Ok(self.stream(stream, 0)?.last().map(|entry| entry.header.seq))
    }

    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError> {
        Ok(self.log.recorded(key)?.filter(|seq| *seq <= self.end))
    }
}

#[cfg(test)]
mod tests {
    use rosehip_core::{
        event::{Audited, Deed, Event, Via},
        log::{Frame, Head},
        ports::LogStore as _,
        time::Timestamp,
    };
    use tempfile::TempDir;

    use super::*;
    use crate::store::{SqliteLog, SqliteOptions};

    /// A log of some logins, and its views.
    fn viewed() -> TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        let mut log = SqliteLog::open(&log_path(dir.path()), &SqliteOptions::default()).expect("opened");
        let mut frame = Frame::after(Head::default());
        for name in ["ann", "ben", "cem"] {
            let (by, about, detail) = (Some(name.to_owned()), None, None);
            let audited = Audited { what: Deed::LoggedIn, by, about, detail, via: Via::Session, times: 1 };
            frame.push(Event::from(audited).draft(Timestamp::from_millis(0)), [0; 32]);
        }
        log.append(&frame).expect("committed");
        drop(Projector::open(&views_path(dir.path()), &log).expect("folded"));
        dir
    }

    fn change(dir: &TempDir, sql: &str) {
        Connection::open(views_path(dir.path())).expect("opened").execute_batch(sql).expect("changed");
    }

    fn is_left_behind(dir: &TempDir) -> bool {
        let mut names = std::fs::read_dir(dir.path()).expect("listed").map(|file| file.expect("one").file_name());
        names.any(|name| name.to_str().is_some_and(|name| name.contains("check")))
    }

    #[test]
    fn views_that_were_folded_are_what_the_log_says_and_nothing_is_left_behind() {
        let dir = viewed();
        assert_eq!(check(dir.path()).expect("the same"), Some(3));
        assert!(!is_left_behind(&dir));
        std::fs::remove_file(views_path(dir.path())).expect("removed");
        assert_eq!(check(dir.path()).expect("none"), None);
    }

    #[test]
    fn a_row_that_is_another_is_missing_or_is_one_too_many_is_named() {
        for (sql, row) in [
            ("UPDATE audit SET user = 'bem' WHERE seq = 2", 2),
            ("DELETE FROM audit WHERE seq = 3", 3),
            ("INSERT INTO audit(seq, what, is_own) VALUES (9, 'logged-in', 0)", 4),
        ] {
            let dir = viewed();
            change(&dir, sql);
            let found = check(dir.path()).expect_err(sql);
            let is_named =
                matches!(&found, ViewCheckError::Differs { table, row: at } if table == "audit" && *at == row);
            assert!(is_named, "{sql}: {found}");
        }
    }

    #[test]
    fn views_of_another_release_are_let_be_and_those_of_another_log_are_not() {
        let dir = viewed();
        change(&dir, "UPDATE position SET hash = 'x'");
        assert!(matches!(check(dir.path()), Err(ViewCheckError::Position)));
        change(&dir, "PRAGMA user_version = 1");
        assert_eq!(check(dir.path()).expect("they are built anew"), None);
    }
}
