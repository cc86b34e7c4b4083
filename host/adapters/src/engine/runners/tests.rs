//! The contract of [`Runner`], which every runner keeps.

use std::{
    collections::BTreeSet,
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rosehip_core::{
    behavior::{Capability, NodeIndex},
    guest::{GuestReport, Surroundings},
    pipeline::walk::Attempt,
    ports::{ReadyCall, Runner},
    time::Timestamp,
};

use super::{all, runners};

fn call(node: usize, item: Option<u32>) -> ReadyCall {
    ReadyCall {
        attempt: Attempt { node: NodeIndex::new(node), item, attempt: 1, started_at: Timestamp::from_millis(0) },
        call: format!("{node}/{item:?}"),
        surroundings: Surroundings::of_describe(0),
    }
}

fn answer(call: &ReadyCall) -> GuestReport {
    GuestReport { result: Ok(call.call.clone()), fuel: 1, log: Vec::new() }
}

/// Runs until all calls are made, and says what each round reported.
fn run_all(runner: &dyn Runner, calls: &[ReadyCall]) -> Vec<Vec<String>> {
    let mut left = calls;
    let mut rounds = Vec::new();
    while !left.is_empty() {
        let reports = runner.run(left, &answer, &|| true);
        assert!(!reports.is_empty(), "{}: at least one call is made", runner.kind().name);
        left = &left[reports.len()..];
        rounds.push(reports.into_iter().map(|report| report.result.expect("it answers")).collect());
    }
    rounds
}

#[test]
fn every_call_is_made_once_and_reported_in_its_place() {
    for runner in all(4) {
        let calls: Vec<_> =
            (0..3).map(|node| call(node, None)).chain((0..40).map(|item| call(3, Some(item)))).collect();
        let wanted: Vec<_> = calls.iter().map(|call| call.call.clone()).collect();
        assert_eq!(run_all(&*runner, &calls).concat(), wanted, "{}", runner.kind().name);
        assert_eq!(run_all(&*runner, &[]).len(), 0);
    }
}

#[test]
fn no_call_is_begun_once_time_is_up_but_the_first() {
    for runner in all(4) {
        let calls: Vec<_> = (0..40).map(|item| call(0, Some(item))).collect();
        let made = Mutex::new(BTreeSet::new());
        let make = |call: &ReadyCall| {
            made.lock().expect("no panic").insert(call.attempt.item);
            answer(call)
        };
        let reports = runner.run(&calls, &make, &|| false);
        assert_eq!((reports.len(), made.lock().expect("no panic").len()), (1, 1), "{}", runner.kind().name);
        // However many are under way when it is up, those that were made are those reported.
        let begun = AtomicUsize::new(0);
        let reports = runner.run(&calls, &answer, &|| begun.fetch_add(1, Ordering::Relaxed) < 7);
        assert!((1..calls.len()).contains(&reports.len()));
        let places: Vec<_> = reports.into_iter().map(|report| report.result.expect("it answers")).collect();
        let wanted: Vec<_> = calls[..places.len()].iter().map(|call| call.call.clone()).collect();
        assert_eq!(places, wanted);
    }
}

#[test]
fn items_of_an_each_are_called_together_and_nodes_only_by_a_runner_that_is_capable_of_it() {
    for runner in all(2) {
        let is_parallel = runner.kind().capabilities.contains(&Capability::Parallel);
        // Two calls that each wait for the other only end if they are under way at the same time.
        let met = Barrier::new(2);
        let make = |call: &ReadyCall| {
            met.wait();
            answer(call)
        };
        let items: Vec<_> = (0..4).map(|item| call(0, Some(item))).collect();
        assert_eq!(runner.run(&items, &make, &|| true).len(), 4);
        let nodes: Vec<_> = (0..4).map(|node| call(node, None)).collect();
        if is_parallel {
            assert_eq!(runner.run(&nodes, &make, &|| true).len(), 4);
        } else {
            assert_eq!(run_all(&*runner, &nodes).len(), 4, "a round a node");
        }
    }
}

#[test]
fn a_runner_that_costs_more_can_do_more() {
    let [inline, durable] = runners();
    assert!(inline.capabilities.is_subset(&durable.capabilities));
    assert_eq!(all(1).map(|runner| runner.kind().clone()), [inline, durable]);
}
