//! Waterfalls of flows whose clock the test moves.

use serde_json::json;

use super::{
    super::{
        timeline::{Phase, Timeline},
        world::*,
    },
    *,
};

/// Spans as words, in milliseconds since the flow's activity.
fn told(world: &World<'_>) -> Vec<String> {
    let since = Timestamp::from_millis(START);
    let entries = world.log.iter().map(|(time, event)| (*time, event));
    let timeline = Timeline::of(&world.flow, entries, since, world.now);
    let words = |spans: &[super::super::timeline::Span]| {
        let after = |at: Timestamp| at.as_millis() - since.as_millis();
        let words = spans.iter().map(|span| format!("{} {}–{}", span.phase.as_str(), after(span.from), after(span.to)));
        words.collect::<Vec<_>>().join(", ")
    };
    let nodes =
        timeline.nodes.iter().map(|(node, spans)| format!("{}: {}", world.flow.dag.node(*node).id, words(spans)));
    let effects = timeline.effects.values().map(|spans| format!("effect: {}", words(spans)));
    nodes.chain(effects).collect()
}

#[test]
fn a_wait_its_queue_and_the_call_after_it_are_told_apart() {
    let nodes = json!([step("first"), {"id": "pause", "kind": "wait", "wait": {"for": "PT2H"}}, step("last")]);
    let edges = json!([{"from": "first", "to": "pause"}, {"from": "pause", "to": "last"}]);
    let manifest = manifest(nodes, edges);
    let mut world = World::new(&manifest, &nothing);
    world.later(5).run();
    assert_eq!(told(&world), ["first: queue 0–5, guest 5–5", "pause: wait 5–5"]);
    world.later(7_200_000).run();
    assert_eq!(told(&world), ["first: queue 0–5, guest 5–5", "pause: wait 5–7200005", "last: guest 7200005–7200005"]);
}

#[test]
fn failed_calls_and_attempts_leave_gaps_until_the_next_is_due() {
    let notify = json!({"effects": [{"kind": "notify", "payload": {"subject": "s", "text": "t"}}]});
    let send = json!({"id": "send", "kind": "step", "await_effects": true});
    let manifest = manifest(json!([send]), json!([]));
    let script = move |_: &str, attempt| match attempt {
        1 => Err(GuestFailure::Retry("not yet".to_owned())),
        _ => Ok(notify.clone()),
    };
    let mut world = World::new(&manifest, &script);
    world.run();
    world.later(1_000).run();
    world.later(10);
    let attempt = dispatch::attempt(world.flow.id(), &world.flow.effects[0]).expect("recorded");
    world.take(attempt);
    world.later(30);
    let failed = AttemptEnd::Rejected { message: "down".to_owned(), retry_after_ms: None };
    let end = dispatch::conclude(world.flow.id(), &world.flow.effects[0], failed, 1.0).expect("attempting");
    world.take(end);
    world.later(30_000);
    let attempt = dispatch::attempt(world.flow.id(), &world.flow.effects[0]).expect("due");
    world.take(attempt);
    world.later(40);
    let done = dispatch::conclude(world.flow.id(), &world.flow.effects[0], AttemptEnd::Done(json!({})), 0.0);
    world.take(done.expect("attempting"));
    world.run();
    assert_eq!(
        told(&world),
        [
            "send: guest 0–0, backoff 0–1000, guest 1000–1000, wait 1000–31080",
            "effect: queue 1000–1010, dispatch 1010–1040, backoff 1040–31040, dispatch 31040–31080",
        ]
    );
}

#[test]
fn a_clock_that_goes_back_makes_spans_empty_and_never_negative() {
    let manifest = manifest(json!([step("only")]), json!([]));
    let mut world = World::new(&manifest, &nothing);
    world.now = Timestamp::from_millis(START - 60_000);
    world.run();
    let entries = world.log.iter().map(|(time, event)| (*time, event));
    let timeline = Timeline::of(&world.flow, entries, Timestamp::from_millis(START + 5), world.now);
    assert!(timeline.spans().all(|span| span.from <= span.to));
    assert!(timeline.spans().any(|span| span.phase == Phase::Guest));
}
