//! Behaviors: what a module says it is, checked before it may run.
//!
//! [`Manifest`] is the document that `describe` returns; [`Dag`] its steps and edges, checked; [`Trigger`] what
//! starts it; [`Registry`] which modules are bound to which names, as of any entry of the log.

mod config;
mod dag;
mod manifest;
mod needs;
mod policy;
mod registry;
#[cfg(test)]
mod tests;
mod trigger;

pub use config::{ConfigSchema, InvalidConfig};
pub use dag::{Dag, Edge, FIRED, Node, NodeIndex, NodeWork, RetryPolicy, TIMEOUT, Wait};
pub use manifest::{Behavior, Manifest, ManifestError};
pub use needs::{Capability, RunnerKind, bind, needs};
pub use policy::{Grant, Policy, channel};
pub use registry::{Candidate, Installed, Registry, Standing};
pub use trigger::{Filter, Trigger, TriggerBox, TriggerDocument, WhyNot};
