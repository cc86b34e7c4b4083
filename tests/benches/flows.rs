//! Two-step flows a second over HTTP, at 1, 16, 64 and 256 in flight, beside the floor: bare group commits of the
//! same number of rows in the same run; and the processor time that the host spends on a flow, by its threads, which
//! differs less between runs than what a shared machine gets done. Prints tables; asserts nothing about time.

use std::time::{Duration, Instant};

use rosehip_tests::{Measured, Publishing, Until};

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
const SLICE: Duration = Duration::from_secs(4);

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

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut publishing = runtime.block_on(Publishing::start());
    publishing.publish(16, Until::After(SLICE));
    println!(
        "two-step flows over HTTP (POST /new, 1 KB, `Prefer: wait`, fsync on), beside one bare commit of 8 rows a flow"
    );
    println!("| in flight | flows/s | p50 ms | p99 ms | host's µs a flow | floor: flows/s | ratio |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut last = None;
    for in_flight in IN_FLIGHT {
        let measured = publishing.publish(in_flight, Until::After(SLICE));
        #[expect(clippy::cast_precision_loss, reason = "256 is exact")]
        let floor = floor(8 * in_flight) * in_flight as f64;
        println!(
            "| {in_flight} | {:.0} | {:.2} | {:.2} | {:.0} | {floor:.0} | {:.2} |",
            measured.per_second(),
            measured.percentile_ms(50),
            measured.percentile_ms(99),
            measured.micros_a_flow(),
            measured.per_second() / floor
        );
        last = Some(measured);
    }
    println!("\nprocessor time at 256 in flight, µs a flow, by thread, without those that were replaced:");
    for (name, micros) in last.iter().flat_map(Measured::micros_by_thread) {
        println!("{name}: {micros:.0}");
    }
    publishing.host().stop();
}
