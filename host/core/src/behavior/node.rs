//! One node of a behavior, checked by itself: what it does, its branches and how it is retried.

use std::collections::BTreeSet;

use super::manifest::{ManifestError, NodeDocument, RetryDocument, WaitDocument, short};
use crate::{call::output_pointer, ids::NodeId, time::parse_duration};

/// Branch of a wait that ended as it was meant to.
pub const FIRED: &str = "fired";
/// Branch of a wait whose signal did not come in time.
pub const TIMEOUT: &str = "timeout";
/// Calls after the first that a node's own policy may ask for.
const MAX_RETRIES: u32 = 20;
/// Branches of one node.
const MAX_BRANCHES: usize = 100;
/// Delays of a node without a policy of its own, in milliseconds.
const DEFAULT_BACKOFF_MS: [u64; 3] = [1_000, 10_000, 60_000];

/// A step of a checked DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its name for people; the id where it has none.
    pub label: String,
    /// What happens when it is reached.
    pub work: NodeWork,
    /// The branches it may take.
    pub branches: BTreeSet<String>,
    /// How a `retry` failure is tried again.
    pub retry: RetryPolicy,
    /// Whether its manifest declares the policy itself.
    pub has_own_retry: bool,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether what follows waits for the end of its effects.
    pub await_effects: bool,
}

/// What happens when a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeWork {
    /// The guest is called.
    Step,
    /// Nothing is called; time passes or a signal comes.
    Wait(Wait),
    /// The guest is called for each item of the list at this JSON Pointer into the Call.
    Each(String),
}

/// What a wait waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// A length of time, in milliseconds.
    For(u64),
    /// The time or schedule at this JSON Pointer into the Call.
    Until(String),
    /// A named signal, for at most so many milliseconds.
    Signal {
        /// The signal's name.
        name: String,
        /// How long to wait at most, in milliseconds.
        timeout: Option<u64>,
    },
}

/// How often a `retry` failure is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls after the first.
    pub max: u32,
    /// Delay before each, in milliseconds; the last repeats.
    pub backoff_ms: Vec<u64>,
}

impl RetryPolicy {
    /// The delay before the call after `failed` failed ones, if there is one more.
    pub fn delay_after(&self, failed: u32) -> Option<u64> {
        if failed == 0 || failed > self.max {
            return None;
        }
        let index = usize::try_from(failed - 1).unwrap_or(usize::MAX);
        self.backoff_ms.get(index).or(self.backoff_ms.last()).copied()
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max: 3, backoff_ms: DEFAULT_BACKOFF_MS.to_vec() }
    }
}

/// Checks a node by itself.
pub(super) fn check_node(document: &NodeDocument) -> Result<Node, ManifestError> {
    let refuse = |rule, message: String| ManifestError::new(rule, format!("node {:?}: {message}", cut(&document.id)));
    let id: NodeId = document.id.parse().map_err(|_| refuse("node-id", "its id is not [a-z][a-z0-9-]{0,62}".into()))?;
    let label = document.label.clone().unwrap_or_else(|| document.id.clone());
    short(&format!("the label of node {id:?}", id = id.as_str()), &label)?;
    let work = check_work(document).map_err(|(rule, message)| refuse(rule, message))?;
    let branches = check_branches(document, &work).map_err(|(rule, message)| refuse(rule, message))?;
    let retry = match &document.retry {
        Some(_) if matches!(work, NodeWork::Wait(_)) => {
            return Err(refuse("wait-fields", "a wait is not called, so it has no retry".into()));
        }
        Some(retry) => check_retry(retry).map_err(|message| refuse("retry", message))?,
        None => RetryPolicy::default(),
    };
    if document.timeout_ms == Some(0) {
        return Err(refuse("timeout", "timeout_ms is 0".into()));
    }
    Ok(Node {
        id,
        label,
        work,
        branches,
        retry,
        has_own_retry: document.retry.is_some(),
        timeout_ms: document.timeout_ms,
        await_effects: document.await_effects.unwrap_or(false),
    })
}

