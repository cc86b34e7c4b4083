//! Guests, well-behaved and not, through the port that the host calls them by.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admission;
mod answers;
mod broken_answers;
mod limits_of_a_call;
mod logs;
#[path = "../support/mod.rs"]
mod support;

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use rosehip_core::{
    guest::{GuestEngine, GuestError, GuestFailure, GuestLogLevel, GuestLogLine, GuestRefused, GuestReport},
    ids::Digest,
    limits,
};
use rosehip_wasm::{EngineOptions, WasmEngine};
use support::{Guest, LOG, WIT, component, component_with};
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
    engine.run(digest, call).expect("the guest is loaded")
}

fn run(guest: &Guest<'_>, call: &str) -> GuestReport {
    run_wasm(&guest.build(), call)
}

fn refusal(wasm: &[u8]) -> GuestRefused {
    engine().load(Digest::of(wasm), wasm).expect_err("the guest is refused")
}

/// The rule that stopped the guest, and the message.
fn stopped(report: &GuestReport) -> (&'static str, &str) {
    match &report.result {
        Err(GuestFailure::Stopped { rule, message }) => (rule, message),
        other => panic!("the guest was not stopped: {other:?}"),
    }
}
