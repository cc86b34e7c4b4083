//! What the core needs of the world, each port documented by what survives a crash.

use std::pin::Pin;

use crate::{
    effect::Effect,
    ids::{ActorName, BehaviorName, DedupKey, FlowId},
    log::{Frame, Head, StoredEntry, Stream},
    pipeline::dispatch::AttemptEnd,
};

/// How a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else appended: the log's head is not the one the frame was chained to. Nothing was written.
    #[error("the log's head is entry {found}, not entry {expected}: a second writer is at work")]
    Conflict {
        /// The head the frame follows.
        expected: u64,
        /// The head that was found.
        found: u64,
    },
    /// The disk is full. Nothing was written; reads go on.
    #[error("the disk is full")]
    Full,
    /// It is not known whether the frame was written; read the head again.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// An fsync failed. What the operating system holds of the log can no longer be trusted: the process must end
    /// and read it anew.
    #[error("the disk did not confirm the commit: {0}")]
    SyncFailed(String),
    /// Stored bytes are not what was written, or cannot be read.
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
}

/// The durable log. A frame is committed whole or not at all; once `append` returned `Ok` it survives `kill -9`
/// and power loss.
pub trait LogStore: Send {
    /// Commits a frame that follows the current head.
    fn append(&mut self, frame: &Frame) -> Result<(), StoreError>;

    /// The log's end.
    fn head(&self) -> Result<Head, StoreError>;

    /// Removes salt and body of entries; an `erased` entry that names them must already be committed.
    fn erase(&mut self, seqs: &[u64]) -> Result<(), StoreError>;

    /// Gives back room that erasing left. Whatever happens meanwhile, the entries stay as they are.
    fn compact(&mut self, how: Compaction) -> Result<Compacted, StoreError>;
}

/// How room is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// At most so many free bytes leave the file, which takes a moment.
    Some(u64),
    /// Everything is written anew, so that no copy of what was erased stays anywhere in the store. It takes as long as
    /// copying the log, and as much room again meanwhile.
    Rewrite,
}

/// What compacting left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Bytes that the store takes.
    pub bytes: u64,
    /// Bytes of it that hold nothing.
    pub free: u64,
}

/// Reading a log while its writer goes on. Readers see committed frames only.
pub trait LogReader: Send {
    /// At most `limit` entries from `seq` on, in order.
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError>;

    /// All entries of a stream after `seq`, in order.
    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError>;

    /// The `seq` of a stream's last entry.
    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError>;

    /// The `seq` of the entry recorded under a key.
    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError>;
}

/// An effect on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The flow that recorded it.
    pub flow: FlowId,
    /// The behavior of that flow.
    pub behavior: BehaviorName,
    /// The actor it runs as.
    pub owner: ActorName,
    /// The effect; its id is what a receiver drops duplicates by.
    pub effect: Effect,
}

/// Carries out one kind of effect. An attempt is durable before it is called, and it may be called again with the
/// same effect ids after a crash, so what it sends carries them.
pub trait Sink: Send + Sync {
    /// The kind of effect it carries out.
    fn kind(&self) -> &'static str;

    /// Carries out effects of one batch, or a single one, together: the end is the same for all of them.
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>>;
}
