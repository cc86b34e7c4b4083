//! Whether the file of a log and its index are as they were written.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{
    MIGRATIONS,
    index::{self, Index},
    lookup,
    places::By,
    queries::{unreadable, unsigned},
};
use crate::{
    sqlite::{self, Damage},
    verify::VerifyError,
};

/// What the connections keep of the files meanwhile, in KiB: each entry is looked up in an index whose order is another.
const CACHE_KIB: i64 = 128 << 10;

/// The index of a log is not what the log says. Stop the host and remove it: the next start builds it anew.
#[derive(Debug, thiserror::Error)]
pub enum IndexDamage {
    /// The file is not as it was written.
    #[error(transparent)]
    File(#[from] Damage),
    /// It is of another log.
    #[error("{path} is of another log")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It lacks an entry that it should have.
    #[error("{path} is damaged: entry {seq} is not found in its {table}")]
    Lost {
        /// The file.
        path: PathBuf,
        /// The entry.
        seq: u64,
        /// Where it should be: `runs` by its stream, `records` by what it records.
        table: &'static str,
    },
    /// It has more than the log.
    #[error("{path} is damaged: {table} has {rows} rows, and {entries} entries are found there")]
    Rows {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// How many rows it has.
        rows: u64,
        /// How many it should have.
        entries: u64,
    },
}

/// Looks at the whole file of a log, and at its index if there is one.
pub(super) fn examine(log: &Connection, path: &Path) -> Result<(), VerifyError> {
    let declared = sqlite::schema_after(MIGRATIONS).expect("the migrations make the tables of every new log");
    sqlite::examine(log, path, &declared)?;
    match index::path_beside(path).filter(|file| file.exists()) {
        Some(file) => examine_index(log, &file),
        None => Ok(()),
    }
}

/// Holds an index against its log. A host may be running: the index is seen as it is at one moment, and the log later.
fn examine_index(log: &Connection, path: &Path) -> Result<(), VerifyError> {
    let index = Index::to_be_examined(path)?;
    let declared = sqlite::schema_after(index::MIGRATIONS).expect("the migrations make the tables of every new index");
    sqlite::examine(index.connection(), path, &declared).map_err(IndexDamage::File)?;
    index.connection().pragma_update(None, "cache_size", -CACHE_KIB).map_err(unreadable)?;
    let moment = index.connection().unchecked_transaction().map_err(unreadable)?;
    let path = || path.to_owned();
    if !lookup::is_of(&index, log)? {
        return Err(IndexDamage::Foreign { path: path() }.into());
    }
    let (covered, begun) = (index.covered()?, index.begun()?.seq);
    let mut expected = [0_u64; 2];
    let (mut lost, mut found) = (None, Vec::new());
    let mut failed = None;
    lookup::scan(log, 0, begun, |seq, by, key| {
        found.clear();
        match index.find(by, key, &mut found) {
            Ok(()) if found.contains(&seq) => expected[usize::from(by == By::Dedup)] += 1,
            Ok(()) if seq <= covered => lost = lost.or(Some((seq, by))),
            Ok(()) => {}
            Err(error) => failed = failed.take().or(Some(error)),
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    if let Some((seq, by)) = lost {
        return Err(IndexDamage::Lost { path: path(), seq, table: by.table() }.into());
    }
    for (by, entries) in [By::Stream, By::Dedup].into_iter().zip(expected) {
        let table = by.table();
        let count = format!("SELECT count(*) FROM {table}");
        let rows = index.connection().query_row(&count, [], |row| row.get(0)).map(unsigned).map_err(unreadable)?;
        if rows != entries {
            return Err(IndexDamage::Rows { path: path(), table, rows, entries }.into());
        }
    }
    moment.finish().map_err(|error| unreadable(error).into())
}
