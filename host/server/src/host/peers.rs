//! Other hosts as operators see them: what went there, what did not and why, and whether they are blocked.
//!
//! It appends `peer.blocked`, and has deliveries tried again.

use rosehip_adapters::{
    clock::SystemClock,
    federation::{DeliveryError, RedriveError},
    views::{DeliveryCounts, DeliveryPlace, DeliveryRow, PeerRow},
    writer::AppendError,
};
use rosehip_core::{
    activity::Activity,
    event::{Event, PeerBlocked},
    federation::Peer,
    flow::FlowState,
    ids::{ActivityId, BoxName, DeliveryId},
    log::Append,
    state::DeliveryStatus,
};

use super::{Host, ReadError};

/// Activities of a flow of which it is told who has them, beside the one that it is about.
const SPREADS_SHOWN: usize = 20;
/// Deliveries of each that are told.
const SPREAD_SHOWN: usize = 50;

/// Why nothing was changed about a peer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The log was not appended to.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The delivery is not one to be tried again, or cannot be.
    #[error(transparent)]
    Redrive(#[from] RedriveError),
    /// The log or a view could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A delivery with the activity that it brings.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    /// The delivery.
    pub row: DeliveryRow,
    /// The activity; none where it was erased.
    pub activity: Option<ActivityId>,
}

/// Who has an activity, and who has not.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// Its deliveries by status.
    pub counts: DeliveryCounts,
    /// The first of them.
    pub deliveries: Vec<DeliveryDetail>,
    /// Whether there are more.
    pub more: bool,
    /// Whether it is still to be found out whom it goes to.
    pub is_unaddressed: bool,
}

impl Spread {
    /// Whether there is anything to say.
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && !self.is_unaddressed
    }
}

impl Host {
    /// At most `limit` hosts that something went to or that are blocked, in the order of their names, after `after`.
    pub async fn peers(&self, after: &str, limit: usize) -> Result<Vec<PeerRow>, ReadError> {
        self.read_views(|views| views.peers(after, limit)).await
    }

    /// A host that something went to or that is blocked.
    pub async fn peer(&self, peer: &Peer) -> Result<Option<PeerRow>, ReadError> {
        self.read_views(|views| views.peer(peer)).await
    }

    /// At most `limit` deliveries to a host, the last enqueued first.
    pub async fn deliveries_to(
        &self,
        peer: &Peer,
        status: Option<DeliveryStatus>,
        before: Option<DeliveryPlace>,
        limit: usize,
    ) -> Result<Vec<DeliveryDetail>, ReadError> {
        let rows = self.read_views(|views| views.deliveries_of_peer(peer, status, before, limit)).await?;
        rows.into_iter()
            .map(|row| {
                let activity = self.activity_at(row.activity)?.map(|activity| activity.id.clone());
                Ok(DeliveryDetail { row, activity })
            })
            .collect()
    }

    /// Who has an activity of an outbox, and who has not.
    pub async fn spread(&self, activity: &Activity, limit: usize) -> Result<Spread, ReadError> {
        if activity.r#box != BoxName::Outbox {
            return Ok(Spread::default());
        }
        let (owner, id) = (&activity.owner, activity.id.as_str());
        let (counts, rows, is_unaddressed) = self
            .read_views(|views| {
                let Some(seq) = views.activity_in_box(owner, BoxName::Outbox, id)? else {
                    return Ok((DeliveryCounts::default(), Vec::new(), false));
                };
                let rows = views.deliveries_of_activity(seq, None, limit + 1)?;
                Ok((views.delivery_counts(seq)?, rows, views.is_unaddressed(seq)?))
            })
            .await?;
        let more = rows.len() > limit;
        let detail = |row| DeliveryDetail { row, activity: Some(activity.id.clone()) };
        let deliveries = rows.into_iter().take(limit).map(detail).collect();
        Ok(Spread { counts, deliveries, more, is_unaddressed })
    }

    /// Who has what a flow is about, and what its effects said, as far as it goes elsewhere.
    pub(super) async fn spreads_of(
        &self,
        flow: &FlowState,
        activity: &Activity,
    ) -> Result<Vec<(ActivityId, Spread)>, ReadError> {
        let said = flow.effects.iter().filter_map(|effect| {
            let id = effect.receipt.as_ref()?.get("activity")?.as_str()?;
            (id != activity.id.as_str()).then(|| id.to_owned())
        });
        let mut spreads = vec![(activity.id.clone(), self.spread(activity, SPREAD_SHOWN).await?)];
        for id in said.take(SPREADS_SHOWN) {
            if let Some(found) = self.activity(&id).await? {
                spreads.push((found.activity.id.clone(), self.spread(&found.activity, SPREAD_SHOWN).await?));
            }
        }
        spreads.retain(|(_, spread)| !spread.is_empty());
        Ok(spreads)
    }

    /// Has a delivery that was given up tried again. Returns the host that it goes to.
    pub async fn redrive_delivery(
        &self,
        delivery: &DeliveryId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<Option<Peer>, PeerError> {
        self.federation.deliveries.redrive(delivery, by, reason).await?;
        Ok(self.read_views(|views| views.delivery(delivery)).await?.map(|row| row.state.peer))
    }

    /// Has all deliveries to a host that were given up tried again. Returns how many.
    pub async fn redrive_peer(
        &self,
        peer: &Peer,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<u64, PeerError> {
        Ok(self.federation.deliveries.redrive_peer(peer, by, reason).await?)
    }

    /// Blocks a host, or does so no longer.
    pub async fn block_peer(
        &self,
        peer: &Peer,
        is_blocked: bool,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<(), PeerError> {
        let blocked = Event::from(PeerBlocked { peer: peer.clone(), is_blocked, by, reason });
        let append = Append::unconditional(vec![blocked.clone().draft(SystemClock::now())]);
        self.writer.append(append).await?;
        self.federation.inbox.observe(&blocked);
        Ok(())
    }
}

impl From<DeliveryError> for PeerError {
    fn from(error: DeliveryError) -> Self {
        Self::Redrive(error.into())
    }
}
