//! Golden documents, and what differs from them.

use super::*;

#[test]
fn a_golden_document_says_what_differs_by_node_effect_and_pointer() {
    let behavior =
        behavior(json!([{"id": "a", "kind": "step"}, {"id": "b", "kind": "step"}]), json!([{"from": "a", "to": "b"}]));
    let answer = |first: &'static str| {
        move |call: &Value| match call["node"].as_str() {
            Some("a") => Ok(json!({"effects": [log(first), log("two")]})),
            _ => Ok(json!({"effects": [log("three")]})),
        }
    };
    let rehearsed = |first| try_rehearse(&behavior, &event(json!({})), &answer(first)).expect("rehearsed").0;
    let golden = rehearsed("one").golden();
    assert_eq!(Golden::read(golden.write().as_bytes()).as_ref(), Ok(&golden));
    assert!(golden.mismatches(&rehearsed("one")).is_empty());
    let lists = [
        told(&serde_json::from_str(&golden.write()).expect("JSON"), &rehearsed("once")),
        told(
            &json!({"effects": [
            {"node": "b", "kind": "log", "payload": {"message": "three"}},
            {"node": "a", "kind": "log", "payload": {"message": "one"}},
            {"node": "c", "item": 3, "kind": "log", "payload": {"message": "four"}},
        ], "failed": {"node": "a", "rule": "trap"}}),
            &rehearsed("one"),
        ),
        told(&json!({"matched": false}), &rehearsed("one")),
    ];
    insta::assert_debug_snapshot!(lists, @r#"
    [
        [
            "a, effect 0 (log): /payload/message: \"one\" → \"once\"",
        ],
        [
            "a, effect 1 (log): is one too many: {\"message\":\"two\"}",
            "c, item 3, effect 0 (log): is missing: {\"message\":\"four\"}",
            "completes, and was to fail at a (trap)",
        ],
        [
            "a trigger matches, and none was to",
        ],
    ]
    "#);
    let fatal = try_rehearse(&behavior, &event(json!({})), &|_| Err(GuestFailure::Fatal("boom".to_owned())));
    let fatal = fatal.expect("rehearsed").0;
    let other = json!({"effects": [], "failed": {"node": "a", "rule": "fatal", "message": "bang"}});
    assert_eq!(told(&other, &fatal), ["fails at a (fatal: boom), and was to fail at a (fatal: bang)"]);
    assert!(told(&json!({"effects": [], "failed": {"node": "a", "rule": "fatal"}}), &fatal).is_empty());
    assert_eq!(told(&json!({"effects": []}), &fatal), ["fails at a (fatal: boom)"]);
}

fn told(golden: &Value, rehearsal: &Rehearsal) -> Vec<String> {
    let golden = Golden::read(golden.to_string().as_bytes()).expect("a golden document");
    golden.mismatches(rehearsal).iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_wrong_with_a_golden_document_is_named_by_its_place() {
    for (document, wanted) in [
        (json!({}), "effects: is missing"),
        (json!({"effects": [{"kind": "log"}]}), "effects/0/node: is missing"),
        (json!({"effects": [{"node": "a", "kind": "log", "id": 1}]}), "effects/0/id: is no member here"),
        (json!({"effects": [], "failed": {"node": "a"}}), "failed/rule: is missing"),
        (json!({"effects": [], "matched": false}), "effects: is no member here"),
        (json!({"matched": true}), "matched: stands only as false"),
    ] {
        let error = Golden::read(document.to_string().as_bytes()).expect_err("refused").to_string();
        assert!(error.starts_with(wanted), "{document}: {error}");
    }
}

#[test]
fn a_trap_fails_the_flow_and_its_text_is_no_part_of_the_golden_document() {
    let behavior = behavior(json!([{"id": "a", "kind": "step"}]), json!([]));
    let trap = || Err(GuestFailure::Stopped { rule: "trap", message: "unreachable at 0x17".to_owned() });
    let (walked, _) = walked(&behavior, &event(json!({})), &|_| trap());
    assert_eq!(walked.nodes[0].error.as_ref().map(|error| error.message.as_str()), Some("unreachable at 0x17"));
    let golden = serde_json::from_str::<Value>(&Rehearsal::Walked(walked).golden().write()).expect("JSON");
    assert_eq!(golden, json!({"effects": [], "failed": {"node": "a", "rule": "trap"}}));
}
