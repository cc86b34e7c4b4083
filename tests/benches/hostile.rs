//! What each guest of the hostile corpus costs the host, what a good behavior notices of it, and what a good module
//! costs from its upload on. Prints tables and marks what is over the bar; asserts nothing about time.
//!
//! `cargo bench --workspace --bench hostile -- [costs] [beside] [upload]`

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rosehip_hostile::{Abi, CLASSES, Class, Hostile, corpus, well_behaved, well_behaved_as};
use rosehip_tests::{Client, Host, Process};

/// The bar: processor time of a call or refusal, memory that it adds to the host, and p99 of a good behavior beside.
const MOST_CPU_MS: f64 = 250.0;
const MOST_GROWTH_MIB: f64 = 80.0;
const MOST_RATIO: f64 = 1.5;
/// Text of the object that a guest is called with: with what stands around it, a Call of 16 KiB.
const TEXT_BYTES: usize = 14 << 10;
/// Calls of each guest, because the kernel counts processor time in hundredths of a second.
const CALLS: u32 = 4;
const SLICE: Duration = Duration::from_secs(6);

/// What something took of the host.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    cpu_ms: f64,
    children_ms: f64,
    growth_mib: f64,
}

/// A host that is watched.
struct Watched {
    client: Client,
    process: Process,
    /// Processor time that it takes while nobody asks for anything, as a share of the time that passes.
    idle: f64,
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and KiB are small")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Watched {
    async fn new(host: &Host) -> Self {
        let process = Process(host.pid());
        let (before, _) = process.cpu_ms();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (after, _) = process.cpu_ms();
        Self { client: host.client(), process, idle: float(after - before) / 2_000.0 }
    }

    /// Does something, and says what came of it and what each of `times` took.
    async fn cost<T>(&self, times: u32, work: impl Future<Output = T>) -> (T, Cost) {
        self.process.forget_peak();
        let (memory, begun, before) = (self.process.memory_kib(), Instant::now(), self.process.cpu_ms());
        let result = work.await;
        let (wall, after) = (begun.elapsed(), self.process.cpu_ms());
        let idle = self.idle * wall.as_secs_f64() * 1e3;
        let cost = Cost {
            cpu_ms: (float(after.0 - before.0) - idle).max(0.0) / f64::from(times),
            children_ms: float(after.1 - before.1) / f64::from(times),
            growth_mib: float(self.process.peak_kib().saturating_sub(memory)) / 1024.0,
        };
        (result, cost)
    }

    /// A guest's upload, and its calls where it installs.
    async fn guest(&self, hostile: &Hostile, wasm: &[u8]) -> Line {
        let (uploaded, upload) = self.cost(1, self.client.upload(hostile, wasm)).await;
        let mut line = Line { name: hostile.name.clone(), upload, call: None, wrong: uploaded.err() };
        if line.wrong.is_some() || hostile.is_refused() {
            return line;
        }
        let (calls, text) = (if hostile.is_slow { 1 } else { CALLS }, "x".repeat(TEXT_BYTES));
        let fire = async {
            for call in 0..calls {
                self.client.fire(hostile, &format!("call-{call}"), &text).await?;
            }
            Ok(())
        };
        let (fired, call): (Result<(), String>, Cost) = self.cost(calls, fire).await;
        line.call = Some(call);
        line.wrong = fired.err();
        line
    }
}

/// What a guest took.
struct Line {
    name: String,
    upload: Cost,
    call: Option<Cost>,
    wrong: Option<String>,
}

impl Line {
    fn print(&self) {
        let cost = self.call.unwrap_or(self.upload);
        let growth = self.upload.growth_mib.max(cost.growth_mib);
        let marks = [
            (cost.cpu_ms > MOST_CPU_MS || self.upload.cpu_ms > MOST_CPU_MS, "CPU"),
            (growth > MOST_GROWTH_MIB, "memory"),
            (self.wrong.is_some(), "verdict"),
        ];
        let over: Vec<&str> = marks.into_iter().filter_map(|(is_over, what)| is_over.then_some(what)).collect();
        let call = self.call.map_or_else(|| "-".to_owned(), |call| format!("{:.0}", call.cpu_ms));
        println!(
            "| {} | {:.0} | {:.0} | {call} | {growth:.0} | {} |",
            self.name,
            self.upload.cpu_ms,
            self.upload.children_ms,
            if over.is_empty() { "ok".to_owned() } else { format!("**over: {}**", over.join(", ")) }
        );
        if let Some(why) = &self.wrong {
            println!("  {why}");
        }
    }
}

fn percentile(latencies: &mut [Duration], share: usize) -> f64 {
    latencies.sort_unstable();
    latencies[(latencies.len() - 1) * share / 100].as_secs_f64() * 1e3
}

/// Calls of a good behavior, one after the other, for a slice of time.
async fn good_calls(client: &Client, good: &Hostile, label: &str) -> Vec<Duration> {
    let begun = Instant::now();
    let mut latencies = Vec::new();
    while begun.elapsed() < SLICE {
        let sent = Instant::now();
        let saved = client.save(good, &format!("{label}-{}", latencies.len()), "hello").await;
        latencies.push(sent.elapsed());
        assert_eq!(saved.json()["flows"][0]["status"], "completed", "it behaves: {}", saved.text);
    }
    latencies
}

