//! What an author has before there is a host: `rosehip check` says what a module is, `rosehip test` what it records.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use rosehip_tests::{Output, PUBLISH, rosehip};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A project in WAT whose module returns one Outcome for every call.
pub(crate) struct Project {
    dir: TempDir,
}

/// What its module does in a call.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Answers with this: `{"ok": …}` or `{"err": …}`.
    Answers(Value),
    /// Traps.
    Traps,
}

impl Does {
    /// Logs through an effect.
    pub(crate) fn says(message: &str) -> Self {
        Self::Answers(json!({"ok": {"v": 1, "effects": [{"kind": "log", "payload": {"message": message}}]}}))
    }

    fn fails(message: &str) -> Self {
        Self::Answers(json!({"err": {"fatal": message}}))
    }
}

impl Project {
    pub(crate) fn new(does: &Does) -> Self {
        let project = Self { dir: tempfile::tempdir().expect("a directory") };
        let toml = "name = \"tale\"\nlanguage = \"wat\"\nwasm = \"dist/tale.wasm\"\n";
        fs::write(project.path("behavior.toml"), toml).expect("written");
        fs::create_dir(project.path("events")).expect("made");
        let object = json!({"type": "Article", "name": "On roses", "status": "published", "tag": []});
        project.event("published", &json!({ "object": object }));
        project.write(does);
        project
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn event(&self, name: &str, event: &Value) {
        fs::write(self.path(&format!("events/{name}.json")), event.to_string()).expect("written");
    }

    fn golden(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(&format!("events/{name}.effects.json"))).expect("it is there");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Writes the source of a module that logs a line in every call.
    pub(crate) fn write(&self, does: &Does) {
        let manifest = json!({
            "v": 1, "name": "tale", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
            "nodes": [{"id": "first", "kind": "step"}, {"id": "last", "kind": "step"}],
            "edges": [{"from": "first", "to": "last"}], "effects": ["log", "email"],
            "config_schema": {"type": "object", "properties": {"limit": {
                "type": "integer", "default": 3, "description": "How many.",
            }}},
        });
        let (answer, then) = match does {
            Does::Answers(answer) => (answer.to_string(), ""),
            Does::Traps => (String::new(), "unreachable"),
        };
        let (manifest, said) = (manifest.to_string(), "looked at it");
        let text = |text: &str| text.bytes().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
        let packed = |at: u64, text: &str| at << 32 | text.len() as u64;
        let wat = format!(
            r#"(module
                (import "rosehip" "log" (func $log (param i32 i32 i32)))
                (memory (export "memory") 3)
                (data (i32.const 1024) "{}") (data (i32.const 65536) "{}") (data (i32.const 98304) "{}")
                (func (export "rosehip_abi_version") (result i32) i32.const 1)
                (func (export "rosehip_alloc") (param i32) (result i32) i32.const 131072)
                (func (export "rosehip_describe") (result i64) i64.const {})
                (func (export "rosehip_run") (param i32 i32) (result i64)
                    (call $log (i32.const 2) (i32.const 98304) (i32.const {})) {then} i64.const {}))"#,
            text(&manifest),
            text(&answer),
            text(said),
            packed(1_024, &manifest),
            said.len(),
            packed(65_536, &answer),
        );
        fs::write(self.path("behavior.wat"), wat).expect("written");
    }

    pub(crate) fn build(&self) {
        self.run(&["build", "--force"]).ok();
    }

    /// Runs the binary in the project's folder.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        run(self.dir(), args)
    }
}

fn run(dir: &Path, args: &[&str]) -> Output {
    let output = Command::new(rosehip()).args(args).current_dir(dir).env("NO_COLOR", "1").output().expect("it runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &[&str]) {
    let all = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, Some(code), "{all}");
    for word in words {
        assert!(all.contains(word), "{word:?} is missing: {all}");
    }
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output.stdout))
}

#[test]
fn check_says_what_a_module_is_and_what_it_needs() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("publish.wasm"), PUBLISH).expect("written");
    let page = run(dir.path(), &["check", "publish.wasm"]).ok();
    for part in [
        "bytes, component",
        "imports   nothing",
        "Create of Article, when status becomes published",
        "         ─ newsletter ──→ wait (until /config/digest) ─ fired ──→ digest\n",
        "effects   notify, validate",
        "runner    durable",
        "digest (object or string",
        "`rosehip behaviors grant publish notify=log,CHANNEL`",
        " of   33,554,432 ",
        "to describe itself",
    ] {
        assert!(page.contains(part), "{part:?} is missing: {page}");
    }
    let told = document(&run(dir.path(), &["check", "publish.wasm", "--json"]));
    assert_eq!((&told["ok"], &told["abi"], &told["to_grant"]), (&json!(true), &json!("component"), &json!([])));
    assert_eq!(told["bytes"].as_u64(), Some(PUBLISH.len() as u64));

    let project = Project::new(&Does::says("x"));
    refused(&project.run(&["check"]), 1, &["not built", "rosehip build"]);
    project.build();
    let page = project.run(&["check"]).ok();
    for part in ["core module", "imports   rosehip.log", "email: it is disabled until", "limit (integer, 3 where"] {
        assert!(page.contains(part), "{part:?} is missing: {page}");
    }
}

