//! `kill -9` at any time: what was acknowledged is there, and nothing fired twice.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, header};
use rosehip_tests::{Client, Host};
use serde_json::Value;

/// Kills of one test, unless `KILLS` says how many.
pub(crate) fn kills(usual: u32) -> u32 {
    env::var("KILLS").map_or(usual, |kills| kills.parse().expect("KILLS is a number"))
}

/// Publishes articles one after the other until told to stop or the host is gone; gives those that were acknowledged.
async fn publish_until(client: Client, cycle: u32, writer: u32, stop: Arc<AtomicBool>) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let slug = format!("c{cycle}-w{writer}-{n}");
        let mut body = Client::article(&slug, "published", "urgent");
        body["slug"] = Value::from(slug.as_str());
        let mut request = client.request(Method::POST, "/new").header(header::ACCEPT, "application/json").json(&body);
        // Half of them wait for the flows, which are recorded together with the article.
        if writer % 2 == 1 {
            request = request.header("prefer", "wait=5");
        }
        match client.try_send(request).await {
            Ok(answer) => {
                answer.expect(201);
                acknowledged.push(slug);
            }
            Err(_) => break,
        }
    }
    acknowledged
}

/// Every flow of the host by its object, page after page.
async fn all_flows(client: &Client) -> BTreeMap<String, Vec<Value>> {
    let mut by_slug: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("/flows?limit=200{cursor}")).await.expect(200);
        for flow in page["flows"].as_array().expect("flows") {
            let slug = flow["object"]["slug"].as_str().expect("a slug").to_owned();
            by_slug.entry(slug).or_default().push(flow.clone());
        }
        let Some(next) = page["next"].as_str() else { return by_slug };
        cursor = format!("&cursor={next}");
    }
}

/// Whether a flow has completed and nothing is left to do about its effects.
pub(crate) fn is_settled(flow: &Value) -> bool {
    let is_open = ["recorded", "attempting", "retrying"].iter().any(|status| flow["effects"][*status] != 0);
    flow["status"] == "completed" && !is_open
}

/// Waits until all that was acknowledged has a flow that is done with; each has one, and the log is whole.
pub(crate) async fn all_are_there_once(host: &Host, acknowledged: &[String]) {
    let client = host.client();
    for slug in acknowledged {
        let status = client.get(&format!("/objects/Article/{slug}")).await.status.as_u16();
        assert_eq!(status, 200, "{slug} was acknowledged, and is not there");
    }
    let begun = Instant::now();
    let flows = loop {
        let flows = all_flows(&client).await;
        let is_complete = acknowledged.iter().all(|slug| flows.contains_key(slug));
        if is_complete && flows.values().flatten().all(is_settled) {
            break flows;
        }
        // An effect whose attempt was cut off by two of the kills is due five minutes after the second at the latest.
        let missing: Vec<_> = acknowledged.iter().filter(|slug| !flows.contains_key(*slug)).collect();
        let unsettled: Vec<_> = flows.values().flatten().filter(|flow| !is_settled(flow)).collect();
        assert!(begun.elapsed() < Duration::from_mins(6), "missing: {missing:?}; not settled: {unsettled:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    for slug in acknowledged {
        assert_eq!(flows[slug].len(), 1, "{slug} fired {} times", flows[slug].len());
    }
    assert!(
        flows.values().all(|flows| flows.len() == 1),
        "a write that was not acknowledged may have landed, but once"
    );
    let verified = host.verify();
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

/// Kills of one host: what each of them leaves open is worked off one by one, and the next does not wait for that.
const KILLS_OF_A_HOST: u32 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_lose_nothing_and_fire_nothing_twice() {
    let mut seed: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut left = kills(KILLS_OF_A_HOST);
    while left > 0 {
        let of_this_host = left.min(KILLS_OF_A_HOST);
        left -= of_this_host;
        kill(of_this_host, &mut seed).await;
    }
}

/// Kills a host so many times, and looks for what it acknowledged.
async fn kill(times: u32, seed: &mut u64) {
    let mut host = Host::start().await;
    let mut acknowledged = Vec::new();
    for cycle in 0..times {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> =
            (0..4).map(|writer| tokio::spawn(publish_until(host.client(), cycle, writer, Arc::clone(&stop)))).collect();
        // The moment of the kill moves over the first 40 ms of work, the same way in every run.
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        tokio::time::sleep(Duration::from_micros(*seed % 40_000)).await;
        host.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            acknowledged.extend(writer.await.expect("a writer"));
        }
        host.serve().await;
        // A call in which four hosts ended is not made again: what two of them left comes to its end first.
        let client = host.client();
        while cycle % 2 == 1 && !client.flows("status=running").await.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    let least = usize::try_from(times / 2).expect("not so many");
    assert!(acknowledged.len() > least, "only {} writes were acknowledged", acknowledged.len());
    all_are_there_once(&host, &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_loses_nothing_either() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Kept", "published", "urgent")).await.expect(201);
    assert_eq!(host.stop(), Some(0));
    host.serve().await;
    assert_eq!(client.flows("object=kept").await.len(), 1);
    assert!(host.path("head.json").exists(), "the head is signed on stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_rebuilt_from_the_log() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Rebuilt", "published", "urgent")).await.expect(201);
    let id = client.flows("").await[0]["id"].as_str().expect("an id").to_owned();
    client.flow_until(&id, |flow| flow["effects"][1]["status"] == "dispatched").await;
    let before = (client.flows("").await, client.get("/rebuilt/").await.json());
    host.stop();
    for name in ["views.db", "views.db-wal", "views.db-shm"] {
        let _ = std::fs::remove_file(host.path(name));
    }
    host.serve().await;
    assert_eq!((client.flows("").await, client.get("/rebuilt/").await.json()), before);
}
