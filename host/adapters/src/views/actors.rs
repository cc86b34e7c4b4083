//! What the views know of actors: this host's own, and others that were met.

use rosehip_core::{
    actor::LocalActor,
    event::{Event, ObjectReceived, Record},
    federation::{ActorUrl, RemoteActor},
    ids::ActorName,
};
use rusqlite::{OptionalExtension, Transaction};
use serde_json::Value;

use super::{ViewError, ViewReader};

/// Takes in what happened to an actor of this host.
pub(super) fn local(transaction: &Transaction<'_>, record: &Record, name: &ActorName) -> Result<(), ViewError> {
    let Some(event) = record.event.as_deref() else { return Ok(()) };
    let before: Option<String> = transaction
        .prepare_cached("SELECT row FROM actors WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get(0))
        .optional()?;
    let before = before.map(|text| serde_json::from_str::<LocalActor>(&text)).transpose()?;
    let after = match (event, before) {
        (Event::ActorCreated(created), _) => LocalActor::begin(created, record.time),
        (event, Some(mut actor)) => {
            actor.apply(event, record.time);
            Some(actor)
        }
        (_, None) => None,
    };
    if let Some(actor) = after {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO actors VALUES (?1, ?2)")?
            .execute((name.as_str(), serde_json::to_string(&actor)?))?;
    }
    Ok(())
}

/// Takes in what an actor of another host says of itself.
pub(super) fn remote(transaction: &Transaction<'_>, record: &Record, actor: &RemoteActor) -> Result<(), ViewError> {
    transaction.prepare_cached("INSERT OR REPLACE INTO remote_actors VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        actor.id.as_str(),
        actor.id.host().as_str(),
        &actor.inbox,
        &actor.shared_inbox,
        record.time.as_millis(),
        serde_json::to_string(actor)?,
    ))?;
    Ok(())
}

/// Takes in that an object of another host arrived, or never will.
pub(super) fn received(transaction: &Transaction<'_>, seq: u64, received: &ObjectReceived) -> Result<(), ViewError> {
    transaction
        .prepare_cached(
            "INSERT INTO received VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (owner, object) DO UPDATE SET is_gone = max(is_gone, excluded.is_gone)",
        )?
        .execute((received.owner.as_str(), &received.object, &received.actor, received.is_gone, seq))?;
    Ok(())
}

/// Takes in that an object that had arrived was deleted where it is from.
pub(super) fn deleted(transaction: &Transaction<'_>, owner: &str, object: &Value) -> Result<(), ViewError> {
    let Some(object) = rosehip_core::activity::id_of(object) else { return Ok(()) };
    transaction
        .prepare_cached("UPDATE received SET is_gone = 1 WHERE owner = ?1 AND object = ?2")?
        .execute((owner, object))?;
    Ok(())
}

impl ViewReader {
    /// The actors of this host, in the order of their names.
    pub fn actors(&self) -> Result<Vec<LocalActor>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT row FROM actors ORDER BY name")?;
        let texts = statement.query_map([], |row| row.get::<_, String>(0))?;
        texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
    }

    /// An actor of this host.
    pub fn actor(&self, name: &str) -> Result<Option<LocalActor>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT row FROM actors WHERE name = ?1")?;
        let text: Option<String> = statement.query_row([name], |row| row.get(0)).optional()?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// What is known of an actor of another host.
    pub fn remote_actor(&self, url: &ActorUrl) -> Result<Option<RemoteActor>, ViewError> {
        Ok(self.remote_actor_since(url)?.map(|(_, actor)| actor))
    }

    /// What is known of an actor of another host, with when it was learned, in milliseconds since the epoch.
    pub fn remote_actor_since(&self, url: &ActorUrl) -> Result<Option<(i64, RemoteActor)>, ViewError> {
        let sql = "SELECT learned_at, row FROM remote_actors WHERE id = ?1";
        let mut statement = self.connection().prepare_cached(sql)?;
        let found =
            statement.query_row([url.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).optional()?;
        let Some((at, text)) = found else { return Ok(None) };
        Ok(Some((at, serde_json::from_str(&text)?)))
    }

    /// At most `limit` actors of other hosts, the last learned first, with when that was, in milliseconds since the epoch.
    pub fn remote_actors(&self, limit: usize) -> Result<Vec<(i64, RemoteActor)>, ViewError> {
        let mut statement = self
            .connection()
            .prepare_cached("SELECT learned_at, row FROM remote_actors ORDER BY learned_at DESC LIMIT ?1")?;
        let rows = statement.query_map([limit], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (at, text) = row?;
            Ok((at, serde_json::from_str(&text)?))
        })
        .collect()
    }

    /// The Cid of what arrived last of an actor's own doings in an actor's inbox.
    pub fn last_received(&self, owner: &str, actor: &str) -> Result<Option<String>, ViewError> {
        let sql = "SELECT cid FROM activities WHERE owner = ?1 AND actor = ?2 ORDER BY seq DESC LIMIT 1";
        Ok(self.connection().prepare_cached(sql)?.query_row((owner, actor), |row| row.get(0)).optional()?)
    }

    /// Whether an object of another host that came to an actor's inbox is gone, and who brought it; none where it never came.
    pub fn received(&self, owner: &str, object: &str) -> Result<Option<(bool, String)>, ViewError> {
        let mut statement =
            self.connection().prepare_cached("SELECT is_gone, actor FROM received WHERE owner = ?1 AND object = ?2")?;
        Ok(statement.query_row((owner, object), |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
}
