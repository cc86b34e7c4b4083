//! How many signed arrivals a second an inbox verifies and makes durable, and what a host that floods it with forgeries costs
//! the others, or a thousand hosts that each do something else that is hostile. Prints tables; asserts nothing about time.
//!
//! `cargo bench --workspace --bench inbox -- [rates] [flood] [hostile]`

use std::{
    collections::VecDeque,
    io::{BufRead as _, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ed25519_dalek::SigningKey;
use rosehip_core::{
    limits::INBOX_PER_MINUTE,
    signing::{Message, Signer, content_digest, signature},
};
use rosehip_tests::{Host, Signing, body_of, headers_of, now};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

/// Hosts that send; each may send so much in a minute.
const HOSTS: usize = 120;
/// Arrivals that are timed at each number in flight.
const ARRIVALS: usize = 6_000;
const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
/// Arrivals of a good host that are timed beside a flood.
const TIMED: usize = 250;
/// Hostile hosts, beyond those that are good.
const HOSTILE: usize = 1_000;
/// What this program is started with to be those.
const HOSTILE_HOSTS: &str = "hostile-hosts";
/// How long after its last request a hostile host begins the next: its budget is 300 a minute, and it wants more.
const PAUSE: Duration = Duration::from_millis(150);

fn key(host: usize) -> SigningKey {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(host as u64).to_be_bytes());
    SigningKey::from_bytes(&seed)
}

fn origin(host: usize, port: u16) -> String {
    format!("http://127.0.{}.{}:{port}", host / 250, host % 250 + 1)
}

fn signer(host: usize, port: u16) -> Signer {
    Signer { key_id: format!("{}/ann#ed25519-key", origin(host, port)), key: key(host) }
}

/// One program that is all those hosts, each under an address of loopback of its own.
async fn serve_actors() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let local = stream.local_addr().expect("its address");
                let std::net::IpAddr::V4(address) = local.ip() else { return };
                let [_, _, high, low] = address.octets();
                let host = usize::from(high) * 250 + usize::from(low) - 1;
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    if line.trim().is_empty() {
                        let (origin, signer) = (origin(host, port), signer(host, port));
                        let body = json!({
                            "id": format!("{origin}/ann"), "type": "Person", "preferredUsername": "ann",
                            "inbox": format!("{origin}/inbox"),
                            "assertionMethod": [{
                                "id": signer.key_id, "type": "Multikey", "controller": format!("{origin}/ann"),
                                "publicKeyMultibase": signer.public_key(),
                            }],
                        })
                        .to_string();
                        let answer = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: application/activity+json\r\ncontent-length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    port
}

/// A signed request as bytes.
fn request(inbox: &str, address: &str, host: usize, port: u16, name: &str) -> Vec<u8> {
    let origin = origin(host, port);
    let activity = json!({
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"],
        "id": format!("{origin}/activities/{name}"), "type": "Create", "actor": format!("{origin}/ann"),
        "to": ["https://www.w3.org/ns/activitystreams#Public"],
        "object": {
            "id": format!("{origin}/notes/{name}"), "type": "Note", "attributedTo": format!("{origin}/ann"),
            "content": format!("<p>{}</p>", "A line of some sixty characters, as long as lines often are. ".repeat(8)),
        },
    });
    let signing = Signing {
        signer: signer(host, port),
        created: now(),
        has_proof: true,
        content_type: "application/activity+json",
    };
    let body = body_of(&activity, &signing);
    bytes(address, &headers_of(inbox, &body, &signing), &body)
}

fn bytes(address: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let fields: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let (fields, length) = (fields.join("\r\n"), body.len());
    let head =
        format!("POST /actors/site/inbox HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{fields}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// A request of a host that exists, which is signed with a key that is not its own.
fn forged(inbox: &str, address: &str, host: usize, port: u16, name: &str) -> Vec<u8> {
    let body =
        format!("{{\"id\":\"{0}/activities/{name}\",\"actor\":\"{0}/ann\",\"type\":\"Like\"}}", origin(host, port));
    let signer = Signer { key: key(usize::MAX), ..signer(host, port) };
    let digest = content_digest::of(body.as_bytes());
    let content_type = "application/activity+json";
    let fields = [("content-digest", digest.as_str()), ("content-type", content_type)];
    let message = Message { method: "POST", target_uri: inbox, headers: &fields, body: body.as_bytes() };
    let signed = signature::sign(&message, &signer, now()).expect("all is there");
    let headers = [
        ("content-digest", digest.clone()),
        ("content-type", content_type.to_owned()),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ];
    bytes(address, &headers.map(|(name, value)| (name.to_owned(), value)), body.as_bytes())
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the host listens");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: vec![0; 16 << 10] }
    }

    /// Sends a request, reads its answer, and gives the status.
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
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            if filled >= end + 4 + length {
                return head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
            }
        }
    }
}

