//! Users and their passwords.

use rosehip_core::{ids::ActorName, time::Timestamp};
use rusqlite::{OptionalExtension as _, Row, types::Type};
use sha2::{Digest as _, Sha256};

use super::{AccountError, Accounts, Role, UserName, password, taken_or_else};

const SELECT: &str = "SELECT name, role, actor, password, created FROM users";

/// A user as it is added.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Its name, checked here.
    pub name: &'a str,
    /// What it may do.
    pub role: Role,
    /// The actor it posts as.
    pub actor: &'a ActorName,
    /// Its password, of 8 to 1,024 bytes.
    pub password: &'a str,
    /// When it is added.
    pub now: Timestamp,
}

/// A user as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: UserName,
    /// What it may do.
    pub role: Role,
    /// The actor it posts as.
    pub actor: ActorName,
    /// When it was added.
    pub created: Timestamp,
    /// Changes with the password, and says nothing about it. A session that holds another one is void.
    pub credential: [u8; 32],
}

impl Accounts {
    /// Adds a user. Takes the time of a password hash. After `Ok` it survives power loss.
    pub fn add_user(&self, new: NewUser<'_>) -> Result<User, AccountError> {
        let name: UserName = new.name.parse()?;
        let hash = password::hash(new.password)?;
        let row = (name.as_str(), new.role.to_string(), new.actor.as_str(), &hash, new.now.as_millis());
        self.lock()
            .execute("INSERT INTO users(name, role, actor, password, created) VALUES (?1, ?2, ?3, ?4, ?5)", row)
            .map_err(taken_or_else("user", name.as_str()))?;
        Ok(User { name, role: new.role, actor: new.actor.clone(), created: new.now, credential: credential_of(&hash) })
    }

    /// Sets a user's password and ends its sessions. Its tokens stay. Takes the time of a password hash.
    pub fn set_password(&self, name: &UserName, new: &str) -> Result<(), AccountError> {
        let hash = password::hash(new)?;
        let mut connection = self.lock();
        let change = connection.transaction()?;
        if change.execute("UPDATE users SET password = ?2 WHERE name = ?1", (name.as_str(), hash))? == 0 {
            return Err(unknown(name));
        }
        change.execute("DELETE FROM sessions WHERE user = ?1", [name.as_str()])?;
        Ok(change.commit()?)
    }

    /// Gives a user another role, which its sessions and tokens have from the next request on.
    pub fn set_role(&self, name: &UserName, role: Role) -> Result<(), AccountError> {
        let connection = self.lock();
        let changed =
            connection.execute("UPDATE users SET role = ?2 WHERE name = ?1", (name.as_str(), role.to_string()))?;
        if changed == 0 {
            return Err(unknown(name));
        }
        self.refresh_identities(&connection)
    }

    /// Removes a user with its tokens and sessions.
    pub fn remove_user(&self, name: &UserName) -> Result<(), AccountError> {
        let connection = self.lock();
        if connection.execute("DELETE FROM users WHERE name = ?1", [name.as_str()])? == 0 {
            return Err(unknown(name));
        }
        self.refresh_identities(&connection)
    }

    /// Removes a user as [`Accounts::remove_user`] does, and what the file kept of it: its bytes are overwritten.
    pub fn erase_user(&self, name: &UserName) -> Result<(), AccountError> {
        self.lock().execute_batch("PRAGMA secure_delete = ON")?;
        self.remove_user(name)?;
        let connection = self.lock();
        // What was changed before may lie in the slack of a page; the file is small.
        connection.execute_batch("VACUUM")?;
        Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    /// A user by name.
    pub fn user(&self, name: &UserName) -> Result<Option<User>, AccountError> {
        Ok(self.user_and_hash(name.as_str())?.map(|(user, _)| user))
    }

    /// Every user, by name.
    pub fn users(&self) -> Result<Vec<User>, AccountError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY name"))?;
        let users = statement.query_map([], |row| user_of(row).map(|(user, _)| user))?;
        Ok(users.collect::<Result<_, _>>()?)
    }

    /// The user whose name and password these are. Takes the time of a password hash, whether there is such a user
    /// or not, without holding up others.
    pub fn verify_password(&self, name: &str, password: &str) -> Result<Option<User>, AccountError> {
        let (user, hash) = self.user_and_hash(name)?.unzip();
        Ok(if password::verify(password, hash.as_deref()) { user } else { None })
    }

    fn user_and_hash(&self, name: &str) -> Result<Option<(User, String)>, AccountError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("{SELECT} WHERE name = ?1"))?;
        Ok(statement.query_row([name], user_of).optional()?)
    }
}

pub(super) fn unknown(name: &UserName) -> AccountError {
    AccountError::Unknown { what: "user", name: name.to_string() }
}

/// Reads a column that was checked before it was written.
pub(super) fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

fn user_of(row: &Row<'_>) -> rusqlite::Result<(User, String)> {
    let hash: String = row.get(3)?;
    let user = User {
        name: parsed(row, 0)?,
        role: parsed(row, 1)?,
        actor: parsed(row, 2)?,
        created: Timestamp::from_millis(row.get(4)?),
        credential: credential_of(&hash),
    };
    Ok((user, hash))
}

fn credential_of(hash: &str) -> [u8; 32] {
    Sha256::digest(hash).into()
}
