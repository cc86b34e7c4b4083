//! A flow that a host would walk on an engine, with the entries that it would append.

use std::sync::Arc;

use rosehip_core::{
    activity::Activity,
    behavior::{Behavior, Registry},
    event::{
        ActivityAppended, BehaviorInstalled, Event, FlowCompleted, FlowFailed, FlowResumed, FlowSuspended, Record,
    },
    flow::{FlowState, Step, next},
    guest::{GuestEngine as _, GuestReport, Surroundings},
    ids::Digest,
    log::{Entry, Frame, Head},
    pipeline::{
        matching::matching,
        walk::{self, Allowed, Attempt, NOTHING_COUNTED},
    },
    rehearsal::{AuthorEvent, Home},
    replay::{Purpose, Recording, Replay, Verdict, replay},
    time::Timestamp,
};
use rosehip_wasm::WasmEngine;
use serde_json::{Value, json};

const BASE_URL: &str = "https://h.example";
const START_MS: i64 = 1_767_225_600_000;

/// What is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Floats, the bits of NaN, and integers for each item of a list, with a wait between them.
    Computing,
    /// A step behind another traps.
    Trapping,
    /// A step asks to be called again until its policy ends.
    Retrying,
}

impl Flow {
    pub(super) const ALL: [Self; 3] = [Self::Computing, Self::Trapping, Self::Retrying];

    /// The kind of its last entry.
    pub(super) fn end(self) -> &'static str {
        match self {
            Self::Computing => "flow.completed",
            Self::Trapping | Self::Retrying => "flow.failed",
        }
    }

    fn manifest(self) -> Value {
        let step = |id: &str| json!({"id": id, "kind": "step"});
        let edge = |from: &str, to: &str| json!({"from": from, "to": to});
        let wait = json!({"id": "w", "kind": "wait", "wait": {"for": "PT1H"}});
        let each = json!({"id": "i", "kind": "each", "over": "/object/tag"});
        let (nodes, edges) = match self {
            Self::Computing => {
                (json!([step("f"), wait, step("n"), each]), json!([edge("f", "w"), edge("w", "n"), edge("n", "i")]))
            }
            Self::Trapping => (json!([step("f"), step("t")]), json!([edge("f", "t")])),
            Self::Retrying => (json!([step("r")]), json!([])),
        };
        json!({"v": 1, "name": "levels", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Note"}],
            "nodes": nodes, "edges": edges, "effects": ["log"]})
    }
}

/// The entries of a flow with those before it.
pub(super) struct Recorded {
    behavior: Arc<Behavior>,
    digest: Digest,
    frame: Frame,
}

impl Recorded {
    /// Walks a flow on an engine.
    pub(super) fn on(engine: &WasmEngine, wasm: &[u8], flow: Flow) -> Self {
        let digest = Digest::of(wasm);
        engine.load(digest, wasm).expect("the guest is admitted");
        let behavior = Arc::new(Behavior::parse(&flow.manifest().to_string()).expect("a valid manifest"));
        let mut recorded = Self { behavior, digest, frame: Frame::after(Head::default()) };
        recorded.walk(engine);
        recorded
    }

    fn walk(&mut self, engine: &WasmEngine) {
        let mut now = Timestamp::from_millis(START_MS);
        let installed = Event::from(BehaviorInstalled {
            name: self.behavior.name.clone(),
            digest: self.digest,
            manifest: self.behavior.manifest.clone(),
            by: None,
            enabled: true,
        });
        let mut registry = Registry::default();
        registry.apply(&self.append(installed, now)).expect("installed");
        let activity = Arc::new(activity());
        let appended = self.append(ActivityAppended { activity: Arc::clone(&activity) }.into(), now);
        let matched = matching(appended.seq, &activity, &registry.at(appended.seq), None);
        let started = matched.flows.first().expect("it matches").clone();
        self.append(matched.matched.into(), now);
        let begun = self.append(Event::FlowStarted(Arc::clone(&started)), now);
        let mut flow = FlowState::begin(begun.seq, now, started, Arc::clone(&self.behavior.dag));
        while !flow.status().is_final() {
            for step in next(&flow, now) {
                if let Step::Sleep(due) = step {
                    now = now.max(due);
                    continue;
                }
                let event = self.event_of(&flow, &activity, step, engine, now);
                let record = self.append(event, now);
                let event = record.event.expect("it was just made");
                flow.apply(record.seq, now, &event).expect("the entry follows from the ones before");
            }
        }
    }

