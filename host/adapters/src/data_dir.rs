//! A data directory, opened by its one host or by a command line while no host runs.
//!
//! ```text
//! lock             held while it is open
//! log.db           the log; log.db-wal and log.db-shm beside it
//! head.json        the signed head of the log
//! keys/            host.key, actor-{name}.key, cache.key, webhook.secret
//! modules/         {digest}.wasm
//! media/           {digest}, the images
//! cache/           what was compiled of them; it can be deleted
//! accounts.db      users, tokens and sessions, which are not in the log
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use rosehip_core::{
    ids::UserMark,
    log::Head,
    ports::{LogReader as _, LogStore as _, StoreError},
};

use crate::{
    accounts::{AccountError, Accounts},
    durable, erasure,
    head::{self, HeadError, HeadFile, HeadSigner},
    keys::{self, KeyError, Keys},
    lock::{DirLock, LockError},
    media::{MediaFileError, MediaFiles},
    modules::{ModuleFileError, ModuleFiles},
    store::{SchemaError, SqliteLog, SqliteOptions, SqliteReader},
    wal::{self, WalError},
};

/// How a data directory is opened.
#[derive(Debug, Clone, Default)]
pub struct DataDirOptions {
    /// How the log's file is kept.
    pub store: SqliteOptions,
    /// The operator's word that the log may be shorter than its signed head, or end in other entries. The head is
    /// then signed anew.
    pub accept_truncation: bool,
}

/// Why a data directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made or reached.
    #[error("{path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Another process has it open, or the lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The log's or the accounts' file is of a newer release, or cannot be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log is not what its signed head says, or that cannot be told.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// A write-ahead log is damaged, so that opening it would drop what was acknowledged.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// A key cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The directory of modules cannot be made.
    #[error(transparent)]
    Modules(#[from] ModuleFileError),
    /// The directory of images cannot be made.
    #[error(transparent)]
    Media(#[from] MediaFileError),
    /// The accounts cannot be read.
    #[error(transparent)]
    Accounts(#[from] AccountError),
}

/// What an open data directory holds. Its parts go their own ways in a host.
#[derive(Debug)]
pub struct DataDir {
    /// The directory.
    pub path: PathBuf,
    /// Keeps others out. It is dropped last, after the writer has stopped.
    pub lock: DirLock,
    /// The log's writing side.
    pub log: SqliteLog,
    /// The log's end as it was opened.
    pub head: Head,
    /// Signs the log's head from here on.
    pub signer: HeadSigner,
    /// The private keys.
    pub keys: Keys,
    /// The bytes of the modules.
    pub modules: ModuleFiles,
    /// The bytes of the images.
    pub media: MediaFiles,
    /// Users, tokens and sessions.
    pub accounts: Accounts,
}

impl DataDir {
    /// Opens `path`, making it on the first start (0700): takes the lock, migrates the files of an older release
    /// after copying them, makes the host's key, and holds the log against its signed head.
    ///
    /// A log that is shorter than its signed head is refused as truncated, and nothing is changed, until the
    /// operator accepts it. A log without a head file is accepted: a host that ended before it first signed leaves
    /// none. A write-ahead log that is damaged before its last commit is refused likewise, because SQLite would drop what
    /// stands behind the damage.
    pub fn open(path: &Path, options: &DataDirOptions) -> Result<Self, OpenError> {
        let directory = |source| OpenError::Directory { path: path.to_owned(), source };
        durable::make_dir(path, 0o700).map_err(directory)?;
        let lock = DirLock::take(path)?;
        if keys::read_host(path)?.is_none() {
            HeadFile::of(path).must_be_absent()?;
        }
        let keys = Keys::open(path)?;
        check_wals(path, options)?;
        let mut log = SqliteLog::open(&log_path(path), &options.store)?;
        let head = log.head()?;
        // What is appended is chained to it, so it is read as any entry is: held against the one before. One of a format that
        // this release does not know is refused before anything is changed.
        log.read(head.seq, 1)?;
        erasure::complete(&mut log)?;
        let file = HeadFile::of(path);
        let last_signed = signed_head(&file, &keys, &log, head, options)?;
        let modules = ModuleFiles::open(path)?;
        let media = MediaFiles::open(path)?;
        let accounts = Accounts::open(&accounts_path(path))?;
        // The entry that says an account went is durable before the account goes.
        for (at, mark) in erasure::users_of_last(&log)? {
            for user in accounts.users()? {
                if UserMark::of(user.name.as_str()) == mark && user.created <= at {
                    accounts.erase_user(&user.name)?;
                }
            }
        }
        durable::sync_dir(path).map_err(directory)?;
        let signer = HeadSigner::new(file, keys.host().clone(), last_signed);
        Ok(Self { path: path.to_owned(), lock, log, head, signer, keys, modules, media, accounts })
    }

    /// Another reader of the log.
    pub fn reader(&self) -> Result<SqliteReader, SchemaError> {
        self.log.readers().open()
    }
}

/// The directory of a data directory in which compiled modules are kept. It is made when there is something to keep.
pub fn cache_path(data_dir: &Path) -> PathBuf {
    data_dir.join("cache")
}

/// The log's file in a data directory, for readers.
pub fn log_path(data_dir: &Path) -> PathBuf {
    data_dir.join("log.db")
}

/// The file of the accounts in a data directory.
pub(crate) fn accounts_path(data_dir: &Path) -> PathBuf {
    data_dir.join("accounts.db")
}

/// Looks at what SQLite is about to recover.
fn check_wals(path: &Path, options: &DataDirOptions) -> Result<(), WalError> {
    for database in [log_path(path), accounts_path(path)] {
        match wal::check(&database) {
            Err(error @ (WalError::Frame { .. } | WalError::Header { .. })) if options.accept_truncation => {
                tracing::warn!(%error, "the operator accepts what SQLite recovers of it");
            }
            checked => checked?,
        }
    }
    Ok(())
}

/// `seq` of the signed head, which the log was held against.
fn signed_head(
    file: &HeadFile,
    keys: &Keys,
    log: &SqliteLog,
    found: Head,
    options: &DataDirOptions,
) -> Result<u64, OpenError> {
    let Some(signed) = file.read(&keys.host().verifying_key())? else {
        return Ok(0);
    };
    match head::check(signed, log) {
        Ok(()) => Ok(signed.seq),
        Err(error @ (HeadError::Truncated { .. } | HeadError::Replaced { .. })) if options.accept_truncation => {
            tracing::warn!(%error, "the operator accepts the log as it stands");
            file.write(found, keys.host())?;
            Ok(found.seq)
        }
        Err(error) => Err(error.into()),
    }
}
