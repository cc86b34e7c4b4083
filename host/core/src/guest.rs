//! The port behind which guests run, and what comes back from a call.
//!
//! A guest is pure: the same module and the same input give the same result. So a call has no context but its
//! input, and everything that happened in it is in its [`GuestReport`].

use crate::ids::Digest;

/// Loads and calls guest modules. Implementations hold compiled code in memory; they keep nothing that a restart
/// would miss, so a module that is [`GuestError::NotLoaded`] is loaded again from its original bytes.
pub trait GuestEngine: Send + Sync {
    /// Admits `wasm` and compiles it under `digest`. Loading a loaded digest is a no-op.
    fn load(&self, digest: Digest, wasm: &[u8]) -> Result<(), GuestRefused>;

    /// Calls `describe` in a fresh instance; the report's text is the Manifest as JSON.
    fn describe(&self, digest: Digest) -> Result<GuestReport, GuestError>;

    /// Calls `run` with a Call document (JSON) in a fresh instance; the report's text is the Outcome as JSON.
    fn run(&self, digest: Digest, call: &str) -> Result<GuestReport, GuestError>;
}

/// What one guest call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestReport {
    /// The JSON text that the guest returned, or why there is none.
    pub result: Result<String, GuestFailure>,
    /// Fuel used, in wasmtime's units (about one an instruction).
    pub fuel: u64,
    /// What the guest logged, oldest first, cut at [`crate::limits::GUEST_LOG_BYTES`].
    pub log: Vec<GuestLogLine>,
}

/// One line a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GuestLogLine {
    /// How much it matters.
    pub level: GuestLogLevel,
    /// The text.
    pub message: String,
}

/// Levels of `rosehip:behavior/log@1.0.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the WIT enum's")]
pub enum GuestLogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Why a call gave no Outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuestFailure {
    /// The guest returned `failure.retry`: try again by the node's policy.
    Retry(String),
    /// The guest returned `failure.fatal`: the node fails.
    Fatal(String),
    /// The guest broke a rule or trapped: the node fails. `rule` is a stable name (`fuel`, `memory`, `stack`,
    /// `trap`, `output-bytes`, `output-utf8`, …), `message` is for people.
    Stopped {
        /// The rule's stable name.
        rule: &'static str,
        /// What happened, for people.
        message: String,
    },
    /// The host, not the guest, was at fault (the epoch fuse on a busy machine, no memory for an instance):
    /// the call may be repeated and is no part of replay.
    Host {
        /// The condition's stable name.
        rule: &'static str,
        /// What happened, for people.
        message: String,
    },
}

/// Why a call could not be made at all.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The digest is not loaded; load its bytes and call again.
    #[error("module {0} is not loaded")]
    NotLoaded(Digest),
}

/// Why a module was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {message}")]
pub struct GuestRefused {
    /// The rule's stable name (`not-a-component`, `missing-export`, `import`, `module-bytes`, `compile`, …).
    pub rule: &'static str,
    /// What is wrong, naming the part of the module.
    pub message: String,
}
