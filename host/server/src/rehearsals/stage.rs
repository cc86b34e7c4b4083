//! An engine for modules that are checked and rehearsed in this process, compiled and called as a host does it.

use std::{fmt, sync::Arc};

use rosehip_core::{
    behavior::Behavior,
    guest::{GuestEngine, GuestFailure, GuestLogLine, GuestReport, Surroundings},
    ids::Digest,
    rehearsal::{AuthorEvent, Rehearsal, RehearsalError, rehearse},
};
use rosehip_wasm::{Compiler, EngineOptions, WasmEngine};

use crate::host::{self, InstallError};

/// Where modules are rehearsed. Its methods block: call them on a thread that may call guests.
#[derive(Clone)]
pub struct Stage {
    guests: Arc<dyn GuestEngine>,
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

/// Why a module is not taken, with what it logged when it was asked what it is.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Refused {
    /// The rule, and what is wrong.
    #[source]
    pub error: InstallError,
    /// What it logged.
    pub log: Vec<GuestLogLine>,
}

/// A module that passed every check of a host.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its digest.
    pub digest: Digest,
    /// What it says it is.
    pub behavior: Arc<Behavior>,
    /// Its bytes.
    pub wasm: Arc<Vec<u8>>,
    /// Fuel that saying so took.
    pub describe_fuel: u64,
}

impl Stage {
    /// An engine of its own, which compiles in a child of this process and keeps nothing.
    pub fn new() -> anyhow::Result<Self> {
        let compiler = Compiler::Child { program: rosehip_wasm::own_program()? };
        // One call at a time: a rehearsal makes them one after the other.
        let options = EngineOptions { compiler, ..EngineOptions::new(1) };
        Ok(Self { guests: Arc::new(WasmEngine::new(&options)?) })
    }

    /// The engine of a host in this process.
    pub fn of_host(guests: Arc<dyn GuestEngine>) -> Self {
        Self { guests }
    }

    /// Checks a module as a host does before it is installed.
    pub fn check(&self, wasm: Vec<u8>) -> Result<Checked, Refused> {
        let mut log = Vec::new();
        match host::check(&*self.guests, wasm, &mut log) {
            Ok(host::Admitted { digest, behavior, wasm, describe_fuel }) => {
                Ok(Checked { digest, behavior: Arc::new(behavior), wasm, describe_fuel })
            }
            Err(error) => Err(Refused { error, log }),
        }
    }

    /// Rehearses an event.
    pub fn rehearse(&self, module: &Checked, event: &AuthorEvent) -> Result<Rehearsal, RehearsalError> {
        let call = |call: &str, surroundings: &Surroundings| self.call(module, call, surroundings);
        rehearse(&module.behavior, module.digest, event, &call)
    }

    fn call(&self, module: &Checked, call: &str, surroundings: &Surroundings) -> GuestReport {
        let run = || self.guests.run(module.digest, call, surroundings);
        host::call_loaded(&*self.guests, module.digest, &module.wasm, &run).unwrap_or_else(|error| {
            // It was loaded before: what keeps it from being loaded again is no fault of its own.
            let failure = GuestFailure::Host { rule: "module-evicted", message: error.to_string() };
            GuestReport { result: Err(failure), fuel: 0, log: Vec::new() }
        })
    }
}
