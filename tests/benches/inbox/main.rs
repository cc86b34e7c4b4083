//! How many signed arrivals a second an inbox verifies and makes durable, and what a host that floods it with forgeries costs
//! the others, or a thousand hosts that each do something else that is hostile. Prints tables; asserts nothing about time.
//!
//! `cargo bench --workspace --bench inbox -- [rates] [flood] [hostile]`

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rosehip_core::limits::INBOX_PER_MINUTE;
use rosehip_tests::{Connection, Host};
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::{
    arrivals::{HOSTS, forged, request, serve_actors},
    others::{HOSTILE, Others, connect},
};

mod arrivals;
mod others;

/// Arrivals that are timed at each number in flight.
const ARRIVALS: usize = 6_000;
const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
/// Arrivals of a good host that are timed beside a flood: it may send 300 in a minute.
const TIMED: usize = 250;
/// Good hosts that send beside a thousand that are hostile.
const GOOD: usize = 4;

fn percentile(times: &mut [Duration], share: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3
}

/// A runtime of this thread alone.
fn own_runtime() -> Runtime {
    Builder::new_current_thread().enable_io().build().expect("a runtime")
}

/// Sends requests, so many at a time; gives how long each took and all of them together. One thread serves all connections, so
/// that the load takes little beside the host.
fn send_all(address: &str, requests: VecDeque<Vec<u8>>, in_flight: usize) -> (Vec<Duration>, Duration) {
    let queue = Arc::new(Mutex::new(requests));
    let begun = Instant::now();
    let times = own_runtime().block_on(async {
        let send = |_| send_queued(address.to_owned(), Arc::clone(&queue));
        let connections: JoinSet<_> = (0..in_flight).map(send).collect();
        connections.join_all().await.concat()
    });
    (times, begun.elapsed())
}

/// Sends on one connection what is left of a queue; gives how long each took.
async fn send_queued(address: String, queue: Arc<Mutex<VecDeque<Vec<u8>>>>) -> Vec<Duration> {
    let (mut connection, mut times) = (Connection::open(&address).await, Vec::new());
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(request) = next else { return times };
        let begun = Instant::now();
        assert_eq!(connection.send(&request).await.status, 202);
        times.push(begun.elapsed());
    }
}

