//! A recorded effect is attempted: what an attempt and its end mean as events.

use serde_json::Value;

use crate::{
    effect::EffectState,
    event::{EffectChanged, Event},
    ids::FlowId,
    state::{EffectEvent, EffectStatus, Illegal},
};

/// Delays after the first to the fifth failed attempt, in milliseconds; the sixth failure is the last.
pub const BACKOFF_MS: [u64; 5] = [30_000, 300_000, 1_800_000, 21_600_000, 86_400_000];

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptEnd {
    /// Carried out, with what the sink says of it.
    Done(Value),
    /// Not carried out; another attempt may succeed.
    Failed {
        /// What went wrong.
        message: String,
        /// How long the destination asks to be left alone, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// Not carried out and never will be.
    Refused(String),
    /// Not known: the host stopped during the attempt.
    Unknown,
}

/// The beginning of an attempt.
pub fn attempt(flow: FlowId, effect: &EffectState) -> Result<Event, Illegal> {
    change(flow, effect, EffectEvent::Attempt, |change| change.attempt = effect.attempts + 1)
}

/// What the end of an attempt means. `jitter` is a number from 0 to 1 that spreads the delay.
pub fn conclude(flow: FlowId, effect: &EffectState, end: AttemptEnd, jitter: f64) -> Result<Event, Illegal> {
    match end {
        AttemptEnd::Done(receipt) => {
            change(flow, effect, EffectEvent::Dispatch, |change| change.receipt = Some(receipt))
        }
        AttemptEnd::Refused(message) => change(flow, effect, EffectEvent::Die, |change| change.error = Some(message)),
        // A stop of the host says nothing about the destination: the next attempt comes at once.
        AttemptEnd::Unknown => change(flow, effect, EffectEvent::Retry, |change| {
            change.error = Some("the host stopped during the attempt; its outcome is unknown".to_owned());
            change.delay_ms = Some(0);
        }),
        AttemptEnd::Failed { message, retry_after_ms } => {
            let failed = usize::try_from(effect.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
            match BACKOFF_MS.get(failed) {
                None => change(flow, effect, EffectEvent::Die, |change| change.error = Some(message)),
                Some(&longest) => change(flow, effect, EffectEvent::Retry, |change| {
                    change.error = Some(message);
                    change.delay_ms = Some(spread(longest, jitter).max(retry_after_ms.unwrap_or(0)));
                }),
            }
        }
    }
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
pub fn redriven(flow: FlowId, effect: &EffectState, by: Option<String>) -> Result<Event, Illegal> {
    change(flow, effect, EffectEvent::Redrive, |change| {
        change.by = by;
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
        delay_ms: None,
        receipt: None,
        by: None,
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
fn spread(longest: u64, jitter: f64) -> u64 {
    (longest as f64 * jitter.clamp(0.0, 1.0)) as u64
}
