//! What a component may import and must export.

use rosehip_core::guest::GuestRefused;
use wasmparser::{
    ComponentImportSectionReader, PrimitiveValType,
    component_types::{
        ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentInstanceType, ComponentValType,
    },
    types::TypesRef,
};

use super::invalid;
use crate::{
    component::{GUEST_INTERFACE, LOG_INTERFACE},
    failure::refused,
    wasi::p2,
};

/// Every import is an interface that guests have. Gives their names.
pub(super) fn check_imports(section: &ComponentImportSectionReader<'_>) -> Result<Vec<String>, GuestRefused> {
    let mut names = Vec::new();
    for import in section.clone() {
        let name = import.map_err(|error| invalid(&error))?.name.name;
        if name != LOG_INTERFACE && !p2::is_known(name) {
            return Err(refused(
                "import",
                format!("the component imports {name}; a guest may import {LOG_INTERFACE} and WASI 0.2 only"),
            ));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The guest interface is exported, with its types.
pub(super) fn check_exports(types: TypesRef<'_>) -> Result<(), GuestRefused> {
    let Some(item) = types.component_item_for_export(GUEST_INTERFACE) else {
        return Err(refused("missing-export", format!("the component does not export {GUEST_INTERFACE}")));
    };
    let ComponentEntityType::Instance(guest) = item.ty else {
        return Err(refused("missing-export", format!("{GUEST_INTERFACE} is exported, but is no interface")));
    };
    let guest = &types[guest];
    check_function(types, guest, "describe", "func() -> string", is_describe)?;
    check_function(types, guest, "run", "func(call: string) -> result<string, failure>", is_run)
}

fn check_function(
    types: TypesRef<'_>,
    guest: &ComponentInstanceType,
    name: &str,
    signature: &str,
    is_right: fn(TypesRef<'_>, &ComponentFuncType) -> bool,
) -> Result<(), GuestRefused> {
    let Some(item) = guest.exports.get(name) else {
        return Err(refused("missing-export", format!("{GUEST_INTERFACE} has no function {name}")));
    };
    if let ComponentEntityType::Func(func) = item.ty
        && is_right(types, &types[func])
    {
        return Ok(());
    }
    Err(refused("missing-export", format!("{name} in {GUEST_INTERFACE} is not {signature}")))
}

fn is_describe(types: TypesRef<'_>, func: &ComponentFuncType) -> bool {
    func.params.is_empty() && func.result.is_some_and(|result| is_string(types, result))
}

fn is_run(types: TypesRef<'_>, func: &ComponentFuncType) -> bool {
    let [(_, call)] = &*func.params else { return false };
    let Some(ComponentValType::Type(result)) = func.result else { return false };
    let ComponentDefinedType::Result { ok: Some(ok), err: Some(ComponentValType::Type(failure)), .. } = &types[result]
    else {
        return false;
    };
    let ComponentDefinedType::Variant(failure) = &types[*failure] else { return false };
    let cases = failure.cases.iter().map(|(name, case)| (name.as_str(), case.ty));
    is_string(types, *call)
        && is_string(types, *ok)
        && failure.cases.len() == 2
        && cases
            .zip(["retry", "fatal"])
            .all(|((name, ty), wanted)| name == wanted && ty.is_some_and(|ty| is_string(types, ty)))
}

fn is_string(types: TypesRef<'_>, ty: ComponentValType) -> bool {
    match ty {
        ComponentValType::Primitive(primitive) => primitive == PrimitiveValType::String,
        ComponentValType::Type(id) => {
            matches!(types[id], ComponentDefinedType::Primitive(PrimitiveValType::String))
        }
    }
}
