//! Effects: too many, too large, not what they say, not declared, and such as would fire the guest again.

use serde_json::{Value, json};

use crate::{Abi, Class, Expect, Hostile, both, guest::Guest};

fn effect(kind: &str, payload: Value) -> Value {
    json!({"kind": kind, "payload": payload})
}

fn outcome(effects: Vec<Value>) -> Vec<u8> {
    json!({"v": 1, "effects": effects}).to_string().into_bytes()
}

fn asks_for(names: (&str, &'static str), expect: Expect, effects: fn() -> Vec<Value>) -> Vec<Hostile> {
    both(names, Class::Effects, expect, move |guest| guest.answering(&outcome(effects()))).to_vec()
}

pub(crate) fn guests() -> Vec<Hostile> {
    [floods(), payloads(), undeclared(), firing_itself()].concat()
}

fn floods() -> Vec<Hostile> {
    let a_thousand = Expect::Completes { dispatched: 1_000, denied: 0, unhandled: 0 };
    let of_a_flow = |guest: Guest| {
        let nodes: Vec<Value> = (0..11)
            .map(|n| json!({"id": format!("n{n}"), "kind": "step", "retry": {"max": 0, "backoff": []}}))
            .collect();
        let effects = vec![effect("log", json!({"message": "x"})); 1_000];
        guest.declaring("/nodes", nodes.into()).answering(&outcome(effects))
    };
    [
        asks_for(
            ("effects-1001", "one effect more than a call may ask for"),
            Expect::Fails(&["effects-per-call"]),
            || vec![effect("log", json!({"message": "x"})); 1_001],
        ),
        asks_for(
            ("effects-as-many-as-fit", "as many effects as an answer has room for, 60,000"),
            Expect::Fails(&["json-weight"]),
            || vec![json!({"kind": "log"}); 60_000],
        ),
        asks_for(
            ("effects-2000", "twice as many effects as a call may ask for"),
            Expect::Fails(&["effects-per-call"]),
            || vec![json!({"kind": "log"}); 2_000],
        ),
        asks_for(
            ("effects-1000-of-1-kb", "as many effects as a call may ask for, of a kilobyte each"),
            a_thousand,
            || vec![effect("log", json!({"message": "x".repeat(1_000)})); 1_000],
        ),
        vec![
            Hostile::of_guest(
                ("effects-of-a-flow", "eleven nodes that each ask for a thousand effects"),
                Class::Effects,
                Abi::Core,
                Expect::Fails(&["effects-per-flow"]),
                of_a_flow,
            )
            .slow(),
        ],
    ]
    .concat()
}

fn payloads() -> Vec<Hostile> {
    const PAYLOAD: Expect = Expect::Fails(&["effect-payload"]);
    [
        asks_for(("payload-of-another-type", "999 right effects, and then a line that is a number"), PAYLOAD, || {
            let mut effects = vec![effect("log", json!({"message": "x"})); 999];
            effects.push(effect("log", json!({"message": 1})));
            effects
        }),
        asks_for(("payload-missing", "a notification without a text"), PAYLOAD, || {
            vec![effect("notify", json!({"subject": "x"}))]
        }),
        asks_for(("payload-too-long", "a line of 900,000 characters"), PAYLOAD, || {
            vec![effect("log", json!({"message": "x".repeat(900_000)}))]
        }),
        asks_for(("payload-no-object", "a payload that is null"), PAYLOAD, || vec![effect("log", Value::Null)]),
        asks_for(("payload-of-many-findings", "5,000 findings, of which the last is wrong"), PAYLOAD, || {
            let mut findings = vec![json!({"field": "f", "rule": "r", "message": ""}); 5_000];
            findings.push(json!({"field": "", "rule": "r", "message": ""}));
            vec![effect("validate", json!({"valid": true, "findings": findings}))]
        }),
    ]
    .concat()
}

fn undeclared() -> Vec<Hostile> {
    let denied = |denied| Expect::Completes { dispatched: 0, denied, unhandled: 0 };
    [
        asks_for(("undeclared-webhook", "an effect that its manifest does not declare"), denied(1), || {
            vec![effect("webhook", json!({"url": "http://127.0.0.1:9/"}))]
        }),
        asks_for(("undeclared-kinds", "a thousand kinds of effect that nobody knows"), denied(1_000), || {
            (0..1_000).map(|n| effect(&format!("kind-{n}"), json!({}))).collect()
        }),
        asks_for(("kind-of-markup", "a kind of effect that is a script"), denied(1), || {
            vec![effect("<script>alert(1)</script>", json!({}))]
        }),
        asks_for(("kind-long", "a kind of effect of 900,000 characters"), denied(1), || {
            vec![effect(&"k".repeat(900_000), json!({}))]
        }),
        vec![Hostile::of_guest(
            ("ungranted-channel", "notifies a channel that it was not granted"),
            Class::Effects,
            Abi::Core,
            denied(1),
            |guest| {
                let effects = vec![effect("notify", json!({"channel": "team", "subject": "s", "text": "t"}))];
                guest.declaring("/effects", json!(["notify"])).answering(&outcome(effects))
            },
        )],
    ]
    .concat()
}

/// Behaviors that fire themselves. Each round is carried out like any other; `it::changes` follows one to its end.
fn firing_itself() -> Vec<Hostile> {
    let again = |kind: &'static str, payload: fn(&str) -> Value| {
        move |guest: Guest| {
            let object = guest.document["triggers"][0]["object"].as_str().unwrap_or_default().to_owned();
            guest.declaring("/effects", json!([kind])).answering(&outcome(vec![effect(kind, payload(&object))]))
        }
    };
    let activity: fn(&str) -> Value =
        |object| json!({"activity": {"type": "Create", "object": {"type": object, "content": "again"}}});
    let set: fn(&str) -> Value = |_| json!({"field": "status", "value": "again"});
    let carried_out = Expect::Completes { dispatched: 1, denied: 0, unhandled: 0 };
    let denied = Expect::Completes { dispatched: 0, denied: 1, unhandled: 0 };
    let fires = |stem: &str, what, expect, shape: fn(Guest) -> Guest| both((stem, what), Class::Effects, expect, shape);
    let undeclared: fn(Guest) -> Guest =
        |guest| guest.answering(br#"{"v":1,"effects":[{"kind":"activity","payload":{"activity":{"type":"Create"}}}]}"#);
    [
        both(
            ("fires-itself-by-activity", "creates the object that fires it"),
            Class::Effects,
            carried_out,
            again("activity", activity),
        )
        .map(|hostile| hostile.granted(&["activity"])),
        both(
            ("fires-itself-by-set", "changes the object that fires it"),
            Class::Effects,
            carried_out,
            again("set", set),
        )
        .map(|hostile| hostile.granted(&["set"])),
        fires(
            "fires-itself-undeclared",
            "creates an object that its manifest does not say it creates",
            denied,
            undeclared,
        ),
    ]
    .concat()
}
