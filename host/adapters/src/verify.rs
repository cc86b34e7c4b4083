//! Checking a whole log: its chain, its bodies, its erasures, its index keys and its signed head.

use std::path::Path;

use rosehip_core::{
    event::Erased,
    log::{ChainError, ChainVerifier, EntryHash, Head, SeqSet, StoredEntry, Stream},
    ports::StoreError,
};

use crate::{
    data_dir::log_path,
    head::{HeadError, HeadFile},
    keys::{self, KeyError},
    store::{SchemaError, SqliteReader},
};

/// Entries read at a time.
const BATCH: usize = 2_000;

/// The kind of an entry that names erased ones.
const ERASED: &str = "erased";

/// What was found in a log that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyReport {
    /// Entries walked.
    pub entries: u64,
    /// The log's end.
    pub head: Head,
    /// Entries whose body is erased.
    pub erased: u64,
    /// Entries whose body is there though an erasure names it: the host ended in between, and its next start goes on.
    pub unfinished: u64,
    /// The head that the host had signed when the walk began, if it ever did.
    pub signed: Option<Head>,
}

/// Why a log does not verify.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The chain is broken, or a body is not what its header says.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The entry would not be found when its stream is read.
    #[error("entry {seq}: it is not indexed under its stream")]
    StreamKey {
        /// The entry.
        seq: u64,
    },
    /// An `erased` entry does not say what it erased.
    #[error("entry {seq}: its body is not {{\"seqs\": […], \"reason\": …}}: {reason}")]
    Erasure {
        /// The entry.
        seq: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The log is not what its signed head says, or that cannot be told.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The host's key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log's file cannot be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Walks the log of a data directory from its first entry to its last, in batches, while a host may be running, and
/// holds it against the signed head. `progress` is told the `seq` reached after each batch.
pub fn verify(data_dir: &Path, progress: impl FnMut(u64)) -> Result<VerifyReport, VerifyError> {
    // The head is read before the log, which only grows.
    let signed = match keys::read_host(data_dir)? {
        Some(key) => HeadFile::of(data_dir).read(&key.verifying_key())?,
        None => HeadFile::of(data_dir).must_be_absent().map(|()| None)?,
    };
    verify_log(&SqliteReader::open(&log_path(data_dir))?, signed, progress)
}

/// Walks a log, such as a backup's, and holds it against a signed head if there is one.
pub fn verify_log(
    reader: &SqliteReader,
    signed: Option<Head>,
    mut progress: impl FnMut(u64),
) -> Result<VerifyReport, VerifyError> {
    let mut verifier = ChainVerifier::default();
    let (mut erased, mut at_signed) = (0, None);
    let mut before: Option<Stream> = None;
    loop {
        let batch = reader.read_with_keys(verifier.head().seq + 1, BATCH)?;
        for (key, entry) in &batch {
            verifier.check(entry, &erased_by(entry)?)?;
            let stream = &entry.header.stream;
            let is_found = key.map_or(before.as_ref() == Some(stream), |key| key == stream.key());
            if !is_found {
                return Err(VerifyError::StreamKey { seq: entry.header.seq });
            }
            before = Some(stream.clone());
            erased += u64::from(entry.body.is_none());
            if signed.is_some_and(|signed| signed.seq == entry.header.seq) {
                at_signed = Some(entry.hash);
            }
        }
        progress(verifier.head().seq);
        if batch.len() < BATCH {
            break;
        }
    }
    let unfinished = verifier.unfinished();
    let head = verifier.finish()?;
    check_signed(signed, at_signed, head)?;
    Ok(VerifyReport { entries: head.seq, head, erased, unfinished, signed })
}

fn check_signed(signed: Option<Head>, found: Option<EntryHash>, head: Head) -> Result<(), HeadError> {
    match (signed, found) {
        (None, _) => Ok(()),
        (Some(signed), _) if signed.seq == 0 => Ok(()),
        (Some(signed), None) => Err(HeadError::Truncated { signed: signed.seq, found: head.seq }),
        (Some(signed), Some(found)) if found == signed.hash => Ok(()),
        (Some(signed), Some(found)) => Err(HeadError::Replaced { seq: signed.seq, signed: signed.hash, found }),
    }
}

/// The entries that this one erases. An erasure whose own body is erased names none.
fn erased_by(entry: &StoredEntry) -> Result<SeqSet, VerifyError> {
    let Some((_, body)) = entry.body.as_ref().filter(|_| &*entry.header.kind == ERASED) else {
        return Ok(SeqSet::default());
    };
    let erasure: Erased = serde_json::from_slice(body)
        .map_err(|error| VerifyError::Erasure { seq: entry.header.seq, reason: error.to_string() })?;
    Ok(erasure.all())
}
