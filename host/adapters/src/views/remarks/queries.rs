//! Reading remarks: what was said about something, what those say who are followed, and what is addressed to an actor.

use std::collections::HashSet;

use rosehip_core::{
    federation::Peer,
    ids::ActorName,
    limits::{REMARKS_COUNTED, TIMELINE_ARRIVALS},
    remark::RemarkKind,
};
use rusqlite::{OptionalExtension, Row, params};

use super::super::{ViewError, ViewReader, queries::bound};

/// Where a remark stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemarkPlace {
    /// The entry that brought it, by which lists are ordered.
    pub seq: u64,
    /// The entry that holds what it says now.
    pub said: u64,
    /// What it is.
    pub kind: RemarkKind,
    /// Whose it is, by their URL.
    pub actor: String,
    peer: String,
}

/// A page of remarks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemarkPage {
    /// The remarks.
    pub places: Vec<RemarkPlace>,
    /// The entry that another page begins after, or before where the newest come first; none where there is no other page.
    pub next: Option<u64>,
}

/// Where a page of a list begins whose newest come first, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemarkCursor {
    /// Only what came before this entry.
    pub before: Option<u64>,
    /// How many are listed at most.
    pub limit: usize,
}

const COLUMNS: &str = "r.seq, r.said, r.kind, r.actor, r.peer";
/// Whom the actor of `?1` does not block.
const NOT_BLOCKED: &str = "NOT EXISTS (SELECT 1 FROM blocks b WHERE b.owner = ?1 AND b.actor = r.actor)";

fn read(row: &Row<'_>) -> Result<RemarkPlace, rusqlite::Error> {
    let kind: String = row.get(2)?;
    // What the fold wrote, it wrote by these names.
    let kind = RemarkKind::of(&kind).unwrap_or(RemarkKind::Post);
    Ok(RemarkPlace { seq: row.get(0)?, said: row.get(1)?, kind, actor: row.get(3)?, peer: row.get(4)? })
}

/// The hosts of which nothing is shown.
struct BlockedPeers(HashSet<Peer>);

impl BlockedPeers {
    fn has(&self, peer: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        peer.parse::<Peer>().is_ok_and(|peer| peer.domains().any(|domain| self.0.contains(&domain)))
    }
}

