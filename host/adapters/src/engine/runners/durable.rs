//! The durable runner: whatever is ready at once, nodes that do not depend on one another among it, in flows that wait,
//! suspend and try again by their own policies.

use rosehip_core::{
    behavior::{Capability, RunnerKind},
    guest::GuestReport,
    ports::{MakeCall, ReadyCall, Runner},
};

use super::crew;

/// Runs all that is ready together.
#[derive(Debug)]
pub(super) struct DurableRunner {
    kind: RunnerKind,
    concurrency: usize,
}

/// What it is capable of: everything there is.
pub(super) fn kind() -> RunnerKind {
    let all = [
        Capability::Effect,
        Capability::Branch,
        Capability::Each,
        Capability::Suspend,
        Capability::Parallel,
        Capability::Retry,
    ];
    RunnerKind { name: "durable", capabilities: all.into() }
}

impl DurableRunner {
    pub(super) fn new(concurrency: usize) -> Self {
        Self { kind: kind(), concurrency }
    }
}

impl Runner for DurableRunner {
    fn kind(&self) -> &RunnerKind {
        &self.kind
    }

    fn run(&self, calls: &[ReadyCall], make: &MakeCall<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Vec<GuestReport> {
        crew::make(calls, self.concurrency, make, goes_on)
    }
}
