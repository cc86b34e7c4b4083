//! A delivery: one activity on its way to one inbox of another host, as a fold of its entries.
//!
//! It has no entry that announces an attempt. `delivery.enqueued` is durable before the first one, and what a crash cuts
//! short is attempted again: the receiver tells it by the activity's id.

use serde::{Deserialize, Serialize};

use crate::{
    effect::Failures,
    event::Event,
    federation::Peer,
    ids::DeliveryId,
    state::{DeliveryEvent, DeliveryStatus, Illegal},
    time::Timestamp,
};

/// A delivery with everything that happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryState {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The host it goes to.
    pub peer: Peer,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts that have ended.
    pub attempts: u32,
    /// Failed attempts by sort, since it was enqueued or redriven; none of them counts against another's budget.
    pub failures: Failures,
    /// When the next attempt is due, while it is `retrying`.
    pub next_at: Option<Timestamp>,
    /// How the last attempt failed, or why it was given up.
    pub error: Option<String>,
    /// The status that the host answered when it took it.
    pub answered: Option<u16>,
}

impl DeliveryState {
    /// A delivery of which nothing is known but that it was enqueued.
    pub fn queued(delivery: DeliveryId, peer: Peer) -> Self {
        Self {
            delivery,
            peer,
            status: DeliveryStatus::Queued,
            attempts: 0,
            failures: Failures::default(),
            next_at: None,
            error: None,
            answered: None,
        }
    }

    /// Takes in what happened to it. What is about something else changes nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "four of the entries are about a delivery")]
    pub fn apply(&mut self, event: &Event, time: Timestamp) -> Result<(), Illegal> {
        match event {
            Event::DeliveryDelivered(delivered) if delivered.delivery == self.delivery => {
                self.status = self.status.on(DeliveryEvent::Deliver)?;
                self.attempts = delivered.attempt;
                (self.next_at, self.error, self.answered) = (None, None, Some(delivered.status));
            }
            Event::DeliveryFailed(failed) if failed.delivery == self.delivery => {
                self.status = self.status.on(DeliveryEvent::Retry)?;
                self.attempts = failed.attempt;
                self.failures.count(failed.failure);
                self.next_at = Some(time.plus_millis(failed.delay_ms));
                self.error = Some(failed.error.clone());
            }
            Event::DeliveryDeadLettered(dead) if dead.delivery == self.delivery => {
                self.status = self.status.on(DeliveryEvent::Die)?;
                self.attempts = dead.attempt;
                (self.next_at, self.error) = (None, Some(dead.error.clone()));
            }
            Event::DeliveryRedriven(redriven) if redriven.delivery == self.delivery => {
                self.status = self.status.on(DeliveryEvent::Redrive)?;
                self.failures = Failures::default();
            }
            _ => {}
        }
        Ok(())
    }
}
