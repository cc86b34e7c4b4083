//! Checking the chain: every header hashes onto the one before, every body onto its header.

use serde::{Deserialize, Serialize};

use super::{Entry, EntryHash, FORMAT_VERSION, SeqSet, StoredEntry};

/// The end of a log: its last entry's `seq` and hash; 0 and zeros while it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    /// `seq` of the last entry.
    pub seq: u64,
    /// Its hash.
    pub hash: EntryHash,
}

/// Where a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum ChainError {
    /// An entry is missing or out of place.
    #[error("entry {found} stands where entry {wanted} belongs")]
    Gap {
        /// The `seq` that belongs there.
        wanted: u64,
        /// The `seq` that stands there.
        found: u64,
    },
    /// It is in a format that this release does not know.
    #[error(
        "entry {seq} has format version {found}, this release reads versions up to {known}: a newer release wrote it, or it \
         was altered"
    )]
    Version {
        /// The entry.
        seq: u64,
        /// Its format version.
        found: u16,
        /// The newest that this release reads.
        known: u16,
    },
    /// A header or the stored hash was changed.
    #[error("entry {seq}: its header does not hash to what is stored")]
    Header {
        /// The entry.
        seq: u64,
    },
    /// A body was changed.
    #[error("entry {seq}: its body does not hash to what its header says")]
    Body {
        /// The entry.
        seq: u64,
    },
    /// A body is missing and no `erased` entry names it.
    #[error("entry {seq}: its body is missing and no erasure names it")]
    Missing {
        /// The entry.
        seq: u64,
    },
}

impl StoredEntry {
    /// Holds the entry against the one before it: its place, its header's hash and, where it is there, its body. Gives
    /// the log's end up to here. Whether a body may be missing is for [`ChainVerifier`] to tell.
    pub fn follows(&self, before: Head) -> Result<Head, ChainError> {
        let (seq, wanted) = (self.header.seq, before.seq + 1);
        if seq != wanted {
            return Err(ChainError::Gap { wanted, found: seq });
        }
        // What the bytes of another format's header are, this release cannot tell.
        let found = self.header.version;
        if !(1..=FORMAT_VERSION).contains(&found) {
            return Err(ChainError::Version { seq, found, known: FORMAT_VERSION });
        }
        if self.header.hash_after(before.hash) != self.hash {
            return Err(ChainError::Header { seq });
        }
        match &self.body {
            Some((salt, body)) if Entry::hash_body(salt, body) != self.header.body_hash => {
                Err(ChainError::Body { seq })
            }
            Some(_) | None => Ok(Head { seq, hash: self.hash }),
        }
    }
}

/// Walks a log from its first entry and checks all of it. Missing bodies are collected and held against the
/// erasures found by the end.
#[derive(Debug, Default)]
pub struct ChainVerifier {
    head: Head,
    missing: SeqSet,
    erased: SeqSet,
}

impl ChainVerifier {
    /// Checks the next entry. `erased` are the `seq`s that it names, if it is an erasure.
    pub fn check(&mut self, entry: &StoredEntry, erased: &SeqSet) -> Result<(), ChainError> {
        let (seq, head) = (entry.header.seq, entry.follows(self.head)?);
        if entry.body.is_none() {
            self.missing.insert(seq);
        }
        if !erased.is_empty() {
            // What comes after an erasure was not there to be erased.
            self.erased.extend(&erased.up_to(seq - 1));
        }
        self.head = head;
        Ok(())
    }

    /// How many entries are named by the erasures so far and have a body all the same, because the host ended in
    /// between. Erasures name entries before themselves only.
    pub fn unfinished(&self) -> u64 {
        self.erased.len() - self.missing.iter().filter(|seq| self.erased.contains(*seq)).count() as u64
    }

    /// The head so far.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Ends the walk: every missing body must have been erased by name.
    pub fn finish(self) -> Result<Head, ChainError> {
        match self.missing.first_outside(&self.erased) {
            Some(seq) => Err(ChainError::Missing { seq }),
            None => Ok(self.head),
        }
    }
}

