//! Trying again what was given up.

use rosehip_core::{event::Event, federation::Peer, ids::DeliveryId, pipeline::deliver, state::Illegal};

use super::{Deliveries, DeliveryError, fresh};
use crate::{
    clock::SystemClock,
    views::{DeliveryRow, ViewError, ViewReader},
};

/// Deliveries that are redriven in one append at most.
const AT_ONCE: usize = 500;

/// Why a delivery is not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// There is none of this id.
    #[error("there is no delivery {0}")]
    NotFound(DeliveryId),
    /// A later one about the same was delivered: after that one it would undo what its host has.
    #[error("delivery {0} is not tried again: a later one about the same reached its host")]
    Superseded(DeliveryId),
    /// It was not given up.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The log or the views cannot be used.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
}

impl Deliveries {
    /// Has a delivery that was given up tried again, at once where its turn comes.
    pub async fn redrive(
        &self,
        delivery: &DeliveryId,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<(), RedriveError> {
        let _turn = self.redriving.lock().await;
        self.catch_up().await?;
        let views = &self.shared.parts.views;
        let row = views.with(|views| views.delivery(delivery)).map_err(DeliveryError::from)?;
        let row = row.ok_or(RedriveError::NotFound(*delivery))?;
        let event = deliver::redriven(&row.state, by, reason)?;
        if views.with(|views| views.is_superseded(&row)).map_err(DeliveryError::from)? {
            return Err(RedriveError::Superseded(*delivery));
        }
        self.put_back(vec![(row, event)]).await
    }

    /// Has all deliveries to a host that were given up tried again, but for those after which a later one about the same was
    /// delivered. Returns how many.
    pub async fn redrive_peer(
        &self,
        peer: &Peer,
        by: Option<String>,
        reason: Option<String>,
    ) -> Result<u64, RedriveError> {
        let _turn = self.redriving.lock().await;
        self.catch_up().await?;
        let (mut after, mut count) = (None, 0);
        loop {
            let rows = self.shared.parts.views.with(|views| views.dead_deliveries(peer, after, AT_ONCE));
            let rows = rows.map_err(DeliveryError::from)?;
            let Some(last) = rows.last().map(|row| row.place) else { return Ok(count) };
            after = Some(last);
            let rows = self.shared.parts.views.with(|views| not_superseded(views, rows));
            let rows = rows.map_err(DeliveryError::from)?;
            count += rows.len() as u64;
            let redriven = rows.into_iter().map(|row| {
                let event = deliver::redriven(&row.state, by.clone(), reason.clone())?;
                Ok((row, event))
            });
            self.put_back(redriven.collect::<Result<_, Illegal>>()?).await?;
        }
    }

    /// Waits until the views hold everything that is in the log.
    async fn catch_up(&self) -> Result<(), DeliveryError> {
        let links = &self.shared.links;
        Ok(links.position.reached(links.writer.committed()).await?)
    }

    /// Records that deliveries to one host are tried again, and puts them into the queue.
    async fn put_back(&self, redriven: Vec<(DeliveryRow, Event)>) -> Result<(), RedriveError> {
        if redriven.is_empty() {
            return Ok(());
        }
        let (rows, events): (Vec<_>, Vec<_>) = redriven.into_iter().unzip();
        let last = self.shared.record(SystemClock::now(), events).await?.last;
        let mut queue = self.shared.board.queue();
        for row in &rows {
            queue.insert(&row.state.peer, (row.about, row.place), fresh(row.state.delivery, last));
        }
        if let Some(row) = rows.first() {
            queue.hurry(&row.state.peer);
        }
        drop(queue);
        self.shared.board.has_more.notify_one();
        Ok(())
    }
}

/// Those that undo nothing which their host has.
fn not_superseded(views: &ViewReader, rows: Vec<DeliveryRow>) -> Result<Vec<DeliveryRow>, ViewError> {
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if !views.is_superseded(&row)? {
            kept.push(row);
        }
    }
    Ok(kept)
}
