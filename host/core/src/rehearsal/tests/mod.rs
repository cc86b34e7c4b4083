//! Rehearsals with guests of the test's making.

mod events;
mod foresight;
mod golden;
mod walks;

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
