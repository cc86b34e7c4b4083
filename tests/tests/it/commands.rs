//! The command line, with a host that runs and without one.

use std::process::Command;

use rosehip_tests::{ASK, Client, Host, PUBLISH, free_port, rosehip};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_works_with_and_without_a_running_host() {
    let mut host = Host::start().await;
    let module = host.path("../publish.wasm");
    std::fs::write(&module, PUBLISH).expect("written");
    let module = module.to_str().expect("UTF-8").to_owned();
    host.client().post_and_wait("/new", &Client::article("Verbs", "published", "urgent")).await.expect(201);
    for is_running in [true, false] {
        if !is_running {
            assert_eq!(host.stop(), Some(0));
        }
        let flows = json(&host.cli(&["flows", "ls", "--json"], "").ok());
        let id = flows["flows"][0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(json(&host.cli(&["flows", "show", &id, "--json"], "").ok())["status"], "completed");
        assert!(host.cli(&["flows", "ls"], "").ok().contains("publish"));
        let behaviors = json(&host.cli(&["behaviors", "ls", "--json"], "").ok());
        assert_eq!(behaviors["behaviors"][0]["name"], "publish");
        host.cli(&["behaviors", "show", "publish"], "").ok();
        let name = if is_running { "second" } else { "third" };
        host.cli(&["behaviors", "install", &module, "--name", name], "").ok();
        host.cli(&["behaviors", "disable", name], "").ok();
        host.cli(&["behaviors", "enable", name], "").ok();
        assert_eq!(host.cli(&["behaviors", "rollback", name], "").code, Some(1), "nothing to roll back to");
        assert_eq!(json(&host.verify().ok())["entries"].as_u64().map(|entries| entries > 5), Some(true));
        let user = if is_running { "uma" } else { "urs" };
        host.add_user(user, "editor");
        assert_eq!(host.cli(&["flows", "show", "aaaaaaaaaaaa"], "").code, Some(3));
        assert_eq!(host.cli(&["behaviors", "show", "nobody"], "").code, Some(3));
        assert_eq!(host.cli(&["flows", "frobnicate"], "").code, Some(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_host_is_driven_with_a_token() {
    let host = Host::start().await;
    let token = host.add_user("rita", "operator");
    let run = |url: &str, token: &str| {
        let mut command = Command::new(rosehip());
        command.args(["--url", url, "flows", "ls", "--json"]).env("ROSEHIP_TOKEN", token);
        command.output().expect("it runs")
    };
    let output = run(&host.url(), &token);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(json(&String::from_utf8_lossy(&output.stdout))["flows"], serde_json::json!([]));
    assert_eq!(run(&host.url(), "wrong").status.code(), Some(1));
    assert_eq!(run(&format!("http://127.0.0.1:{}", free_port()), &token).status.code(), Some(5));
}

/// Commands that were told, each without its backticks.
fn told(stderr: &str) -> Vec<String> {
    stderr.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_done_next_is_told_so_that_it_can_be_typed() {
    let host = Host::start().await;
    let module = host.path("../ask.wasm");
    std::fs::write(&module, ASK).expect("written");
    let module = module.to_str().expect("UTF-8");
    // From elsewhere and without what was given before, as whoever copies the line types it.
    let typed = |command: &str| {
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("rosehip"), "{command}");
        let mut command = Command::new(rosehip());
        command.args(words).current_dir("/").env_remove("ROSEHIP_DATA").env("ROSEHIP_TOKEN", host.token());
        let output = command.output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {stderr}");
        stderr
    };
    let data = host.data().display().to_string();
    for (name, place) in [("here", format!("--data {data}")), ("there", format!("--url {}", host.url()))] {
        let first = typed(&format!("rosehip {place} behaviors install {module} --name {name}"));
        let steps = told(&first);
        assert_eq!(steps.len(), 2, "{first}");
        assert!(steps.iter().all(|step| step.starts_with(&format!("rosehip {place} behaviors "))), "{first}");
        for step in steps {
            typed(&step);
        }
        let shown: Value = json(&host.cli(&["behaviors", "show", name, "--json"], "").ok());
        assert_eq!((&shown["enabled"], &shown["to_grant"]), (&Value::Bool(true), &serde_json::json!([])));
    }

    let host = Host::start_configured("[channels.team]\nkind = \"log\"\n", &[]).await;
    let module = host.path("../publish.wasm");
    std::fs::write(&module, PUBLISH).expect("written");
    let installed = host.cli(&["behaviors", "install", module.to_str().expect("UTF-8"), "--name", "news"], "");
    let grant = format!("rosehip --data {} behaviors grant news notify=log,team", host.data().display());
    assert_eq!(told(&installed.stderr), [grant.as_str()], "{}", installed.stderr);
    assert_eq!(json(&host.cli(&["behaviors", "show", "news", "--json"], "").ok())["channels_to_grant"][0], "team");
    let granted = typed(&grant);
    assert!(granted.contains("notify=log,team") && !granted.contains('`'), "{granted}");
    assert!(!host.cli(&["behaviors", "install", "publish", "--name", "news"], "").stderr.contains('`'));

    let empty = tempfile::tempdir().expect("a directory");
    let missing =
        Command::new(rosehip()).arg("--data").arg(empty.path()).args(["flows", "ls"]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(stderr.contains(&format!("`rosehip --data {} serve`", empty.path().display())), "{stderr}");
    let named =
        Command::new(rosehip()).env("ROSEHIP_DATA", empty.path()).args(["flows", "ls"]).output().expect("it runs");
    assert_eq!(told(&String::from_utf8_lossy(&named.stderr))[0], "rosehip serve");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_host_from_starting_is_one_clear_line() {
    let host = Host::start().await;
    let port = host.url().rsplit(':').next().expect("a port").to_owned();
    let listen = format!("127.0.0.1:{port}");
    let busy_port = {
        let dir = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(rosehip());
        command.arg("--data").arg(dir.path()).args(["serve", "--listen", &listen]).output().expect("it runs")
    };
    let locked = host.cli(&["serve", "--listen", &format!("127.0.0.1:{}", free_port())], "");
    let bad_config = {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("rosehip.toml"), "listen = [").expect("written");
        let mut command = Command::new(rosehip());
        command.arg("--data").arg(dir.path()).args(["serve"]).output().expect("it runs")
    };
    let lines = [
        (busy_port.status.code(), String::from_utf8_lossy(&busy_port.stderr).into_owned(), listen.as_str()),
        (locked.code, locked.stderr, "is in use by process"),
        (bad_config.status.code(), String::from_utf8_lossy(&bad_config.stderr).into_owned(), "rosehip.toml"),
    ];
    for (code, stderr, word) in lines {
        assert_eq!(code, Some(1), "{stderr}");
        assert!(stderr.contains(word) && stderr.trim().lines().count() == 1, "{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_what_was_changed() {
    let mut host = Host::start().await;
    host.client().post_and_wait("/new", &Client::article("Changed", "published", "urgent")).await.expect(201);
    host.stop();
    let sql = "UPDATE entries SET body = CAST(replace(CAST(body AS TEXT), 'urgent', 'plain!') AS BLOB) WHERE kind = 'object.revised'";
    let log = rusqlite::Connection::open(host.path("log.db")).expect("the log");
    assert_eq!(log.execute(sql, []).expect("changed"), 1);
    drop(log);
    let verified = host.verify();
    assert_eq!(verified.code, Some(4), "{}{}", verified.stdout, verified.stderr);
    assert!(format!("{}{}", verified.stdout, verified.stderr).contains("body"), "{}", verified.stderr);
}

#[test]
fn the_demo_settles_and_ends() {
    let output = Command::new(rosehip()).args(["demo", "--exit"]).output().expect("it runs");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    for word in ["urgent", "newsletter", "notify", "suspended", "password", "http://"] {
        assert!(format!("{stdout}{stderr}").to_lowercase().contains(word), "{word} is missing: {stdout}{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_an_option_does_not_know_is_a_mistake_in_usage_and_those_that_it_knows_are_told() {
    let host = Host::start().await;
    for (args, told) in [
        (&["flows", "ls", "--view", "broken"][..], &["all, running, waiting, retrying, failed, dead, today"][..]),
        (&["flows", "ls", "--status", "done"], &["running, suspended, completed, failed, cancelled"]),
        (&["flows", "retry", "--effect-status", "x", "--dry-run"], &["retrying, dead, denied, cancelled, unhandled"]),
        (&["effects", "redrive", "--status", "denied"], &["dead, unhandled"]),
        (&["flows", "export", "--older-than", "yesterday"], &["--older-than <TIME>", "such as P7D"]),
        (&["flows", "cancel", "--waiting", "long"], &["--waiting <TIME>", "RFC 3339"]),
    ] {
        let output = host.cli(args, "");
        assert_eq!(output.code, Some(2), "{args:?}: {}", output.stderr);
        for word in told {
            assert!(output.stderr.contains(word), "{args:?}: {word} is missing: {}", output.stderr);
        }
    }
    for word in ["all", "today"] {
        host.cli(&["flows", "ls", "--view", word], "").ok();
    }
    host.cli(
        &["flows", "ls", "--status", "cancelled", "--older-than", "P7D", "--newer-than", "2026-01-01T00:00:00Z"],
        "",
    )
    .ok();
}

#[test]
fn completions_are_written_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(rosehip()).args(["completion", shell]).output().expect("it runs");
        assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("rosehip"));
    }
}
