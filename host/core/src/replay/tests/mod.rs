//! Flows that ran, replayed: on their own module, and on others.

mod moody;

use std::{cell::RefCell, sync::Arc};

use serde_json::{Value, json};

use super::*;
use crate::{
    behavior::Behavior,
    event::{ActivityAppended, Current, Event, FlowCancelled, FlowRetried, Record, SignalReceived},
    flow::world::{START, Script, World, manifest, step},
    guest::GuestFailure,
    ids::EffectId,
    pipeline::dispatch::{self, AttemptEnd},
    state::{EffectStatus, FlowStatus},
    time::Timestamp,
};

/// What the log would hold of the world's flow.
fn recording(world: &World<'_>) -> Recording {
    let now = Timestamp::from_millis(START);
    let record = |seq, time, event: Event| Record { seq, time, stream: event.stream(), event: Some(Arc::new(event)) };
    let activity = Arc::new(world.activity.clone());
    let appended = record(2, now, ActivityAppended { activity }.into());
    let first = record(3, now, Event::FlowStarted(Arc::clone(&world.flow.started)));
    let rest = (4..).zip(&world.log).map(|(seq, (time, event))| record(seq, *time, event.clone()));
    let stream: Vec<_> = std::iter::once(first).chain(rest).collect();
    Recording::read(&stream, &appended).expect("nothing is erased")
}

/// Replays the world's flow on a module whose guest is a script, and returns the Calls as well.
fn asked(world: &World<'_>, manifest: &Value, script: &Script<'_>, purpose: Purpose) -> (Replay, Vec<String>) {
    let module = Behavior::parse(&manifest.to_string()).expect("a valid manifest");
    let calls = RefCell::new(Vec::new());
    let ask = |text: &str, _: &Surroundings| {
        calls.borrow_mut().push(text.to_owned());
        let call: Value = serde_json::from_str(text).expect("JSON");
        let node = call["node"].as_str().expect("a node");
        let name = call.get("item").map_or_else(|| node.to_owned(), |item| format!("{node}({item})"));
        let attempt = call["attempt"].as_u64().and_then(|attempt| attempt.try_into().ok()).expect("an attempt");
        let result = script(&name, attempt).map(|outcome| outcome.to_string());
        GuestReport { result, fuel: 1, log: Vec::new() }
    };
    let has_same_steps = module.manifest == world.behavior.manifest;
    let replay = replay(&recording(world), &module, has_same_steps, "https://h.example", purpose, &ask);
    (replay, calls.into_inner())
}

fn what_if(world: &World<'_>, manifest: &Value, script: &Script<'_>) -> Replay {
    asked(world, manifest, script, Purpose::WhatIf).0
}

fn log(message: &str) -> Value {
    json!({"kind": "log", "payload": {"message": message}})
}

