//! Calling a guest whose module may have left memory.

use std::sync::Arc;

use rosehip_core::{
    guest::{GuestEngine, GuestFailure, GuestReport, Surroundings},
    ids::Digest,
};

use crate::modules::ModuleFileError;

/// How often a module is loaded that others push out of memory before it is called.
const LOADS: u8 = 2;

/// Calls a guest, loading its module from `bytes` first where it is not in memory.
pub(crate) fn call(
    guests: &dyn GuestEngine,
    digest: Digest,
    bytes: impl Fn() -> Result<Option<Arc<Vec<u8>>>, ModuleFileError>,
    call: &str,
    surroundings: &Surroundings,
) -> GuestReport {
    let host = |rule, message: String| GuestReport {
        result: Err(GuestFailure::Host { rule, message }),
        fuel: 0,
        log: Vec::new(),
    };
    for _ in 0..LOADS {
        if let Ok(report) = guests.run(digest, call, surroundings) {
            return report;
        }
        let wasm = match bytes() {
            Ok(Some(wasm)) => wasm,
            Ok(None) => return host("module-missing", format!("the bytes of module {digest} are gone")),
            Err(error) => return host("module-unreadable", error.to_string()),
        };
        if let Err(refused) = guests.load(digest, &wasm) {
            return host("module-refused", refused.to_string());
        }
    }
    host("module-evicted", format!("module {digest} does not stay in memory"))
}
