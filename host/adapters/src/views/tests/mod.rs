//! What the views say of flows that caused others, of effects that need somebody and of what was recorded lately.

mod deliveries;
mod rebuilt;
mod standings;

use std::sync::Arc;

use rosehip_core::{
    event::{
        EffectChanged, Event, FlowFailed, FlowResumed, FlowStarted, FlowSuspended, NodeDone, NodeError, Record,
        flow_stream,
    },
    ids::{EffectId, FlowId},
    state::EffectStatus,
    time::Timestamp,
};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{FlowFilter, StuckFilter, ViewReader, flow_rows, fold::Batch, schema};

struct Views {
    connection: Connection,
    reader: ViewReader,
    seq: u64,
    _dir: tempfile::TempDir,
}

impl Views {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("views.db");
        let connection = Connection::open(&path).expect("a file");
        connection.execute_batch(schema::TABLES).expect("the tables");
        Self { connection, reader: ViewReader::open(&path).expect("readable"), seq: 0, _dir: dir }
    }

    /// Folds an event of a flow, in a batch of its own.
    fn take(&mut self, flow: FlowId, minute: i64, event: impl Into<Event>) {
        self.seq += 1;
        let time = Timestamp::from_millis(minute * 60_000);
        let record = Record { seq: self.seq, time, stream: flow_stream(flow), event: Some(Arc::new(event.into())) };
        let transaction = self.connection.transaction().expect("a transaction");
        let mut batch = Batch::new(&transaction);
        batch.apply(&record).expect("folded");
        batch.finish().expect("written");
        transaction.commit().expect("committed");
    }

    fn start(&mut self, flow: FlowId, cause: Option<(FlowId, EffectId)>) {
        let cause = cause.map(|(flow, effect)| json!({"flow": flow, "effect": effect}));
        let started: FlowStarted = serde_json::from_value(json!({
            "flow": flow, "behavior": "hooks", "digest": "ab".repeat(32), "version": "1.0.0", "config": {},
            "grant": {"effects": []}, "grant_version": 0, "run": 1, "owner": "site", "box": "outbox",
            "activity": "https://h.example/activities/a", "activity_seq": 1, "object": null, "cause": cause,
            "depth": 0, "root": "https://h.example/activities/a", "current": null,
        }))
        .expect("a start");
        self.take(flow, 1_000, Arc::new(started));
    }

    fn record(&mut self, flow: FlowId, minute: i64, effects: Value) {
        let done: NodeDone = serde_json::from_value(json!({
            "flow": flow, "node": "act", "attempt": 1, "output": null, "branch": null, "effects": effects, "fuel": 1,
            "started_at": Timestamp::from_millis(0),
        }))
        .expect("a call");
        self.take(flow, minute, done);
    }

    fn change(&mut self, flow: FlowId, effect: EffectId, from: EffectStatus, to: EffectStatus, error: Option<&str>) {
        let change = EffectChanged {
            flow,
            effect,
            from,
            to,
            attempt: 1,
            error: error.map(str::to_owned),
            failure: None,
            delay_ms: None,
            receipt: None,
            by: None,
            reason: None,
        };
        self.take(flow, 1_000, change);
    }

    fn stuck(&self, filter: &StuckFilter) -> Vec<EffectId> {
        let found = self.reader.stuck(filter, 10).expect("readable");
        assert_eq!(self.reader.count_stuck(filter).expect("readable"), found.len() as u64);
        found.into_iter().map(|stuck| stuck.effect).collect()
    }
}

fn flow(n: u8) -> FlowId {
    FlowId::from_bytes([n; 32])
}

fn effect(n: u8) -> EffectId {
    EffectId::from_bytes([n; 32])
}

fn webhook(id: EffectId, host: &str, status: &str) -> Value {
    let payload = json!({"url": format!("https://{host}/in")});
    json!({"id": id, "node": "act", "ordinal": 0, "kind": "webhook", "payload": payload, "status": status})
}

#[test]
fn flows_that_a_flow_caused_are_found_with_the_effect_that_did() {
    let mut views = Views::new();
    views.start(flow(1), None);
    views.start(flow(2), Some((flow(1), effect(7))));
    views.start(flow(3), Some((flow(1), effect(8))));
    views.start(flow(4), Some((flow(2), effect(9))));
    // What happens later to a child does not make it forget its parent.
    views.record(flow(2), 1_000, json!([]));
    let children = |of: FlowId, limit| {
        let found = views.reader.children(&of.to_string(), limit).expect("readable");
        found.into_iter().map(|child| (child.summary.id, child.effect)).collect::<Vec<_>>()
    };
    assert_eq!(children(flow(1), 9), [(flow(2), Some(effect(7))), (flow(3), Some(effect(8)))]);
    assert_eq!(children(flow(1), 1).len(), 1);
    assert_eq!(children(flow(3), 9), []);
}

