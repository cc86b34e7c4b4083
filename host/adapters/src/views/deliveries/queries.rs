//! Reading deliveries: who has an activity and who has not, what a host was sent, what is left to do.

use std::collections::HashMap;

use rosehip_core::{
    activity::Activity,
    delivery::DeliveryState,
    event::Destination,
    federation::Peer,
    ids::{ActorName, DeliveryId},
    pipeline::address::Inboxes,
    state::DeliveryStatus,
    time::Timestamp,
};
use rusqlite::{OptionalExtension, Row, params};

use super::{
    super::{ViewError, ViewReader},
    AboutKey, DeliveryPlace,
};

/// A delivery as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its place among all deliveries.
    pub place: DeliveryPlace,
    /// Where it stands.
    pub state: DeliveryState,
    /// `seq` of the activity's entry in the outbox.
    pub activity: u64,
    /// Whose outbox that is.
    pub owner: ActorName,
    /// Where it goes.
    pub to: Destination,
    /// What it is about.
    pub about: AboutKey,
    /// How many it reaches there, as far as is known.
    pub recipients: u32,
    /// `seq` of the last entry about it.
    pub changed: u64,
    /// When that was.
    pub changed_at: Timestamp,
}

/// A delivery that the host still has something to do for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDelivery {
    /// Its place among all deliveries.
    pub place: DeliveryPlace,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The host that it goes to.
    pub peer: Peer,
    /// What it is about.
    pub about: AboutKey,
    /// When the next attempt is due; none where none has failed.
    pub next_at: Option<Timestamp>,
    /// Attempts that the host refused, since it was enqueued or redriven.
    pub rejected: u32,
    /// Attempts that got no answer, since it was enqueued or redriven.
    pub unreachable: u32,
    /// `seq` of the first of those.
    pub silent_since: Option<u64>,
    /// `seq` of the last entry about it.
    pub changed: u64,
}

/// Deliveries by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are the statuses")]
pub struct DeliveryCounts {
    pub queued: u64,
    pub retrying: u64,
    pub delivered: u64,
    pub dead: u64,
}

/// The status of this word; the views hold no other words.
pub(super) fn status(word: &str) -> DeliveryStatus {
    DeliveryStatus::from_word(word).unwrap_or(DeliveryStatus::Queued)
}

pub(super) fn peer(text: &str) -> Option<Peer> {
    text.parse().ok()
}

const COLUMNS: &str = "place, id, activity, owner, peer, is_actor, url, about, status, attempts, rejected, unreachable,
    next_at, error, answered, recipients, changed, changed_at";

fn read(row: &Row<'_>) -> Result<Option<DeliveryRow>, rusqlite::Error> {
    let Some(peer) = peer(&row.get::<_, String>(4)?) else { return Ok(None) };
    let Ok(owner) = row.get::<_, String>(3)?.parse() else { return Ok(None) };
    let mut state = DeliveryState::queued(DeliveryId::from_bytes(row.get(1)?), peer);
    state.status = status(&row.get::<_, String>(8)?);
    state.attempts = row.get(9)?;
    (state.failures.rejected, state.failures.unreachable) = (row.get(10)?, row.get(11)?);
    state.next_at = row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis);
    (state.error, state.answered) = (row.get(13)?, row.get(14)?);
    let url = row.get(6)?;
    Ok(Some(DeliveryRow {
        place: DeliveryPlace::from_u64(row.get(0)?),
        state,
        activity: row.get(2)?,
        owner,
        to: if row.get(5)? { Destination::Actor(url) } else { Destination::Inbox(url) },
        about: AboutKey(row.get(7)?),
        recipients: row.get(15)?,
        changed: row.get(16)?,
        changed_at: Timestamp::from_millis(row.get(17)?),
    }))
}

/// Reads an open delivery. Peers that were read are kept: they are few, and reading one takes longer than all the rest.
fn open(row: &Row<'_>, peers: &mut HashMap<String, Peer>) -> Result<Option<OpenDelivery>, rusqlite::Error> {
    let name = row.get_ref(2)?.as_str()?;
    if !peers.contains_key(name) {
        let Some(peer) = peer(name) else { return Ok(None) };
        peers.insert(name.to_owned(), peer);
    }
    Ok(Some(OpenDelivery {
        place: DeliveryPlace::from_u64(row.get(0)?),
        delivery: DeliveryId::from_bytes(row.get(1)?),
        peer: peers[name].clone(),
        about: AboutKey(row.get(3)?),
        next_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
        rejected: row.get(5)?,
        unreachable: row.get(6)?,
        silent_since: row.get(7)?,
        changed: row.get(8)?,
    }))
}

impl ViewReader {
    /// A delivery.
    pub fn delivery(&self, delivery: &DeliveryId) -> Result<Option<DeliveryRow>, ViewError> {
        let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE id = ?1");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_row([delivery.as_bytes()], read).optional()?.flatten())
    }

