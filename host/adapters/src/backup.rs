//! Backups: a consistent copy of a data directory, taken while its host runs or not, and putting one back.
//!
//! A copy holds the log, the accounts, the modules, the images, the keys, the signed head and the configuration. Views and the cache
//! are made anew. Whoever has a copy has the keys: it is to be kept as the directory itself is.
//!
//! What was erased after a copy was taken is in it. So putting one back applies erasures anew: those that the log of
//! another data directory names, such as the one that the copy was once taken of.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rosehip_core::{
    erasure::RETENTION,
    event::{Erased, Event, append_of, erasure_stream},
    ids::UserMark,
    log::{EntryHash, Head, SeqSet},
    ports::{Compaction, LogReader, StoreError},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    accounts::AccountError,
    clock::SystemClock,
    data_dir::{DataDir, DataDirOptions, OpenError, log_path},
    durable,
    erasure::{chunks, erased_at},
    media::{MediaFileError, NamedImages},
    sqlite::{self, Access},
    store::{SchemaError, SqliteReader},
    verify::{VerifyError, VerifyReport, verify},
    writer::{AppendError, StartError, Writer, WriterOptions},
};

/// What says that a copy is whole; it is written last.
const MANIFEST: &str = "backup.json";
/// Files that are copied as they are, where they are there.
const FILES: [&str; 2] = ["head.json", "rosehip.toml"];
/// Folders that are copied as they are.
const FOLDERS: [&str; 3] = ["keys", "media", "modules"];

/// Entries that are read at a time.
const SWEPT_AT_ONCE: usize = 2_000;

/// Why no copy was taken or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// What could not be read or written.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The target holds something already.
    #[error("{0} is not empty; name a new directory")]
    NotEmpty(PathBuf),
    /// It is no copy, or one that was not finished.
    #[error("{path} is no finished backup: {reason}")]
    NoBackup {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The erasures are those of another log.
    #[error("entry {0} is another one there: the erasures are those of another log")]
    OtherLog(u64),
    /// A file cannot be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log does not verify.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// What was put back cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log's writer did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Erasures could not be recorded.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Accounts could not be erased.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Images could not be erased.
    #[error(transparent)]
    Media(#[from] MediaFileError),
}

/// What a copy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the copy.
    pub v: u32,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// The last entry of its log.
    pub seq: u64,
    /// That entry's hash.
    pub hash: String,
}

/// What was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The log as it verifies now.
    pub report: VerifyReport,
    /// Entries that were erased anew.
    pub erased: u64,
    /// Accounts that were erased anew.
    pub users: u64,
}

/// Takes a copy of a data directory into `target`, which is new or empty. A host may be running.
pub fn back_up(data_dir: &Path, target: &Path) -> Result<Manifest, BackupError> {
    make_empty(target)?;
    // The signed head is never ahead of the log that is copied after it, nor the log of the modules and images that it
    // names.
    for name in FILES {
        copy_file(data_dir, target, name)?;
    }
    let reader = SqliteReader::open(&log_path(data_dir))?;
    reader.back_up(&log_path(target)).map_err(at(&log_path(target)))?;
    for name in FOLDERS {
        copy_folder(&data_dir.join(name), &target.join(name))?;
    }
    let accounts = target.join("accounts.db");
    let source = sqlite::connect(&data_dir.join("accounts.db"), Access::Read);
    source.map_err(io::Error::other).and_then(|source| sqlite::back_up(&source, &accounts)).map_err(at(&accounts))?;
    for path in [log_path(target), accounts] {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(at(&path))?;
    }
    let head = SqliteReader::open(&log_path(target))?.head()?;
    let manifest = Manifest { v: 1, taken_at: SystemClock::now(), seq: head.seq, hash: head.hash.to_string() };
    let text = serde_json::to_vec_pretty(&manifest).expect("a manifest is JSON");
    durable::replace(&target.join(MANIFEST), &text, 0o600).map_err(at(&target.join(MANIFEST)))?;
    Ok(manifest)
}

/// Puts a copy back into `data_dir`, which is new or empty, checks it, and erases anew what the log of `erased_in`, a data
/// directory of the same host, says was erased.
pub fn restore(from: &Path, data_dir: &Path, erased_in: Option<&Path>) -> Result<Restored, BackupError> {
    let manifest = read_manifest(from)?;
    let report = verify(from, |_| {})?;
    if (report.head.seq, report.head.hash.to_string()) != (manifest.seq, manifest.hash) {
        let reason = "its log does not end where it says".to_owned();
        return Err(BackupError::NoBackup { path: from.to_owned(), reason });
    }
    let erasures = erased_in.map(|other| erasures_since(other, report.head)).transpose()?.unwrap_or_default();
    make_empty(data_dir)?;
    // It is put together beside the place that it goes to: what is not erased anew yet must be no host's directory.
    let data_dir = &fs::canonicalize(data_dir).map_err(at(data_dir))?;
    let beside = beside(data_dir);
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&beside)(error)),
        Ok(()) | Err(_) => make_empty(&beside)?,
    }
    for name in FILES.into_iter().chain(["log.db", "accounts.db"]) {
        copy_file(from, &beside, name)?;
    }
    for name in FOLDERS {
        copy_folder(&from.join(name), &beside.join(name))?;
    }
    let (erased, users) = apply(&beside, &erasures)?;
    if erased > 0 {
        sweep_media(&beside)?;
    }
    let report = verify(&beside, |_| {})?;
    fs::rename(&beside, data_dir).map_err(at(data_dir))?;
    durable::sync_dir(data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        .map_err(at(data_dir))?;
    Ok(Restored { report, erased, users })
}

