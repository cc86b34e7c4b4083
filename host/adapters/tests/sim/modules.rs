//! The behaviors of a world: manifests of every shape, a few versions of each.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use rosehip_core::{
    behavior::{Behavior, Grant, Manifest, Policy},
    ids::Digest,
};
use serde_json::{Value, json};

/// The names that behaviors are installed under.
pub(crate) const NAMES: [&str; 3] = ["alpha", "beta", "gamma"];
/// Versions of each module.
pub(crate) const VERSIONS: u64 = 3;
/// The kinds of effect that any of them may ask for.
pub(crate) const KINDS: [&str; 7] = ["log", "notify", "webhook", "set", "activity", "sms", "validate"];

/// A number that depends on nothing but its parts.
pub(crate) fn hash(parts: impl Hash) -> u64 {
    // Its keys are zeros, always.
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// A module: its digest and what it says it is.
pub(crate) fn module(seed: u64, name: &str, version: u64) -> (Digest, Manifest) {
    let digest = Digest::of(format!("{seed} {name} {version}").as_bytes());
    let document = manifest(hash((seed, name, version)), name, version);
    let behavior = Behavior::parse(&document.to_string()).expect("the manifests of a world are valid");
    (digest, behavior.manifest)
}

fn trigger(mood: u64) -> Value {
    match mood % 8 {
        0 | 1 => json!({"on": "Create", "object": "Article"}),
        2 => json!({"on": "Update", "object": "Article", "transition": {"field": "name"}}),
        3 => json!({"on": "Delete", "object": "Article"}),
        4 => json!({"on": "Update", "object": "Order", "transition": {"field": "status", "to": "paid"}}),
        5 => json!({"on": "Create", "object": "Order", "filter": "object.status != 'lost'"}),
        6 => json!({"box": "any", "on": "Create", "object": "Note"}),
        _ => json!({"box": "inbox", "on": "Like", "object": "Note"}),
    }
}

fn manifest(mood: u64, name: &str, version: u64) -> Value {
    let count = 1 + mood % 5;
    let mut nodes: Vec<Value> = (0..count).map(|place| node(mood, place)).collect();
    nodes[0] = json!({"id": "n0", "kind": "step", "branches": ["x", "y"]});
    let mut edges = Vec::new();
    for to in 1..count {
        edges.push(json!({"from": "n0", "to": format!("n{to}")}));
        let from = hash((mood, "edge", to)) % to;
        if from > 0 {
            let mut edge = json!({"from": format!("n{from}"), "to": format!("n{to}")});
            let branches = nodes[usize::try_from(from).expect("few nodes")].get("branches").is_some();
            if branches && hash((mood, "when", to)).is_multiple_of(2) {
                edge["when"] = "x".into();
            }
            edges.push(edge);
        }
    }
    // Every behavior is set off by publishing, and by something of its own.
    let triggers: Vec<_> = [trigger(0), trigger(mood >> 8), trigger(mood >> 16)].into();
    json!({
        "v": 1, "name": name, "version": format!("1.{version}.0"), "triggers": triggers, "nodes": nodes,
        "edges": edges, "effects": KINDS,
    })
}

fn node(mood: u64, place: u64) -> Value {
    let id = format!("n{place}");
    match hash((mood, "kind", place)) % 10 {
        0 => json!({"id": id, "kind": "wait", "wait": {"for": "PT1M"}}),
        1 => json!({"id": id, "kind": "wait", "wait": {"for": "P3D"}}),
        2 => json!({"id": id, "kind": "wait", "wait": {"signal": format!("s{place}"), "timeout": "PT2H"}}),
        3 => json!({"id": id, "kind": "wait", "wait": {"signal": format!("s{place}")}}),
        4 => json!({"id": id, "kind": "each", "over": "/input/n0/output/items"}),
        5 => json!({"id": id, "kind": "step", "branches": ["x", "y"], "await_effects": true}),
        6 => json!({"id": id, "kind": "step", "retry": {"max": 2, "backoff": ["PT5S", "PT30M"]}}),
        _ => json!({"id": id, "kind": "step", "branches": ["x", "y"]}),
    }
}

/// A grant: everything, with or without something.
pub(crate) fn grant(mood: u64) -> Grant {
    let mut effects: Vec<Policy> = KINDS.iter().map(|kind| Policy::of(kind)).collect();
    match mood % 6 {
        0 => effects.retain(|policy| policy.kind != "webhook"),
        1 => effects.iter_mut().filter(|policy| policy.kind == "notify").for_each(|policy| policy.per_hour = Some(3)),
        _ => {}
    }
    Grant { effects, memory_mib: None }
}