fn percentile(times: &mut [Duration], share: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3
}

/// Sends requests, so many at a time; gives how long each took and all of them together.
fn send_all(address: &str, requests: VecDeque<Vec<u8>>, in_flight: usize) -> (Vec<Duration>, Duration) {
    let queue = Arc::new(Mutex::new(requests));
    let begun = Instant::now();
    let threads: Vec<_> = (0..in_flight)
        .map(|_| {
            let (queue, address) = (Arc::clone(&queue), address.to_owned());
            std::thread::spawn(move || {
                let mut connection = Connection::open(&address);
                let mut times = Vec::new();
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(request) = next else { return times };
                    let begun = Instant::now();
                    assert_eq!(connection.send(&request), 202);
                    times.push(begun.elapsed());
                }
            })
        })
        .collect();
    let times = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    (times, begun.elapsed())
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
    println!("\n{TIMED} arrivals of a good host, one in flight, beside a host that sends forgeries as fast as it can");
    println!("| beside | p50 ms | p99 ms | ratio of p99 | forgeries/s |\n| --- | --- | --- | --- | --- |");
    let port = serve_actors().await;
    let host = Host::start_federating().await;
    let (address, inbox) = (address_of(&host), format!("{}/actors/site/inbox", host.url()));
    let good = |from: usize, label: &str| -> VecDeque<Vec<u8>> {
        (0..TIMED).map(|n| request(&inbox, &address, from, port, &format!("{label}-{n}"))).collect()
    };
    let (warm, alone, beside) = (good(0, "warm"), good(1, "alone"), good(2, "beside"));
    let bad: Vec<_> = (0..1_000).map(|n| forged(&inbox, &address, 3, port, &n.to_string())).collect();
    let rows = tokio::task::spawn_blocking(move || {
        send_all(&address, warm, 1);
        let (mut alone, _) = send_all(&address, alone, 1);
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let flood = {
            let (stop, sent, address) = (Arc::clone(&stop), Arc::clone(&sent), address.clone());
            std::thread::spawn(move || {
                let mut connection = Connection::open(&address);
                for request in bad.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    assert!(matches!(connection.send(request), 401 | 429));
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
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

/// What a hostile host does, by its number.
fn hostile_request(inbox: &str, address: &str, host: usize, port: u16, round: usize) -> Vec<u8> {
    let name = format!("{host}-{round}");
    match host % 5 {
        // A key that is not its own.
        0 => forged(inbox, address, host, port, &name),
        // A host that answers nothing when it is asked for its key.
        1 => forged(inbox, address, host, port + 1, &name),
        // A document that is cut short.
        2 => {
            let mut bytes = request(inbox, address, host, port, &name);
            let end = bytes.len() - 20;
            bytes[end] ^= 1;
            bytes
        }
        // No signature, and a body of a megabyte.
        3 => {
            bytes(address, &[("content-type".to_owned(), "application/activity+json".to_owned())], &vec![b'['; 1 << 20])
        }
        // What is good, more often than it may be.
        _ => request(inbox, address, host, port, "again"),
    }
}

/// A thousand connections, each of a host of its own, whose requests go on until they are told to stop; a fifth of them drips.
/// A thousand hostile hosts, whose requests go on until the process is ended. Prints how many were answered, now and then.
async fn hostile_hosts(inbox: &str, address: &str, port: u16) {
    let answered = Arc::new(AtomicU64::new(0));
    for host in 0..HOSTILE {
        let (inbox, address, answered) = (inbox.to_owned(), address.to_owned(), Arc::clone(&answered));
        tokio::spawn(async move {
            for round in 0.. {
                let Ok(stream) = tokio::net::TcpStream::connect(&address).await else { continue };
                let mut stream = BufReader::new(stream);
                let bytes = hostile_request(&inbox, &address, HOSTS + host, port, round % 4);
                let is_dripping = host % 25 == 24;
                let piece = if is_dripping { 1 } else { bytes.len() };
                for piece in bytes.chunks(piece) {
                    if stream.get_mut().write_all(piece).await.is_err() {
                        break;
                    }
                    if is_dripping {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                let mut line = String::new();
                // Whoever is refused may find the connection closed.
                let read = tokio::time::timeout(Duration::from_secs(20), stream.read_line(&mut line)).await;
                if read.is_ok_and(|read| read.is_ok()) {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        println!("{}", answered.load(Ordering::Relaxed));
    }
}

/// Those hosts in a process of their own, which has what the host and its good peers leave of the processors: hostile hosts
/// bring their own. It is ended when it is dropped.
struct HostileHosts {
    process: Child,
    answered: Arc<AtomicU64>,
}

impl HostileHosts {
    fn begin(inbox: &str, address: &str, port: u16) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut process = Command::new("nice")
            .args(["-n", "19"])
            .arg(this)
            .args([HOSTILE_HOSTS, inbox, address, &port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("nice, of coreutils");
        let lines = std::io::BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let answered = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&answered);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                told.store(line.parse().expect("a number"), Ordering::Relaxed);
            }
        });
        Self { process, answered }
    }

    fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

impl Drop for HostileHosts {
    fn drop(&mut self) {
        self.process.kill().expect("it can be ended");
        self.process.wait().expect("it ends");
    }
}

async fn hostile() {
    println!(
        "\n{TIMED} arrivals of good hosts, one in flight, beside {HOSTILE} hosts that are hostile, each in its way"
    );
    println!("| beside | p50 ms | p99 ms | ratio of p99 | hostile requests/s |\n| --- | --- | --- | --- | --- |");
    let port = serve_actors().await;
    let host = Host::start_federating().await;
    let (address, inbox) = (address_of(&host), format!("{}/actors/site/inbox", host.url()));
    let good = |from: usize, hosts: usize, label: &str| -> VecDeque<Vec<u8>> {
        (0..TIMED).map(|n| request(&inbox, &address, from + n % hosts, port, &format!("{label}-{n}"))).collect()
    };
    // Here all are of one address, whose budget for asking is the hostile hosts' soon: the good ones are known by then.
    let (warm, alone, beside) = (good(0, 12, "warm"), good(4, 4, "alone"), good(8, 4, "beside"));
    let timed = |requests: VecDeque<Vec<u8>>| {
        let address = address.clone();
        tokio::task::spawn_blocking(move || send_all(&address, requests, 1))
    };
    timed(warm).await.expect("no panic");
    let (mut alone, _) = timed(alone).await.expect("no panic");
    let others = HostileHosts::begin(&inbox, &address, port);
    // All of them have begun once so many requests were answered.
    while others.answered() < 2 * HOSTILE as u64 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = others.answered();
    let (mut beside, took) = timed(beside).await.expect("no panic");
    let answered = u32::try_from(others.answered() - before).expect("not so many");
    drop(others);
    let (quiet, p99) = (percentile(&mut alone, 99), percentile(&mut beside, 99));
    println!("| nobody | {:.2} | {quiet:.2} | | |", percentile(&mut alone, 50));
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
    if let [part, inbox, address, port] = &parts[..]
        && part == HOSTILE_HOSTS
    {
        return hostile_hosts(inbox, address, port.parse().expect("a port")).await;
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
