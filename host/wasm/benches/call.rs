//! What a call costs beside the same instantiation and call on bare wasmtime (no fuel, no epoch, no limits, no log).

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use rosehip_core::{guest::GuestEngine, ids::Digest};
use rosehip_wasm::{EngineOptions, WasmEngine};
use support::Guest;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker},
};

const CALL: &str = r#"{"v":1,"flow":"f","behavior":"publish","node":"validate","attempt":1,"input":{},"config":{}}"#;

/// A guest shaped as the Rust toolchain shapes one: a stack of 1 MiB below its data and heap, of which it touches a
/// little here and there.
fn guest() -> Vec<u8> {
    Guest {
        memory: "17",
        items: r#"(data (i32.const 1048576) "static data of a guest")"#,
        run: "
            (i32.store (i32.const 1048560) (local.get $len))
            (i32.store (i32.const 1044480) (local.get $len))
            (i32.store (i32.const 1052672) (local.get $len))
            (i32.store (i32.const 1056768) (local.get $len))
            (call $ok (local.get $ptr) (local.get $len))",
        ..Guest::default()
    }
    .build()
}

#[derive(ComponentType, Lift)]
#[component(variant)]
#[expect(dead_code, reason = "the bench guest never fails")]
enum Failure {
    #[component(name = "retry")]
    Retry(String),
    #[component(name = "fatal")]
    Fatal(String),
}

struct Bare {
    engine: Engine,
    linked: InstancePre<()>,
    run: ComponentExportIndex,
}

impl Bare {
    fn new(wasm: &[u8], pool: PoolingAllocationConfig) -> Self {
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).expect("a default pool fits");
        let component = Component::new(&engine, wasm).expect("the bench guest compiles");
        let linked = Linker::new(&engine).instantiate_pre(&component).expect("the bench guest imports nothing");
        let guest = component.get_export_index(None, "rosehip:behavior/guest@1.0.0").expect("it exports guest");
        let run = component.get_export_index(Some(&guest), "run").expect("it exports run");
        Self { engine, linked, run }
    }

    fn run(&self, call: &str) -> Result<String, Failure> {
        let mut store = Store::new(&self.engine, ());
        let instance = self.linked.instantiate(&mut store).expect("the pool has room");
        let run = instance
            .get_typed_func::<(&str,), (Result<String, Failure>,)>(&mut store, &self.run)
            .expect("run has its type");
        run.call(&mut store, (call,)).expect("the bench guest does not trap").0
    }
}

/// The pool of rosehip-wasm, without its other limits.
fn same_pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(256 << 10)
        .table_keep_resident(256 << 10)
        .pagemap_scan(Enabled::Auto)
        .max_memory_size(64 << 20);
    pool
}

/// Calls timed in one go.
const CALLS: u32 = 2_000;
/// How often each kind of call takes its turn.
const ROUNDS: usize = 20;

/// The time of one call, over many.
fn time<R>(mut call: impl FnMut() -> R) -> Duration {
    let begun = Instant::now();
    for _ in 0..CALLS {
        black_box(call());
    }
    begun.elapsed() / CALLS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let wasm = guest();
    let digest = Digest::of(&wasm);
    let engine = WasmEngine::new(&EngineOptions::new(4)).expect("the pool fits");
    engine.load(digest, &wasm).expect("the bench guest is admitted");
    let bare = Bare::new(&wasm, PoolingAllocationConfig::new());
    let tuned = Bare::new(&wasm, same_pool());

    let (mut rosehip, mut floor, mut default) = (Vec::new(), Vec::new(), Vec::new());
    // They take turns, so that a machine that slows down slows all of them down.
    for _ in 0..ROUNDS {
        rosehip.push(time(|| engine.run(digest, CALL).expect("it is loaded")));
        floor.push(time(|| tuned.run(CALL)));
        default.push(time(|| bare.run(CALL)));
    }
    let (rosehip, floor, default) = (median(rosehip), median(floor), median(default));
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("a fresh instance and one call, median of {ROUNDS} rounds of {CALLS} calls, one thread");
    println!("| rosehip µs | bare wasmtime, same pool µs | ratio | bare wasmtime, default pool µs | ratio |");
    println!("| --- | --- | --- | --- | --- |");
    println!(
        "| {:.1} | {:.1} | {:.2} | {:.1} | {:.2} |",
        micros(rosehip),
        micros(floor),
        rosehip.div_duration_f64(floor),
        micros(default),
        rosehip.div_duration_f64(default)
    );
}
