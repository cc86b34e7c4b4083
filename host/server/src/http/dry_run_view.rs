//! What a write would set off, in words.

use rosehip_core::{
    destination::in_words,
    rehearsal::{Ends, ForeseenEffect, WaitMet},
    time::Timestamp,
};
use serde_json::Value;

use super::{findings::Finding, page::Moment};
use crate::host::{DryRun, ForeseenActivity, ForeseenFlow};

/// Characters of a text that a step shows.
const TEXT_CHARS: usize = 120;

/// A dry run as people read it.
pub(super) struct DryRunView {
    /// What the write is called, such as `Publishing it`.
    pub(super) verb: &'static str,
    /// What is told to others.
    pub(super) announcements: Vec<String>,
    pub(super) flows: Vec<FlowWords>,
    /// Behaviors that do not start, each with its reasons.
    pub(super) not: Vec<(String, Vec<String>)>,
}

/// A flow as people read it.
pub(super) struct FlowWords {
    pub(super) behavior: String,
    pub(super) version: String,
    pub(super) steps: Vec<StepWords>,
    pub(super) end: String,
    pub(super) is_bad: bool,
}

/// A step of it: an effect or a wait.
pub(super) struct StepWords {
    pub(super) text: String,
    /// When a wait ends.
    pub(super) until: Option<Moment>,
    /// The rule that denies it.
    pub(super) denied: Option<String>,
    pub(super) findings: Vec<Finding>,
    pub(super) is_validation: bool,
}

impl DryRunView {
    /// The words of a dry run.
    pub(super) fn of(foreseen: &DryRun, verb: &'static str) -> Self {
        let not = foreseen.not.iter().map(|unmoved| {
            let mut reasons: Vec<_> = unmoved.why.iter().map(|why| format!("{}: {}", why.rule, why.message)).collect();
            reasons.dedup();
            (unmoved.behavior.to_string(), reasons)
        });
        Self {
            verb,
            announcements: foreseen.activities.iter().map(announcement).collect(),
            flows: foreseen.flows.iter().map(FlowWords::of).collect(),
            not: not.collect(),
        }
    }

    /// What validations in it find.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.flows.iter().flat_map(|flow| &flow.steps).flat_map(|step| step.findings.clone()).collect()
    }

    /// The first behavior that validates in it.
    pub(super) fn validator(&self) -> Option<&str> {
        let validates = |flow: &&FlowWords| flow.steps.iter().any(|step| step.is_validation);
        self.flows.iter().find(validates).map(|flow| flow.behavior.as_str())
    }
}

fn announcement(activity: &ForeseenActivity) -> String {
    let what = match activity.r#type.as_str() {
        "Create" => "announce it to everybody",
        "Update" => "announce the change to everybody",
        "Delete" => "take it back from everybody",
        other => other,
    };
    match activity.followers {
        0 => format!("{what} (no followers yet)"),
        1 => format!("{what}, and send it to 1 follower"),
        followers => format!("{what}, and send it to {followers} followers"),
    }
}

impl FlowWords {
    fn of(flow: &ForeseenFlow) -> Self {
        let foresight = &flow.foresight;
        let effects = foresight.effects.iter().map(|effect| ((effect.at, 0), StepWords::of_effect(effect)));
        let waits = foresight.waits.iter().map(|wait| ((wait.from, 1), StepWords::of_wait(wait)));
        let mut steps: Vec<_> = effects.chain(waits).collect();
        // What happens at a moment comes before the wait that begins then.
        steps.sort_by_key(|(at, _)| *at);
        let end = match (&flow.error, &foresight.failed, foresight.ends) {
            (Some(error), ..) => format!("nobody can say what it does: {error}"),
            (None, Some(failure), _) => {
                let message = failure.message.as_deref().unwrap_or(&failure.rule);
                format!("then it fails at {}: {}", failure.node, cut(message))
            }
            (None, None, Ends::Waiting) => "what comes then, the signal decides".to_owned(),
            (None, None, Ends::Unfinished) => "more follows: it does more than a dry run has time for".to_owned(),
            (None, None, Ends::Completed | Ends::Failed) if steps.is_empty() => "it does nothing".to_owned(),
            (None, None, Ends::Completed | Ends::Failed) => "then it is done".to_owned(),
        };
        Self {
            behavior: flow.behavior.to_string(),
            version: flow.version.clone(),
            steps: steps.into_iter().map(|(_, step)| step).collect(),
            end,
            is_bad: flow.error.is_some() || foresight.failed.is_some(),
        }
    }
}

impl StepWords {
    fn of_effect(effect: &ForeseenEffect) -> Self {
        let effect = &effect.effect;
        let findings = if effect.kind == "validate" { Finding::all(&effect.payload) } else { Vec::new() };
        let text = words(&effect.kind, &effect.payload, findings.len());
        Self { text, until: None, denied: effect.denied.clone(), findings, is_validation: effect.kind == "validate" }
    }

    fn of_wait(wait: &WaitMet) -> Self {
        let text = match (&wait.signal, wait.until) {
            (Some(signal), Some(_)) => format!("wait for the signal “{signal}”, at most until"),
            (Some(signal), None) => format!("wait for the signal “{signal}”"),
            (None, _) => "wait until".to_owned(),
        };
        Self { text, until: wait.until.map(Moment), denied: None, findings: Vec::new(), is_validation: false }
    }
}

/// What an effect does.
fn words(kind: &str, payload: &Value, findings: usize) -> String {
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(cut).filter(|text| !text.is_empty());
    let to = in_words(kind, payload);
    let (verb, what) = match kind {
        "validate" => match findings {
            0 => return "validate: nothing wrong".to_owned(),
            1 => return "validate: 1 finding".to_owned(),
            findings => return format!("validate: {findings} findings"),
        },
        "notify" => ("notify", text("subject")),
        "email" => ("send an e-mail to", text("subject")),
        "webhook" => ("call the webhook", None),
        "log" => ("write to the log", text("message")),
        other => (other, None),
    };
    let mut words = verb.to_owned();
    for (before, part) in [(" ", to), (": ", what)] {
        if let Some(part) = part {
            words.push_str(before);
            words.push_str(&part);
        }
    }
    if let Some(batch) = text("batch") {
        words.push_str(", in one message with all others of ");
        // A behavior may call its batch what it likes; most call it by its moment.
        words.push_str(&batch.parse().map_or(batch, |moment: Timestamp| Moment(moment).to_string()));
    }
    words
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn effects_are_said_by_what_they_do_and_to_whom() {
        let said = |kind: &str, payload: Value| words(kind, &payload, 0);
        let notify = json!({"channel": "team", "subject": "New: A", "text": "x", "batch": "2026-01-02T09:00:00.000Z"});
        let batch = ", in one message with all others of 2026-01-02 09:00:00\u{a0}UTC";
        assert!(said("notify", notify.clone()).starts_with("notify") && said("notify", notify).ends_with(batch));
        assert_eq!(words("validate", &json!({}), 2), "validate: 2 findings");
        assert_eq!(said("log", json!({"message": "hello"})), "write to the log: hello");
        assert_eq!(said("shout", json!({})), "shout");
    }
}
