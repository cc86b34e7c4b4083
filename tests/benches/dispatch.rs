//! How fast effects leave, what a destination that hangs costs the others, and what 100,000 waiting flows cost. Prints
//! tables; asserts nothing about time.
//!
//! `cargo bench --workspace --bench dispatch -- [rates] [hung] [waiting]`

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use reqwest::Method;
use rosehip_core::time::Timestamp;
use rosehip_tests::{Client, Host, MailServer, Process, Receiver, Respond};
use serde_json::{Value, json};

/// Flows of a rate, and effects of each.
const FLOWS: usize = 400;
const EFFECTS: usize = 5;
/// Writes that are under way at a time.
const IN_FLIGHT: usize = 32;
/// Deliveries that are timed.
const TIMED: usize = 400;
const WAITING: usize = 100_000;

const CONFIG: &str = "[outgoing]\nallow = [\"localhost\"]\ntimeout_ms = 5000\nconcurrency = 64\nper_second = 100000\n";

async fn save(client: &Client, path: &str, body: &Value) -> Value {
    let request = client.request(Method::PUT, path).header("accept", "application/json");
    client.send(request.json(body)).await.expect(201)
}

/// Does `work` for each number, so many at a time.
async fn each<F: Future<Output = ()> + Send + 'static>(count: usize, work: impl Fn(usize) -> F) {
    let permits = Arc::new(tokio::sync::Semaphore::new(IN_FLIGHT));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..count {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("nobody closes it");
        let work = work(number);
        tasks.spawn(async move {
            work.await;
            drop(permit);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no task panics");
    }
}

/// How many effects stand in none of the open states, as the metrics of the flows' list say.
async fn until_none_is_open(client: &Client) {
    loop {
        let flows = client.flows("limit=200").await;
        let is_open = |flow: &Value| {
            ["recorded", "attempting", "retrying"].iter().any(|status| flow["effects"][status] != 0)
                || flow["status"] == "running"
        };
        if !flows.iter().any(is_open) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand effects")]
async fn rates() {
    println!(
        "\neffects a second, from the first write to the last receipt: {FLOWS} flows of {EFFECTS} effects, {IN_FLIGHT} writes in flight"
    );
    println!("| kind | effects/s |\n| --- | --- |");
    let receiver = Receiver::start(&[]).await;
    let mail = MailServer::start();
    let config =
        format!("{CONFIG}[email]\nsmtp = \"smtp://localhost:{}\"\nfrom = \"rosehip@example.org\"\n", mail.port);
    let host = Host::start_configured(&config, &[]).await;
    let client = host.client();
    client.install_ask().await;
    let kinds = [
        ("log (recorded alone)", json!({"kind": "log", "payload": {"message": "hello"}})),
        ("notify to log", json!({"kind": "notify", "payload": {"subject": "hello", "text": "there"}})),
        ("set", json!({"kind": "set", "payload": {"field": "note", "value": "hello"}})),
        (
            "activity",
            json!({"kind": "activity", "payload": {"activity": {"type": "Like", "object": "https://example.org/a"}}}),
        ),
        ("webhook", json!({"kind": "webhook", "payload": {"url": receiver.url("/")}})),
        (
            "email",
            json!({"kind": "email", "payload": {"to": ["ada@example.org"], "subject": "hello", "text": "there"}}),
        ),
    ];
    for (place, (kind, effect)) in kinds.into_iter().enumerate() {
        let body = json!({ "effects": vec![effect; EFFECTS] });
        let begun = Instant::now();
        each(FLOWS, |number| {
            let (client, body) = (client.clone(), body.clone());
            async move { drop(save(&client, &format!("/objects/Wish/{place}-{number}"), &body).await) }
        })
        .await;
        until_none_is_open(&client).await;
        println!("| {kind} | {:.0} |", (FLOWS * EFFECTS) as f64 / begun.elapsed().as_secs_f64());
    }
}

fn percentile(times: &mut [Duration], share: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3
}

/// Times from a write to the arrival of its webhook, one after the other.
async fn deliveries(client: &Client, receiver: &mut Receiver, label: &str) -> Vec<Duration> {
    let mut times = Vec::with_capacity(TIMED);
    for number in 0..TIMED {
        let effects = json!({"effects": [{"kind": "webhook", "payload": {"url": receiver.url("/")}}]});
        let begun = Instant::now();
        save(client, &format!("/objects/Wish/{label}-{number}"), &effects).await;
        receiver.next().await;
        times.push(begun.elapsed());
    }
    times
}

async fn hung() {
    println!(
        "\nfrom a write to the arrival of its webhook, one in flight, {TIMED} times; 500 webhooks wait for a receiver that hangs"
    );
    println!("| beside | p50 ms | p99 ms | ratio of p99 |\n| --- | --- | --- | --- |");
    let config =
        CONFIG.replace("concurrency = 64", "concurrency = 8").replace("timeout_ms = 5000", "timeout_ms = 60000");
    let host = Host::start_configured(&config, &[]).await;
    let client = host.client();
    client.install_ask().await;
    let mut good = Receiver::start(&[]).await;
    let hangs = Receiver::start_with(&[], Respond::Hang).await;
    deliveries(&client, &mut good, "warming").await;
    let mut alone = deliveries(&client, &mut good, "alone").await;
    let body = json!({"effects": [{"kind": "webhook", "payload": {"url": hangs.url("/")}}]});
    each(500, |number| {
        let (client, body) = (client.clone(), body.clone());
        async move { drop(save(&client, &format!("/objects/Wish/hangs-{number}"), &body).await) }
    })
    .await;
    let mut beside = deliveries(&client, &mut good, "beside").await;
    let (quiet, p99) = (percentile(&mut alone, 99), percentile(&mut beside, 99));
    println!("| nobody | {:.2} | {quiet:.2} | |", percentile(&mut alone, 50));
    println!("| one that hangs | {:.2} | {p99:.2} | {:.2} |", percentile(&mut beside, 50), p99 / quiet);
}

fn in_milliseconds(ms: u64) -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    Timestamp::from_millis(i64::try_from(now).expect("before the year 292 million")).plus_millis(ms)
}

async fn waiting() {
    println!("\n{WAITING} flows that wait for the digest");
    let mut host = Host::start().await;
    let client = host.client();
    let process = Process(host.pid());
    let empty = process.memory_kib();
    let digest = |at: Timestamp| json!({"digest": at.to_string()});
    client.put("/behaviors/publish/config", &digest(in_milliseconds(86_400_000))).await.expect(200);
    let begun = Instant::now();
    each(WAITING, |number| {
        let client = client.clone();
        async move {
            let article = Client::article(&format!("Waiting {number}"), "published", "newsletter");
            drop(client.post("/new", &article).await);
        }
    })
    .await;
    client.until_jobs(|jobs| jobs == 0).await;
    println!("begun in {:.1} s", begun.elapsed().as_secs_f64());
    println!("the host takes {} MiB more than it did empty", process.memory_kib().saturating_sub(empty) >> 10);
    host.stop();
    let begun = Instant::now();
    host.serve().await;
    println!("ready {:.2} s after a stop", begun.elapsed().as_secs_f64());
    println!("it takes {} MiB then; empty it took {}", Process(host.pid()).memory_kib() >> 10, empty >> 10);
    host.kill();
    let begun = Instant::now();
    host.serve().await;
    println!("ready {:.2} s after kill -9", begun.elapsed().as_secs_f64());
    let client = host.client();
    let at = in_milliseconds(3_000);
    client.put("/behaviors/publish/config", &digest(at)).await.expect(200);
    let article = Client::article("On time", "published", "newsletter");
    let saved = client.post_and_wait("/new", &article).await.expect(201);
    let id = saved["flows"][0]["id"].as_str().expect("a flow");
    let flow = client.flow_until(id, |flow| flow["status"] == "completed").await;
    let fired = flow["events"].as_array().and_then(|events| events.iter().find(|event| event["kind"] == "node.fired"));
    let fired: Timestamp = fired.and_then(|event| event["time"].as_str()).expect("a time").parse().expect("a time");
    println!("a timer that was set among them fired {} ms late", fired.as_millis() - at.as_millis());
}

#[tokio::main]
async fn main() {
    // Cargo passes `--bench`; what else there is names a part.
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |part: &str| parts.is_empty() || parts.iter().any(|asked| asked == part);
    println!("{} cores", std::thread::available_parallelism().map_or(1, usize::from));
    if is_asked("rates") {
        rates().await;
    }
    if is_asked("hung") {
        hung().await;
    }
    if is_asked("waiting") {
        waiting().await;
    }
}
