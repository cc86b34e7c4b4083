//! The contract of [`Triggers`], which whatever says what an activity sets off keeps.

use serde_json::{Value, json};

use super::{Behavior, Registry};
use crate::{
    activity::{Activity, Announcement},
    event::{BehaviorInstalled, BehaviorRemoved, Event, Record},
    ids::{BehaviorName, Digest},
    object::{Object, transitions},
    ports::Triggers,
    time::Timestamp,
};

/// What keeps the contract.
fn subjects() -> Vec<Box<dyn Triggers>> {
    vec![Box::new(Registry::default())]
}

fn record(seq: u64, event: impl Into<Event>) -> Record {
    let event = event.into();
    Record { seq, time: Timestamp::default(), stream: event.stream(), event: Some(event.into()) }
}

/// The entry at `seq` that installs a behavior with these triggers.
fn installed(seq: u64, name: &str, triggers: Value) -> Record {
    let manifest =
        json!({"v": 1, "name": name, "version": "1.0.0", "triggers": triggers, "nodes": [{"id": "a", "kind": "step"}]});
    let behavior = Behavior::parse(&manifest.to_string()).expect("valid");
    let (name, digest) = (behavior.name.clone(), Digest::of(name.as_bytes()));
    record(seq, BehaviorInstalled { name, digest, manifest: behavior.manifest, by: None, enabled: true })
}

fn created(kind: &str) -> Activity {
    let object = Object {
        key: format!("{kind}/a").parse().expect("a key"),
        revision: 1,
        seq: 1,
        owner: "site".parse().expect("a name"),
        content: json!({"status": "published"}).as_object().cloned(),
        publications: 1,
        created_at: Timestamp::default(),
        published_at: None,
        updated_at: Timestamp::default(),
    };
    let (changes, now) = (transitions(None, object.content.as_ref()), Timestamp::default());
    let kind = "Create".parse().expect("a type");
    Announcement {
        base_url: "http://h",
        kind,
        object: &object,
        deleted: None,
        transitions: &changes,
        now,
        origin: None,
    }
    .compose(&crate::ports::Unsigned)
}

fn on(kind: &str) -> Value {
    json!({"on": "Create", "object": kind})
}

fn name(name: &str) -> BehaviorName {
    name.parse().expect("a name")
}

#[test]
fn a_behavior_starts_one_flow_however_many_of_its_triggers_match() {
    for mut subject in subjects() {
        subject.take_in(&installed(1, "eager", json!([on("Note"), on("Note"), on("Article")]))).expect("taken in");
        assert_eq!(subject.consider(2, &created("Note"), None).flows.len(), 1);
    }
}

#[test]
fn every_behavior_starts_a_flow_or_says_why_not() {
    for mut subject in subjects() {
        subject.take_in(&installed(1, "notes", json!([on("Note")]))).expect("taken in");
        subject.take_in(&installed(2, "orders", json!([on("Order"), on("Invoice")]))).expect("taken in");
        let considered = subject.consider(3, &created("Note"), None);
        assert_eq!(considered.flows.iter().map(|flow| flow.behavior.as_str()).collect::<Vec<_>>(), ["notes"]);
        assert_eq!(considered.matched.not.keys().map(BehaviorName::as_str).collect::<Vec<_>>(), ["orders"]);
        assert_eq!(considered.matched.not[&name("orders")].len(), 2, "a reason a trigger");
        assert_eq!(considered.matched.flows, considered.flows.iter().map(|flow| flow.flow).collect::<Vec<_>>());
    }
}

#[test]
fn what_stood_at_the_activity_counts_and_nothing_that_came_after_it() {
    for mut subject in subjects() {
        let activity = created("Note");
        assert!(subject.consider(1, &activity, None).flows.is_empty());
        subject.take_in(&installed(5, "notes", json!([on("Note")]))).expect("taken in");
        subject.take_in(&record(9, BehaviorRemoved { name: name("notes"), by: None })).expect("taken in");
        let flows = |seq| subject.consider(seq, &activity, None).flows.len();
        assert_eq!([4, 5, 8, 9].map(flows), [0, 1, 1, 0]);
    }
}

#[test]
fn the_same_again_gives_the_same_ids() {
    for mut subject in subjects() {
        subject.take_in(&installed(1, "notes", json!([on("Note")]))).expect("taken in");
        let [one, other] = [(); 2].map(|()| subject.consider(2, &created("Note"), None));
        assert_eq!((one.matched, one.flows), (other.matched, other.flows));
    }
}

#[test]
fn an_entry_about_something_else_changes_nothing() {
    for mut subject in subjects() {
        subject.take_in(&record(1, crate::event::HostStopped {})).expect("it is no concern of triggers");
        assert!(subject.consider(2, &created("Note"), None).flows.is_empty());
    }
}
