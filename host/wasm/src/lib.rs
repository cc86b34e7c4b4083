//! Runs guests: the only crate that names wasmtime.
//!
//! [`WasmEngine`] implements [`rosehip_core::guest::GuestEngine`] for both ABIs (DESIGN §4a). A module passes through
//! these files in this order: `admission` judges its bytes, `guest` has it compiled and linked as a `component` or a
//! `core_module`, `modules` keeps it, `call` opens a store with a `budget`, a log and a system interface (`wasi`) for
//! one call, and `failure` names what ended a call early. `permits` queues calls beyond the pool, `ticker` moves the
//! epoch while calls run.
//!
//! Invariants: a guest can reach nothing but the log of its call and a system interface that denies; every call has a
//! store and an instance of its own; nothing of a call depends on anything but the module, the input and the
//! [`rosehip_core::guest::Surroundings`], save [`rosehip_core::guest::GuestFailure::Host`].

mod admission;
mod budget;
mod call;
mod compile;
mod component;
mod config;
mod core_module;
mod engine;
mod failure;
mod guest;
mod log;
mod modules;
mod permits;
mod ticker;
mod wasi;

pub use admission::{Inspection, Usage};
pub use compile::{COMPILE_VERB, CacheOptions, CacheSecret, Compiler, compile_child, own_program};
pub use config::Optimization;
pub use engine::{EngineError, EngineOptions, WasmEngine};

/// Judges a module's bytes as [`WasmEngine`] does before it has them compiled, by the same rules, and runs nothing. This
/// is for whoever built the module: what a stranger wrote is judged in the child that compiles it.
pub fn admit(wasm: &[u8]) -> Result<(), rosehip_core::guest::GuestRefused> {
    admission::admit(wasm).map(|_kind| ())
}

/// Judges a module's bytes as [`admit`] does, and says what it is and what it takes of its limits.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, rosehip_core::guest::GuestRefused> {
    admission::inspect(wasm)
}
