//! What delivery takes: one post to 10,000 followers on 100 hosts, and 100,000 deliveries over a restart.
//!
//! The hosts are listeners on loopback that answer 202 and keep connections. They count connections and how many requests
//! each of them is sent in a second, which tells whether what waited leaves as a herd.

#[path = "../tests/it/delivery/site.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod site;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rosehip_adapters::{
    clock::SystemClock,
    federation::DeliveryOptions,
    store::SqliteReader,
    views::{Projector, ViewReader, views_path},
};
use rosehip_core::{
    event::{Destination, Event, Target, append_of},
    ids::DeliveryId,
    pipeline::address,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

use self::site::{Site, named, note};

const HOSTS: usize = 100;
const FOLLOWERS: &str = "https://home.example/actors/site/followers";

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let followers = scale("FOLLOWERS", 10_000);
    for shares in [true, false] {
        runtime.block_on(one_post(followers, shares));
    }
    after_a_restart(&runtime, scale("DELIVERIES", 100_000));
}

/// A number of the environment, for a shorter run.
fn scale(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What the hosts saw.
#[derive(Default)]
struct Seen {
    open: AtomicUsize,
    most_open: AtomicUsize,
    requests: AtomicUsize,
}

/// A host on loopback; its URL.
async fn host(seen: Arc<Seen>, most_a_second: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
    tokio::spawn(async move {
        let (began, seconds) = (Instant::now(), Arc::new((0..3_600).map(|_| AtomicUsize::new(0)).collect::<Vec<_>>()));
        while let Ok((stream, _)) = listener.accept().await {
            let open = seen.open.fetch_add(1, Ordering::Relaxed) + 1;
            seen.most_open.fetch_max(open, Ordering::Relaxed);
            let (seen, seconds, most) = (Arc::clone(&seen), Arc::clone(&seconds), Arc::clone(&most_a_second));
            tokio::spawn(async move {
                let each = || {
                    seen.requests.fetch_add(1, Ordering::Relaxed);
                    let second = usize::try_from(began.elapsed().as_secs()).expect("a short run") % seconds.len();
                    most.fetch_max(seconds[second].fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                };
                // A client that hangs up has what it came for.
                let _ = served(stream, each).await;
                seen.open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    url
}

async fn served(stream: TcpStream, each: impl Fn()) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        let mut length = 0;
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = text.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        each();
        stream.get_mut().write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await?;
    }
}

async fn hosts(seen: &Arc<Seen>, most_a_second: &Arc<AtomicUsize>) -> Vec<String> {
    let mut urls = Vec::with_capacity(HOSTS);
    for _ in 0..HOSTS {
        urls.push(host(Arc::clone(seen), Arc::clone(most_a_second)).await);
    }
    urls
}

async fn one_post(followers: usize, shares: bool) {
    let (seen, most_a_second) = (Arc::new(Seen::default()), Arc::default());
    let hosts = hosts(&seen, &most_a_second).await;
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let site = Site::open(dir.path(), DeliveryOptions::default()).await;
    for first in (0..followers).step_by(500) {
        let actors =
            (first..followers.min(first + 500)).map(|n| named(&hosts[n % HOSTS], &format!("user-{n}"), shares));
        site.append(actors.flat_map(|actor| site::following(&actor)).collect()).await;
    }
    let wanted = if shares { HOSTS.min(followers) } else { followers };
    reset_peak();
    let (memory, start) = (resident(), Instant::now());
    let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
    let counts = |views: &ViewReader| views.delivery_counts(seq);
    let mut committed = site.writer.watch();
    while site.views.with(counts).expect("readable").delivered < wanted as u64 {
        committed.changed().await.expect("the writer runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = start.elapsed();
    println!(
        "one post to {followers} followers on {HOSTS} hosts, {}: {wanted} requests in {:.2} s, {} MiB more at the peak, \
         {} connections at most, {} requests to a host in a second at most",
        if shares { "shared inboxes" } else { "inboxes of their own" },
        took.as_secs_f64(),
        peak().saturating_sub(memory) >> 10,
        seen.most_open.load(Ordering::Relaxed),
        most_a_second.load(Ordering::Relaxed),
    );
    assert_eq!(seen.requests.load(Ordering::Relaxed), wanted);
    site.deliveries.stop().await;
    site.crash();
}

fn after_a_restart(runtime: &Runtime, deliveries: usize) {
    let (seen, most_a_second) = (Arc::new(Seen::default()), Arc::default());
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let hosts = runtime.block_on(hosts(&seen, &most_a_second));
    let last = runtime.block_on(filled(dir.path(), &hosts, deliveries));

    reset_peak();
    let (memory, start) = (resident(), Instant::now());
    let site = runtime.block_on(Site::open(dir.path(), DeliveryOptions::default()));
    let ready = start.elapsed();
    println!(
        "{deliveries} deliveries over a restart: ready after {:.2} s with all that opening a directory is, {} MiB more",
        ready.as_secs_f64(),
        peak().saturating_sub(memory) >> 10
    );
    let start = Instant::now();
    runtime.block_on(async {
        let mut committed = site.writer.watch();
        while site.deliveries.lengths().queued > 0 {
            committed.changed().await.expect("the writer runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let took = start.elapsed();
    println!(
        "drained in {:.1} s, {:.0} a second, {} MiB more at the peak, {} connections at most, {} requests to a host in a \
         second at most",
        took.as_secs_f64(),
        per_second(deliveries, took),
        peak().saturating_sub(memory) >> 10,
        seen.most_open.load(Ordering::Relaxed),
        most_a_second.load(Ordering::Relaxed),
    );
    runtime.block_on(site.projector.reached(last + deliveries as u64)).expect("views");
    runtime.block_on(site.deliveries.stop());
    site.crash();
}

/// Fills a directory with posts that are enqueued to all hosts, and nothing delivered.
async fn filled(path: &Path, hosts: &[String], deliveries: usize) -> u64 {
    let site = Site::open(path, DeliveryOptions::default()).await;
    site.deliveries.stop().await;
    let mut last = 0;
    for n in 0..deliveries.div_ceil(HOSTS) {
        let event = note(&n.to_string(), &n.to_string(), &[FOLLOWERS], &[]);
        let Event::ActivityAppended(appended) = &event else { unreachable!("a note is an activity") };
        let activity = Arc::clone(&appended.activity);
        let targets = hosts.iter().map(|host| {
            let inbox = format!("{host}/inbox");
            let peer = host.trim_start_matches("http://").parse().expect("a host");
            let delivery = DeliveryId::derive(&activity.id, &inbox);
            Target { delivery, peer, to: Destination::Inbox(inbox), recipients: 1 }
        });
        let targets = targets.collect();
        let seq = site.writer.append(append_of(SystemClock::now(), vec![event])).await.expect("appended").last;
        let enqueued = address::enqueued(&activity, seq, targets).into_iter().map(Event::from).collect();
        last = site.writer.append(append_of(SystemClock::now(), enqueued)).await.expect("appended").last;
    }
    site.projector.reached(last).await.expect("views");
    site.crash();
    scan(path);
    last
}

/// How long the one scan at a start takes by itself.
fn scan(path: &Path) {
    let log = SqliteReader::open(&path.join("log.db")).expect("opened");
    drop(Projector::open(&views_path(path), &log).expect("caught up"));
    let views = ViewReader::open(&views_path(path)).expect("opened");
    let (start, mut count) = (Instant::now(), 0);
    views.open_deliveries(|_| count += 1).expect("readable");
    println!("{count} open deliveries are read in {:.2} s", start.elapsed().as_secs_f64());
}

/// A member of `/proc/self/status`, in KiB.
fn status(member: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(member)?.split_whitespace().next()?.parse().ok());
    line.unwrap_or(0)
}

fn resident() -> usize {
    status("VmRSS:")
}

fn peak() -> usize {
    status("VmHWM:")
}

/// Lets the peak begin anew (Linux `clear_refs`); where it cannot, the peak is that of the whole run.
fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

#[expect(clippy::cast_precision_loss, reason = "a rate that is printed without decimals")]
fn per_second(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
