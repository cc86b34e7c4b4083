//! Publishing over HTTP as fast as the host answers: how many two-step flows it runs in a second, how long each takes, and
//! what the host spends on them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{runtime, task::JoinSet};

use crate::{Connection, Host, Process, TWO_STEP};

/// A host that runs `tests/guests/two-step` on each article, and nothing else.
pub struct Publishing {
    host: Host,
    token: String,
    next: Arc<AtomicU64>,
}

/// How long articles are published.
#[derive(Clone, Copy)]
pub enum Until {
    /// So long.
    After(Duration),
    /// Until so many were published since the host began.
    Published(u64),
}

fn request(host: &str, token: &str, n: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"title":"Bench {n}","slug":"bench-{n}","body":"{}","status":"published"}}"#,
        "A line of some sixty characters, as long as lines often are. ".repeat(14)
    );
    format!(
        "POST /new HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\nprefer: wait=30\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Publishes on one connection, one article after the other, as long as `goes_on`. Gives how long each took.
async fn publish(address: String, token: String, next: Arc<AtomicU64>, goes_on: impl Fn(u64) -> bool) -> Vec<Duration> {
    let (mut connection, mut latencies) = (Connection::open(&address).await, Vec::new());
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if !goes_on(number) {
            return latencies;
        }
        let request = request(&address, &token, number);
        let sent = Instant::now();
        let answer = connection.send(&request).await;
        latencies.push(sent.elapsed());
        let text = String::from_utf8_lossy(answer.bytes);
        assert_eq!(answer.status, 201, "{text}");
        assert!(text.contains("completed"), "{text}");
    }
}

/// What was measured of a load.
pub struct Measured {
    flows: usize,
    took: Duration,
    /// Processor time of the host.
    spent: Duration,
    /// The same by its threads, without those that ended meanwhile.
    by_thread: Vec<(String, Duration)>,
    /// In order.
    latencies: Vec<Duration>,
}

impl Measured {
    /// Flows in a second.
    pub fn per_second(&self) -> f64 {
        float(self.flows) / self.took.as_secs_f64()
    }

    /// The latency under which `share` percent of the requests stayed, in milliseconds.
    pub fn percentile_ms(&self, share: usize) -> f64 {
        self.latencies[(self.latencies.len() - 1) * share / 100].as_secs_f64() * 1e3
    }

    /// Processor time of the host for a flow, in microseconds.
    pub fn micros_a_flow(&self) -> f64 {
        self.a_flow(self.spent)
    }

    /// The same by its threads, of those that take a microsecond or more.
    pub fn micros_by_thread(&self) -> impl Iterator<Item = (&str, f64)> {
        let of_each = self.by_thread.iter().map(|(name, spent)| (name.as_str(), self.a_flow(*spent)));
        of_each.filter(|(_, micros)| *micros >= 1.0)
    }

    fn a_flow(&self, spent: Duration) -> f64 {
        spent.as_secs_f64() * 1e6 / float(self.flows.max(1))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of requests is small")]
fn float(count: usize) -> f64 {
    count as f64
}

impl Publishing {
    /// Starts the host on an empty directory.
    pub async fn start() -> Self {
        let host = Host::start().await;
        let client = host.client();
        client.install("two-step", TWO_STEP).await.expect(201);
        client.post("/behaviors/publish/disable", &serde_json::json!({})).await.expect(200);
        let token = host.add_user("benny", "operator");
        Self { host, token, next: Arc::default() }
    }

    /// The host.
    pub fn host(&mut self) -> &mut Host {
        &mut self.host
    }

    /// Publishes on `in_flight` connections, each of which sends the next article when the last is answered. One thread serves
    /// them all, so that the load takes little beside the host.
    pub fn publish(&self, in_flight: usize, until: Until) -> Measured {
        let url = self.host.url();
        let address = url.trim_start_matches("http://");
        let process = Process(self.host.pid());
        let (spent_before, threads_before) = (process.cpu_ms().0, process.cpu_by_thread());
        let begun = Instant::now();
        let goes_on = move |number: u64| match until {
            Until::After(time) => begun.elapsed() < time,
            Until::Published(end) => number < end,
        };
        let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let mut latencies = runtime.block_on(async {
            let publish = || publish(address.to_owned(), self.token.clone(), Arc::clone(&self.next), goes_on);
            let connections: JoinSet<_> = (0..in_flight).map(|_| publish()).collect();
            connections.join_all().await.concat()
        });
        let took = begun.elapsed();
        let more = |(name, now): (String, Duration)| {
            let before = threads_before.get(&name).copied().unwrap_or_default();
            (name, now.saturating_sub(before))
        };
        let by_thread = process.cpu_by_thread().into_iter().map(more).collect();
        latencies.sort_unstable();
        let spent = Duration::from_millis(process.cpu_ms().0 - spent_before);
        Measured { flows: latencies.len(), took, spent, by_thread, latencies }
    }
}