#[test]
fn check_refuses_what_a_host_refuses_by_the_same_rule() {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, wasm, rule) in [
        ("text.wasm", b"not wasm at all".to_vec(), "not-wasm: "),
        ("bare.wasm", wat::parse_str("(module)").expect("WAT"), "missing-export: "),
        ("cut.wasm", PUBLISH[..PUBLISH.len() / 2].to_vec(), "invalid-wasm: "),
    ] {
        fs::write(dir.path().join(name), wasm).expect("written");
        refused(&run(dir.path(), &["check", name]), 4, &[name, rule]);
        let told = document(&run(dir.path(), &["check", name, "--json"]));
        assert_eq!((&told["ok"], told["rule"].as_str()), (&json!(false), rule.strip_suffix(": ")));
    }
    refused(&run(dir.path(), &["check", "none.wasm"]), 3, &["there is no such file"]);
    refused(&run(dir.path(), &["check"]), 1, &["no behavior.toml"]);
}

#[test]
fn test_writes_golden_effects_when_it_is_told_to_and_holds_later_ones_against_them() {
    let project = Project::new(&Does::says("one"));
    project.build();
    refused(&project.run(&["test"]), 4, &["✗ published", "published.effects.json", "--update", "looked at it"]);
    refused(&project.run(&["test", "--update"]), 0, &["✓ published", "were written"]);
    let wanted = json!({"effects": [
        {"node": "first", "kind": "log", "payload": {"message": "one"}},
        {"node": "last", "kind": "log", "payload": {"message": "one"}},
    ]});
    assert_eq!(project.golden("published"), wanted);
    let good = project.run(&["test"]);
    assert_eq!(good.clone().ok(), "✓ published  first → last\n");
    assert!(good.stderr.contains("1 event, all as expected"), "{}", good.stderr);
    assert!(project.run(&["test", "--verbose"]).ok().contains("first warn | looked at it"));

    project.write(&Does::says("two"));
    refused(&project.run(&["test"]), 1, &["behavior.wat", "rosehip build"]);
    project.build();
    let words =
        ["✗ published", "first, effect 0 (log): /payload/message: \"one\" → \"two\"", "last, effect 0", "1 of 1"];
    refused(&project.run(&["test"]), 4, &words);
    let told = document(&project.run(&["test", "--json"]));
    let difference = &told[0]["differences"][0];
    assert_eq!((&told[0]["event"], &told[0]["ok"]), (&json!("published"), &json!(false)));
    assert_eq!(
        (&difference["node"], &difference["effect"], &difference["pointer"], &difference["after"]),
        (&json!("first"), &json!(0), &json!("/payload/message"), &json!("two"))
    );
    assert_eq!((&told[0]["failed"], &told[0]["effects"][1]["node"]), (&Value::Null, &json!("last")));
    assert_eq!(told[0]["log"][0], json!({"node": "first", "level": "warn", "message": "looked at it"}));
    refused(&project.run(&["test", "--update"]), 0, &["\"one\" → \"two\"", "were written"]);
    project.run(&["test"]).ok();
}

