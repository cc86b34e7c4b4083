//! Behaviors, their modules and their config.

use rosehip_core::{
    behavior::{Capability, EdgeDocument, Grant, NodeDocument, TriggerDocument},
    ids::{BehaviorName, Digest},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::host::{Refusal, RefusedUpload};

/// The behaviors that are installed.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Behaviors {
    behaviors: Vec<Behavior>,
    /// Files of the watched directory that were refused.
    refused: Vec<Refusal>,
    /// Uploads that were refused: of each behavior the last, until one of it is taken or the host stops.
    refused_uploads: Vec<RefusedUpload>,
}

/// A behavior as lists have it.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Behavior {
    name: BehaviorName,
    version: String,
    digest: Digest,
    enabled: bool,
    runner: String,
    needs: Vec<Capability>,
    triggers: Vec<TriggerDocument>,
    effects: Vec<String>,
    granted: Vec<String>,
    history: Vec<Binding>,
    candidates: Vec<Candidate>,
}

/// A module that a name was bound to.
#[derive(JsonSchema)]
struct Binding {
    digest: Digest,
    version: String,
    installed_at: Timestamp,
    by: Option<String>,
    /// The entry that did it.
    seq: u64,
    active: bool,
    rolled_back: Option<RolledBack>,
}

/// Who went back from a module.
#[derive(JsonSchema)]
struct RolledBack {
    at: Timestamp,
    by: Option<String>,
}

/// A module that is offered.
#[derive(JsonSchema)]
struct Candidate {
    digest: Digest,
    version: String,
    offered_at: Timestamp,
    by: Option<String>,
}

/// A behavior with what its manifest and its operator say.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct BehaviorDetail {
    #[schemars(flatten)]
    behavior: Behavior,
    description: Option<String>,
    nodes: Vec<NodeDocument>,
    edges: Vec<EdgeDocument>,
    config_schema: Option<Value>,
    config: Map<String, Value>,
    effective_config: Map<String, Value>,
    config_error: Option<String>,
    policy: Grant,
    /// Kinds that it declares and is not granted.
    to_grant: Vec<String>,
    /// The last upload, where it was refused.
    refused_upload: Option<RefusedUpload>,
    /// Channels of this host that its `notify` may not name.
    channels_to_grant: Vec<String>,
    /// What was offered just now.
    #[schemars(skip_serializing_if = "Option::is_none")]
    candidate: Option<Candidate>,
}

/// A behavior's config.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Config(Map<String, Value>);
