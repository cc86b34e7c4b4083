//! What a call costs beside the same instantiation and call on bare wasmtime (no fuel, no epoch, no limits, no log).

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
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

/// Measures `call` under `name` and returns its mean.
fn measure<R>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut call: impl FnMut() -> R) -> Duration {
    let mut mean = Duration::ZERO;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|calls| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(call());
            }
            let elapsed = start.elapsed();
            // The last sample is measured when all is warm, and is the longest.
            mean = elapsed / u32::try_from(calls).unwrap_or(u32::MAX);
            elapsed
        });
    });
    mean
}

fn benchmark(criterion: &mut Criterion) {
    let wasm = guest();
    let digest = Digest::of(&wasm);
    let engine = WasmEngine::new(&EngineOptions::new(4)).expect("the pool fits");
    engine.load(digest, &wasm).expect("the bench guest is admitted");
    let bare = Bare::new(&wasm, PoolingAllocationConfig::new());
    let tuned = Bare::new(&wasm, same_pool());

    let mut group = criterion.benchmark_group("call");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    let rosehip = measure(&mut group, "rosehip", || engine.run(digest, CALL).expect("it is loaded"));
    let floor = measure(&mut group, "bare wasmtime, same pool", || tuned.run(CALL));
    let default = measure(&mut group, "bare wasmtime, default pool", || bare.run(CALL));
    group.finish();
    println!(
        "rosehip / bare wasmtime: {:.2} with the same pool, {:.2} with the default pool",
        rosehip.div_duration_f64(floor),
        rosehip.div_duration_f64(default)
    );
}

criterion_group!(benches, benchmark);
criterion_main!(benches);
