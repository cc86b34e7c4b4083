//! Behaviors as their authors make them: a new project, built by the binary, installed from its folder.

use std::{
    fs::{self, File, FileTimes},
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use rosehip_tests::{Host, Output, rosehip};
use serde_json::Value;

/// Runs the binary in `dir`.
fn run(dir: &Path, args: &[&str]) -> Output {
    let output = Command::new(rosehip()).args(args).current_dir(dir).env("NO_COLOR", "1").output().expect("it runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn built(dir: &Path, args: &[&str]) -> Value {
    let document = run(dir, &[&["--json", "build"], args].concat()).ok();
    serde_json::from_str(&document).expect("a document")
}

/// Lets a file be changed a minute from now.
fn touch(path: &Path) {
    let times = FileTimes::new().set_modified(SystemTime::now() + Duration::from_mins(1));
    File::options().write(true).open(path).and_then(|file| file.set_times(times)).expect("it is touched");
}

#[test]
fn a_project_is_made_nowhere_but_in_a_new_folder() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = run(dir.path(), &["new", "wat", "rose-notes"]);
    assert_eq!((made.code, made.stdout.as_str()), (Some(0), ""), "{}", made.stderr);
    for command in ["rosehip build rose-notes", "rosehip test rose-notes", "rosehip behaviors install rose-notes"] {
        assert!(made.stderr.contains(command), "{}", made.stderr);
    }
    assert!(dir.path().join("rose-notes/.gitignore").is_file());

    for (args, code, why) in [
        (&["new", "wat", "rose-notes"][..], 1, "the folder is not empty"),
        (&["new", "wat", "Rose"], 2, "not a behavior name"),
        (&["new", "wat", "../up"], 2, "not a behavior name"),
        (&["new", "cobol", "notes"], 2, "rust, js, ts, python, go, wat"),
        (&["new", "wat", "notes", "--example", "spam"], 2, "publish"),
        (&["new", "wat", "notes", "--dir", "rose-notes/behavior.toml"], 1, "no folder"),
    ] {
        let refused = run(dir.path(), args);
        assert_eq!(refused.code, Some(code), "{args:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(why), "{args:?}: {}", refused.stderr);
    }
    assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1, "nothing was begun");

    run(dir.path(), &["new", "wat", "notes", "--example", "publish", "--dir", "a/b"]).ok();
    assert!(dir.path().join("a/b/behavior.toml").is_file());
}

#[test]
fn what_is_no_project_is_not_built() {
    let dir = tempfile::tempdir().expect("a directory");
    for (args, code, why) in
        [(&["build"][..], 1, "no behavior.toml; `rosehip new`"), (&["build", "gone"], 3, "no such folder")]
    {
        let refused = run(dir.path(), args);
        assert_eq!(refused.code, Some(code), "{}", refused.stderr);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[test]
fn a_project_is_built_when_its_sources_are_newer() {
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["new", "wat", "rose-notes"]).ok();
    let project = dir.path().join("rose-notes");

    let first = built(&project, &[]);
    let wasm = fs::read(project.join("dist/rose-notes.wasm")).expect("it is there");
    assert_eq!(first["wasm"], "dist/rose-notes.wasm");
    assert_eq!((first["bytes"].as_u64(), &first["fresh"]), (Some(wasm.len() as u64), &Value::Bool(false)));
    let second = built(dir.path(), &["rose-notes"]);
    assert_eq!((&second["fresh"], &second["digest"]), (&Value::Bool(true), &first["digest"]));
    let forced = built(&project, &["--force"]);
    assert_eq!((&forced["fresh"], &forced["digest"]), (&Value::Bool(false), &first["digest"]), "the same bytes");
    let line = run(&project, &["build"]).ok();
    let digest: String = first["digest"].as_str().expect("a digest").chars().take(12).collect();
    assert!(line.starts_with("dist/rose-notes.wasm  ") && line.contains(&format!("sha-256 {digest}…")), "{line}");

    fs::write(project.join("behavior.wat"), "(module\n  (func\n    i32.frobnicate))\n").expect("written");
    touch(&project.join("behavior.wat"));
    let failed = run(&project, &["build"]);
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.stderr.contains("behavior.wat:3:5") && failed.stderr.contains("i32.frobnicate"),
        "{}",
        failed.stderr
    );
    assert_eq!(fs::read(project.join("dist/rose-notes.wasm")).ok(), Some(wasm), "the one before stays");

    fs::write(project.join("behavior.wat"), "(module (func (export \"answer\")))").expect("written");
    let failed = run(&project, &["build", "--force"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("no behavior that a host takes"), "{}", failed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_in_rust_is_built_and_installed_and_does_what_it_says() {
    let host = Host::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["new", "rust", "rose-notes"]).ok();
    let project = dir.path().join("rose-notes");
    let project = project.to_str().expect("UTF-8");

    let document = built(dir.path(), &["rose-notes"]);
    host.cli(&["behaviors", "install", project], "").ok();

    let shown: Value =
        serde_json::from_str(&host.cli(&["behaviors", "show", "rose-notes", "--json"], "").ok()).expect("a document");
    assert_eq!(shown["digest"], document["digest"]);
    assert_eq!(shown["enabled"], true, "{shown}");

    fs::write(dir.path().join("rose-notes/src/lib.rs"), "fn unfinished( {").expect("written");
    let failed = run(dir.path(), &["build", "rose-notes", "--force"]);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("src/lib.rs:1"), "cargo's own words: {}", failed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_installed_when_it_was_built_since_it_was_changed() {
    let host = Host::start().await;
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["new", "wat", "rose-notes"]).ok();
    let project = dir.path().join("rose-notes");
    let named = project.to_str().expect("UTF-8");
    let what_to_do = format!("run `rosehip build {named}`");

    let missing = host.cli(&["behaviors", "install", named], "");
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("not built yet") && missing.stderr.contains(&what_to_do), "{}", missing.stderr);

    run(&project, &["build"]).ok();
    host.cli(&["behaviors", "install", named], "").ok();
    host.cli(&["behaviors", "install", named, "--name", "second"], "").ok();
    for name in ["rose-notes", "second"] {
        host.cli(&["behaviors", "show", name], "").ok();
    }

    touch(&project.join("behavior.wat"));
    let stale = host.cli(&["behaviors", "install", named], "");
    assert_eq!(stale.code, Some(1));
    assert!(stale.stderr.contains("older than behavior.wat") && stale.stderr.contains(&what_to_do), "{}", stale.stderr);

    let none = host.cli(&["behaviors", "install", dir.path().to_str().expect("UTF-8")], "");
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("there is no behavior.toml"), "{}", none.stderr);
}