#[test]
fn effects_that_need_somebody_are_found_by_what_is_known_of_them() {
    let mut views = Views::new();
    views.start(flow(1), None);
    let effects = json!([
        webhook(effect(1), "Hooks.example.org", "recorded"),
        webhook(effect(2), "other.example", "recorded"),
        webhook(effect(3), "other.example", "recorded"),
    ]);
    views.record(flow(1), 1_000, effects);
    assert_eq!(views.stuck(&StuckFilter::default()), [], "none has failed");
    views.change(flow(1), effect(2), EffectStatus::Recorded, EffectStatus::Unhandled, Some("no sink"));
    views.change(flow(1), effect(1), EffectStatus::Attempting, EffectStatus::Dead, Some("timed out after 10 s"));
    assert_eq!(views.stuck(&StuckFilter::default()), [effect(2), effect(1)], "in the order in which they got stuck");
    let text = |text: &str| Some(text.to_owned());
    for (filter, found) in [
        (StuckFilter { status: text("dead"), ..StuckFilter::default() }, vec![effect(1)]),
        (StuckFilter { kind: text("webhook"), ..StuckFilter::default() }, vec![effect(2), effect(1)]),
        (StuckFilter { kind: text("email"), ..StuckFilter::default() }, vec![]),
        (StuckFilter { behavior: text("hooks"), ..StuckFilter::default() }, vec![effect(2), effect(1)]),
        (StuckFilter { behavior: text("other"), ..StuckFilter::default() }, vec![]),
        (StuckFilter { destination: text("HOOKS.example"), ..StuckFilter::default() }, vec![effect(1)]),
        (StuckFilter { error: text("Timed Out"), ..StuckFilter::default() }, vec![effect(1)]),
        (StuckFilter { error: text("%"), ..StuckFilter::default() }, vec![]),
        (StuckFilter { after: Some(views.seq - 1), ..StuckFilter::default() }, vec![effect(1)]),
    ] {
        assert_eq!(views.stuck(&filter), found, "{filter:?}");
    }
    views.change(flow(1), effect(1), EffectStatus::Dead, EffectStatus::Retrying, None);
    assert_eq!(views.stuck(&StuckFilter::default()), [effect(2)], "a redriven one is not stuck");
}

#[test]
fn what_was_recorded_is_counted_by_the_minute_and_forgotten() {
    let mut views = Views::new();
    views.start(flow(1), None);
    let three = json!([
        webhook(effect(1), "a.example", "recorded"),
        webhook(effect(2), "a.example", "denied"),
        webhook(effect(3), "a.example", "dispatched"),
    ]);
    views.record(flow(1), 1_000, three.clone());
    views.record(flow(1), 1_000, three.clone());
    views.record(flow(1), 1_001, three.clone());
    let counts = |views: &Views, minute| {
        let rows = views.reader.recorded_around(minute).expect("readable");
        rows.into_iter().map(|row| (row.minute, row.count)).collect::<Vec<_>>()
    };
    assert_eq!(counts(&views, 1_001), [(1_000, 4), (1_001, 2)]);
    assert_eq!(counts(&views, 2_000), []);
    views.record(flow(1), 1_500, three);
    assert_eq!(counts(&views, 1_001), [], "what is long past is gone");
}

#[test]
fn flows_are_counted_as_they_are_listed() {
    let mut views = Views::new();
    for n in 1..=3 {
        views.start(flow(n), None);
    }
    let found = |filter: &FlowFilter| {
        let listed = views.reader.flows(filter, 10).expect("readable").len();
        assert_eq!(views.reader.count_flows(filter).expect("readable"), listed as u64, "{filter:?}");
        listed
    };
    let begun = 1_000 * 60_000;
    for (filter, count) in [
        (FlowFilter::default(), 3),
        (FlowFilter { statuses: vec!["failed", "running"], ..FlowFilter::default() }, 3),
        (FlowFilter { statuses: vec!["failed"], ..FlowFilter::default() }, 0),
        (FlowFilter { from: Some(begun), ..FlowFilter::default() }, 3),
        (FlowFilter { until: Some(begun), ..FlowFilter::default() }, 0),
        (FlowFilter { before: Some(3), until: Some(begun + 1), ..FlowFilter::default() }, 2),
        (FlowFilter { object: Some("a".to_owned()), ..FlowFilter::default() }, 0),
    ] {
        assert_eq!(found(&filter), count, "{filter:?}");
    }
}

