//! Effects as people read them, by kind.

use rosehip_adapters::views::ChildFlow;
use rosehip_core::{
    effect::{self, Effect, EffectState, LOCAL},
    pipeline::dispatch::BACKOFF_MS,
    state::{EffectEvent, EffectStatus},
};
use serde_json::Value;

use super::{
    objects::pretty,
    page::{Badge, Moment},
};

/// Bytes of a payload or a receipt that a page shows.
const TEXT_BYTES: usize = 2_000;
/// Findings of a validation that a page shows.
const FINDINGS: usize = 30;

/// An effect with what became of it.
pub(super) struct EffectView {
    pub(super) id: String,
    pub(super) kind: String,
    /// Where it goes, in words.
    pub(super) destination: String,
    pub(super) badge: Badge,
    pub(super) payload: Payload,
    pub(super) attempts: u32,
    /// How many attempts it has at most, before it is given up.
    pub(super) most_attempts: u32,
    pub(super) next_retry: Option<Moment>,
    pub(super) last_error: Option<String>,
    pub(super) receipt: Option<String>,
    pub(super) may_redrive: bool,
    /// Flows that it caused: id and short form.
    pub(super) caused: Vec<(String, String)>,
}

/// A payload as people read it, by kind; JSON for kinds that this host does not know.
pub(super) enum Payload {
    Verdict { valid: bool, findings: Vec<Finding> },
    Message { channel: String, subject: String, text: String, url: Option<String>, batch: Option<String> },
    Line { level: String, text: String },
    Json(String),
}

/// Something that a validation found.
pub(super) struct Finding {
    pub(super) field: String,
    pub(super) rule: String,
    pub(super) message: String,
    pub(super) severity: String,
}

impl EffectView {
    /// The view of an effect; `operates` is whether the visitor may have it tried again.
    pub(super) fn of(state: &EffectState, operates: bool, children: &[ChildFlow]) -> Self {
        let caused = children.iter().filter(|child| child.effect == Some(state.effect.id));
        let receipt = state.receipt.as_ref().filter(|receipt| !receipt.is_null());
        Self {
            id: state.effect.id.to_string(),
            kind: state.effect.kind.clone(),
            destination: destination(&state.effect),
            badge: state.status.into(),
            payload: Payload::of(&state.effect.kind, &state.effect.payload),
            attempts: state.attempts,
            most_attempts: u32::try_from(BACKOFF_MS.len() + 1).unwrap_or(u32::MAX),
            next_retry: state.next_retry_at.filter(|_| state.status == EffectStatus::Retrying).map(Moment),
            last_error: why_not(state),
            receipt: receipt.map(|receipt| shortened(pretty(receipt))),
            may_redrive: operates && state.status.on(EffectEvent::Redrive).is_ok(),
            caused: caused.map(|child| (child.summary.id.to_string(), child.summary.id.short())).collect(),
        }
    }
}

/// How the last attempt failed, or the rule that denied the effect; of one that was carried out in the end, nothing.
pub(super) fn why_not(state: &EffectState) -> Option<String> {
    let last = state.last_error.clone().filter(|_| state.status != EffectStatus::Dispatched);
    last.or_else(|| denied(state))
}

/// Where an effect goes, in words.
pub(super) fn destination(asked: &Effect) -> String {
    let place = effect::destination(&asked.kind, &asked.payload);
    match place.split_once(':') {
        Some((_, place)) => place.to_owned(),
        None if place == LOCAL => "this host".to_owned(),
        None => match asked.payload.get("to") {
            Some(Value::String(to)) => to.clone(),
            _ => String::new(),
        },
    }
}

/// What a page shows of a long text.
fn shortened(text: String) -> String {
    match text.len() {
        0..=TEXT_BYTES => text,
        _ => format!("{}… (cut)", &text[..text.floor_char_boundary(TEXT_BYTES)]),
    }
}

/// The rule that denied an effect when it was recorded.
fn denied(state: &EffectState) -> Option<String> {
    let rule = state.receipt.as_ref().filter(|_| state.status == EffectStatus::Denied)?.get("rule")?;
    rule.as_str().map(str::to_owned)
}

impl Payload {
    fn of(kind: &str, payload: &Value) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        match kind {
            "validate" => {
                let findings = payload.get("findings").and_then(Value::as_array);
                Self::Verdict {
                    valid: payload.get("valid").and_then(Value::as_bool).unwrap_or_default(),
                    findings: findings.into_iter().flatten().take(FINDINGS).map(Finding::of).collect(),
                }
            }
            "notify" => Self::Message {
                channel: text("channel").unwrap_or_else(|| "log".to_owned()),
                subject: text("subject").unwrap_or_default(),
                text: shortened(text("text").unwrap_or_default()),
                url: text("url"),
                batch: text("batch"),
            },
            "log" => Self::Line {
                level: text("level").unwrap_or_else(|| "info".to_owned()),
                text: shortened(text("message").unwrap_or_default()),
            },
            _ => Self::Json(shortened(pretty(payload))),
        }
    }
}

impl Finding {
    fn of(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let severity = Some(text("severity")).filter(|severity| !severity.is_empty());
        Self {
            field: text("field"),
            rule: text("rule"),
            message: text("message"),
            severity: severity.unwrap_or_else(|| "error".to_owned()),
        }
    }
}
