//! Builds guests of both ABIs from the same WAT: a core module of our own ABI, or one with the names that the component
//! model's tools expect, made a component.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The released contract.
pub(crate) const WIT: &str = include_str!("../../../../guest-sdk/wit/v1/behavior.wit");

/// The import that lets a component log: `$log (level, pointer, length)`.
const COMPONENT_LOG: &str = r#"(import "rosehip:behavior/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#;
/// The same for a core module.
const CORE_LOG: &str = r#"(import "rosehip" "log" (func $log (param i32 i32 i32)))"#;

/// The two ABIs (DESIGN §4a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abi {
    Component,
    Core,
}

impl Abi {
    pub(crate) const BOTH: [Self; 2] = [Self::Component, Self::Core];

    /// What the host reads beside an Outcome.
    pub(crate) fn envelope_bytes(self) -> usize {
        match self {
            Self::Component => 0,
            Self::Core => r#"{"ok":}"#.len(),
        }
    }
}

/// The parts of a guest; [`Guest::default`] describes itself as `{"v":1}` and answers a call with the call.
///
/// Bodies may use `$ok (pointer, length)`, `$retry`, `$fatal` and `$done ()`, which return a result of `run` (`$done` the
/// Outcome `null`), `$text (pointer, length)`, which returns one of `describe`, `$reserve (length)`, which gives fresh
/// memory at a multiple of 8, `$next`, the first free byte of memory, `$log` where `logs` is set, and in `run` the parameters `$ptr` and
/// `$len`. Addresses 0 to 1023 are free for `items`. What is handed to `$retry` and `$fatal` must need no escapes in JSON.
pub(crate) struct Guest<'a> {
    pub(crate) imports: &'a str,
    pub(crate) logs: bool,
    pub(crate) items: &'a str,
    pub(crate) memory: &'a str,
    pub(crate) alloc: &'a str,
    pub(crate) describe: &'a str,
    pub(crate) run: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            imports: "",
            logs: false,
            items: "",
            memory: "2",
            alloc: "
                (local $at i32)
                (local.set $at (call $reserve (local.get $new)))
                (memory.copy (local.get $at) (local.get $old) (select
                    (local.get $size) (local.get $new) (i32.lt_u (local.get $size) (local.get $new))))
                (local.get $at)",
            describe: "(call $text (i32.const 1040) (i32.const 7))",
            run: "(call $ok (local.get $ptr) (local.get $len))",
        }
    }
}

impl Guest<'_> {
    /// The guest in the binary format.
    pub(crate) fn build(&self, abi: Abi) -> Vec<u8> {
        let wat = self.wat(abi);
        match abi {
            Abi::Component => component(WIT, &wat),
            Abi::Core => wat::parse_str(wat).expect("the WAT of a test parses"),
        }
    }

    /// The guest as a core module in WAT, to be made a component for [`Abi::Component`].
    pub(crate) fn wat(&self, abi: Abi) -> String {
        let Self { imports, logs, items, memory, alloc, describe, run } = self;
        let (log, answers, exports) = match abi {
            Abi::Component => (COMPONENT_LOG, COMPONENT_ANSWERS, component_exports(alloc, describe, run)),
            Abi::Core => (CORE_LOG, CORE_ANSWERS, core_exports(alloc, describe, run)),
        };
        let log = if *logs { log } else { "" };
        format!("(module {imports} {log} (memory (export \"memory\") {memory}) {SHARED} {answers} {items} {exports})")
    }
}

