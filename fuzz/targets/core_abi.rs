//! The core ABI: whatever a core module returns for a result, wherever it says that it stands, is an Outcome in its
//! envelope or a failure by a rule.

use std::{fmt::Write as _, sync::LazyLock};

use rosehip_core::{
    guest::{GuestEngine, GuestFailure, Surroundings},
    ids::Digest,
};
use rosehip_wasm::{EngineOptions, WasmEngine};
use serde_json::Value;

/// Where the guest below puts the bytes that it is called with: the result's place first, 8 bytes, then the text.
const TEXT: u64 = 1_032;

/// A guest whose call is hexadecimal for what it does: it writes the bytes from 1024 on, and returns the first eight.
const GUEST: &str = r#"(module
    (memory (export "memory") 4)
    (func $digit (param $at i32) (result i32)
        (local $c i32)
        (local.set $c (i32.load8_u (local.get $at)))
        (i32.sub (local.get $c) (select (i32.const 87) (i32.const 48) (i32.ge_u (local.get $c) (i32.const 97)))))
    (func (export "rosehip_abi_version") (result i32) (i32.const 1))
    (func (export "rosehip_alloc") (param i32) (result i32) (i32.const 131072))
    (func (export "rosehip_describe") (result i64) (i64.const 0))
    (func (export "rosehip_run") (param $at i32) (param $length i32) (result i64)
        (local $end i32) (local $to i32)
        (local.set $end (i32.add (local.get $at) (local.get $length)))
        (local.set $to (i32.const 1024))
        (block $done (loop $more
            (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
            (i32.store8 (local.get $to) (i32.or
                (i32.shl (call $digit (local.get $at)) (i32.const 4))
                (call $digit (i32.add (local.get $at) (i32.const 1)))))
            (local.set $at (i32.add (local.get $at) (i32.const 2)))
            (local.set $to (i32.add (local.get $to) (i32.const 1)))
            (br $more)))
        (i64.load (i32.const 1024))))"#;

/// What a guest returns: after an odd byte the place of its result as well, else the text alone.
pub fn core_abi(data: &[u8]) {
    static LOADED: LazyLock<(WasmEngine, Digest)> = LazyLock::new(|| {
        let engine = WasmEngine::new(&EngineOptions::new(1)).expect("the engine starts");
        let wasm = wat::parse_str(GUEST).expect("the guest is WAT");
        let digest = Digest::of(&wasm);
        engine.load(digest, &wasm).expect("the guest is admitted");
        (engine, digest)
    });
    let Some((&choice, rest)) = data.split_first() else { return };
    let text = &rest[..rest.len().min(32 << 10)];
    let honest = (TEXT << 32 | text.len() as u64).to_le_bytes();
    let bytes = if choice % 2 == 1 { text.to_vec() } else { [&honest, text].concat() };
    if bytes.len() < honest.len() {
        return;
    }
    let mut call = String::new();
    for byte in &bytes {
        write!(call, "{byte:02x}").expect("a String takes what it is given");
    }
    let (engine, digest) = &*LOADED;
    let report = engine.run(*digest, &call, &Surroundings::of_describe(0)).expect("it is loaded");
    let is_honest = choice % 2 == 0;
    match report.result {
        Ok(outcome) if is_honest => {
            let text = std::str::from_utf8(text).expect("a result is UTF-8");
            assert!(text.contains(&outcome), "an Outcome out of another envelope");
            // This reader goes less deep, and not beyond the numbers of an f64.
            if let (Ok(envelope), Ok(outcome)) = (read(text), read(&outcome)) {
                assert_eq!(member(&envelope, "ok"), Some(&outcome), "an Outcome out of another envelope");
            }
        }
        Err(GuestFailure::Retry(said) | GuestFailure::Fatal(said)) if is_honest => {
            let envelope = std::str::from_utf8(text).ok().and_then(|text| read(text).ok()).expect("it is JSON");
            let error = member(&envelope, "err").expect("a failure has its envelope");
            let held = error.as_object().and_then(|error| error.values().next()).and_then(Value::as_str);
            assert_eq!(held.map(|held| held.starts_with(&said) || said.starts_with(held)), Some(true));
        }
        Err(GuestFailure::Stopped { rule, .. }) => {
            assert!(["envelope", "output-utf8", "output-bytes", "abi", "memory", "trap"].contains(&rule), "{rule}");
        }
        Err(GuestFailure::Host { rule, message }) => panic!("{rule}: {message}"),
        Ok(_) | Err(GuestFailure::Retry(_) | GuestFailure::Fatal(_)) => {}
    }
}

/// Another reader than the host's.
fn read(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text)
}

/// The one member that an envelope may have, where this is one.
fn member<'a>(envelope: &'a Value, name: &str) -> Option<&'a Value> {
    envelope.as_object().filter(|members| members.len() == 1)?.get(name)
}
