//! Why an actor is not known, told by what a caller can do about it.

use rosehip_core::{federation::ActorUrl, limits};

use super::NoActor;

/// Why an actor, or a key of one, is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Its host says that it is not there (404) or not there any more (410).
    #[error("{what} is not there: its host answered {status}")]
    Gone {
        /// What was asked for.
        what: String,
        /// 404 or 410.
        status: u16,
    },
    /// Its host does not answer, or answers that it cannot now. Later it may.
    #[error("{0}")]
    Unreachable(String),
    /// This host does not connect there, and never will as it is configured.
    #[error("{0}")]
    Refused(String),
    /// What its host answers is no actor that can be believed.
    #[error("{what}: {message}")]
    Unreadable {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        message: String,
    },
    /// What stands there is another actor, perhaps the one that was meant.
    #[error("{asked} is {id}")]
    OtherId {
        /// What was asked for.
        asked: ActorUrl,
        /// Who stands there.
        id: ActorUrl,
    },
    /// The actor does not list the key, or not any more, or it is no key's id.
    #[error("no actor lists the key {0:?}")]
    NoKey(String),
    /// A host that should know does not say the same.
    #[error("{what} is not confirmed: {message}")]
    Unconfirmed {
        /// Who was asked for.
        what: String,
        /// Who does not say the same, of what.
        message: String,
    },
    /// Too much is being asked for already. Nothing is said about the actor.
    #[error("too many documents of {0} are waited for")]
    Busy(String),
}

impl FetchError {
    /// How long nobody asks again, in milliseconds.
    pub(super) fn remembered_ms(&self) -> u64 {
        match self {
            Self::Gone { .. } => limits::DIRECTORY_GONE_MS,
            Self::Busy(_) => 0,
            Self::Unreachable(_)
            | Self::Refused(_)
            | Self::Unreadable { .. }
            | Self::OtherId { .. }
            | Self::NoKey(_)
            | Self::Unconfirmed { .. } => limits::DIRECTORY_MISSED_MS,
        }
    }

    pub(super) fn unreadable(what: impl ToString, message: impl ToString) -> Self {
        Self::Unreadable { what: what.to_string(), message: message.to_string() }
    }
}

/// What it means for a delivery whose inbox is not known.
impl From<FetchError> for NoActor {
    fn from(error: FetchError) -> Self {
        let message = error.to_string();
        match error {
            FetchError::Gone { .. } | FetchError::Refused(_) => Self::Refused(message),
            FetchError::Unreachable(_) => Self::Unreachable(message),
            // Being busy here says nothing of that host.
            FetchError::Busy(_)
            | FetchError::Unreadable { .. }
            | FetchError::OtherId { .. }
            | FetchError::NoKey(_)
            | FetchError::Unconfirmed { .. } => Self::Rejected(message),
        }
    }
}
