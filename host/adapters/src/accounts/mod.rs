//! Who may do what: users, their tokens and their sessions, in `accounts.db`. None of it is in the log.
//!
//! One process has the file open, so that what is cached here is what is stored. Calls block; those that hash a
//! password take some 20 ms and belong on a thread that may.

mod password;
mod role;
mod sessions;
mod tokens;
mod users;

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use rosehip_core::ids::ActorName;
use rusqlite::Connection;

pub use self::{
    role::Role,
    sessions::Session,
    tokens::{Identity, Token},
    users::{NewUser, User},
};
use crate::sqlite::{self, Access, Damage, SchemaError};

/// `MIGRATIONS[n]` takes a file from version `n` to `n + 1`. Released ones are never changed.
///
/// The second has every column stand in an index as well, so that each is there twice: a bit that turned in either is
/// found by [`examine`].
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE users(
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        actor TEXT NOT NULL,
        password TEXT NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE tokens(
        user TEXT NOT NULL REFERENCES users(name) ON DELETE CASCADE,
        name TEXT NOT NULL,
        secret_hash BLOB NOT NULL UNIQUE,
        created INTEGER NOT NULL,
        PRIMARY KEY (user, name)
    ) STRICT;
    CREATE TABLE sessions(
        id TEXT PRIMARY KEY,
        user TEXT REFERENCES users(name) ON DELETE CASCADE,
        data TEXT NOT NULL,
        expires INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_user ON sessions(user);
    CREATE INDEX sessions_by_expiry ON sessions(expires)",
    "
    CREATE INDEX users_twice ON users(name, role, actor, password, created);
    CREATE INDEX tokens_twice ON tokens(user, name, created);
    CREATE INDEX sessions_twice ON sessions(id, data)",
];

/// Why an account was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A field breaks a rule.
    #[error("{field} {rule}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The rule, which follows the field's name in a sentence.
        rule: &'static str,
    },
    /// The name is taken.
    #[error("{what} {name} is there already")]
    Taken {
        /// `user` or `token`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// There is none of that name.
    #[error("there is no {what} {name}")]
    Unknown {
        /// `user` or `token`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A password was not hashed, for want of randomness or memory.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
    /// The file cannot be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The file cannot be read or written.
    #[error("the accounts cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The name of a user: `[a-z][a-z0-9-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        check_name("name", text).map(|()| Self(text.into()))
    }
}

/// Users, tokens and sessions. Shared by threads.
#[derive(Debug)]
pub struct Accounts {
    connection: Mutex<Connection>,
    /// Every token's identity by the sha-256 of its secret: what a request costs is one hash and one look here.
    /// Changed together with the table, while the connection is held.
    identities: RwLock<HashMap<[u8; 32], Arc<Identity>>>,
}

impl Accounts {
    /// Opens or creates the file, migrating one of an older release after copying it to `{path}.backup-v{n}`.
    pub fn open(path: &Path) -> Result<Self, AccountError> {
        let accounts = Self { connection: Mutex::new(sqlite::open(path, MIGRATIONS)?), identities: RwLock::default() };
        accounts.refresh_identities(&accounts.lock())?;
        Ok(accounts)
    }

    /// A panic elsewhere while the connection was held leaves no transaction open: each statement is one of its own,
    /// and transactions roll back when they are dropped.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the whole file of the accounts, while a host may be running: that its pages fit together, and that every
/// column holds what its index does. A file of an earlier release has not all of these indexes.
pub(crate) fn examine(path: &Path) -> Result<(), Damage> {
    let unreadable = |error: rusqlite::Error| Damage::Structure { path: path.to_owned(), found: error.to_string() };
    let connection = sqlite::connect(path, Access::Read).map_err(unreadable)?;
    let version = sqlite::version_of(&connection).map_err(unreadable)? as usize;
    let Some(migrations) = MIGRATIONS.get(..version) else {
        let found = format!("it says that it has version {version}, of {} that there are", MIGRATIONS.len());
        return Err(Damage::Structure { path: path.to_owned(), found });
    };
    let declared = sqlite::schema_after(migrations).expect("the migrations make the tables of every new file");
    sqlite::examine(&connection, path, &declared)
}

/// `[a-z][a-z0-9-]{0,62}`, the form actors' names have.
fn check_name(field: &'static str, text: &str) -> Result<(), AccountError> {
    let rule = "must be a lower-case letter and up to 62 more lower-case letters, digits or hyphens";
    text.parse::<ActorName>().map(|_| ()).map_err(|_| AccountError::Invalid { field, rule })
}

/// What a failed insert means: its key is there already, or something else.
fn taken_or_else(what: &'static str, name: &str) -> impl FnOnce(rusqlite::Error) -> AccountError {
    move |error| {
        if is_constraint(&error) { AccountError::Taken { what, name: name.to_owned() } } else { error.into() }
    }
}

/// Whether a statement failed because of a key or a reference.
fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}

#[cfg(test)]
mod tests;