    /// At most `limit` deliveries of the activity at entry `seq` of an outbox, after a place.
    pub fn deliveries_of_activity(
        &self,
        seq: u64,
        after: Option<DeliveryPlace>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, ViewError> {
        let sql =
            format!("SELECT {COLUMNS} FROM deliveries WHERE activity = ?1 AND place > ?2 ORDER BY place LIMIT ?3");
        self.deliveries(&sql, params![seq, after.map_or(0, DeliveryPlace::as_u64), limit])
    }

    /// The deliveries of the activity at entry `seq` of an outbox, by status.
    pub fn delivery_counts(&self, seq: u64) -> Result<DeliveryCounts, ViewError> {
        let sql = "SELECT status, count(*) FROM deliveries WHERE activity = ?1 GROUP BY status";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query([seq])?;
        let mut counts = DeliveryCounts::default();
        while let Some(row) = rows.next()? {
            let count = match status(&row.get::<_, String>(0)?) {
                DeliveryStatus::Queued => &mut counts.queued,
                DeliveryStatus::Retrying => &mut counts.retrying,
                DeliveryStatus::Delivered => &mut counts.delivered,
                DeliveryStatus::Dead => &mut counts.dead,
            };
            *count = row.get(1)?;
        }
        Ok(counts)
    }

    /// Whether it is still to be found out whom the activity at entry `seq` of an outbox goes to.
    pub fn is_unaddressed(&self, seq: u64) -> Result<bool, ViewError> {
        Ok(self.connection().prepare_cached("SELECT 1 FROM unaddressed WHERE seq = ?1")?.exists([seq])?)
    }

    /// At most `limit` deliveries to a host, the last enqueued first, before a place and perhaps only of one status.
    pub fn deliveries_of_peer(
        &self,
        peer: &Peer,
        status: Option<DeliveryStatus>,
        before: Option<DeliveryPlace>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, ViewError> {
        let before = before.map_or(i64::MAX, |place| i64::try_from(place.as_u64()).unwrap_or(i64::MAX));
        let (of_status, index) = match status {
            Some(_) => ("AND status = ?3", "deliveries_by_status"),
            None => ("AND ?3 IS NULL", "deliveries_by_peer"),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries INDEXED BY {index} WHERE peer = ?1 AND place < ?2 {of_status}
             ORDER BY place DESC LIMIT ?4"
        );
        self.deliveries(&sql, params![peer.as_str(), before, status.map(DeliveryStatus::as_str), limit])
    }

    /// At most `limit` dead deliveries to a host that were enqueued after a place, in their order.
    pub fn dead_deliveries(
        &self,
        peer: &Peer,
        after: Option<DeliveryPlace>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, ViewError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE peer = ?1 AND status = 'dead' AND place > ?2
             ORDER BY place LIMIT ?3"
        );
        self.deliveries(&sql, params![peer.as_str(), after.map_or(0, DeliveryPlace::as_u64), limit])
    }

    /// Whether its host has taken a later activity about the same. Another inbox that took this one is none.
    pub fn is_superseded(&self, row: &DeliveryRow) -> Result<bool, ViewError> {
        let sql = "SELECT 1 FROM deliveries INDEXED BY deliveries_by_about
                   WHERE peer = ?1 AND about = ?2 AND place > ?3 AND activity > ?4 AND status = 'delivered'";
        let mut statement = self.connection().prepare_cached(sql)?;
        let later = params![row.state.peer.as_str(), row.about.0, row.place.as_u64(), row.activity];
        Ok(statement.exists(later)?)
    }

    /// Deliveries that something is left to do for, in their order: one is handed to `take` after the other.
    pub fn open_deliveries(&self, mut take: impl FnMut(OpenDelivery)) -> Result<(), ViewError> {
        let sql = "SELECT place, id, peer, about, next_at, rejected, unreachable, silent_since, changed
                   FROM deliveries WHERE status IN ('queued', 'retrying') ORDER BY place";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let mut peers = HashMap::new();
        while let Some(row) = rows.next()? {
            if let Some(delivery) = open(row, &mut peers)? {
                take(delivery);
            }
        }
        Ok(())
    }

    /// Entries of activities of which it is still to be found out whom they go to, oldest first.
    pub fn unaddressed(&self) -> Result<Vec<u64>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT seq FROM unaddressed ORDER BY seq")?;
        let seqs = statement.query_map([], |row| row.get(0))?;
        Ok(seqs.collect::<Result<_, _>>()?)
    }

    /// Who follows an actor of this host and was accepted, the first first, with their inboxes as far as they are known.
    pub fn followers_with_inboxes(&self, owner: &ActorName) -> Result<Vec<(String, Option<Inboxes>)>, ViewError> {
        let sql = "SELECT f.actor, r.inbox, r.shared_inbox FROM follows f LEFT JOIN remote_actors r ON r.id = f.actor
                   WHERE f.owner = ?1 AND f.side = 'followers' AND f.state = 'accepted' ORDER BY f.seq";
        let mut statement = self.connection().prepare_cached(sql)?;
        let followers = statement.query_map([owner.as_str()], |row| Ok((row.get(0)?, inboxes(row, 1)?)))?;
        Ok(followers.collect::<Result<_, _>>()?)
    }

    /// The inboxes of those whom an activity names, as far as they are known.
    pub fn inboxes_of(&self, activity: &Activity) -> Result<Vec<(String, Inboxes)>, ViewError> {
        let sql = "SELECT inbox, shared_inbox FROM remote_actors WHERE id = ?1";
        let mut statement = self.connection().prepare_cached(sql)?;
        let mut known = Vec::new();
        for url in activity.audience().recipients {
            let found = statement.query_row([&url], |row| inboxes(row, 0)).optional()?.flatten();
            known.extend(found.map(|inboxes| (url, inboxes)));
        }
        Ok(known)
    }

    fn deliveries(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<DeliveryRow>, ViewError> {
        let mut statement = self.connection().prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

fn inboxes(row: &Row<'_>, column: usize) -> Result<Option<Inboxes>, rusqlite::Error> {
    let inbox: Option<String> = row.get(column)?;
    let shared = row.get(column + 1)?;
    Ok(inbox.map(|inbox| Inboxes { inbox, shared }))
}
