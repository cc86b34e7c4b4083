//! Behaviors: what a module says it is, checked before it may run.
//!
//! [`Manifest`] is the document that `describe` returns; [`Dag`] its steps and edges, checked; [`Trigger`] what
//! starts it; [`Registry`] which modules are bound to which names, as of any entry of the log;
//! [`Bindings`] what a name was bound to before, and what is offered for it.

mod bindings;
mod config;
mod dag;
mod drawing;
mod filter;
mod grant_document;
mod manifest;
mod needs;
mod node;
mod policy;
mod registry;
#[cfg(test)]
mod tests;
mod trigger;
#[cfg(test)]
mod triggers_contract;

pub use bindings::{Binding, Bindings, Candidate, NoSuchModule, RolledBack};
pub use config::{ConfigSchema, InvalidConfig};
pub use dag::{Dag, Edge, NodeIndex};
pub use drawing::draw;
pub use filter::Filter;
pub use grant_document::InvalidGrant;
pub use manifest::{Behavior, EdgeDocument, Manifest, ManifestError, NodeDocument};
pub use needs::{Capability, RunnerKind, bind, needs};
pub use node::{FIRED, Node, NodeWork, RetryPolicy, TIMEOUT, Wait};
pub use policy::{Asked, Denial, Grant, Policy, channel};
pub use registry::{Installed, Registry, Standing};
pub use trigger::{Trigger, TriggerBox, TriggerDocument, WhyNot};
