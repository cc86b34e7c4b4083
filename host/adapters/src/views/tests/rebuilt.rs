//! Views hold the same however the log is cut into batches: one entry at a time, as they come, or many, as at a start.

use rosehip_core::event::Erased;

use super::*;

fn at(seq: u64, minute: i64, event: impl Into<Event>) -> Record {
    let time = Timestamp::from_millis(minute * 60_000);
    Record { seq, time, stream: flow_stream(flow(1)), event: Some(Arc::new(event.into())) }
}

/// A flow that another one set off.
fn begins(id: FlowId) -> Event {
    let started: FlowStarted = serde_json::from_value(json!({
        "flow": id, "behavior": "hooks", "digest": "ab".repeat(32), "version": "1.0.0", "config": {},
        "grant": {"effects": []}, "grant_version": 0, "run": 1, "owner": "site", "box": "outbox",
        "activity": "https://h.example/activities/b", "activity_seq": 1, "object": null, "cause": null,
        "depth": 1, "root": "https://h.example/activities/a", "current": null,
    }))
    .expect("a start");
    Arc::new(started).into()
}

fn asks(id: FlowId, effect: EffectId) -> Event {
    let done: NodeDone = serde_json::from_value(json!({
        "flow": id, "node": "act", "attempt": 1, "output": null, "branch": null, "fuel": 1, "started_at": Timestamp::from_millis(0),
        "effects": [webhook(effect, "a.example", "recorded")],
    }))
    .expect("a call");
    done.into()
}

fn erases(seqs: &[u64]) -> Event {
    Erased { seqs: seqs.to_vec(), reason: "asked for".to_owned(), ..Erased::default() }.into()
}

/// What views hold of these records, in batches of `length`.
fn held(records: &[Record], length: usize) -> (u64, Vec<(i64, u64)>) {
    let mut views = Views::new();
    for records in records.chunks(length) {
        let transaction = views.connection.transaction().expect("a transaction");
        let mut batch = Batch::new(&transaction);
        for record in records {
            batch.apply(record).expect("folded");
        }
        batch.finish().expect("written");
        transaction.commit().expect("committed");
    }
    let roots = views.reader.flows_of_root("https://h.example/activities/a").expect("readable");
    let mut minutes =
        views.connection.prepare("SELECT minute, count FROM recorded_minutes ORDER BY minute").expect("SQL");
    let minutes = minutes.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    (roots, minutes.collect::<Result<_, _>>().expect("rows"))
}

#[test]
fn what_a_batch_held_before_an_erasure_is_counted_once() {
    let records = [
        at(1, 1_000, begins(flow(1))),
        at(2, 1_000, asks(flow(1), effect(1))),
        at(3, 1_000, erases(&[9])),
        at(4, 1_001, asks(flow(1), effect(2))),
    ];
    for length in [1, 2, 4] {
        assert_eq!(held(&records, length), (1, vec![(1_000, 1), (1_001, 1)]), "batches of {length}");
    }
}

#[test]
fn flows_that_are_erased_count_for_their_root_no_more() {
    let records = [at(1, 1_000, begins(flow(1))), at(2, 1_000, begins(flow(2))), at(3, 1_000, erases(&[1]))];
    for length in [1, 3] {
        assert_eq!(held(&records, length).0, 1, "batches of {length}");
    }
}

#[test]
fn which_minutes_are_forgotten_follows_from_the_log_alone() {
    let minutes = [1_000, 5_000, 1_000, 1_001];
    let records: Vec<_> =
        (1..).zip(minutes).map(|(n, minute)| at(u64::from(n) + 1, minute, asks(flow(1), effect(n)))).collect();
    let records = [vec![at(1, 1_000, begins(flow(1)))], records].concat();
    for length in [1, 2, 3, 5] {
        assert_eq!(held(&records, length).1, [(1_000, 1), (1_001, 1), (5_000, 1)], "batches of {length}");
    }
}
