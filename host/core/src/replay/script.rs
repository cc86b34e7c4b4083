//! What a recording still holds, entry by entry: which steps are done when their entry comes, and which have none.

use std::collections::HashMap;

use crate::{
    effect::Effect,
    event::{Event, NodeError, NodeSuspended, Timer},
    ids::{EffectId, NodeId},
    time::Timestamp,
};

use super::{Recording, comparison::is_denied_anew};

/// What the entries that are still to come say of a node: so long as they do, it is done when its entry comes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Expected {
    /// A call of it, or of one of its items.
    Call(NodeId, Option<u32>),
    /// The beginning of its wait, or of its list.
    Beginning(NodeId),
    /// The end of its wait.
    Firing(NodeId),
}

impl Expected {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most entries are not about a node's steps")]
    /// What an entry is expected as, if it is about a node's steps.
    pub(super) fn by(event: &Event) -> Option<Self> {
        match event {
            Event::NodeDone(body) => Some(Self::Call(body.node.clone(), body.item)),
            Event::NodeRetrying(body) => Some(Self::Call(body.node.clone(), body.item)),
            Event::NodeFailed(body) if body.attempt == 0 => Some(Self::Beginning(body.node.clone())),
            Event::NodeFailed(body) => Some(Self::Call(body.node.clone(), body.item)),
            Event::NodeSuspended(body) => Some(Self::Beginning(body.node.clone())),
            Event::NodeSpread(body) => Some(Self::Beginning(body.node.clone())),
            Event::NodeFired(body) => Some(Self::Firing(body.node.clone())),
            _ => None,
        }
    }
}

/// The entries that are still to come, and the effects that were recorded.
pub(super) struct Script<'a> {
    expected: HashMap<Expected, u32>,
    effects: HashMap<EffectId, &'a Effect>,
}

impl<'a> Script<'a> {
    /// The script of a recording, before its first entry.
    pub(super) fn of(recording: &'a Recording) -> Self {
        let mut script = Self { expected: HashMap::new(), effects: HashMap::new() };
        for (_, _, event) in &recording.entries {
            if let Some(key) = Expected::by(event) {
                *script.expected.entry(key).or_default() += 1;
            }
            script.effects.extend(effects_of(event).into_iter().flatten().map(|effect| (effect.id, effect)));
        }
        script
    }

    /// An entry is here that was expected.
    pub(super) fn has_come(&mut self, key: &Expected) {
        if let Some(count) = self.expected.get_mut(key) {
            *count = count.saturating_sub(1);
        }
    }

    /// Whether such an entry is still to come.
    pub(super) fn expects(&self, key: &Expected) -> bool {
        self.expected.get(key).is_some_and(|count| *count > 0)
    }

    /// Whether an effect is not the one that was recorded under its id.
    pub(super) fn is_altered(&self, effect: &Effect) -> bool {
        self.recorded(effect).is_none()
    }

    /// Judges an effect that was recorded as it was judged then: what the operator granted at that moment, and how many of
    /// its kind came before it in the hour, is known from its entry alone. What its own module may not ask for stays denied.
    pub(super) fn judge_as_recorded(&self, effect: &mut Effect) {
        if let Some(recorded) = self.recorded(effect).filter(|recorded| !is_denied_anew(recorded, effect)) {
            (effect.status, effect.receipt) = (recorded.status, recorded.receipt.clone());
        }
    }

    /// The same effect as it was recorded.
    fn recorded(&self, effect: &Effect) -> Option<&'a Effect> {
        let recorded = *self.effects.get(&effect.id)?;
        (recorded.kind == effect.kind && recorded.payload == effect.payload).then_some(recorded)
    }
}

/// The effects that an entry records.
#[expect(clippy::wildcard_enum_match_arm, reason = "only calls that succeeded have effects")]
pub(super) fn effects_of(event: &Event) -> Option<&[Effect]> {
    match event {
        Event::NodeDone(done) => Some(&done.effects),
        _ => None,
    }
}

/// Whether how a call ended follows from its Call: it does where the guest itself says it.
#[expect(clippy::wildcard_enum_match_arm, reason = "a call ends in one of three events")]
pub(super) fn is_function_of_the_call(recorded: &Event) -> bool {
    let says_so = |error: &NodeError| matches!(error.rule.as_str(), "retry" | "fatal");
    match recorded {
        Event::NodeFailed(failed) => says_so(&failed.error),
        Event::NodeRetrying(retrying) => says_so(&retrying.error),
        _ => true,
    }
}

/// When a wait's timer was set, where the entry says it.
#[expect(clippy::wildcard_enum_match_arm, reason = "only a wait that began has a timer")]
pub(super) fn set_at(recorded: &Event) -> Option<Timestamp> {
    match recorded {
        Event::NodeSuspended(NodeSuspended { timer: Some(Timer::After { set_at, .. }), .. }) => Some(*set_at),
        _ => None,
    }
}

/// How a wait differs from the one that was recorded, if it does. Moments that had both come are the same moment.
pub(super) fn waits_otherwise(before: &NodeSuspended, after: &NodeSuspended, now: Timestamp) -> Option<String> {
    let due = |wait: &NodeSuspended| wait.timer.map(|timer| timer.due(now));
    let is_past = |wait: &NodeSuspended| due(wait).is_some_and(|due| due <= now);
    if before.signal == after.signal && (before.timer == after.timer || is_past(before) && is_past(after)) {
        return None;
    }
    let words = |wait: &NodeSuspended| {
        let until = due(wait).map(|due| format!("until {due}"));
        let signal = wait.signal.as_ref().map(|name| format!("for the signal {name}"));
        let parts: Vec<_> = signal.into_iter().chain(until).collect();
        parts.join(", ")
    };
    Some(format!("it would wait {}, and the flow waited {}", words(after), words(before)))
}
