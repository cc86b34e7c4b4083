//! Checking a data directory: the log's chain, its bodies, its erasures, its indexes and its signed head, the images that it
//! names, the modules, the accounts and the keys. Views are held against the log by [`crate::views::check`].

use std::{panic::resume_unwind, path::Path, thread};

use rosehip_core::{
    event::Erased,
    log::{ChainError, ChainVerifier, EntryHash, Head, SeqSet, StoredEntry},
    ports::{LogReader as _, StoreError},
    time::Timestamp,
};

use crate::{
    accounts,
    data_dir::{accounts_path, log_path},
    head::{self, HeadError, HeadFile},
    keys::{self, KeyError},
    media::{MediaFileError, NamedImages},
    modules::{self, ModuleFileError},
    store::{
        Damage, IndexDamage, SchemaError, SqliteReader,
        check::{Held, Witness},
    },
    wal::{self, WalError},
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
    /// Entries would not be found by the index beside the log.
    #[error(transparent)]
    Index(#[from] IndexDamage),
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
    /// An image that the log names is not there as it was kept.
    #[error(transparent)]
    Media(#[from] MediaFileError),
    /// A module is not as it was kept.
    #[error(transparent)]
    Module(#[from] ModuleFileError),
    /// The file of the log or of the accounts is not as it was written, wherever that shows.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The write-ahead log of either is not, so that the next start would drop what was acknowledged.
    #[error(transparent)]
    Wal(#[from] WalError),
}

/// Walks the log of a data directory from its first entry to its last, in batches, while a host may be running, and
/// holds it against the signed head; then looks at everything else that the directory keeps. `progress` is told the `seq`
/// reached after each batch.
pub fn verify(data_dir: &Path, progress: impl FnMut(u64)) -> Result<VerifyReport, VerifyError> {
    let (log, accounts) = (log_path(data_dir), accounts_path(data_dir));
    wal::check(&log)?;
    wal::check(&accounts)?;
    // The head is read before the log, which only grows.
    let signed = signed_of(data_dir)?;
    // The index before the log, too, which has all that it says.
    let index = Witness::of(&log)?;
    let mut expected = index.as_ref().map(Witness::expected);
    let reader = SqliteReader::open(&log)?;
    let mut images = NamedImages::default();
    // Both read the whole file, and neither needs what the other finds.
    let (walked, examined) = thread::scope(|scope| {
        let examined = scope.spawn(|| examine(&log, index));
        let walked = walk(&reader, signed, progress, |entry| {
            images.take(entry);
            if let Some(expected) = &mut expected {
                expected.take(entry);
            }
        });
        (walked, examined.join())
    });
    let report = walked?;
    let examined = examined.unwrap_or_else(|panic| resume_unwind(panic))?;
    if let (Some((index, held)), Some(expected)) = (examined, expected) {
        reader.compare(&index, &expected, &held)?;
    }
    check_images(data_dir, &reader, images, report.head.seq)?;
    modules::check(data_dir)?;
    // A log that no host has opened yet, such as one that is being put back, has no accounts.
    if accounts.exists() {
        accounts::examine(&accounts)?;
    }
    keys::check(data_dir)?;
    Ok(report)
}

/// Looks at the files of the log and of its index, and gives what the index has.
fn examine(log: &Path, index: Option<Witness>) -> Result<Option<(Witness, Held)>, VerifyError> {
    SqliteReader::open(log)?.examine(log)?;
    let Some(index) = index else { return Ok(None) };
    let held = index.examine()?;
    Ok(Some((index, held)))
}

/// Holds the images against the log, which was read up to `read`.
fn check_images(data_dir: &Path, reader: &SqliteReader, mut images: NamedImages, read: u64) -> Result<(), VerifyError> {
    let Err(error) = images.check(data_dir) else { return Ok(()) };
    // A host that runs may have removed an image meanwhile; its log says so before the file goes.
    let mut after = read;
    loop {
        let batch = reader.read(after + 1, BATCH)?;
        for entry in &batch {
            images.take(entry);
        }
        match batch.last() {
            Some(last) => after = last.header.seq,
            None if after == read => return Err(error.into()),
            None => return Ok(images.check(data_dir).map(drop)?),
        }
    }
}

/// The end of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// The log's end.
    pub head: Head,
    /// When its last entry was made; none of an empty log.
    pub last_at: Option<Timestamp>,
    /// The head that the host had signed, if it ever did.
    pub signed: Option<Head>,
}

/// Looks at the end of the log of a data directory alone, while a host may be running: it must reach as far as was signed,
/// with the same entry there.
pub fn end(data_dir: &Path) -> Result<LogEnd, VerifyError> {
    let signed = signed_of(data_dir)?;
    let log = SqliteReader::open(&log_path(data_dir))?;
    if let Some(signed) = signed {
        head::check(signed, &log)?;
    }
    let head = log.head()?;
    let last = log.read(head.seq.max(1), 1)?.into_iter().next();
    Ok(LogEnd { head, last_at: last.map(|entry| entry.header.time), signed })
}

/// The head that the host of a data directory signed last.
fn signed_of(data_dir: &Path) -> Result<Option<Head>, VerifyError> {
    Ok(match keys::read_host(data_dir)? {
        Some(key) => HeadFile::of(data_dir).read(&key.verifying_key())?,
        None => HeadFile::of(data_dir).must_be_absent().map(|()| None)?,
    })
}

/// Walks a log, such as a backup's, and holds it against a signed head if there is one.
pub fn verify_log(
    reader: &SqliteReader,
    signed: Option<Head>,
    progress: impl FnMut(u64),
) -> Result<VerifyReport, VerifyError> {
    walk(reader, signed, progress, |_| {})
}

/// The same, and shows each entry that was found to be in order.
fn walk(
    reader: &SqliteReader,
    signed: Option<Head>,
    mut progress: impl FnMut(u64),
    mut seen: impl FnMut(&StoredEntry),
) -> Result<VerifyReport, VerifyError> {
    let mut verifier = ChainVerifier::default();
    let (mut erased, mut at_signed) = (0, None);
    loop {
        let batch = reader.read_unchecked(verifier.head().seq + 1, BATCH)?;
        for entry in &batch {
            verifier.check(entry, &erased_by(entry)?)?;
            seen(entry);
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
