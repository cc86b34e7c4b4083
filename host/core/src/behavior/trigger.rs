//! Triggers: patterns over activities, and why one did not match.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Filter, ManifestError};
use crate::{
    activity::Activity,
    ids::{BoxName, TypeName},
    object::Transition,
};

/// A trigger as the manifest writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerDocument {
    /// Where the activity was recorded: `outbox` (the default), `inbox` or `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r#box: Option<TriggerBox>,
    /// The activity's type, such as `Create`.
    pub on: String,
    /// The object's type, such as `Article`.
    pub object: String,
    /// What must have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<TransitionDocument>,
    /// A CEL expression over `activity`, `object` and `transitions` that must be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// What starts a behavior, in words.
impl fmt::Display for TriggerDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.on, self.object)?;
        if let Some(TransitionDocument { field, from, to }) = &self.transition {
            match (from, to) {
                (None, None) => write!(f, ", when {field} changes")?,
                (None, Some(to)) => write!(f, ", when {field} becomes {}", plain(to))?,
                (Some(from), None) => write!(f, ", when {field} is no longer {}", plain(from))?,
                (Some(from), Some(to)) => write!(f, ", when {field} goes from {} to {}", plain(from), plain(to))?,
            }
        }
        match self.r#box {
            Some(TriggerBox::Inbox) => f.write_str(", in the inbox")?,
            Some(TriggerBox::Outbox) => f.write_str(", in the outbox")?,
            Some(TriggerBox::Any) => f.write_str(", in either box")?,
            None => {}
        }
        self.filter.as_ref().map_or(Ok(()), |filter| write!(f, ", where {filter}"))
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A change that a trigger asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransitionDocument {
    /// The field that changed.
    pub field: String,
    /// What it was; anything, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub from: Option<Value>,
    /// What it is; anything, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub to: Option<Value>,
}

/// Reads a member that is there, even as null, as `Some`: `from: null` asks for a field that was absent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The boxes a trigger looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TriggerBox {
    /// What others sent to the actor.
    Inbox,
    /// What the actor did.
    #[default]
    Outbox,
    /// Both.
    Any,
}

impl TriggerBox {
    fn covers(self, name: BoxName) -> bool {
        match self {
            Self::Any => true,
            Self::Inbox => name == BoxName::Inbox,
            Self::Outbox => name == BoxName::Outbox,
        }
    }
}

/// Why a trigger did not match an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyNot {
    /// `box`, `on`, `object`, `transition`, `filter` or `filter-error`.
    pub rule: String,
    /// What was wanted and what was found.
    pub message: String,
}

impl WhyNot {
    /// A reason.
    pub fn new(rule: &str, message: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), message: message.into() }
    }
}

/// A checked trigger.
#[derive(Debug)]
pub struct Trigger {
    r#box: TriggerBox,
    on: TypeName,
    object: TypeName,
    transition: Option<TransitionDocument>,
    filter: Option<Filter>,
}

impl Trigger {
    /// Regular expressions that its filter holds.
    pub(super) fn patterns(&self) -> usize {
        self.filter.as_ref().map_or(0, Filter::patterns)
    }

    /// Checks the trigger at `index` of a manifest.
    pub(super) fn check(index: usize, document: &TriggerDocument) -> Result<Self, ManifestError> {
        let refuse =
            |rule, message: &dyn std::fmt::Display| ManifestError::new(rule, format!("triggers/{index}/{message}"));
        Ok(Self {
            r#box: document.r#box.unwrap_or_default(),
            on: document.on.parse().map_err(|error| refuse("trigger-type", &format!("on: {error}")))?,
            object: document.object.parse().map_err(|error| refuse("trigger-type", &format!("object: {error}")))?,
            transition: document.transition.clone(),
            filter: document
                .filter
                .as_deref()
                .map(Filter::compile)
                .transpose()
                .map_err(|error| refuse("filter", &format!("filter: {error}")))?,
        })
    }

    /// Whether the activity matches; else the first reason why it does not.
    pub fn matches(&self, activity: &Activity) -> Result<(), WhyNot> {
        if !self.r#box.covers(activity.r#box) {
            return Err(WhyNot::new("box", format!("wants {:?}, found {}", self.r#box, activity.r#box).to_lowercase()));
        }
        if activity.kind != self.on {
            return Err(WhyNot::new("on", format!("wants {}, found {}", self.on, activity.kind)));
        }
        if activity.object_type != self.object {
            return Err(WhyNot::new("object", format!("wants {}, found {}", self.object, activity.object_type)));
        }
        if let Some(wanted) = &self.transition {
            wanted.found_in(activity)?;
        }
        match &self.filter {
            Some(filter) => filter.holds(activity),
            None => Ok(()),
        }
    }
}

/// A value as JSON, of a long one the beginning.
fn quoted(value: &Value) -> String {
    const MOST_CHARS: usize = 80;
    let text = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl TransitionDocument {
    fn found_in(&self, activity: &Activity) -> Result<(), WhyNot> {
        let wanted = |side: &Option<Value>, value: &Value| side.as_ref().is_none_or(|side| side == value);
        let mut changes = activity.transitions.iter().filter(|change| change.field == self.field).peekable();
        if changes.peek().is_none() {
            return Err(WhyNot::new("transition", format!("{} did not change", self.field)));
        }
        if changes.any(|change| wanted(&self.from, &change.from) && wanted(&self.to, &change.to)) {
            return Ok(());
        }
        let sides = |change: &Transition| {
            let side = |name: &str, side: &Option<Value>, was: &Value| {
                let expected = side.as_ref().filter(|expected| *expected != was)?;
                Some(format!("{name} {} expected, was {}", quoted(expected), quoted(was)))
            };
            let sides = [side("from", &self.from, &change.from), side("to", &self.to, &change.to)];
            sides.into_iter().flatten().collect::<Vec<_>>().join("; ")
        };
        let found = activity.transitions.iter().find(|change| change.field == self.field).map(sides);
        Err(WhyNot::new("transition", format!("{}: {}", self.field, found.unwrap_or_default())))
    }
}
