//! Why the engine could not go on with something.

use std::io;

use rosehip_core::{behavior::ManifestError, event::UnreadableEvent, flow::FlowError, ports::StoreError};

use crate::{store::SchemaError, views::ViewError, writer::AppendError};

/// Why the engine could not go on with something.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be opened.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The views cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
    /// An entry cannot be read.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
    /// A flow's entries do not follow from one another.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// A manifest that was installed is not valid any more.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The log was not appended to.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An entry is not what another one says it is.
    #[error("entry {seq} is no {what} that can be read")]
    Missing {
        /// What it should be.
        what: &'static str,
        /// The entry.
        seq: u64,
    },
    /// A thread could not be started.
    #[error("a thread of the engine cannot be started: {0}")]
    Thread(#[from] io::Error),
}
