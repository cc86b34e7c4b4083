//! What a caller asks the writer to add.

use std::sync::Arc;

use super::Stream;
use crate::{event::Event, ids::DedupKey, time::Timestamp};

/// An entry before it has a place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is about.
    pub stream: Stream,
    /// When it happened by the clock of whoever decided it.
    pub time: Timestamp,
    /// The name of its event.
    pub kind: Arc<str>,
    /// What must not be recorded twice.
    pub dedup: Option<DedupKey>,
    /// The event as JSON.
    pub body: Arc<[u8]>,
    /// The event itself, for those in this process who would else read the body again.
    pub event: Option<Arc<Event>>,
}

/// A stream's head that an append was decided on: the `seq` of its last entry, none where it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The stream.
    pub stream: Stream,
    /// Its last entry's `seq`.
    pub head: Option<u64>,
}

/// Entries that are committed together or not at all, at most [`crate::limits::APPEND_ENTRIES`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Append {
    /// Stream heads that must still stand.
    pub expected: Vec<Expected>,
    /// The entries, in order.
    pub drafts: Vec<Draft>,
}

impl Append {
    /// An append that rests on no stream's head.
    pub fn unconditional(drafts: Vec<Draft>) -> Self {
        Self { expected: Vec::new(), drafts }
    }

    /// Bytes of all bodies, for the writer's queue.
    pub fn body_bytes(&self) -> usize {
        self.drafts.iter().map(|draft| draft.body.len()).sum()
    }
}
