//! What one commit adds to the log.

use super::{Draft, Entry, EntryHash, EntryHeader, FORMAT_VERSION, Head, SALT_BYTES};

/// Entries that follow a head and are committed together.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The head that the first entry is chained to.
    pub after: Head,
    /// The entries, in order, without gaps.
    pub entries: Vec<Entry>,
}

impl Frame {
    /// An empty frame after `head`.
    pub fn after(head: Head) -> Self {
        Self { after: head, entries: Vec::new() }
    }

    /// Gives a draft its place, salt and hash, and adds it. Returns its `seq`.
    pub fn push(&mut self, draft: Draft, salt: [u8; SALT_BYTES]) -> u64 {
        let previous = self.head();
        let header = EntryHeader {
            version: FORMAT_VERSION,
            seq: previous.seq + 1,
            stream: draft.stream,
            time: draft.time,
            kind: draft.kind,
            dedup: draft.dedup,
            body_hash: Entry::hash_body(&salt, &draft.body),
        };
        let hash = header.hash_after(previous.hash);
        let seq = header.seq;
        self.entries.push(Entry { header, salt, body: draft.body, hash, event: draft.event });
        seq
    }

    /// The log's head once this frame is committed.
    pub fn head(&self) -> Head {
        self.entries.last().map_or(self.after, |entry| Head { seq: entry.header.seq, hash: entry.hash })
    }

    /// The hash of the last entry, which tells after an unknown outcome whether the frame landed.
    pub fn hash(&self) -> EntryHash {
        self.head().hash
    }
}
