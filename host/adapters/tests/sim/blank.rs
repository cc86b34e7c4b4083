//! Views that hold nothing, kept for the next world: making their tables takes longer than all else that a world does
//! with them.

use std::{
    cell::RefCell,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use rosehip_adapters::store::in_memory;
use rusqlite::Connection;

static NAMES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static BLANKS: RefCell<Vec<Views>> = const { RefCell::new(Vec::new()) };
}

/// Views in memory, which are there as long as this is.
pub(crate) struct Views {
    path: PathBuf,
    keeper: Connection,
}

impl Views {
    /// Views without a table.
    pub(crate) fn missing() -> Self {
        let path = in_memory(&format!("views{}", NAMES.fetch_add(1, Ordering::Relaxed)));
        let keeper = Connection::open(&path).expect("memory can be opened");
        // The database is there once it was looked at.
        keeper.query_row("PRAGMA user_version", [], |_| Ok(())).expect("an empty database has a version");
        Self { path, keeper }
    }

    /// Views that hold nothing, with or without tables.
    pub(crate) fn blank() -> Self {
        BLANKS.with_borrow_mut(Vec::pop).unwrap_or_else(Self::missing)
    }

    /// Where they are.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Empties them for another world. Nobody else may have them open.
    pub(crate) fn give_back(self) {
        if self.wipe().is_ok() {
            BLANKS.with_borrow_mut(|blanks| blanks.push(self));
        }
    }

    fn wipe(&self) -> Result<(), rusqlite::Error> {
        let mut tables = self.keeper.prepare_cached("SELECT name FROM sqlite_master WHERE type = 'table'")?;
        let names = tables.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        self.keeper.set_prepared_statement_cache_capacity(2 * names.len() + 8);
        self.keeper.prepare_cached("BEGIN")?.execute([])?;
        for name in names.iter().filter(|name| *name != "position") {
            self.keeper.prepare_cached(&format!("DELETE FROM {name}"))?.execute([])?;
        }
        if !names.is_empty() {
            self.keeper.prepare_cached("UPDATE position SET seq = 0, hash = ''")?.execute([])?;
        }
        self.keeper.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}
