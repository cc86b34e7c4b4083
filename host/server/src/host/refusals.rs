//! Modules that were refused, for people to see why: files of the watched directory, and what was uploaded. They are kept in
//! memory only.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    ids::BehaviorName,
    limits::{UPLOAD_REFUSALS, WATCH_REFUSALS},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Host, InstallError};

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

/// Why an upload was not installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedUpload {
    /// The behavior that it was meant for; null where it was to say so itself.
    pub behavior: Option<BehaviorName>,
    /// The rule's stable name.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// Who uploaded it.
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The last refusals.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// One a file.
    files: Mutex<VecDeque<Refusal>>,
    /// One a behavior.
    uploads: Mutex<VecDeque<RefusedUpload>>,
}

impl Host {
    /// Files of the watched directory that were refused, the last one first.
    pub fn refusals(&self) -> Vec<Refusal> {
        self.refusals.files.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Notes that a file was refused, in place of what was noted of it before.
    pub fn note_refusal(&self, refusal: Refusal) {
        let mut refusals = self.refusals.files.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.retain(|other| other.file != refusal.file);
        refusals.push_front(refusal);
        refusals.truncate(WATCH_REFUSALS);
    }

    /// Forgets that a file was refused: it loaded, or it is gone.
    pub fn clear_refusal(&self, file: &str) {
        self.refusals.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|refusal| refusal.file != file);
    }

    /// Uploads that were refused, the last one first; of each behavior the last, until one of it is taken.
    pub fn refused_uploads(&self) -> Vec<RefusedUpload> {
        self.refusals.uploads.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The last upload for a behavior, where it was refused.
    pub fn refused_upload_of(&self, name: &BehaviorName) -> Option<RefusedUpload> {
        let uploads = self.refusals.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.iter().find(|upload| upload.behavior.as_ref() == Some(name)).cloned()
    }

    /// Notes what became of an upload, in place of what was noted of the behavior before. That the host could not judge it, or
    /// that its version is lower, says nothing about the module.
    pub fn note_upload(&self, behavior: Option<&BehaviorName>, by: Option<String>, refused: Option<&InstallError>) {
        let mut uploads = self.refusals.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = match refused {
            None => None,
            Some(InstallError::Refused { rule, message, .. }) => Some((rule.clone(), message.clone())),
            Some(
                InstallError::Host { .. }
                | InstallError::Lower { .. }
                | InstallError::NotFound(_)
                | InstallError::NoSuchModule(_)
                | InstallError::Write(_),
            ) => return,
        };
        uploads.retain(|upload| upload.behavior.as_ref() != behavior);
        let Some((rule, message)) = noted else { return };
        let (behavior, at) = (behavior.cloned(), SystemClock::now());
        uploads.push_front(RefusedUpload { behavior, rule, message, by, at });
        uploads.truncate(UPLOAD_REFUSALS);
    }
}
