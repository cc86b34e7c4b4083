//! `rosehip doctor` and `config check`: what is broken on purpose is found, and told with what to do about it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use rosehip_tests::{Client, Host, Output, rosehip};
use serde_json::Value;

fn run(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(rosehip());
    command.arg("--data").arg(data).args(args).current_dir(data.parent().expect("a parent"));
    let output = command.output().expect("it runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The checks of a report that are not well: name, level and what was found, all with a fix.
fn unwell(report: &Output) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_str(&report.stdout).unwrap_or_else(|error| panic!("{error}: {report:?}"));
    let checks = report["checks"].as_array().expect("checks");
    let unwell = checks.iter().filter(|check| check["level"] != "ok").map(|check| {
        let text = |name: &str| check[name].as_str().unwrap_or_else(|| panic!("no {name}: {check}")).to_owned();
        assert!(!text("fix").is_empty(), "{check}");
        (text("check"), text("level"), text("found"))
    });
    unwell.collect()
}

fn doctor(host: &Host) -> Vec<(String, String, String)> {
    unwell(&run(&host.data(), &["doctor", "--json"]))
}

fn failed<'a>(found: &'a [(String, String, String)], check: &str) -> &'a str {
    let is_meant = |finding: &&(String, String, String)| finding.0 == check && finding.1 == "failed";
    &found.iter().find(is_meant).unwrap_or_else(|| panic!("{check} is not told: {found:?}")).2
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_well_is_found_well_whether_it_runs_or_not() {
    let mut host = Host::start().await;
    host.add_user("ada", "operator");
    host.client().post_and_wait("/new", &Client::article("Well", "published", "urgent")).await.expect(201);
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        let report = run(&host.data(), &["doctor"]);
        assert_eq!(report.code, Some(0), "{report:?}");
        assert!(!report.stdout.contains('✕') && report.stdout.contains("✓ keys: "), "{report:?}");
        let lock = if is_running { "which answers on" } else { "no host has the directory open" };
        assert!(report.stdout.contains(lock), "{report:?}");
        let found = doctor(&host);
        // The tests' hosts are told by an option where to listen, and have no configuration that says so.
        let is_elsewhere = found.iter().any(|(check, _, found)| check == "base-url" && found.contains(&host.url()));
        assert_eq!(is_elsewhere, is_running, "{found:?}");
        let broken: Vec<_> = found.into_iter().filter(|(_, level, _)| level == "failed").collect();
        assert_eq!(broken, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_in_the_directory_is_found_with_its_fix() {
    let mut host = Host::start().await;
    assert_eq!(host.stop(), Some(0));
    let data = host.data();

    let key = data.join("keys/host.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    let report = run(&data, &["doctor"]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(report.stdout.contains(&format!("→ chmod 600 {}", key.display())), "{report:?}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");

    let text = fs::read(&key).expect("read");
    fs::write(&key, "not a key").expect("written");
    assert!(failed(&doctor(&host), "keys").contains("host.key is not an ed25519 key"));
    fs::remove_file(&key).expect("removed");
    assert!(failed(&doctor(&host), "log").contains("the key that signed it is gone"));
    assert!(!key.exists(), "the doctor makes nothing");
    fs::write(&key, text).expect("written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("set");

    let head = fs::read_to_string(data.join("head.json")).expect("read");
    fs::write(data.join("head.json"), head.replace("\"seq\":", "\"seq\":9")).expect("written");
    assert!(failed(&doctor(&host), "log").contains("is not signed by this host's key"));
    fs::write(data.join("head.json"), &head).expect("written");

    let modules = fs::read_dir(data.join("modules")).expect("read").map(|file| file.expect("a file").path());
    let module = modules.last().expect("a module");
    let wasm = fs::read(&module).expect("read");
    fs::write(&module, b"\0asm").expect("written");
    assert!(failed(&doctor(&host), "modules").contains("publish: module"));
    fs::write(&module, wasm).expect("written");

    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).expect("set");
    assert!(failed(&doctor(&host), "permissions").contains("has mode 755"));
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).expect("set");
    assert!(doctor(&host).iter().all(|(_, level, _)| level != "failed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_is_found() {
    let mut host = Host::start().await;
    host.client().post_and_wait("/new", &Client::article("Cut", "published", "urgent")).await.expect(201);
    assert_eq!(host.stop(), Some(0));
    let log = rusqlite::Connection::open(host.path("log.db")).expect("the log");
    log.execute("DELETE FROM entries WHERE seq > 3", []).expect("cut");
    drop(log);
    let found = doctor(&host);
    assert!(failed(&found, "log").starts_with("truncated: the log ends at entry 3"), "{found:?}");
    assert!(found.iter().any(|(check, level, _)| check == "host" && level == "warning"), "it was opened: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_somebody_is_told() {
    let host = Host::start_configured("[server]\nbase_url = \"https://blog.example\"\n", &[]).await;
    let found = doctor(&host);
    let told = |check: &str, words: &str| {
        let is_told =
            found.iter().any(|(name, level, text)| name == check && level == "warning" && text.contains(words));
        assert!(is_told, "{check}: {words}: {found:?}");
    };
    told("proxies", "no proxy is trusted");
    host.client().install_ask().await;
    let report = run(&host.data(), &["doctor"]);
    assert_eq!(report.code, Some(0), "warnings are no failure: {report:?}");
    assert!(report.stdout.contains("! sinks: ask may ask for email"), "{report:?}");
}

#[test]
fn a_directory_that_is_not_there_is_told_and_not_made() {
    let parent = tempfile::tempdir().expect("a directory");
    let data = parent.path().join("nothing");
    let report = run(&data, &["doctor", "--json"]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(failed(&unwell(&report), "directory").contains("No such file"));
    assert!(!data.exists());
}

#[test]
fn a_configuration_is_told_all_that_is_wrong_with_it() {
    let parent = tempfile::tempdir().expect("a directory");
    let data = parent.path().join("data");
    fs::create_dir(&data).expect("made");
    let file = data.join("rosehip.toml");
    fs::write(&file, "colour = 1\n[server]\nlisten = \"x\"\n[log]\nformat = \"xml\"\n").expect("written");
    let report = run(&data, &["config", "check", "--json"]);
    assert_eq!(report.code, Some(4), "{report:?}");
    let told: Value = serde_json::from_str(&report.stdout).expect("JSON");
    let keys: Vec<_> = told["problems"].as_array().expect("problems").iter().map(|problem| &problem["key"]).collect();
    assert_eq!(keys, ["colour", "log.format", "server.listen"]);
    let report = run(&data, &["config", "check"]);
    assert_eq!(report.stdout.lines().count(), 3, "{report:?}");
    assert!(report.stdout.lines().all(|line| line.starts_with(&format!("{}: ", file.display()))), "{report:?}");
    let report = run(&data, &["doctor", "--json"]);
    assert_eq!(unwell(&report).iter().filter(|(check, _, _)| check == "configuration").count(), 3, "{report:?}");

    fs::write(&file, "[server]\nlisten = \"127.0.0.1:0\"\n").expect("written");
    let report = run(&data, &["config", "check"]);
    assert_eq!((report.code, report.stdout), (Some(0), format!("ok: {}\n", file.display())));
}
