//! One call: a store of its own with its budget and log, and the report of what happened in it.

use rosehip_core::{
    guest::{GuestFailure, GuestReport, Surroundings},
    limits,
};
use wasmtime::{Engine, Store};

use crate::{
    budget::{SpaceBudget, fuel_for},
    failure::{Ended, bounded, classify, stopped},
    guest::Guest,
    log::CallLog,
    ticker::Patience,
    wasi::System,
};

/// Which export to call, with what.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Call<'a> {
    /// `describe`.
    Describe,
    /// `run` with a Call document.
    Run(&'a str),
}

/// A failure that the guest returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Try again by the node's policy.
    Retry(String),
    /// The node fails.
    Fatal(String),
}

/// What a store keeps beside the guest.
#[derive(Debug)]
pub(crate) struct CallState {
    pub(crate) space: SpaceBudget,
    pub(crate) log: CallLog,
    pub(crate) system: System,
}

/// Calls `guest` in a fresh store and a fresh instance.
pub(crate) fn report(
    engine: &Engine,
    guest: &Guest,
    call: Call<'_>,
    surroundings: &Surroundings,
    patience: Patience,
) -> GuestReport {
    let fuel = match call {
        Call::Describe => fuel_for(0),
        Call::Run(input) => fuel_for(input.len()),
    };
    let mut store = open(engine, fuel, surroundings);
    patience.bind(&mut store);
    let answer = guest.call(&mut store, call);
    let left = store.get_fuel().expect("the engine is configured to consume fuel");
    let mut state = store.into_data();
    state.system.flush(&mut state.log);
    GuestReport { result: judge(answer, &state), fuel: fuel.saturating_sub(left), log: state.log.into_lines() }
}

fn open(engine: &Engine, fuel: u64, surroundings: &Surroundings) -> Store<CallState> {
    let state = CallState {
        space: SpaceBudget::new(surroundings.memory_bytes),
        log: CallLog::default(),
        system: System::new(surroundings),
    };
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.space);
    store.set_fuel(fuel).expect("the engine is configured to consume fuel");
    // Twice, because a guest's string may be UTF-16.
    store.set_hostcall_fuel(2 * limits::GUEST_OUTPUT_BYTES);
    store
}

fn judge(answer: Result<Result<String, Failure>, Ended>, state: &CallState) -> Result<String, GuestFailure> {
    let answer = answer.map_err(|ended| classify(&ended, state.space.denied()))?;
    let text = match &answer {
        Ok(text) | Err(Failure::Retry(text) | Failure::Fatal(text)) => text,
    };
    if text.len() > limits::GUEST_OUTPUT_BYTES {
        return Err(stopped(
            "output-bytes",
            format!("the guest returned {} bytes, the limit is {}", text.len(), limits::GUEST_OUTPUT_BYTES),
        ));
    }
    answer.map_err(|failure| match failure {
        Failure::Retry(message) => GuestFailure::Retry(bounded(message)),
        Failure::Fatal(message) => GuestFailure::Fatal(bounded(message)),
    })
}