type Refusal = (&'static str, String);

fn check_work(document: &NodeDocument) -> Result<NodeWork, Refusal> {
    let forbid = |present: bool, field: &str| {
        if present { Err(("node-fields", format!("a {} has no {field}", document.kind))) } else { Ok(()) }
    };
    match document.kind.as_str() {
        "step" => {
            forbid(document.wait.is_some(), "wait")?;
            forbid(document.over.is_some(), "over")?;
            Ok(NodeWork::Step)
        }
        "each" => {
            forbid(document.wait.is_some(), "wait")?;
            forbid(!document.branches.is_empty(), "branches")?;
            let over = document.over.as_ref().ok_or(("node-fields", "an each needs over".to_owned()))?;
            check_pointer(over).map_err(|message| ("pointer", format!("over: {message}")))?;
            let is_fixed = ["/object", "/config", "/activity"].iter().any(|root| over.starts_with(root));
            if !is_fixed && output_pointer(over).is_none() {
                // Anything else may be another list by the time that the last item is called for.
                let message = "over: it points into /object, /config, /activity or /input/NODE/output";
                return Err(("pointer", message.to_owned()));
            }
            Ok(NodeWork::Each(over.clone()))
        }
        "wait" => {
            forbid(document.over.is_some(), "over")?;
            forbid(!document.branches.is_empty(), "branches of its own (they are fired and timeout)")?;
            forbid(document.timeout_ms.is_some(), "timeout_ms")?;
            forbid(document.await_effects == Some(true), "await_effects")?;
            let wait = document.wait.as_ref().ok_or(("wait-fields", "a wait needs wait".to_owned()))?;
            check_wait(wait).map(NodeWork::Wait)
        }
        kind => Err(("node-kind", format!("kind {:?} is not step, wait or each", cut(kind)))),
    }
}

fn check_wait(wait: &WaitDocument) -> Result<Wait, Refusal> {
    let duration =
        |field: &str, text: &str| parse_duration(text).map_err(|error| ("duration", format!("wait.{field}: {error}")));
    let no_timeout = || match wait.timeout {
        Some(_) => Err(("wait-fields", "wait.timeout stands only beside wait.signal".to_owned())),
        None => Ok(()),
    };
    match (&wait.duration, &wait.until, &wait.signal) {
        (Some(text), None, None) => {
            no_timeout()?;
            duration("for", text).map(Wait::For)
        }
        (None, Some(pointer), None) => {
            no_timeout()?;
            check_pointer(pointer).map_err(|message| ("pointer", format!("wait.until: {message}")))?;
            Ok(Wait::Until(pointer.clone()))
        }
        (None, None, Some(name)) => {
            if name.parse::<NodeId>().is_err() {
                return Err(("signal-name", format!("wait.signal {:?} is not [a-z][a-z0-9-]{{0,62}}", cut(name))));
            }
            let timeout = wait.timeout.as_deref().map(|text| duration("timeout", text)).transpose()?;
            Ok(Wait::Signal { name: name.clone(), timeout })
        }
        _ => Err(("wait-fields", "wait holds exactly one of for, until and signal".to_owned())),
    }
}

fn check_branches(document: &NodeDocument, work: &NodeWork) -> Result<BTreeSet<String>, Refusal> {
    if let NodeWork::Wait(wait) = work {
        let names: &[&str] = match wait {
            Wait::Signal { timeout: Some(_), .. } => &[FIRED, TIMEOUT],
            Wait::Signal { timeout: None, .. } | Wait::For(_) | Wait::Until(_) => &[FIRED],
        };
        return Ok(names.iter().map(|name| (*name).to_owned()).collect());
    }
    if document.branches.len() > MAX_BRANCHES {
        return Err(("too-many-branches", format!("{} branches, at most {MAX_BRANCHES}", document.branches.len())));
    }
    let mut branches = BTreeSet::new();
    for branch in &document.branches {
        if branch.is_empty() || branch.chars().count() > 63 {
            return Err(("branch-name", format!("branch {:?} is not 1 to 63 characters long", cut(branch))));
        }
        if !branches.insert(branch.clone()) {
            return Err(("duplicate-branch", format!("branch {branch:?} stands twice")));
        }
    }
    Ok(branches)
}

fn check_retry(retry: &RetryDocument) -> Result<RetryPolicy, String> {
    if retry.max > MAX_RETRIES {
        return Err(format!("retry.max is {}, at most {MAX_RETRIES}", retry.max));
    }
    if retry.backoff.len() > 20 || (retry.backoff.is_empty() && retry.max > 0) {
        return Err("retry.backoff holds 1 to 20 durations".to_owned());
    }
    let delays =
        retry.backoff.iter().map(|text| parse_duration(text).map_err(|error| format!("retry.backoff: {error}")));
    Ok(RetryPolicy { max: retry.max, backoff_ms: delays.collect::<Result<_, _>>()? })
}

/// A JSON Pointer (RFC 6901) into a member of the Call that a flow knows before it calls the node.
fn check_pointer(pointer: &str) -> Result<(), String> {
    if pointer.len() > 1_000 {
        return Err("the pointer is over 1000 bytes".to_owned());
    }
    let mut escapes = pointer.split('~').skip(1);
    if !escapes.all(|rest| rest.starts_with(['0', '1'])) {
        return Err(format!("{pointer:?} is not a JSON Pointer: ~ is followed by 0 or 1"));
    }
    let roots = ["/config", "/object", "/input", "/activity", "/current", "/now"];
    let known = roots.iter().any(|root| pointer == *root || pointer.starts_with(&format!("{root}/")));
    if known { Ok(()) } else { Err(format!("{pointer:?} does not point into {}", roots.join(", "))) }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
