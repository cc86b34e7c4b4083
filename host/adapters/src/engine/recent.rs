//! Which entry each object was last revised by, as far as commits of late tell: a flow that starts at once need not
//! ask the log for its object's standing.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rosehip_core::log::Stream;

/// Objects that are remembered; then all are forgotten, and the log is asked for a while.
const OBJECTS: usize = 8_192;

#[derive(Default)]
struct State {
    /// Commits up to this entry are not remembered.
    since: u64,
    revised: HashMap<Stream, u64>,
}

/// The last revisions of objects.
#[derive(Default)]
pub(super) struct Recent {
    state: Mutex<State>,
}

impl Recent {
    /// Begins with the log at entry `since`.
    pub(super) fn since(since: u64) -> Self {
        Self { state: Mutex::new(State { since, revised: HashMap::new() }) }
    }

    /// Takes in a revision.
    pub(super) fn revised(&self, stream: &Stream, seq: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.revised.len() >= OBJECTS {
            *state = State { since: seq - 1, revised: HashMap::new() };
        }
        state.revised.insert(stream.clone(), seq);
    }

    /// Whether an object's last revision is known to be before entry `seq`, which is about it.
    pub(super) fn is_last_before(&self, stream: &Stream, seq: u64) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        seq > state.since + 1 && state.revised.get(stream).is_some_and(|revised| *revised < seq)
    }
}
