//! Replays a second: recorded flows of two steps put to a Rust guest again, beside the floor: the bare guest calls of as many
//! flows on as many threads in the same run. Prints a table; asserts nothing about time.

use std::{
    num::NonZero,
    thread,
    time::{Duration, Instant},
};

use reqwest::{Method, header};
use rosehip_core::{
    guest::{GuestEngine as _, Surroundings},
    ids::Digest,
    limits::GUEST_THREAD_STACK_BYTES,
};
use rosehip_tests::{Client, Host, SORT, SORT_OTHERWISE};
use rosehip_wasm::{EngineOptions, WasmEngine};
use serde_json::{Value, json};

const FLOWS: usize = 20_000;
const WRITERS: usize = 64;
const ROUNDS: usize = 3;

/// About 900 bytes, as in the bench of flows.
fn article(number: usize) -> Value {
    let text = "A line of some sixty characters, as long as lines often are. ".repeat(14);
    json!({"name": format!("A {number}"), "status": "published", "category": "essay", "content": text})
}

async fn publish(client: &Client) {
    let writers = (0..WRITERS).map(|writer| {
        let client = client.clone();
        tokio::spawn(async move {
            for number in (writer..FLOWS).step_by(WRITERS) {
                client.put(&format!("/objects/Article/a{number}"), &article(number)).await.expect(201);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("every article is published");
    }
    client.until_jobs(|jobs| jobs == 0).await;
}

/// Replays all flows; gives how long it took, and the sum.
async fn replay(client: &Client, query: &str, wasm: &[u8]) -> (Duration, Value) {
    let begun = Instant::now();
    let request = client.request(Method::POST, &format!("/replays?{query}"));
    let answer = client.send(request.header(header::CONTENT_TYPE, "application/wasm").body(wasm.to_vec())).await;
    let last = answer.text.lines().next_back().expect("a sum");
    (begun.elapsed(), serde_json::from_str::<Value>(last).expect("JSON")["summary"].clone())
}

/// The guest calls of all flows, and nothing else.
fn floor(calls: &[String]) -> Duration {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let engine = WasmEngine::new(&EngineOptions::new(threads)).expect("an engine");
    let digest = Digest::of(SORT);
    engine.load(digest, SORT).expect("admitted");
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..threads {
            let calls = || {
                for _ in 0..FLOWS / threads {
                    for call in calls {
                        let report = engine.run(digest, call, &Surroundings::of_describe(0)).expect("it is loaded");
                        assert!(report.result.is_ok(), "{:?}", report.result);
                    }
                }
            };
            let builder = thread::Builder::new().stack_size(GUEST_THREAD_STACK_BYTES);
            builder.spawn_scoped(scope, calls).expect("a thread");
        }
    });
    begun.elapsed()
}

/// Calls as the flows have them.
fn calls() -> Vec<String> {
    let call = |node: &str| {
        json!({
            "v": 1, "flow": "f", "behavior": "sort", "node": node, "attempt": 1, "object": article(1), "input": {},
            "activity": {"type": "Create", "id": "https://a.example/1", "object": "https://a.example/a1"},
            "config": {}, "now": "2026-01-01T00:00:00.000Z", "current": {"revision": 1, "status": "published"},
        })
    };
    ["sort", "other"].map(|node| call(node).to_string()).into()
}

#[expect(clippy::cast_precision_loss, reason = "a count of flows is small")]
fn rate(took: Duration) -> f64 {
    FLOWS as f64 / took.as_secs_f64()
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let host = runtime.block_on(Host::start());
    let client = host.client();
    runtime.block_on(async {
        client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
        client.install("sort", SORT).await.expect(201);
        publish(&client).await;
    });
    println!("{FLOWS} flows of two steps, articles of 900 bytes");
    println!("{:<34} {:>12} {:>10}", "", "flows/s", "of floor");
    let floor = (0..ROUNDS).map(|_| floor(&calls())).min().expect("a round");
    println!("{:<34} {:>12.0}", "bare guest calls", rate(floor));
    let last = format!("behavior=sort&last={FLOWS}");
    for (name, query, wasm) in [
        ("what-if, the same module", last.as_str(), SORT),
        ("what-if, another in one branch", &last, SORT_OTHERWISE),
        ("verify", "verify=true", &[]),
    ] {
        let rounds = (0..ROUNDS).map(|_| runtime.block_on(replay(&client, query, wasm)));
        let (took, sum) = rounds.min_by_key(|(took, _)| *took).expect("a round");
        assert_eq!(sum["same"], FLOWS, "{sum}");
        println!("{name:<34} {:>12.0} {:>10.2}", rate(took), rate(took) / rate(floor));
    }
}