const SHARED: &str = r#"
    (global $next (mut i32) (i32.const 2048))
    (data (i32.const 1040) "{\"v\":1}")
    (data (i32.const 1048) "null")
    (func $reserve (param $new i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
        (global.set $next (i32.add (local.get $at) (local.get $new)))
        (block $fits
            (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
            (br_if $fits (i32.ne (i32.const -1) (memory.grow
                (i32.add (i32.const 1) (i32.shr_u (local.get $new) (i32.const 16))))))
            unreachable)
        (local.get $at))"#;

const COMPONENT_ANSWERS: &str = "
    (func $text (param $ptr i32) (param $len i32) (result i32)
        (i32.store (i32.const 1032) (local.get $ptr))
        (i32.store (i32.const 1036) (local.get $len))
        (i32.const 1032))
    (func $ok (param $ptr i32) (param $len i32) (result i32)
        (i32.store8 (i32.const 1056) (i32.const 0))
        (i32.store (i32.const 1060) (local.get $ptr))
        (i32.store (i32.const 1064) (local.get $len))
        (i32.const 1056))
    (func $done (result i32) (call $ok (i32.const 1048) (i32.const 4)))
    (func $failure (param $case i32) (param $ptr i32) (param $len i32) (result i32)
        (i32.store8 (i32.const 1056) (i32.const 1))
        (i32.store8 (i32.const 1060) (local.get $case))
        (i32.store (i32.const 1064) (local.get $ptr))
        (i32.store (i32.const 1068) (local.get $len))
        (i32.const 1056))
    (func $retry (param $ptr i32) (param $len i32) (result i32)
        (call $failure (i32.const 0) (local.get $ptr) (local.get $len)))
    (func $fatal (param $ptr i32) (param $len i32) (result i32)
        (call $failure (i32.const 1) (local.get $ptr) (local.get $len)))";

const CORE_ANSWERS: &str = r#"
    (data (i32.const 1072) "{\"ok\":")
    (data (i32.const 1080) "{\"err\":{\"retry\":\"")
    (data (i32.const 1100) "{\"err\":{\"fatal\":\"")
    (data (i32.const 1120) "\"}}")
    (func $text (param $ptr i32) (param $len i32) (result i64)
        (i64.or (i64.shl (i64.extend_i32_u (local.get $ptr)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))
    (func $between (param $before i32) (param $before_len i32) (param $ptr i32) (param $len i32)
        (param $after i32) (param $after_len i32) (result i64)
        (local $total i32) (local $at i32)
        (local.set $total
            (i32.add (i32.add (local.get $before_len) (local.get $after_len)) (local.get $len)))
        (local.set $at (call $reserve (local.get $total)))
        (memory.copy (local.get $at) (local.get $before) (local.get $before_len))
        (memory.copy (i32.add (local.get $at) (local.get $before_len)) (local.get $ptr) (local.get $len))
        (memory.copy (i32.add (i32.add (local.get $at) (local.get $before_len)) (local.get $len))
            (local.get $after) (local.get $after_len))
        (call $text (local.get $at) (local.get $total)))
    (func $ok (param $ptr i32) (param $len i32) (result i64)
        (call $between (i32.const 1072) (i32.const 6) (local.get $ptr) (local.get $len) (i32.const 1121) (i32.const 1)))
    (func $done (result i64) (call $ok (i32.const 1048) (i32.const 4)))
    (func $retry (param $ptr i32) (param $len i32) (result i64)
        (call $between (i32.const 1080) (i32.const 17) (local.get $ptr) (local.get $len) (i32.const 1120) (i32.const 3)))
    (func $fatal (param $ptr i32) (param $len i32) (result i64)
        (call $between (i32.const 1100) (i32.const 17) (local.get $ptr) (local.get $len) (i32.const 1120) (i32.const 3)))"#;

fn component_exports(alloc: &str, describe: &str, run: &str) -> String {
    format!(
        r#"(func $alloc (export "cabi_realloc")
            (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32) {alloc})
        (func $describe (export "rosehip:behavior/guest@1.0.0#describe") (result i32) {describe})
        (func $run (export "rosehip:behavior/guest@1.0.0#run") (param $ptr i32) (param $len i32) (result i32) {run})"#
    )
}

fn core_exports(alloc: &str, describe: &str, run: &str) -> String {
    format!(
        r#"(func (export "rosehip_abi_version") (result i32) (i32.const 1))
        (func $alloc (export "rosehip_alloc") (param $new i32) (result i32) (local $old i32) (local $size i32) {alloc})
        (func $describe (export "rosehip_describe") (result i64) {describe})
        (func $run (export "rosehip_run") (param $ptr i32) (param $len i32) (result i64) {run})"#
    )
}

/// Makes a component of a core module for the world `behavior` of `wit`.
pub(crate) fn component(wit: &str, wat: &str) -> Vec<u8> {
    component_with(wit, wat, StringEncoding::UTF8)
}

/// The same for a guest whose strings are in `encoding`.
pub(crate) fn component_with(wit: &str, wat: &str, encoding: StringEncoding) -> Vec<u8> {
    let mut module = wat::parse_str(wat).expect("the WAT of a test parses");
    let mut resolve = Resolve::default();
    let package = resolve.push_str("behavior.wit", wit).expect("the WIT of a test parses");
    let world = resolve.select_world(&[package], Some("behavior")).expect("the WIT has the world behavior");
    embed_component_metadata(&mut module, &resolve, world, encoding).expect("the module takes the metadata");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|mut encoder| encoder.encode())
        .expect("the module fits the world")
}

/// `$quoted (pointer, length)`: the place of a JSON text that says the bytes there in hexadecimal.
pub(crate) const QUOTED: &str = "
    (func $digit (param $value i32) (result i32)
        (i32.add (local.get $value)
            (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $value) (i32.const 9)))))
    (func $quoted (param $ptr i32) (param $len i32) (result i32)
        (local $start i32) (local $at i32)
        (local.set $start (call $reserve (i32.add (i32.const 2) (i32.mul (i32.const 2) (local.get $len)))))
        (local.set $at (local.get $start))
        (i32.store8 (local.get $at) (i32.const 34))
        (block $end (loop $next
            (br_if $end (i32.eqz (local.get $len)))
            (i32.store8 offset=1 (local.get $at)
                (call $digit (i32.shr_u (i32.load8_u (local.get $ptr)) (i32.const 4))))
            (i32.store8 offset=2 (local.get $at)
                (call $digit (i32.and (i32.load8_u (local.get $ptr)) (i32.const 15))))
            (local.set $at (i32.add (local.get $at) (i32.const 2)))
            (local.set $ptr (i32.add (local.get $ptr) (i32.const 1)))
            (local.set $len (i32.sub (local.get $len) (i32.const 1)))
            (br $next)))
        (i32.store8 offset=1 (local.get $at) (i32.const 34))
        (local.get $start))";

/// `bytes` as WAT writes them in a data segment.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The bytes behind what `$quoted` made.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('"').as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|pair| byte(pair).expect("the guest answers in hexadecimal")).collect()
}
