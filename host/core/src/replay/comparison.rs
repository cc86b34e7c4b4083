//! The effects that a module asks for, held against those that were recorded.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    difference::{Difference, differences},
    effect::Effect,
    event::NodeDone,
    ids::NodeId,
    state::EffectStatus,
};

/// What became of an effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It is asked for and was not.
    Added {
        /// What exactly is asked for.
        payload: Value,
        /// The rule that would deny it, if one would.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        denied: Option<Value>,
    },
    /// It was asked for and is not.
    Removed {
        /// What exactly was asked for.
        payload: Value,
    },
    /// It is asked for otherwise.
    Altered {
        /// Where it differs: pointers into `{kind, payload, status}`; `status` differs where it would be denied now.
        differences: Vec<Difference>,
    },
}

/// An effect that differs. Its place is that of the module in question, or, where it was removed, the recorded one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectChange {
    /// The node that asks for it.
    pub node: NodeId,
    /// The item of an `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Its place among the effects of its call, from 0.
    pub ordinal: u32,
    /// Its kind.
    pub kind: String,
    /// What became of it.
    #[serde(flatten)]
    pub change: Change,
}

/// A node that takes another branch or returns something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathChange {
    /// The node.
    pub node: NodeId,
    /// The item of an `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Pointers into `{branch, output}`, or into `{error}` where the call failed otherwise.
    pub differences: Vec<Difference>,
}

impl PathChange {
    /// How two answers to one Call differ, if they do.
    pub(super) fn between(before: &NodeDone, after: &NodeDone) -> Option<Self> {
        if before.branch == after.branch && before.output == after.output {
            return None;
        }
        let document = |done: &NodeDone| json!({"branch": done.branch, "output": done.output});
        let differences = differences(&document(before), &document(after));
        Some(Self { node: after.node.clone(), item: after.item, differences })
    }
}

/// The effects that differ, call by call. Within a call, what is equal at its beginning and its end is taken for the
/// same, and what lies between is compared by its place.
pub(super) fn compare<'a>(
    before: impl Iterator<Item = &'a Effect> + Clone,
    after: impl Iterator<Item = &'a Effect> + Clone,
) -> Vec<EffectChange> {
    let is_same_place = |(before, after): (&Effect, &Effect)| before.id == after.id && is_same(before, after);
    if before.clone().count() == after.clone().count() && before.clone().zip(after.clone()).all(is_same_place) {
        return Vec::new();
    }
    let mut calls: Vec<(Vec<&Effect>, Vec<&Effect>)> = Vec::new();
    let mut places: BTreeMap<(&NodeId, Option<u32>), usize> = BTreeMap::new();
    for (is_after, effect) in before.map(|effect| (false, effect)).chain(after.map(|effect| (true, effect))) {
        let place = *places.entry((&effect.node, effect.item)).or_insert_with(|| {
            calls.push((Vec::new(), Vec::new()));
            calls.len() - 1
        });
        let (recorded, asked) = &mut calls[place];
        if is_after { asked } else { recorded }.push(effect);
    }
    calls.iter().flat_map(|(before, after)| compare_call(before, after)).collect()
}

fn compare_call(before: &[&Effect], after: &[&Effect]) -> Vec<EffectChange> {
    let alike = |(before, after): &(&&Effect, &&Effect)| is_same(before, after);
    let head = before.iter().zip(after).take_while(alike).count();
    let (before, after) = (&before[head..], &after[head..]);
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(alike).count();
    let (before, after) = (&before[..before.len() - tail], &after[..after.len() - tail]);
    let mut changes = Vec::new();
    for place in 0..before.len().max(after.len()) {
        match (before.get(place), after.get(place)) {
            (Some(before), Some(after)) if before.kind == after.kind => changes.push(altered(before, after)),
            (before, after) => {
                changes.extend(before.map(|effect| removed(effect)));
                changes.extend(after.map(|effect| added(effect)));
            }
        }
    }
    changes
}

/// Whether an effect is asked for as it was. One that was denied then and would not be now is the operator's doing.
fn is_same(before: &Effect, after: &Effect) -> bool {
    before.kind == after.kind && before.payload == after.payload && !is_denied_anew(before, after)
}

/// Whether an effect is denied that was not.
pub(super) fn is_denied_anew(before: &Effect, after: &Effect) -> bool {
    after.status == EffectStatus::Denied && before.status != EffectStatus::Denied
}

fn altered(before: &Effect, after: &Effect) -> EffectChange {
    let document = |effect: &Effect| json!({"kind": effect.kind, "payload": effect.payload});
    let (mut old, mut new) = (document(before), document(after));
    if is_denied_anew(before, after) {
        old["status"] = json!(before.status);
        new["status"] = json!(after.status);
        new["rule"] = after.receipt.as_ref().and_then(|receipt| receipt.get("rule")).cloned().unwrap_or_default();
    }
    at(after, Change::Altered { differences: differences(&old, &new) })
}

fn added(effect: &Effect) -> EffectChange {
    let denied = effect.receipt.as_ref().filter(|_| effect.status == EffectStatus::Denied);
    let denied = denied.and_then(|receipt| receipt.get("rule")).cloned();
    at(effect, Change::Added { payload: effect.payload.clone(), denied })
}

fn removed(effect: &Effect) -> EffectChange {
    at(effect, Change::Removed { payload: effect.payload.clone() })
}

fn at(effect: &Effect, change: Change) -> EffectChange {
    let Effect { node, item, ordinal, kind, .. } = effect;
    EffectChange { node: node.clone(), item: *item, ordinal: *ordinal, kind: kind.clone(), change }
}
