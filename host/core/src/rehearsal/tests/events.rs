//! The events that authors write, or take from a recorded activity.

use super::*;

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
        "cc": [
          "http://localhost:7420/actors/site/followers"
        ],
        "id": "http://localhost:7420/on-roses",
        "name": "On roses",
        "published": "2026-01-01T12:00:00.000Z",
        "revision": 1,
        "status": "published",
        "to": [
          "https://www.w3.org/ns/activitystreams#Public"
        ],
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
