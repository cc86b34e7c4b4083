//! What the views know of who follows whom, and whom actors of this host block.

use rosehip_core::{
    activity::Activity,
    event::PeerBlocked,
    federation::Peer,
    follows::{self, Follow, FollowChange, FollowState, Side},
    ids::ActorName,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{ViewError, ViewReader};

/// Takes in what an activity in a box changes.
pub(super) fn change(transaction: &Transaction<'_>, seq: u64, activity: &Activity) -> Result<(), ViewError> {
    let owner = activity.owner.as_str();
    for change in follows::changes(activity) {
        match change {
            FollowChange::Asked { side, actor, follow } => {
                transaction
                    .prepare_cached(
                        // Who asks again for what was accepted does not lose it.
                        "INSERT INTO follows VALUES (?1, ?2, ?3, ?4, 'pending', ?5)
                         ON CONFLICT (owner, side, actor) DO UPDATE SET follow = excluded.follow, seq = excluded.seq",
                    )?
                    .execute((owner, side.as_str(), actor, follow, seq))?;
            }
            FollowChange::Accepted { side, actor, follow } => {
                let condition = which(actor.as_deref(), follow.as_deref());
                transaction
                    .prepare_cached(&format!("UPDATE follows SET state = 'accepted' WHERE {condition}"))?
                    .execute((owner, side.as_str(), actor, follow))?;
            }
            FollowChange::Ended { side, actor, follow } => {
                let condition = which(actor.as_deref(), follow.as_deref());
                transaction.prepare_cached(&format!("DELETE FROM follows WHERE {condition}"))?.execute((
                    owner,
                    side.as_str(),
                    actor,
                    follow,
                ))?;
            }
        }
    }
    match follows::block(activity) {
        Some((actor, true)) => {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO blocks VALUES (?1, ?2, ?3)")?
                .execute((owner, actor, seq))?;
        }
        Some((actor, false)) => {
            transaction
                .prepare_cached("DELETE FROM blocks WHERE owner = ?1 AND actor = ?2")?
                .execute((owner, actor))?;
        }
        None => {}
    }
    Ok(())
}

/// The condition by which a follow is found, so that an index finds it: `?1` to `?4` are owner, side, actor and follow.
fn which(actor: Option<&str>, follow: Option<&str>) -> &'static str {
    match (actor, follow) {
        (Some(_), Some(_)) => "owner = ?1 AND side = ?2 AND actor = ?3 AND follow = ?4",
        (Some(_), None) => "owner = ?1 AND side = ?2 AND actor = ?3 AND ?4 IS NULL",
        (None, Some(_)) => "owner = ?1 AND side = ?2 AND ?3 IS NULL AND follow = ?4",
        (None, None) => "owner = ?1 AND side = ?2 AND ?3 IS NOT NULL AND ?4 IS NOT NULL",
    }
}