#[test]
fn a_failure_is_shown_with_its_message_and_the_log() {
    let project = Project::new(&Does::Traps);
    fs::write(project.path("events/published.effects.json"), r#"{"effects": []}"#).expect("written");
    project.build();
    let words = ["published  first ✗", "first failed, trap: ", "first warn | looked at it", "mend the step"];
    refused(&project.run(&["test"]), 4, &words);
    let told = document(&project.run(&["test", "--json"]));
    assert_eq!((&told[0]["failed"]["node"], &told[0]["failed"]["rule"]), (&json!("first"), &json!("trap")));

    project.write(&Does::fails("the well is dry"));
    project.build();
    refused(&project.run(&["test"]), 4, &["first failed, fatal: the well is dry", "looked at it"]);
    // Nobody has said that it is to fail: what was expected stays.
    refused(&project.run(&["test", "--update"]), 4, &["✗ published  first ✗", "not written", r#""rule":"fatal""#]);
    assert_eq!(project.golden("published"), json!({"effects": []}));
    fs::remove_file(project.path("events/published.effects.json")).expect("removed");
    refused(&project.run(&["test", "--update"]), 4, &["not written: mend the step, or declare there that it fails"]);
    assert!(!project.path("events/published.effects.json").exists());
    for (rule, code) in [("trap", 4), ("fatal", 0)] {
        let declared = json!({"effects": [], "failed": {"node": "first", "rule": rule, "message": "long ago"}});
        fs::write(project.path("events/published.effects.json"), declared.to_string()).expect("written");
        assert_eq!(project.run(&["test", "--update"]).code, Some(code), "{rule}");
    }
    let failed = json!({"node": "first", "rule": "fatal", "message": "the well is dry"});
    assert_eq!(project.golden("published"), json!({"effects": [], "failed": failed}));
    assert_eq!(project.run(&["test"]).ok(), "✓ published  first ✗\n");
}

#[test]
fn an_event_that_matches_no_trigger_says_why_and_one_that_is_broken_names_the_field() {
    let project = Project::new(&Does::says("one"));
    project.build();
    project.run(&["test", "--update"]).ok();
    project.event("changed", &json!({"object": {"type": "Article"}, "activity": {"type": "Update"}}));
    fs::write(project.path("events/changed.effects.json"), r#"{"effects": []}"#).expect("written");
    refused(&project.run(&["test", "changed"]), 4, &["no trigger matches: on: wants Create, found Update"]);
    project.run(&["test", "changed", "--update"]).ok();
    assert_eq!(project.golden("changed"), json!({"matched": false}));
    assert!(project.run(&["test"]).ok().contains("✓ changed  no trigger matches\n✓ published"));

    project.event("broken", &json!({"object": {"type": "Article"}, "now": "noon"}));
    fs::write(project.path("events/lone.effects.json"), "{}").expect("written");
    let words =
        ["✗ broken\n    events/broken.json: now: \"noon\"", "✗ lone\n    events/lone.json: there is none", "2 of 4"];
    refused(&project.run(&["test"]), 4, &words);
    refused(&project.run(&["test", "--update"]), 4, &words);
    refused(&project.run(&["test", "absent"]), 3, &["there is no event absent", "changed, lone, published"]);
    project.event("config", &json!({"object": {"type": "Article"}, "config": {"limit": "x"}}));
    refused(&project.run(&["test", "config"]), 4, &["events/config.json: config/limit: "]);
    fs::write(project.path("events/published.effects.json"), r#"{"effects": [{"node": 1}]}"#).expect("written");
    refused(&project.run(&["test", "published"]), 4, &["events/published.effects.json: effects/0/node: "]);
}

#[test]
fn a_project_without_events_is_told_how_to_write_one() {
    let project = Project::new(&Does::says("one"));
    project.build();
    fs::remove_dir_all(project.path("events")).expect("removed");
    refused(&project.run(&["test"]), 1, &["there are no events; write one", "\"object\""]);
    let outside = tempfile::tempdir().expect("a directory");
    refused(&run(outside.path(), &["test", "gone"]), 1, &["no behavior.toml"]);
    refused(&run(outside.path(), &["test", &project.dir().display().to_string()]), 1, &["there are no events"]);
}

#[test]
fn the_worked_behavior_does_what_its_conformance_events_say() {
    let project = Project::new(&Does::says("one"));
    let events = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk/conformance/publish/events");
    fs::remove_dir_all(project.path("events")).expect("removed");
    fs::create_dir_all(project.path("events")).expect("made");
    let mut count = 0;
    for entry in fs::read_dir(events).expect("readable") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, project.path("events").join(path.file_name().expect("a name"))).expect("copied");
        count += 1;
    }
    assert!(count > 10 && count % 2 == 0, "each event has its golden effects");
    fs::create_dir_all(project.path("dist")).expect("made");
    fs::write(project.path("dist/tale.wasm"), PUBLISH).expect("written");
    let newer = fs::FileTimes::new().set_modified(SystemTime::now() + Duration::from_secs(5));
    let wasm = fs::File::options().write(true).open(project.path("dist/tale.wasm")).expect("there");
    wasm.set_times(newer).expect("set");
    let told = project.run(&["test"]);
    assert_eq!(told.code, Some(0), "{}{}", told.stdout, told.stderr);
    assert_eq!(told.stdout.lines().count(), count / 2, "{}", told.stdout);
}
