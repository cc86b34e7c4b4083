//! Two-step flows a second over HTTP, at 1, 16, 64 and 256 in flight, beside the floor: bare group commits of the
//! same number of rows in the same run; and the processor time that the host spends on a flow, by its threads, which
//! differs less between runs than what a shared machine gets done. Prints tables; asserts nothing about time.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rosehip_tests::{Host, TWO_STEP};

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
const SLICE: Duration = Duration::from_secs(4);

/// A connection that sends the next request when the answer to the last is there.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the host listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: vec![0; 64 << 10] }
    }

    /// Sends a request and reads its answer to the end; gives the status.
    fn send(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).expect("the host reads");
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).expect("the host answers");
            assert!(read > 0, "the host closed the connection");
            filled += read;
            let text = &self.buffer[..filled];
            let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.and_then(|length| length.trim().parse().ok()).expect("a length");
            if filled >= end + 4 + length {
                assert!(head.contains("http/1.1 201"), "{}", String::from_utf8_lossy(text));
                assert!(text.windows(9).any(|nine| nine == b"completed"), "{}", String::from_utf8_lossy(text));
                return 201;
            }
        }
    }
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

/// Processor time of a process by the names of its threads, from `/proc` (proc(5)).
fn spent(pid: u32) -> BTreeMap<String, Duration> {
    /// `USER_HZ`, which is 100 on every Linux.
    const TICK: Duration = Duration::from_millis(10);
    let mut spent = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).expect("the host runs") {
        let Ok(stat) = fs::read_to_string(task.expect("an entry").path().join("stat")) else { continue };
        let (name, rest) = stat.split_once(") ").expect("a name in parentheses");
        let name = name.split_once('(').map_or(name, |(_, name)| name).to_owned();
        let ticks = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u32>().expect("a number"));
        *spent.entry(name).or_default() += TICK * ticks.sum::<u32>();
    }
    spent
}

struct Measured {
    flows: usize,
    /// What the host spent, by its threads.
    spent: Vec<(String, Duration)>,
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

/// Sends requests on `in_flight` connections for a slice of time.
fn measure(host: &Host, token: &str, in_flight: usize, next: &Arc<AtomicU64>) -> Measured {
    let url = host.url();
    let address = url.trim_start_matches("http://");
    let spent_before = spent(host.pid());
    let begun = Instant::now();
    let threads: Vec<_> = (0..in_flight)
        .map(|_| {
            let (address, token, next) = (address.to_owned(), token.to_owned(), Arc::clone(next));
            std::thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || {
                    let mut connection = Connection::open(&address);
                    let mut latencies = Vec::new();
                    while begun.elapsed() < SLICE {
                        let request = request(&address, &token, next.fetch_add(1, Ordering::Relaxed));
                        let sent = Instant::now();
                        connection.send(&request);
                        latencies.push(sent.elapsed());
                    }
                    latencies
                })
                .expect("a thread")
        })
        .collect();
    let mut latencies: Vec<Duration> =
        threads.into_iter().flat_map(|thread| thread.join().expect("a connection's thread")).collect();
    let elapsed = begun.elapsed();
    let more = |(name, now): (String, Duration)| {
        let before = spent_before.get(&name).copied().unwrap_or_default();
        (name, now.saturating_sub(before))
    };
    let spent = spent(host.pid()).into_iter().map(more).collect();
    latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is small")]
    let per_second = latencies.len() as f64 / elapsed.as_secs_f64();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100];
    Measured { flows: latencies.len(), spent, per_second, p50: at(50), p99: at(99) }
}

/// Bare SQLite: transactions of `rows` rows of 500 bytes, WAL, `synchronous=FULL`; gives transactions a second.
fn floor(rows: usize) -> f64 {
    let dir = tempfile::tempdir().expect("a directory");
    let connection = rusqlite::Connection::open(dir.path().join("floor.db")).expect("SQLite");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows(id INTEGER PRIMARY KEY, body BLOB);",
        )
        .expect("a table");
    let body = vec![7_u8; 500];
    let begun = Instant::now();
    let mut commits = 0_u32;
    while begun.elapsed() < Duration::from_secs(2) {
        connection.execute_batch("BEGIN IMMEDIATE").expect("begun");
        let mut insert = connection.prepare_cached("INSERT INTO rows(body) VALUES (?1)").expect("SQL");
        for _ in 0..rows {
            insert.execute([&body]).expect("inserted");
        }
        drop(insert);
        connection.execute_batch("COMMIT").expect("committed");
        commits += 1;
    }
    f64::from(commits) / begun.elapsed().as_secs_f64()
}

/// Microseconds.
fn a_flow(spent: Duration, flows: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a count of requests is small")]
    let flows = flows.max(1) as f64;
    spent.as_secs_f64() * 1e6 / flows
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut host = runtime.block_on(Host::start());
    runtime.block_on(async {
        let client = host.client();
        client.install("two-step", TWO_STEP).await.expect(201);
        client.post("/behaviors/publish/disable", &serde_json::json!({})).await.expect(200);
    });
    let token = host.add_user("benny", "operator");
    let next = Arc::new(AtomicU64::new(0));
    measure(&host, &token, 16, &next);
    println!(
        "two-step flows over HTTP (POST /new, 1 KB, `Prefer: wait`, fsync on), beside one bare commit of 8 rows a flow"
    );
    println!("| in flight | flows/s | p50 ms | p99 ms | host's µs a flow | floor: flows/s | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut threads = Vec::new();
    for in_flight in IN_FLIGHT {
        let measured = measure(&host, &token, in_flight, &next);
        let spent: Duration = measured.spent.iter().map(|(_, spent)| *spent).sum();
        #[expect(clippy::cast_precision_loss, reason = "256 is exact")]
        let floor = floor(8 * in_flight) * in_flight as f64;
        println!(
            "| {in_flight} | {:.0} | {:.2} | {:.2} | {:.0} | {floor:.0} | {:.2} |",
            measured.per_second,
            measured.p50.as_secs_f64() * 1e3,
            measured.p99.as_secs_f64() * 1e3,
            a_flow(spent, measured.flows),
            measured.per_second / floor
        );
        threads = measured.spent.into_iter().map(|(name, spent)| (name, a_flow(spent, measured.flows))).collect();
    }
    println!("\nprocessor time at 256 in flight, µs a flow, by thread:");
    for (name, micros) in threads.into_iter().filter(|(_, micros)| *micros >= 1.0) {
        println!("{name}: {micros:.0}");
    }
    host.stop();
}
