//! What the views know of other hosts: how many deliveries stand how, and when one was last heard of.

use std::collections::HashMap;

use rosehip_core::{
    effect::Failure, event::Event, federation::Peer, signing::Scheme, state::DeliveryStatus, time::Timestamp,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{
    super::{ViewError, ViewReader},
    DeliveryCounts, queries,
};

/// Another host, as far as deliveries go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerRow {
    /// The host.
    pub peer: Peer,
    /// Its deliveries by status.
    pub counts: DeliveryCounts,
    /// When it last took one.
    pub delivered_at: Option<Timestamp>,
    /// How the last attempt that failed did.
    pub error: Option<String>,
    /// When that was.
    pub failed_at: Option<Timestamp>,
    /// Since when it gives no answer; none where it last gave one.
    pub unreachable_since: Option<Timestamp>,
    /// Whether nothing goes to it.
    pub is_blocked: bool,
}

/// What a batch changes of peers.
#[derive(Debug, Default)]
pub(in crate::views) struct PeerChanges(HashMap<Peer, PeerChange>);

/// What a batch changes of a peer.
#[derive(Debug, Default)]
pub(in crate::views) struct PeerChange {
    counts: [i64; 4],
    delivered_at: Option<i64>,
    failure: Option<(i64, String)>,
    /// Whether it answered.
    answered: bool,
    /// When it first gave no answer after that.
    silent_since: Option<i64>,
    /// How what goes to it is signed.
    scheme: Option<Scheme>,
}

impl PeerChange {
    pub(super) fn add(&mut self, status: DeliveryStatus, count: i64) {
        let place = match status {
            DeliveryStatus::Queued => 0,
            DeliveryStatus::Retrying => 1,
            DeliveryStatus::Delivered => 2,
            DeliveryStatus::Dead => 3,
        };
        self.counts[place] += count;
    }

    /// Takes in what an entry tells of the peer.
    #[expect(clippy::wildcard_enum_match_arm, reason = "three of the entries tell of a peer")]
    pub(super) fn hear(&mut self, event: &Event, time: Timestamp) {
        let now = time.as_millis();
        match event {
            Event::DeliveryDelivered(delivered) => {
                self.delivered_at = Some(now);
                self.scheme = delivered.scheme.or(self.scheme);
                self.answer();
            }
            Event::DeliveryFailed(failed) => {
                self.failure = Some((now, failed.error.clone()));
                match failed.failure {
                    Failure::Rejected => self.answer(),
                    Failure::Unreachable => self.silent_since = self.silent_since.or(Some(now)),
                    Failure::Unknown => {}
                }
            }
            Event::DeliveryDeadLettered(dead) => {
                self.failure = Some((now, dead.error.clone()));
                if dead.status.is_some() {
                    self.answer();
                }
            }
            _ => {}
        }
    }

    fn answer(&mut self) {
        (self.answered, self.silent_since) = (true, None);
    }
}

impl PeerChanges {
    pub(super) fn of(&mut self, peer: &Peer) -> &mut PeerChange {
        if !self.0.contains_key(peer) {
            self.0.insert(peer.clone(), PeerChange::default());
        }
        self.0.get_mut(peer).expect("it was put there if it was missing")
    }

    /// Writes what changed, and forgets it.
    pub(in crate::views) fn write(&mut self, transaction: &Transaction<'_>) -> Result<(), ViewError> {
        for (peer, change) in self.0.drain() {
            let [queued, retrying, delivered, dead] = change.counts;
            let (failed_at, error) = change.failure.unzip();
            transaction
                .prepare_cached(
                    "INSERT INTO peers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?11) ON CONFLICT (peer) DO UPDATE SET
                     queued = queued + excluded.queued, retrying = retrying + excluded.retrying,
                     delivered = delivered + excluded.delivered, dead = dead + excluded.dead,
                     delivered_at = coalesce(excluded.delivered_at, delivered_at),
                     scheme = coalesce(excluded.scheme, scheme),
                     error = coalesce(excluded.error, error), failed_at = coalesce(excluded.failed_at, failed_at),
                     silent_since =
                     CASE WHEN ?10 THEN excluded.silent_since ELSE coalesce(silent_since, excluded.silent_since) END",
                )?
                .execute(params![
                    peer.as_str(),
                    queued,
                    retrying,
                    delivered,
                    dead,
                    change.delivered_at,
                    error,
                    failed_at,
                    change.silent_since,
                    change.answered,
                    change.scheme.map(Scheme::name),
                ])?;
        }
        Ok(())
    }
}

const COLUMNS: &str = "peer, coalesce(queued, 0), coalesce(retrying, 0), coalesce(delivered, 0), coalesce(dead, 0),
    delivered_at, error, failed_at, silent_since, EXISTS (SELECT 1 FROM blocked_peers b WHERE b.peer = names.peer)
    FROM (SELECT peer FROM peers UNION SELECT peer FROM blocked_peers) AS names LEFT JOIN peers USING (peer)";

fn read(row: &Row<'_>) -> Result<Option<PeerRow>, rusqlite::Error> {
    let time = |column| row.get::<_, Option<i64>>(column).map(|ms| ms.map(Timestamp::from_millis));
    let Some(peer) = queries::peer(&row.get::<_, String>(0)?) else { return Ok(None) };
    Ok(Some(PeerRow {
        peer,
        counts: DeliveryCounts {
            queued: row.get(1)?,
            retrying: row.get(2)?,
            delivered: row.get(3)?,
            dead: row.get(4)?,
        },
        delivered_at: time(5)?,
        error: row.get(6)?,
        failed_at: time(7)?,
        unreachable_since: time(8)?,
        is_blocked: row.get(9)?,
    }))
}

impl ViewReader {
    /// At most `limit` hosts that something went to or that are blocked, in the order of their names, after `after`.
    pub fn peers(&self, after: &str, limit: usize) -> Result<Vec<PeerRow>, ViewError> {
        let sql = format!("SELECT {COLUMNS} WHERE names.peer > ?1 ORDER BY names.peer LIMIT ?2");
        let mut statement = self.connection().prepare_cached(&sql)?;
        let rows = statement.query_map(params![after, limit], read)?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// A host that something went to or that is blocked.
    pub fn peer(&self, peer: &Peer) -> Result<Option<PeerRow>, ViewError> {
        let sql = format!("SELECT {COLUMNS} WHERE names.peer = ?1");
        let mut statement = self.connection().prepare_cached(&sql)?;
        Ok(statement.query_row([peer.as_str()], read).optional()?.flatten())
    }

    /// How what goes to a host is signed, as far as it has taken anything.
    pub fn scheme_of(&self, peer: &Peer) -> Result<Option<Scheme>, ViewError> {
        let mut statement = self.connection().prepare_cached("SELECT scheme FROM peers WHERE peer = ?1")?;
        let name = statement.query_row([peer.as_str()], |row| row.get::<_, Option<String>>(0)).optional()?.flatten();
        Ok(name.and_then(|name| name.parse().ok()))
    }

    /// Hosts that give no answer.
    pub fn unreachable_peers(&self) -> Result<Vec<Peer>, ViewError> {
        let mut statement =
            self.connection().prepare_cached("SELECT peer FROM peers WHERE silent_since IS NOT NULL")?;
        let peers = statement.query_map([], |row| row.get::<_, String>(0))?;
        let peers = peers.map(|peer| Ok(queries::peer(&peer?))).collect::<Result<Vec<_>, ViewError>>()?;
        Ok(peers.into_iter().flatten().collect())
    }
}
