//! What the routes answer, as far as commands show it. Members that a newer host adds are passed over.

use std::collections::{BTreeMap, BTreeSet};

use rosehip_core::behavior::Grant;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// A list item of `GET /flows`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FlowItem {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) behavior: String,
    #[serde(default)]
    pub(super) object: Option<ObjectRef>,
    pub(super) started_at: String,
    #[serde(default)]
    pub(super) effects: BTreeMap<String, u64>,
}

/// The object a flow is about.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ObjectRef {
    pub(super) r#type: String,
    pub(super) id: String,
    #[serde(default)]
    pub(super) slug: Option<String>,
}

impl ObjectRef {
    /// Its slug, or `Type/id`.
    pub(super) fn name(&self) -> String {
        self.slug.clone().unwrap_or_else(|| format!("{}/{}", self.r#type, self.id))
    }
}

/// A page of `GET /flows`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FlowPage {
    pub(super) flows: Vec<FlowItem>,
    #[serde(default)]
    pub(super) next: Option<Value>,
}

/// What `GET /flows/{id}` answers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Flow {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) behavior: String,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) run: Option<u64>,
    #[serde(default)]
    pub(super) object: Option<ObjectRef>,
    pub(super) started_at: String,
    #[serde(default)]
    pub(super) finished_at: Option<String>,
    #[serde(default)]
    pub(super) next_due: Option<String>,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
    #[serde(default)]
    pub(super) effects: Vec<Effect>,
    /// Other runs of its behavior for its activity.
    #[serde(default)]
    pub(super) runs: Vec<FlowRun>,
    /// Its entries as they stand in the log.
    #[serde(default)]
    pub(super) events: Vec<Value>,
}

/// Another run of a flow's behavior for its activity.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FlowRun {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) run: u64,
}

impl Flow {
    /// Whether it has ended or waits, and nothing is left to dispatch for now.
    pub(super) fn is_settled(&self) -> bool {
        let open = |effect: &Effect| matches!(effect.status.as_str(), "recorded" | "attempting" | "retrying");
        self.status != "running" && !self.effects.iter().any(open)
    }
}

/// A node of a flow.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) branch: Option<String>,
    #[serde(default)]
    pub(super) error: Option<Value>,
}

/// An edge of a flow's DAG.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    #[serde(default)]
    pub(super) when: Option<String>,
}

/// An effect of a flow.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Effect {
    pub(super) id: String,
    pub(super) node: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) payload: Value,
    pub(super) status: String,
    #[serde(default)]
    pub(super) attempts: u64,
    #[serde(default)]
    pub(super) last_error: Option<Value>,
}

/// An item of `GET /behaviors`, and what `GET /behaviors/{name}` answers.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Behavior {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) digest: String,
    pub(super) enabled: bool,
    pub(super) runner: String,
    #[serde(default)]
    pub(super) needs: Vec<String>,
    #[serde(default)]
    pub(super) triggers: Vec<Value>,
    #[serde(default)]
    pub(super) effects: Vec<String>,
    #[serde(default)]
    pub(super) granted: Vec<String>,
    /// Only of a single behavior.
    #[serde(default)]
    pub(super) policy: Option<Grant>,
    /// Channels of the host that its `notify` may not name; only of a single behavior.
    #[serde(default)]
    pub(super) channels_to_grant: BTreeSet<String>,
    #[serde(default)]
    pub(super) history: Vec<Installation>,
    #[serde(default)]
    pub(super) candidates: Vec<Candidate>,
    /// What was sent, where it became a candidate.
    #[serde(default)]
    pub(super) candidate: Option<Candidate>,
}

impl Behavior {
    /// The kinds it declares and may not use.
    pub(super) fn to_grant(&self) -> Vec<&str> {
        self.effects
            .iter()
            .map(String::as_str)
            .filter(|kind| !self.granted.iter().any(|granted| granted == kind))
            .collect()
    }
}

/// A module that a behavior was bound to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Installation {
    pub(super) digest: String,
    pub(super) version: String,
    pub(super) installed_at: String,
    #[serde(default)]
    pub(super) by: Option<String>,
    #[serde(default)]
    pub(super) active: bool,
    #[serde(default)]
    pub(super) rolled_back: Option<RolledBack>,
}

/// Who went back from a module.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RolledBack {
    pub(super) at: String,
    #[serde(default)]
    pub(super) by: Option<String>,
}

/// A module that is offered for a behavior.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Candidate {
    pub(super) digest: String,
    pub(super) version: String,
    pub(super) offered_at: String,
    #[serde(default)]
    pub(super) by: Option<String>,
}

/// Reads a typed view of an answer that is also wanted whole.
pub(super) fn read<T: DeserializeOwned>(answer: &Value) -> anyhow::Result<T> {
    use anyhow::Context as _;
    T::deserialize(answer).context("the host's answer cannot be read")
}

/// The members of the list `name` of an answer.
pub(super) fn list<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A member as text: strings as they are, nothing for null, else JSON.
pub(super) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(value) => words(value),
    }
}

/// A value as text: strings as they are, else JSON.
pub(super) fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
