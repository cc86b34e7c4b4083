//! Manifests: any text is refused by a rule, or is a behavior that is written and read as itself and whose flows end.

use std::sync::Arc;

use rosehip_core::{
    behavior::{Behavior, Grant, Registry},
    event::{BehaviorInstalled, Event, FlowCompleted, FlowFailed, FlowResumed, FlowSuspended, Record},
    flow::{FlowState, Step, next},
    guest::{GuestFailure, GuestReport},
    ids::Digest,
    limits::DAG_NODES,
    pipeline::{
        matching::matching,
        walk::{self, Allowed, Attempt, NOTHING_COUNTED},
    },
    time::Timestamp,
};
use serde_json::json;

use crate::activities::created;

/// Steps within which a flow of at most [`DAG_NODES`] nodes has ended: the calls of a node and its waits are few.
const MOST_STEPS: usize = 100 * DAG_NODES;

/// The text of a manifest.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let behavior = match Behavior::parse(text) {
        Ok(behavior) => behavior,
        Err(error) => return assert!(!error.rule.is_empty() && !error.message.is_empty(), "{error:?} says nothing"),
    };
    let written = serde_json::to_string(&behavior.manifest).expect("a manifest is JSON");
    let read = Behavior::parse(&written).expect("what was written is read");
    assert_eq!(read.manifest, behavior.manifest, "a manifest is read as it was written");
    assert_eq!(read.dag.order(), behavior.dag.order());
    let behavior = Arc::new(behavior);
    for answer in [r#"{"effects":[]}"#, "[", ""] {
        walked(&behavior, answer);
    }
}

/// Lets a flow of the behavior run while each call answers the same, and time passes whenever it sleeps.
fn walked(behavior: &Arc<Behavior>, answer: &str) {
    let Some(mut flow) = begun(behavior) else { return };
    let activity = created(json!({"status": "published"}).as_object().cloned().unwrap_or_default());
    let mut now = Timestamp::default();
    for _ in 0..MOST_STEPS {
        let steps = next(&flow, now);
        let Some(step) = steps.into_iter().next() else { return };
        let flow_id = flow.id();
        let event: Event = match step {
            Step::Sleep(at) => {
                assert!(at > now, "a flow sleeps until a moment that has come");
                now = at;
                continue;
            }
            Step::Spread { node } => walk::begin_each(&flow, &activity, node, now),
            Step::Call { node, item, attempt } => {
                let attempt = Attempt { node, item, attempt, started_at: now };
                let result = match answer {
                    "" => Err(GuestFailure::Retry("not now".to_owned())),
                    text => Ok(text.to_owned()),
                };
                let report = GuestReport { result, fuel: 1, log: Vec::new() };
                let grant = Grant::default();
                let allowed = Allowed {
                    declared: &behavior.effects,
                    pinned: &grant,
                    now: None,
                    owner: &flow.started.owner,
                    base_url: "https://h.example",
                    recorded: &NOTHING_COUNTED,
                };
                walk::conclude(&flow, attempt, report, allowed, now)
            }
            Step::Wait { node } => walk::begin_wait(&flow, &activity, node, now),
            Step::Fire { node, at, by } => walk::fire(&flow, node, at, by),
            Step::Suspend => FlowSuspended { flow: flow_id, due: None }.into(),
            Step::Resume => FlowResumed { flow: flow_id, current: None }.into(),
            Step::Complete => FlowCompleted { flow: flow_id }.into(),
            Step::Fail { node, error } => {
                FlowFailed { flow: flow_id, node: flow.dag.node(node).id.clone(), error }.into()
            }
        };
        flow.apply(flow.seq + 1, now, &event).expect("what a flow says comes next follows from it");
    }
    panic!("a flow takes more than {MOST_STEPS} steps");
}

/// A flow that an activity started, whatever the manifest's own triggers say.
fn begun(behavior: &Arc<Behavior>) -> Option<FlowState> {
    let now = Timestamp::default();
    let mut manifest = behavior.manifest.clone();
    let trigger = json!({"on": "Create", "object": "Article"});
    manifest.triggers = vec![serde_json::from_value(trigger).expect("it is a trigger")];
    let name = behavior.name.clone();
    let installed = BehaviorInstalled { name, digest: Digest::of(b"wasm"), manifest, by: None, enabled: true };
    let event = Event::from(installed);
    let mut registry = Registry::default();
    let record = Record { seq: 1, time: now, stream: event.stream(), event: Some(event.into()) };
    registry.apply(&record).expect("a checked manifest installs");
    let activity = created(json!({"status": "published"}).as_object().cloned().unwrap_or_default());
    let started = matching(2, &activity, &registry.at(2), None).flows.first()?.clone();
    Some(FlowState::begin(3, now, started, Arc::clone(&behavior.dag)))
}
