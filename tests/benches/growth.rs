//! What a log that grows costs: an empty host; flows a second and processor time of each million entries; then how long
//! the host takes to be ready, after a stop and after `kill -9`, and how fast `verify` walks the log. Prints a table;
//! asserts nothing about time. `MILLIONS=10` goes to ten million entries.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rosehip_tests::{Process, Publishing, Until};

const IN_FLIGHT: usize = 64;
/// What an article and its flow append to the log.
const ENTRIES_A_FLOW: u64 = 7;
/// How long a host that has nothing to do is left alone before it is looked at.
const IDLE: Duration = Duration::from_secs(5);
/// How long it publishes before it is killed.
const BUSY: Duration = Duration::from_secs(2);

/// Millions of entries, unless `MILLIONS` says how many.
fn millions() -> u64 {
    std::env::var("MILLIONS").map_or(1, |millions| millions.parse().expect("MILLIONS is a number"))
}

fn mib(publishing: &mut Publishing) -> u64 {
    Process(publishing.host().pid()).memory_kib() >> 10
}

fn megabytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len() / 1_000_000)
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut publishing = runtime.block_on(Publishing::start());
    std::thread::sleep(IDLE);
    println!("idle: {} MiB with two behaviors installed, of which one is enabled", mib(&mut publishing));

    println!("{IN_FLIGHT} in flight");
    println!("| entries | flows/s | p50 ms | p99 ms | host's µs a flow | MiB | log.db MB | views.db MB |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for million in 1..=millions() {
        let measured = publishing.publish(IN_FLIGHT, Until::Published(million * 1_000_000 / ENTRIES_A_FLOW));
        println!(
            "| {million},000,000 | {:.0} | {:.2} | {:.2} | {:.0} | {} | {} | {} |",
            measured.per_second(),
            measured.percentile_ms(50),
            measured.percentile_ms(99),
            measured.micros_a_flow(),
            mib(&mut publishing),
            megabytes(&publishing.host().path("log.db")),
            megabytes(&publishing.host().path("views.db")),
        );
    }

    let ready = |publishing: &mut Publishing, after: &str| {
        let begun = Instant::now();
        runtime.block_on(publishing.host().serve());
        let took = begun.elapsed().as_secs_f64();
        std::thread::sleep(IDLE);
        println!("ready {took:.2} s after {after}; {} MiB then", mib(publishing));
    };
    publishing.host().stop();
    ready(&mut publishing, "a stop");
    // It is killed in the middle of its work, and not when all is folded in.
    publishing.publish(IN_FLIGHT, Until::After(BUSY));
    publishing.host().kill();
    ready(&mut publishing, "kill -9");
    publishing.host().stop();
    let begun = Instant::now();
    let report: serde_json::Value =
        serde_json::from_str(&publishing.host().verify().ok()).expect("what `verify --json` prints");
    let (entries, took) = (report["entries"].as_u64().expect("a number of entries"), begun.elapsed().as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a count of entries is small")]
    let a_second = entries as f64 / took;
    println!("verify: {entries} entries in {took:.1} s, {a_second:.0} a second");
}
