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
    let most = most_bytes(kind);
    if wasm.len() > most {
        return Err(refused("module-bytes", format!("the module has {} bytes, the limit is {most}", wasm.len())));
    }
    Ok(kind)
}

fn most_bytes(kind: Kind) -> usize {
    match kind {
        Kind::Component => limits::COMPONENT_BYTES,
        Kind::Core => limits::CORE_MODULE_BYTES,
    }
}

/// Admits a module of either kind, or says by which rule it is refused. A reader of what a stranger wrote may be led to
/// recurse, to build or to compare without end, so a host has this done where it compiles, in a child that is limited.
pub(crate) fn admit(wasm: &[u8]) -> Result<Kind, GuestRefused> {
    let kind = glance(wasm)?;
    validate(kind, wasm)?;
    Ok(kind)
}

/// What an admitted module is, for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Whether it is a component; else it is a core module.
    pub is_component: bool,
    /// What it imports: interfaces of a component, functions of a core module.
    pub imports: Vec<String>,
    /// What it takes of each limit that is known before it is called.
    pub usage: Vec<Usage>,
}

/// What a module takes of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The rule by which more is refused; see [`crate::WasmEngine`].
    pub what: &'static str,
    /// What it takes. Of `module-bytes`, `function-body` and `memory`, bytes.
    pub used: u64,
    /// What it may take; of `memory`, where no more is granted.
    pub most: u64,
}

/// Admits a module, and says what it is. For whoever wrote it: see [`crate::admit`].
pub(crate) fn inspect(wasm: &[u8]) -> Result<Inspection, GuestRefused> {
    let kind = glance(wasm)?;
    let (structure, functions) = validate(kind, wasm)?;
    let size = Usage { what: "module-bytes", used: wasm.len() as u64, most: most_bytes(kind) as u64 };
    let imports = match kind {
        Kind::Component => structure.imported().to_vec(),
        Kind::Core => functions,
    };
    let usage = std::iter::once(size).chain(structure.usage()).collect();
    Ok(Inspection { is_component: kind == Kind::Component, imports, usage })
}

/// Counts what a module holds, and gives the functions that a core module imports.
fn validate(kind: Kind, wasm: &[u8]) -> Result<(Structure, Vec<String>), GuestRefused> {
    let features = match kind {
        Kind::Component => GUEST_FEATURES,
        Kind::Core => GUEST_FEATURES.difference(WasmFeatures::COMPONENT_MODEL),
    };
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut validator = Validator::new_with_features(features);
    let mut allocations = FuncValidatorAllocations::default();
    let mut structure = Structure::new(kind);
    let mut imports = Vec::new();
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
            ValidPayload::End(types) if structure.is_closed() => imports = check_interface(kind, types.as_ref())?,
            ValidPayload::End(_) | ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
    }
    Ok((structure, imports))
}

/// What a component imports was checked when it was read: by then its types are not known, and need not be. Gives the
/// functions that a core module imports.
fn check_interface(kind: Kind, types: TypesRef<'_>) -> Result<Vec<String>, GuestRefused> {
    match kind {
        Kind::Component => component::check_exports(types).map(|()| Vec::new()),
        Kind::Core => {
            let imports = core_module::check_imports(types)?;
            core_module::check_exports(types).map(|()| imports)
        }
    }
}

fn invalid(error: &wasmparser::Error) -> GuestRefused {
    refused("invalid-wasm", error.to_string())
}
