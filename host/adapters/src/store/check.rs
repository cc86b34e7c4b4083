//! Whether the index of a log has what the log says, and nothing else.
//!
//! Both are read once, each in its own order, and what is found is added up: sums of a keyed hash that agree are of the same
//! rows. Where they do not, each entry is looked up, to tell which.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    path::{Path, PathBuf},
};

use rosehip_core::{
    log::{EntryHash, Head, StoredEntry},
    ports::StoreError,
};
use rusqlite::Connection;

use super::{
    index::{self, Index},
    lookup,
    places::{By, Header, Runs},
    queries::{unreadable, unsigned},
};
use crate::{
    sqlite::{self, Damage},
    verify::VerifyError,
};

/// The index of a log is not what the log says.
#[derive(Debug, thiserror::Error)]
pub enum IndexDamage {
    /// The file is not as it was written.
    #[error("{0}; stop the host and remove it: the next start builds it anew")]
    File(#[from] Damage),
    /// It is of another log.
    #[error("{path} is of another log; stop the host and remove it: the next start builds it anew")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It lacks an entry that it should have.
    #[error(
        "{path} is damaged: entry {seq} is not found in its {table}; stop the host and remove it: the next start builds it anew"
    )]
    Lost {
        /// The file.
        path: PathBuf,
        /// The entry.
        seq: u64,
        /// Where it should be: `runs` by its stream, `records` by what it records.
        table: &'static str,
    },
    /// It has more than the log.
    #[error(
        "{path} is damaged: {table} has {rows} rows, and {entries} entries are found there; stop the host and remove it: the next start builds it anew"
    )]
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

/// Places up to the last entry of which the index has all, and those beyond.
#[derive(Debug, Default)]
struct Places {
    /// How many, and the sum of their hashes, by stream and by what they record.
    sums: [(u64, u64); 2],
    beyond: HashSet<(By, i64, u64)>,
}

impl Places {
    fn add(&mut self, hasher: &RandomState, covered: u64, by: By, key: i64, seq: u64) {
        if seq > covered {
            self.beyond.insert((by, key, seq));
            return;
        }
        let (count, sum) = &mut self.sums[usize::from(by == By::Dedup)];
        *count += 1;
        *sum = sum.wrapping_add(hasher.hash_one((key, seq)));
    }
}

/// The index of a log as it is at one moment.
#[derive(Debug)]
pub(crate) struct Witness {
    index: Index,
    path: PathBuf,
    covered: u64,
    begun: Head,
    hasher: RandomState,
}

/// What a log says that its index has.
#[derive(Debug)]
pub(crate) struct Expected {
    covered: u64,
    begun: Head,
    hasher: RandomState,
    runs: Runs,
    places: Places,
    at_begun: Option<EntryHash>,
}

/// What an index has.
#[derive(Debug)]
pub(crate) struct Held(Places);

impl Witness {
    /// Opens the index beside a log, if there is one. What is committed to it from then on is not seen.
    pub(crate) fn of(log: &Path) -> Result<Option<Self>, VerifyError> {
        let Some(path) = index::path_beside(log).filter(|file| file.exists()) else { return Ok(None) };
        let index = Index::to_be_examined(&path)?;
        index.connection().execute_batch("BEGIN").map_err(unreadable)?;
        let damaged = |error: StoreError| Damage::Structure { path: path.clone(), found: error.to_string() };
        let covered = index.covered().map_err(damaged).map_err(IndexDamage::File)?;
        let begun = index.begun().map_err(damaged).map_err(IndexDamage::File)?;
        Ok(Some(Self { index, path, covered, begun, hasher: RandomState::new() }))
    }

    /// What its log, read from now on, is to be shown to.
    pub(crate) fn expected(&self) -> Expected {
        Expected {
            covered: self.covered,
            begun: self.begun,
            hasher: self.hasher.clone(),
            runs: Runs::default(),
            places: Places::default(),
            at_begun: None,
        }
    }

    /// Looks at the whole file: that its pages fit together, and what it has.
    pub(crate) fn examine(&self) -> Result<Held, VerifyError> {
        let declared =
            sqlite::schema_after(index::MIGRATIONS).expect("the migrations make the tables of every new index");
        sqlite::examine(self.index.connection(), &self.path, &declared).map_err(IndexDamage::File)?;
        let mut places = Places::default();
        for by in [By::Stream, By::Dedup] {
            let all = format!("SELECT key, seq FROM {}", by.table());
            let mut statement = self.index.connection().prepare(&all).map_err(unreadable)?;
            let mut rows = statement.query([]).map_err(unreadable)?;
            while let Some(row) = rows.next().map_err(unreadable)? {
                let (key, seq) = (row.get(0).map_err(unreadable)?, row.get(1).map(unsigned).map_err(unreadable)?);
                places.add(&self.hasher, self.covered, by, key, seq);
            }
        }
        Ok(Held(places))
    }

    /// Holds what the index has against what its log says.
    pub(super) fn compare(&self, log: &Connection, expected: &Expected, Held(held): &Held) -> Result<(), VerifyError> {
        if self.begun.seq > 0 && expected.at_begun != Some(self.begun.hash) {
            return Err(IndexDamage::Foreign { path: self.path.clone() }.into());
        }
        for (by, (expected, held)) in
            [By::Stream, By::Dedup].into_iter().zip(expected.places.sums.into_iter().zip(held.sums))
        {
            if expected != held {
                return Err(self.locate(log, by, expected.0, held.0)?.into());
            }
        }
        if let Some((by, ..)) = held.beyond.difference(&expected.places.beyond).next() {
            let of_table = |places: &Places| places.beyond.iter().filter(|(of, ..)| of == by).count() as u64;
            let (rows, entries) = (of_table(held), of_table(&expected.places));
            return Err(IndexDamage::Rows { path: self.path.clone(), table: by.table(), rows, entries }.into());
        }
        Ok(())
    }

    /// Which entry is not found.
    fn locate(&self, log: &Connection, table: By, entries: u64, rows: u64) -> Result<IndexDamage, StoreError> {
        let (mut lost, mut found) = (None, Vec::new());
        lookup::scan(log, 0, self.covered, |seq, by, key| {
            if by == table && lost.is_none() {
                found.clear();
                // What cannot be read is not found either.
                let is_there = self.index.find(by, key, &mut found).is_ok() && found.contains(&seq);
                lost = (!is_there).then_some(seq);
            }
        })?;
        let (path, table) = (self.path.clone(), table.table());
        Ok(match lost {
            Some(seq) => IndexDamage::Lost { path, seq, table },
            None => IndexDamage::Rows { path, table, rows, entries },
        })
    }
}

impl Expected {
    /// Takes the log's entries in, from the first on.
    pub(crate) fn take(&mut self, entry: &StoredEntry) {
        let header = &entry.header;
        if header.seq > self.begun.seq {
            return;
        }
        if header.seq == self.begun.seq {
            self.at_begun = Some(entry.hash);
        }
        let keys = self.runs.next(Header { seq: header.seq, stream: &header.stream, dedup: header.dedup.as_ref() });
        for (by, key) in keys {
            self.places.add(&self.hasher, self.covered, by, key, header.seq);
        }
    }
}
