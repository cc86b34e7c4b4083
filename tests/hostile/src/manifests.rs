//! Manifests that are none, or say what they must not.

use serde_json::{Value, json};

use crate::{Abi, Class, Expect, Hostile, both, guest::Guest};

fn raw(names: (&str, &'static str), rules: &'static [&'static str], manifest: impl Into<Vec<u8>>) -> Vec<Hostile> {
    let manifest = manifest.into();
    both(names, Class::Manifest, Expect::Refused(rules), move |guest| Guest {
        raw_manifest: Some(manifest.clone()),
        ..guest
    })
    .to_vec()
}

/// A manifest that differs in one place, in one ABI: both read it the same way.
fn differing(
    names: (&str, &'static str),
    rules: &'static [&'static str],
    pointer: &'static str,
    value: Value,
) -> Hostile {
    Hostile::of_guest(names, Class::Manifest, Abi::Core, Expect::Refused(rules), move |guest| {
        guest.declaring(pointer, value.clone())
    })
}

pub(crate) fn guests() -> Vec<Hostile> {
    [texts(), members(), schemas(), that_differ()].concat()
}

fn texts() -> Vec<Hostile> {
    [
        raw(
            ("manifest-invalid-utf8", "describes itself in bytes that are no text"),
            &["output-utf8"],
            b"{\"v\":1,\"name\":\"\xff\"}",
        ),
        raw(
            ("manifest-lone-surrogate", "describes itself with half a pair of UTF-16"),
            &["json-syntax"],
            br#"{"v":1,"name":"\ud800"}"#,
        ),
        raw(("manifest-duplicate-key", "has two names"), &["json-duplicate-key"], br#"{"v":1,"name":"a","name":"b"}"#),
        raw(("manifest-depth", "describes itself 100,000 levels deep"), &["json-depth"], "[".repeat(100_000)),
        raw(("manifest-number-too-large", "is of version 1e400"), &["json-syntax"], br#"{"v":1e400}"#),
        raw(
            ("manifest-a-list", "describes itself as a list of 500,000 numbers"),
            &["json-weight"],
            format!("[{}0]", "0,".repeat(500_000)),
        ),
        raw(
            ("manifest-many-objects", "describes itself as 200,000 objects"),
            &["json-weight"],
            format!("[{}0]", r#"{"":0},"#.repeat(140_000)),
        ),
        raw(("manifest-not-json", "does not describe itself"), &["json-syntax"], b"behavior: good".to_vec()),
    ]
    .concat()
}

fn members() -> Vec<Hostile> {
    let wait = |document: Value| json!([{"id": "act", "kind": "wait", "wait": document}]);
    vec![
        differing(("manifest-of-later", "is of a version that there is not"), &["manifest-version"], "/v", json!(2)),
        differing(("manifest-named-path", "is named like a path"), &["behavior-name"], "/name", json!("../../keys")),
        differing(
            ("manifest-named-long", "has a name of 10,000 letters"),
            &["behavior-name"],
            "/name",
            json!("a".repeat(10_000)),
        ),
        differing(
            ("manifest-version-long", "has a version of 100,000 digits"),
            &["behavior-version"],
            "/version",
            json!(format!("1.0.{}", "9".repeat(100_000))),
        ),
        differing(
            ("manifest-grants-itself", "grants itself what it wants"),
            &["manifest-schema"],
            "/triggers/0",
            json!({"on": "Create", "object": "X", "grant": ["email"]}),
        ),
        differing(("manifest-no-trigger", "nothing would start it"), &["no-trigger"], "/triggers", json!([])),
        differing(
            ("manifest-many-triggers", "5,000 triggers"),
            &["too-many-triggers"],
            "/triggers",
            json!(vec![json!({"on": "Create", "object": "X"}); 5_000]),
        ),
        differing(
            ("manifest-trigger-of-any", "fires on every type"),
            &["trigger-type"],
            "/triggers/0/object",
            json!("*"),
        ),
        differing(
            ("manifest-kinds-of-effect", "declares a kind of effect that is a path"),
            &["effect-kind"],
            "/effects",
            json!(["log", "../log"]),
        ),
        differing(
            ("manifest-kind-twice", "declares a kind of effect twice"),
            &["duplicate-effect-kind"],
            "/effects",
            json!(["log", "log"]),
        ),
        differing(
            ("manifest-for-ever", "waits for more years than there are"),
            &["duration"],
            "/nodes",
            wait(json!({"for": "P99999999999999999999Y"})),
        ),
        differing(
            ("manifest-pointer", "waits for what lies outside of its call"),
            &["pointer"],
            "/nodes",
            wait(json!({"until": "/../../keys"})),
        ),
        differing(
            ("manifest-pointer-escape", "waits for a pointer that does not parse"),
            &["pointer"],
            "/nodes",
            wait(json!({"until": "/config/~2"})),
        ),
        differing(
            ("manifest-retries", "tries again four thousand million times"),
            &["retry"],
            "/nodes/0/retry",
            json!({"max": u32::MAX, "backoff": ["PT0S"]}),
        ),
        differing(
            ("manifest-label", "has a label of a megabyte"),
            &["text-too-long"],
            "/nodes",
            json!([{"id": "act", "kind": "step", "label": "x".repeat(1_000_000)}]),
        ),
        differing(
            ("manifest-branches", "has 10,000 branches"),
            &["too-many-branches"],
            "/nodes",
            json!([{"id": "act", "kind": "step", "branches": (0..10_000).map(|n| format!("b{n}")).collect::<Vec<_>>()}]),
        ),
    ]
}

/// Schemas of a config that cost whoever checks a config by them.
fn schemas() -> Vec<Hostile> {
    let schema = |name, what, schema: Value| {
        // It is refused, or a config cannot be checked by it, so that it does not start.
        let expect = Expect::Refused(&["config-schema", "config"]);
        Hostile::of_guest((name, what), Class::Manifest, Abi::Core, expect, move |mut guest| {
            guest.document["config_schema"] = schema.clone();
            guest
        })
    };
    let mut doubling = json!({"d0": {"type": "object"}});
    for level in 1..60 {
        let before = json!({"$ref": format!("#/$defs/d{}", level - 1)});
        doubling[format!("d{level}")] = json!({"allOf": [before, before]});
    }
    vec![
        schema("schema-that-refers-to-itself", "its config fits if its config fits", json!({"$ref": "#"})),
        schema(
            "schema-of-a-circle",
            "its config fits one schema if it fits the other, and the other way round",
            json!({
                "$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}
            }),
        ),
        schema(
            "schema-that-doubles",
            "every level of its schema checks the one below twice, 60 times",
            json!({"$ref": "#/$defs/d59", "$defs": doubling.clone()}),
        ),
        schema(
            "schema-of-another-base",
            "its references lead elsewhere, because a part of it has a name of its own",
            json!({
                "$defs": {"d0": {}},
                "properties": {"a": {"$id": "urn:x", "$defs": doubling, "$ref": "#/$defs/d59", "default": 1}}
            }),
        ),
        schema(
            "schema-of-elsewhere",
            "its schema lies on another host",
            json!({"$ref": "http://127.0.0.1:9/schema.json"}),
        ),
        schema("schema-of-a-file", "its schema is a file of the host", json!({"$ref": "file:///etc/passwd"})),
        schema(
            "schema-expression",
            "an expression of a thousand million states",
            json!({
                "properties": {"a": {"default": "x", "pattern": "((((x{1,100}){1,100}){1,100}){1,100}){1,100}"}}
            }),
        ),
        schema("schema-no-object", "its schema is a number", json!(7)),
        schema("schema-wrong", "its schema is no schema", json!({"type": "everything", "minimum": "x"})),
    ]
}

/// Manifests that are not the same twice.
fn that_differ() -> Vec<Hostile> {
    const DIFFERS: Expect = Expect::Refused(&["describe-differs"]);
    // Eight letters of the description, four bits of $i each.
    let spelling = |mut guest: Guest, set: &str| {
        guest.document["description"] = json!("........");
        let document = guest.document.to_string();
        let at = 1024 + document.find("........").expect("it was set above");
        guest.describing(format!(
            "{set}
            (loop $letters
                (i32.store8 (i32.add (i32.const {at}) (local.get $j)) (i32.add (i32.const 97) (i32.and
                    (i32.shr_u (local.get $i) (i32.mul (local.get $j) (i32.const 4))) (i32.const 15))))
                (br_if $letters (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 8))))
            (call $manifest)"
        ))
    };
    let core = |name, what, imports: &'static str, set: &'static str| {
        Hostile::of_guest((name, what), Class::Manifest, Abi::Core, DIFFERS, move |guest| {
            spelling(guest.importing(imports), set)
        })
    };
    let component = |name, what, imports: &'static str, set: &'static str| {
        Hostile::of_guest((name, what), Class::Manifest, Abi::Component, DIFFERS, move |guest| {
            spelling(guest.importing(imports), set)
        })
    };
    vec![
        core(
            "describe-by-the-clock",
            "describes itself by the day",
            r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))"#,
            "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 64)))
            (local.set $i (i32.wrap_i64 (i64.div_u (i64.load (i32.const 64)) (i64.const 86400000000000))))",
        ),
        core(
            "describe-by-chance",
            "describes itself by chance",
            r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#,
            "(drop (call $random (i32.const 64) (i32.const 4))) (local.set $i (i32.load (i32.const 64)))",
        ),
        component(
            "describe-by-the-clock",
            "describes itself by the day",
            r#"(import "wasi:clocks/wall-clock@0.2.0" "now" (func $clock (param i32)))"#,
            "(call $clock (i32.const 64))
            (local.set $i (i32.wrap_i64 (i64.div_u (i64.load (i32.const 64)) (i64.const 86400))))",
        ),
        component(
            "describe-by-chance",
            "describes itself by chance",
            r#"(import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))"#,
            "(local.set $i (i32.wrap_i64 (call $random)))",
        ),
    ]
}
