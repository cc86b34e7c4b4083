//! The signed head, `head.json`: how far the log reached when the host last looked, in its own hand.
//!
//! SQLite recovers a log whose tail was lost as a shorter, whole one. The signed head is what tells it from the log
//! that was acknowledged: it is written after the entries it names are durable, so a log that is shorter was cut.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rosehip_core::{
    limits::{HEAD_EVERY_ENTRIES, HEAD_EVERY_MS},
    log::{EntryHash, Head},
    ports::{LogReader, StoreError},
};
use serde::{Deserialize, Serialize};

use crate::durable;

/// Why a log is not taken up where its signed head says it ended.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The log ends before the signed head.
    #[error("truncated: the log ends at entry {found}, entry {signed} was signed")]
    Truncated {
        /// `seq` of the signed head.
        signed: u64,
        /// `seq` of the log's last entry.
        found: u64,
    },
    /// The log is long enough, but another entry stands where the signed one stood.
    #[error("truncated: entry {seq} has the hash {found}, the one that was signed had {signed}")]
    Replaced {
        /// `seq` of the signed head.
        seq: u64,
        /// Its signed hash.
        signed: EntryHash,
        /// The hash in the log.
        found: EntryHash,
    },
    /// Someone else signed the file, or changed it.
    #[error("{path} is not signed by this host's key")]
    Signature {
        /// The file.
        path: PathBuf,
    },
    /// The file is no signed head.
    #[error("{path} is not a signed head: {reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key that signed the file is gone, so that nobody can tell where the log ended. Restore it from a backup.
    #[error("{path} is signed, and the key that signed it is gone; restore keys/host.key")]
    KeyMissing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the file holds. The signature (ed25519, RFC 8032) is over the ASCII text `rosehip.head.v1`, `seq` in 8 bytes
/// big-endian, and the 32 bytes of the hash.
#[derive(Debug, Serialize, Deserialize)]
struct SignedHead {
    v: u8,
    seq: u64,
    hash: String,
    signature: String,
}

/// The file `head.json` of a data directory.
#[derive(Debug, Clone)]
pub struct HeadFile {
    path: PathBuf,
}

impl HeadFile {
    /// The head file of the data directory `dir`.
    pub fn of(dir: &Path) -> Self {
        Self { path: dir.join("head.json") }
    }

    /// Refuses a file that nobody can check, because the host's key is gone.
    pub(crate) fn must_be_absent(&self) -> Result<(), HeadError> {
        if self.path.exists() { Err(HeadError::KeyMissing { path: self.path.clone() }) } else { Ok(()) }
    }

    /// The head that was last signed, none before the first time.
    pub fn read(&self, key: &VerifyingKey) -> Result<Option<Head>, HeadError> {
        let Some(bytes) = durable::read_if_there(&self.path).map_err(|source| self.io(source))? else {
            return Ok(None);
        };
        let signed: SignedHead = serde_json::from_slice(&bytes).map_err(|error| self.malformed(&error.to_string()))?;
        if signed.v != 1 {
            return Err(self.malformed("its version is not 1"));
        }
        let hash: [u8; 32] = decode(&signed.hash).ok_or_else(|| self.malformed("hash is not 64 hex digits"))?;
        let signature: [u8; 64] =
            decode(&signed.signature).ok_or_else(|| self.malformed("signature is not 128 hex digits"))?;
        let head = Head { seq: signed.seq, hash: EntryHash(hash) };
        key.verify_strict(&signed_bytes(head), &Signature::from_bytes(&signature))
            .map_err(|_| HeadError::Signature { path: self.path.clone() })?;
        Ok(Some(head))
    }

    /// Signs `head`, which must be durable in the log. After `Ok` the file survives power loss; after a crash before
    /// that, it holds the head before.
    pub fn write(&self, head: Head, key: &SigningKey) -> Result<(), HeadError> {
        let signed = SignedHead {
            v: 1,
            seq: head.seq,
            hash: head.hash.to_string(),
            signature: HEXLOWER.encode(&key.sign(&signed_bytes(head)).to_bytes()),
        };
        let bytes = serde_json::to_vec(&signed).expect("strings and integers are always JSON");
        durable::replace(&self.path, &bytes, 0o600).map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> HeadError {
        HeadError::Io { path: self.path.clone(), source }
    }

    fn malformed(&self, reason: &str) -> HeadError {
        HeadError::Malformed { path: self.path.clone(), reason: reason.to_owned() }
    }
}

/// Holds a log against the head that was signed: it must reach that far, with the same entry there.
pub fn check(signed: Head, log: &impl LogReader) -> Result<(), HeadError> {
    if signed.seq == 0 {
        return Ok(());
    }
    let Some(entry) = log.read(signed.seq, 1)?.into_iter().find(|entry| entry.header.seq == signed.seq) else {
        return Err(HeadError::Truncated { signed: signed.seq, found: last_before(signed.seq, log)? });
    };
    if entry.hash == signed.hash {
        Ok(())
    } else {
        Err(HeadError::Replaced { seq: signed.seq, signed: signed.hash, found: entry.hash })
    }
}

/// The last `seq` under `end`. Entries have no gaps, so that halving finds it.
fn last_before(end: u64, log: &impl LogReader) -> Result<u64, StoreError> {
    let (mut there, mut beyond) = (0, end);
    while beyond - there > 1 {
        let middle = there + (beyond - there) / 2;
        if log.read(middle, 1)?.is_empty() { beyond = middle } else { there = middle }
    }
    Ok(there)
}

/// Signs the head as the log grows: every [`HEAD_EVERY_ENTRIES`], every [`HEAD_EVERY_MS`] in which it grew, and when
/// the writer stops.
#[derive(Debug)]
pub struct HeadSigner {
    file: HeadFile,
    key: SigningKey,
    signed: u64,
    /// The last that was tried, and when: what failed is not tried again with every frame.
    tried: u64,
    at: Instant,
}

impl HeadSigner {
    /// A signer for a log whose signed head is entry `signed`, 0 where none is.
    pub fn new(file: HeadFile, key: SigningKey, signed: u64) -> Self {
        Self { file, key, signed, tried: signed, at: Instant::now() }
    }

