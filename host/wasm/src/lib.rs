//! Runs guests: the only crate that names wasmtime.
//!
//! [`WasmEngine`] implements [`rosehip_core::guest::GuestEngine`] for components (DESIGN §4a A). A module passes
//! through these files in this order: `admission` judges its bytes, `component` compiles and links it, `modules` keeps
//! it, `call` opens a store with a `budget` and a log for one call, and `failure` names what ended a call early.
//! `permits` queues calls beyond the pool, `ticker` moves the epoch while calls run.
//!
//! Invariants: a guest can reach nothing but `rosehip:behavior/log@1.0.0`; every call has a store and an instance of
//! its own; nothing of a call depends on time, save [`rosehip_core::guest::GuestFailure::Host`].

mod admission;
mod budget;
mod call;
mod component;
mod config;
mod engine;
mod failure;
mod log;
mod modules;
mod permits;
mod ticker;

pub use engine::{EngineError, EngineOptions, WasmEngine};
