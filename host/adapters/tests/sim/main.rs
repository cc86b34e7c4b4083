//! The simulator: random programs against the real pipeline, writer, store, views and engine, in a world whose clock,
//! randomness, disks, guests and receivers are its own. A world is touched by one thread, so a seed says everything.
//!
//! `SEEDS=1000000` runs that many seeds and says how far it is, `FROM=400000` begins at that one, and `SEED=42` runs one
//! and tells what happened in it.

mod behaviors;
mod blank;
mod checks;
mod disk;
mod erasing;
mod flows;
mod guest;
mod host;
mod modules;
mod program;
mod run;
mod sinks;
mod store;
mod witness;
mod world;
mod writes;

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rosehip_adapters::{modules::ModuleFiles, store::SqliteReader};
use rosehip_core::ports::LogReader as _;

use self::run::{Outcome, Seeds, head_of, run};

/// The host's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds of an ordinary run. Without optimisation each takes many times as long.
const SEEDS: u64 = if cfg!(debug_assertions) { 200 } else { 10_000 };

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")))
}

/// Runs a seed twice; what is wrong with it, in words.
fn judge(seed: u64, modules: &Arc<ModuleFiles>) -> (Outcome, Vec<String>) {
    let (first, other) = (run(seed, modules), head_of(seed, modules));
    let mut wrongs = first.wrongs.clone();
    if first.head != other {
        let one = first.head;
        wrongs
            .push(format!("it ends at entry {} {} and then at entry {} {}", one.seq, one.hash, other.seq, other.hash));
    }
    (first, wrongs)
}

/// Tells what happened in a world: the entries of its log, and its numbers.
fn tell(outcome: &Outcome) {
    let log = SqliteReader::open(&outcome.world.disk.log()).expect("the log is there");
    for entry in log.read(1, usize::MAX).expect("the log can be read") {
        let body = entry.body.map_or_else(|| "erased".into(), |(_, body)| String::from_utf8_lossy(&body).into_owned());
        let body: String = body.chars().take(TOLD_CHARS).collect();
        eprintln!("{} {} {} {body}", entry.header.seq, entry.header.time, entry.header.kind);
    }
    eprintln!("{:?} {:?}", outcome.head, outcome.world.witness().counts);
}

/// Seeds after which it is said how many were begun.
const TOLD_EVERY: u64 = 10_000;
/// Characters of an entry's body that are told.
const TOLD_CHARS: usize = 300;

fn told(seed: u64, wrongs: &[String]) -> String {
    let again = format!("SEED={seed} cargo test --release --workspace --test sim");
    format!("seed {seed}:\n  {}\nagain: {again}", wrongs.join("\n  "))
}

#[test]
fn every_seed_keeps_what_is_promised() {
    let dir = tempfile::tempdir().expect("a directory");
    let modules = Arc::new(ModuleFiles::open(dir.path()).expect("a directory of modules"));
    if let Some(seed) = number("SEED") {
        let (outcome, wrongs) = judge(seed, &modules);
        tell(&outcome);
        assert!(wrongs.is_empty(), "{}", told(seed, &wrongs));
        return;
    }
    let (from, to) = (number("FROM").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    let (seeds, failed) = (Seeds::beginning_at(from), AtomicBool::new(false));
    let failures: Mutex<BTreeMap<u64, String>> = Mutex::default();
    let counts: Mutex<BTreeMap<&str, u64>> = Mutex::default();
    let work = || {
        while !failed.load(Ordering::Relaxed) {
            let seed = seeds.take();
            if seed >= to {
                return;
            }
            if seed % TOLD_EVERY == 0 {
                eprintln!("{seed} of {to} seeds are begun");
            }
            let (outcome, wrongs) = judge(seed, &modules);
            let mut all = counts.lock().unwrap_or_else(PoisonError::into_inner);
            *all.entry("entries").or_default() += outcome.head.seq;
            for (what, times) in &outcome.world.witness().counts {
                *all.entry(what).or_default() += times;
            }
            drop(all);
            if !wrongs.is_empty() {
                failed.store(true, Ordering::Relaxed);
                let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.insert(seed, told(seed, &wrongs));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    eprintln!("seeds {from} to {to}, each twice: {:?}", counts.into_inner().unwrap_or_else(PoisonError::into_inner));
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let failures: Vec<_> = failures.into_values().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
