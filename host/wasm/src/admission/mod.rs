//! Judges a module's bytes before anything is compiled: header, size, features, structure, imports and exports.

mod component;
mod core_module;
mod structure;

use rosehip_core::{guest::GuestRefused, limits};
use wasmparser::{FuncValidatorAllocations, Parser, ValidPayload, Validator, WasmFeatures, types::TypesRef};

use self::structure::{Structure, check_branch_tables};
use crate::{config::GUEST_FEATURES, failure::refused, guest::Kind};

/// Raised whenever a module that was admitted might not be any more: what is cached was admitted by its number.
pub(crate) const VERSION: u8 = 1;

/// The rules by which a module is refused here.
pub(crate) const RULES: [&str; 18] = [
    "not-wasm",
    "module-bytes",
    "invalid-wasm",
    "import",
    "missing-export",
    "command",
    "nested-modules",
    "functions",
    "function-body",
    "br-table",
    "imports",
    "core-imports",
    "exports",
    "types",
    "data-segments",
    "memory",
    "table",
    "tables",
];

/// What a module claims to be, by its header and its length alone.
pub(crate) fn glance(wasm: &[u8]) -> Result<Kind, GuestRefused> {
    let kind = Kind::of(wasm)?;
    let most = match kind {
        Kind::Component => limits::COMPONENT_BYTES,
        Kind::Core => limits::CORE_MODULE_BYTES,
    };
    if wasm.len() > most {
        return Err(refused("module-bytes", format!("the module has {} bytes, the limit is {most}", wasm.len())));
    }
    Ok(kind)
}

/// Admits a module of either kind, or says by which rule it is refused. A reader of what a stranger wrote may be led to
/// recurse, to build or to compare without end, so a host has this done where it compiles, in a child that is limited.
pub(crate) fn admit(wasm: &[u8]) -> Result<Kind, GuestRefused> {
    let kind = glance(wasm)?;
    validate(kind, wasm)?;
    Ok(kind)
}

fn validate(kind: Kind, wasm: &[u8]) -> Result<(), GuestRefused> {
    let features = match kind {
        Kind::Component => GUEST_FEATURES,
        Kind::Core => GUEST_FEATURES.difference(WasmFeatures::COMPONENT_MODEL),
    };
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    let mut structure = Structure::new(kind);
    for payload in parser.parse_all(wasm) {
        let payload = payload.map_err(|error| invalid(&error))?;
        structure.count(&payload)?;
        match validator.payload(&payload).map_err(|error| invalid(&error))? {
            ValidPayload::Func(function, body) => {
                check_branch_tables(&body)?;
                let mut function = function.into_validator(allocations);
                function.validate(&body).map_err(|error| invalid(&error))?;
                allocations = function.into_allocations();
            }
            // The last to end is the module itself; those inside a component ended before.
            ValidPayload::End(types) if structure.is_closed() => check_interface(kind, types.as_ref())?,
            ValidPayload::End(_) | ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
    }
    Ok(())
}

/// What a component imports was checked when it was read: by then its types are not known, and need not be.
fn check_interface(kind: Kind, types: TypesRef<'_>) -> Result<(), GuestRefused> {
    match kind {
        Kind::Component => component::check_exports(types),
        Kind::Core => {
            core_module::check_imports(types)?;
            core_module::check_exports(types)
        }
    }
}

fn invalid(error: &wasmparser::Error) -> GuestRefused {
    refused("invalid-wasm", error.to_string())
}
