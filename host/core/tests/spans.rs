//! Spans are a fold of the log: one that has forgotten everything, and is told what it misses, gives the same.

use std::{collections::BTreeMap, sync::Arc};

use rosehip_core::{
    activity::Activity,
    behavior::Grant,
    canonical::Cid,
    effect::Effect,
    event::{
        ActivityAppended, ActivityMatched, EffectChanged, Event, FlowCompleted, FlowStarted, NodeDone, NodeError,
        NodeRetrying, Record,
    },
    ids::{ActivityId, ActorName, BehaviorName, BoxName, Digest, EffectId, FlowId, NodeId},
    state::EffectStatus,
    time::Timestamp,
    trace::{Missing, Span, Spans, TraceContext},
};
use serde_json::{Map, Value, json};

const ABOVE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The entries of a publish within a trace: a call that is made twice, and an effect that is attempted twice.
#[expect(clippy::too_many_lines, reason = "a log has many entries")]
fn log(trace: Option<TraceContext>) -> Vec<Record> {
    let id: ActivityId = "https://h.example/activities/1".parse().expect("a URL");
    let owner: ActorName = "site".parse().expect("a name");
    let behavior: BehaviorName = "publish".parse().expect("a name");
    let node: NodeId = "tell".parse().expect("a name");
    let flow = FlowId::derive(&id, &owner, BoxName::Outbox, &behavior, 1);
    let effect = EffectId::derive(flow, &node, None, 0);
    let change = |from, to, attempt| EffectChanged {
        flow,
        effect,
        from,
        to,
        attempt,
        error: (to == EffectStatus::Retrying).then(|| "503".to_owned()),
        failure: None,
        delay_ms: None,
        receipt: None,
        by: None,
        reason: None,
    };
    let activity = Activity {
        cid: Cid::of_document(&Map::new()),
        owner: owner.clone(),
        r#box: BoxName::Outbox,
        kind: "Create".parse().expect("a type"),
        object_type: "Article".parse().expect("a type"),
        object: None,
        revision: None,
        cause: None,
        caused_by: None,
        depth: 0,
        root: id.clone(),
        transitions: Vec::new(),
        blind: Vec::new(),
        trace,
        document: Map::new(),
        id: id.clone(),
    };
    let matched = ActivityMatched {
        activity: id.clone(),
        seq: 1,
        owner: owner.clone(),
        r#box: BoxName::Outbox,
        flows: vec![flow],
        not: BTreeMap::new(),
    };
    let started = FlowStarted {
        flow,
        behavior,
        digest: Digest::of(b"wasm"),
        version: "1.0.0".to_owned(),
        config: Map::new(),
        grant: Grant::default(),
        grant_version: 0,
        run: 1,
        owner,
        r#box: BoxName::Outbox,
        activity: id.clone(),
        activity_seq: 1,
        object: None,
        slug: None,
        cause: None,
        caused_by: None,
        depth: 0,
        root: id,
        current: None,
        by: None,
        reason: None,
        trace,
    };
    let error = NodeError { rule: "retry".to_owned(), message: "not now".to_owned() };
    let asked = |kind: &str, ordinal, status| Effect {
        id: EffectId::derive(flow, &node, None, ordinal),
        node: node.clone(),
        item: None,
        ordinal,
        kind: kind.to_owned(),
        payload: json!({}),
        status,
        receipt: None,
    };
    let done = NodeDone {
        flow,
        node: node.clone(),
        item: None,
        attempt: 2,
        output: Value::Null,
        branch: None,
        effects: vec![asked("webhook", 0, EffectStatus::Recorded), asked("log", 1, EffectStatus::Dispatched)],
        fuel: 7,
        started_at: Timestamp::from_millis(4),
        log: Vec::new(),
    };
    let failed =
        NodeRetrying { flow, node: node.clone(), item: None, attempt: 1, error, delay_ms: 1_000, log: Vec::new() };
    let events: Vec<Event> = vec![
        ActivityAppended { activity: Arc::new(activity) }.into(),
        matched.into(),
        Arc::new(started).into(),
        failed.into(),
        done.into(),
        FlowCompleted { flow }.into(),
        change(EffectStatus::Recorded, EffectStatus::Attempting, 1).into(),
        change(EffectStatus::Attempting, EffectStatus::Retrying, 1).into(),
        change(EffectStatus::Retrying, EffectStatus::Attempting, 2).into(),
        change(EffectStatus::Attempting, EffectStatus::Dispatched, 2).into(),
    ];
    let record = |(seq, event): (u64, Event)| Record {
        seq,
        time: Timestamp::from_millis(i64::try_from(seq).expect("a small number")),
        stream: event.stream(),
        event: Some(Arc::new(event)),
    };
    (1..).zip(events).map(record).collect()
}

fn taken(fold: &mut Spans, record: &Record) -> Vec<Span> {
    assert_eq!(fold.missing(record), None, "{record:?}");
    fold.take(record, record.time)
}

fn told(log: &[Record]) -> Vec<Span> {
    let mut fold = Spans::default();
    log.iter().flat_map(|record| taken(&mut fold, record)).collect()
}

#[test]
fn what_happened_is_a_tree() {
    let spans = told(&log(TraceContext::from_header(ABOVE)));
    let name_of = |id| spans.iter().find(|span| span.id == id).map_or("what is above", |span| span.name.as_str());
    let lines = spans.iter().map(|span| {
        let above = span.parent.map_or("nothing", name_of);
        let (start, end) = (span.start.as_millis(), span.end.as_millis());
        format!("{} [{start}, {end}] below {above}: {}", span.name, span.error.as_deref().unwrap_or("fine"))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    ingest [1, 1] below what is above: fine
    match [1, 2] below ingest: fine
    call tell [4, 4] below flow publish: retry: not now
    call tell [4, 5] below flow publish: fine
    dispatch log [5, 5] below call tell: fine
    flow publish [3, 6] below match: fine
    dispatch webhook [7, 8] below call tell: 503
    dispatch webhook [9, 10] below call tell: fine
    ");
    let mut ids: Vec<_> = spans.iter().map(|span| span.id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "no two spans have one id");
}

#[test]
fn a_fold_that_has_forgotten_everything_gives_the_same_spans() {
    let log = log(TraceContext::from_header(ABOVE));
    let mut spans = Vec::new();
    for (place, record) in log.iter().enumerate() {
        let mut fold = Spans::default();
        match fold.missing(record) {
            Some(Missing::Flow(flow)) => {
                let past: Vec<_> = log[..place].iter().filter(|past| past.stream == record.stream).cloned().collect();
                fold.recall_flow(flow, &past);
            }
            Some(Missing::Activity(seq)) => {
                fold.recall_activity(seq, log.iter().find(|record| record.seq == seq));
            }
            None => {}
        }
        spans.extend(taken(&mut fold, record));
    }
    assert_eq!(spans, told(&log));
}

#[test]
fn of_what_is_not_sampled_nothing_is_told() {
    assert!(told(&log(None)).is_empty());
    assert!(told(&log(TraceContext::from_header(&ABOVE.replace("-01", "-00")))).is_empty());
}
