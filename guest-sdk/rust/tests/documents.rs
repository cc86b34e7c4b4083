//! The documents that cross between module and host, byte for byte.

use rosehip_sdk::effect::{Activity, Email, Finding, Log, Notify, Set, Validate, Webhook};
use rosehip_sdk::{
    Article, Boxes, Call, Effect, Failure, Manifest, Node, Outcome, Retry, Transition, Trigger, Value, Wait,
    WaitOutput, json,
};

fn parsed(document: &str) -> Value {
    rosehip_sdk::serde_json::from_str(document).expect("the document is JSON")
}

#[test]
fn a_manifest_leaves_out_what_it_does_not_say() {
    let manifest = Manifest::new("quiet", "1.0.0").trigger(Trigger::on("Create", "Note")).node(Node::step("a"));

    let expected = r#"{"v":1,"name":"quiet","version":"1.0.0","triggers":[{"on":"Create","object":"Note"}],"#
        .to_owned()
        + r#""nodes":[{"id":"a","kind":"step"}],"edges":[],"effects":[]}"#;
    assert_eq!(manifest.to_json(), expected);
}

#[test]
fn a_manifest_says_everything_it_can() {
    let manifest = Manifest::new("all", "1.2.3-rc.1")
        .description("Everything.")
        .trigger(
            Trigger::on("Update", "Order")
                .boxes(Boxes::Any)
                .transition(Transition::to("status", "paid").from("pending"))
                .filter("object.total > 10"),
        )
        .trigger(Trigger::on("Follow", "Person").boxes(Boxes::Inbox).transition(Transition::of("status")))
        .node(Node::step("plan").label("Plan").branches(["yes", "no"]).timeout_ms(500).await_effects())
        .node(Node::wait("nap", Wait::duration("PT10M")))
        .node(Node::wait("noon", Wait::until("/config/noon")))
        .node(Node::wait("word", Wait::signal("approved").timeout("P1D")))
        .node(Node::each("tell", "/input/plan/output").retry(Retry::after(["PT1S", "PT10S"]).max(5)))
        .edge("plan", "nap")
        .edge_when("plan", "yes", "tell")
        .effect(Log::KIND)
        .effect("custom")
        .config_schema(json!({ "type": "object" }));

    let expected = json!({
        "v": 1,
        "name": "all",
        "version": "1.2.3-rc.1",
        "description": "Everything.",
        "triggers": [
            {
                "box": "any",
                "on": "Update",
                "object": "Order",
                "transition": { "field": "status", "from": "pending", "to": "paid" },
                "filter": "object.total > 10",
            },
            { "box": "inbox", "on": "Follow", "object": "Person", "transition": { "field": "status" } },
        ],
        "nodes": [
            {
                "id": "plan", "label": "Plan", "kind": "step", "branches": ["yes", "no"],
                "timeout_ms": 500, "await_effects": true,
            },
            { "id": "nap", "kind": "wait", "wait": { "for": "PT10M" } },
            { "id": "noon", "kind": "wait", "wait": { "until": "/config/noon" } },
            { "id": "word", "kind": "wait", "wait": { "signal": "approved", "timeout": "P1D" } },
            {
                "id": "tell", "kind": "each", "over": "/input/plan/output",
                "retry": { "max": 5, "backoff": ["PT1S", "PT10S"] },
            },
        ],
        "edges": [{ "from": "plan", "to": "nap" }, { "from": "plan", "to": "tell", "when": "yes" }],
        "effects": ["log", "custom"],
        "config_schema": { "type": "object" },
    });
    assert_eq!(parsed(&manifest.to_json()), expected);
}

const CALL: &str = r##"{
    "v": 1, "flow": "f1", "behavior": "all", "node": "tell", "attempt": 2, "of_tomorrow": {"a": [1]},
    "activity": {"type": "Create", "object": "http://h/o/1"},
    "object": {"type": "Article", "id": "http://h/o/1", "name": "On \"roses\"", "tag": [{"type": "Hashtag", "name": "#x"}],
               "attributedTo": "http://h/actors/site", "unknown": 1},
    "input": {
        "plan": {"output": ["a", "b"], "branch": "yes",
                 "effects": [{"id": "e1", "kind": "log", "status": "dispatched", "receipt": {"ok": true}}]},
        "word": {"output": {"at": "2026-01-02T09:00:00.000Z", "by": "signal", "payload": {"who": "me"}}, "branch": "fired", "effects": []},
        "bare": {"output": null, "branch": null, "effects": []}
    },
    "item": "b", "item_index": 1, "config": {"noon": "2026-01-01T12:00:00Z"},
    "now": "2026-01-01T12:00:00.000Z", "current": {"revision": 3, "status": "published"}
}"##;

#[test]
fn a_call_gives_each_part_as_the_type_that_is_asked_for() {
    let call = Call::parse(CALL).expect("the call parses");

    assert_eq!((call.node.as_ref(), call.attempt, call.item_index), ("tell", 2, Some(1)));
    let article: Article = call.object().expect("the object is an article");
    assert_eq!(article.name, "On \"roses\"");
    assert_eq!(article.tag[0].name, "#x");
    assert_eq!(article.attributed_to.as_deref(), Some("http://h/actors/site"));
    assert_eq!(call.activity::<Value>().expect("the activity is JSON")["object"], "http://h/o/1");
    assert_eq!(call.item::<String>(), Ok("b".into()));
    assert_eq!(call.config::<Value>().expect("the config is JSON")["noon"], "2026-01-01T12:00:00Z");
    let current = call.current.as_ref().expect("the object is there");
    assert_eq!((current.revision, current.status.as_ref()), (3, "published"));
}

