//! Every refusal of a manifest, each by its rule; triggers; the registry as of an entry.

use serde_json::{Map, Value, json};

use super::{Behavior, ConfigSchema, Dag, Grant, Registry, RunnerKind, bind};
use crate::{
    activity::{Activity, Announcement},
    behavior::Capability,
    event::{
        BehaviorConfigured, BehaviorGranted, BehaviorInstalled, BehaviorOffered, BehaviorRemoved, BehaviorRolledBack,
        BehaviorSwitched, Event, Record,
    },
    ids::Digest,
    object::{Object, transitions},
    pipeline::matching::matching,
    time::Timestamp,
};

fn valid() -> Value {
    json!({
        "v": 1, "name": "publish", "version": "1.0.0", "description": "What a publish does.",
        "triggers": [{"on": "Create", "object": "Article"}],
        "nodes": [
            {"id": "choose", "kind": "step", "branches": ["now", "later"]},
            {"id": "pause", "kind": "wait", "wait": {"until": "/config/digest"}},
            {"id": "tell", "kind": "step", "retry": {"max": 2, "backoff": ["PT1S"]}},
        ],
        "edges": [
            {"from": "choose", "to": "pause", "when": "later"},
            {"from": "choose", "to": "tell", "when": "now"},
            {"from": "pause", "to": "tell"},
        ],
        "effects": ["validate", "notify"],
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut manifest = valid();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    match manifest.pointer_mut(parent).expect("its parent is there") {
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        Value::Array(items) => match name.parse::<usize>() {
            Ok(place) => items[place] = value,
            Err(_) => items.push(value),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("{pointer} is in no container"),
    }
    manifest
}

#[test]
fn a_valid_manifest_is_accepted_and_tells_what_it_needs() {
    let behavior = Behavior::parse(&valid().to_string()).expect("valid");
    let needs: Vec<_> = behavior.needs.iter().copied().collect();
    assert_eq!(needs, [Capability::Effect, Capability::Branch, Capability::Suspend, Capability::Retry]);
}

#[test]
fn every_breach_is_refused_by_its_rule_and_names_its_place() {
    let node = |node: Value| with("/nodes/-", node);
    let edge = |edge: Value| with("/edges/-", edge);
    let wait = |wait: Value| with("/nodes/1/wait", wait);
    let trigger = |trigger: Value| with("/triggers/0", trigger);
    let long = "x".repeat(501);
    let many = |count: usize| -> Value { (0..count).map(|n| json!({"id": format!("n{n}"), "kind": "step"})).collect() };
    let cases = [
        (with("/v", json!(2)), "manifest-version", "v is 2"),
        (with("/colour", json!("red")), "manifest-schema", "colour"),
        (with("/nodes/0/colour", json!("red")), "manifest-schema", "colour"),
        (with("/name", json!("Publish")), "behavior-name", "name"),
        (with("/version", json!("1.0")), "behavior-version", "1.0"),
        (with("/description", json!(long)), "text-too-long", "description"),
        (with("/triggers", json!([])), "no-trigger", "triggers"),
        (trigger(json!({"on": "create", "object": "Article"})), "trigger-type", "triggers/0/on"),
        (trigger(json!({"on": "Create", "object": "Article", "filter": "object. =="})), "filter", "triggers/0/filter"),
        (trigger(json!({"on": "Create", "object": "Article", "box": "outbound"})), "manifest-schema", "outbound"),
        (with("/nodes", json!([])), "no-node", "nodes"),
        (with("/nodes", many(1_001)), "too-many-nodes", "1001"),
        (node(json!({"id": "tell", "kind": "step"})), "duplicate-node", "tell"),
        (node(json!({"id": "Tell", "kind": "step"})), "node-id", "Tell"),
        (node(json!({"id": "x", "kind": "loop"})), "node-kind", "loop"),
        (node(json!({"id": "x", "kind": "step"})), "unreachable-node", "\"x\""),
        (with("/nodes/0/label", json!(long)), "text-too-long", "choose"),
        (with("/nodes/0/branches", json!(["now", "later", "now"])), "duplicate-branch", "choose"),
        (with("/nodes/0/over", json!("/object/tag")), "node-fields", "choose"),
        (with("/nodes/1/branches", json!(["fired"])), "node-fields", "pause"),
        (with("/nodes/2/retry/max", json!(21)), "retry", "tell"),
        (with("/nodes/2/retry/backoff", json!(["1s"])), "retry", "tell"),
        (with("/nodes/2/timeout_ms", json!(0)), "timeout", "tell"),
        (with("/nodes/2/kind", json!("each")), "node-fields", "over"),
        (edge(json!({"from": "tell", "to": "choose"})), "cycle", "leads back"),
        (edge(json!({"from": "tell", "to": "tell"})), "cycle", "tell"),
        (edge(json!({"from": "tell", "to": "gone"})), "dangling-edge", "gone"),
        (edge(json!({"from": "pause", "to": "tell", "when": "timeout"})), "undeclared-branch", "timeout"),
        (edge(json!({"from": "choose", "to": "tell", "when": "maybe"})), "undeclared-branch", "maybe"),
        (edge(json!({"from": "pause", "to": "tell"})), "duplicate-edge", "pause"),
        (wait(json!({})), "wait-fields", "pause"),
        (wait(json!({"for": "PT1S", "until": "/config/at"})), "wait-fields", "pause"),
        (wait(json!({"for": "PT1S", "timeout": "PT1S"})), "wait-fields", "pause"),
        (wait(json!({"for": "an hour"})), "duration", "pause"),
        (wait(json!({"until": "config/digest"})), "pointer", "pause"),
        (wait(json!({"until": "/secrets/digest"})), "pointer", "pause"),
        (wait(json!({"until": "/config/~2"})), "pointer", "pause"),
        (wait(json!({"signal": "Approved!"})), "signal-name", "pause"),
        (with("/effects", json!(["log", "log"])), "duplicate-effect-kind", "log"),
        (with("/effects", json!(["Log"])), "effect-kind", "Log"),
        (with("/config_schema", json!({"type": "colour"})), "config-schema", "colour"),
        (with("/config_schema", json!(true)), "config-schema", "object"),
    ];
    for (manifest, rule, place) in cases {
        let error = Behavior::parse(&manifest.to_string()).expect_err(rule);
        assert_eq!(error.rule, rule, "{error}");
        assert!(error.message.contains(place), "{error} does not name {place}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_each_with_its_place() {
    let mut manifest = valid();
    manifest["name"] = json!("Publish");
    manifest["version"] = json!("1");
    manifest["triggers"] = json!([
        {"on": "create", "object": "Article"}, {"on": "Create", "object": "Article"}, {"on": "Create", "object": "a"},
    ]);
    manifest["nodes"][0]["label"] = json!("x".repeat(501));
    manifest["nodes"][2]["timeout_ms"] = json!(0);
    manifest["edges"] = json!([{"from": "gone", "to": "away"}]);
    manifest["effects"] = json!(["Log"]);
    manifest["config_schema"] = json!(true);
    let error = Behavior::parse(&manifest.to_string()).expect_err("refused");
    let told: Vec<_> = error.breaches().map(|breach| (breach.place.as_str(), breach.rule)).collect();
    assert_eq!(
        told,
        [
            ("name", "behavior-name"),
            ("version", "behavior-version"),
            ("triggers/0", "trigger-type"),
            ("triggers/2", "trigger-type"),
            ("nodes/0", "text-too-long"),
            ("nodes/2", "timeout"),
            ("effects", "effect-kind"),
            ("config_schema", "config-schema"),
        ]
    );
    assert!(error.breaches().all(|breach| error.to_string().contains(&breach.message)), "{error}");

    manifest["nodes"] = (0..100).map(|n| json!({"id": format!("N{n}"), "kind": "step"})).collect();
    let error = Behavior::parse(&manifest.to_string()).expect_err("refused");
    assert_eq!(error.breaches().count(), crate::limits::MANIFEST_BREACHES);
    let mut manifest = valid();
    manifest["edges"] = json!([{"from": "gone", "to": "tell"}, {"from": "choose", "to": "tell", "when": "maybe"}]);
    let error = Behavior::parse(&manifest.to_string()).expect_err("refused");
    let told: Vec<_> = error.breaches().map(|breach| (breach.place.as_str(), breach.rule)).collect();
    assert_eq!(told, [("edges/0", "dangling-edge"), ("edges/1", "undeclared-branch")]);
}

#[test]
fn a_manifest_that_is_no_i_json_is_refused() {
    let error = Behavior::parse(r#"{"v":1,"v":1}"#).expect_err("a duplicate key");
    assert_eq!(error.rule, "json-duplicate-key");
}

#[test]
fn a_dag_that_no_runner_covers_is_refused_by_what_is_missing() {
    let mut each = valid();
    each["nodes"][2] = json!({"id": "tell", "kind": "each", "over": "/object/tag"});
    let behavior = Behavior::parse(&each.to_string()).expect("valid");
    let runner = RunnerKind {
        name: "durable",
        capabilities: [Capability::Effect, Capability::Branch, Capability::Suspend].into(),
    };
    let error = bind(&behavior.needs, &[runner]).expect_err("no each");
    assert_eq!(error.to_string(), "no-runner: no runner of this host covers each");
}

fn article(before: Option<Value>, after: Value) -> Activity {
    let content = |value: Value| value.as_object().cloned().expect("an object");
    let (before, after) = (before.map(content), content(after));
    let object = Object {
        key: "Article/a".parse().expect("a key"),
        revision: 2,
        seq: 2,
        owner: "site".parse().expect("a name"),
        content: Some(after.clone()),
        publications: 1,
        created_at: Timestamp::default(),
        published_at: None,
        updated_at: Timestamp::default(),
    };
    let changes = transitions(before.as_ref(), Some(&after));
    let kind = crate::object::activity_type(&object.key.kind, before.as_ref(), Some(&after)).expect("it is visible");
    let now = Timestamp::default();
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

/// The rule by which a trigger did not match, or `matches`.
fn outcome(trigger: &Value, activity: &Activity) -> String {
    let mut manifest = valid();
    manifest["triggers"] = json!([trigger]);
    let behavior = Behavior::parse(&manifest.to_string()).expect("valid");
    behavior.triggers[0].matches(activity).map_or_else(|why| why.rule, |()| "matches".to_owned())
}

#[test]
fn a_trigger_matches_or_says_by_which_part_it_does_not() {
    let publish = article(Some(json!({"status": "draft", "price": 90})), json!({"status": "published", "price": 120}));
    let trigger = |more: Value| {
        let mut trigger = json!({"on": "Create", "object": "Article"});
        trigger.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        outcome(&trigger, &publish)
    };
    for (more, wanted) in [
        (json!({}), "matches"),
        (json!({"box": "any"}), "matches"),
        (json!({"box": "inbox"}), "box"),
        (json!({"on": "Update"}), "on"),
        (json!({"object": "Note"}), "object"),
        (json!({"transition": {"field": "status", "from": "draft", "to": "published"}}), "matches"),
        (json!({"transition": {"field": "status", "to": "published"}}), "matches"),
        (json!({"transition": {"field": "status", "from": null}}), "transition"),
        (json!({"transition": {"field": "name"}}), "transition"),
        (json!({"filter": "object.price > 100 && transitions.exists(t, t.field == 'price')"}), "matches"),
        (json!({"filter": "object.price > 200"}), "filter"),
        (json!({"filter": "object.missing > 1"}), "filter-error"),
        (json!({"filter": "object.price"}), "filter-error"),
    ] {
        assert_eq!(trigger(more.clone()), wanted, "{more}");
    }
}

#[test]
fn from_null_asks_for_a_field_that_was_absent() {
    let first = article(None, json!({"status": "published"}));
    let trigger = |from| json!({"on": "Create", "object": "Article", "transition": {"field": "status", "from": from}});
    assert_eq!(outcome(&trigger(Value::Null), &first), "matches");
    assert_eq!(outcome(&trigger(json!("draft")), &first), "transition");
}

#[test]
fn a_config_is_completed_by_defaults_and_held_to_its_schema() {
    let schema = json!({"type": "object", "properties": {
        "digest": {"type": "object", "default": {"at": "09:00", "tz": "UTC"}}, "channel": {"type": "string"}
    }});
    let schema = ConfigSchema::check(Some(&schema)).expect("a schema");
    assert_eq!(Value::Object(schema.complete(&Map::new()).expect("complete"))["digest"]["at"], "09:00");
    let given = json!({"channel": 7}).as_object().cloned().expect("an object");
    assert_eq!(schema.complete(&given).expect_err("no string").pointer, "/channel");
}

/// A log of changes to one behavior.
#[derive(Default)]
struct Log {
    registry: Registry,
    seq: u64,
}

impl Log {
    fn add(&mut self, event: impl Into<Event>) -> u64 {
        self.seq += 1;
        let event = event.into();
        let record =
            Record { seq: self.seq, time: Timestamp::default(), stream: event.stream(), event: Some(event.into()) };
        self.registry.apply(&record).expect("it was checked at install");
        self.seq
    }

    fn install(&mut self, version: &str) -> u64 {
        let mut manifest = valid();
        manifest["version"] = json!(version);
        let behavior = Behavior::parse(&manifest.to_string()).expect("valid");
        let (name, digest) = (behavior.name, Digest::of(version.as_bytes()));
        self.add(BehaviorInstalled { name, digest, manifest: behavior.manifest, by: None, enabled: true })
    }

    fn version_at(&self, seq: u64) -> Option<String> {
        self.registry.at(seq).values().next().map(|installed| installed.behavior.version.to_string())
    }
}

#[test]
fn the_registry_is_readable_as_of_any_entry() {
    let name: crate::ids::BehaviorName = "publish".parse().expect("a name");
    let mut log = Log::default();
    let first = log.install("1.0.0");
    let second = log.install("2.0.0");
    let back = log.add(BehaviorRolledBack { name: name.clone(), digest: Digest::of(b"1.0.0"), by: None });
    let removed = log.add(BehaviorRemoved { name, by: None });
    let versions: Vec<_> = [0, first, second, back, removed].iter().map(|seq| log.version_at(*seq)).collect();
    let version = |text: &str| Some(text.to_owned());
    assert_eq!(versions, [None, version("1.0.0"), version("2.0.0"), version("1.0.0"), None]);
}

#[test]
fn a_new_module_keeps_config_and_grant() {
    let name: crate::ids::BehaviorName = "publish".parse().expect("a name");
    let mut log = Log::default();
    log.install("1.0.0");
    let config = json!({"channel": "log"}).as_object().cloned().expect("an object");
    log.add(BehaviorConfigured { name: name.clone(), config: config.clone(), by: None });
    log.add(BehaviorGranted { name: name.clone(), grant: Grant { effects: Vec::new(), memory_mib: None }, by: None });
    log.install("2.0.0");
    let installed = log.registry.now()[&name].clone();
    let bindings = log.registry.bindings(&name);
    assert_eq!((installed.config.clone(), installed.grant_version, bindings.history().len()), (config, 1, 2));
    assert_eq!(bindings.previous().map(|past| past.version.to_string()).as_deref(), Some("1.0.0"));
}

#[test]
fn an_offer_binds_nothing_until_it_is_installed() {
    let name: crate::ids::BehaviorName = "publish".parse().expect("a name");
    let mut log = Log::default();
    let first = log.install("1.0.0");
    let mut manifest = valid();
    manifest["version"] = json!("2.0.0");
    let manifest = Behavior::parse(&manifest.to_string()).expect("valid").manifest;
    let digest = Digest::of(b"2.0.0");
    let offered = log.add(BehaviorOffered { name: name.clone(), digest, manifest, by: Some("ann".to_owned()) });
    assert_eq!((log.version_at(first), log.version_at(offered)), (log.version_at(first), log.version_at(first)));
    let candidates = log.registry.bindings(&name).candidates().to_vec();
    assert_eq!((candidates.len(), candidates[0].version.to_string().as_str()), (1, "2.0.0"));
    assert!(log.registry.needed(offered).contains(&digest));
    let second = log.install("2.0.0");
    assert_eq!(log.version_at(second).as_deref(), Some("2.0.0"));
    assert!(log.registry.bindings(&name).candidates().is_empty());
}

#[test]
fn what_activities_that_are_not_matched_yet_may_start_is_needed() {
    let name: crate::ids::BehaviorName = "publish".parse().expect("a name");
    let mut log = Log::default();
    let first = log.install("1.0.0");
    let second = log.install("2.0.0");
    let removed = log.add(BehaviorRemoved { name: name.clone(), by: None });
    let (one, two) = (Digest::of(b"1.0.0"), Digest::of(b"2.0.0"));
    let needed = |seq| {
        let needed = log.registry.needed(seq);
        (needed.contains(&one), needed.contains(&two))
    };
    assert_eq!(needed(first), (true, true));
    assert_eq!(needed(second), (false, true), "its history went with the behavior");
    assert_eq!(needed(removed), (false, false));
    assert!(log.registry.was_bound(&name, one), "that it stood there once is known");
    assert!(Registry::default().needed(7).is_empty());
}

#[test]
fn a_disabled_behavior_starts_nothing_and_says_so() {
    let name: crate::ids::BehaviorName = "publish".parse().expect("a name");
    let mut log = Log::default();
    log.install("1.0.0");
    let activity = article(None, json!({"status": "published"}));
    assert_eq!(matching(9, &activity, &log.registry.now(), None).flows.len(), 1);
    log.add(BehaviorSwitched { name: name.clone(), enabled: false, by: None });
    let matched = matching(9, &activity, &log.registry.now(), None);
    assert_eq!((matched.flows.len(), matched.matched.not[&name][0].rule.as_str()), (0, "disabled"));
}

#[test]
fn a_transition_that_does_not_fit_is_told_by_what_was_expected_and_found() {
    let before = article(Some(json!({"status": "draft"})), json!({"status": "published"}));
    let message = |transition: Value| {
        let mut manifest = valid();
        manifest["triggers"] = json!([{"on": "Create", "object": "Article", "transition": transition}]);
        let behavior = Behavior::parse(&manifest.to_string()).expect("valid");
        behavior.triggers[0].matches(&before).expect_err("another transition").message
    };
    for (transition, text) in [
        (json!({"field": "status", "from": "archived"}), r#"status: from "archived" expected, was "draft""#),
        (json!({"field": "status", "from": null}), r#"status: from nothing expected, was "draft""#),
        (
            json!({"field": "status", "from": "a", "to": "b"}),
            r#"status: from "a" expected, was "draft"; to "b" expected, was "published""#,
        ),
        (json!({"field": "category"}), "category did not change"),
    ] {
        assert_eq!(message(transition.clone()), text, "{transition}");
    }
    let long = message(json!({"field": "status", "to": "x".repeat(500)}));
    assert!(long.chars().count() < 200, "{long}");
}

#[test]
fn a_trigger_reads_as_a_sentence() {
    for (trigger, text) in [
        (json!({"on": "Create", "object": "Article"}), "Create of Article"),
        (json!({"on": "Follow", "object": "Person", "box": "inbox"}), "Follow of Person, in the inbox"),
        (
            json!({"on": "Update", "object": "Order", "transition": {"field": "status", "to": "paid"}, "filter": "true"}),
            "Update of Order, when status becomes paid, where true",
        ),
        (
            json!({"on": "Update", "object": "Order", "transition": {"field": "total", "from": 1, "to": 2}}),
            "Update of Order, when total goes from 1 to 2",
        ),
    ] {
        let document: super::TriggerDocument = serde_json::from_value(trigger).expect("a trigger");
        assert_eq!(document.to_string(), text);
    }
}

#[test]
fn very_many_triggers_leave_few_reasons() {
    let mut log = Log::default();
    for n in 0..40 {
        let mut manifest = valid();
        manifest["triggers"] = json!(vec![json!({"on": "Delete", "object": "Article"}); 100]);
        let behavior = Behavior::parse(&manifest.to_string()).expect("valid");
        let name: crate::ids::BehaviorName = format!("many-{n}").parse().expect("a name");
        let digest = Digest::of(b"many");
        log.add(BehaviorInstalled { name, digest, manifest: behavior.manifest, by: None, enabled: true });
    }
    let matched = matching(99, &article(None, json!({"status": "published"})), &log.registry.now(), None).matched;
    let reasons: usize = matched.not.values().map(Vec::len).sum();
    assert!((2_000..2_100).contains(&reasons), "{reasons}");
    assert_eq!(matched.not.len(), 40, "each behavior has a reason");
    let last = matched.not.values().next_back().and_then(|reasons| reasons.last()).expect("a reason");
    assert_eq!((last.rule.as_str(), last.message.as_str()), ("more", "99 more triggers did not match either"));
}

#[test]
fn nodes_are_read_in_the_manifests_order() {
    let node = |id: &str| serde_json::from_value(json!({"id": id, "kind": "step"})).expect("a node");
    let edge = |from: &str, to: &str| serde_json::from_value(json!({"from": from, "to": to})).expect("an edge");
    let nodes = ["last", "first", "left", "right"].map(node);
    let edges = [edge("first", "left"), edge("first", "right"), edge("left", "last"), edge("right", "last")];
    let dag = Dag::check(&nodes, &edges).expect("a DAG");
    let order: Vec<_> = dag.reading_order().into_iter().map(|index| dag.node(index).id.to_string()).collect();
    assert_eq!(order, ["first", "left", "right", "last"]);
    assert_eq!(dag.leading_to(dag.reading_order()[3]), ["left", "right"]);
}
