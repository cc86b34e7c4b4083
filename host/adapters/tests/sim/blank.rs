//! Views that hold nothing, kept for the next world: making their tables takes longer than all else that a world does
//! with them.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rosehip_adapters::{
    pool::Pool,
    store::in_memory,
    views::{ViewError, ViewReader},
};
use rusqlite::{Connection, Row, types::Value};

static NAMES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static BLANKS: RefCell<Vec<Views>> = const { RefCell::new(Vec::new()) };
}

/// Views in memory, which are there as long as this is.
pub(crate) struct Views {
    path: PathBuf,
    keeper: Connection,
    readers: Arc<Pool<ViewReader, ViewError>>,
}

impl Views {
    /// Views without a table.
    pub(crate) fn missing() -> Self {
        let path = in_memory(&format!("views{}", NAMES.fetch_add(1, Ordering::Relaxed)));
        let keeper = Connection::open(&path).expect("memory can be opened");
        // The database is there once it was looked at.
        keeper.query_row("PRAGMA user_version", [], |_| Ok(())).expect("an empty database has a version");
        let readers = Arc::new(Pool::new({
            let path = path.clone();
            move || ViewReader::open(&path)
        }));
        Self { path, keeper, readers }
    }

    /// Views that hold nothing, with or without tables.
    pub(crate) fn blank() -> Self {
        BLANKS.with_borrow_mut(Vec::pop).unwrap_or_else(Self::missing)
    }

    /// Where they are.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Who reads them.
    pub(crate) fn readers(&self) -> Arc<Pool<ViewReader, ViewError>> {
        Arc::clone(&self.readers)
    }

    /// All rows of all tables, in order.
    pub(crate) fn dump(&self) -> Result<BTreeMap<String, Vec<String>>, rusqlite::Error> {
        let mut dumped = BTreeMap::new();
        for name in self.tables()? {
            let mut statement = self.keeper.prepare_cached(&format!("SELECT * FROM {name}"))?;
            let width = statement.column_count();
            let text = |row: &Row<'_>| {
                let values = (0..width).map(|column| row.get::<_, Value>(column)).collect::<Result<Vec<_>, _>>()?;
                Ok(format!("{values:?}"))
            };
            let mut rows = statement.query_map([], text)?.collect::<Result<Vec<_>, _>>()?;
            rows.sort_unstable();
            dumped.insert(name, rows);
        }
        Ok(dumped)
    }

    fn tables(&self) -> Result<Vec<String>, rusqlite::Error> {
        let mut tables = self.keeper.prepare_cached("SELECT name FROM sqlite_master WHERE type = 'table'")?;
        let names = tables.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        self.keeper.set_prepared_statement_cache_capacity(2 * names.len() + 8);
        Ok(names)
    }

    /// Empties them for another world. Nobody else may have them open.
    pub(crate) fn give_back(self) {
        if self.wipe().is_ok() {
            BLANKS.with_borrow_mut(|blanks| blanks.push(self));
        }
    }

    fn wipe(&self) -> Result<(), rusqlite::Error> {
        let names = self.tables()?;
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