#[test]
fn a_call_holds_what_the_nodes_before_came_to() {
    let call = Call::parse(CALL).expect("the call parses");

    assert_eq!(call.branch("plan"), Some("yes"));
    assert_eq!(call.output::<Vec<String>>("plan"), Ok(vec!["a".into(), "b".into()]));
    let word: WaitOutput = call.output("word").expect("a wait's output reads");
    assert_eq!((word.by.as_str(), &word.payload["who"]), ("signal", &json!("me")));
    let effect = &call.input["plan"].effects[0];
    assert_eq!((effect.kind.as_ref(), effect.status.as_ref()), ("log", "dispatched"));
    assert_eq!(effect.receipt::<Value>(), Ok(json!({ "ok": true })));
    assert_eq!(call.output::<Option<String>>("bare"), Ok(None));
    assert_eq!(call.output::<Option<String>>("never-ran"), Ok(None));
    assert_eq!(call.branch("bare"), None);
}

#[test]
fn a_call_without_optional_parts_parses() {
    let call =
        r#"{"v":1,"flow":"f","behavior":"b","node":"n","attempt":1,"now":"2026-01-01T12:00:00.000Z","current":null}"#;

    let call = Call::parse(call).expect("the call parses");
    assert_eq!(call.current, None);
    assert_eq!(call.object::<Option<Article>>(), Ok(None));
    assert_eq!(call.item::<Value>(), Ok(Value::Null));
}

#[test]
fn an_object_without_a_status_is_current_too() {
    let call = CALL.replace(r#""status": "published"}"#, r#""status": null}"#);

    let call = Call::parse(&call).expect("the call parses");
    assert_eq!(call.current.expect("the object is there").status, "");
}

#[test]
fn a_call_that_does_not_read_is_fatal_and_says_where() {
    assert!(matches!(Call::parse("{"), Err(Failure::Fatal(_))));
    let later = Call::parse(&CALL.replacen("\"v\": 1", "\"v\": 2", 1)).map(|call| call.v);
    assert_eq!(later, Err(Failure::fatal("the call is of version 2, this behavior reads version 1")));

    let call = Call::parse(CALL).expect("the call parses");
    let failure = call.item::<u32>().expect_err("an item that is text is no number");
    assert!(failure.message().starts_with("item does not read: "), "{failure}");
    let failure = call.output::<u32>("plan").expect_err("a list is no number");
    assert!(failure.message().starts_with("output of plan does not read: "), "{failure}");
}

#[test]
fn an_outcome_leaves_out_what_it_does_not_say() {
    assert_eq!(Outcome::new().to_json(), r#"{"v":1,"effects":[]}"#);

    let outcome = Outcome::new().output(json!([1])).branch("yes").effect(Log::new("hello"));
    let expected = r#"{"v":1,"output":[1],"branch":"yes","effects":[{"kind":"log","payload":{"message":"hello"}}]}"#;
    assert_eq!(outcome.to_json(), expected);
}

#[test]
fn each_effect_has_the_payload_of_its_kind() {
    let findings = vec![Finding::warning("body", "image-alt", "m"), Finding::error("title", "required", "n")];
    let email = Email { to: vec!["a@b".into()], subject: "s".into(), text: "t".into(), html: None };
    let effects: [(Effect, Value); 8] = [
        (
            Validate::new(findings).into(),
            json!({ "kind": "validate", "payload": { "valid": false, "findings": [
                { "field": "body", "rule": "image-alt", "message": "m", "severity": "warning" },
                { "field": "title", "rule": "required", "message": "n", "severity": "error" },
            ] } }),
        ),
        (Log::new("m").level("warn").into(), json!({ "kind": "log", "payload": { "level": "warn", "message": "m" } })),
        (Notify::new("s", "t").into(), json!({ "kind": "notify", "payload": { "subject": "s", "text": "t" } })),
        (
            Notify::new("s", "t").channel("desk").url("http://h/").batch("2026-01-02T09:00:00.000Z").into(),
            json!({ "kind": "notify", "payload": {
                "channel": "desk", "subject": "s", "text": "t", "url": "http://h/", "batch": "2026-01-02T09:00:00.000Z",
            } }),
        ),
        (email.into(), json!({ "kind": "email", "payload": { "to": ["a@b"], "subject": "s", "text": "t" } })),
        (
            Webhook { url: "http://h/".into(), body: json!({ "a": 1 }) }.into(),
            json!({ "kind": "webhook", "payload": { "url": "http://h/", "body": { "a": 1 } } }),
        ),
        (
            Activity { activity: json!({ "type": "Announce" }) }.into(),
            json!({ "kind": "activity", "payload": { "activity": { "type": "Announce" } } }),
        ),
        (
            Set::new("status", "paid").into(),
            json!({ "kind": "set", "payload": { "field": "status", "value": "paid" } }),
        ),
    ];
    for (effect, expected) in effects {
        assert_eq!(json!(effect), expected);
    }
}

#[test]
fn warnings_leave_an_object_valid() {
    assert!(Validate::new(vec![Finding::warning("body", "image-alt", "m")]).valid);
}
