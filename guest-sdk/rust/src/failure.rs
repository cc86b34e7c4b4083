//! Why a call gave no Outcome.

use std::fmt;

/// Why a call gave no Outcome. None of its effects exist then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The call may succeed later: the host tries again by the node's policy, then fails the node.
    Retry(String),
    /// The call will never succeed: the node and its flow fail now.
    Fatal(String),
}

impl Failure {
    /// A failure that another attempt may mend. The message is for people.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry(message.into())
    }

    /// A failure that no attempt will mend. The message is for people.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self::Fatal(message.into())
    }

    /// The failure of a node that the manifest does not name: a slip in the behavior, so it is fatal.
    pub fn unknown_node(node: &str) -> Self {
        Self::Fatal(format!("there is no node {node}"))
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        match self {
            Self::Retry(message) | Self::Fatal(message) => message,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Failure {}

/// A document that does not parse will not parse at the next attempt either.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Fatal(error.to_string())
    }
}
