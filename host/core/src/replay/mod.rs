//! What a flow would have done: its recorded Calls are put to a module again, nothing is dispatched, and the effects are
//! held against those that the log holds.
//!
//! The log is the script. A [`Recording`] is read entry by entry into the fold of a flow that runs on the module in question
//! (`rerun.rs`): whatever came from outside — times, signals, receipts, the object's standing — comes from the entries, and
//! each answer of the guest is asked for anew. Because a Call is a function of the entries before it, the module that was
//! recorded is asked exactly what it was asked then, which is what [`Purpose::Verify`] rests on. A module that goes another
//! way is followed there as far as it asks for nothing that was not recorded.

mod comparison;
mod recording;
mod rerun;
mod script;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use comparison::{Change, EffectChange, PathChange};
pub use recording::{Recording, Unreplayable};
pub use rerun::replay;

use crate::{
    event::NodeError,
    guest::{GuestReport, Surroundings},
    ids::NodeId,
};

/// Who answers a Call: the guest, with the Call's document.
pub type Ask<'a> = dyn Fn(&str, &Surroundings) -> GuestReport + 'a;

/// What a replay is to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// What another module would have done. Every call is made anew, also one that ran into a limit then.
    WhatIf,
    /// Whether the module that was recorded still does what is recorded. What ran into a limit or into a condition of the
    /// host is taken as it is recorded: neither is a function of the Call.
    Verify,
}

/// How a flow fared with the module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It asks for the same effects.
    Same,
    /// It asks for others.
    Changed,
    /// It fails at a node at which the flow did not, or fails otherwise there.
    Failed {
        /// The node.
        node: NodeId,
        /// How it fails.
        error: NodeError,
    },
    /// It asks for what was not recorded, so nobody can know what it would have done.
    OutOfSupport {
        /// The node; none where it is the whole flow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeId>,
        /// What is not recorded, for people.
        reason: String,
    },
    /// What the flow was about, or what it did, was erased.
    Erased {
        /// What is missing, for people.
        reason: String,
    },
}

impl Verdict {
    /// It in a word or two.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Failed { .. } => "failed",
            Self::OutOfSupport { .. } => "out of support",
            Self::Erased { .. } => "erased",
        }
    }
}

/// One flow, replayed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Replay {
    /// How it fared.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Effects that differ, in the order of the flow's nodes; what was asked for until a failure is among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectChange>,
    /// Nodes that take another branch, or return something else. They explain a change and, but for
    /// [`Purpose::Verify`], are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathChange>,
    /// Whether the module would not have started a flow for this activity at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_not_started: bool,
}

impl Replay {
    /// A flow of which nothing but its verdict can be said.
    pub fn bare(verdict: Verdict) -> Self {
        Self { verdict, effects: Vec::new(), paths: Vec::new(), is_not_started: false }
    }

    /// Why it fared so, for people, where its differences do not say it.
    pub fn why(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Changed if self.is_not_started => Some("its triggers would not have started a flow".to_owned()),
            Verdict::Same | Verdict::Changed => None,
            Verdict::Failed { node, error } => Some(format!("{node}: {}: {}", error.rule, error.message)),
            Verdict::OutOfSupport { node: Some(node), reason } => Some(format!("{node}: {reason}")),
            Verdict::OutOfSupport { node: None, reason } | Verdict::Erased { reason } => Some(reason.clone()),
        }
    }
}

/// How many flows fared how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Tally {
    /// All of them.
    pub flows: u64,
    /// [`Verdict::Same`].
    pub same: u64,
    /// [`Verdict::Changed`].
    pub changed: u64,
    /// [`Verdict::Failed`].
    pub failed: u64,
    /// [`Verdict::OutOfSupport`].
    pub out_of_support: u64,
    /// [`Verdict::Erased`].
    pub erased: u64,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, verdict: &Verdict) {
        self.flows += 1;
        *match verdict {
            Verdict::Same => &mut self.same,
            Verdict::Changed => &mut self.changed,
            Verdict::Failed { .. } => &mut self.failed,
            Verdict::OutOfSupport { .. } => &mut self.out_of_support,
            Verdict::Erased { .. } => &mut self.erased,
        } += 1;
    }

    /// Whether every flow that is still known does the same.
    pub fn is_same(&self) -> bool {
        self.changed + self.failed + self.out_of_support == 0
    }
}
