//! How a rehearsal walks: waits, retries, awaited effects, lists.

use super::*;

#[test]
fn waits_end_at_their_moment_or_as_the_event_says_and_the_clock_moves_with_them() {
    let nodes = json!([
        {"id": "a", "kind": "step"},
        {"id": "wait", "kind": "wait", "wait": {"until": "/config/digest"}},
        {"id": "b", "kind": "step"},
        {"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}},
        {"id": "c", "kind": "step"},
        {"id": "ask", "kind": "wait", "wait": {"signal": "approve", "timeout": "P1D"}},
        {"id": "yes", "kind": "step"},
        {"id": "no", "kind": "step"},
    ]);
    let edges = json!([
        {"from": "a", "to": "wait"}, {"from": "wait", "to": "b"}, {"from": "b", "to": "pause"},
        {"from": "pause", "to": "c"}, {"from": "c", "to": "ask"}, {"from": "ask", "to": "yes", "when": "fired"},
        {"from": "ask", "to": "no", "when": "timeout"},
    ]);
    let behavior = behavior(nodes, edges);
    let seen = |event: Value| {
        let (walked, calls) = walked(&behavior, &self::event(event), &|_| Ok(json!({})));
        let told = calls.iter().map(|call| {
            let status = call["current"]["status"].as_str().unwrap_or("gone").to_owned();
            format!(
                "{} {} {status}",
                call["node"].as_str().unwrap_or_default(),
                call["now"].as_str().unwrap_or_default()
            )
        });
        let ask = walked.nodes.iter().find(|node| node.node.as_str() == "ask").map(|node| node.output.clone());
        (told.collect::<Vec<_>>(), ask.unwrap_or_default())
    };
    let (told, ask) = seen(json!({}));
    insta::assert_debug_snapshot!(told, @r#"
    [
        "a 2026-01-01T12:00:00.000Z published",
        "b 2026-01-02T09:00:00.000Z published",
        "c 2026-01-02T10:00:00.000Z published",
        "yes 2026-01-02T10:00:00.000Z published",
    ]
    "#);
    assert_eq!(ask, json!({"at": "2026-01-02T10:00:00.000Z", "by": "signal", "payload": null}));
    let (told, ask) = seen(json!({"waits": {
        "wait": {"at": "2026-01-03T00:00:00Z", "current": {"revision": 2, "status": "draft"}},
        "pause": {"current": null},
        "ask": {"by": "timeout"},
    }}));
    insta::assert_debug_snapshot!(told, @r#"
    [
        "a 2026-01-01T12:00:00.000Z published",
        "b 2026-01-03T00:00:00.000Z draft",
        "c 2026-01-03T01:00:00.000Z gone",
        "no 2026-01-04T01:00:00.000Z gone",
    ]
    "#);
    assert_eq!(ask, json!({"at": "2026-01-04T01:00:00.000Z", "by": "timeout"}));
    let (told, ask) =
        seen(json!({"waits": {"ask": {"by": "signal", "at": "2026-01-02T12:00:00Z", "payload": {"n": 1}}}}));
    assert_eq!(told.last().map(String::as_str), Some("yes 2026-01-02T12:00:00.000Z published"));
    assert_eq!(ask, json!({"at": "2026-01-02T12:00:00.000Z", "by": "signal", "payload": {"n": 1}}));
}

#[test]
fn waits_side_by_side_end_in_the_order_of_their_moments() {
    let nodes = json!([
        {"id": "late", "kind": "wait", "wait": {"for": "PT2H"}},
        {"id": "early", "kind": "wait", "wait": {"for": "PT1H"}},
        {"id": "after-late", "kind": "step"},
        {"id": "after-early", "kind": "step"},
    ]);
    let edges = json!([{"from": "late", "to": "after-late"}, {"from": "early", "to": "after-early"}]);
    let behavior = behavior(nodes, edges);
    let order = |document: Value| {
        let (_, calls) = walked(&behavior, &event(document), &|_| Ok(json!({})));
        calls.iter().map(|call| call["node"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(json!({})), ["after-early", "after-late"]);
    let late_first = json!({"waits": {"late": {"at": "2026-01-01T12:30:00Z"}}});
    assert_eq!(order(late_first), ["after-late", "after-early"]);
}

#[test]
fn a_retry_is_made_at_once_and_by_the_policy() {
    let retry = json!({"max": 2, "backoff": ["PT1H"]});
    let behavior = behavior(
        json!([{"id": "a", "kind": "step", "retry": retry}, {"id": "b", "kind": "step"}]),
        json!([{"from": "a", "to": "b"}]),
    );
    let answer = |succeeds_at: u64| {
        move |call: &Value| match (call["node"].as_str(), call["attempt"].as_u64()) {
            (Some("a"), Some(attempt)) if attempt < succeeds_at => Err(GuestFailure::Retry("not yet".to_owned())),
            _ => Ok(json!({"effects": [log("done")]})),
        }
    };
    let (went_on, calls) = walked(&behavior, &event(json!({})), &answer(3));
    assert_eq!((went_on.nodes[0].calls, went_on.effects.len(), went_on.failed.as_ref()), (3, 2, None));
    assert_eq!(calls[3]["now"], "2026-01-01T12:00:00.000Z", "failures do not move the clock");
    let logged: Vec<_> = went_on.nodes[0].log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(logged, ["a 1", "a 2", "a 3"]);
    let (gave_up, _) = walked(&behavior, &event(json!({})), &answer(4));
    assert_eq!(taken(&gave_up), ["a"]);
    let golden = Rehearsal::Walked(gave_up).golden().write();
    assert_eq!(
        serde_json::from_str::<Value>(&golden).expect("JSON"),
        json!({"effects": [], "failed": {"node": "a", "rule": "retry", "message": "not yet"}})
    );
}

#[test]
fn awaited_effects_are_dispatched_before_the_flow_goes_on() {
    let nodes = json!([{"id": "a", "kind": "step", "await_effects": true}, {"id": "b", "kind": "step"}]);
    let behavior = behavior(nodes, json!([{"from": "a", "to": "b"}]));
    let (walked, calls) = walked(&behavior, &event(json!({})), &|_| {
        Ok(json!({"effects": [{"kind": "notify", "payload": {"subject": "s", "text": "t"}}, {"kind": "email"}]}))
    });
    assert!(walked.failed.is_some(), "an email without a subject breaks its schema");
    assert_eq!(calls.len(), 1);
    let (walked, calls) = self::walked(&behavior, &event(json!({})), &|_| {
        Ok(json!({"effects": [{"kind": "notify", "payload": {"subject": "s", "text": "t"}}, {"kind": "sms"}]}))
    });
    let seen: Vec<_> = calls[1]["input"]["a"]["effects"].as_array().expect("a list").iter().collect();
    assert_eq!(
        (&seen[0]["status"], &seen[0]["receipt"]),
        (&json!("dispatched"), &json!({"at": "2026-01-01T12:00:00.000Z"}))
    );
    assert_eq!(seen[1]["status"], "denied");
    assert_eq!(walked.effects[1].denied.as_deref(), Some("undeclared: the manifest does not declare sms"));
}

#[test]
fn each_item_is_called_for_and_its_effects_say_which() {
    let nodes = json!([{"id": "plan", "kind": "step"}, {"id": "tell", "kind": "each", "over": "/input/plan/output"}]);
    let behavior = behavior(nodes, json!([{"from": "plan", "to": "tell"}]));
    let (walked, _) = walked(&behavior, &event(json!({})), &|call| {
        Ok(match call["item"].as_str() {
            Some(item) => json!({"output": item, "effects": [log(item)]}),
            None => json!({"output": ["x", "y"]}),
        })
    });
    assert_eq!(taken(&walked), ["plan", "tell"]);
    assert_eq!(walked.nodes[1].output, json!(["x", "y"]));
    let items: Vec<_> = walked.effects.iter().map(|effect| effect.item).collect();
    assert_eq!(items, [Some(0), Some(1)]);
}
