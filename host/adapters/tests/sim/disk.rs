//! The disks of a world: the log and the views in memory, which last as long as the world does and so survive a host.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rosehip_adapters::store::in_memory;
use rusqlite::Connection;

static DISKS: AtomicU64 = AtomicU64::new(0);

/// Two databases, each kept by a connection that does nothing else.
pub(crate) struct Disk {
    number: u64,
    log: Keeper,
    views: Mutex<(u64, Keeper)>,
    loses_views: AtomicBool,
}

/// A connection is used by nobody; it only has to be there.
struct Keeper(#[expect(dead_code, reason = "it keeps the database")] Mutex<Connection>);

impl Keeper {
    fn keep(path: &PathBuf) -> Self {
        let connection = Connection::open(path).expect("memory can be opened");
        // The database is there once it was looked at.
        connection.query_row("PRAGMA user_version", [], |_| Ok(())).expect("an empty database has a version");
        Self(Mutex::new(connection))
    }
}

impl Disk {
    /// Empty ones.
    pub(crate) fn new() -> Self {
        let number = DISKS.fetch_add(1, Ordering::Relaxed);
        let log = Keeper::keep(&in_memory(&format!("log{number}")));
        let views = Mutex::new((0, Keeper::keep(&views_path(number, 0))));
        Self { number, log, views, loses_views: AtomicBool::new(false) }
    }

    /// Where the log is.
    pub(crate) fn log(&self) -> PathBuf {
        let _ = &self.log;
        in_memory(&format!("log{}", self.number))
    }

    /// Where the views are.
    pub(crate) fn views(&self) -> PathBuf {
        views_path(self.number, self.views.lock().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// A place for views that nobody keeps.
    pub(crate) fn spare_views(&self) -> PathBuf {
        in_memory(&format!("spare{}", self.number))
    }

    /// The views' file will be gone when the next host starts.
    pub(crate) fn lose_views_next(&self) {
        self.loses_views.store(true, Ordering::Relaxed);
    }

    /// Nobody has the files open: what is to be lost is lost.
    pub(crate) fn settle(&self) {
        if !self.loses_views.swap(false, Ordering::Relaxed) {
            return;
        }
        let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = views.0 + 1;
        *views = (generation, Keeper::keep(&views_path(self.number, generation)));
    }
}

fn views_path(number: u64, generation: u64) -> PathBuf {
    in_memory(&format!("views{number}v{generation}"))
}
