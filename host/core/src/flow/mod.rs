//! One run of a behavior: a fold of its own entries, and what comes next.

mod next;
mod state;
mod summary;
#[cfg(test)]
mod tests;

pub use next::{Step, next};
pub use state::{FlowError, FlowState, NodeState, Waiting};
pub use summary::{EffectCounts, FlowSummary, ObjectRef};
