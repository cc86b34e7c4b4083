//! The port behind which guests run, and what comes back from a call.
//!
//! A guest is pure: the same module, the same input and the same [`Surroundings`] give the same result, and
//! everything that happened in a call is in its [`GuestReport`].

use crate::{
    ids::{Digest, FlowId, NodeId, random_seed},
    limits::GUEST_MEMORY_BYTES,
    time::Timestamp,
};

/// Loads and calls guest modules. Implementations hold compiled code in memory; they keep nothing that a restart
/// would miss, so a module that is [`GuestError::NotLoaded`] is loaded again from its original bytes.
pub trait GuestEngine: Send + Sync {
    /// Admits `wasm` and compiles it under `digest`. Loading a loaded digest is a no-op.
    fn load(&self, digest: Digest, wasm: &[u8]) -> Result<(), GuestRefused>;

    /// Calls `describe` in a fresh instance; the report's text is the Manifest as JSON.
    fn describe(&self, digest: Digest, surroundings: &Surroundings) -> Result<GuestReport, GuestError>;

    /// Calls `run` with a Call document (JSON) in a fresh instance; the report's text is the Outcome as JSON.
    fn run(&self, digest: Digest, call: &str, surroundings: &Surroundings) -> Result<GuestReport, GuestError>;

    /// Drops what was compiled of a module, from memory and from wherever else it is kept: the next call is
    /// [`GuestError::NotLoaded`]. Calls under way go on, and forgetting what was never loaded is fine.
    fn forget(&self, digest: Digest);
}

/// What a guest finds around it where its toolchain insists on a system interface, and how much room it has. All of
/// it is recorded or derived from what is, so that a call can be made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// What a clock on the wall shows, for the whole call.
    pub now: Timestamp,
    /// Where the stream of random bytes begins.
    pub seed: [u8; 32],
    /// Linear memory it may have, all memories together, in bytes.
    pub memory_bytes: usize,
    /// Wall time after which the call is interrupted, in milliseconds, where that is less than the epoch fuse.
    pub timeout_ms: Option<u64>,
}

impl Surroundings {
    /// Of a call of `node`, or of the `item`th call of it: `now` is the time of the entry that made it ready.
    pub fn of_call(now: Timestamp, flow: FlowId, node: &NodeId, item: Option<u32>, memory_bytes: usize) -> Self {
        Self { now, seed: random_seed(flow, node, item), memory_bytes, timeout_ms: None }
    }

    /// Of the `round`th call of `describe`, from 0. Each round has another time and other randomness, so that a
    /// manifest that depends on either is found out.
    pub fn of_describe(round: u8) -> Self {
        const BETWEEN_ROUNDS_MS: i64 = 86_400_000;
        let now = Timestamp::from_millis(i64::from(round) * BETWEEN_ROUNDS_MS);
        Self { now, seed: [round; 32], memory_bytes: GUEST_MEMORY_BYTES, timeout_ms: None }
    }
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

impl GuestLogLevel {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
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
