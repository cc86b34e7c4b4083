//! Why a request to an inbox was not taken in, told by what its sender can do about it.

use rosehip_core::{
    federation::Peer,
    ids::ActorName,
    pipeline::receive::Refusal,
    ports::StoreError,
    signing::{ContentDigestError, MessageError, ProofError},
};

use crate::{federation::FetchError, views::ViewError, writer::AppendError};

/// Why a request was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The content is not of the type that an inbox takes.
    #[error("content-type {0:?} is not ActivityStreams")]
    ContentType(String),
    /// The body is no document.
    #[error(transparent)]
    Json(#[from] rosehip_core::json::InvalidJson),
    /// The request is not signed, or not so that it says anything.
    #[error("{0}")]
    Unsigned(#[from] MessageError),
    /// The key cannot be had, so that it is not known who sent it.
    #[error("{0}")]
    NoKey(FetchError),
    /// The key's host does not answer now. Later it may.
    #[error("{0}")]
    Later(FetchError),
    /// The proof within the document does not hold.
    #[error("proof: {0}")]
    Proof(#[from] ProofError),
    /// The proof is of somebody else's key.
    #[error("proof: verificationMethod {0:?} is not a key of the actor")]
    ForeignProof(String),
    /// What is said is wrong, not its sender's to say, not asked for, or from somebody who is blocked.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The host sends too much.
    #[error("{peer} sends more than it may; again in {seconds} s")]
    TooMany {
        /// The host.
        peer: Peer,
        /// After how many seconds it may send more.
        seconds: u64,
    },
    /// An address sends too much that does not say in its head whom it is from. Again after so many seconds.
    #[error("this address sends more unsigned requests than it may; again in {0} s")]
    Unnamed(u64),
    /// There is no such actor here.
    #[error("there is no actor {0}")]
    NoActor(ActorName),
    /// Something else stands under the id already. That is recorded.
    #[error("{0} is known, and says something else")]
    Conflict(String),
    /// It could not be made durable.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The views cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

impl Refused {
    /// The rule that was broken, in one word.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::ContentType(_) => "content-type",
            Self::Json(error) => error.rule,
            Self::Unsigned(MessageError::Digest(ContentDigestError::Mismatch(_))) => "digest",
            Self::Unsigned(MessageError::Digest(_)) => "content-digest",
            Self::Unsigned(MessageError::Stale { .. } | MessageError::Undated | MessageError::Expired(_)) => "created",
            Self::Unsigned(MessageError::NotCovered(_)) => "not-covered",
            Self::Unsigned(_) => "signature",
            Self::NoKey(_) => "key",
            Self::Later(_) => "key-unreachable",
            Self::Proof(_) | Self::ForeignProof(_) => "proof",
            Self::Refusal(Refusal::Malformed { .. }) => "activity",
            Self::Refusal(Refusal::NotTheirs(_)) => "origin",
            Self::Refusal(Refusal::Unsolicited(_)) => "unsolicited",
            Self::Refusal(Refusal::Blocked(_)) => "blocked",
            Self::TooMany { .. } | Self::Unnamed(_) => "rate",
            Self::NoActor(_) => "actor",
            Self::Conflict(_) => "conflict",
            Self::Append(_) | Self::Store(_) | Self::View(_) => "log",
        }
    }
}
