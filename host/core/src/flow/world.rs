//! A flow with the world around it, for tests: documents in, entries out, and a guest of the test's making.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{FlowState, Step, next};
use crate::{
    activity::{Activity, Announcement},
    behavior::{Behavior, Grant, NodeIndex, Registry},
    event::{
        BehaviorInstalled, Current, Event, FlowCompleted, FlowFailed, FlowResumed, FlowStarted, FlowSuspended, Record,
    },
    guest::{GuestFailure, GuestReport},
    ids::Digest,
    object::Object,
    pipeline::{
        matching::matching,
        walk::{self, Allowed, Attempt},
    },
    state::NodeStatus,
    time::Timestamp,
};

pub(crate) const START: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

pub(crate) fn article() -> Activity {
    let content = json!({"name": "A", "status": "published", "category": "urgent", "slug": "a"});
    let object = Object {
        key: "Article/a".parse().expect("a key"),
        revision: 1,
        seq: 1,
        owner: "site".parse().expect("a name"),
        content: content.as_object().cloned(),
        publications: 1,
        created_at: Timestamp::from_millis(START),
        published_at: Some(Timestamp::from_millis(START)),
        updated_at: Timestamp::from_millis(START),
    };
    let transitions = crate::object::transitions(None, object.content.as_ref());
    let kind = "Create".parse().expect("a type");
    let now = Timestamp::from_millis(START);
    Announcement {
        base_url: "http://h",
        kind,
        object: &object,
        deleted: None,
        transitions: &transitions,
        now,
        origin: None,
    }
    .compose(&crate::ports::Unsigned)
}

pub(crate) fn manifest(nodes: Value, edges: Value) -> Value {
    json!({
        "v": 1, "name": "test", "version": "1.0.0",
        "triggers": [{"on": "Create", "object": "Article", "transition": {"field": "status", "to": "published"}}],
        "nodes": nodes, "edges": edges, "effects": ["log", "notify", "webhook"],
    })
}

/// A guest of the test's making: an answer for each node and attempt.
pub(crate) type Script<'a> = dyn Fn(&str, u32) -> Result<Value, GuestFailure> + 'a;

/// A flow with the log it would have written and a clock that the test moves.
pub(crate) struct World<'a> {
    pub(crate) behavior: Arc<Behavior>,
    pub(crate) activity: Activity,
    pub(crate) flow: FlowState,
    pub(crate) script: &'a Script<'a>,
    pub(crate) now: Timestamp,
    pub(crate) calls: Vec<String>,
    /// The Calls, as the guest was given them.
    pub(crate) documents: Vec<String>,
    /// The object's standing, as it is found when the flow goes on.
    pub(crate) current: Option<Current>,
    pub(crate) log: Vec<(Timestamp, Event)>,
    /// What the operator grants.
    pub(crate) grant: Grant,
    /// Effects of counted kinds that were recorded in the hour before.
    pub(crate) recorded: BTreeMap<String, u64>,
}

impl<'a> World<'a> {
    pub(crate) fn new(manifest: &Value, script: &'a Script<'a>) -> Self {
        let now = Timestamp::from_millis(START);
        let behavior = Arc::new(Behavior::parse(&manifest.to_string()).expect("a valid manifest"));
        let mut registry = Registry::default();
        let installed = BehaviorInstalled {
            name: behavior.name.clone(),
            digest: Digest::of(b"wasm"),
            manifest: behavior.manifest.clone(),
            by: None,
            enabled: true,
        };
        let event = Event::from(installed);
        registry
            .apply(&Record { seq: 1, time: now, stream: event.stream(), event: Some(event.into()) })
            .expect("installed");
        let activity = article();
        let matched = matching(2, &activity, &registry.at(2), None);
        let started: Arc<FlowStarted> = matched.flows.first().expect("it matches").clone();
        let flow = FlowState::begin(3, now, started, Arc::clone(&behavior.dag));
        Self {
            behavior,
            activity,
            flow,
            script,
            now,
            calls: Vec::new(),
            documents: Vec::new(),
            current: None,
            log: Vec::new(),
            grant: Grant::default(),
            recorded: BTreeMap::new(),
        }
    }

