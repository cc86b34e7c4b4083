//! One attempt of a delivery, from its turn to the entry that says how it ended.

use std::{sync::Arc, time::Duration};

use rosehip_core::{
    delivery::DeliveryState,
    effect::Failure,
    event::{Event, append_of},
    pipeline::deliver::{self, DeliveryEnd},
    time::Timestamp,
};

use super::{
    DeliveryError, Shared,
    queue::{Heard, Taken, Waiting},
};
use crate::{
    clock::SystemClock,
    writer::{AppendError, Appended},
};

/// How long what could not be recorded or read waits to be tried again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Deliveries that are given up in one append at most.
const GIVEN_UP_AT_ONCE: usize = 500;

/// What became of a delivery that was under way.
struct Ended {
    again: Option<Waiting>,
    heard: Heard,
    error: Option<String>,
}

/// A delivery that was taken. Whatever happens to its task, the queue is told that it is not under way any more.
struct UnderWay {
    shared: Arc<Shared>,
    taken: Option<Taken>,
}

impl UnderWay {
    fn release(mut self, again: Option<Waiting>, heard: Heard) -> Vec<Waiting> {
        let taken = self.taken.take();
        taken.map_or_else(Vec::new, |taken| self.shared.board.queue().release(&taken, again, heard))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(taken) = self.taken.take() {
            let again = later(&taken);
            self.shared.board.queue().release(&taken, Some(again), Heard::Nothing);
        }
        self.shared.board.has_more.notify_one();
    }
}

/// The same again in a moment.
fn later(taken: &Taken) -> Waiting {
    let ms = u64::try_from(PATIENCE.as_millis()).expect("a second is short");
    Waiting { not_before: SystemClock::now().plus_millis(ms), ..taken.waiting }
}

impl Shared {
    /// Makes one attempt of a delivery that was taken from the queue.
    pub(super) async fn attempt(self: Arc<Self>, taken: Taken) {
        let peer = taken.peer.clone();
        let under_way = UnderWay { shared: Arc::clone(&self), taken: Some(taken.clone()) };
        match self.make(&taken).await {
            Ok(ended) => {
                let given_up = under_way.release(ended.again, ended.heard);
                if given_up.is_empty() {
                    return;
                }
                let reason = format!("{peer} gave no answer while this waited: {}", ended.error.unwrap_or_default());
                tracing::warn!(%peer, deliveries = given_up.len(), "deliveries to a silent host are given up");
                if let Err(error) = self.give_up(&given_up, &reason).await {
                    tracing::error!(%peer, %error, "deliveries that are given up are tried again at the next start");
                }
            }
            Err(error) => {
                tracing::warn!(%peer, delivery = %taken.waiting.delivery, %error, "an attempt to deliver comes later");
                under_way.release(Some(later(&taken)), Heard::Nothing);
            }
        }
    }

    async fn make(&self, taken: &Taken) -> Result<Ended, DeliveryError> {
        let gone = Ended { again: None, heard: Heard::Nothing, error: None };
        self.links.position.reached(taken.waiting.changed).await?;
        let row = self.parts.views.with(|views| views.delivery(&taken.waiting.delivery));
        // Its beginning may have been erased; and what is open twice is attempted once.
        let Some(row) = row?.filter(|row| row.state.status.is_open()) else { return Ok(gone) };
        let end = self.send(&row, taken.keeps_connection).await?;
        let (time, event) = (SystemClock::now(), self.concluded(&row.state, end.clone())?);
        let seq = self.record(time, vec![event.clone()]).await?.last;
        let heard = heard(&end, &row.state, seq, time);
        Ok(Ended { again: again(&event, seq, time, taken), heard, error: message_of(end) })
    }

    fn concluded(&self, state: &DeliveryState, end: DeliveryEnd) -> Result<Event, DeliveryError> {
        Ok(deliver::conclude(state, end, &self.parts.options.backoff_ms, jitter())?)
    }

    /// Gives up deliveries that waited for a peer which gives no answer.
    async fn give_up(&self, given_up: &[Waiting], reason: &str) -> Result<(), DeliveryError> {
        for chunk in given_up.chunks(GIVEN_UP_AT_ONCE) {
            let changed = chunk.iter().map(|waiting| waiting.changed).max().unwrap_or(0);
            self.links.position.reached(changed).await?;
            let mut events = Vec::with_capacity(chunk.len());
            for waiting in chunk {
                let row = self.parts.views.with(|views| views.delivery(&waiting.delivery))?;
                if let Some(row) = row.filter(|row| row.state.status.is_open()) {
                    events.push(deliver::give_up(&row.state, reason.to_owned())?);
                }
            }
            self.record(SystemClock::now(), events).await?;
        }
        Ok(())
    }

    /// Appends what must not be forgotten: it is tried until it is durable or the log's writer has stopped.
    pub(super) async fn record(&self, time: Timestamp, events: Vec<Event>) -> Result<Appended, DeliveryError> {
        loop {
            match self.links.writer.append(append_of(time, events.clone())).await {
                Err(error @ (AppendError::QueueFull | AppendError::DiskFull)) => {
                    tracing::warn!(%error, "what became of a delivery is recorded in a second");
                    tokio::time::sleep(PATIENCE).await;
                }
                appended => return Ok(appended?),
            }
        }
    }
}

/// How a delivery waits after an attempt, if it does.
pub(super) fn again(event: &Event, seq: u64, time: Timestamp, taken: &Taken) -> Option<Waiting> {
    let Event::DeliveryFailed(failed) = event else { return None };
    let not_before = time.plus_millis(failed.delay_ms);
    // What was rejected was answered.
    let since = if failed.failure == Failure::Rejected { seq } else { taken.waiting.since };
    Some(Waiting { changed: seq, since, not_before, failure: Some(failed.failure), ..taken.waiting })
}

/// What an attempt told of its peer.
pub(super) fn heard(end: &DeliveryEnd, before: &DeliveryState, seq: u64, time: Timestamp) -> Heard {
    match end {
        DeliveryEnd::Delivered { .. } | DeliveryEnd::Refused { status: Some(_), .. } => Heard::Answer { pause: None },
        DeliveryEnd::Rejected { retry_after_ms, .. } => {
            Heard::Answer { pause: retry_after_ms.map(|ms| time.plus_millis(ms)) }
        }
        DeliveryEnd::Unreachable(_) => Heard::Silence { seq, failures: before.failures.unreachable + 1 },
        DeliveryEnd::Refused { status: None, .. } => Heard::Nothing,
    }
}

fn message_of(end: DeliveryEnd) -> Option<String> {
    match end {
        DeliveryEnd::Delivered { .. } => None,
        DeliveryEnd::Rejected { message, .. }
        | DeliveryEnd::Unreachable(message)
        | DeliveryEnd::Refused { message, .. } => Some(message),
    }
}

/// A number from 0 to 1 that spreads retries.
fn jitter() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness every retry takes the longest delay, which is safe.
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
