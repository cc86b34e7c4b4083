//! Flows as wholes: documents in, entries out, without a host. A scripted guest answers each call.

mod each;
mod models;
mod timeline;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Step, next, world::*};
use crate::{
    behavior::{Grant, NodeIndex},
    event::{Event, FlowRetried, SignalReceived},
    guest::{GuestFailure, GuestReport},
    ids::FlowId,
    pipeline::{
        dispatch::{self, AttemptEnd},
        walk::{self, Allowed, Attempt},
    },
    state::{EffectStatus, FlowStatus, NodeStatus},
    time::Timestamp,
};

#[test]
fn a_branch_is_taken_and_what_only_the_other_reaches_is_skipped() {
    let choose = json!({"id": "choose", "kind": "step", "branches": ["left", "right"]});
    let nodes = json!([choose, step("left"), step("right"), step("after-right"), step("join")]);
    let edges = json!([
        {"from": "choose", "to": "left", "when": "left"}, {"from": "choose", "to": "right", "when": "right"},
        {"from": "right", "to": "after-right"}, {"from": "left", "to": "join"}, {"from": "after-right", "to": "join"},
    ]);
    let script = |node: &str, _| Ok(if node == "choose" { json!({"branch": "left"}) } else { json!({}) });
    let mut world = World::new(&manifest(nodes, edges), &script);
    world.run();
    assert_eq!(world.calls, ["choose", "left", "join"]);
    assert_eq!(world.node("after-right"), NodeStatus::Skipped);
    assert_eq!(world.flow.status(), FlowStatus::Completed);
}

#[test]
fn log_and_validate_are_dispatched_as_they_are_recorded_and_the_ungranted_is_denied() {
    let effects = json!({"effects": [
        {"kind": "log", "payload": {"message": "x"}},
        {"kind": "notify", "payload": {"subject": "s", "text": "t"}},
        {"kind": "notify", "payload": {"channel": "team", "subject": "s", "text": "t"}},
        {"kind": "webhook", "payload": {"url": "https://example.org"}},
        {"kind": "sms", "payload": 1},
    ]});
    let script = move |_: &str, _| Ok(effects.clone());
    let mut world = World::new(&manifest(json!([step("only")]), json!([])), &script);
    world.run();
    let found: Vec<_> = world.flow.effects.iter().map(|effect| effect.status).collect();
    let (denied, recorded) = (EffectStatus::Denied, EffectStatus::Recorded);
    assert_eq!(found, [EffectStatus::Dispatched, recorded, denied, denied, denied]);
    let rules: Vec<_> =
        world.flow.effects[2..].iter().map(|effect| effect.receipt.clone().expect("its rule")).collect();
    insta::assert_json_snapshot!(rules, @r#"
    [
      {
        "rule": "channel: notify to channel \"team\" is not granted"
      },
      {
        "rule": "ungranted: the operator has not granted webhook"
      },
      {
        "rule": "undeclared: the manifest does not declare sms"
      }
    ]
    "#);
    assert_eq!(world.flow.summary.effects.denied, 3);
}

#[test]
fn a_bad_outcome_fails_the_node_with_its_rule_and_nothing_of_it_is_recorded() {
    for (outcome, rule) in [
        (
            json!({"effects": [{"kind": "log", "payload": {"message": "x"}}, {"kind": "log", "payload": {}}]}),
            "effect-payload",
        ),
        (json!({"branch": "nowhere"}), "undeclared-branch"),
        (json!({"effect": []}), "outcome"),
        (json!({"v": 2}), "outcome"),
        (json!(7), "outcome"),
        (json!({"effects": vec![json!({"kind": "log", "payload": {"message": "x"}}); 1_001]}), "effects-per-call"),
    ] {
        let script = move |_: &str, _| Ok(outcome.clone());
        let mut world = World::new(&manifest(json!([step("only")]), json!([])), &script);
        world.run();
        assert_eq!(world.flow.status(), FlowStatus::Failed);
        let (_, node) = world.flow.nodes().next().expect("a node");
        assert_eq!(node.error.as_ref().map(|error| error.rule.as_str()), Some(rule));
        assert!(world.flow.effects.is_empty());
    }
}

#[test]
fn a_retry_failure_is_tried_after_1_10_and_60_seconds_and_then_fails() {
    let script = |_: &str, _| Err(GuestFailure::Retry("not yet".to_owned()));
    let mut world = World::new(&manifest(json!([step("only")]), json!([])), &script);
    for (delay, calls) in [(0, 1), (999, 1), (1, 2), (10_000, 3), (59_999, 3), (1, 4)] {
        world.later(delay).run();
        assert_eq!(world.calls.len(), calls);
    }
    assert_eq!(world.flow.status(), FlowStatus::Failed);
    assert_eq!(world.kinds().last(), Some(&"flow.failed"));
}

#[test]
fn a_call_found_open_at_its_fifth_start_fails_as_host_died_and_may_be_retried() {
    let mut world = World::new(&manifest(json!([step("only")]), json!([])), &nothing);
    let announced = |world: &World<'_>| {
        let Some(Step::Call { node, item, attempt }) = next(&world.flow, world.now).into_iter().next() else {
            panic!("the node is ready");
        };
        walk::attempt_cautiously(&world.flow, Attempt { node, item, attempt, started_at: world.now })
    };
    // The first start ended without a word; the second, third and fourth announced the call and ended in it.
    for _ in 2..=4 {
        let event = announced(&world);
        assert_eq!(event.kind(), "node.attempted");
        world.take(event);
        assert_eq!(world.node("only"), NodeStatus::Pending);
    }
    let event = announced(&world);
    let Event::NodeFailed(failed) = &event else { panic!("{event:?}") };
    assert_eq!(failed.error.rule, "host_died");
    world.take(event);
    world.run();
    assert_eq!((world.flow.status(), world.calls.len()), (FlowStatus::Failed, 0));
    let flow = world.flow.id();
    world.take(FlowRetried { flow, by: None, current: None, reason: None }.into());
    assert_eq!(announced(&world).kind(), "node.attempted", "it counts anew");
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Completed);
    assert_eq!(world.refolded().status(), FlowStatus::Completed);
}