fn address_of(host: &Host) -> String {
    host.url().trim_start_matches("http://").to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand arrivals")]
async fn rates() {
    println!("\nsigned arrivals of 1.6 KB, each with a proof, verified and durable before 202; {HOSTS} hosts");
    println!("| in flight | arrivals/s | p50 ms | p99 ms |\n| --- | --- | --- | --- |");
    let port = serve_actors().await;
    for in_flight in IN_FLIGHT {
        // A host of its own for each row: what the others may send in a minute is used up.
        let host = Host::start_federating().await;
        let (address, inbox) = (address_of(&host), format!("{}/actors/site/inbox", host.url()));
        let most = HOSTS * INBOX_PER_MINUTE as usize;
        let arrivals = if in_flight == 1 { ARRIVALS / 6 } else { ARRIVALS }.min(most - HOSTS);
        let warm = (0..HOSTS).map(|host| request(&inbox, &address, host, port, "warm")).collect();
        let requests = (0..arrivals).map(|n| request(&inbox, &address, n % HOSTS, port, &n.to_string())).collect();
        let rows = tokio::task::spawn_blocking(move || {
            send_all(&address, warm, 8);
            send_all(&address, requests, in_flight)
        });
        let (mut times, took) = rows.await.expect("no panic");
        println!(
            "| {in_flight} | {:.0} | {:.2} | {:.2} |",
            arrivals as f64 / took.as_secs_f64(),
            percentile(&mut times, 50),
            percentile(&mut times, 99)
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand forgeries")]
async fn flood() {
    println!(
        "\n{TIMED} arrivals of a good host, one in flight, beside one at another address that sends forgeries as fast as it can"
    );
    println!("| beside | p50 ms | p99 ms | ratio of p99 | forgeries/s |\n| --- | --- | --- | --- | --- |");
    let port = serve_actors().await;
    let host = Host::start_federating().await;
    let (address, inbox) = (address_of(&host), format!("{}/actors/site/inbox", host.url()));
    let good = |from: usize, label: &str| -> VecDeque<Vec<u8>> {
        (0..TIMED).map(|n| request(&inbox, &address, from, port, &format!("{label}-{n}"))).collect()
    };
    let (warm, alone, beside) = (good(0, "warm"), good(1, "alone"), good(2, "beside"));
    let bad: Vec<_> = (0..1_000).map(|n| forged(&inbox, &address, 3, port, &n.to_string())).collect();
    let hostile = connect(&address, HOSTS).await.and_then(TcpStream::into_std).expect("the host listens");
    let rows = tokio::task::spawn_blocking(move || {
        send_all(&address, warm, 1);
        let (mut alone, _) = send_all(&address, alone, 1);
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flood = {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            let flood = async move {
                let mut connection = Connection::over(TcpStream::from_std(hostile).expect("a TCP socket"));
                for request in bad.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    assert!(matches!(connection.send(request).await.status, 401 | 429));
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            };
            std::thread::spawn(move || own_runtime().block_on(flood))
        };
        let (mut beside, took) = send_all(&address, beside, 1);
        stop.store(true, Ordering::Relaxed);
        flood.join().expect("no panic");
        let (quiet, p99) = (percentile(&mut alone, 99), percentile(&mut beside, 99));
        println!("| nobody | {:.2} | {quiet:.2} | | |", percentile(&mut alone, 50));
        println!(
            "| one hostile host | {:.2} | {p99:.2} | {:.2} | {:.0} |",
            percentile(&mut beside, 50),
            p99 / quiet,
            sent.load(Ordering::Relaxed) as f64 / took.as_secs_f64()
        );
    });
    rows.await.expect("no panic");
}

async fn hostile() {
    println!(
        "\n{} arrivals of {GOOD} good hosts, one in flight, beside {HOSTILE} hosts that are hostile, each in its way",
        GOOD * TIMED
    );
    println!("| beside | p50 ms | p99 ms | ratio of p99 | hostile requests/s |\n| --- | --- | --- | --- | --- |");
    let port = serve_actors().await;
    let host = Host::start_federating().await;
    let (address, inbox) = (address_of(&host), format!("{}/actors/site/inbox", host.url()));
    let good = |from: usize, label: &str| -> VecDeque<Vec<u8>> {
        let of = |n: usize| request(&inbox, &address, from + n % GOOD, port, &format!("{label}-{n}"));
        (0..GOOD * TIMED).map(of).collect()
    };
    let timed = |requests: VecDeque<Vec<u8>>| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || send_all(&address, requests, 1))
    };
    timed(good(0, "warm")).await.expect("no panic");
    let (mut alone, _) = timed(good(GOOD, "alone")).await.expect("no panic");
    let quiet = percentile(&mut alone, 99);
    println!("| nobody | {:.2} | {quiet:.2} | | |", percentile(&mut alone, 50));

    // What a processor costs that somebody else has is no matter of the host's: the floor of what comes next.
    let busy = Others::busy();
    let (mut beside, _) = timed(good(2 * GOOD, "busy")).await.expect("no panic");
    drop(busy);
    let p99 = percentile(&mut beside, 99);
    println!("| nobody, on busy processors | {:.2} | {p99:.2} | {:.2} | |", percentile(&mut beside, 50), p99 / quiet);

    let others = Others::hostile(&inbox, &address, port);
    // All of them have begun once so many requests were answered.
    while others.answered() < 2 * HOSTILE as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = others.answered();
    let (mut beside, took) = timed(good(3 * GOOD, "beside")).await.expect("no panic");
    let answered = u32::try_from(others.answered() - before).expect("not so many");
    drop(others);
    let p99 = percentile(&mut beside, 99);
    println!(
        "| {HOSTILE} hostile hosts | {:.2} | {p99:.2} | {:.2} | {:.0} |",
        percentile(&mut beside, 50),
        p99 / quiet,
        f64::from(answered) / took.as_secs_f64()
    );
}

#[tokio::main]
async fn main() {
    // Cargo passes `--bench`; what else there is names a part.
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if others::are_asked(&parts).await {
        return;
    }
    let is_asked = |part: &str| parts.is_empty() || parts.iter().any(|asked| asked == part);
    println!("{} cores", std::thread::available_parallelism().map_or(1, usize::from));
    if is_asked("rates") {
        rates().await;
    }
    if is_asked("flood") {
        flood().await;
    }
    if is_asked("hostile") {
        hostile().await;
    }
}
