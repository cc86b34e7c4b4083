//! Sessions of people who logged in, kept for a session store: an id, a document that is opaque here, an end.

use rosehip_core::time::Timestamp;
use rusqlite::OptionalExtension as _;

use super::{
    AccountError, Accounts, UserName, is_constraint,
    users::{parsed, unknown},
};

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, as the cookie holds it.
    pub id: String,
    /// Who logged in, if anyone did. The session ends with that user, and when its password changes.
    pub user: Option<UserName>,
    /// Its document, opaque here.
    pub data: String,
    /// When it ends.
    pub expires: Timestamp,
}

impl Accounts {
    /// Keeps a session whose id must be new. Returns whether it was.
    pub fn create_session(&self, session: &Session) -> Result<bool, AccountError> {
        self.write_session(
            "INSERT INTO sessions(id, user, data, expires) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (id) DO NOTHING",
            session,
        )
    }

    /// Keeps a session, in place of the one that has its id.
    pub fn save_session(&self, session: &Session) -> Result<(), AccountError> {
        self.write_session(
            "INSERT INTO sessions(id, user, data, expires) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (id) DO UPDATE SET user = excluded.user, data = excluded.data, expires = excluded.expires",
            session,
        )
        .map(|_| ())
    }

    /// The session of an id, unless it has ended by `now`.
    pub fn load_session(&self, id: &str, now: Timestamp) -> Result<Option<Session>, AccountError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT id, user, data, expires FROM sessions WHERE id = ?1 AND expires > ?2")?;
        let session = statement.query_row((id, now.as_millis()), |row| {
            let user = row.get::<_, Option<String>>(1)?.map(|_| parsed(row, 1)).transpose()?;
            Ok(Session { id: row.get(0)?, user, data: row.get(2)?, expires: Timestamp::from_millis(row.get(3)?) })
        });
        Ok(session.optional()?)
    }

    /// Ends a session. Ending one that is not there is fine.
    pub fn delete_session(&self, id: &str) -> Result<(), AccountError> {
        self.lock().prepare_cached("DELETE FROM sessions WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// The sessions of a user that have not ended by `now`, those first that end last.
    pub fn sessions_of(&self, user: &UserName, now: Timestamp) -> Result<Vec<Session>, AccountError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT id, user, data, expires FROM sessions WHERE user = ?1 AND expires > ?2 ORDER BY expires DESC, id",
        )?;
        let sessions = statement.query_map((user.as_str(), now.as_millis()), |row| {
            let (user, expires) = (Some(parsed(row, 1)?), Timestamp::from_millis(row.get(3)?));
            Ok(Session { id: row.get(0)?, user, data: row.get(2)?, expires })
        })?;
        Ok(sessions.collect::<Result<_, _>>()?)
    }

    /// Ends the sessions of a user, but for one. Returns how many.
    pub fn end_sessions_but(&self, user: &UserName, id: &str) -> Result<usize, AccountError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("DELETE FROM sessions WHERE user = ?1 AND id <> ?2")?;
        Ok(statement.execute((user.as_str(), id))?)
    }

    /// Removes the sessions that have ended by `now`. Returns how many.
    pub fn delete_expired_sessions(&self, now: Timestamp) -> Result<usize, AccountError> {
        Ok(self.lock().prepare_cached("DELETE FROM sessions WHERE expires <= ?1")?.execute([now.as_millis()])?)
    }

    fn write_session(&self, sql: &str, session: &Session) -> Result<bool, AccountError> {
        let user = session.user.as_ref().map(UserName::as_str);
        let row = (&session.id, user, &session.data, session.expires.as_millis());
        let written = self.lock().prepare_cached(sql)?.execute(row);
        match (written, &session.user) {
            (Ok(rows), _) => Ok(rows > 0),
            (Err(error), Some(user)) if is_constraint(&error) => Err(unknown(user)),
            (Err(error), _) => Err(error.into()),
        }
    }
}
