//! The JSON Schemas of the guest contract are what the types say, and the documents of the core fit them.

use std::{fs, path::PathBuf, sync::Arc};

use rosehip_core::{
    activity::{Activity, Announcement},
    behavior::{Behavior, Manifest, Registry},
    call::{Call, Outcome},
    event::{BehaviorInstalled, Event, NodeDone, Record},
    flow::FlowState,
    ids::Digest,
    object::{Object, transitions},
    pipeline::matching::matching,
    time::Timestamp,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

/// A document that is read is described as it may be written, one that is written as it is.
enum Side {
    Read,
    Written,
}

fn schema_of<T: JsonSchema>(side: &Side) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = match side {
        Side::Read => settings.for_deserialize(),
        Side::Written => settings.for_serialize(),
    };
    let mut schema = Value::from(settings.into_generator().into_root_schema_for::<T>());
    // Members in one order, whatever other crates want of serde_json's maps.
    schema.sort_all_objects();
    schema
}

fn published(name: &str, schema: &Value) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../guest-sdk/wit/v1", name].iter().collect();
    let text = serde_json::to_string_pretty(schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&path, &text).expect("the file can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == text,
        "guest-sdk/wit/v1/{name} is not what the types say; if the change is meant, rewrite it with\n    \
         UPDATE_SCHEMAS=1 cargo test -p rosehip-core --test schemas"
    );
}

#[track_caller]
fn fits(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).expect("a valid schema");
    let errors: Vec<_> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    published("manifest.schema.json", &schema_of::<Manifest>(&Side::Read));
    published("call.schema.json", &schema_of::<Call<'_>>(&Side::Written));
    published("outcome.schema.json", &schema_of::<Outcome>(&Side::Read));
}

#[test]
fn a_manifest_fits_its_schema_and_an_unknown_member_does_not() {
    let schema = schema_of::<Manifest>(&Side::Read);
    fits(&schema, &manifest());
    let mut unknown = manifest();
    unknown["colour"] = json!("red");
    assert!(!jsonschema::is_valid(&schema, &unknown));
}

#[test]
fn an_outcome_may_be_empty() {
    let schema = schema_of::<Outcome>(&Side::Read);
    fits(&schema, &json!({}));
    fits(&schema, &json!({"v": 1, "output": [1], "branch": null, "effects": [{"kind": "log", "payload": {}}]}));
    assert!(!jsonschema::is_valid(&schema, &json!({"v": 2})));
}

#[test]
fn a_call_fits_its_schema() {
    let (behavior, activity, mut flow) = started();
    let schema = schema_of::<Call<'_>>(&Side::Written);
    for node in behavior.dag.order() {
        let call = Call::compose(&flow, &activity, *node, 1).to_json();
        fits(&schema, &serde_json::from_str(&call).expect("a Call is JSON"));
        let done = NodeDone {
            flow: flow.id(),
            node: behavior.dag.node(*node).id.clone(),
            item: None,
            attempt: 1,
            output: json!({"n": 1}),
            branch: None,
            effects: Vec::new(),
            fuel: 1,
            started_at: Timestamp::from_millis(0),
            log: Vec::new(),
        };
        flow.apply(flow.seq + 1, Timestamp::from_millis(1), &done.into()).expect("the node was ready");
    }
    assert_eq!(behavior.dag.len(), 2, "the second Call tells of the first node");
}

fn manifest() -> Value {
    json!({
        "v": 1, "name": "test", "version": "1.0.0",
        "triggers": [{"on": "Create", "object": "Article", "transition": {"field": "status", "to": "published"}}],
        "nodes": [{"id": "one", "kind": "step"}, {"id": "two", "kind": "step", "retry": {"max": 1, "backoff": ["PT1S"]}}],
        "edges": [{"from": "one", "to": "two"}],
        "effects": ["log"],
    })
}

/// A flow of two steps that has just begun.
fn started() -> (Arc<Behavior>, Activity, FlowState) {
    let now = Timestamp::from_millis(0);
    let behavior = Arc::new(Behavior::parse(&manifest().to_string()).expect("a valid manifest"));
    let installed = Event::from(BehaviorInstalled {
        name: behavior.name.clone(),
        digest: Digest::of(b"wasm"),
        manifest: behavior.manifest.clone(),
        by: None,
        enabled: true,
    });
    let mut registry = Registry::default();
    registry
        .apply(&Record { seq: 1, time: now, stream: installed.stream(), event: Some(installed.into()) })
        .expect("it can be installed");
    let object = Object {
        key: "Article/a".parse().expect("a key"),
        revision: 1,
        seq: 1,
        owner: "site".parse().expect("a name"),
        content: json!({"name": "A", "status": "published"}).as_object().cloned(),
        publications: 1,
        created_at: now,
        published_at: Some(now),
        updated_at: now,
    };
    let changes = transitions(None, object.content.as_ref());
    let kind = "Create".parse().expect("a type");
    let announcement = Announcement {
        base_url: "http://h",
        kind,
        object: &object,
        deleted: None,
        transitions: &changes,
        now,
        origin: None,
    };
    let activity = announcement.compose(&rosehip_core::ports::Unsigned);
    let matched = matching(2, &activity, &registry.at(2), None);
    let flow = matched.flows.first().expect("it matches").clone();
    (Arc::clone(&behavior), activity, FlowState::begin(3, now, flow, Arc::clone(&behavior.dag)))
}
