//! What entries say about behaviors.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    behavior::{Grant, Manifest},
    ids::{BehaviorName, Digest},
};

/// A module was bound to a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviorInstalled {
    /// The name.
    pub name: BehaviorName,
    /// The module.
    pub digest: Digest,
    /// What it says it is.
    pub manifest: Manifest,
    /// Who installed it.
    pub by: Option<String>,
    /// Whether it starts flows from now on.
    pub enabled: bool,
}

/// A module was offered for a name. It is bound to nothing until an operator activates it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviorOffered {
    /// The name.
    pub name: BehaviorName,
    /// The module.
    pub digest: Digest,
    /// What it says it is.
    pub manifest: Manifest,
    /// Who offers it.
    pub by: Option<String>,
}

/// A name was bound to the module that its current one replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorRolledBack {
    /// The name.
    pub name: BehaviorName,
    /// The module it is bound to again.
    pub digest: Digest,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior was enabled or disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorSwitched {
    /// The name.
    pub name: BehaviorName,
    /// Whether it starts flows from now on.
    pub enabled: bool,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior's config was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BehaviorConfigured {
    /// The name.
    pub name: BehaviorName,
    /// The operator's config, before the schema's defaults.
    pub config: Map<String, Value>,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior's grant was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorGranted {
    /// The name.
    pub name: BehaviorName,
    /// The grant.
    pub grant: Grant,
    /// Who did it.
    pub by: Option<String>,
}

/// A behavior was removed. Its flows stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviorRemoved {
    /// The name.
    pub name: BehaviorName,
    /// Who did it.
    pub by: Option<String>,
}
