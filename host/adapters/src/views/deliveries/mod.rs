//! What the views know of deliveries: where each stands, which activities are still to be addressed, and of each peer how
//! many stand how.

mod peers;
mod queries;

use rosehip_core::{
    activity::Activity,
    delivery::DeliveryState,
    event::{DeliveryEnqueued, Destination, Event, Record},
    federation::Peer,
    ids::DeliveryId,
    limits::DELIVERY_TARGETS,
    pipeline::address::needs_addressing,
    state::DeliveryStatus,
};
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest as _, Sha256};

pub(super) use peers::PeerChanges;
pub use peers::PeerRow;
pub use queries::{DeliveryCounts, DeliveryRow, OpenDelivery};

use super::ViewError;

/// The place of a delivery: the `seq` of the entry that enqueued it, and where it stands in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryPlace(u64);

const _: () = assert!(DELIVERY_TARGETS <= 1 << DeliveryPlace::INDEX_BITS, "every target of an entry has a place");

impl DeliveryPlace {
    const INDEX_BITS: u32 = 9;

    /// The place of the target at `index` of entry `seq`.
    pub fn new(seq: u64, index: u32) -> Self {
        Self(seq << Self::INDEX_BITS | u64::from(index))
    }

    /// The place as a number, in the order of places.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The place of this number.
    pub fn from_u64(place: u64) -> Self {
        Self(place)
    }

    /// `seq` of the entry.
    pub fn seq(self) -> u64 {
        self.0 >> Self::INDEX_BITS
    }
}

/// What a delivery is about, as a number: two things that happen to share one are only kept in a common order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AboutKey(pub i64);

impl AboutKey {
    /// The first eight bytes of the text's sha-256.
    pub fn of(about: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(about.as_bytes()).into();
        Self(i64::from_be_bytes(digest[..8].try_into().expect("a sha-256 has more than eight bytes")))
    }
}

/// Takes in an activity: whether whom it goes to is still to be found out.
pub(super) fn appended(transaction: &Transaction<'_>, seq: u64, activity: &Activity) -> Result<(), ViewError> {
    let mut failed = None;
    let has_followers = || {
        let sql = "SELECT 1 FROM follows WHERE owner = ?1 AND side = 'followers'";
        let found = transaction.prepare_cached(sql).and_then(|mut find| find.exists([activity.owner.as_str()]));
        found.unwrap_or_else(|error| {
            failed = Some(error);
            false
        })
    };
    let is_needed = needs_addressing(activity, has_followers);
    if let Some(error) = failed {
        return Err(error.into());
    }
    if is_needed {
        transaction.prepare_cached("INSERT INTO unaddressed VALUES (?1)")?.execute([seq])?;
    }
    Ok(())
}

/// Takes in where an activity goes.
pub(super) fn enqueued(
    transaction: &Transaction<'_>,
    peers: &mut PeerChanges,
    record: &Record,
    enqueued: &DeliveryEnqueued,
) -> Result<(), ViewError> {
    transaction.prepare_cached("DELETE FROM unaddressed WHERE seq = ?1")?.execute([enqueued.seq])?;
    let about = AboutKey::of(&enqueued.about);
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO deliveries VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', 0, 0, 0, NULL, NULL, NULL, ?9, NULL, ?10, ?11)",
    )?;
    for (index, target) in (0..).zip(&enqueued.targets) {
        let inserted = insert.execute(params![
            DeliveryPlace::new(record.seq, index).as_u64(),
            target.delivery.as_bytes(),
            enqueued.seq,
            enqueued.owner.as_str(),
            target.peer.as_str(),
            matches!(target.to, Destination::Actor(_)),
            target.to.url(),
            about.0,
            target.recipients,
            record.seq,
            record.time.as_millis(),
        ])?;
        if inserted > 0 {
            peers.of(&target.peer).add(DeliveryStatus::Queued, 1);
        }
    }
    Ok(())
}

/// Takes in what happened to a delivery. Of one whose beginning was erased only its peer's condition is known.
pub(super) fn changed(
    transaction: &Transaction<'_>,
    peers: &mut PeerChanges,
    record: &Record,
    event: &Event,
    of: (DeliveryId, &Peer),
) -> Result<(), ViewError> {
    let (delivery, peer) = of;
    peers.of(peer).hear(event, record.time);
    let sql =
        "SELECT place, status, attempts, rejected, unreachable, silent_since, error FROM deliveries WHERE id = ?1";
    let before = transaction.prepare_cached(sql)?.query_row([delivery.as_bytes()], |row| {
        let mut state = DeliveryState::queued(delivery, peer.clone());
        state.status = queries::status(&row.get::<_, String>(1)?);
        state.attempts = row.get(2)?;
        (state.failures.rejected, state.failures.unreachable) = (row.get(3)?, row.get(4)?);
        state.error = row.get(6)?;
        Ok((row.get::<_, u64>(0)?, state, row.get::<_, Option<u64>>(5)?))
    });
    let Some((place, before, silent_since)) = before.optional()? else { return Ok(()) };
    let mut after = before.clone();
    if after.apply(event, record.time).is_err() {
        return Ok(());
    }
    let silent_since = (after.failures.unreachable > 0).then(|| silent_since.unwrap_or(record.seq));
    peers.of(peer).add(before.status, -1);
    peers.of(peer).add(after.status, 1);
    transaction
        .prepare_cached(
            "UPDATE deliveries SET status = ?2, attempts = ?3, rejected = ?4, unreachable = ?5, silent_since = ?6,
             next_at = ?7, error = ?8, answered = ?9, changed = ?10, changed_at = ?11 WHERE place = ?1",
        )?
        .execute(params![
            place,
            after.status.as_str(),
            after.attempts,
            after.failures.rejected,
            after.failures.unreachable,
            silent_since,
            after.next_at.map(rosehip_core::time::Timestamp::as_millis),
            after.error,
            after.answered,
            record.seq,
            record.time.as_millis(),
        ])?;
    Ok(())
}

/// Takes out what was made from erased entries. The changes of peers have been written before.
pub(super) fn erase(transaction: &Transaction<'_>, first: u64, last: u64) -> Result<(), ViewError> {
    transaction.prepare_cached("DELETE FROM unaddressed WHERE seq BETWEEN ?1 AND ?2")?.execute((first, last))?;
    let places = (DeliveryPlace::new(first, 0).as_u64(), DeliveryPlace::new(last + 1, 0).as_u64());
    let mut peers = PeerChanges::default();
    {
        let sql =
            "SELECT peer, status, count(*) FROM deliveries WHERE place >= ?1 AND place < ?2 GROUP BY peer, status";
        let mut statement = transaction.prepare_cached(sql)?;
        let mut rows = statement.query(places)?;
        while let Some(row) = rows.next()? {
            let Some(peer) = queries::peer(&row.get::<_, String>(0)?) else { continue };
            peers.of(&peer).add(queries::status(&row.get::<_, String>(1)?), -row.get::<_, i64>(2)?);
        }
    }
    peers.write(transaction)?;
    transaction.prepare_cached("DELETE FROM deliveries WHERE place >= ?1 AND place < ?2")?.execute(places)?;
    Ok(())
}