/// Removes the images that were erased anew.
fn sweep_media(data_dir: &Path) -> Result<(), BackupError> {
    let log = SqliteReader::open(&log_path(data_dir))?;
    let (mut images, mut after) = (NamedImages::default(), 0);
    loop {
        let batch = log.read(after + 1, SWEPT_AT_ONCE)?;
        for entry in &batch {
            images.take(entry);
        }
        match batch.last() {
            Some(last) => after = last.header.seq,
            None => return Ok(images.sweep(data_dir)?),
        }
    }
}

/// Where a directory is put together.
fn beside(data_dir: &Path) -> PathBuf {
    let mut name = data_dir.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    data_dir.with_file_name(name)
}

/// An erasure that a copy may not know: what of it the copy has.
struct Later {
    at: Timestamp,
    erased: Erased,
}

/// Erasures of another data directory that come after `head`, whose log must be the same up to there. Those that
/// retention made are made again by it.
fn erasures_since(other: &Path, head: Head) -> Result<Vec<Later>, BackupError> {
    let log = SqliteReader::open(&log_path(other))?;
    if head.seq > 0 && hash_at(&log, head.seq)? != Some(head.hash) {
        return Err(BackupError::OtherLog(head.seq));
    }
    let mut later = Vec::new();
    for entry in log.stream(&erasure_stream(), head.seq)? {
        let Some(erased) = erased_at(&log, entry.header.seq)? else { continue };
        if erased.about.as_deref() == Some(RETENTION) {
            continue;
        }
        let known = Erased { seqs: Vec::new(), ranges: erased.all().up_to(head.seq), rest: 0, ..erased };
        if !known.ranges.is_empty() || !known.users.is_empty() {
            later.push(Later { at: entry.header.time, erased: known });
        }
    }
    Ok(later)
}

fn hash_at(log: &impl LogReader, seq: u64) -> Result<Option<EntryHash>, StoreError> {
    let entry = log.read(seq, 1)?.into_iter().next().filter(|entry| entry.header.seq == seq);
    Ok(entry.map(|entry| entry.hash))
}

/// Erases in a directory that no host has. Returns how many entries and accounts went.
fn apply(data_dir: &Path, erasures: &[Later]) -> Result<(u64, u64), BackupError> {
    let DataDir { log, signer, accounts, lock: _lock, .. } = DataDir::open(data_dir, &DataDirOptions::default())?;
    let writer = Writer::start(log, WriterOptions { signer: Some(signer), ..WriterOptions::default() })?;
    let (mut all, mut users) = (SeqSet::default(), 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(at(data_dir))?;
    for Later { at, erased } in erasures {
        all.extend(&erased.ranges);
        for user in accounts.users()? {
            // An account of that name that was added later is another one.
            if erased.users.contains(&UserMark::of(user.name.as_str())) && user.created <= *at {
                accounts.erase_user(&user.name)?;
                users += 1;
            }
        }
    }
    // One append for all: of two, a crash in between would leave the first to nobody.
    let last = erasures.len().saturating_sub(1);
    let events = erasures.iter().enumerate().map(|(number, Later { erased, .. })| {
        Event::from(Erased { rest: u32::try_from(last - number).unwrap_or(u32::MAX), ..erased.clone() })
    });
    let events: Vec<_> = events.collect();
    let done = runtime.block_on(async {
        if events.is_empty() {
            return Ok(());
        }
        writer.append(append_of(SystemClock::now(), events)).await?;
        for chunk in chunks(&all) {
            writer.erase(chunk).await?;
        }
        if let Err(error) = writer.compact(Compaction::Rewrite).await {
            tracing::warn!(%error, "the log was not written anew");
        }
        Ok::<_, AppendError>(())
    });
    writer.stop();
    done?;
    Ok((all.len(), users))
}

fn read_manifest(from: &Path) -> Result<Manifest, BackupError> {
    let none = |reason: String| BackupError::NoBackup { path: from.to_owned(), reason };
    let bytes = fs::read(from.join(MANIFEST)).map_err(|error| none(format!("{MANIFEST}: {error}")))?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| none(format!("{MANIFEST}: {error}")))?;
    if manifest.v == 1 { Ok(manifest) } else { Err(none(format!("its form is {}, this release knows 1", manifest.v))) }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { path, source }
}

fn make_empty(dir: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
    match fs::read_dir(dir).map_err(at(dir))?.next() {
        Some(_) => Err(BackupError::NotEmpty(dir.to_owned())),
        None => Ok(()),
    }
}

/// Copies a file, which may be missing, and makes the copy durable.
fn copy_file(from: &Path, to: &Path, name: &str) -> Result<(), BackupError> {
    let (source, target) = (from.join(name), to.join(name));
    match fs::copy(&source, &target) {
        Ok(_) => fs::File::open(&target).and_then(|file| file.sync_all()).map_err(at(&target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at(&source)(error)),
    }
}

/// Copies the files of a folder, which may be missing.
fn copy_folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to).map_err(at(to))?;
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(at(from))?,
    };
    for entry in entries {
        let name = entry.map_err(at(from))?.file_name();
        let Some(name) = name.to_str().filter(|name| from.join(name).is_file()) else { continue };
        copy_file(from, to, name)?;
    }
    durable::sync_dir(to).map_err(at(to))
}
