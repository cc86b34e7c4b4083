//! Drops what names a module's parts and tools, so that the same behavior is the same bytes wherever it is built, and
//! fewer of them.

use wasm_encoder::{Component, Module, RawSection};
use wasmparser::{BinaryReader, BinaryReaderError};

/// Custom sections that a host has no use for. All others stay.
const DROPPED: [&str; 3] = ["name", "component-name", "producers"];

/// The header's length: magic, version and layer.
const HEADER: usize = 8;
const CORE_HEADER: [u8; HEADER] = *b"\0asm\x01\0\0\0";
const COMPONENT_HEADER: [u8; HEADER] = *b"\0asm\x0d\0\x01\0";

/// Section ids of the binary format; within a component the first two hold a module and a component.
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// How deep components may lie in each other. Tools nest a handful.
const MOST_NESTED: usize = 32;

/// The bytes are no module.
#[derive(Debug, thiserror::Error)]
#[error("this is no WebAssembly module: {0}")]
pub struct NotWasm(String);

impl From<BinaryReaderError> for NotWasm {
    fn from(error: BinaryReaderError) -> Self {
        Self(error.to_string())
    }
}

/// The module or component without names and producers, in all that it holds.
pub(super) fn strip(wasm: &[u8]) -> Result<Vec<u8>, NotWasm> {
    strip_nested(wasm, 0)
}

fn strip_nested(wasm: &[u8], depth: usize) -> Result<Vec<u8>, NotWasm> {
    if depth > MOST_NESTED {
        return Err(NotWasm(format!("components lie in each other more than {MOST_NESTED} deep")));
    }
    match wasm.first_chunk() {
        Some(&CORE_HEADER) => strip_core(wasm),
        Some(&COMPONENT_HEADER) => strip_component(wasm, depth),
        Some(_) | None => Err(NotWasm("its first bytes are neither a module's nor a component's".to_owned())),
    }
}

fn strip_core(wasm: &[u8]) -> Result<Vec<u8>, NotWasm> {
    let mut stripped = Module::new();
    for section in sections(wasm)? {
        if !section.is_dropped()? {
            stripped.section(&section.raw());
        }
    }
    Ok(stripped.finish())
}

fn strip_component(wasm: &[u8], depth: usize) -> Result<Vec<u8>, NotWasm> {
    let mut stripped = Component::new();
    for section in sections(wasm)? {
        if section.is_dropped()? {
            continue;
        }
        match section.id {
            CORE_MODULE | COMPONENT => {
                let data = strip_nested(section.data, depth + 1)?;
                stripped.section(&RawSection { id: section.id, data: &data });
            }
            _ => {
                stripped.section(&section.raw());
            }
        }
    }
    Ok(stripped.finish())
}

struct Section<'a> {
    id: u8,
    data: &'a [u8],
}

impl Section<'_> {
    fn is_dropped(&self) -> Result<bool, NotWasm> {
        if self.id != CUSTOM {
            return Ok(false);
        }
        let name = BinaryReader::new(self.data, 0).read_string()?;
        Ok(DROPPED.contains(&name))
    }

    fn raw(&self) -> RawSection<'_> {
        RawSection { id: self.id, data: self.data }
    }
}

fn sections(wasm: &[u8]) -> Result<Vec<Section<'_>>, NotWasm> {
    let body = &wasm[HEADER..];
    let mut reader = BinaryReader::new(body, HEADER);
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()? as usize;
        sections.push(Section { id, data: reader.read_bytes(length)? });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use wasmparser::{Parser, Payload};

    use super::*;

    /// The names of all custom sections, of what is nested as well.
    fn custom_sections(wasm: &[u8]) -> Vec<String> {
        let payloads = Parser::new(0).parse_all(wasm).map(|payload| payload.expect("it is wasm"));
        let names = payloads.filter_map(|payload| {
            let Payload::CustomSection(section) = payload else { return None };
            Some(section.name().to_owned())
        });
        names.collect()
    }

    fn wasm(wat: &str) -> Vec<u8> {
        wat::parse_str(wat).expect("it is WAT")
    }

    #[test]
    fn a_module_loses_names_and_producers_and_nothing_else() {
        let named = wasm(
            r#"(module $named
                (@custom "producers" "\00") (@custom "mine" "kept")
                (memory (export "memory") 1)
                (func $answer (export "answer") (result i32) (local $it i32) i32.const 42))"#,
        );
        let unnamed = wasm(
            r#"(module
                (@custom "mine" "kept")
                (memory (export "memory") 1)
                (func (export "answer") (result i32) (local i32) i32.const 42))"#,
        );
        let mut before = custom_sections(&named);
        before.sort();
        assert_eq!(before, ["mine", "name", "producers"]);

        let stripped = strip(&named).expect("stripped");

        assert_eq!(custom_sections(&stripped), ["mine"]);
        assert_eq!(stripped, unnamed);
        assert_eq!(strip(&stripped).expect("stripped"), stripped);
    }

    #[test]
    fn what_a_component_holds_is_stripped_as_well() {
        let component = wasm(
            r#"(component $outer
                (core module $m (func $answer (export "answer") (result i32) i32.const 42))
                (component $inner (core module $n (@custom "mine" "kept") (func $deep)))
                (core instance $i (instantiate $m))
                (func (export "answer") (result s32) (canon lift (core func $i "answer"))))"#,
        );
        assert!(custom_sections(&component).len() > 2, "it has names");

        let stripped = strip(&component).expect("stripped");

        assert_eq!(custom_sections(&stripped), ["mine"]);
        wasmparser::validate(&stripped).expect("it is still a component");
        assert!(stripped.len() < component.len());
    }

    #[test]
    fn what_ships_is_admitted_without_its_names() {
        for behavior in ["publish", "approval"] {
            let stripped = strip(crate::shipped::named(behavior).expect("it ships")).expect("stripped");
            rosehip_wasm::admit(&stripped).expect("admitted");
        }
    }

    #[test]
    fn what_is_no_module_is_refused() {
        for bytes in
            [&b""[..], b"\0asm", b"not wasm at all", b"\0asm\x01\0\0\0\x00\x7f\x01a", b"\0asm\x01\0\0\0\x00\x00"]
        {
            strip(bytes).expect_err("refused");
        }
    }
}
