//! What entries say about the host itself: when it ran, and whether it stopped or just ended.

use serde::{Deserialize, Serialize};

/// A host began to run flows. Without a [`HostStopped`] after it, the host ended uncleanly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStarted {
    /// Its version.
    pub version: String,
    /// Whether it works off what was open one call at a time, because the host before it did not stop.
    pub cautious: bool,
}

/// A host stopped: no guest was being called any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStopped {}
