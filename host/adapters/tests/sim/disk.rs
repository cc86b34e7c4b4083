//! The disks of a world: the log and the views in memory, which last as long as the world does and so survive a host.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rosehip_adapters::{
    pool::Pool,
    store::{SchemaError, SqliteReader, in_memory},
    views::{ViewError, ViewReader},
};
use rusqlite::Connection;

use crate::blank::Views;

static LOGS: AtomicU64 = AtomicU64::new(0);

/// The log and the views. Their readers, which know nothing, serve one host after the other.
pub(crate) struct Disk {
    log: PathBuf,
    log_readers: Arc<Pool<SqliteReader, SchemaError>>,
    /// It does nothing, but that without it the log would be gone with its last reader.
    _keeper: Mutex<Connection>,
    views: Mutex<Option<Views>>,
    loses_views: AtomicBool,
}

impl Disk {
    /// Empty ones.
    pub(crate) fn new() -> Self {
        let log = in_memory(&format!("log{}", LOGS.fetch_add(1, Ordering::Relaxed)));
        let keeper = Connection::open(&log).expect("memory can be opened");
        // The database is there once it was looked at.
        keeper.query_row("PRAGMA user_version", [], |_| Ok(())).expect("an empty database has a version");
        let views = Mutex::new(Some(Views::blank()));
        let path = log.clone();
        let log_readers = Arc::new(Pool::new(move || SqliteReader::open(&path)));
        Self { log, log_readers, _keeper: Mutex::new(keeper), views, loses_views: AtomicBool::new(false) }
    }

    /// Where the log is.
    pub(crate) fn log(&self) -> PathBuf {
        self.log.clone()
    }

    /// Who reads the log.
    pub(crate) fn log_readers(&self) -> Arc<Pool<SqliteReader, SchemaError>> {
        Arc::clone(&self.log_readers)
    }

    /// Where the views are.
    pub(crate) fn views(&self) -> PathBuf {
        self.with_views(Views::path)
    }

    /// Who reads the views.
    pub(crate) fn views_readers(&self) -> Arc<Pool<ViewReader, ViewError>> {
        self.with_views(Views::readers)
    }

    /// Looks at the views.
    pub(crate) fn with_views<T>(&self, look: impl FnOnce(&Views) -> T) -> T {
        look(self.kept().as_ref().expect("only the end of a world takes them away"))
    }

    /// The views' file will be gone when the next host starts.
    pub(crate) fn lose_views_next(&self) {
        self.loses_views.store(true, Ordering::Relaxed);
    }

    /// Nobody has the files open: what is to be lost is lost.
    pub(crate) fn settle(&self) {
        if self.loses_views.swap(false, Ordering::Relaxed) {
            let lost = self.kept().replace(Views::missing());
            lost.into_iter().for_each(Views::give_back);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Views>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(views) = self.kept().take() {
            views.give_back();
        }
    }
}
