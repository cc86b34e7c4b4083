//! What a call costs in either ABI beside the same instantiation and call on bare wasmtime (no fuel, no epoch, no
//! limits, no log).

#[path = "../tests/support/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use rosehip_core::{
    guest::{GuestEngine, Surroundings},
    ids::Digest,
};
use rosehip_wasm::{EngineOptions, WasmEngine};
use support::{Abi, Guest};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, Module, ModuleExport, PoolingAllocationConfig, Store,
    component::{Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker},
};

const CALL: &str = r#"{"v":1,"flow":"f","behavior":"publish","node":"validate","attempt":1,"input":{},"config":{}}"#;

/// A guest shaped as the Rust toolchain shapes one: a stack of 1 MiB below its data and heap, of which it touches a
/// little here and there.
fn guest(abi: Abi) -> Vec<u8> {
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
    .build(abi)
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

fn bare_engine(pool: PoolingAllocationConfig) -> Engine {
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config).expect("a default pool fits")
}

/// A component on bare wasmtime.
struct BareComponent {
    linked: InstancePre<()>,
    run: ComponentExportIndex,
}

impl BareComponent {
    fn new(wasm: &[u8], pool: PoolingAllocationConfig) -> Self {
        let engine = bare_engine(pool);
        let component = Component::new(&engine, wasm).expect("the bench guest compiles");
        let linked = Linker::new(&engine).instantiate_pre(&component).expect("the bench guest imports nothing");
        let guest = component.get_export_index(None, "rosehip:behavior/guest@1.0.0").expect("it exports guest");
        let run = component.get_export_index(Some(&guest), "run").expect("it exports run");
        Self { linked, run }
    }

    fn run(&self, call: &str) -> String {
        let mut store = Store::new(self.linked.engine(), ());
        let instance = self.linked.instantiate(&mut store).expect("the pool has room");
        let run = instance
            .get_typed_func::<(&str,), (Result<String, Failure>,)>(&mut store, &self.run)
            .expect("run has its type");
        let (answer,) = run.call(&mut store, (call,)).expect("the bench guest does not trap");
        answer.unwrap_or_default()
    }
}

/// A core module on bare wasmtime; the text that it returns is copied and not read.
struct BareCore {
    linked: wasmtime::InstancePre<()>,
    memory: ModuleExport,
    alloc: ModuleExport,
    run: ModuleExport,
}

impl BareCore {
    fn new(wasm: &[u8], pool: PoolingAllocationConfig) -> Self {
        let engine = bare_engine(pool);
        let module = Module::new(&engine, wasm).expect("the bench guest compiles");
        let linked = wasmtime::Linker::new(&engine).instantiate_pre(&module).expect("the bench guest imports nothing");
        let export = |name| module.get_export_index(name).expect("the bench guest exports the ABI");
        Self { linked, memory: export("memory"), alloc: export("rosehip_alloc"), run: export("rosehip_run") }
    }

    fn run(&self, call: &str) -> String {
        let mut store = Store::new(self.linked.module().engine(), ());
        let instance = self.linked.instantiate(&mut store).expect("the pool has room");
        let mut export = |export| instance.get_module_export(&mut store, export).expect("the export is there");
        let memory = export(&self.memory).into_memory().expect("it is a memory");
        let alloc = export(&self.alloc).into_func().expect("it is a function");
        let run = export(&self.run).into_func().expect("it is a function");
        let alloc = alloc.typed::<u32, u32>(&store).expect("alloc has its type");
        let run = run.typed::<(u32, u32), u64>(&store).expect("run has its type");
        let len = u32::try_from(call.len()).expect("the call is short");
        let ptr = alloc.call(&mut store, len).expect("the bench guest does not trap");
        memory.write(&mut store, ptr as usize, call.as_bytes()).expect("there is room");
        let packed = run.call(&mut store, (ptr, len)).expect("the bench guest does not trap");
        let (ptr, len) = (packed >> 32, packed & u64::from(u32::MAX));
        let text =
            &memory.data(&store)[usize::try_from(ptr).expect("64 bits")..][..usize::try_from(len).expect("64 bits")];
        str::from_utf8(text).expect("the bench guest answers in UTF-8").to_owned()
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

/// Calls of three kinds in turn, so that a machine that slows down slows all of them down; the median of each.
fn medians(calls: [&dyn Fn() -> String; 3]) -> [Duration; 3] {
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (times, call) in times.iter_mut().zip(calls) {
            times.push(time(call));
        }
    }
    times.map(median)
}

fn print(abi: &str, [rosehip, floor, default]: [Duration; 3]) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "| {abi} | {:.1} | {:.1} | {:.2} | {:.1} | {:.2} |",
        micros(rosehip),
        micros(floor),
        rosehip.div_duration_f64(floor),
        micros(default),
        rosehip.div_duration_f64(default)
    );
}

fn main() {
    let engine = WasmEngine::new(&EngineOptions::new(4)).expect("the pool fits");
    let surroundings = Surroundings::of_describe(0);
    println!("a fresh instance and one call, median of {ROUNDS} rounds of {CALLS} calls, one thread");
    println!("| ABI | rosehip µs | bare wasmtime, same pool µs | ratio | bare wasmtime, default pool µs | ratio |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for abi in Abi::BOTH {
        let wasm = guest(abi);
        let digest = Digest::of(&wasm);
        engine.load(digest, &wasm).expect("the bench guest is admitted");
        let rosehip = || engine.run(digest, CALL, &surroundings).expect("it is loaded").result.expect("it answers");
        match abi {
            Abi::Component => {
                let tuned = BareComponent::new(&wasm, same_pool());
                let default = BareComponent::new(&wasm, PoolingAllocationConfig::new());
                print("component", medians([&rosehip, &|| tuned.run(CALL), &|| default.run(CALL)]));
            }
            Abi::Core => {
                let tuned = BareCore::new(&wasm, same_pool());
                let default = BareCore::new(&wasm, PoolingAllocationConfig::new());
                print("core module", medians([&rosehip, &|| tuned.run(CALL), &|| default.run(CALL)]));
            }
        }
    }
}
