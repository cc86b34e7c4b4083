//! The runner is derived, not chosen: nodes and policies imply capabilities, and the cheapest runner that has them
//! all is taken.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Dag, ManifestError, NodeWork};

/// What a DAG may need of its runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Records effects.
    Effect,
    /// Takes guarded edges.
    Branch,
    /// Calls a node for each item of a list.
    Each,
    /// Outlives the process while it waits.
    Suspend,
    /// Has more than one node under way at a time.
    Parallel,
    /// Tries a failed node again by the node's own policy.
    Retry,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Effect => "effect",
            Self::Branch => "branch",
            Self::Each => "each",
            Self::Suspend => "suspend",
            Self::Parallel => "parallel",
            Self::Retry => "retry",
        })
    }
}

/// A runner by its name and what it is capable of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerKind {
    /// Its name in the API and on pages.
    pub name: &'static str,
    /// What it is capable of.
    pub capabilities: BTreeSet<Capability>,
}

/// What a DAG needs of its runner.
pub fn needs(dag: &Dag) -> BTreeSet<Capability> {
    let mut needs = BTreeSet::from([Capability::Effect]);
    for node in dag.nodes() {
        match node.work {
            NodeWork::Step => {}
            NodeWork::Wait(_) => {
                needs.insert(Capability::Suspend);
            }
            NodeWork::Each(_) => {
                needs.insert(Capability::Each);
            }
        }
        if node.await_effects {
            needs.insert(Capability::Suspend);
        }
        if node.has_own_retry {
            needs.insert(Capability::Retry);
        }
    }
    if dag.is_parallel() {
        needs.insert(Capability::Parallel);
    }
    if dag.edges().any(|(_, _, edge)| edge.when.is_some()) {
        needs.insert(Capability::Branch);
    }
    needs
}

/// The first of `runners`, cheapest first, that covers `needs`.
pub fn bind<'a>(needs: &BTreeSet<Capability>, runners: &'a [RunnerKind]) -> Result<&'a RunnerKind, ManifestError> {
    runners.iter().find(|runner| needs.is_subset(&runner.capabilities)).ok_or_else(|| {
        let offered: BTreeSet<_> = runners.iter().flat_map(|runner| &runner.capabilities).copied().collect();
        let missing: Vec<_> = needs.difference(&offered).map(ToString::to_string).collect();
        let what = if missing.is_empty() { "all of what it needs at once".to_owned() } else { missing.join(", ") };
        ManifestError::new("no-runner", format!("no runner of this host covers {what}"))
    })
}
