//! The in-line runner: one node after the other. For DAGs whose nodes are ready one at a time and that neither wait nor
//! have policies of their own, which is most of them.

use rosehip_core::{
    behavior::{Capability, RunnerKind},
    guest::GuestReport,
    ports::{MakeCall, ReadyCall, Runner},
};

use super::crew;

/// Runs one node after the other, and the items of an `each` together.
#[derive(Debug)]
pub(super) struct InlineRunner {
    kind: RunnerKind,
    concurrency: usize,
}

/// What it is capable of.
pub(super) fn kind() -> RunnerKind {
    RunnerKind { name: "inline", capabilities: [Capability::Effect, Capability::Branch, Capability::Each].into() }
}

impl InlineRunner {
    pub(super) fn new(concurrency: usize) -> Self {
        Self { kind: kind(), concurrency }
    }
}

impl Runner for InlineRunner {
    fn kind(&self) -> &RunnerKind {
        &self.kind
    }

    fn run(&self, calls: &[ReadyCall], make: &MakeCall<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Vec<GuestReport> {
        let Some(first) = calls.first() else { return Vec::new() };
        let of_one_node = calls.iter().take_while(|call| call.attempt.node == first.attempt.node).count();
        crew::make(&calls[..of_one_node], self.concurrency, make, goes_on)
    }
}
