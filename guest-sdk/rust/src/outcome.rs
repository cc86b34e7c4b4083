//! What a node returns.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DOCUMENT_VERSION, Effect};

/// What a node returns: an output for the nodes after it, the branch it takes, and the effects it asks for.
///
/// On the wire it is `{"v": 1, "output"?, "branch"?, "effects": [{"kind", "payload"}]}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    v: u32,
    /// What the nodes after this one find at `/input/{node}/output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// One of the node's declared branches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What the host is to do, in order.
    #[serde(default)]
    pub effects: Vec<Effect>,
}

impl Outcome {
    /// An Outcome without output, branch or effects.
    pub fn new() -> Self {
        Self { v: DOCUMENT_VERSION, output: None, branch: None, effects: Vec::new() }
    }

    /// Sets the output, which [`json!`](crate::json) writes best.
    #[must_use]
    pub fn output(mut self, output: impl Into<Value>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Takes a branch, which the node's manifest must declare.
    #[must_use]
    pub fn branch(mut self, branch: impl Into<String>) -> Self {
        self.branch = Some(branch.into());
        self
    }

    /// Asks for one more effect, whose kind the manifest must declare.
    #[must_use]
    pub fn effect(mut self, effect: impl Into<Effect>) -> Self {
        self.effects.push(effect.into());
        self
    }

    /// The document that the host reads.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an Outcome has string keys and holds JSON values only")
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self::new()
    }
}
