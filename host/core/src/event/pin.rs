//! What entries say about flows that are to be kept.

use serde::{Deserialize, Serialize};

use crate::ids::FlowId;

/// A flow was pinned, so that retention leaves its bodies alone, or let go again. The last such entry counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowPinned {
    /// The flow.
    pub flow: FlowId,
    /// Whether it is kept from here on.
    pub pinned: bool,
    /// Who did it.
    pub by: Option<String>,
}
