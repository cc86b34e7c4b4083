//! One run of a behavior: a fold of its own entries, and what comes next.

mod next;
mod node;
mod set_back;
mod state;
mod summary;
#[cfg(test)]
mod tests;
pub mod timeline;
#[cfg(test)]
pub(crate) mod world;

pub use next::{Step, next};
pub use node::{Calls, ItemState, NodeState, Waiting};
pub use state::{FlowError, FlowState};
pub use summary::{EffectCounts, FlowSummary, ObjectRef};
