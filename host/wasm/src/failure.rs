//! Names what ended a call early or kept a module out: rules are stable, messages are for people.

use std::{char::DecodeUtf16Error, error::Error, str::Utf8Error};

use rosehip_core::{
    guest::{GuestFailure, GuestRefused},
    limits,
};
use wasmtime::{OutOfMemory, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::budget::{Denied, HostMemory};

/// Part of wasmtime's text for a guest that hands over more than `set_hostcall_fuel` allows; its type is private.
const HOSTCALL_FUEL: &str = "fuel allocated for hostcalls has been exhausted";

/// Traps of the canonical ABI: the guest gave the host a pointer, length or discriminant that cannot be.
const ABI_TRAPS: [Trap; 7] = [
    Trap::StringOutOfBounds,
    Trap::ListOutOfBounds,
    Trap::InvalidDiscriminant,
    Trap::UnalignedPointer,
    Trap::InvalidChar,
    Trap::CannotEnterComponent,
    Trap::CannotLeaveComponent,
];

/// What the guest was doing when the call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its instance was made, which may run its start functions.
    Instantiating,
    /// An export ran, or its arguments or result were copied.
    Calling,
}

/// An error of wasmtime, with when it happened.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) phase: Phase,
    pub(crate) error: wasmtime::Error,
}

/// A rule that the guest broke while the host did something for it; travels through wasmtime as the error of a host
/// function.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Breach {
    rule: &'static str,
    message: String,
}

/// The guest broke `rule`, as an error of a host function.
pub(crate) fn breach(rule: &'static str, message: impl Into<String>) -> wasmtime::Error {
    wasmtime::Error::new(Breach { rule, message: message.into() })
}

/// The guest broke `rule`.
pub(crate) fn stopped(rule: &'static str, message: impl Into<String>) -> GuestFailure {
    GuestFailure::Stopped { rule, message: bounded(message.into()) }
}

/// The module is not admitted by `rule`.
pub(crate) fn refused(rule: &'static str, message: impl Into<String>) -> GuestRefused {
    GuestRefused { rule, message: bounded(message.into()) }
}

fn host(rule: &'static str, message: impl Into<String>) -> GuestFailure {
    GuestFailure::Host { rule, message: bounded(message.into()) }
}

/// Says whose fault `ended` was, the guest's or the host's, and by which rule. `denied` is the growth that the call
/// was denied before, which explains a trap better than the trap does.
pub(crate) fn classify(ended: &Ended, denied: Option<Denied>) -> GuestFailure {
    let error = &ended.error;
    if error.is::<HostMemory>() || error.is::<OutOfMemory>() {
        return host("host-memory", format!("{error:#}"));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return host("pool", format!("{error:#}"));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return classify_trap(*trap, error, denied);
    }
    if let Some(breach) = error.downcast_ref::<Breach>() {
        return classify_breach(breach, error, denied);
    }
    if let Some(denied) = denied {
        return out_of_space(denied, &format!("{:#}", error.root_cause()));
    }
    match ended.phase {
        // With wasm on the stack a start function was running, which is the guest's doing.
        Phase::Instantiating if !error.is::<WasmBacktrace>() => host("instantiate", format!("{error:#}")),
        Phase::Instantiating | Phase::Calling => classify_copy(error),
    }
}

fn classify_breach(breach: &Breach, error: &wasmtime::Error, denied: Option<Denied>) -> GuestFailure {
    let message = format!("{}{}", breach.message, frames(error));
    match denied {
        // A guest that gives up of itself does so for the same reason as one that traps.
        Some(denied) if breach.rule == "trap" => out_of_space(denied, &message),
        Some(_) | None => stopped(breach.rule, message),
    }
}

fn classify_trap(trap: Trap, error: &wasmtime::Error, denied: Option<Denied>) -> GuestFailure {
    let message = || format!("{trap}{}", frames(error));
    if trap == Trap::Interrupt {
        return host("epoch", "the call ran longer than the host allows".to_owned() + &frames(error));
    }
    if trap == Trap::OutOfFuel {
        let message = "the call has used up its fuel, of which an instruction takes about one unit: is there a loop that does \
                       not end?";
        return stopped("fuel", message.to_owned() + &frames(error));
    }
    if trap == Trap::StackOverflow {
        return stopped("stack", message());
    }
    if let Some(denied) = denied {
        return out_of_space(denied, &message());
    }
    let rule = if ABI_TRAPS.contains(&trap) { "abi" } else { "trap" };
    stopped(rule, message())
}

fn out_of_space(denied: Denied, then: &str) -> GuestFailure {
    match denied {
        Denied::Memory(most) => stopped(
            "memory",
            format!(
                "memory was denied beyond {} MiB, of which memory_mib in the behavior's grant may make up to {}; then: {then}",
                most >> 20,
                limits::GUEST_MEMORY_GRANTED_BYTES >> 20
            ),
        ),
        Denied::OwnMaximum => {
            stopped("memory", format!("memory was denied beyond the module's own maximum; then: {then}"))
        }
        Denied::Table => stopped(
            "table",
            format!(
                "a table was denied beyond {} elements or its own maximum; then: {then}",
                limits::GUEST_TABLE_ELEMENTS
            ),
        ),
    }
}

/// An error while a value was copied: out of the guest as its result, or, with wasm on the stack, into an import.
fn classify_copy(error: &wasmtime::Error) -> GuestFailure {
    let in_import = error.is::<WasmBacktrace>();
    let cause = error.root_cause();
    let message = format!("{cause}{}", frames(error));
    if cause.to_string().contains(HOSTCALL_FUEL) {
        return stopped(if in_import { "log-bytes" } else { "output-bytes" }, message);
    }
    if !in_import && is_decoding(cause) {
        return stopped("output-utf8", message);
    }
    stopped("abi", message)
}

fn is_decoding(cause: &(dyn Error + 'static)) -> bool {
    cause.is::<Utf8Error>() || cause.is::<DecodeUtf16Error>()
}

/// The functions on the guest's stack, innermost first, where the module has names for them.
fn frames(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let names: Vec<_> = backtrace.frames().iter().filter_map(wasmtime::FrameInfo::func_name).collect();
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(" < ")) }
}

/// Names and texts in a message are the guest's, so it is cut.
pub(crate) fn bounded(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(limits::GUEST_MESSAGE_BYTES));
    message
}
