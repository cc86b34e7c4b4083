//! The golden document of an event: what its flow is to record, and how a rehearsal differs from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Rehearsal,
    members::{InvalidFile, Members},
};
use crate::{
    behavior::WhyNot,
    difference::{Difference, differences},
    effect::Effect,
    event::NodeError,
    ids::NodeId,
    json,
    state::EffectStatus,
};

/// Characters of a payload that a message shows.
const EXCERPT_CHARS: usize = 200;

/// What is to come of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Golden {
    /// No trigger matches: `{"matched": false}`.
    Unmatched,
    /// A flow: `{"effects": […], "failed"?: {…}}`.
    Walked {
        /// Its effects, in order.
        effects: Vec<GoldenEffect>,
        /// How it fails, if it does.
        failed: Option<GoldenFailure>,
    },
}

/// An effect of a flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoldenEffect {
    /// The node that asks for it.
    pub node: NodeId,
    /// The item of an `each` it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Its kind.
    pub kind: String,
    /// What exactly is asked for.
    pub payload: Value,
    /// The rule that denies it, where the manifest does not declare its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
}

/// How a flow fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoldenFailure {
    /// The node.
    pub node: NodeId,
    /// The rule's stable name.
    pub rule: String,
    /// What happened; any text, where a document has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Where an effect stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The node that asks for it.
    pub node: NodeId,
    /// The item of an `each` it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// Its place among the effects of that call, from 0.
    pub effect: usize,
    /// Its kind.
    pub kind: String,
}

/// One way in which a rehearsal differs from its golden document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum Mismatch {
    /// A place of an effect holds something else.
    Differs {
        /// The effect.
        #[serde(flatten)]
        place: Place,
        /// What differs, from the document's to the rehearsal's.
        #[serde(flatten)]
        difference: Difference,
    },
    /// An effect of the document was not asked for.
    Missing {
        /// The effect.
        #[serde(flatten)]
        place: Place,
        /// Its payload.
        payload: Value,
    },
    /// An effect was asked for that the document does not have.
    Unexpected {
        /// The effect.
        #[serde(flatten)]
        place: Place,
        /// Its payload.
        payload: Value,
    },
    /// The flow ends otherwise.
    Failed {
        /// How it is to fail; not at all, where there is none.
        expected: Option<GoldenFailure>,
        /// How it failed.
        found: Option<GoldenFailure>,
    },
    /// A trigger matches where none is to, or the other way round.
    Matched {
        /// Whether one matches.
        found: bool,
        /// For each trigger, why it does not.
        not: Vec<WhyNot>,
    },
}

impl Golden {
    /// Reads a golden document.
    pub fn read(text: &[u8]) -> Result<Self, InvalidFile> {
        let document = json::parse_object(text).map_err(|error| InvalidFile::new("the file", error.message))?;
        let mut members = Members::of_file(document);
        match members.read::<bool>("matched")? {
            Some(false) => members.end("matched alone").map(|()| Self::Unmatched),
            Some(true) => {
                Err(InvalidFile::new("matched", "stands only as false; where a trigger matches there are effects"))
            }
            None => {
                let effects = members.require::<Vec<Value>>("effects")?.into_iter().enumerate();
                let effects = effects
                    .map(|(place, effect)| GoldenEffect::read(format!("effects/{place}"), effect))
                    .collect::<Result<_, _>>()?;
                let failed = members.object("failed")?.map(GoldenFailure::read).transpose()?;
                members.end("effects and failed, or matched alone")?;
                Ok(Self::Walked { effects, failed })
            }
        }
    }

    /// The document as it is written to a file.
    pub fn write(&self) -> String {
        let document = match self {
            Self::Unmatched => serde_json::to_string_pretty(&json!({ "matched": false })),
            Self::Walked { effects, failed } => {
                #[derive(Serialize)]
                struct Document<'a> {
                    effects: &'a [GoldenEffect],
                    #[serde(skip_serializing_if = "Option::is_none")]
                    failed: Option<&'a GoldenFailure>,
                }
                serde_json::to_string_pretty(&Document { effects, failed: failed.as_ref() })
            }
        };
        format!("{}\n", document.expect("a golden document holds strings, numbers and JSON values only"))
    }

    /// Whether the document says of a failure that it is to come, whatever its message is.
    pub fn declares(&self, found: &GoldenFailure) -> bool {
        match self {
            Self::Walked { failed: Some(failed), .. } => (&failed.node, &failed.rule) == (&found.node, &found.rule),
            Self::Walked { failed: None, .. } | Self::Unmatched => false,
        }
    }

    /// How a rehearsal differs from this document.
    pub fn mismatches(&self, rehearsal: &Rehearsal) -> Vec<Mismatch> {
        match (self, rehearsal) {
            (Self::Unmatched, Rehearsal::Unmatched(_)) => Vec::new(),
            (Self::Unmatched, Rehearsal::Walked(_)) => vec![Mismatch::Matched { found: true, not: Vec::new() }],
            (Self::Walked { .. }, Rehearsal::Unmatched(not)) => {
                vec![Mismatch::Matched { found: false, not: not.clone() }]
            }
            (Self::Walked { effects, failed }, Rehearsal::Walked(walked)) => {
                let mut found = compare(effects, &walked.effects);
                let is_as_expected = match (failed, &walked.failed) {
                    (None, None) => true,
                    (Some(expected), Some(found)) => expected.covers(found),
                    (Some(_), None) | (None, Some(_)) => false,
                };
                if !is_as_expected {
                    found.push(Mismatch::Failed { expected: failed.clone(), found: walked.failed.clone() });
                }
                found
            }
        }
    }
}