impl Serialize for EntryHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::{Draft, Frame, Stream},
        time::Timestamp,
    };

    fn log(length: u8) -> Vec<StoredEntry> {
        let mut frame = Frame::after(Head::default());
        for n in 0..length {
            let body = format!("{{\"n\":{n}}}").into_bytes().into();
            let draft = Draft {
                stream: Stream("object:Article/a".into()),
                time: Timestamp::from_millis(i64::from(n)),
                kind: "object.revised".into(),
                dedup: None,
                body,
                event: None,
            };
            frame.push(draft, [n; 32]);
        }
        frame.entries.into_iter().map(StoredEntry::from).collect()
    }

    fn verify(entries: &[StoredEntry], erased: &[u64]) -> Result<Head, ChainError> {
        let mut verifier = ChainVerifier::default();
        for entry in entries {
            verifier.check(
                entry,
                &if entry.header.seq == 3 { erased.iter().copied().collect() } else { SeqSet::default() },
            )?;
        }
        verifier.finish()
    }

    #[test]
    fn an_untouched_log_verifies() {
        assert_eq!(verify(&log(3), &[]).map(|head| head.seq), Ok(3));
    }

    /// The bytes that are chained are a contract with every log ever written.
    #[test]
    fn the_chain_does_not_change_between_releases() {
        insta::assert_snapshot!(verify(&log(3), &[]).expect("verifies").hash, @"139ccb43375a2fb80d1a21619d76e268879c28ad7dda9667dab76f7cad00c96a");
    }

    #[test]
    fn every_change_is_found_where_it_was_made() {
        let mut changed = log(3);
        changed[1].header.time = Timestamp::from_millis(7);
        assert_eq!(verify(&changed, &[]), Err(ChainError::Header { seq: 2 }));

        let mut changed = log(3);
        changed[1].body = Some(([1; 32], (*b"{}").into()));
        assert_eq!(verify(&changed, &[]), Err(ChainError::Body { seq: 2 }));

        let mut changed = log(3);
        changed.remove(1);
        assert_eq!(verify(&changed, &[]), Err(ChainError::Gap { wanted: 2, found: 3 }));
    }

    /// Also where its header hashes as today's do, as one may that only its body tells from them.
    #[test]
    fn an_entry_of_a_newer_format_is_refused_by_its_version() {
        let mut newer = log(2);
        newer[1].header.version = FORMAT_VERSION + 1;
        newer[1].hash = newer[1].header.hash_after(newer[0].hash);
        let error = verify(&newer, &[]).expect_err("refused");
        assert_eq!(error, ChainError::Version { seq: 2, found: 2, known: 1 });
        assert!(error.to_string().starts_with("entry 2 has format version 2, this release reads versions up to 1"));
    }

    #[test]
    fn an_erasure_names_what_came_before_it_and_no_more() {
        let mut later = log(4);
        later[3].body = None;
        assert_eq!(verify(&later, &[4]), Err(ChainError::Missing { seq: 4 }));
    }

    #[test]
    fn a_body_that_was_to_go_and_is_there_is_counted() {
        let mut verifier = ChainVerifier::default();
        let mut entries = log(3);
        entries[0].body = None;
        for entry in &entries {
            let erased = if entry.header.seq == 3 { SeqSet::from_iter([1, 2]) } else { SeqSet::default() };
            verifier.check(entry, &erased).expect("as it was written");
        }
        assert_eq!(verifier.unfinished(), 1);
        assert!(verifier.finish().is_ok());
    }

    #[test]
    fn a_missing_body_is_accepted_only_when_an_erasure_names_it() {
        let mut erased = log(3);
        erased[0].body = None;
        assert_eq!(verify(&erased, &[]), Err(ChainError::Missing { seq: 1 }));
        assert_eq!(verify(&erased, &[1]).map(|head| head.seq), Ok(3));
    }
}