    fn event_of(
        &self,
        flow: &FlowState,
        activity: &Activity,
        step: Step,
        engine: &WasmEngine,
        now: Timestamp,
    ) -> Event {
        let id = flow.id();
        match step {
            Step::Sleep(_) => unreachable!("it is no entry"),
            Step::Spread { node } => walk::begin_each(flow, activity, node, now),
            Step::Wait { node } => walk::begin_wait(flow, activity, node, now),
            Step::Fire { node, at, by } => walk::fire(flow, node, at, by),
            Step::Suspend => FlowSuspended { flow: id, due: None }.into(),
            Step::Resume => FlowResumed { flow: id, current: None }.into(),
            Step::Complete => FlowCompleted { flow: id }.into(),
            Step::Fail { node, error } => FlowFailed { flow: id, node: flow.dag.node(node).id.clone(), error }.into(),
            Step::Call { node, item, attempt } => {
                let attempt = Attempt { node, item, attempt, started_at: now };
                let items = walk::items(flow, activity, node).expect("a list");
                let call = walk::call(flow, activity, attempt, &items).expect("a Call");
                let report = ask(engine, self.digest, &call, &walk::surroundings(flow, attempt));
                let allowed = Allowed {
                    declared: &self.behavior.effects,
                    pinned: &flow.started.grant,
                    now: None,
                    owner: &flow.started.owner,
                    base_url: BASE_URL,
                    recorded: &NOTHING_COUNTED,
                };
                walk::conclude(flow, attempt, report, allowed, now)
            }
        }
    }

    /// Appends as the writer does, with a salt that is no chance.
    fn append(&mut self, event: Event, now: Timestamp) -> Record {
        let salt = [u8::try_from(self.frame.entries.len()).expect("few"); 32];
        self.frame.push(event.draft(now), salt);
        Record::of(self.entries().last().expect("it was just added")).expect("it was just made")
    }

    fn entries(&self) -> &[Entry] {
        &self.frame.entries
    }

    /// The end of the chain.
    pub(super) fn head(&self) -> Head {
        self.frame.head()
    }

    /// Every byte of every entry, a line each.
    pub(super) fn lines(&self) -> String {
        let line =
            |entry: &Entry| format!("{:?} {} {}\n", entry.header, entry.hash, String::from_utf8_lossy(&entry.body));
        self.entries().iter().map(line).collect()
    }

    /// The kind of the last entry.
    pub(super) fn end(&self) -> &str {
        &self.entries().last().expect("there are some").header.kind
    }

    /// Replays what is recorded on an engine, for either purpose.
    pub(super) fn assert_replays_on(&self, engine: &WasmEngine, what: &str) {
        let stored =
            self.entries().iter().map(|entry| Record::read(&entry.clone().into()).expect("it was just written"));
        let records: Vec<Record> = stored.collect();
        let recording = Recording::read(&records[3..], &records[1]).expect("a flow");
        let ask = |call: &str, surroundings: &Surroundings| ask(engine, self.digest, call, surroundings);
        let replay = |purpose| replay(&recording, &self.behavior, true, BASE_URL, purpose, &ask);
        assert_eq!(replay(Purpose::Verify), Replay::bare(Verdict::Same), "{what}");
        // A flow that failed fails again in the same way, where every call is made anew.
        let again = replay(Purpose::WhatIf);
        assert!(again.effects.is_empty() && again.paths.is_empty(), "{what}: {again:?}");
    }
}

fn ask(engine: &WasmEngine, digest: Digest, call: &str, surroundings: &Surroundings) -> GuestReport {
    engine.run(digest, call, surroundings).expect("the guest is loaded")
}

fn activity() -> Activity {
    let event = json!({"object": {"type": "Note", "id": "n", "content": "a rose", "tag": ["red", "white", "dog"]}});
    let event = AuthorEvent::read(event.to_string().as_bytes()).expect("an event");
    event.stage(&Home { base_url: BASE_URL, owner: "site".parse().expect("a name") }).expect("an activity")
}
