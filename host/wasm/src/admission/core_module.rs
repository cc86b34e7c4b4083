//! What a core module may import and must export.

use rosehip_core::guest::GuestRefused;
use wasmparser::{
    FuncType,
    ValType::{self, I32, I64},
    types::{EntityType, TypesRef},
};

use crate::{
    core_module::{ALLOC, DESCRIBE, INITIALIZE, MEMORY, RUN, VERSION},
    failure::refused,
    wasi::p1,
};

/// Parameters and results of a function.
type Shape<'a> = (&'a [ValType], &'a [ValType]);

/// Functions that must be exported.
const REQUIRED: [(&str, Shape<'static>); 4] =
    [(VERSION, (&[], &[I32])), (ALLOC, (&[I32], &[I32])), (DESCRIBE, (&[], &[I64])), (RUN, (&[I32, I32], &[I64]))];

/// Imports beside WASI.
const IMPORTS: [(&str, &str, Shape<'static>); 2] =
    [("rosehip", "log", (&[I32, I32, I32], &[])), ("env", "abort", (&[I32, I32, I32, I32], &[]))];

/// Every import is a function that guests have, with its type. Gives their names.
pub(super) fn check_imports(types: TypesRef<'_>) -> Result<Vec<String>, GuestRefused> {
    let mut names = Vec::new();
    for (module, name, ty) in types.core_imports().into_iter().flatten() {
        let Some((params, results)) = import(module, name) else {
            return Err(refused(
                "import",
                format!(
                    "the module imports {module}.{name}; a guest may import rosehip.log, env.abort and functions of {} \
                     only",
                    p1::MODULE
                ),
            ));
        };
        if !is_function(types, ty, (&params, results)) {
            let wanted = signature((&params, results));
            return Err(refused("import", format!("the import {module}.{name} is not {wanted}")));
        }
        names.push(format!("{module}.{name}"));
    }
    Ok(names)
}

fn import(module: &str, name: &str) -> Option<(Vec<ValType>, &'static [ValType])> {
    if module == p1::MODULE {
        let function = p1::signature(name)?;
        let params = function.params.iter().map(|wide| if *wide == p1::Param::Long { I64 } else { I32 });
        return Some((params.collect(), if function.returns { &[I32] } else { &[] }));
    }
    let (.., (params, results)) = IMPORTS.iter().find(|(m, n, _)| (*m, *n) == (module, name))?;
    Some((params.to_vec(), results))
}

/// What the ABI needs is exported, with its types, and the module is no command.
pub(super) fn check_exports(types: TypesRef<'_>) -> Result<(), GuestRefused> {
    let export = |wanted: &str| {
        let mut exports = types.core_exports().into_iter().flatten();
        exports.find_map(|(name, ty)| (name == wanted).then_some(ty))
    };
    if export("_start").is_some() {
        return Err(refused(
            "command",
            "the module exports _start, as a program does that runs once; build it as a library (a reactor)",
        ));
    }
    match export(MEMORY) {
        Some(EntityType::Memory(_)) => {}
        Some(_) => return Err(refused("missing-export", format!("the export {MEMORY} is not a memory"))),
        None => return Err(refused("missing-export", format!("the module does not export {MEMORY}"))),
    }
    for (name, shape) in REQUIRED {
        match export(name) {
            Some(ty) => check_function(types, name, ty, shape)?,
            None => return Err(refused("missing-export", format!("the module does not export {name}"))),
        }
    }
    export(INITIALIZE).map_or(Ok(()), |ty| check_function(types, INITIALIZE, ty, (&[], &[])))
}

fn check_function(types: TypesRef<'_>, name: &str, ty: EntityType, shape: Shape<'_>) -> Result<(), GuestRefused> {
    if is_function(types, ty, shape) {
        return Ok(());
    }
    Err(refused("missing-export", format!("the export {name} is not {}", signature(shape))))
}

fn is_function(types: TypesRef<'_>, ty: EntityType, (params, results): Shape<'_>) -> bool {
    let EntityType::Func(id) = ty else { return false };
    let found: &FuncType = types[id].unwrap_func();
    found.params() == params && found.results() == results
}

fn signature((params, results): Shape<'_>) -> String {
    let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("func({}) -> ({})", list(params), list(results))
}
