//! Admission: any bytes are refused by a rule, or compile, link and run to a report.

use std::sync::LazyLock;

use arbitrary::{Arbitrary as _, Unstructured};
use rosehip_core::{
    guest::{GuestEngine, Surroundings},
    ids::Digest,
    limits::GUEST_OUTPUT_BYTES,
};
use rosehip_wasm::{EngineOptions, WasmEngine};
use wasm_smith::{Config, Module};

/// Turns a loop of a generated module may take before it traps.
const TURNS: u32 = 1_000;

/// What a core module exports and may import.
const SHAPE: &str = r#"(module
    (import "rosehip" "log" (func (param i32 i32 i32)))
    (import "env" "abort" (func (param i32 i32 i32 i32)))
    (memory (export "memory") 2)
    (func (export "rosehip_abi_version") (result i32) unreachable)
    (func (export "rosehip_alloc") (param i32) (result i32) unreachable)
    (func (export "rosehip_describe") (result i64) unreachable)
    (func (export "rosehip_run") (param i32 i32) (result i64) unreachable))"#;

/// A byte that chooses how the rest is read: as it is, as choices for a module of what is allowed, or for one of
/// everything that wasm has.
pub fn admission(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    match choice % 3 {
        0 => judged(rest),
        1 => generated(rest, allowed(true)),
        _ => generated(rest, allowed(false)),
    }
}

fn generated(choices: &[u8], config: Option<Config>) {
    let mut choices = Unstructured::new(choices);
    let config = match config {
        Some(config) => Ok(config),
        None => Config::arbitrary(&mut choices),
    };
    let Ok(mut module) = config.and_then(|config| Module::new(config, &mut choices)) else { return };
    if module.ensure_termination(TURNS).is_ok() {
        judged(&module.to_bytes());
    }
}

/// A module with the shape of a guest, of what the host allows; else of anything.
fn allowed(only: bool) -> Option<Config> {
    let shape = wat::parse_str(SHAPE).expect("the shape is WAT");
    only.then(|| Config {
        module_shape: Some(shape),
        memory_max_size_required: false,
        max_memory32_bytes: 4 << 20,
        max_table_elements: 1_000,
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        allow_start_export: false,
        ..Config::default()
    })
}

fn judged(wasm: &[u8]) {
    static ENGINE: LazyLock<WasmEngine> =
        LazyLock::new(|| WasmEngine::new(&EngineOptions::new(1)).expect("the engine starts"));
    let digest = Digest::of(wasm);
    if let Err(refused) = ENGINE.load(digest, wasm) {
        assert!(!refused.rule.is_empty() && !refused.message.is_empty(), "{refused:?} says nothing");
        return;
    }
    let surroundings = Surroundings::of_describe(0);
    let described = ENGINE.describe(digest, &surroundings).expect("it is loaded");
    let ran = ENGINE.run(digest, r#"{"v":1}"#, &surroundings).expect("it is loaded");
    for text in [described.result, ran.result].into_iter().flatten() {
        assert!(text.len() <= GUEST_OUTPUT_BYTES, "an output of {} bytes", text.len());
    }
    ENGINE.forget(digest);
}
