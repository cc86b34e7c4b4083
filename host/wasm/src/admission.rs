//! Judges a module's bytes before anything is compiled: header, size, features, structure, imports and exports.

use rosehip_core::{guest::GuestRefused, limits};
use wasmparser::{
    ComponentImportSectionReader, FuncValidatorAllocations, FunctionBody, MemorySectionReader, Operator, Parser,
    Payload, PrimitiveValType, TableSectionReader, ValidPayload, Validator,
    component_types::{
        ComponentDefinedType, ComponentEntityType, ComponentFuncType, ComponentInstanceType, ComponentValType,
    },
    types::TypesRef,
};

use crate::{
    component::{GUEST_INTERFACE, LOG_INTERFACE},
    config::GUEST_FEATURES,
    failure::refused,
};

const PAGE_BYTES: u64 = 64 << 10;

/// Admits a component, or says by which rule it is refused.
pub(crate) fn admit(wasm: &[u8]) -> Result<(), GuestRefused> {
    if wasm.len() > limits::COMPONENT_BYTES {
        return Err(refused(
            "module-bytes",
            format!("the module has {} bytes, the limit is {}", wasm.len(), limits::COMPONENT_BYTES),
        ));
    }
    check_header(wasm)?;
    validate(wasm)
}

/// Tells a component from a core module and from anything else by the first eight bytes (Component Model, Binary.md).
fn check_header(wasm: &[u8]) -> Result<(), GuestRefused> {
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
    const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
    if wasm.starts_with(COMPONENT) {
        return Ok(());
    }
    if wasm.starts_with(CORE_MODULE) {
        return Err(refused("not-a-component", "this is a core module; build it as a component"));
    }
    Err(refused("not-wasm", "these bytes do not start with the header of a component"))
}

fn validate(wasm: &[u8]) -> Result<(), GuestRefused> {
    let mut parser = Parser::new(0);
    parser.set_features(GUEST_FEATURES);
    let mut validator = Validator::new_with_features(GUEST_FEATURES);
    let mut allocations = FuncValidatorAllocations::default();
    let mut structure = Structure::default();
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
            // The last to end is the component itself; those inside it ended before.
            ValidPayload::End(types) if structure.depth == 0 => check_exports(types.as_ref())?,
            ValidPayload::End(_) | ValidPayload::Ok | ValidPayload::Parser(_) => {}
        }
    }
    Ok(())
}

fn invalid(error: &wasmparser::Error) -> GuestRefused {
    refused("invalid-wasm", error.to_string())
}

/// Counts of what a component holds, at any depth (DESIGN §8).
#[derive(Debug, Default)]
struct Structure {
    depth: usize,
    nested: Count,
    functions: Count,
    core_imports: Count,
    exports: Count,
    types: Count,
    data_segments: Count,
}

#[derive(Debug, Default)]
struct Count(u64);

impl Count {
    fn add(&mut self, more: u32, most: u64, rule: &'static str) -> Result<(), GuestRefused> {
        self.0 += u64::from(more);
        if self.0 > most { Err(refused(rule, format!("the component has over {most} {rule}"))) } else { Ok(()) }
    }
}

impl Structure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum is open, and other payloads have no limit here")]
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), GuestRefused> {
        match payload {
            Payload::Version { .. } => {
                self.depth += 1;
                Ok(())
            }
            Payload::End(_) => {
                self.depth -= 1;
                Ok(())
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.nested.add(1, limits::COMPONENT_NESTED, "nested-modules")
            }
            Payload::CodeSectionStart { count, .. } => {
                self.functions.add(*count, limits::COMPONENT_FUNCTIONS, "functions")
            }
            Payload::ImportSection(section) => {
                self.core_imports.add(section.count(), limits::COMPONENT_CORE_IMPORTS, "core-imports")
            }
            Payload::ExportSection(section) => self.exports.add(section.count(), limits::COMPONENT_EXPORTS, "exports"),
            Payload::ComponentExportSection(section) => {
                self.exports.add(section.count(), limits::COMPONENT_EXPORTS, "exports")
            }
            Payload::TypeSection(section) => self.types.add(section.count(), limits::COMPONENT_TYPES, "types"),
            Payload::CoreTypeSection(section) => self.types.add(section.count(), limits::COMPONENT_TYPES, "types"),
            Payload::ComponentTypeSection(section) => self.types.add(section.count(), limits::COMPONENT_TYPES, "types"),
            Payload::DataSection(section) => {
                self.data_segments.add(section.count(), limits::COMPONENT_DATA_SEGMENTS, "data-segments")
            }
            Payload::MemorySection(section) => check_memories(section),
            Payload::TableSection(section) => check_tables(section),
            Payload::CodeSectionEntry(body) => check_body_size(body),
            Payload::ComponentImportSection(section) if self.depth == 1 => check_imports(section),
            _ => Ok(()),
        }
    }
}

fn check_memories(section: &MemorySectionReader<'_>) -> Result<(), GuestRefused> {
    let most = limits::GUEST_MEMORY_BYTES as u64 / PAGE_BYTES;
    for memory in section.clone() {
        let pages = memory.map_err(|error| invalid(&error))?.initial;
        if pages > most {
            return Err(refused(
                "memory",
                format!("a memory starts with {pages} pages of 64 KiB, the limit is {most}"),
            ));
        }
    }
    Ok(())
}

fn check_tables(section: &TableSectionReader<'_>) -> Result<(), GuestRefused> {
    let most = limits::GUEST_TABLE_ELEMENTS as u64;
    for table in section.clone() {
        let elements = table.map_err(|error| invalid(&error))?.ty.initial;
        if elements > most {
            return Err(refused("table", format!("a table starts with {elements} elements, the limit is {most}")));
        }
    }
    Ok(())
}

fn check_body_size(body: &FunctionBody<'_>) -> Result<(), GuestRefused> {
    let range = body.range();
    if range.len() > limits::COMPONENT_FUNCTION_BODY_BYTES {
        return Err(refused(
            "function-body",
            format!(
                "the function at offset {:#x} has {} bytes, the limit is {}",
                range.start,
                range.len(),
                limits::COMPONENT_FUNCTION_BODY_BYTES
            ),
        ));
    }
    Ok(())
}

fn check_branch_tables(body: &FunctionBody<'_>) -> Result<(), GuestRefused> {
    let mut operators = body.get_operators_reader().map_err(|error| invalid(&error))?;
    while !operators.eof() {
        let offset = operators.original_position();
        if let Operator::BrTable { targets } = operators.read().map_err(|error| invalid(&error))?
            && targets.len() > limits::COMPONENT_BR_TABLE_TARGETS
        {
            return Err(refused(
                "br-table",
                format!(
                    "the br_table at offset {offset:#x} has {} targets, the limit is {}",
                    targets.len(),
                    limits::COMPONENT_BR_TABLE_TARGETS
                ),
            ));
        }
    }
    Ok(())
}

fn check_imports(section: &ComponentImportSectionReader<'_>) -> Result<(), GuestRefused> {
    for import in section.clone() {
        let name = import.map_err(|error| invalid(&error))?.name.name;
        if name != LOG_INTERFACE {
            return Err(refused(
                "import",
                format!("the component imports {name}; a guest may import {LOG_INTERFACE} only"),
            ));
        }
    }
    Ok(())
}

fn check_exports(types: TypesRef<'_>) -> Result<(), GuestRefused> {
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
