//! What the SQLite files of a data directory have in common: how they are opened, and numbered migrations.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rosehip_core::ports::StoreError;
use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi};

use crate::durable;

/// How long a statement waits for another connection's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that a connection keeps ready, which is more than any has.
const STATEMENTS: usize = 256;
/// Why a SQLite file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer release wrote the file. It was left as it is.
    #[error("{path} has schema version {found}, this release knows versions up to {known}: use a newer release")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this release writes.
        known: u32,
    },
    /// An older release wrote the file and whoever reads it may not change it.
    #[error("{path} has schema version {found}, this release reads version {known}: start the host once to migrate it")]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version this release reads.
        known: u32,
    },
    /// The copy that is made before a migration failed. Nothing was migrated.
    #[error("{path} was not migrated, because its backup {backup} could not be written: {reason}")]
    Backup {
        /// The file.
        path: PathBuf,
        /// The copy that was to be written.
        backup: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// The index of a log cannot be brought up to date.
    #[error("{path} cannot be kept: {reason}")]
    Index {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// SQLite refused.
    #[error("{path} cannot be opened: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's own words.
        source: rusqlite::Error,
    },
}

impl From<SchemaError> for StoreError {
    fn from(error: SchemaError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// Names a database in memory. Connections of this process that are opened by the same name share it, and it lasts as
/// long as one of them does. Letters and digits of `name` are told apart, anything else is not for it.
pub fn in_memory(name: &str) -> PathBuf {
    PathBuf::from(format!("{MEMORY_BEGINS}{name}{MEMORY_ENDS}"))
}

/// How the path of a database in memory begins and ends: a URI that names SQLite's `memdb`.
const MEMORY_BEGINS: &str = "file:/";
const MEMORY_ENDS: &str = "?vfs=memdb";

/// Files are named by paths and by nothing else, whatever they look like.
pub(crate) fn is_in_memory(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with(MEMORY_BEGINS) && path.ends_with(MEMORY_ENDS))
}

/// A file is not what was written to it.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Pages, rows or indexes do not fit together.
    #[error("{path} is damaged: {found}")]
    Structure {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        found: String,
    },
    /// A table or an index is not declared as this release declares it.
    #[error("{path} is damaged: {name} is not declared as this release declares it")]
    Declaration {
        /// The file.
        path: PathBuf,
        /// The table or index.
        name: String,
    },
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It makes the file where there is none.
    Write,
    /// The file is there.
    Read,
}

/// Connects to a file. A connection belongs to one thread at a time, so SQLite need not lock it, and its statements are
/// planned once: without the guarantee SQLite plans some of them anew for every other parameter.
pub(crate) fn connect(path: &Path, access: Access) -> Result<Connection, rusqlite::Error> {
    let flags = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = if is_in_memory(path) { flags | OpenFlags::SQLITE_OPEN_URI } else { flags };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Opens a file for its one writer: WAL, an fsync before each commit returns, migrated to the newest version.
/// `migrations[n]` takes a file from version `n` to `n + 1`.
pub(crate) fn open(path: &Path, migrations: &[&str]) -> Result<Connection, SchemaError> {
    let refused = |source| SchemaError::Sqlite { path: path.to_owned(), source };
    let connection = connect(path, Access::Write).map_err(refused)?;
    // Before anything else is set: a file of a newer release is left exactly as it is.
    let version = version_of(&connection).map_err(refused)?;
    let known = known_version(migrations);
    if version > known {
        return Err(SchemaError::Newer { path: path.to_owned(), found: version, known });
    }
    // It counts for a file that is new: room that erasing leaves can then be given back step by step.
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(refused)?;
    use_wal(&connection, path).map_err(refused)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;").map_err(refused)?;
    if version > 0 && version < known {
        back_up_before_migration(&connection, path, version)?;
    }
    for number in version..known {
        let sql = migrations[number as usize];
        let migration = format!("BEGIN IMMEDIATE; {sql}; PRAGMA user_version = {}; COMMIT;", number + 1);
        connection.execute_batch(&migration).map_err(refused)?;
    }
    Ok(connection)
}

/// Gives a file a write-ahead log; what is in memory needs none. SQLite answers before it commits to that and tells nobody of a failure, after which the
/// file has the journal it had. So another connection is asked, which knows nothing but the file. (The file itself is never
/// opened by other means: closing it would give up the locks that SQLite holds on it for the whole process.)
pub(crate) fn use_wal(connection: &Connection, path: &Path) -> Result<(), rusqlite::Error> {
    if is_in_memory(path) {
        return Ok(());
    }
    connection.execute_batch("PRAGMA journal_mode = WAL")?;
    let asked = connect(path, Access::Read)?;
    version_of(&asked)?;
    let mode: String = asked.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    if mode == "wal" {
        return Ok(());
    }
    let reason = format!("it was to have a write-ahead log, and its journal is still {mode:?}");
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(reason)))
}