/// Takes in that a host was blocked, or is not any more.
pub(super) fn block(transaction: &Transaction<'_>, blocked: &PeerBlocked) -> Result<(), ViewError> {
    let sql = match blocked.is_blocked {
        true => "INSERT OR IGNORE INTO blocked_peers VALUES (?1)",
        false => "DELETE FROM blocked_peers WHERE peer = ?1",
    };
    transaction.prepare_cached(sql)?.execute([blocked.peer.as_str()])?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Follow, rusqlite::Error> {
    let state: String = row.get(2)?;
    let state = if state == FollowState::Accepted.as_str() { FollowState::Accepted } else { FollowState::Pending };
    Ok(Follow { actor: row.get(0)?, follow: row.get(1)?, state })
}

impl ViewReader {
    /// Whom one actor and another follow: the follow between the two on one side.
    pub fn follow(&self, owner: &ActorName, side: Side, actor: &str) -> Result<Option<Follow>, ViewError> {
        let sql = "SELECT actor, follow, state FROM follows WHERE owner = ?1 AND side = ?2 AND actor = ?3";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_row((owner.as_str(), side.as_str(), actor), read).optional()?)
    }

    /// One side of an actor's follows in a state, the newest first.
    pub fn follows(
        &self,
        owner: &ActorName,
        side: Side,
        state: FollowState,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Follow>, ViewError> {
        let sql = "SELECT actor, follow, state FROM follows WHERE owner = ?1 AND side = ?2 AND state = ?3
                   ORDER BY seq DESC LIMIT ?4 OFFSET ?5";
        let mut statement = self.connection().prepare_cached(sql)?;
        let values = params![owner.as_str(), side.as_str(), state.as_str(), limit, skip];
        let follows = statement.query_map(values, read)?;
        Ok(follows.collect::<Result<_, _>>()?)
    }

    /// How many follows one side of an actor has in a state.
    pub fn count_follows(&self, owner: &ActorName, side: Side, state: FollowState) -> Result<u64, ViewError> {
        let sql = "SELECT count(*) FROM follows WHERE owner = ?1 AND side = ?2 AND state = ?3";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_row((owner.as_str(), side.as_str(), state.as_str()), |row| row.get(0))?)
    }

    /// The actors of this host that follow an actor.
    pub fn followers_here(&self, actor: &str) -> Result<Vec<ActorName>, ViewError> {
        let sql = "SELECT owner FROM follows WHERE actor = ?1 AND side = 'following' AND state = 'accepted'";
        let mut statement = self.connection().prepare_cached(sql)?;
        let owners = statement.query_map([actor], |row| row.get::<_, String>(0))?;
        let names =
            owners.map(|owner| Ok(owner?.parse().ok())).collect::<Result<Vec<Option<ActorName>>, ViewError>>()?;
        Ok(names.into_iter().flatten().collect())
    }

    /// The actors of this host that follow an actor or are followed by it, accepted or not.
    pub fn tied_to(&self, actor: &str) -> Result<Vec<ActorName>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT DISTINCT owner FROM follows WHERE actor = ?1")?;
        let owners = statement.query_map([actor], |row| row.get::<_, String>(0))?;
        let names =
            owners.map(|owner| Ok(owner?.parse().ok())).collect::<Result<Vec<Option<ActorName>>, ViewError>>()?;
        Ok(names.into_iter().flatten().collect())
    }

    /// Actors of this host that anybody follows or has asked to follow.
    pub fn followed_actors(&self) -> Result<Vec<ActorName>, ViewError> {
        let sql = "SELECT DISTINCT owner FROM follows WHERE side = 'followers'";
        let mut statement = self.connection().prepare_cached(sql)?;
        let owners = statement.query_map([], |row| row.get::<_, String>(0))?;
        let names =
            owners.map(|owner| Ok(owner?.parse().ok())).collect::<Result<Vec<Option<ActorName>>, ViewError>>()?;
        Ok(names.into_iter().flatten().collect())
    }

    /// Whether an actor of this host blocks another actor.
    pub fn blocks(&self, owner: &ActorName, actor: &str) -> Result<bool, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT 1 FROM blocks WHERE owner = ?1 AND actor = ?2")?;
        Ok(statement.exists((owner.as_str(), actor))?)
    }

    /// Whom an actor of this host blocks.
    pub fn blocked_by(&self, owner: &ActorName) -> Result<Vec<String>, ViewError> {
        let mut statement =
            self.connection().prepare_cached("SELECT actor FROM blocks WHERE owner = ?1 ORDER BY actor")?;
        let actors = statement.query_map([owner.as_str()], |row| row.get(0))?;
        Ok(actors.collect::<Result<_, _>>()?)
    }

    /// The hosts that are blocked.
    pub fn blocked_peers(&self) -> Result<Vec<Peer>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT peer FROM blocked_peers ORDER BY peer")?;
        let peers = statement.query_map([], |row| row.get::<_, String>(0))?;
        let peers = peers.map(|peer| Ok(peer?.parse().ok())).collect::<Result<Vec<Option<Peer>>, ViewError>>()?;
        Ok(peers.into_iter().flatten().collect())
    }
}