#[test]
fn flows_are_found_by_what_they_asked_for_what_stands_badly_and_the_words_they_are_about() {
    let mut views = Views::new();
    for n in 1..=3 {
        views.start(flow(n), None);
    }
    views.record(flow(1), 1_000, json!([webhook(effect(1), "a.example", "recorded")]));
    views.record(flow(2), 1_000, json!([webhook(effect(2), "a.example", "denied")]));
    views.change(flow(1), effect(1), EffectStatus::Recorded, EffectStatus::Attempting, None);
    views.change(flow(1), effect(1), EffectStatus::Attempting, EffectStatus::Dead, Some("no answer"));
    let error = NodeError { rule: "fuel".to_owned(), message: "The call has used up its Fuel.".to_owned() };
    views.take(flow(3), 1_000, FlowFailed { flow: flow(3), node: "act".parse().expect("a name"), error });

    let found = |views: &Views, filter: FlowFilter| {
        let listed = views.reader.flows(&filter, 10).expect("readable");
        assert_eq!(views.reader.count_flows(&filter).expect("readable"), listed.len() as u64, "{filter:?}");
        listed.into_iter().map(|(_, summary)| summary.id).collect::<Vec<_>>()
    };
    let of_kind = |kind: &str| FlowFilter { kind: Some(kind.to_owned()), ..FlowFilter::default() };
    let of_status = |status| FlowFilter { effect_statuses: vec![status], ..FlowFilter::default() };
    let of_text = |text: &str| FlowFilter { text: Some(text.to_owned()), ..FlowFilter::default() };
    assert_eq!(found(&views, of_kind("webhook")), [flow(2), flow(1)]);
    assert_eq!(found(&views, FlowFilter { before: Some(2), ..of_kind("webhook") }), [flow(1)]);
    assert_eq!(found(&views, of_kind("web")), []);
    assert_eq!(found(&views, of_status(EffectStatus::Dead)), [flow(1)]);
    assert_eq!(found(&views, of_status(EffectStatus::Denied)), [flow(2)]);
    assert_eq!(
        found(&views, FlowFilter { kind: Some("webhook".into()), ..of_status(EffectStatus::Denied) }),
        [flow(2)]
    );
    assert_eq!(found(&views, of_status(EffectStatus::Dispatched)), []);
    assert_eq!(found(&views, of_text("FUEL")), [flow(3)]);
    assert_eq!(found(&views, of_text("used, fuel")), [flow(3)]);
    assert_eq!(found(&views, of_text("fuel webhook")), []);
    assert_eq!(found(&views, of_text(" ")).len(), 3, "no word is no filter");

    // What is mended is not found any more, and what is erased leaves no mark.
    views.change(flow(1), effect(1), EffectStatus::Dead, EffectStatus::Retrying, None);
    assert_eq!(found(&views, of_status(EffectStatus::Dead)), []);
    assert_eq!(found(&views, of_status(EffectStatus::Retrying)), [flow(1)]);
    let transaction = views.connection.transaction().expect("a transaction");
    assert_eq!(flow_rows::erase(&transaction, 1, 3).expect("erased").len(), 3);
    let left: u64 = transaction.query_row("SELECT count(*) FROM flow_marks", [], |row| row.get(0)).expect("counted");
    assert_eq!(left, 0);
}

#[test]
fn a_flow_waits_since_it_was_suspended() {
    let mut views = Views::new();
    views.start(flow(1), None);
    views.take(flow(1), 1_010, FlowSuspended { flow: flow(1), due: None });
    let waits = |views: &Views, since: i64| {
        let filter = FlowFilter { waits_since: Some(since * 60_000), ..FlowFilter::default() };
        views.reader.flows(&filter, 10).expect("readable").len()
    };
    assert_eq!((waits(&views, 1_010), waits(&views, 1_011)), (0, 1));
    views.take(flow(1), 1_020, FlowResumed { flow: flow(1), current: None });
    assert_eq!(waits(&views, 9_999), 0);
}

/// Lists and lookups stay as quick as they are however much there is: each begins at an index.
#[test]
fn nothing_is_looked_for_by_going_through_all_there_is() {
    let views = Views::new();
    let plan = |sql: &str| {
        let mut statement = views.reader.connection().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("SQL");
        let count = statement.parameter_count();
        let steps = statement.query_map(rusqlite::params_from_iter(vec!["a"; count]), |row| row.get::<_, String>(3));
        steps.expect("a plan").collect::<Result<Vec<_>, _>>().expect("steps").join("; ")
    };
    let object = FlowFilter { object: Some("a".to_owned()), ..FlowFilter::default() };
    for (sql, index) in [
        (super::queries::ACTIVITY.to_owned(), "INDEX activities_by_token (token=?)"),
        (super::boxes::IN_BOX.to_owned(), "INDEX activities_by_token (token=?)"),
        (super::boxes::CID_IN_BOX.to_owned(), "INDEX activities_by_cid (cid=?)"),
        (object.list_sql(), "INDEX flows_by_object (object=? AND seq<?)"),
    ] {
        let plan = plan(&sql);
        assert!(plan.contains(index) && !plan.contains("SCAN"), "{sql}: {plan}");
    }
}