impl GoldenEffect {
    /// An effect as its call recorded it.
    pub fn of(effect: &Effect) -> Self {
        let rule = effect.receipt.as_ref().and_then(|receipt| receipt.get("rule")).and_then(Value::as_str);
        let denied = (effect.status == EffectStatus::Denied).then(|| rule.unwrap_or("denied").to_owned());
        let Effect { node, item, kind, payload, .. } = effect.clone();
        Self { node, item, kind, payload, denied }
    }

    fn read(place: String, value: Value) -> Result<Self, InvalidFile> {
        let mut members = Members::of(place, value)?;
        let effect = Self {
            node: members.require("node")?,
            item: members.read("item")?,
            kind: members.require("kind")?,
            payload: members.take("payload").unwrap_or_default(),
            denied: members.read("denied")?,
        };
        members.end("node, item, kind, payload and denied")?;
        Ok(effect)
    }

    fn document(&self) -> Value {
        let mut document = json!({ "kind": self.kind, "payload": self.payload });
        if let Some(denied) = &self.denied {
            document["denied"] = denied.as_str().into();
        }
        document
    }
}

impl GoldenFailure {
    /// A node's failure, in all its words.
    pub(super) fn of(node: &NodeId, error: &NodeError) -> Self {
        Self { node: node.clone(), rule: error.rule.clone(), message: Some(error.message.clone()) }
    }

    fn read(mut members: Members) -> Result<Self, InvalidFile> {
        let failure =
            Self { node: members.require("node")?, rule: members.require("rule")?, message: members.read("message")? };
        members.end("node, rule and message")?;
        Ok(failure)
    }

    /// The same with a message only where it is the guest's own: a host's changes with its version.
    pub(super) fn without_the_hosts_words(self) -> Self {
        let is_the_guests = matches!(self.rule.as_str(), "fatal" | "retry");
        Self { message: self.message.filter(|_| is_the_guests), ..self }
    }

    /// The least of a golden document that declares it.
    pub fn declaration(&self) -> String {
        json!({"effects": [], "failed": {"node": self.node, "rule": self.rule}}).to_string()
    }

    fn covers(&self, found: &Self) -> bool {
        let is_same_text = self.message.is_none() || self.message == found.message;
        self.node == found.node && self.rule == found.rule && is_same_text
    }
}

/// The effects of one call: of a node, or of one item of it.
type ByCall<'a> = BTreeMap<(&'a NodeId, Option<u32>), Vec<&'a GoldenEffect>>;

/// Effects are held against one another call by call, so that one that is missing makes no other differ, and nodes that
/// do not depend on one another may come in any order.
fn compare(expected: &[GoldenEffect], found: &[GoldenEffect]) -> Vec<Mismatch> {
    let mut seen = BTreeSet::new();
    let calls = expected.iter().chain(found).map(|effect| (&effect.node, effect.item));
    let calls = calls.filter(|call| seen.insert(*call));
    let (expected, found) = (by_call(expected), by_call(found));
    calls.flat_map(|call| compare_call(expected.get(&call), found.get(&call))).collect()
}

fn by_call(effects: &[GoldenEffect]) -> ByCall<'_> {
    let mut calls = ByCall::new();
    for effect in effects {
        calls.entry((&effect.node, effect.item)).or_default().push(effect);
    }
    calls
}

fn compare_call(expected: Option<&Vec<&GoldenEffect>>, found: Option<&Vec<&GoldenEffect>>) -> Vec<Mismatch> {
    let (expected, found) = (expected.map_or(&[][..], Vec::as_slice), found.map_or(&[][..], Vec::as_slice));
    let place = |ordinal: usize, effect: &GoldenEffect| Place {
        node: effect.node.clone(),
        item: effect.item,
        effect: ordinal,
        kind: effect.kind.clone(),
    };
    let one = |ordinal: usize| match (expected.get(ordinal), found.get(ordinal)) {
        (None, None) => Vec::new(),
        (Some(gone), None) => vec![Mismatch::Missing { place: place(ordinal, gone), payload: gone.payload.clone() }],
        (None, Some(new)) => vec![Mismatch::Unexpected { place: place(ordinal, new), payload: new.payload.clone() }],
        (Some(before), Some(after)) => differences(&before.document(), &after.document())
            .into_iter()
            .map(|difference| Mismatch::Differs { place: place(ordinal, before), difference })
            .collect(),
    };
    (0..expected.len().max(found.len())).flat_map(one).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.node)?;
        if let Some(item) = self.item {
            write!(f, "item {item}, ")?;
        }
        write!(f, "effect {} ({})", self.effect, self.kind)
    }
}

impl fmt::Display for GoldenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.node, self.rule)?;
        match &self.message {
            Some(message) => write!(f, ": {message})"),
            None => f.write_str(")"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs { place, difference } => write!(f, "{place}: {difference}"),
            Self::Missing { place, payload } => write!(f, "{place}: is missing: {}", excerpt(payload)),
            Self::Unexpected { place, payload } => write!(f, "{place}: is one too many: {}", excerpt(payload)),
            Self::Failed { expected: Some(expected), found: Some(found) } => {
                write!(f, "fails at {found}, and was to fail at {expected}")
            }
            Self::Failed { expected: Some(expected), found: None } => {
                write!(f, "completes, and was to fail at {expected}")
            }
            Self::Failed { expected: None, found: Some(found) } => write!(f, "fails at {found}"),
            Self::Failed { expected: None, found: None } => f.write_str("ends otherwise"),
            Self::Matched { found: true, .. } => f.write_str("a trigger matches, and none was to"),
            Self::Matched { found: false, not } => {
                let not: Vec<_> = not.iter().map(|not| format!("{}: {}", not.rule, not.message)).collect();
                write!(f, "no trigger matches: {}", not.join("; "))
            }
        }
    }
}

fn excerpt(payload: &Value) -> String {
    let text = payload.to_string();
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
