//! Rehearsals with guests of the test's making.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    AuthorEvent, Ends, Foresight, Golden, Home, Prospect, Rehearsal, RehearsalError, WaitEnd, Walked, event_of,
    foresee, rehearse,
};
use crate::{
    behavior::{Behavior, Grant, Installed},
    guest::{GuestFailure, GuestLogLevel, GuestLogLine, GuestReport},
    ids::{Digest, NodeId},
};

type Answer = Result<Value, GuestFailure>;

fn behavior(nodes: Value, edges: Value) -> Arc<Behavior> {
    let manifest = json!({
        "v": 1, "name": "test", "version": "1.0.0",
        "triggers": [{"on": "Create", "object": "Article", "transition": {"field": "status", "to": "published"}}],
        "nodes": nodes, "edges": edges, "effects": ["log", "notify", "webhook"],
        "config_schema": {
            "type": "object", "additionalProperties": false,
            "properties": {"digest": {"default": {"at": "09:00", "tz": "UTC"}}, "limit": {"type": "integer"}},
        },
    });
    Arc::new(Behavior::parse(&manifest.to_string()).expect("a valid manifest"))
}

fn event(document: Value) -> AuthorEvent {
    let mut document = document;
    document.as_object_mut().expect("an object").entry("object").or_insert_with(|| {
        json!({"type": "Article", "id": "http://localhost:7420/on-roses", "name": "On roses", "status": "published"})
    });
    AuthorEvent::read(document.to_string().as_bytes()).expect("an event")
}

/// Rehearses, and gives every Call that the guest was told.
fn try_rehearse(
    behavior: &Arc<Behavior>,
    event: &AuthorEvent,
    answer: &dyn Fn(&Value) -> Answer,
) -> Result<(Rehearsal, Vec<Value>), RehearsalError> {
    let calls = RefCell::new(Vec::new());
    let call = |call: &str, _: &_| {
        let call: Value = serde_json::from_str(call).expect("a Call is JSON");
        let result = answer(&call).map(|outcome| outcome.to_string());
        let message = format!("{} {}", call["node"].as_str().unwrap_or_default(), call["attempt"]);
        calls.borrow_mut().push(call);
        GuestReport { result, fuel: 7, log: vec![GuestLogLine { level: GuestLogLevel::Info, message }] }
    };
    let rehearsal = rehearse(behavior, Digest::of(b"wasm"), event, &call)?;
    Ok((rehearsal, calls.into_inner()))
}

fn walked(behavior: &Arc<Behavior>, event: &AuthorEvent, answer: &dyn Fn(&Value) -> Answer) -> (Walked, Vec<Value>) {
    match try_rehearse(behavior, event, answer).expect("it is rehearsed") {
        (Rehearsal::Walked(walked), calls) => (walked, calls),
        (Rehearsal::Unmatched(not), _) => panic!("no trigger matches: {not:?}"),
    }
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).expect("JSON")
}

fn taken(walked: &Walked) -> Vec<&str> {
    walked.nodes.iter().map(|node| node.node.as_str()).collect()
}

fn log(message: &str) -> Value {
    json!({"kind": "log", "payload": {"message": message}})
}

