//! What people and programs that watch a busy host see. `million`: how long pages take, and how long they are, over a
//! million flows that a real guest ran. `tails`: what a hundred live tails cost while two hundred articles a second are
//! published. Prints tables; asserts nothing about time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use rosehip_tests::{Client, Host, Process};
use serde_json::json;

/// Flows, unless `FLOWS` says how many.
fn flows() -> usize {
    std::env::var("FLOWS").map_or(1_000_000, |flows| flows.parse().expect("FLOWS is a number"))
}

const WRITERS: usize = 128;
/// Of so many articles one waits for the digest; of so many wishes one fails, one is dead.
const WAITS: usize = 200;
const WISHES: usize = 1_000;
const ASKED: usize = 20;

const TAILS: usize = 100;
const PUBLISHED_A_SECOND: u64 = 200;
const SECONDS: u64 = 60;

fn article(number: usize) -> serde_json::Value {
    let category = if number.is_multiple_of(WAITS) { "newsletter" } else { "other" };
    json!({"name": format!("Rose number {number}"), "status": "published", "category": category,
        "content": "A line of some sixty characters, as long as lines often are. ".repeat(4)})
}

async fn fill(client: &Client) {
    let begun = Instant::now();
    let done = Arc::new(AtomicU64::new(0));
    let writers = (0..WRITERS).map(|writer| {
        let (client, done) = (client.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            for number in (writer..flows()).step_by(WRITERS) {
                // The host says when it has had enough for now.
                while client.put(&format!("/objects/Article/a{number}"), &article(number)).await.status == 503 {
                    tokio::task::yield_now().await;
                }
                if number.is_multiple_of(WISHES) {
                    let payload = if number.is_multiple_of(2 * WISHES) {
                        json!({"url": 1})
                    } else {
                        json!({"url": "https://10.0.0.1/"})
                    };
                    let wish = json!({"effects": [{"kind": "webhook", "payload": payload}]});
                    client.put(&format!("/objects/Wish/w{number}"), &wish).await;
                }
                let count = done.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_multiple_of(100_000) {
                    eprintln!("{count} published after {:.0} s", begun.elapsed().as_secs_f64());
                }
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("every article is published");
    }
    client.until_jobs(|jobs| jobs == 0).await;
    println!("{} flows ran in {:.0} s, published by {WRITERS} clients", flows(), begun.elapsed().as_secs_f64());
}

/// Asks for a page again and again; gives the median, the longest and its bytes.
async fn ask(client: &Client, path: &str, accept: &str) -> (Duration, Duration, usize) {
    let mut took = Vec::with_capacity(ASKED);
    let mut bytes = 0;
    for _ in 0..ASKED {
        let request = client.request(Method::GET, path).header("accept", accept);
        let begun = Instant::now();
        let answer = client.send(request).await;
        took.push(begun.elapsed());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        bytes = answer.text.len();
    }
    took.sort_unstable();
    (took[ASKED / 2], took[ASKED - 1], bytes)
}

async fn million() {
    let host = Host::start().await;
    let client = host.client();
    client.put("/behaviors/publish/config", &json!({"digest": "2999-01-01T00:00:00Z"})).await.expect(200);
    client.install_ask().await;
    fill(&client).await;
    let first = |query: &'static str| {
        let client = client.clone();
        async move { client.first_flow(query).await["id"].as_str().expect("an id").to_owned() }
    };
    let (done, waits, failed) = (first("view=all").await, first("view=waiting").await, first("view=failed").await);
    let deep = client.get("/flows?limit=200&older_than=PT2M").await.expect(200)["next"].as_str().map(str::to_owned);
    let activity =
        client.flow(&done).await["activity"]["id"].as_str().and_then(|id| id.rsplit('/').next().map(str::to_owned));
    println!("{:<58} {:>9} {:>9} {:>9}", "", "p50 ms", "most ms", "kB");
    let mut paths: Vec<String> = [
        "/",
        "/drafts",
        "/new",
        "/flows",
        "/flows?limit=200",
        "/flows?view=running",
        "/flows?view=waiting",
        "/flows?view=retrying",
        "/flows?view=failed",
        "/flows?view=dead",
        "/flows?view=today",
        "/flows?status=completed",
        "/flows?behavior=publish",
        "/flows?behavior=ask",
        "/flows?object=Article/a77777",
        "/flows?actor=site",
        "/flows?effect=validate",
        "/flows?effect=webhook",
        "/flows?effect_status=dispatched",
        "/flows?effect_status=dead",
        "/flows?waiting=PT1S",
        "/flows?text=rose",
        "/flows?text=77777",
        "/flows?text=rose+77777",
        "/flows?text=nothing",
        "/flows?view=failed&text=rose",
        "/flows?behavior=publish&effect_status=dead",
        "/flows?view=waiting&effect=validate&text=rose",
        "/behaviors",
        "/behaviors/publish",
        "/actors",
        "/actors/site",
        "/actors/site/outbox",
        "/peers",
        "/users",
        "/metrics",
        "/flows/bulk?action=retry&view=failed",
        "/flows/bulk?action=cancel&view=waiting",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    paths.extend([done, waits, failed].map(|flow| format!("/flows/{flow}")));
    paths.extend(deep.map(|cursor| format!("/flows?limit=200&cursor={cursor}")));
    paths.extend(activity.map(|token| format!("/activities/{token}")));
    for path in paths {
        let (p50, most, bytes) = ask(&client, &path, "text/html").await;
        let [p50, most] = [p50, most].map(|took| took.as_secs_f64() * 1_000.0);
        println!("{path:<58} {p50:>9.1} {most:>9.1} {:>9}", bytes.div_ceil(1_000));
    }
    println!("the host takes {} MiB", Process(host.pid()).memory_kib() >> 10);
}

async fn tails() {
    let host = Host::start().await;
    let client = host.client();
    let process = Process(host.pid());
    let received = Arc::new(AtomicU64::new(0));
    println!("\n{TAILS} tails, {PUBLISHED_A_SECOND} articles a second for {SECONDS} s");
    for _ in 0..TAILS {
        let request = client.request(Method::GET, "/flows/events");
        let mut answer = request.send().await.expect("the host answers");
        let received = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok(Some(bytes)) = answer.chunk().await {
                // An event ends with an empty line, and JSON has no line feed within.
                let events = bytes.windows(2).filter(|window| window == b"\n\n").count();
                received.fetch_add(u64::try_from(events).expect("few"), Ordering::Relaxed);
            }
        });
    }
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    let (mut published, mut refused) = (0_u64, 0_u64);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(PUBLISHED_A_SECOND).expect("few"));
    let mut open = tokio::task::JoinSet::new();
    println!("{:>4} {:>12} {:>12} {:>14}", "s", "published", "MiB", "events read");
    for second in 1..=SECONDS {
        for _ in 0..PUBLISHED_A_SECOND {
            ticks.tick().await;
            let (client, number) = (client.clone(), published);
            published += 1;
            open.spawn(async move {
                let begun = Instant::now();
                let status = client
                    .post("/new", &Client::article(&format!("Live {number}"), "published", "urgent"))
                    .await
                    .status;
                (begun.elapsed(), status)
            });
        }
        while let Some(done) = open.try_join_next() {
            let (took, status) = done.expect("it was published");
            slowest = slowest.max(took);
            refused += u64::from(status != 201);
        }
        if second.is_multiple_of(5) {
            let events = received.load(Ordering::Relaxed);
            println!("{second:>4} {published:>12} {:>12} {events:>14}", process.memory_kib() >> 10);
        }
    }
    client.until_jobs(|jobs| jobs == 0).await;
    println!(
        "took {:.1} s; the slowest publish {} ms; {refused} refused",
        begun.elapsed().as_secs_f64(),
        slowest.as_millis()
    );
}

#[tokio::main]
async fn main() {
    // Cargo passes `--bench`; what else there is names a part.
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |part: &str| parts.is_empty() || parts.iter().any(|asked| asked == part);
    println!("{} cores", std::thread::available_parallelism().map_or(1, usize::from));
    if is_asked("tails") {
        tails().await;
    }
    if is_asked("million") {
        million().await;
    }
}
