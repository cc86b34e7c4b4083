//! Modules that tests install: small ones that say who they are, and others that differ from one another in nothing
//! but their digest.

use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WIT: &str = include_str!("../../../guest-sdk/wit/v1/behavior.wit");

/// A behavior of two steps, each of which logs `says`. It starts on articles that are published.
pub(crate) struct Speaking<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) says: &'a str,
    pub(crate) effects: &'a [&'a str],
}

impl Speaking<'_> {
    /// The behavior as a component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let manifest = json!({
            "v": 1, "name": self.name, "version": self.version,
            "triggers": [{"on": "Create", "object": "Article"}],
            "nodes": [{"id": "a", "kind": "step"}, {"id": "b", "kind": "step"}],
            "edges": [{"from": "a", "to": "b"}],
            "effects": self.effects,
        });
        let outcome = json!({"v": 1, "effects": [{"kind": "log", "payload": {"message": self.says}}]});
        component(&manifest, &outcome)
    }
}

/// A component whose `describe` returns `manifest` and whose every call returns `outcome`.
fn component(manifest: &Value, outcome: &Value) -> Vec<u8> {
    const MANIFEST_AT: usize = 1_024;
    const OUTCOME_AT: usize = 65_536;
    let escape = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
    let word = |number: usize| escape(&u32::try_from(number).expect("short").to_le_bytes());
    let (manifest, outcome) = (manifest.to_string(), outcome.to_string());
    let wat = format!(
        r#"(module
            (memory (export "memory") 17)
            (data (i32.const 0) "{manifest_at}{manifest_length}")
            (data (i32.const 16) "\00\00\00\00{outcome_at}{outcome_length}")
            (data (i32.const {MANIFEST_AT}) "{manifest}")
            (data (i32.const {OUTCOME_AT}) "{outcome}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 131072)
            (func (export "rosehip:behavior/guest@1.0.0#describe") (result i32) i32.const 0)
            (func (export "rosehip:behavior/guest@1.0.0#run") (param i32 i32) (result i32) i32.const 16))"#,
        manifest_at = word(MANIFEST_AT),
        manifest_length = word(manifest.len()),
        outcome_at = word(OUTCOME_AT),
        outcome_length = word(outcome.len()),
        manifest = escape(manifest.as_bytes()),
        outcome = escape(outcome.as_bytes()),
    );
    let mut module = wat::parse_str(wat).expect("WAT");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("behavior.wit", WIT).expect("WIT");
    let world = resolve.select_world(&[package], Some("behavior")).expect("the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default().module(&module).expect("a module").encode().expect("a component")
}

/// The same module under another digest: a custom section at its end means nothing.
pub(crate) fn variant(wasm: &[u8], note: &str) -> Vec<u8> {
    let name = "note";
    let length = 1 + name.len() + note.len();
    let byte = |length: usize| u8::try_from(length).ok().filter(|length| *length < 0x80).expect("one byte of LEB128");
    [wasm, &[0, byte(length), byte(name.len())], name.as_bytes(), note.as_bytes()].concat()
}