#[test]
fn an_event_needs_an_object_and_the_rest_is_as_on_a_new_host() {
    let behavior = behavior(json!([{"id": "a", "kind": "step"}]), json!([]));
    let (walked, calls) = walked(&behavior, &event(json!({})), &|call| {
        Ok(json!({"effects": [log(call["object"]["name"].as_str().expect("a name"))]}))
    });
    insta::assert_snapshot!(pretty(&calls[0]), @r#"
    {
      "activity": {
        "@context": [
          "https://www.w3.org/ns/activitystreams",
          "https://w3id.org/security/data-integrity/v1"
        ],
        "actor": "http://localhost:7420/actors/site",
        "cc": [
          "http://localhost:7420/actors/site/followers"
        ],
        "id": "http://localhost:7420/activities/ut44h4l6yegpmgciymvmbde3bxeq2tsx66ffpeelnzrar5y4yoyq",
        "object": "http://localhost:7420/on-roses",
        "published": "2026-01-01T12:00:00.000Z",
        "to": [
          "https://www.w3.org/ns/activitystreams#Public"
        ],
        "transitions": [
          {
            "field": "status",
            "from": "draft",
            "to": "published"
          }
        ],
        "type": "Create"
      },
      "attempt": 1,
      "behavior": "test",
      "config": {
        "digest": {
          "at": "09:00",
          "tz": "UTC"
        }
      },
      "current": {
        "revision": 1,
        "status": "published"
      },
      "flow": "hzsb2ln3yonwxmus7erp4txj6nc3lf7flmlqze3myvd4vrfcvgca",
      "input": {},
      "node": "a",
      "now": "2026-01-01T12:00:00.000Z",
      "object": {
        "attributedTo": "http://localhost:7420/actors/site",
        "id": "http://localhost:7420/on-roses",
        "name": "On roses",
        "published": "2026-01-01T12:00:00.000Z",
        "revision": 1,
        "status": "published",
        "type": "Article",
        "updated": "2026-01-01T12:00:00.000Z"
      },
      "v": 1
    }
    "#);
    insta::assert_snapshot!(pretty(&walked), @r#"
    {
      "nodes": [
        {
          "node": "a",
          "status": "done",
          "output": null,
          "calls": 1,
          "fuel": 7,
          "log": [
            {
              "level": "info",
              "message": "a 1"
            }
          ]
        }
      ],
      "effects": [
        {
          "node": "a",
          "kind": "log",
          "payload": {
            "message": "On roses"
          }
        }
      ]
    }
    "#);
}

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

#[test]
fn what_matches_no_trigger_says_why() {
    let behavior = behavior(json!([{"id": "a", "kind": "step"}]), json!([]));
    let update = event(json!({"activity": {"type": "Update"}}));
    let (rehearsal, calls) = try_rehearse(&behavior, &update, &|_| Ok(json!({}))).expect("it is rehearsed");
    assert!(calls.is_empty());
    assert_eq!(rehearsal.golden(), Golden::Unmatched);
    let told = Golden::Walked { effects: Vec::new(), failed: None }.mismatches(&rehearsal);
    assert_eq!(told[0].to_string(), "no trigger matches: on: wants Create, found Update");
}

#[test]
fn an_activity_is_what_a_host_would_have_made_of_it() {
    let staged = |document: Value| event(document).stage(&Home::new_host()).expect("an activity");
    let deleted = staged(json!({"activity": {"type": "Delete"}}));
    assert_eq!(deleted.document["object"]["type"], "Tombstone");
    assert_eq!(
        (deleted.object_type.as_str(), deleted.object_id()),
        ("Article", Some("http://localhost:7420/on-roses"))
    );
    let order = staged(json!({"object": {"type": "Order", "id": "http://localhost:7420/objects/Order/7", "total": 3}}));
    assert_eq!(order.object.expect("ours").to_string(), "Order/7");
    assert_eq!(order.transitions.len(), 1, "all of it is new: {:?}", order.transitions);
    let follow = json!({"box": "inbox", "activity": {"type": "Follow"}, "object": "http://localhost:7420/actors/site"});
    let follow = staged(follow);
    assert_eq!((follow.object_type.as_str(), follow.r#box.to_string().as_str()), ("Service", "inbox"));
    let note = json!({"type": "Note", "id": "https://elsewhere.example/notes/1", "content": "<script>x</script>hi"});
    let note = staged(json!({"box": "inbox", "object": note}));
    assert_eq!(note.object_document()["content"], "hi", "as an inbox takes it in");
    let share = staged(
        json!({"activity": {"type": "Announce", "id": "http://localhost:7420/activities/x"}, "object": "http://b.example/1"}),
    );
    assert_eq!((share.object_type.as_str(), share.id.token()), ("Link", "x"));
    assert_eq!(share.root, share.id);
}

#[test]
fn what_was_recorded_becomes_an_event_that_is_recorded_as_the_same() {
    let home = Home { base_url: "https://roses.example", owner: "ada".parse().expect("a name") };
    let note = json!({"type": "Note", "id": "https://elsewhere.example/notes/1", "content": "hi"});
    let order = json!({"type": "Order", "id": "https://roses.example/objects/Order/7", "revision": 4, "total": 3});
    let paid = json!([{"field": "status", "from": "pending", "to": "paid"}]);
    for document in [
        json!({}),
        json!({"activity": {"type": "Update", "to": ["https://elsewhere.example/x"]}, "now": "2026-03-04T05:06:07.890Z"}),
        json!({"activity": {"type": "Delete"}}),
        json!({"activity": {"type": "Update"}, "object": order, "transitions": paid}),
        json!({"activity": {"type": "Like"}, "object": "https://elsewhere.example/notes/1"}),
        json!({"activity": {"type": "Announce", "id": "https://roses.example/activities/x"}, "object": note}),
        json!({"box": "inbox", "object": note}),
        json!({"box": "inbox", "activity": {"type": "Follow"}, "object": "https://roses.example/actors/ada"}),
    ] {
        let recorded = event(document).stage(&home).expect("an activity");
        let config = json!({"limit": 3}).as_object().cloned().unwrap_or_default();
        let current = crate::event::Current { revision: 2, status: Some("published".to_owned()) };
        let file = event_of(&recorded, &config, Some(&current));
        let again = AuthorEvent::of_document(file.clone()).unwrap_or_else(|error| panic!("{error}: {file:?}"));
        assert_eq!((&again.config, &again.current), (&config, &Some(current)));
        assert_eq!(again.stage(&home).expect("an activity"), recorded, "{file:?}");
    }
}

#[test]
fn how_a_signal_ends_a_wait_is_foreseen_where_somebody_says_so() {
    let nodes = json!([{"id": "ask", "kind": "wait", "wait": {"signal": "approve"}}, {"id": "c", "kind": "step"}]);
    let asks = behavior(nodes, json!([{"from": "ask", "to": "c"}]));
    let said = event(json!({"waits": {"ask": {}}})).waits;
    let grant = json!({"effects": [{"kind": "log"}]});
    let foreseen = foresee_with(&asks, &grant, BTreeMap::new(), &said, &|| true).expect("foreseen");
    assert_eq!((foreseen.ends, foreseen.effects.len()), (Ends::Completed, 1));
    let wrong = event(json!({"waits": {"c": {}}})).waits;
    let error = foresee_with(&asks, &grant, BTreeMap::new(), &wrong, &|| true).expect_err("refused");
    assert_eq!(error.to_string(), "waits/c: is no wait");
}

#[test]
fn what_is_wrong_with_an_event_is_named_by_its_place() {
    let behavior = behavior(
        json!([{"id": "a", "kind": "step"}, {"id": "wait", "kind": "wait", "wait": {"for": "PT1H"}}]),
        json!([{"from": "a", "to": "wait"}]),
    );
    let article = json!({"type": "Article", "name": "x"});
    for (document, wanted) in [
        (json!({}), "object: is missing"),
        (json!({"object": 7}), "object: is neither an object nor the URL of one"),
        (json!({"object": {}}), "object/type: is missing or no text"),
        (json!({"object": article, "objct": 1}), "objct: is no member here; those are object, activity"),
        (json!({"object": article, "now": "noon"}), "now: \"noon\" is not an RFC 3339 time"),
        (json!({"object": article, "box": "post"}), "box: unknown variant `post`"),
        (json!({"object": article, "activity": {"object": "x"}}), "activity/object: stands beside"),
        (json!({"object": article, "activity": {"type": "create"}}), "activity/type: \"create\" is not a type name"),
        (json!({"object": article, "transitions": [{"from": 1}]}), "transitions/0/field: is missing"),
        (json!({"object": article, "current": {"status": "draft"}}), "current/revision: is missing"),
        (json!({"object": article, "waits": {"wait": {"when": 1}}}), "waits/wait/when: is no member here"),
        (json!({"object": article, "waits": {"nap": {}}}), "waits/nap: test has no node nap"),
        (json!({"object": article, "waits": {"a": {}}}), "waits/a: is no wait"),
        (json!({"object": article, "waits": {"wait": {"by": "signal"}}}), "waits/wait/by: node wait waits for a time"),
        (json!({"object": article, "waits": {"wait": {"payload": 1}}}), "waits/wait/payload: only a signal"),
        (json!({"object": article, "config": {"limit": "x"}}), "config/limit: \"x\" is not of type \"integer\""),
        (json!({"object": article, "box": "inbox", "activity": {"actor": "me"}}), "activity/actor: "),
    ] {
        let read = AuthorEvent::read(document.to_string().as_bytes()).map_err(RehearsalError::from);
        let error = read.and_then(|event| try_rehearse(&behavior, &event, &|_| Ok(json!({}))));
        let error = error.expect_err("refused").to_string();
        assert!(error.starts_with(wanted), "{document}: {error}");
    }
    let error = AuthorEvent::read(br#"{"object": {}, "object": {}}"#).expect_err("refused");
    assert!(error.to_string().starts_with("the file: duplicate member name"), "{error}");
}

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

#[test]
fn what_a_flow_will_do_is_told_up_to_where_a_signal_decides() {
    let nodes = json!([
        {"id": "a", "kind": "step"},
        {"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}},
        {"id": "b", "kind": "step"},
        {"id": "ask", "kind": "wait", "wait": {"signal": "approve"}},
        {"id": "c", "kind": "step"},
    ]);
    let edges = json!([
        {"from": "a", "to": "pause"}, {"from": "pause", "to": "b"}, {"from": "b", "to": "ask"}, {"from": "ask", "to": "c"},
    ]);
    let foreseen = foresee_on(&behavior(nodes, edges), &["log", "notify"], BTreeMap::new(), &|| true);
    assert_eq!(foreseen.ends, Ends::Waiting);
    let told = |at: &str| at.parse::<crate::time::Timestamp>().expect("a time");
    let (noon, one) = (told("2026-01-01T12:00:00Z"), told("2026-01-01T13:00:00Z"));
    let effects: Vec<_> = foreseen.effects.iter().map(|effect| (effect.effect.node.as_str(), effect.at)).collect();
    assert_eq!(effects, [("a", noon), ("b", one)]);
    let waits: Vec<_> = foreseen.waits.iter().map(|wait| (wait.node.as_str(), wait.from, wait.until)).collect();
    assert_eq!(waits, [("pause", noon, Some(one)), ("ask", one, None)]);
}

#[test]
fn what_is_foreseen_is_held_against_the_grant_the_hour_and_the_time() {
    let each =
        behavior(json!([{"id": "a", "kind": "step"}, {"id": "b", "kind": "step"}]), json!([{"from": "a", "to": "b"}]));
    let denied = |granted: &[&str], recorded: u64, limit: Option<u64>| {
        let recorded = limit.map(|_| ("log".to_owned(), recorded)).into_iter().collect();
        let mut grant: Vec<_> = granted.iter().map(|kind| json!({"kind": kind})).collect();
        if let Some(limit) = limit {
            grant[0]["per_hour"] = limit.into();
        }
        let foreseen = foresee_by(&each, &json!({"effects": grant}), recorded, &|| true);
        foreseen.effects.iter().map(|effect| effect.effect.denied.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(denied(&["log"], 0, None), [false, false]);
    assert_eq!(denied(&["notify"], 0, None), [true, true]);
    assert_eq!(denied(&["log"], 4, Some(5)), [false, true], "the first takes the last place of the hour");
    let hurried = foresee_on(&each, &["log"], BTreeMap::new(), &|| false);
    assert_eq!((hurried.ends, hurried.effects.len()), (Ends::Unfinished, 0));
}

fn foresee_on(
    behavior: &Arc<Behavior>,
    granted: &[&str],
    recorded: BTreeMap<String, u64>,
    has_time: &dyn Fn() -> bool,
) -> Foresight {
    let kinds: Vec<_> = granted.iter().map(|kind| json!({"kind": kind})).collect();
    foresee_by(behavior, &json!({"effects": kinds}), recorded, has_time)
}

/// Foresees a flow of which every step logs a line.
fn foresee_by(
    behavior: &Arc<Behavior>,
    grant: &Value,
    recorded: BTreeMap<String, u64>,
    has_time: &dyn Fn() -> bool,
) -> Foresight {
    foresee_with(behavior, grant, recorded, &BTreeMap::new(), has_time).expect("foreseen")
}

fn foresee_with(
    behavior: &Arc<Behavior>,
    grant: &Value,
    recorded: BTreeMap<String, u64>,
    waits: &BTreeMap<NodeId, WaitEnd>,
    has_time: &dyn Fn() -> bool,
) -> Result<Foresight, RehearsalError> {
    let activity = event(json!({})).stage(&Home::new_host()).expect("an activity");
    let grant: Grant = serde_json::from_value(grant.clone()).expect("a grant");
    let installed = Installed {
        name: behavior.name.clone(),
        digest: Digest::of(b"wasm"),
        behavior: Arc::clone(behavior),
        enabled: true,
        is_held_back: false,
        is_untried: false,
        config: serde_json::Map::new(),
        effective_config: serde_json::Map::new(),
        grant: grant.clone(),
        grant_version: 1,
    };
    let started = crate::pipeline::matching::start(1, &activity, &installed, 1, None);
    let call = |_: &str, _: &crate::guest::Surroundings| {
        let outcome = json!({"v": 1, "effects": [log("said")]});
        GuestReport { result: Ok(outcome.to_string()), fuel: 1, log: Vec::new() }
    };
    let prospect = Prospect {
        started: Arc::new(started),
        activity: &activity,
        behavior,
        grant: &grant,
        recorded,
        base_url: "https://h",
        now: "2026-01-01T12:00:00Z".parse().expect("a time"),
        waits,
        has_time,
    };
    foresee(prospect, &call)
}
