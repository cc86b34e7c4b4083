//! Bearer tokens, for programs. A secret is shown once and kept only as its sha-256: it is random, so that a slow
//! hash would add nothing but time to every request.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use data_encoding::BASE32_NOPAD;
use rosehip_core::{ids::ActorName, time::Timestamp};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::{
    AccountError, Accounts, Role, UserName, check_name, taken_or_else,
    users::{parsed, unknown},
};

/// Every secret begins with it, so that scanners know one when they see it.
const PREFIX: &str = "rh_";

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, one of its user's.
    pub name: String,
    /// Whose it is.
    pub user: UserName,
    /// When it was made.
    pub created: Timestamp,
}

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: UserName,
    /// What it may do.
    pub role: Role,
    /// The actor it posts as.
    pub actor: ActorName,
}

impl Accounts {
    /// Makes a token for a user and returns its secret, `rh_` and 52 letters and digits, which is not kept. After
    /// `Ok` it survives power loss.
    pub fn create_token(&self, user: &UserName, name: &str, now: Timestamp) -> Result<String, AccountError> {
        check_name("token", name)?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| AccountError::Hash(error.to_string()))?;
        let secret = format!("{PREFIX}{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase());
        let connection = self.lock();
        if !connection
            .query_row("SELECT EXISTS (SELECT 1 FROM users WHERE name = ?1)", [user.as_str()], |row| row.get(0))?
        {
            return Err(unknown(user));
        }
        let row = (user.as_str(), name, &hash_of(&secret)[..], now.as_millis());
        connection
            .execute("INSERT INTO tokens(user, name, secret_hash, created) VALUES (?1, ?2, ?3, ?4)", row)
            .map_err(taken_or_else("token", name))?;
        self.refresh_identities(&connection)?;
        Ok(secret)
    }

    /// Every token, by user and name.
    pub fn tokens(&self) -> Result<Vec<Token>, AccountError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached("SELECT name, user, created FROM tokens ORDER BY user, name")?;
        let tokens = statement.query_map([], |row| {
            Ok(Token { name: row.get(0)?, user: parsed(row, 1)?, created: Timestamp::from_millis(row.get(2)?) })
        })?;
        Ok(tokens.collect::<Result<_, _>>()?)
    }

    /// Ends a token. The next request with it is refused.
    pub fn revoke_token(&self, user: &UserName, name: &str) -> Result<(), AccountError> {
        let connection = self.lock();
        if connection.execute("DELETE FROM tokens WHERE user = ?1 AND name = ?2", (user.as_str(), name))? == 0 {
            return Err(AccountError::Unknown { what: "token", name: name.to_owned() });
        }
        self.refresh_identities(&connection)
    }

    /// Whose token this is. A hash and a look into memory: under a microsecond, without touching the file.
    pub fn identity_of_token(&self, secret: &str) -> Option<Arc<Identity>> {
        if !secret.starts_with(PREFIX) {
            return None;
        }
        let identities = self.identities.read().unwrap_or_else(PoisonError::into_inner);
        identities.get(&hash_of(secret)).map(Arc::clone)
    }

    /// Reads the tokens anew. Called with the connection held, after every change that touches one.
    pub(super) fn refresh_identities(&self, connection: &Connection) -> Result<(), AccountError> {
        let mut statement = connection.prepare_cached(
            "SELECT secret_hash, users.name, role, actor FROM tokens JOIN users ON users.name = tokens.user",
        )?;
        let rows = statement.query_map([], |row| {
            let identity = Identity { user: parsed(row, 1)?, role: parsed(row, 2)?, actor: parsed(row, 3)? };
            Ok((row.get(0)?, Arc::new(identity)))
        })?;
        let identities: HashMap<[u8; 32], _> = rows.collect::<Result<_, _>>()?;
        *self.identities.write().unwrap_or_else(PoisonError::into_inner) = identities;
        Ok(())
    }
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
