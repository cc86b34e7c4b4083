//! One record of the log: a header that is chained and never changes, and a body that can be erased.

use std::{fmt, sync::Arc};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::{event::Event, ids::DedupKey, time::Timestamp};

/// The entry format this release writes. Readers upcast older ones; entries are never rewritten.
pub const FORMAT_VERSION: u16 = 1;
/// Length of the random salt that hides an erased body from guessing, in bytes.
pub const SALT_BYTES: usize = 32;

/// A sha-256 in the chain of entries. The one before the first entry is all zeros.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct EntryHash(pub [u8; 32]);

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryHash({self})")
    }
}

/// What an entry is about, such as `flow:…` or `object:Article/my-post`. Within a stream, order is `seq`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(pub Arc<str>);

impl Stream {
    /// The first eight bytes of the name's sha-256 as an integer, for indexes. Readers compare the name as well.
    pub fn key(&self) -> i64 {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        i64::from_be_bytes(digest[..8].try_into().expect("a sha-256 has more than eight bytes"))
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is chained. Never changed, never erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryHeader {
    /// [`FORMAT_VERSION`] of the release that wrote it.
    pub version: u16,
    /// Its place in the log, from 1 without gaps.
    pub seq: u64,
    /// What it is about.
    pub stream: Stream,
    /// When it happened by the clock of the host. Order is `seq`, never time.
    pub time: Timestamp,
    /// The name of its event, such as `flow.started`.
    pub kind: Arc<str>,
    /// What must not be recorded twice.
    pub dedup: Option<DedupKey>,
    /// `sha256(salt ‖ body)`.
    pub body_hash: [u8; 32],
}

impl EntryHeader {
    /// The bytes that are chained: the ASCII text `rosehip.entry`, then the version (2 bytes), `seq` (8), time in
    /// milliseconds since the epoch (8), stream and kind (each its length in 4 bytes, then UTF-8), one byte that is
    /// 1 where a dedup key of 32 bytes follows and else 0, and the body hash (32). Integers are big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128 + self.stream.0.len() + self.kind.len());
        bytes.extend_from_slice(b"rosehip.entry");
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.time.as_millis().to_be_bytes());
        for text in [&self.stream.0, &self.kind] {
            let length = u32::try_from(text.len()).expect("stream names and kinds are far shorter than 4 GiB");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        match &self.dedup {
            Some(key) => {
                bytes.push(1);
                bytes.extend_from_slice(key.as_bytes());
            }
            None => bytes.push(0),
        }
        bytes.extend_from_slice(&self.body_hash);
        bytes
    }

    /// The hash that chains this entry to the one before: `sha256(previous ‖ header bytes)`.
    pub fn hash_after(&self, previous: EntryHash) -> EntryHash {
        EntryHash(Sha256::new_with_prefix(previous.0).chain_update(self.to_bytes()).finalize().into())
    }
}

/// An entry whose body is at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What is chained.
    pub header: EntryHeader,
    /// Hides the body from guessing once it is erased.
    pub salt: [u8; SALT_BYTES],
    /// The event as JSON.
    pub body: Arc<[u8]>,
    /// The chain up to and with this entry.
    pub hash: EntryHash,
    /// What the body says, where whoever drafted it said so.
    pub event: Option<Arc<Event>>,
}

impl Entry {
    /// `sha256(salt ‖ body)`.
    pub fn hash_body(salt: &[u8; SALT_BYTES], body: &[u8]) -> [u8; 32] {
        Sha256::new_with_prefix(salt).chain_update(body).finalize().into()
    }
}

/// An entry as a store gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// What is chained.
    pub header: EntryHeader,
    /// The chain up to and with this entry, as stored.
    pub hash: EntryHash,
    /// Salt and body, unless they were erased.
    pub body: Option<([u8; SALT_BYTES], Arc<[u8]>)>,
}

impl From<Entry> for StoredEntry {
    fn from(entry: Entry) -> Self {
        Self { header: entry.header, hash: entry.hash, body: Some((entry.salt, entry.body)) }
    }
}
