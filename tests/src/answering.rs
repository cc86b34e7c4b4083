//! The smallest behaviors: core modules that describe themselves as told, and answer every call in the same way.

use serde_json::{Value, json};

/// A core module that describes itself by `manifest` and answers every call with `outcome`.
pub fn answering(manifest: &Value, outcome: &Value) -> Vec<u8> {
    let (manifest, answer) = (manifest.to_string(), json!({ "ok": outcome }).to_string());
    let escape = |text: &str| text.bytes().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
    let at = 1_024 + manifest.len();
    let wat = format!(
        r#"(module
            (memory (export "memory") 40)
            (data (i32.const 1024) "{described}") (data (i32.const {at}) "{answered}")
            (func (export "rosehip_abi_version") (result i32) i32.const 1)
            (func (export "rosehip_alloc") (param i32) (result i32) i32.const 1048576)
            (func (export "rosehip_describe") (result i64) i64.const {describe})
            (func (export "rosehip_run") (param i32 i32) (result i64) i64.const {run}))"#,
        described = escape(&manifest),
        answered = escape(&answer),
        describe = (1_024_u64 << 32) | manifest.len() as u64,
        run = ((at as u64) << 32) | answer.len() as u64,
    );
    wat::parse_str(wat).expect("WAT")
}
