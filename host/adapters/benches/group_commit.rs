//! What the writer adds to a bare group commit: the same table, the same rows, the same machine, one after the other.
//!
//! The floor inserts N prepared rows a transaction. The writer has N callers, each of which waits for its answer
//! before it appends again, so that frames are as full as callers are quick. `seq` rows a second, and their ratio.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rosehip_adapters::{
    store::{SqliteLog, SqliteOptions},
    verify::verify_log,
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    ids::DedupKey,
    log::{Append, Draft, EntryHash, Stream},
    time::Timestamp,
};
use rusqlite::Connection;

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
const BODY_BYTES: usize = 500;
const MEASURE: Duration = Duration::from_secs(3);

fn main() {
    let body: Arc<[u8]> = vec![b'x'; BODY_BYTES].into();
    println!("rows of {BODY_BYTES} bytes, SQLite WAL, synchronous = FULL, {} s each", MEASURE.as_secs());
    println!(
        "{:>9} {:>12} {:>12} {:>7} {:>12} {:>7}",
        "in flight", "bare rows/s", "writer/s", "ratio", "keyed/s", "ratio"
    );
    for in_flight in IN_FLIGHT {
        let bare = bare(in_flight, &body, false);
        let writer = writer(in_flight, &body, false);
        let keyed = self::writer(in_flight, &body, true);
        let keyed_bare = self::bare(in_flight, &body, true);
        println!(
            "{in_flight:>9} {bare:>12.0} {writer:>12.0} {:>7.2} {keyed:>12.0} {:>7.2}",
            writer / bare,
            keyed / keyed_bare
        );
    }
    verification(&body);
}

/// The floor: nothing but inserts and commits.
fn bare(rows: usize, body: &[u8], keyed: bool) -> f64 {
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let path = dir.path().join("log.db");
    drop(SqliteLog::open(&path, &SqliteOptions::default()).expect("the table is made"));
    let connection = Connection::open(&path).expect("opened");
    let pragmas = "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384";
    connection.execute_batch(pragmas).expect("set");
    let mut seq = 0_i64;
    rate(|| {
        connection.prepare_cached("BEGIN IMMEDIATE").expect("prepared").execute([]).expect("begun");
        let mut insert = connection
            .prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")
            .expect("prepared");
        for _ in 0..rows {
            seq += 1;
            let stream = Stream(stream_of(seq).into());
            let dedup = keyed.then(|| key_of(seq));
            let dedup = dedup.as_ref().map(|key| &key.as_bytes()[..]);
            let hash = EntryHash::default();
            let row = (seq, 1, seq, stream.key(), &*stream.0, "flow.started", dedup, &hash.0, &hash.0, &hash.0, body);
            insert.execute(row).expect("inserted");
        }
        connection.prepare_cached("COMMIT").expect("prepared").execute([]).expect("committed");
        rows
    })
}

/// As many callers as are in flight, each waiting for its answer.
fn writer(in_flight: usize, body: &Arc<[u8]>, keyed: bool) -> f64 {
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let writer = start(dir.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let start = Instant::now();
    let rows: usize = runtime.block_on(async {
        let callers: Vec<_> = (0..in_flight)
            .map(|caller| {
                let (writer, body) = (writer.clone(), Arc::clone(body));
                tokio::spawn(async move {
                    let mut rows = 0;
                    while start.elapsed() < MEASURE {
                        let n = i64::try_from(rows * in_flight + caller).expect("few rows");
                        writer.append(append_of(n, &body, keyed)).await.expect("appended");
                        rows += 1;
                    }
                    rows
                })
            })
            .collect();
        let mut rows = 0;
        for caller in callers {
            rows += caller.await.expect("no panic");
        }
        rows
    });
    per_second(rows, start)
}

fn append_of(n: i64, body: &Arc<[u8]>, keyed: bool) -> Append {
    Append::unconditional(vec![Draft {
        stream: Stream(stream_of(n).into()),
        time: Timestamp::from_millis(n),
        kind: "flow.started".into(),
        dedup: keyed.then(|| key_of(n)),
        body: Arc::clone(body),
    }])
}

/// How fast a whole log is verified.
fn verification(body: &Arc<[u8]>) {
    const ENTRIES: i64 = 200_000;
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let log = start(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for first in (0..ENTRIES).step_by(1_000) {
        let drafts = (first..first + 1_000).flat_map(|n| append_of(n, body, false).drafts).collect();
        runtime.block_on(log.append(Append::unconditional(drafts))).expect("appended");
    }
    log.stop();
    let reader = rosehip_adapters::store::SqliteReader::open(&dir.path().join("log.db")).expect("opened");
    let start = Instant::now();
    let report = verify_log(&reader, None, |_| {}).expect("verified");
    println!("verify: {:.0} entries/s", per_second(usize::try_from(report.entries).expect("few"), start));
}

fn start(dir: &Path) -> Writer {
    let log = SqliteLog::open(&dir.join("log.db"), &SqliteOptions::default()).expect("opened");
    let mut h: std::collections::BTreeMap<usize, usize> = Default::default();
    let mut n = 0;
    let ob = Box::new(move |e: &Arc<[rosehip_core::log::Entry]>| {
        *h.entry(e.len()).or_default() += 1;
        n += 1;
        if n == 5000 {
            let mut v: Vec<_> = h.iter().map(|(a, b)| (*b, *a)).collect();
            v.sort();
            v.reverse();
            v.truncate(14);
            eprintln!("{v:?}");
        }
    });
    Writer::start(log, WriterOptions { observers: vec![ob], ..Default::default() }).expect("started")
}

fn stream_of(n: i64) -> String {
    format!("flow:t6yz5ezaw253tzxplwm4o5wblmi4aahvmze2znhkqgz{n:09}")
}

fn key_of(n: i64) -> DedupKey {
    let mut bytes = [0; 32];
    // Keys are hashes: they are spread over the index.
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes());
    DedupKey::from_bytes(bytes)
}

fn rate(mut transaction: impl FnMut() -> usize) -> f64 {
    let start = Instant::now();
    let mut rows = 0;
    while start.elapsed() < MEASURE {
        rows += transaction();
    }
    per_second(rows, start)
}

#[expect(clippy::cast_precision_loss, reason = "a rate that is printed without decimals")]
fn per_second(rows: usize, start: Instant) -> f64 {
    rows as f64 / start.elapsed().as_secs_f64()
}
