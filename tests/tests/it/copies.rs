//! A copy of a host that is busy: all that was acknowledged before it began is in it, it is whole, and its flows replay to the
//! byte as they ran.

use std::{
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rosehip_tests::{Client, Host, rosehip};
use serde_json::Value;

const WRITERS: u64 = 8;
/// Articles that are published before the copy is begun, and while it is made, at least.
const ARTICLES: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_busy_host_is_whole_and_replays_the_same() {
    let host = Host::start().await;
    let client = host.client();
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers = (0..WRITERS).map(|writer| {
        let (client, stop, acknowledged) = (client.clone(), Arc::clone(&stop), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                let article = Client::article(&format!("By {writer} number {number}"), "published", "urgent");
                client.post("/new", &article).await.expect(201);
                acknowledged.fetch_add(1, Ordering::AcqRel);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let reached = async |count: u64| {
        while acknowledged.load(Ordering::Acquire) < count {
            tokio::task::yield_now().await;
        }
        acknowledged.load(Ordering::Acquire)
    };
    let before = reached(ARTICLES).await;
    let copies = (host.path("../first"), host.path("../second"));
    let host = tokio::task::spawn_blocking(move || {
        for copy in [&copies.0, &copies.1] {
            host.cli(&["backup", copy.to_str().expect("UTF-8")], "").ok();
        }
        host
    });
    let host = host.await.expect("copies are made");
    let between = reached(before + 1).await;
    assert!(between > before, "it was written to meanwhile");
    stop.store(true, Ordering::Release);
    for writer in writers {
        writer.await.expect("every article is acknowledged");
    }

    for copy in ["../first", "../second"] {
        let restored = host.path(format!("{copy}-restored"));
        let on = |args: &[&str]| {
            let output = Command::new(rosehip()).arg("--data").arg(&restored).args(args).output().expect("it runs");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(output.status.success(), "{args:?}: {} {}", text(&output.stdout), text(&output.stderr));
            text(&output.stdout)
        };
        on(&["restore", host.path(copy).to_str().expect("UTF-8")]);
        on(&["verify"]);
        let replayed: Value = serde_json::from_str(&on(&["--json", "replay", "--verify"])).expect("JSON");
        let (flows, same) = (replayed["summary"]["flows"].as_u64(), replayed["summary"]["same"].as_u64());
        assert!(flows >= Some(before) && flows == same, "{replayed}");
        let signed = |dir: &str| fs::read(host.path(dir).join("head.json")).is_ok();
        assert!(signed(copy), "the head that the copy was made at is signed");
    }
}