/// What changed, a line an effect.
fn told(replay: &Replay) -> Vec<String> {
    let line = |effect: &EffectChange| {
        let place = format!("{} {} {}", effect.node, effect.ordinal, effect.kind);
        match &effect.change {
            Change::Added { payload, denied: None } => format!("+ {place} {payload}"),
            Change::Added { payload, denied: Some(rule) } => format!("+ {place} {payload} denied {rule}"),
            Change::Removed { payload } => format!("- {place} {payload}"),
            Change::Altered { differences } => {
                format!("~ {place} {}", differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
            }
        }
    };
    replay.effects.iter().map(line).collect()
}

/// A step with two branches, and a step on each.
fn fork() -> Value {
    let choose = json!({"id": "choose", "kind": "step", "branches": ["left", "right"]});
    let edges =
        json!([{"from": "choose", "to": "left", "when": "left"}, {"from": "choose", "to": "right", "when": "right"}]);
    manifest(json!([choose, step("left"), step("right")]), edges)
}

fn takes(branch: &'static str) -> impl Fn(&str, u32) -> Result<Value, GuestFailure> {
    move |node, _| match node {
        "choose" => Ok(json!({"branch": branch, "effects": [log("chosen")]})),
        node => Ok(json!({"effects": [log(node)]})),
    }
}

#[test]
fn the_same_answers_are_the_same_flow_and_other_effects_are_told_by_place() {
    let (left, right) = (takes("left"), takes("right"));
    let mut world = World::new(&fork(), &left);
    world.run();

    assert_eq!(what_if(&world, &fork(), &left), Replay::bare(Verdict::Same));

    let other_branch = what_if(&world, &fork(), &right);
    assert_eq!(other_branch.verdict, Verdict::Changed);
    assert_eq!(told(&other_branch), [r#"- left 0 log {"message":"left"}"#, r#"+ right 0 log {"message":"right"}"#]);
    assert_eq!(other_branch.paths[0].node.as_str(), "choose");
    assert_eq!(other_branch.paths[0].differences[0].to_string(), r#"/branch: "left" → "right""#);

    let more = |node: &str, attempt| {
        let mut outcome = left(node, attempt)?;
        let effects = outcome["effects"].as_array_mut().expect("effects");
        match node {
            "choose" => effects.insert(0, json!({"kind": "webhook", "payload": {"url": "https://a.example/"}})),
            _ => effects[0]["payload"]["message"] = "else".into(),
        }
        Ok(outcome)
    };
    assert_eq!(
        told(&what_if(&world, &fork(), &more)),
        [
            r#"+ choose 0 webhook {"url":"https://a.example/"} denied "ungranted: the operator has not granted webhook""#,
            r#"~ left 0 log /payload/message: "left" → "else""#,
        ]
    );
}

#[test]
fn a_branch_that_was_not_taken_then_is_followed_to_its_end() {
    let (left, right) = (takes("left"), takes("right"));
    let mut edges = fork();
    edges["nodes"].as_array_mut().expect("nodes").push(step("after"));
    edges["edges"].as_array_mut().expect("edges").push(json!({"from": "right", "to": "after"}));
    let mut world = World::new(&edges, &left);
    world.run();

    let (replay, calls) = asked(&world, &edges, &right, Purpose::WhatIf);

    let expected = ["- left 0 log", "+ right 0 log", "+ after 0 log"];
    let places: Vec<_> =
        told(&replay).iter().map(|told| told.split(" {").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(places, expected);
    assert_eq!(calls.len(), 3);
    assert!(calls[2].contains(r#""now":"2026-01-01T00:00:00.000Z""#), "it sees the time of the walk: {}", calls[2]);
}

#[test]
fn a_node_that_is_new_stands_between_those_that_were_recorded() {
    let nothing = |_: &str, _: u32| Ok(json!({"effects": []}));
    let before = manifest(json!([step("a"), step("b")]), json!([{"from": "a", "to": "b"}]));
    let mut world = World::new(&before, &nothing);
    world.run();
    let (first, second) = (json!({"from": "a", "to": "new"}), json!({"from": "new", "to": "b"}));
    let between = manifest(json!([step("a"), step("b"), step("new")]), json!([first, second]));
    let says = |node: &str, _: u32| Ok(json!({"effects": if node == "new" { vec![log("new")] } else { vec![] }}));

    let (replay, calls) = asked(&world, &between, &says, Purpose::WhatIf);

    assert_eq!(told(&replay), [r#"+ new 0 log {"message":"new"}"#]);
    let nodes: Vec<_> = calls.iter().map(|call| call.split("\"node\":\"").nth(1).map(|rest| &rest[..1])).collect();
    assert_eq!(nodes, [Some("a"), Some("n"), Some("b")]);

    let reversed = manifest(json!([step("a"), step("b")]), json!([{"from": "b", "to": "a"}]));
    assert_eq!(what_if(&world, &reversed, &nothing).verdict, Verdict::Same, "the order of the steps is no effect");
}

#[test]
fn a_module_that_would_not_start_changes_every_effect() {
    let left = takes("left");
    let mut world = World::new(&fork(), &left);
    world.run();
    let mut elsewhere = fork();
    elsewhere["triggers"][0]["object"] = "Note".into();

    let replay = what_if(&world, &elsewhere, &left);

    assert!(replay.is_not_started);
    assert_eq!(replay.verdict, Verdict::Changed);
    assert_eq!(told(&replay).len(), 2);
}

#[test]
fn failures_are_told_unless_the_flow_failed_alike() {
    let fatal = |message: &'static str| move |_: &str, _: u32| Err(GuestFailure::Fatal(message.to_owned()));
    let (one, other) = (fatal("one"), fatal("other"));
    let fine = takes("left");
    let only = manifest(json!([step("only")]), json!([]));
    let error = |replay: Replay| {
        let Verdict::Failed { node, error } = replay.verdict else { panic!("it does not fail") };
        format!("{node}: {}: {}", error.rule, error.message)
    };

    let mut failed = World::new(&only, &one);
    failed.run();
    assert_eq!(what_if(&failed, &only, &one), Replay::bare(Verdict::Same));
    let otherwise = what_if(&failed, &only, &other);
    assert_eq!(otherwise.verdict, Verdict::Same, "no effect is asked for, and the flow fails as it did");
    assert_eq!(otherwise.paths[0].differences[0].to_string(), r#"/error/message: "one" → "other""#);
    assert_eq!(asked(&failed, &only, &other, Purpose::Verify).0.verdict, Verdict::Changed);
    let mended = what_if(&failed, &only, &fine);
    assert_eq!(mended.verdict, Verdict::Changed);
    assert_eq!(told(&mended), [r#"+ only 0 log {"message":"only"}"#]);

    let mut ran = World::new(&only, &fine);
    ran.run();
    let broken = what_if(&ran, &only, &one);
    assert_eq!(told(&broken), [r#"- only 0 log {"message":"only"}"#]);
    assert_eq!(error(broken), "only: fatal: one");
    let again = |_: &str, _: u32| Err(GuestFailure::Retry("later".to_owned()));
    assert_eq!(error(what_if(&ran, &only, &again)), "only: retry: later");
}

#[test]
fn a_limit_is_never_part_of_verifying_and_a_new_module_may_do_better() {
    let only = manifest(json!([step("only")]), json!([]));
    let exhausted = |_: &str, _: u32| Err(GuestFailure::Stopped { rule: "fuel", message: "out of fuel".to_owned() });
    let mut world = World::new(&only, &exhausted);
    world.run();

    let (replay, calls) = asked(&world, &only, &takes("left"), Purpose::Verify);
    assert_eq!((replay.verdict, calls.len()), (Verdict::Same, 0));
    assert_eq!(what_if(&world, &only, &takes("left")).verdict, Verdict::Changed);
}

#[test]
fn waits_end_as_they_did_and_what_waits_otherwise_is_out_of_support() {
    let wait = |ms: u64| {
        let nodes = json!([
            {"id": "wait", "kind": "wait", "wait": {"signal": "go", "timeout": format!("PT{ms}S")}}, step("after")
        ]);
        manifest(nodes, json!([{"from": "wait", "to": "after", "when": "fired"}]))
    };
    let says = |node: &str, _: u32| Ok(json!({"effects": [log(node)]}));
    let mut world = World::new(&wait(60), &says);
    world.run().later(5_000);
    let open = what_if(&world, &wait(60), &says);
    assert_eq!(open, Replay::bare(Verdict::Same), "it waits for the same");
    assert!(matches!(what_if(&world, &wait(61), &says).verdict, Verdict::OutOfSupport { .. }));

    let payload = json!({"yes": true});
    let (flow, name) = (world.flow.id(), "go".to_owned());
    world.take(SignalReceived { flow, name, payload, by: None, ignored: false }.into());
    world.current = Some(Current { revision: 7, status: None });
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Completed);

    let (replay, calls) = asked(&world, &wait(60), &says, Purpose::WhatIf);
    assert_eq!(replay, Replay::bare(Verdict::Same));
    assert!(calls[0].contains(r#""payload":{"yes":true}"#) && calls[0].contains(r#""revision":7"#), "{}", calls[0]);
    let Verdict::OutOfSupport { node, reason } = what_if(&world, &wait(61), &says).verdict else { panic!("supported") };
    assert_eq!(node.expect("a node").as_str(), "wait");
    assert_eq!(
        reason,
        "it would wait for the signal go, until 2026-01-01T00:01:01.000Z, and the flow waited for the signal go, until \
         2026-01-01T00:01:00.000Z"
    );
    let new_wait = manifest(
        json!([{"id": "other", "kind": "wait", "wait": {"for": "PT1S"}}, step("after")]),
        json!([{"from": "other", "to": "after"}]),
    );
    assert!(matches!(what_if(&world, &new_wait, &says).verdict, Verdict::OutOfSupport { .. }));
}

#[test]
fn awaited_receipts_come_from_the_log_where_the_effect_is_the_same() {
    let nodes = json!([{"id": "send", "kind": "step", "await_effects": true}, step("after")]);
    let awaiting = manifest(nodes, json!([{"from": "send", "to": "after"}]));
    let notify = |text: &'static str| {
        move |node: &str, _: u32| {
            let effects = json!([{"kind": "notify", "payload": {"subject": "s", "text": text}}]);
            Ok(json!({"effects": if node == "send" { effects } else { json!([]) }}))
        }
    };
    let (says, says_else) = (notify("t"), notify("u"));
    let mut world = World::new(&awaiting, &says);
    world.run();
    let id = world.flow.effects[0].effect.id;
    dispatched(&mut world, id);
    world.run();

    let (replay, calls) = asked(&world, &awaiting, &says, Purpose::WhatIf);
    assert_eq!(replay.verdict, Verdict::Same);
    assert_eq!(calls, world.documents);
    assert!(calls[1].contains(r#""status":"dispatched""#), "{}", calls[1]);
    let Verdict::OutOfSupport { node, .. } = what_if(&world, &awaiting, &says_else).verdict else {
        panic!("supported")
    };
    assert_eq!(node.expect("a node").as_str(), "send");
}

#[test]
fn what_was_denied_then_is_denied_again_and_receipts_are_those_of_the_log() {
    let nodes = json!([{"id": "send", "kind": "step", "await_effects": true}, step("after")]);
    let awaiting = manifest(nodes, json!([{"from": "send", "to": "after"}]));
    let says = |_: &str, _: u32| {
        let notify = json!({"kind": "notify", "payload": {"subject": "s", "text": "t"}});
        Ok(json!({"effects": [notify, log("done")]}))
    };
    let mut world = World::new(&awaiting, &says);
    world.grant = serde_json::from_value(json!({"effects": [{"kind": "notify", "per_hour": 1}]})).expect("a grant");
    world.recorded.insert("notify".to_owned(), 1);
    world.run();
    assert_eq!(world.flow.status(), FlowStatus::Completed);
    assert_eq!(world.flow.effects[0].status, EffectStatus::Denied, "too many of its kind came before it");

    for purpose in [Purpose::WhatIf, Purpose::Verify] {
        let (replay, calls) = asked(&world, &awaiting, &says, purpose);
        assert_eq!(replay, Replay::bare(Verdict::Same));
        assert_eq!(calls, world.documents);
    }
}

#[test]
fn a_host_that_cannot_make_a_call_is_no_failure_of_the_module() {
    let only = manifest(json!([step("only")]), json!([]));
    let fine = takes("left");
    let mut world = World::new(&only, &fine);
    world.run();
    let tries = RefCell::new(0);
    let busy = |times: u32| {
        let (tries, fine) = (&tries, &fine);
        move |node: &str, attempt: u32| {
            *tries.borrow_mut() += 1;
            if *tries.borrow() <= times {
                return Err(GuestFailure::Host { rule: "epoch", message: "it took too long".to_owned() });
            }
            fine(node, attempt)
        }
    };

    assert_eq!(what_if(&world, &only, &busy(2)), Replay::bare(Verdict::Same), "it may be busy for a while");

    *tries.borrow_mut() = 0;
    let Verdict::OutOfSupport { node, reason } = what_if(&world, &only, &busy(9)).verdict else { panic!("supported") };
    assert_eq!(node.expect("a node").as_str(), "only");
    assert_eq!(reason, "this host could not make the call: epoch: it took too long");
}

#[test]
fn what_was_cancelled_is_compared_up_to_there() {
    let nodes = json!([step("first"), {"id": "wait", "kind": "wait", "wait": {"for": "PT1H"}}, step("after")]);
    let waiting = manifest(nodes, json!([{"from": "first", "to": "wait"}, {"from": "wait", "to": "after"}]));
    let says = |node: &str, _: u32| Ok(json!({"effects": [log(node)]}));
    let mut world = World::new(&waiting, &says);
    world.run();
    world.take(FlowCancelled { flow: world.flow.id(), by: None, reason: None }.into());

    assert_eq!(what_if(&world, &waiting, &says), Replay::bare(Verdict::Same));
    assert_eq!(told(&what_if(&world, &waiting, &takes("left"))), Vec::<String>::new());
}

#[test]
fn an_erased_body_is_named() {
    let left = takes("left");
    let mut world = World::new(&fork(), &left);
    world.run();
    let now = Timestamp::from_millis(START);
    let event = Event::FlowStarted(Arc::clone(&world.flow.started));
    let first = Record { seq: 3, time: now, stream: event.stream(), event: Some(Arc::new(event)) };
    let gone = Record { seq: 2, event: None, ..first.clone() };
    assert_eq!(Recording::read(&[first], &gone).expect_err("gone"), Unreplayable::Erased { seq: 2 });
}

/// Carries an effect of the world's flow out.
fn dispatched(world: &mut World<'_>, effect: EffectId) {
    let state = world.flow.effect(effect).expect("an effect of the flow").clone();
    let events = dispatch::at_once(world.flow.id(), &state, AttemptEnd::Done(json!({"at": world.now})));
    for event in events.expect("it may be attempted") {
        world.take(event);
    }
}
