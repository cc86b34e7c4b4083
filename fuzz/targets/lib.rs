//! What must hold of any bytes that strangers may send: one function a subject, which panics where it does not.
//!
//! `tests/corpus.rs` runs each over its corpus and over mutations of it; `fuzzers/` has libFuzzer look for more
//! (`scripts/fuzz`).

mod activities;
mod admission;
mod core_abi;
mod filter;
mod inbox;
mod log;
mod manifest;

pub use self::{admission::admission, core_abi::core_abi, filter::filter, inbox::inbox, log::log, manifest::manifest};

/// A subject's function.
pub type Target = fn(&[u8]);

/// Every subject, by the name of its corpus and of its fuzzer.
pub const TARGETS: [(&str, Target); 6] = [
    ("admission", admission),
    ("core_abi", core_abi),
    ("filter", filter),
    ("inbox", inbox),
    ("log", log),
    ("manifest", manifest),
];