    /// Whether `head` is to be signed at `now`.
    pub(crate) fn is_due(&self, head: Head, now: Instant) -> bool {
        head.seq >= self.tried.saturating_add(HEAD_EVERY_ENTRIES) || self.deadline(head).is_some_and(|at| at <= now)
    }

    /// When `head` is to be signed if the log does not grow any more; never if it is already.
    pub(crate) fn deadline(&self, head: Head) -> Option<Instant> {
        (head.seq > self.signed).then(|| self.at + Duration::from_millis(HEAD_EVERY_MS))
    }

    /// Signs `head` unless it is already. A failure is no reason to stop: the head before still stands, and the
    /// next occasion tries again.
    pub(crate) fn sign(&mut self, head: Head, now: Instant) {
        if head.seq <= self.signed {
            return;
        }
        (self.tried, self.at) = (head.seq, now);
        match self.file.write(head, &self.key) {
            Ok(()) => self.signed = head.seq,
            Err(error) => tracing::error!(%error, seq = head.seq, "the head of the log could not be signed"),
        }
    }
}

fn signed_bytes(head: Head) -> Vec<u8> {
    let mut bytes = b"rosehip.head.v1".to_vec();
    bytes.extend_from_slice(&head.seq.to_be_bytes());
    bytes.extend_from_slice(&head.hash.0);
    bytes
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn head(seq: u64) -> Head {
        Head { seq, hash: EntryHash([7; 32]) }
    }

    #[test]
    fn a_signed_head_is_read_back_with_the_hosts_key_only() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = HeadFile::of(dir.path());
        assert!(file.read(&key(1).verifying_key()).expect("nothing there").is_none());
        file.write(head(3), &key(1)).expect("written");
        assert_eq!(file.read(&key(1).verifying_key()).expect("read"), Some(head(3)));
        assert!(matches!(file.read(&key(2).verifying_key()), Err(HeadError::Signature { .. })));
    }

    #[test]
    fn a_changed_file_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = HeadFile::of(dir.path());
        file.write(head(3), &key(1)).expect("written");
        let path = dir.path().join("head.json");
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replace("\"seq\":3", "\"seq\":2")).expect("written");
        assert!(matches!(file.read(&key(1).verifying_key()), Err(HeadError::Signature { .. })));
        std::fs::write(&path, "{}").expect("written");
        assert!(matches!(file.read(&key(1).verifying_key()), Err(HeadError::Malformed { .. })));
    }

    #[test]
    fn a_head_is_due_after_enough_entries_or_enough_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut signer = HeadSigner::new(HeadFile::of(dir.path()), key(1), 0);
        let start = signer.at;
        assert!(!signer.is_due(head(0), start + Duration::from_hours(1)));
        assert!(!signer.is_due(head(1), start));
        assert!(signer.is_due(head(1), start + Duration::from_millis(HEAD_EVERY_MS)));
        assert!(signer.is_due(head(HEAD_EVERY_ENTRIES), start));
        signer.sign(head(HEAD_EVERY_ENTRIES), start);
        assert!(!signer.is_due(head(HEAD_EVERY_ENTRIES), start + Duration::from_hours(1)));
    }

    #[test]
    fn a_head_that_could_not_be_signed_is_tried_again_later() {
        let dir = tempfile::tempdir().expect("a directory");
        let gone = dir.path().join("gone");
        let mut signer = HeadSigner::new(HeadFile::of(&gone), key(1), 0);
        let start = signer.at;
        signer.sign(head(HEAD_EVERY_ENTRIES), start);
        assert!(!signer.is_due(head(HEAD_EVERY_ENTRIES + 1), start));
        assert!(signer.is_due(head(HEAD_EVERY_ENTRIES + 1), start + Duration::from_millis(HEAD_EVERY_MS)));
        std::fs::create_dir(&gone).expect("made");
        signer.sign(head(HEAD_EVERY_ENTRIES + 1), start);
        assert_eq!(signer.deadline(head(HEAD_EVERY_ENTRIES + 1)), None);
    }
}
