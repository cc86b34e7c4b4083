//! An entry outside its log: as JSON, with all that its hashes are made of.

use data_encoding::HEXLOWER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entry, EntryHash, EntryHeader, FORMAT_VERSION, SALT_BYTES, StoredEntry, Stream};
use crate::{ids::DedupKey, time::Timestamp};

/// An entry as an export holds it. Hashes and salts are lower-case hex; the body is the text that was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of `EntryHeader`, `StoredEntry` and the hash before")]
pub struct ExportedEntry {
    pub seq: u64,
    pub version: u16,
    pub time: Timestamp,
    pub stream: String,
    pub kind: String,
    pub dedup: Option<DedupKey>,
    pub body_hash: String,
    /// Hash of the entry before.
    pub previous: String,
    pub hash: String,
    pub salt: Option<String>,
    pub body: Option<String>,
}

/// An exported entry that is not what its log had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAsWritten {
    /// It is in a format that this release does not know.
    #[error("entry {0} has format version {1}, which this release does not read")]
    Version(u64, u16),
    /// The header does not hash to what it says.
    #[error("entry {0}: its header does not hash to what stands beside it")]
    Header(u64),
    /// The body does not hash to what the header says.
    #[error("entry {0}: its body does not hash to what its header says")]
    Body(u64),
    /// A hash or salt is no hex of its length.
    #[error("entry {0}: {1} is no hash or salt")]
    Form(u64, &'static str),
}

impl ExportedEntry {
    /// The entry as it is exported; `previous` is the hash of the one before. None where its body is no text.
    pub fn of(entry: &StoredEntry, previous: EntryHash) -> Option<Self> {
        let EntryHeader { version, seq, stream, time, kind, dedup, body_hash } = &entry.header;
        let (salt, body) = match &entry.body {
            Some((salt, body)) => (Some(HEXLOWER.encode(salt)), Some(std::str::from_utf8(body).ok()?.to_owned())),
            None => (None, None),
        };
        Some(Self {
            seq: *seq,
            version: *version,
            time: *time,
            stream: stream.to_string(),
            kind: kind.to_string(),
            dedup: *dedup,
            body_hash: HEXLOWER.encode(body_hash),
            previous: previous.to_string(),
            hash: entry.hash.to_string(),
            salt,
            body,
        })
    }

    /// Checks header and body against their hashes. That they are those of a log, its owner alone can tell.
    pub fn check(self) -> Result<StoredEntry, NotAsWritten> {
        let seq = self.seq;
        if !(1..=FORMAT_VERSION).contains(&self.version) {
            return Err(NotAsWritten::Version(seq, self.version));
        }
        let hex = |text: &str, what| {
            let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            bytes.ok_or(NotAsWritten::Form(seq, what))
        };
        let header = EntryHeader {
            version: self.version,
            seq,
            stream: Stream(self.stream.into()),
            time: self.time,
            kind: self.kind.into(),
            dedup: self.dedup,
            body_hash: hex(&self.body_hash, "body_hash")?,
        };
        let hash = EntryHash(hex(&self.hash, "hash")?);
        if header.hash_after(EntryHash(hex(&self.previous, "previous")?)) != hash {
            return Err(NotAsWritten::Header(seq));
        }
        let body = match (self.salt, self.body) {
            (Some(salt), Some(body)) => {
                let salt: [u8; SALT_BYTES] = hex(&salt, "salt")?;
                if Entry::hash_body(&salt, body.as_bytes()) != header.body_hash {
                    return Err(NotAsWritten::Body(seq));
                }
                Some((salt, body.into_bytes().into()))
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(NotAsWritten::Body(seq)),
        };
        Ok(StoredEntry { header, hash, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Draft, Frame, Head};

    fn entry() -> StoredEntry {
        let mut frame = Frame::after(Head::default());
        let draft = Draft {
            stream: Stream("flow:a".into()),
            time: Timestamp::from_millis(7),
            kind: "flow.completed".into(),
            dedup: Some(DedupKey::from_bytes([3; 32])),
            body: r#"{"flow": "é"}"#.as_bytes().into(),
            event: None,
        };
        frame.push(draft, [9; 32]);
        frame.entries.remove(0).into()
    }

    #[test]
    fn an_export_comes_back_as_it_was() {
        for body in [entry().body, None] {
            let entry = StoredEntry { body, ..entry() };
            let text = serde_json::to_string(&ExportedEntry::of(&entry, EntryHash::default())).expect("JSON");
            let read: ExportedEntry = serde_json::from_str(&text).expect("read");
            assert_eq!(read.check(), Ok(entry));
        }
    }

    #[test]
    fn whatever_was_changed_is_found() {
        let changed = |change: fn(&mut ExportedEntry)| {
            let mut exported = ExportedEntry::of(&entry(), EntryHash::default()).expect("text");
            change(&mut exported);
            exported.check().expect_err("changed")
        };
        assert_eq!(changed(|entry| entry.kind = "flow.failed".into()), NotAsWritten::Header(1));
        assert_eq!(changed(|entry| entry.seq = 2), NotAsWritten::Header(2));
        assert_eq!(changed(|entry| entry.version = 2), NotAsWritten::Version(1, 2));
        assert_eq!(changed(|entry| entry.body = Some("{}".into())), NotAsWritten::Body(1));
        assert_eq!(changed(|entry| entry.body = None), NotAsWritten::Body(1));
        assert_eq!(changed(|entry| entry.salt = Some("x".into())), NotAsWritten::Form(1, "salt"));
        assert_eq!(changed(|entry| entry.previous = "é".into()), NotAsWritten::Form(1, "previous"));
    }
}