/// One guest after the other, until it is told to stop.
async fn attack(client: Client, guests: Vec<(Hostile, Vec<u8>)>, stop: Arc<AtomicBool>) {
    for (round, (hostile, wasm)) in guests.iter().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        // What became of it is another table's subject, and whoever reads that competes with the host for the processor.
        match hostile.is_refused() {
            true => drop(client.upload(hostile, wasm).await),
            false => drop(client.save(hostile, &format!("beside-{round}"), "hello").await),
        }
    }
}

async fn beside(client: &Client, guests: &[(Hostile, Vec<u8>)]) {
    let good = well_behaved(Abi::Component);
    client.upload(&good, &good.wasm()).await.expect("it installs");
    good_calls(client, &good, "warming").await;
    println!("\np99 of a good behavior (one call in flight) beside one bad guest of a class at a time");
    println!("| beside | calls | p50 ms | p99 ms | ratio of p99 | |\n| --- | --- | --- | --- | --- | --- |");
    let neighbour = well_behaved_as("neighbour", Abi::Component);
    let wasm = neighbour.wasm();
    client.upload(&neighbour, &wasm).await.expect("it installs");
    let of_class = |class: Class| {
        let of_class = guests.iter().filter(|(hostile, _)| hostile.class == class && !hostile.is_slow);
        (format!("{class:?}"), of_class.cloned().collect())
    };
    let neighbours = [("another good one".to_owned(), vec![(neighbour, wasm)])];
    for (number, (label, guests)) in neighbours.into_iter().chain(CLASSES.map(of_class)).enumerate() {
        let mut alone = good_calls(client, &good, &format!("alone-{number}")).await;
        let stop = Arc::new(AtomicBool::new(false));
        let attacker = tokio::spawn(attack(client.clone(), guests, Arc::clone(&stop)));
        let mut attacked = good_calls(client, &good, &format!("beside-{number}")).await;
        stop.store(true, Ordering::Relaxed);
        attacker.await.expect("the attacker ends");
        let (quiet, p50, p99) =
            (percentile(&mut alone, 99), percentile(&mut attacked, 50), percentile(&mut attacked, 99));
        let over = if p99 / quiet > MOST_RATIO { "**over**" } else { "ok" };
        println!("| nobody | {} | {:.2} | {quiet:.2} | | |", alone.len(), percentile(&mut alone, 50));
        println!("| {label} | {} | {p50:.2} | {p99:.2} | {:.2} | {over} |", attacked.len(), p99 / quiet);
    }
}

async fn from_upload_on(client: &Client) {
    println!("\na good module, from its upload to the end of its first flow, and called again");
    println!(
        "| ABI | upload + first call p50 ms | p99 ms | warm call p50 ms | p99 ms |\n| --- | --- | --- | --- | --- |"
    );
    for abi in [Abi::Component, Abi::Core] {
        let (mut first, mut warm) = (Vec::new(), Vec::new());
        for number in 0..20 {
            let good = well_behaved_as(&format!("fresh-{number}"), abi);
            let wasm = good.wasm();
            let begun = Instant::now();
            client.upload(&good, &wasm).await.expect("it installs");
            client.fire(&good, "first", "hello").await.expect("it behaves");
            first.push(begun.elapsed());
            for call in 0..10 {
                let begun = Instant::now();
                client.fire(&good, &format!("warm-{call}"), "hello").await.expect("it behaves");
                warm.push(begun.elapsed());
            }
        }
        let [first, warm] = [&mut first, &mut warm].map(|list| (percentile(list, 50), percentile(list, 99)));
        println!("| {abi} | {:.1} | {:.1} | {:.2} | {:.2} |", first.0, first.1, warm.0, warm.1);
    }
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("an unknown processor");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", model.trim_start_matches([':', '\t', ' ']))
}

#[tokio::main]
async fn main() {
    let host = Host::start().await;
    let watched = Watched::new(&host).await;
    println!("{}; bar: {MOST_CPU_MS} ms of CPU, {MOST_GROWTH_MIB} MiB, p99 within {MOST_RATIO}×", machine());
    // Cargo passes `--bench`; what else there is names a part.
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_asked = |part: &str| parts.is_empty() || parts.iter().any(|asked| asked == part);
    let guests: Vec<_> = corpus()
        .into_iter()
        .map(|hostile| {
            let wasm = hostile.wasm();
            (hostile, wasm)
        })
        .collect();
    if is_asked("costs") {
        costs(&watched, &guests).await;
    }
    if is_asked("beside") {
        for (hostile, wasm) in guests.iter().filter(|(hostile, _)| !hostile.is_refused()) {
            watched.client.upload(hostile, wasm).await.expect("it installs");
        }
        beside(&watched.client, &guests).await;
    }
    if is_asked("upload") {
        from_upload_on(&watched.client).await;
    }
}

async fn costs(watched: &Watched, guests: &[(Hostile, Vec<u8>)]) {
    println!("\nhostile guests with a Call of 16 KiB (CPU of the host; the compile child's beside it)");
    println!("| guest | upload ms | child ms | call ms | memory MiB | |\n| --- | --- | --- | --- | --- | --- |");
    for (hostile, wasm) in guests {
        watched.guest(hostile, wasm).await.print();
    }
}
