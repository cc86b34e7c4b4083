//! A recorded effect is attempted: what an attempt and its end mean as events.

use serde_json::Value;

use crate::{
    effect::{EffectState, Failure},
    event::{EffectChanged, Event},
    ids::FlowId,
    state::{EffectEvent, EffectStatus, Illegal},
};

/// Delays after the first to the fifth failure of one sort, in milliseconds; the sixth is the last.
pub const BACKOFF_MS: [u64; 5] = [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000];

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// Carried out, with what the sink says of it.
    Done(Value),
    /// The destination answered and did not take it; another attempt may succeed.
    Rejected {
        /// What it answered.
        message: String,
        /// How long it asks to be left alone, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The destination gave no answer: no address, no connection, or nothing in time.
    Unreachable(String),
    /// Not carried out and never will be.
    Refused(String),
    /// Not known: the host stopped during the attempt.
    Unknown,
}

/// The beginning of an attempt.
pub fn attempt(flow: FlowId, effect: &EffectState) -> Result<Event, Illegal> {
    change(flow, effect, EffectEvent::Attempt, |change| change.attempt = effect.attempts + 1)
}

/// An attempt that begins and ends in one append.
pub fn at_once(flow: FlowId, effect: &EffectState, end: AttemptEnd) -> Result<[Event; 2], Illegal> {
    let begun = attempt(flow, effect)?;
    let attempting = EffectState { status: EffectStatus::Attempting, attempts: effect.attempts + 1, ..effect.clone() };
    Ok([begun, conclude(flow, &attempting, end, 0.0)?])
}

/// What the end of an attempt means. `jitter` is a number from 0 to 1 that spreads the delay.
pub fn conclude(flow: FlowId, effect: &EffectState, end: AttemptEnd, jitter: f64) -> Result<Event, Illegal> {
    match end {
        AttemptEnd::Done(receipt) => {
            change(flow, effect, EffectEvent::Dispatch, |change| change.receipt = Some(receipt))
        }
        AttemptEnd::Refused(message) => change(flow, effect, EffectEvent::Die, |change| change.error = Some(message)),
        AttemptEnd::Unknown => {
            let message = "the host stopped during the attempt; its outcome is unknown".to_owned();
            failed(flow, effect, Failure::Unknown, message, |longest| spread(longest, jitter))
        }
        AttemptEnd::Unreachable(message) => {
            failed(flow, effect, Failure::Unreachable, message, |longest| spread(longest, jitter))
        }
        AttemptEnd::Rejected { message, retry_after_ms } => {
            let delay = |longest| spread(longest, jitter).max(retry_after_ms.unwrap_or(0));
            failed(flow, effect, Failure::Rejected, message, delay)
        }
    }
}

/// A failed attempt: another one later, or none where the failures of its sort are used up.
fn failed(
    flow: FlowId,
    effect: &EffectState,
    failure: Failure,
    message: String,
    delay: impl FnOnce(u64) -> u64,
) -> Result<Event, Illegal> {
    let before = usize::try_from(effect.failures.of(failure)).unwrap_or(usize::MAX);
    let longest = match failure {
        Failure::Rejected | Failure::Unreachable => BACKOFF_MS.get(before).copied(),
        // A stop of the host says nothing about the destination: the first time, the next attempt comes at once. An
        // attempt that ends the host again and again gets rarer like any other.
        Failure::Unknown => std::iter::once(0).chain(BACKOFF_MS).take(BACKOFF_MS.len()).nth(before),
    };
    let event = if longest.is_some() { EffectEvent::Retry } else { EffectEvent::Die };
    change(flow, effect, event, |change| {
        change.error = Some(message);
        change.failure = Some(failure);
        change.delay_ms = longest.map(delay);
    })
}

/// An effect that is granted and that nothing here carries out.
pub fn unhandled(flow: FlowId, effect: &EffectState) -> Result<Event, Illegal> {
    let message = format!("no sink of this host carries out {}", effect.effect.kind);
    change(flow, effect, EffectEvent::Unhandle, |change| change.error = Some(message))
}

/// An effect that policy forbids by now.
pub fn denied(flow: FlowId, effect: &EffectState, rule: String) -> Result<Event, Illegal> {
    change(flow, effect, EffectEvent::Deny, |change| change.error = Some(rule))
}

/// An effect that someone calls off.
pub fn cancelled(flow: FlowId, effect: &EffectState, by: Option<String>) -> Result<Event, Illegal> {
    change(flow, effect, EffectEvent::Cancel, |change| change.by = by)
}

/// An effect that someone wants tried again.
pub fn redriven(
    flow: FlowId,
    effect: &EffectState,
    by: Option<String>,
    reason: Option<String>,
) -> Result<Event, Illegal> {
    change(flow, effect, EffectEvent::Redrive, |change| {
        change.by = by;
        change.reason = reason;
        change.delay_ms = Some(0);
    })
}

fn change(
    flow: FlowId,
    effect: &EffectState,
    event: EffectEvent,
    fill: impl FnOnce(&mut EffectChanged),
) -> Result<Event, Illegal> {
    let to: EffectStatus = effect.status.on(event)?;
    let mut changed = EffectChanged {
        flow,
        effect: effect.effect.id,
        from: effect.status,
        to,
        attempt: effect.attempts,
        error: None,
        failure: None,
        delay_ms: None,
        receipt: None,
        by: None,
        reason: None,
    };
    fill(&mut changed);
    Ok(changed.into())
}

/// Full jitter: anything from nothing to the whole delay.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a day in milliseconds is exact as a double"
)]
pub(super) fn spread(longest: u64, jitter: f64) -> u64 {
    (longest as f64 * jitter.clamp(0.0, 1.0)) as u64
}
