//! Guests, well-behaved and not, through the port that the host calls them by.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod abi_of_core_modules;
mod admission;
mod admission_of_components;
mod admission_of_core_modules;
mod answers;
mod broken_answers;
mod limits_of_a_call;
mod logs;
mod optimization;
mod preview_1;
mod preview_2;
#[path = "../support/mod.rs"]
mod support;

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use rosehip_core::{
    guest::{
        GuestEngine, GuestError, GuestFailure, GuestLogLevel, GuestLogLine, GuestRefused, GuestReport, Surroundings,
    },
    ids::Digest,
    limits,
};
use rosehip_wasm::{EngineOptions, WasmEngine};
use support::{Abi, Guest, WIT, component, component_with};
use wit_component::StringEncoding;

fn engine() -> WasmEngine {
    WasmEngine::new(&EngineOptions::new(2)).expect("a pool for two calls fits")
}

fn load(engine: &WasmEngine, wasm: &[u8]) -> Digest {
    let digest = Digest::of(wasm);
    engine.load(digest, wasm).expect("the guest is admitted");
    digest
}

fn run_wasm(wasm: &[u8], call: &str) -> GuestReport {
    let engine = engine();
    let digest = load(&engine, wasm);
    engine.run(digest, call, &Surroundings::of_describe(0)).expect("the guest is loaded")
}

fn run(abi: Abi, guest: &Guest<'_>, call: &str) -> GuestReport {
    run_wasm(&guest.build(abi), call)
}

fn refusal(wasm: &[u8]) -> GuestRefused {
    engine().load(Digest::of(wasm), wasm).expect_err("the guest is refused")
}

/// Why bytes that are no valid WAT for any tool but the parser are refused.
fn refusal_of(wat: &str) -> GuestRefused {
    refusal(&wat::parse_str(wat).expect("the WAT of a test parses"))
}

/// The rule that stopped the guest, and the message.
fn stopped(report: &GuestReport) -> (&'static str, &str) {
    match &report.result {
        Err(GuestFailure::Stopped { rule, message }) => (rule, message),
        other => panic!("the guest was not stopped: {other:?}"),
    }
}
