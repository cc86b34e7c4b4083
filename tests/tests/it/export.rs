//! What leaves a host and comes back: flows to look at elsewhere, and whole copies, in which what was erased stays erased.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use rosehip_tests::{Client, Host, rosehip};
use serde_json::{Value, json};

async fn publish(client: &Client, title: &str, text: &str) -> String {
    let mut article = Client::article(title, "published", "urgent");
    article["body"] = json!(text);
    let saved = client.post_and_wait("/new", &article).await.expect(201);
    let id = saved["flows"][0]["id"].as_str().expect("a flow").to_owned();
    let open = ["recorded", "attempting", "retrying"];
    let is_open = |effect: &Value| open.contains(&effect["status"].as_str().unwrap_or_default());
    client
        .flow_until(&id, |flow| {
            flow["effects"].as_array().is_some_and(|effects| effects.len() > 1 && !effects.iter().any(is_open))
        })
        .await;
    id
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs the binary on another data directory.
fn on(data: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(rosehip()).arg("--data").arg(data).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_flow_is_looked_at_elsewhere_and_never_part_of_that_host() {
    let host = Host::start().await;
    let client = host.client();
    let flow = publish(&client, "Exported", "Some text.").await;
    publish(&client, "Another", "Some text.").await;
    let one = host.cli(&["flows", "export", &flow], "").ok();
    let all = host.cli(&["flows", "export", "--behavior", "publish"], "").ok();
    assert!(one.lines().count() > 5 && all.lines().count() < 2 * one.lines().count(), "the module stands there once");

    let other = Host::start().await;
    let file = other.path("../all.ndjson");
    fs::write(&file, &all).expect("written");
    other.cli(&["flows", "import", file.to_str().expect("UTF-8")], "").ok();
    other.cli(&["flows", "import", "-"], &one).ok();
    let listed = json_of(&other.cli(&["--json", "flows", "ls", "--imported"], "").ok());
    assert_eq!(listed["flows"].as_array().map(Vec::len), Some(2));
    let shown = json_of(&other.cli(&["--json", "flows", "show", &flow[..12], "--imported"], "").ok());
    let mut wanted = client.flow(&flow).await;
    wanted["imported"] = json!(true);
    assert_eq!(shown, wanted);
    assert!(other.cli(&["flows", "show", &flow, "--imported"], "").ok().contains("publish"));
    assert!(other.client().flows("").await.is_empty(), "it is no flow of that host");
    assert_eq!(other.cli(&["flows", "show", &flow], "").code, Some(3));
    assert_eq!(other.cli(&["flows", "show", "aaaaaaaaaaaa", "--imported"], "").code, Some(3));
    let editor = host.client_of(&host.add_user("edith", "editor"));
    assert_eq!(editor.get(&format!("/flows/{flow}/export")).await.status.as_u16(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_was_changed_is_refused() {
    let host = Host::start().await;
    let flow = publish(&host.client(), "Changed", "Some text.").await;
    let export = host.cli(&["flows", "export", &flow], "").ok();
    for (from, to) in [("Some text", "Other text"), ("node.done", "node.gone"), ("flow.completed", "flow.completes")] {
        let changed = export.replacen(from, to, 1);
        assert_ne!(changed, export);
        let refused = host.cli(&["flows", "import", "-"], &changed);
        assert_eq!(refused.code, Some(4), "{}", refused.stderr);
        assert!(refused.stderr.contains("does not hash"), "{}", refused.stderr);
    }
    assert_eq!(host.cli(&["flows", "import", "-"], "{}").code, Some(4));
    assert_eq!(host.cli(&["flows", "import", "no-such.ndjson"], "").code, Some(3));
    assert!(!host.path("imported").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_too_long_is_refused_before_it_is_read() {
    let host = Host::start().await;
    let flow = publish(&host.client(), "Long", "Some text.").await;
    let export = host.cli(&["flows", "export", &flow], "").ok();
    let file = host.path("../long.ndjson");
    fs::write(&file, &export).expect("written");
    let name = file.to_str().expect("UTF-8");
    host.cli(&["flows", "import", name], "").ok();
    // What was imported before, by whatever way, is kept once.
    host.cli(&["flows", "import", "-"], &export).ok();
    assert_eq!(fs::read_dir(host.path("imported")).expect("a folder").count(), 1);

    fs::File::options().write(true).open(&file).expect("there").set_len((256 << 20) + 1).expect("a longer file");
    let refused = host.cli(&["flows", "import", name], "");
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains(name) && refused.stderr.contains("longer than 256 MiB"), "{}", refused.stderr);

    let mut endless = Command::new("yes").stdout(Stdio::piped()).spawn().expect("yes runs");
    let import = Command::new(rosehip())
        .arg("--data")
        .arg(host.data())
        .args(["flows", "import", "-"])
        .stdin(endless.stdout.take().expect("stdout is piped"))
        .output()
        .expect("it runs");
    endless.kill().expect("it can be killed");
    endless.wait().expect("it ends");
    let told = String::from_utf8_lossy(&import.stderr).into_owned();
    assert!(import.status.code() == Some(1) && told.contains("longer than 256 MiB"), "{told}");
    assert_eq!(fs::read_dir(host.path("imported")).expect("a folder").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_after_a_copy_is_erased_when_it_is_put_back() {
    const MARK: &str = "unmistakable-5772";
    let mut host = Host::start().await;
    let client = host.client();
    let flow = publish(&client, "Kept", "Some text.").await;
    publish(&client, "Erased", MARK).await;
    host.add_user("quintilian", "editor");
    let copy = host.path("../copy");
    let copy = copy.to_str().expect("UTF-8").to_owned();
    host.cli(&["backup", &copy], "").ok();
    assert_eq!(host.cli(&["backup", &copy], "").code, Some(2), "it is not empty");
    publish(&client, "Later", "Some text.").await;
    host.cli(&["erase", "object", "erased"], "").ok();
    host.cli(&["erase", "user", "quintilian"], "").ok();

    let whole = host.path("../whole");
    let (code, _, stderr) = on(&whole, &["restore", &copy]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(on(&whole, &["flows", "ls", "--object", "erased", "--json"]).1.contains("erased"), "as the copy had it");

    let target = host.path("../restored");
    let old = host.data();
    let old = old.to_str().expect("UTF-8");
    let (code, stdout, stderr) = on(&target, &["--json", "restore", &copy, "--tombstones", old]);
    assert_eq!(code, Some(0), "{stderr}");
    let restored = json_of(&stdout);
    assert!(restored["erased"].as_u64() > Some(5), "{restored}");
    assert_eq!(restored["users"], 1);
    assert_eq!(on(&target, &["restore", &copy]).0, Some(2), "it is not empty any more");
    for name in ["log.db", "log.db-wal", "accounts.db"] {
        let bytes = fs::read(target.join(name)).unwrap_or_default();
        for mark in [MARK, "quintilian"] {
            assert!(!bytes.windows(mark.len()).any(|window| window == mark.as_bytes()), "{mark} in {name}");
        }
    }
    assert_eq!(on(&target, &["verify"]).0, Some(0));
    assert_eq!(json_of(&on(&target, &["flows", "show", &flow, "--json"]).1)["status"], "completed");
    assert!(!on(&target, &["user", "ls"]).1.contains("quintilian"));
    assert!(on(&target, &["flows", "ls", "--json"]).1.contains("kept"));

    // Another host's erasures say nothing about this log.
    let other = Host::start().await;
    let (code, _, stderr) =
        on(&host.path("../not"), &["restore", &copy, "--tombstones", other.data().to_str().expect("UTF-8")]);
    assert_eq!(code, Some(4), "{stderr}");
    fs::remove_file(Path::new(&copy).join("backup.json")).expect("removed");
    assert_eq!(on(&host.path("../not"), &["restore", &copy]).0, Some(4), "it is not whole");
    assert_eq!(host.stop(), Some(0));
}
