//! The log: the append-only truth of a host.
//!
//! Callers offer an [`Append`]: drafts of entries that belong together and the stream heads they were decided on.
//! The one writer packs appends into a [`Frame`], which chains them to everything before, and a store commits it.

mod append;
mod chain;
mod entry;
mod export;
mod frame;
mod seqs;

pub use append::{Append, Draft, Expected};
pub use chain::{ChainError, ChainVerifier, Head};
pub use entry::{Entry, EntryHash, EntryHeader, FORMAT_VERSION, SALT_BYTES, StoredEntry, Stream};
pub use export::{ExportedEntry, NotAsWritten};
pub use frame::Frame;
pub use seqs::{InvertedRange, SeqSet};