    pub(crate) fn take(&mut self, event: Event) {
        self.flow.apply(self.flow.seq + 1, self.now, &event).expect("the entry follows from the ones before");
        self.log.push((self.now, event));
    }

    /// Does what `next` says until it says nothing more.
    pub(crate) fn run(&mut self) -> &mut Self {
        loop {
            let steps = next(&self.flow, self.now);
            if steps.iter().all(|step| matches!(step, Step::Sleep(_))) {
                return self;
            }
            for step in steps {
                let id = self.flow.id();
                let event = match step {
                    Step::Sleep(_) => continue,
                    Step::Spread { node } => walk::begin_each(&self.flow, &self.activity, node, self.now),
                    Step::Call { node, item, attempt } => self.call(node, item, attempt),
                    Step::Wait { node } => walk::begin_wait(&self.flow, &self.activity, node, self.now),
                    Step::Fire { node, at, by } => walk::fire(&self.flow, node, at, by),
                    Step::Suspend => {
                        FlowSuspended { flow: id, due: self.flow.timers(self.now).map(|(_, due)| due).min() }.into()
                    }
                    Step::Resume => FlowResumed { flow: id, current: self.current.clone() }.into(),
                    Step::Complete => FlowCompleted { flow: id }.into(),
                    Step::Fail { node, error } => {
                        FlowFailed { flow: id, node: self.flow.dag.node(node).id.clone(), error }.into()
                    }
                };
                self.take(event);
            }
        }
    }

    pub(crate) fn call(&mut self, node: NodeIndex, item: Option<u32>, attempt: u32) -> Event {
        let name = self.flow.dag.node(node).id.to_string();
        let attempt = Attempt { node, item, attempt, started_at: self.now };
        let items = walk::items(&self.flow, &self.activity, node).expect("a list");
        let call = walk::call(&self.flow, &self.activity, attempt, &items).expect("a Call");
        let name = match serde_json::from_str::<Value>(&call).expect("JSON").get("item") {
            Some(item) => format!("{name}({item})"),
            None => name,
        };
        self.calls.push(name.clone());
        self.documents.push(call);
        let result = (self.script)(&name, attempt.attempt).map(|outcome| outcome.to_string());
        let allowed = Allowed {
            declared: &self.behavior.effects,
            pinned: &self.flow.started.grant,
            now: Some(&self.grant),
            owner: &self.flow.started.owner,
            base_url: "https://h.example",
            recorded: &self.recorded,
        };
        let report = GuestReport { result, fuel: 1, log: Vec::new() };
        // The clock goes on before its entry is appended.
        walk::conclude(&self.flow, attempt, report, allowed, Timestamp::from_millis(self.now.as_millis() - 1))
    }

    pub(crate) fn later(&mut self, ms: u64) -> &mut Self {
        self.now = self.now.plus_millis(ms);
        self
    }

    pub(crate) fn node(&self, id: &str) -> NodeStatus {
        let index = self.flow.dag.find(&id.parse().expect("a name")).expect("a node");
        self.flow.node(index).status
    }

    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.log.iter().map(|(_, event)| event.kind()).collect()
    }

    /// The same flow, folded from nothing but its entries.
    pub(crate) fn refolded(&self) -> FlowState {
        let started = Arc::clone(&self.flow.started);
        let mut flow = FlowState::begin(3, Timestamp::from_millis(START), started, Arc::clone(&self.behavior.dag));
        for (seq, (time, event)) in (4..).zip(&self.log) {
            flow.apply(seq, *time, event).expect("it was applied before");
        }
        flow
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is a script like the others")]
pub(crate) fn nothing(_: &str, _: u32) -> Result<Value, GuestFailure> {
    Ok(json!({"effects": []}))
}

pub(crate) fn step(id: &str) -> Value {
    json!({"id": id, "kind": "step"})
}
