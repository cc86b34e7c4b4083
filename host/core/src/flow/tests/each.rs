//! Nodes that are called for each item of a list.

use super::*;
use crate::{
    behavior::Behavior,
    event::{FlowCompleted, NodeDone},
    limits::{EACH_AT_A_TIME, EACH_ITEMS},
};

/// A step `plan` that returns the list, an `each` over it, and a step after it.
fn fan_out(each: Value) -> Value {
    let mut node = json!({"id": "tell", "kind": "each", "over": "/input/plan/output/who"});
    for (member, value) in each.as_object().expect("members") {
        node[member] = value.clone();
    }
    let edges = json!([{"from": "plan", "to": "tell"}, {"from": "tell", "to": "last"}]);
    manifest(json!([step("plan"), node, step("last")]), edges)
}

fn list(items: impl IntoIterator<Item = &'static str>) -> Value {
    json!({"output": {"who": items.into_iter().collect::<Vec<_>>()}})
}

fn log(message: &str) -> Value {
    json!({"kind": "log", "payload": {"message": message}})
}

#[test]
fn outputs_and_effects_of_items_are_joined_in_the_lists_order() {
    let script = |node: &str, attempt| match (node, attempt) {
        ("plan", _) => Ok(list(["ada", "ben", "cy"])),
        // The first item is done last.
        (r#"tell("ada")"#, 1) => Err(GuestFailure::Retry("not yet".to_owned())),
        (item, _) => Ok(json!({"output": item, "effects": [log(item), log("and")]})),
    };
    let mut world = World::new(&fan_out(json!({})), &script);
    world.run();
    assert_eq!(world.calls, ["plan", r#"tell("ada")"#, r#"tell("ben")"#, r#"tell("cy")"#]);
    assert_eq!(world.flow.status(), FlowStatus::Running, "an item waits for its retry");
    world.later(1_000).run();
    assert_eq!(world.calls[4..], [r#"tell("ada")"#, "last"]);
    let index = world.flow.dag.find(&"tell".parse().expect("a name")).expect("a node");
    let node = world.flow.node(index);
    assert_eq!(node.output, json!([r#"tell("ada")"#, r#"tell("ben")"#, r#"tell("cy")"#]));
    let places: Vec<_> = node
        .effects
        .iter()
        .map(|place| (world.flow.effects[*place].effect.item, world.flow.effects[*place].effect.ordinal))
        .collect();
    assert_eq!(places, [0, 1, 2].map(|item| [(Some(item), 0), (Some(item), 1)]).concat());
    let ids: std::collections::BTreeSet<_> = world.flow.effects.iter().map(|effect| effect.effect.id).collect();
    assert_eq!(ids.len(), world.flow.effects.len(), "an item is part of its effects' ids");
    assert_eq!(world.refolded().node(index), world.flow.node(index));
}

#[test]
fn an_item_that_failed_for_good_fails_the_flow_and_a_retry_calls_only_what_is_not_done() {
    let script = |node: &str, attempt| match (node, attempt) {
        ("plan", _) => Ok(list(["ada", "ben", "cy"])),
        (r#"tell("ada")"# | r#"tell("ben")"#, 1) => Err(GuestFailure::Fatal("unknown".to_owned())),
        (item, _) => Ok(json!({"output": item, "effects": [log(item)]})),
    };
    let mut world = World::new(&fan_out(json!({})), &script);
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Failed);
    assert_eq!(world.flow.effects.len(), 1, "what the other item asked for stands");
    let flow = world.flow.id();
    world.take(FlowRetried { flow, by: None, current: None, reason: None }.into());
    world.run();
    assert_eq!(world.calls[4..], [r#"tell("ada")"#, r#"tell("ben")"#, "last"]);
    assert_eq!(world.flow.status(), FlowStatus::Completed);
    assert_eq!(world.refolded().summary, world.flow.summary);
}

#[test]
fn an_empty_list_is_done_at_once_and_what_is_no_list_fails_its_node() {
    for (plan, status, rule) in [
        (list([]), FlowStatus::Completed, None),
        (json!({"output": {"who": "ada"}}), FlowStatus::Failed, Some("each-over")),
        (json!({"output": {}}), FlowStatus::Failed, Some("each-over")),
        (json!({"output": {"who": vec![0; EACH_ITEMS + 1]}}), FlowStatus::Failed, Some("each-items")),
    ] {
        let script = move |_: &str, _| Ok(plan.clone());
        let mut world = World::new(&fan_out(json!({})), &script);
        // `items` is asked for by the test's own calls, which a node without a list never gets to.
        world.run();
        assert_eq!(world.flow.status(), status);
        let found = world.flow.nodes().find_map(|(_, node)| node.error.as_ref().map(|error| error.rule.clone()));
        assert_eq!(found.as_deref(), rule);
    }
}

#[test]
fn what_follows_an_each_that_awaits_its_effects_waits_for_all_of_them() {
    let script = |node: &str, _| match node {
        "plan" => Ok(list(["ada", "ben"])),
        item => Ok(json!({"effects": [{"kind": "notify", "payload": {"subject": item, "text": "t"}}]})),
    };
    let mut world = World::new(&fan_out(json!({"await_effects": true})), &script);
    world.run();
    assert_eq!((world.node("tell"), world.flow.status()), (NodeStatus::Suspended, FlowStatus::Suspended));
    for place in 0..2 {
        let flow = world.flow.id();
        let attempt = dispatch::attempt(flow, &world.flow.effects[place]).expect("it is open");
        world.take(attempt);
        let end = dispatch::conclude(flow, &world.flow.effects[place], AttemptEnd::Done(json!({})), 0.0);
        world.take(end.expect("it is attempting"));
        world.run();
    }
    assert_eq!(world.flow.status(), FlowStatus::Completed);
}

#[test]
fn ten_thousand_items_are_called_a_bounded_number_at_a_time() {
    let script = |node: &str, _| match node {
        "plan" => Ok(json!({"output": {"who": (0..EACH_ITEMS).collect::<Vec<_>>()}})),
        _ => Ok(json!({})),
    };
    let mut world = World::new(&fan_out(json!({})), &script);
    let mut most = 0;
    while !world.flow.status().is_final() {
        let steps = next(&world.flow, world.now);
        most = most.max(steps.len());
        // One batch, answered without a Call: composing ten thousand of them is what a guest's test is for.
        for step in steps {
            let event = match step {
                Step::Call { node, item: Some(item), .. } => NodeDone {
                    flow: world.flow.id(),
                    node: world.flow.dag.node(node).id.clone(),
                    item: Some(item),
                    attempt: 1,
                    output: json!(item),
                    branch: None,
                    effects: Vec::new(),
                    fuel: 1,
                    started_at: world.now,
                    log: Vec::new(),
                }
                .into(),
                Step::Call { node, item, attempt } => world.call(node, item, attempt),
                Step::Spread { node } => walk::begin_each(&world.flow, &world.activity, node, world.now),
                Step::Complete => FlowCompleted { flow: world.flow.id() }.into(),
                other @ (Step::Wait { .. }
                | Step::Fire { .. }
                | Step::Sleep(_)
                | Step::Suspend
                | Step::Resume
                | Step::Fail { .. }) => panic!("{other:?}"),
            };
            world.take(event);
        }
    }
    assert_eq!(most, EACH_AT_A_TIME);
    let index = world.flow.dag.find(&"tell".parse().expect("a name")).expect("a node");
    assert_eq!(world.flow.node(index).output, json!((0..EACH_ITEMS).collect::<Vec<_>>()));
}

#[test]
fn a_list_that_may_change_or_is_not_known_before_is_refused_at_install() {
    for over in ["/current", "/now", "/input/plan/effects", "/input/last/output", "/input/nowhere/output"] {
        let document = fan_out(json!({"over": over}));
        let error = Behavior::parse(&document.to_string()).expect_err(over);
        assert_eq!(error.rule, "pointer", "{error}");
        assert!(error.message.contains("tell"), "{error}");
    }
}

#[test]
fn what_a_dag_needs_of_its_runner_follows_from_its_shape() {
    let needs = |nodes: Value, edges: Value| {
        let behavior = Behavior::parse(&manifest(nodes, edges).to_string()).expect("a valid manifest");
        behavior.needs.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let choose = json!({"id": "a", "kind": "step", "branches": ["x", "y"]});
    let edge = |from: &str, to: &str| json!({"from": from, "to": to});
    let when = |from: &str, to: &str, when: &str| json!({"from": from, "to": to, "when": when});
    assert_eq!(needs(json!([step("a"), step("b")]), json!([edge("a", "b")])), ["effect"]);
    let three = || json!([choose, step("b"), step("c")]);
    assert_eq!(needs(three(), json!([when("a", "b", "x"), when("a", "c", "y")])), ["effect", "branch"]);
    assert_eq!(needs(three(), json!([when("a", "b", "x"), when("a", "c", "x")])), ["effect", "branch", "parallel"]);
    assert_eq!(needs(three(), json!([when("a", "b", "x"), edge("a", "c")])), ["effect", "branch", "parallel"]);
    assert_eq!(needs(three(), json!([edge("a", "c"), edge("b", "c")])), ["effect", "parallel"], "two begin");
    let retried = json!({"id": "a", "kind": "step", "retry": {"max": 1, "backoff": ["PT1S"]}});
    assert_eq!(needs(json!([retried]), json!([])), ["effect", "retry"]);
    let each = json!({"id": "a", "kind": "each", "over": "/object/tag", "await_effects": true});
    assert_eq!(needs(json!([each]), json!([])), ["effect", "each", "suspend"]);
}
