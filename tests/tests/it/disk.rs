//! What a disk does to a host: it fills up and has room again, and it does not confirm what was written.
//!
//! Between the host and its files stands `shim.c` of the adapters' tests. With `SMALL_DISK`, a directory on a small file
//! system of its own, the first test fills that instead; `CONTRIBUTING.md` has the command.

use std::{
    env, fs,
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use rosehip_tests::{Client, Host};
use serde_json::Value;
use tempfile::TempDir;

use crate::crashes::{all_are_there_once, is_settled, kills};

/// A disk that does as it is told by files in a directory.
struct Disk(TempDir);

/// What stands between, built once for all tests.
fn shim() -> &'static str {
    static BUILT: OnceLock<String> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host-disk-shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/adapters/tests/disk/shim.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&built, &source])
            .args(["-ldl", "-lpthread"])
            .status()
            .expect("a C compiler builds what stands before the files; install it with: apt-get install gcc");
        assert!(compiled.success(), "cc did not compile {}", source.display());
        text(&built)
    })
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of text").to_owned()
}

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    /// A host whose files lie on it.
    async fn host(&self) -> Host {
        let root = text(&env::temp_dir().canonicalize().expect("it is there"));
        let (full, broken, killer) = (text(&self.full()), text(&self.broken()), text(&self.killer()));
        let environment = [
            ("LD_PRELOAD", shim()),
            ("DISK_ROOT", &*root),
            ("DISK_FULL", &*full),
            ("DISK_BROKEN", &*broken),
            ("DISK_KILL", &*killer),
        ];
        Host::start_configured("", &environment).await
    }

    fn full(&self) -> PathBuf {
        self.0.path().join("full")
    }

    fn broken(&self) -> PathBuf {
        self.0.path().join("broken")
    }

    fn killer(&self) -> PathBuf {
        self.0.path().join("kill")
    }

    /// Has the host be killed after so many more changes of its files.
    fn kill_after(&self, changes: u32) {
        // It comes whole or not at all.
        let unnamed = self.0.path().join("kill-not-yet");
        fs::write(&unnamed, changes.to_string()).expect("written");
        fs::rename(&unnamed, self.killer()).expect("named");
    }

    fn fill(&self) {
        match small_disk() {
            Some(disk) => take_all_room(&disk.join("ballast")),
            None => fs::write(self.full(), []).expect("written"),
        }
    }

    fn free(&self) {
        let full = small_disk().map_or_else(|| self.full(), |disk| disk.join("ballast"));
        fs::remove_file(full).expect("removed");
    }
}

fn small_disk() -> Option<PathBuf> {
    env::var_os("SMALL_DISK").map(PathBuf::from)
}

fn take_all_room(ballast: &Path) {
    let mut file = File::create(ballast).expect("made");
    for size in [65_536, 4_096, 512, 1] {
        let block = vec![0; size];
        let full = loop {
            if let Err(error) = file.write_all(&block) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull, "{full}");
    }
}

fn article(title: &str) -> Value {
    let mut article = Client::article(title, "published", "urgent");
    article["body"] = "word ".repeat(2_000).into();
    article
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_507_before_any_acknowledgement_and_work_resumes_by_itself() {
    let disk = Disk::new();
    let host = disk.host().await;
    let client = host.client();
    client.post_and_wait("/new", &article("Before")).await.expect(201);
    // Reading it has the views written as far, which are read while they cannot be.
    client.get("/before/").await.expect(200);

    disk.fill();
    let mut acknowledged = vec!["before".to_owned()];
    // The files may have room in what they took before.
    let refused = loop {
        let slug = format!("full-{}", acknowledged.len());
        let answer = client.post("/new", &article(&slug)).await;
        if answer.status.as_u16() != 201 {
            break answer;
        }
        acknowledged.push(slug);
        assert!(acknowledged.len() < 1_000, "the disk does not get full");
    };
    refused.expect(507);
    client.post("/new", &article("Refused")).await.expect(507);
    client.get("/before/").await.expect(200);
    client.get("/refused/").await.expect(404);
    disk.free();

    // Nobody started it anew.
    client.post_and_wait("/new", &article("After")).await.expect(201);
    acknowledged.push("after".to_owned());
    for slug in &acknowledged {
        let flow = client.first_flow(&format!("object={slug}")).await;
        client.flow_until(flow["id"].as_str().expect("an id"), |flow| flow["status"] == "completed").await;
    }
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_ends_the_host_and_loses_nothing() {
    let disk = Disk::new();
    let mut host = disk.host().await;
    let client = host.client();
    client.post_and_wait("/new", &article("Kept")).await.expect(201);

    fs::write(disk.broken(), []).expect("written");
    let body = article("Not confirmed");
    let request = client.request(reqwest::Method::POST, "/new").json(&body);
    // What it did before may have met the disk first, and then this is refused while the host ends.
    let answered = client.try_send(request).await.map(|answer| answer.status);
    assert!(
        !answered.as_ref().is_ok_and(reqwest::StatusCode::is_success),
        "a failed sync is acknowledged: {answered:?}"
    );
    assert_eq!(host.ended(), None, "it aborts");
    assert!(host.log().contains("the disk did not confirm"), "{}", host.log());

    fs::remove_file(disk.broken()).expect("removed");
    host.serve().await;
    client.get("/kept/").await.expect(200);
    client.post_and_wait("/new", &article("After")).await.expect(201);
    assert_eq!(host.verify().code, Some(0));
}

/// Waits until the flow of an article has done all it does; false where the host is gone before.
async fn is_done(client: &Client, slug: &str) -> bool {
    let path = format!("/flows?object={slug}");
    loop {
        let request = client.request(reqwest::Method::GET, &path).header("accept", "application/json");
        let Ok(answer) = client.try_send(request).await else { return false };
        if is_settled(&answer.json()["flows"][0]) {
            return true;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_any_two_changes_of_its_files_loses_nothing_and_fires_nothing_twice() {
    let disk = Disk::new();
    let mut host = disk.host().await;
    let client = host.client();
    let (mut acknowledged, mut rounds, mut changes) = (Vec::new(), 0, 0);
    for cycle in 0..kills(100) {
        // What an earlier kill left comes to its end first: a call in which four hosts ended is not made again.
        while !client.flows("status=running").await.is_empty() {
            tokio::task::yield_now().await;
        }
        // They send nothing: what was cut off on its way is tried again after minutes, and all behind it waits.
        let [first, slug] = [format!("known-{cycle}"), format!("killed-{cycle}")];
        let article = |slug: &str| Client::article(slug, "published", "other");
        let waits = cycle % 2 == 1;
        if waits {
            // Once its module is known to answer at once, an article is recorded together with its flow.
            client.post_and_wait("/new", &article(&first)).await.expect(201);
            acknowledged.push(first);
        }
        disk.kill_after(changes);
        let request = client.request(reqwest::Method::POST, "/new").json(&article(&slug));
        let request = if waits { request.header("prefer", "wait=5") } else { request };
        if let Ok(answer) = client.try_send(request).await {
            answer.expect(201);
            acknowledged.push(slug.clone());
        }
        changes += 3;
        if acknowledged.last() == Some(&slug) && is_done(&client, &slug).await {
            // There are no more changes than these. It begins anew, between others.
            rounds += 1;
            changes = rounds % 3;
        }
        host.kill();
        fs::remove_file(disk.killer()).expect("it was not there before");
        host.serve().await;
    }
    assert!(rounds > 0, "{changes} changes of its files are not all of them");
    all_are_there_once(&host, &acknowledged).await;
}