/// Opens a file of the newest version for reading, while its writer goes on.
pub(crate) fn open_read_only(path: &Path, migrations: &[&str]) -> Result<Connection, SchemaError> {
    let refused = |source| SchemaError::Sqlite { path: path.to_owned(), source };
    let connection = connect(path, Access::Read).map_err(refused)?;
    let (found, known) = (version_of(&connection).map_err(refused)?, known_version(migrations));
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(connection),
        std::cmp::Ordering::Greater => Err(SchemaError::Newer { path: path.to_owned(), found, known }),
        std::cmp::Ordering::Less => Err(SchemaError::Older { path: path.to_owned(), found, known }),
    }
}

/// Writes a consistent copy of a database to `target`, in place of what is there, while writers go on.
pub(crate) fn back_up(connection: &Connection, target: &Path) -> io::Result<()> {
    let mut temporary = target.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    if temporary.exists() {
        fs::remove_file(&temporary)?;
    }
    let name = temporary.to_str().ok_or_else(|| io::Error::other("its path is not UTF-8"))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(io::Error::other)?;
    fs::File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, target)?;
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => durable::sync_dir(parent),
        Some(_) | None => durable::sync_dir(Path::new(".")),
    }
}

/// The tables, indexes and whatever else a file declares: its name and its SQL.
pub(crate) type Declared = BTreeMap<String, Option<String>>;

/// What is declared in a file.
pub(crate) fn schema_of(connection: &Connection) -> Result<Declared, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The tables of a file.
pub(crate) fn tables_of(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// What migrations declare in an empty file.
pub(crate) fn schema_after(migrations: &[&str]) -> Result<Declared, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    migrations.iter().try_for_each(|migration| connection.execute_batch(migration))?;
    schema_of(&connection)
}

/// Looks at a whole file: that its pages fit together, that each index holds what its table does, and that everything is
/// declared as it should be.
pub(crate) fn examine(connection: &Connection, path: &Path, declared: &Declared) -> Result<(), Damage> {
    let structure = |found: String| Damage::Structure { path: path.to_owned(), found };
    let found = schema_of(connection).map_err(|error| structure(error.to_string()))?;
    let differs = |name: &&String| found.get(*name) != declared.get(*name);
    if let Some(name) = declared.keys().chain(found.keys()).find(differs) {
        return Err(Damage::Declaration { path: path.to_owned(), name: name.clone() });
    }
    let found: Result<String, _> = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(structure(found)),
        Err(error) => Err(structure(error.to_string())),
    }
}

fn back_up_before_migration(connection: &Connection, path: &Path, version: u32) -> Result<(), SchemaError> {
    let mut backup = path.as_os_str().to_owned();
    backup.push(format!(".backup-v{version}"));
    let backup = PathBuf::from(backup);
    back_up(connection, &backup).map_err(|error| SchemaError::Backup {
        path: path.to_owned(),
        backup: backup.clone(),
        reason: error.to_string(),
    })
}

/// Which of the migrations a file has seen.
pub(crate) fn version_of(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn known_version(migrations: &[&str]) -> u32 {
    u32::try_from(migrations.len()).expect("there are few migrations")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE things(name TEXT NOT NULL) STRICT";
    const SECOND: &str = "ALTER TABLE things ADD COLUMN size INTEGER";

    fn filled(path: &Path) {
        let connection = open(path, &[FIRST]).expect("opened");
        connection.execute("INSERT INTO things VALUES ('one')", []).expect("inserted");
    }

    #[test]
    fn a_newer_release_backs_up_and_then_migrates() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("things.db");
        filled(&path);

        let migrated = open(&path, &[FIRST, SECOND]).expect("migrated");
        assert_eq!(version_of(&migrated), Ok(2));
        migrated.query_row("SELECT size FROM things", [], |_| Ok(())).expect("the new column is there");

        let backup = open_read_only(&dir.path().join("things.db.backup-v1"), &[FIRST]).expect("a backup of version 1");
        let name: String = backup.query_row("SELECT name FROM things", [], |row| row.get(0)).expect("its row");
        assert_eq!(name, "one");
    }

    #[test]
    fn an_older_release_refuses_and_names_both_versions() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("things.db");
        filled(&path);
        drop(open(&path, &[FIRST, SECOND]).expect("migrated"));

        let error = open(&path, &[FIRST]).expect_err("refused").to_string();
        assert!(error.contains("schema version 2") && error.contains("versions up to 1"), "{error}");
        assert!(matches!(open_read_only(&path, &[FIRST]), Err(SchemaError::Newer { found: 2, known: 1, .. })));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("things.db");
        filled(&path);
        let error = open(&path, &[FIRST, "ALTER TABLE things ADD COLUMN size INTEGER; SELECT nonsense"]);
        assert!(matches!(error, Err(SchemaError::Sqlite { .. })));
        drop(open(&path, &[FIRST]).expect("still version 1"));
        assert!(matches!(open_read_only(&path, &[FIRST, SECOND]), Err(SchemaError::Older { found: 1, known: 2, .. })));
    }
}
