//! Files of the watched directory that did not load, for an operator to see. They are kept in memory only.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use rosehip_core::{limits::WATCH_REFUSALS, time::Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::Host;

/// Why a file of the watched directory was not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Refusal {
    /// The file's name.
    pub file: String,
    /// The rule's stable name.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// When it was tried last.
    pub at: Timestamp,
}

/// The last refusals, one a file.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<VecDeque<Refusal>>);

impl Host {
    /// Files of the watched directory that were refused, the last one first.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Notes that a file was refused, in place of what was noted of it before.
    pub fn note_refusal(&self, refusal: Refusal) {
        let mut refusals = self.refusals.0.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|other| other.file != refusal.file);
        refusals.push_front(refusal);
        refusals.truncate(WATCH_REFUSALS);
    }

    /// Forgets that a file was refused: it loaded, or it is gone.
    pub fn clear_refusal(&self, file: &str) {
        self.refusals.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|refusal| refusal.file != file);
    }
}
