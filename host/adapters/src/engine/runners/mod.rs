//! The runners of a host: who makes the calls that a flow is ready for, and how many at a time.
//!
//! Both take what is ready from core and give back reports in the same order; which of the two a behavior gets follows
//! from the shape of its DAG ([`rosehip_core::behavior::needs`]).

mod crew;
mod durable;
mod inline;
#[cfg(test)]
mod tests;

use rosehip_core::{behavior::RunnerKind, ports::Runner};

use self::{durable::DurableRunner, inline::InlineRunner};

/// The runners of a host that calls at most `concurrency` guests at a time, cheapest first.
pub(super) fn all(concurrency: usize) -> [Box<dyn Runner>; 2] {
    [Box::new(InlineRunner::new(concurrency)), Box::new(DurableRunner::new(concurrency))]
}

/// What the runners of a host are capable of, cheapest first.
pub fn runners() -> [RunnerKind; 2] {
    [inline::kind(), durable::kind()]
}
