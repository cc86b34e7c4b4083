//! What carries activities, and what changes the log by itself: the contracts of `Transport` and `LocalSink`.

use std::sync::Arc;

use rosehip_adapters::{
    pool::Pool,
    sinks::{ActivitySink, SetSink},
    store::{SchemaError, SqliteLog, SqliteOptions, SqliteReader},
    transports::LocalTransport,
};
use rosehip_core::{
    activity::{Activity, Asked, Cause, Origin},
    event::{ActorCreated, ActorProfile, Event, ObjectRevised},
    ids::{ActivityId, BoxName},
    log::{Frame, Head},
    object::Object,
    ports::{Change, LocalSink, LogStore as _, Outgoing, Transport, Unsigned},
    time::Timestamp,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::outgoing;

const BASE: &str = "https://h.example";

fn now() -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000)
}

/// A log with two actors and a note.
fn log() -> (TempDir, Arc<Pool<SqliteReader, SchemaError>>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("log.db");
    let mut log = SqliteLog::open(&path, &SqliteOptions::default()).expect("a log");
    let actor = |name: &str| {
        let (name, kind) = (name.parse().expect("a name"), "Service".to_owned());
        Event::from(ActorCreated { name, kind, public_key: String::new(), profile: ActorProfile::default(), by: None })
    };
    let object = Object {
        key: "Note/a".parse().expect("a key"),
        revision: 3,
        seq: 0,
        owner: "site".parse().expect("a name"),
        content: json!({"text": "hello"}).as_object().cloned(),
        publications: 1,
        created_at: now(),
        published_at: Some(now()),
        updated_at: now(),
    };
    let events = [actor("site"), actor("ann"), ObjectRevised { object, by: None, cause: None }.into()];
    let mut frame = Frame::after(Head::default());
    for event in events {
        frame.push(event.draft(now()), [0; 32]);
    }
    log.append(&frame).expect("committed");
    (dir, Arc::new(Pool::new(move || SqliteReader::open(&path))))
}

fn of_note(kind: &str, payload: Value) -> Outgoing {
    Outgoing { object: Some("Note/a".parse().expect("a key")), ..outgoing(kind, 0, payload) }
}

/// A sink with the payload of an effect that it carries out.
type Case = (Box<dyn LocalSink>, Value);

/// Every sink that changes the log.
fn local_sinks() -> (TempDir, Vec<Case>) {
    let (dir, log) = log();
    let transport = Box::new(LocalTransport::new(BASE.to_owned(), Arc::clone(&log)));
    let like = json!({"activity": {"type": "Like", "object": "https://h.example/a"}});
    let sinks: Vec<Case> = vec![
        (Box::new(SetSink::new(BASE.to_owned(), log, Arc::new(Unsigned))), json!({"field": "text", "value": "bye"})),
        (Box::new(ActivitySink::new(BASE.to_owned(), transport, Arc::new(Unsigned))), like),
    ];
    (dir, sinks)
}

#[test]
fn every_local_sink_decides_the_same_again_and_says_what_caused_it() {
    let (_dir, sinks) = local_sinks();
    for (sink, payload) in sinks {
        let effect = of_note(sink.kind(), payload);
        let [one, other] = [(); 2].map(|()| sink.decide(&effect, now()).expect("the log can be read"));
        assert_eq!(one, other, "{}", sink.kind());
        let Change::Append(append, receipt) = one else { panic!("{}: {one:?}", sink.kind()) };
        let told = append.drafts.iter().find_map(|draft| {
            let Event::ActivityAppended(appended) = draft.event.as_deref()? else { return None };
            Some(Arc::clone(&appended.activity))
        });
        let told = told.expect("it is told as an activity");
        assert_eq!(told.cause, Some(Cause { flow: effect.flow, effect: effect.effect.id }));
        assert_eq!((told.depth, &told.root), (1, &effect.root));
        assert_eq!(receipt["activity"], json!(told.id), "the receipt names it");
    }
}

#[test]
fn every_local_sink_refuses_what_it_cannot_read_for_good() {
    let (_dir, sinks) = local_sinks();
    for (sink, _) in sinks {
        for payload in [json!(null), json!({}), json!({"field": 1}), json!({"activity": "x"})] {
            let decided = sink.decide(&of_note(sink.kind(), payload), now()).expect("the log can be read");
            assert!(matches!(decided, Change::Refused(_)), "{}: {decided:?}", sink.kind());
        }
    }
}

#[test]
fn a_field_that_is_so_already_is_unchanged_and_one_of_nothing_is_refused() {
    let (_dir, log) = log();
    let sink = SetSink::new(BASE.to_owned(), log, Arc::new(Unsigned));
    let same = sink.decide(&of_note("set", json!({"field": "text", "value": "hello"})), now()).expect("read");
    assert_eq!(same, Change::Nothing(json!({"result": "unchanged", "revision": 3})));
    let nothing = outgoing("set", 0, json!({"field": "text", "value": "hello"}));
    assert!(matches!(sink.decide(&nothing, now()), Ok(Change::Refused(_))));
}

fn activity() -> Arc<Activity> {
    let outgoing = outgoing("activity", 0, json!(null));
    let cause = Cause { flow: outgoing.flow, effect: outgoing.effect.id };
    let root: ActivityId = "https://h.example/activities/root".parse().expect("a URL");
    let asked = json!({"type": "Like", "object": "https://h.example/a"});
    let asked = asked.as_object().expect("an object");
    let asked = Asked { base_url: BASE, owner: &outgoing.owner, document: asked, now: now() };
    let origin = Origin { cause, activity: root.clone(), depth: 1, root };
    Arc::new(asked.of_effect(origin, &Unsigned).expect("it is one"))
}

#[test]
fn a_transport_brings_an_activity_to_its_owner_first_and_to_each_box_once() {
    let (_dir, log) = log();
    let transports: Vec<Box<dyn Transport>> = vec![Box::new(LocalTransport::new(BASE.to_owned(), log))];
    for transport in transports {
        assert!(!transport.name().is_empty());
        let url = |name: &str| format!("{BASE}/actors/{name}");
        let recipients =
            [url("ann"), url("ann"), url("site"), url("nobody"), "https://elsewhere.example/bob".to_owned()];
        let events = transport.carry(&activity(), &recipients).expect("the log can be read");
        let boxes: Vec<_> = events
            .iter()
            .map(|event| {
                let Event::ActivityAppended(appended) = event else { panic!("{event:?}") };
                (appended.activity.owner.as_str(), appended.activity.r#box)
            })
            .collect();
        assert_eq!(boxes, [("site", BoxName::Outbox), ("ann", BoxName::Inbox)], "{}", transport.name());
        assert!(transport.reaches(&url("ann")) && !transport.reaches("https://elsewhere.example/bob"));
    }
}