impl ViewReader {
    /// What was said of one kind about something, the oldest first: about each of `targets`, which are names of one thing.
    /// What those said whom its owner blocks, or who are of a blocked host, is left out.
    pub fn remarks_about(
        &self,
        owner: &ActorName,
        targets: &[String],
        kind: RemarkKind,
        after: u64,
        limit: usize,
    ) -> Result<RemarkPage, ViewError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM remarks r
             WHERE r.target = ?2 AND r.kind = ?3 AND r.is_shown = 1 AND r.seq > ?4 AND {NOT_BLOCKED}
             ORDER BY r.seq LIMIT ?5"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let mut places = Vec::new();
        for target in targets {
            let values = params![owner.as_str(), target, kind.as_str(), after, limit + 1];
            let found = statement.query_map(values, read)?;
            places.extend(found.collect::<Result<Vec<_>, _>>()?);
        }
        places.sort_unstable_by_key(|place| place.seq);
        self.page(places, limit)
    }

    /// How many remarks of a kind there are about something, as far as they are counted, and whether there are more.
    pub fn count_remarks_about(
        &self,
        owner: &ActorName,
        targets: &[String],
        kind: RemarkKind,
    ) -> Result<(u64, bool), ViewError> {
        let sql = format!(
            "SELECT peer, count(*) FROM (SELECT r.peer AS peer FROM remarks r
             WHERE r.target = ?2 AND r.kind = ?3 AND r.is_shown = 1 AND {NOT_BLOCKED} LIMIT ?4) GROUP BY peer"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let blocked = self.blocked()?;
        let (mut count, mut has_more) = (0, false);
        for target in targets {
            let values = params![owner.as_str(), target, kind.as_str(), REMARKS_COUNTED];
            let found = statement.query_map(values, |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))?;
            let mut all = 0;
            for row in found {
                let (peer, remarks) = row?;
                all += remarks;
                count += if blocked.has(&peer) { 0 } else { remarks };
            }
            has_more |= all >= REMARKS_COUNTED as u64;
        }
        Ok((count, has_more))
    }

    /// What those said whom an actor of this host follows, the newest first. A page looks at so many arrivals and no more.
    pub fn timeline(&self, owner: &ActorName, cursor: RemarkCursor) -> Result<RemarkPage, ViewError> {
        let arrivals = "SELECT seq, said, kind, actor, peer FROM remarks
             WHERE owner = ?1 AND is_news = 1 AND is_gone = 0 AND seq < ?2 ORDER BY seq DESC LIMIT ?3";
        let sql = format!(
            "SELECT {COLUMNS} FROM ({arrivals}) r WHERE EXISTS (SELECT 1 FROM follows f
             WHERE f.owner = ?1 AND f.side = 'following' AND f.actor = r.actor AND f.state = 'accepted')
             ORDER BY r.seq DESC LIMIT ?4"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let values = params![owner.as_str(), bound(cursor.before), TIMELINE_ARRIVALS, cursor.limit + 1];
        let found = statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
        let is_full = found.len() > cursor.limit;
        let mut page = self.page(found, cursor.limit)?;
        if !is_full {
            // The last arrival that was looked at: others may lie behind it.
            let sql = format!("SELECT seq FROM ({arrivals} OFFSET ?3 - 1)");
            let values = params![owner.as_str(), bound(cursor.before), TIMELINE_ARRIVALS];
            page.next = self.connection().prepare_cached(&sql)?.query_row(values, |row| row.get(0)).optional()?;
        }
        Ok(page)
    }

    /// What was addressed to an actor of this host or is about what is theirs, the newest first.
    pub fn notices(&self, owner: &ActorName, cursor: RemarkCursor) -> Result<RemarkPage, ViewError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM remarks r
             WHERE r.owner = ?1 AND r.is_notice = 1 AND r.is_gone = 0 AND r.seq < ?2 AND {NOT_BLOCKED}
             ORDER BY r.seq DESC LIMIT ?3"
        );
        let mut statement = self.connection().prepare_cached(&sql)?;
        let values = params![owner.as_str(), bound(cursor.before), cursor.limit + 1];
        let found = statement.query_map(values, read)?.collect::<Result<Vec<_>, _>>()?;
        self.page(found, cursor.limit)
    }

    /// The entry that holds what somebody says now under an id in an actor's inbox; none where it never came or is gone.
    pub fn posted_to(&self, owner: &ActorName, actor: &str, id: &str) -> Result<Option<u64>, ViewError> {
        let sql = "SELECT said FROM remarks WHERE actor = ?2 AND id = ?3 AND kind IN ('reply', 'post') AND owner = ?1
                   AND is_gone = 0 ORDER BY seq LIMIT 1";
        let mut statement = self.connection().prepare_cached(sql)?;
        Ok(statement.query_row((owner.as_str(), actor, id), |row| row.get(0)).optional()?)
    }

    /// Moves of actors whom actors of this host still follow under the address that they left: whose inbox each is in, and its
    /// entry, oldest first.
    pub fn moves_ahead(&self, limit: usize) -> Result<Vec<(ActorName, u64)>, ViewError> {
        let sql = "SELECT r.owner, r.seq FROM remarks r JOIN follows f
                   ON f.owner = r.owner AND f.side = 'following' AND f.actor = r.actor AND f.state = 'accepted'
                   WHERE r.kind = 'move' AND r.is_gone = 0 ORDER BY r.seq LIMIT ?1";
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map([limit], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u64>(1)?)))?;
        let moves = rows.map(|row| row.map(|(owner, seq)| owner.parse().ok().map(|owner| (owner, seq))));
        Ok(moves.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Whether an actor has said in an actor's inbox that they have another address.
    pub fn has_moved(&self, owner: &ActorName, actor: &str) -> Result<bool, ViewError> {
        let sql = "SELECT 1 FROM remarks WHERE actor = ?2 AND id > '' AND kind = 'move' AND owner = ?1 LIMIT 1";
        Ok(self.connection().prepare_cached(sql)?.exists((owner.as_str(), actor))?)
    }

    fn blocked(&self) -> Result<BlockedPeers, ViewError> {
        Ok(BlockedPeers(self.blocked_peers()?.into_iter().collect()))
    }

    /// A page of what was found, which is one more where another page follows, without blocked hosts.
    fn page(&self, mut places: Vec<RemarkPlace>, limit: usize) -> Result<RemarkPage, ViewError> {
        let has_next = places.len() > limit;
        places.truncate(limit);
        let next = places.last().filter(|_| has_next).map(|place| place.seq);
        let blocked = self.blocked()?;
        places.retain(|place| !blocked.has(&place.peer));
        Ok(RemarkPage { places, next })
    }
}
