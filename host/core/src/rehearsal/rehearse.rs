//! From an author's event to what comes of it on a host that is new.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    AuthorEvent, BASE_URL, Golden, GoldenFailure, InvalidFile,
    staging::{Home, stage},
    walk::{MakeCall, RehearsalError, Setting, Stage, Unsaid, Walked, wait_ends},
};
use crate::{
    behavior::{Behavior, Grant, Installed, Policy, WhyNot},
    ids::Digest,
    pipeline::matching::matching,
};

/// What comes of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Rehearsal {
    /// No trigger matches; for each, why not.
    Unmatched(Vec<WhyNot>),
    /// A flow.
    Walked(Walked),
}

impl Rehearsal {
    /// What of it a golden document holds.
    pub fn golden(&self) -> Golden {
        match self {
            Self::Unmatched(_) => Golden::Unmatched,
            Self::Walked(walked) => {
                let failed = walked.failed.clone().map(GoldenFailure::without_the_hosts_words);
                Golden::Walked { effects: walked.effects.clone(), failed }
            }
        }
    }
}

/// Rehearses a behavior on an event. `call` calls the module of `digest`.
pub fn rehearse(
    behavior: &Arc<Behavior>,
    digest: Digest,
    event: &AuthorEvent,
    call: &MakeCall<'_>,
) -> Result<Rehearsal, RehearsalError> {
    let activity = stage(event, &Home::new_host())?;
    let ends = wait_ends(behavior, &event.waits)?;
    let installed = Arc::new(installed(behavior, digest, event)?);
    let standing = Arc::new(BTreeMap::from([(installed.name.clone(), Arc::clone(&installed))]));
    let mut matched = matching(1, &activity, &standing, event.current.as_ref());
    let Some(started) = matched.flows.pop() else {
        let not = matched.matched.not.remove(&installed.name);
        return Ok(Rehearsal::Unmatched(not.unwrap_or_default()));
    };
    let mut stage = Stage::begin(
        started,
        Setting {
            behavior,
            activity: &activity,
            call,
            base_url: BASE_URL,
            granted_now: None,
            recorded: BTreeMap::new(),
            ends,
            unsaid_signals: Unsaid::Come,
            may_call: &|_| true,
            now: event.now,
            current: event.current.clone(),
        },
    );
    stage.walk()?;
    Ok(Rehearsal::Walked(stage.end()))
}

/// The behavior as a host has it whose operator grants all that it declares.
fn installed(behavior: &Arc<Behavior>, digest: Digest, event: &AuthorEvent) -> Result<Installed, InvalidFile> {
    let effective_config = behavior
        .config
        .complete(&event.config)
        .map_err(|error| InvalidFile::new(format!("config{}", error.pointer), error.message))?;
    let effects = behavior.effects.iter().map(|kind| Policy::of(kind)).collect();
    Ok(Installed {
        name: behavior.name.clone(),
        digest,
        behavior: Arc::clone(behavior),
        enabled: true,
        is_held_back: false,
        is_untried: false,
        config: event.config.clone(),
        effective_config,
        grant: Grant { effects, memory_mib: None },
        grant_version: 1,
    })
}
