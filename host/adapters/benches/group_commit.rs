//! What the writer adds to a bare group commit: the same table, the same rows, the same disk.
//!
//! The floor inserts N prepared rows a transaction. The writer has N callers, each of which waits for its answer
//! before it appends again. A disk is not equally fast from second to second, so the two take turns in short slices;
//! the figures are medians of the slices. Rows are without a dedup key, then each with one.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rosehip_adapters::{
    store::{SqliteLog, SqliteOptions},
    verify::verify,
    writer::{Writer, WriterOptions},
};
use rosehip_core::{
    ids::DedupKey,
    log::{Append, Draft, EntryHash, Stream},
    time::Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const IN_FLIGHT: [usize; 4] = [1, 16, 64, 256];
const BODY_BYTES: usize = 500;
const SLICES: usize = 11;
const SLICE: Duration = Duration::from_millis(250);

fn main() {
    println!("rows a second, {BODY_BYTES}-byte bodies, SQLite WAL, synchronous = FULL");
    for keyed in [false, true] {
        println!("{}", if keyed { "with a dedup key" } else { "without a dedup key" });
        println!("{:>9} {:>10} {:>10} {:>6}", "in flight", "bare", "writer", "ratio");
        for in_flight in IN_FLIGHT {
            let (bare, writer) = take_turns(in_flight, keyed);
            println!("{in_flight:>9} {bare:>10.0} {writer:>10.0} {:>6.2}", writer / bare);
        }
    }
    println!("verify: {:.0} entries a second", verification());
}

fn take_turns(in_flight: usize, keyed: bool) -> (f64, f64) {
    let (mut bare, mut callers) = (Bare::new(keyed), Callers::new(keyed));
    let (mut floor, mut reached) = (Vec::new(), Vec::new());
    for _ in 0..SLICES {
        floor.push(bare.slice(in_flight));
        reached.push(callers.slice(in_flight));
    }
    (median(floor), median(reached))
}

/// The floor: nothing but inserts and commits.
struct Bare {
    _dir: TempDir,
    connection: Connection,
    keyed: bool,
    seq: i64,
    body: Vec<u8>,
}

impl Bare {
    fn new(keyed: bool) -> Self {
        let dir = tempfile::tempdir_in(".").expect("a directory");
        let path = dir.path().join("log.db");
        drop(SqliteLog::open(&path, &SqliteOptions::default()).expect("the table is made"));
        let connection = Connection::open(&path).expect("opened");
        let pragmas = "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384";
        connection.execute_batch(pragmas).expect("set");
        Self { _dir: dir, connection, keyed, seq: 0, body: vec![b'x'; BODY_BYTES] }
    }

    fn slice(&mut self, rows: usize) -> f64 {
        let (start, before) = (Instant::now(), self.seq);
        while start.elapsed() < SLICE {
            self.transaction(rows);
        }
        per_second(self.seq - before, start)
    }

    fn transaction(&mut self, rows: usize) {
        let prepare = |sql| self.connection.prepare_cached(sql).expect("prepared");
        prepare("BEGIN IMMEDIATE").execute([]).expect("begun");
        let mut insert = prepare("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
        for _ in 0..rows {
            self.seq += 1;
            let (seq, stream) = (self.seq, Stream(stream_of(self.seq).into()));
            let dedup = self.keyed.then(|| key_of(seq));
            let dedup = dedup.as_ref().map(|key| &key.as_bytes()[..]);
            let (name, hash, body) = (&*stream.0, EntryHash::default().0, &self.body);
            let row = (seq, 1, seq, stream.key(), name, "flow.started", dedup, &hash, &hash, &hash, body);
            insert.execute(row).expect("inserted");
        }
        prepare("COMMIT").execute([]).expect("committed");
    }
}

/// As many callers as are in flight, each waiting for its answer.
struct Callers {
    _dir: TempDir,
    runtime: Runtime,
    writer: Writer,
    keyed: bool,
    next: i64,
    body: Arc<[u8]>,
}

impl Callers {
    fn new(keyed: bool) -> Self {
        let dir = tempfile::tempdir_in(".").expect("a directory");
        let writer = start(dir.path());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
        Self { _dir: dir, runtime, writer, keyed, next: 0, body: vec![b'x'; BODY_BYTES].into() }
    }

    fn slice(&mut self, in_flight: usize) -> f64 {
        let (start, step) = (Instant::now(), i64::try_from(in_flight).expect("few callers"));
        let callers: Vec<_> = (self.next..self.next + step)
            .map(|first| {
                let (writer, body, keyed) = (self.writer.clone(), Arc::clone(&self.body), self.keyed);
                self.runtime.spawn(async move {
                    let mut n = first;
                    while start.elapsed() < SLICE {
                        writer.append(append_of(n, &body, keyed)).await.expect("appended");
                        n += step;
                    }
                    n
                })
            })
            .collect();
        let before = self.writer.committed();
        for caller in callers {
            self.next = self.next.max(self.runtime.block_on(caller).expect("no panic"));
        }
        per_second(i64::try_from(self.writer.committed() - before).expect("few rows"), start)
    }
}

fn append_of(n: i64, body: &Arc<[u8]>, keyed: bool) -> Append {
    Append::unconditional(vec![Draft {
        stream: Stream(stream_of(n).into()),
        time: Timestamp::from_millis(n),
        kind: "flow.started".into(),
        dedup: keyed.then(|| key_of(n)),
        body: Arc::clone(body),
        event: None,
    }])
}

/// How fast a whole log is verified, with both indexes: the costliest case, because each entry is looked up in either.
fn verification() -> f64 {
    const ENTRIES: i64 = 200_000;
    let dir = tempfile::tempdir_in(".").expect("a directory");
    let body: Arc<[u8]> = vec![b'x'; BODY_BYTES].into();
    let writer = start(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for first in (0..ENTRIES).step_by(1_000) {
        let drafts = (first..first + 1_000).flat_map(|n| append_of(n, &body, true).drafts).collect();
        runtime.block_on(writer.append(Append::unconditional(drafts))).expect("appended");
    }
    writer.stop();
    let start = Instant::now();
    let report = verify(dir.path(), |_| {}).expect("verified");
    per_second(i64::try_from(report.entries).expect("few entries"), start)
}

fn start(dir: &Path) -> Writer {
    let log = SqliteLog::open(&dir.join("log.db"), &SqliteOptions::default()).expect("opened");
    Writer::start(log, WriterOptions::default()).expect("started")
}

/// A stream of its own for each entry, as flows have: the costliest case for the index.
fn stream_of(n: i64) -> String {
    format!("flow:t6yz5ezaw253tzxplwm4o5wblmi4aahvmze2znhkqgz{n:09}")
}

/// Keys are hashes: spread over the index.
fn key_of(n: i64) -> DedupKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x2545_F491_4F6C_DD1D).to_be_bytes());
    DedupKey::from_bytes(bytes)
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "a rate that is printed without decimals")]
fn per_second(rows: i64, start: Instant) -> f64 {
    rows as f64 / start.elapsed().as_secs_f64()
}