#[test]
fn a_retried_flow_calls_only_what_is_not_done() {
    let script = |node: &str, attempt| match (node, attempt) {
        ("b", 1) => Err(GuestFailure::Fatal("broken".to_owned())),
        _ => Ok(json!({})),
    };
    let nodes = json!([step("a"), step("b"), step("c")]);
    let edges = json!([{"from": "a", "to": "b"}, {"from": "b", "to": "c"}]);
    let mut world = World::new(&manifest(nodes, edges), &script);
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Failed);
    let flow = world.flow.id();
    world.take(FlowRetried { flow, by: None, current: None, reason: None }.into());
    world.run();
    assert_eq!(world.calls, ["a", "b", "b", "c"]);
    assert_eq!(world.flow.status(), FlowStatus::Completed);
}

#[test]
fn a_wait_suspends_the_flow_and_its_time_resumes_it() {
    let wait = json!({"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}});
    let nodes = json!([wait, step("after")]);
    let mut world = World::new(&manifest(nodes, json!([{"from": "pause", "to": "after", "when": "fired"}])), &nothing);
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Suspended);
    let due = Timestamp::from_millis(START).plus_millis(3_600_000);
    assert_eq!(next(&world.flow, world.now), [Step::Sleep(due)]);
    world.later(3_600_000).run();
    assert_eq!(world.flow.status(), FlowStatus::Completed);
    let kinds = ["node.suspended", "flow.suspended", "node.fired", "flow.resumed", "node.done", "flow.completed"];
    assert_eq!(world.kinds(), kinds);
}

#[test]
fn a_duration_restarts_where_the_clock_is_before_it_was_set() {
    let wait = json!({"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}});
    let mut world = World::new(&manifest(json!([wait]), json!([])), &nothing);
    world.run();
    let before = Timestamp::from_millis(START - 86_400_000);
    assert_eq!(next(&world.flow, before), [Step::Sleep(before.plus_millis(3_600_000))]);
}

#[test]
fn what_was_begun_before_the_clock_was_set_back_ends_as_long_after_that() {
    let wait = json!({"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}});
    let try_on = json!({"id": "try", "kind": "step", "retry": {"max": 2, "backoff": ["PT10M"]}});
    let script = |_: &str, _| Err(GuestFailure::Retry("not yet".to_owned()));
    let mut world = World::new(&manifest(json!([wait, try_on]), json!([])), &script);
    world.run();
    let since = Timestamp::from_millis(START - 86_400_000);
    for (passed, steps) in [(0, 1), (600_000, 1), (3_600_000, 2)] {
        // The flow may be read from the log again in between, and knows nothing of the time before.
        let (mut flow, now) = (world.flow.clone(), since.plus_millis(passed));
        flow.follow_clock(now, since);
        let due = next(&flow, now);
        let is_first_sleep = due == [Step::Sleep(since.plus_millis(600_000))];
        assert_eq!((due.len(), is_first_sleep), (steps, passed == 0), "{due:?}");
    }
}

#[test]
fn the_first_signal_of_a_name_wins_even_before_its_wait_is_reached() {
    let pause = json!({"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}});
    let ask = json!({"id": "ask", "kind": "wait", "wait": {"signal": "approved", "timeout": "PT1H"}});
    let edges = json!([{"from": "pause", "to": "ask"}, {"from": "ask", "to": "yes", "when": "fired"},
        {"from": "ask", "to": "late", "when": "timeout"}]);
    let mut world = World::new(&manifest(json!([pause, ask, step("yes"), step("late")]), edges), &nothing);
    world.run();
    let flow = world.flow.id();
    for (payload, ignored) in [(json!("first"), false), (json!("second"), true)] {
        world.take(SignalReceived { flow, name: "approved".to_owned(), payload, by: None, ignored }.into());
    }
    world.later(3_600_000).run();
    assert_eq!((world.node("yes"), world.node("late")), (NodeStatus::Done, NodeStatus::Skipped));
    let ask = world.flow.dag.find(&"ask".parse().expect("a name")).expect("a node");
    assert_eq!(world.flow.node(ask).output["payload"], "first");
}

#[test]
fn a_signal_that_does_not_come_in_time_takes_the_other_branch() {
    let ask = json!({"id": "ask", "kind": "wait", "wait": {"signal": "approved", "timeout": "PT1H"}});
    let edges = json!([{"from": "ask", "to": "late", "when": "timeout"}]);
    let mut world = World::new(&manifest(json!([ask, step("late")]), edges), &nothing);
    world.run().later(3_600_000).run();
    assert_eq!(world.node("late"), NodeStatus::Done);
}

#[test]
fn a_node_that_awaits_its_effects_holds_up_what_follows() {
    let send = json!({"id": "send", "kind": "step", "await_effects": true});
    let nodes = json!([send, step("after")]);
    let script = |node: &str, _| {
        let notify = json!({"kind": "notify", "payload": {"subject": "s", "text": "t"}});
        Ok(if node == "send" { json!({"effects": [notify]}) } else { json!({}) })
    };
    let mut world = World::new(&manifest(nodes, json!([{"from": "send", "to": "after"}])), &script);
    world.run();
    assert_eq!((world.flow.status(), world.node("send")), (FlowStatus::Suspended, NodeStatus::Suspended));
    let flow = world.flow.id();
    let attempt = dispatch::attempt(flow, &world.flow.effects[0]).expect("recorded");
    world.take(attempt);
    let end = dispatch::conclude(flow, &world.flow.effects[0], AttemptEnd::Done(json!({})), 0.0).expect("attempting");
    world.take(end);
    world.run();
    assert_eq!((world.calls.len(), world.flow.status()), (2, FlowStatus::Completed));
}

/// A call needs the flow running, so a wait that comes due at the same time is ended first.
#[test]
fn a_wait_and_a_call_that_come_due_together_are_taken_one_after_the_other() {
    let send = json!({"id": "send", "kind": "step", "await_effects": true});
    let pause = json!({"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}});
    let edges = json!([{"from": "send", "to": "after"}, {"from": "pause", "to": "late"}]);
    let script = |node: &str, _| match node {
        "send" => Ok(json!({"effects": [{"kind": "notify", "payload": {"subject": "s", "text": "t"}}]})),
        "after" => Err(GuestFailure::Fatal("broken".to_owned())),
        _ => Ok(json!({})),
    };
    let mut world = World::new(&manifest(json!([send, pause, step("after"), step("late")]), edges), &script);
    world.run();
    let flow = world.flow.id();
    let attempt = dispatch::attempt(flow, &world.flow.effects[0]).expect("recorded");
    world.take(attempt);
    let end = dispatch::conclude(flow, &world.flow.effects[0], AttemptEnd::Done(json!({})), 0.0).expect("attempting");
    world.take(end);
    world.later(3_600_000).run();
    assert_eq!(world.flow.status(), FlowStatus::Failed);
}

#[test]
fn an_effect_dies_at_its_sixth_failure() {
    let notify = json!({"effects": [{"kind": "notify", "payload": {"subject": "s", "text": "t"}}]});
    let script = move |_: &str, _| Ok(notify.clone());
    let mut world = World::new(&manifest(json!([step("only")]), json!([])), &script);
    world.run();
    let flow = world.flow.id();
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let attempt = dispatch::attempt(flow, &world.flow.effects[0]).expect("it is open");
        world.take(attempt);
        let failed = AttemptEnd::Rejected { message: "down".to_owned(), retry_after_ms: None };
        let end = dispatch::conclude(flow, &world.flow.effects[0], failed, 1.0).expect("attempting");
        world.take(end);
        statuses.push(world.flow.effects[0].status.as_str());
    }
    assert_eq!(statuses, ["retrying", "retrying", "retrying", "retrying", "retrying", "dead"]);
    assert_eq!((world.flow.summary.effects.dead, world.flow.summary.effects.total()), (1, 1));
}

#[test]
fn a_wait_until_what_is_no_time_fails_its_node() {
    let wait = json!({"id": "pause", "kind": "wait", "wait": {"until": "/config/digest"}});
    let mut world = World::new(&manifest(json!([wait]), json!([])), &nothing);
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Failed);
}

/// What a DAG whose nodes all take branch `x` must come to, told without a state machine: a node runs if it is a
/// beginning or if a node that runs leads to it by an edge that is always taken or that `x` takes.
fn reference(edges: &[(usize, usize, Option<bool>)], nodes: usize) -> BTreeMap<usize, bool> {
    let mut runs = BTreeMap::new();
    for node in 0..nodes {
        let mut incoming = edges.iter().filter(|(_, to, _)| *to == node).peekable();
        let is_root = incoming.peek().is_none();
        runs.insert(node, is_root || incoming.any(|(from, _, when)| runs[from] && when.unwrap_or(true)));
    }
    runs
}

fn any_dag() -> impl Strategy<Value = (usize, Vec<(usize, usize, Option<bool>)>)> {
    (1_usize..12).prop_flat_map(|nodes| {
        let edge = (0..nodes, 0..nodes, any::<Option<bool>>());
        (Just(nodes), prop::collection::vec(edge, 0..24))
    })
}

proptest! {
    #[test]
    fn any_acyclic_shape_runs_as_the_reference_says((nodes, raw) in any_dag()) {
        let mut edges: Vec<_> = raw.into_iter().filter(|(from, to, _)| from < to).collect();
        edges.sort_unstable();
        edges.dedup();
        // Nodes that no edge touches are refused beside others; here they are tied to the first.
        for node in 1..nodes {
            if !edges.iter().any(|(from, to, _)| *from == node || *to == node) {
                edges.push((0, node, None));
            }
        }
        if nodes > 1 && !edges.iter().any(|(from, _, _)| *from == 0) {
            edges.push((0, nodes - 1, None));
        }
        let documents: Vec<_> = (0..nodes)
            .map(|node| json!({"id": format!("n{node}"), "kind": "step", "branches": ["x", "y"]})).collect();
        let edge_documents: Vec<_> = edges.iter().map(|(from, to, when)| {
            let mut edge = json!({"from": format!("n{from}"), "to": format!("n{to}")});
            if let Some(taken) = when { edge["when"] = json!(if *taken { "x" } else { "y" }); }
            edge
        }).collect();
        let script = |_: &str, _| Ok(json!({"branch": "x"}));
        let mut world = World::new(&manifest(documents.into(), edge_documents.into()), &script);
        world.run();
        prop_assert_eq!(world.flow.status(), FlowStatus::Completed);
        for (node, runs) in reference(&edges, nodes) {
            let wanted = if runs { NodeStatus::Done } else { NodeStatus::Skipped };
            prop_assert_eq!(world.node(&format!("n{node}")), wanted, "n{} of {:?}", node, edges);
        }
        let refolded = world.refolded();
        prop_assert_eq!(&refolded.summary, &world.flow.summary);
        prop_assert_eq!(refolded.nodes().map(|(_, state)| state.clone()).collect::<Vec<_>>(),
            world.flow.nodes().map(|(_, state)| state.clone()).collect::<Vec<_>>());
    }
}

#[test]
fn ids_of_flows_do_not_depend_on_when_they_are_derived() {
    let world = World::new(&manifest(json!([step("only")]), json!([])), &nothing);
    let started = &world.flow.started;
    let again = FlowId::derive(&started.activity, &started.owner, started.r#box, &started.behavior, 1);
    assert_eq!(again, world.flow.id());
}

#[test]
fn an_hour_fills_up_within_one_call_and_denied_effects_take_no_place() {
    let answer = |_: &str, _: u32| Ok(json!({"v": 1}));
    let world = World::new(&manifest(json!([{"id": "act", "kind": "step"}]), json!([])), &answer);
    let log = json!({"kind": "log", "payload": {"message": "x"}});
    let undeclared = json!({"kind": "email", "payload": {"to": ["a@b.example"], "subject": "s", "text": "t"}});
    let outcome = json!({"v": 1, "effects": [log, undeclared, log, log, log]});
    let grant = |per_hour: u64| -> Grant {
        serde_json::from_value(json!({"effects": [{"kind": "log", "per_hour": per_hour}]})).expect("a grant")
    };
    let (pinned, now, wide) = (grant(5), grant(3), Grant::default());
    let owner = world.flow.started.owner.clone();
    let statuses = |pinned, now, recorded: Option<u64>| {
        let recorded: BTreeMap<_, _> = recorded.map(|count| ("log".to_owned(), count)).into_iter().collect();
        let allowed = Allowed {
            declared: &world.behavior.effects,
            pinned,
            now,
            owner: &owner,
            base_url: "https://h.example",
            recorded: &recorded,
        };
        let attempt = Attempt { node: NodeIndex::new(0), item: None, attempt: 1, started_at: world.now };
        let report = GuestReport { result: Ok(outcome.to_string()), fuel: 1, log: Vec::new() };
        let event = walk::conclude(&world.flow, attempt, report, allowed, world.now);
        let Event::NodeDone(done) = event else { panic!("the call failed: {}", event.kind()) };
        done.effects.into_iter().map(|effect| effect.status).collect::<Vec<_>>()
    };
    let (yes, no) = (EffectStatus::Dispatched, EffectStatus::Denied);
    assert_eq!(statuses(&pinned, None, Some(2)), [yes, no, yes, yes, no]);
    assert_eq!(statuses(&pinned, Some(&now), Some(2)), [yes, no, no, no, no], "the narrower wins");
    assert_eq!(statuses(&now, Some(&pinned), Some(2)), [yes, no, no, no, no], "whichever it is");
    assert_eq!(statuses(&pinned, Some(&wide), Some(9)), [no; 5], "an hour that is overfull stays closed");
    assert_eq!(statuses(&pinned, Some(&now), None), [yes, no, yes, yes, yes], "what is recorded was counted then");
}
