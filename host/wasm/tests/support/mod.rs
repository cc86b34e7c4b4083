//! Builds guests from WAT: a core module with the names that the component model's tools expect, made a component.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The released contract.
pub(crate) const WIT: &str = include_str!("../../../../guest-sdk/wit/v1/behavior.wit");

/// The import that lets a guest log: `$log (level, pointer, length)`.
pub(crate) const LOG: &str = r#"(import "rosehip:behavior/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#;

/// The parts of a guest; [`Guest::default`] describes itself as `{"v":1}` and answers a call with the call.
///
/// Bodies may use `$ok (pointer, length)`, `$retry` and `$fatal`, which return a result, `$next`, the first free byte
/// of memory, and in `run` the parameters `$ptr` and `$len`. Addresses 0 to 1023 are free for `items`.
pub(crate) struct Guest<'a> {
    pub(crate) imports: &'a str,
    pub(crate) items: &'a str,
    pub(crate) memory: &'a str,
    pub(crate) realloc: &'a str,
    pub(crate) describe: &'a str,
    pub(crate) run: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Self {
            imports: "",
            items: "",
            memory: "2",
            realloc: "
                (local $at i32)
                (local.set $at (global.get $next))
                (global.set $next (i32.add (global.get $next) (local.get $new)))
                (block $fits
                    (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                    (br_if $fits (i32.ne (i32.const -1) (memory.grow
                        (i32.add (i32.const 1) (i32.shr_u (local.get $new) (i32.const 16))))))
                    unreachable)
                (memory.copy (local.get $at) (local.get $old) (select
                    (local.get $size) (local.get $new) (i32.lt_u (local.get $size) (local.get $new))))
                (local.get $at)",
            describe: "
                (i32.store (i32.const 1032) (i32.const 1040))
                (i32.store (i32.const 1036) (i32.const 7))
                (i32.const 1032)",
            run: "(call $ok (local.get $ptr) (local.get $len))",
        }
    }
}

impl Guest<'_> {
    /// The guest as a component of the released contract.
    pub(crate) fn build(&self) -> Vec<u8> {
        component(WIT, &self.wat())
    }

    /// The guest as a core module in WAT.
    pub(crate) fn wat(&self) -> String {
        let Self { imports, items, memory, realloc, describe, run } = self;
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {memory})
                (global $next (mut i32) (i32.const 2048))
                (data (i32.const 1040) "{{\"v\":1}}")
                {items}
                (func $ok (param $ptr i32) (param $len i32) (result i32)
                    (i32.store8 (i32.const 1056) (i32.const 0))
                    (i32.store (i32.const 1060) (local.get $ptr))
                    (i32.store (i32.const 1064) (local.get $len))
                    (i32.const 1056))
                (func $failure (param $case i32) (param $ptr i32) (param $len i32) (result i32)
                    (i32.store8 (i32.const 1056) (i32.const 1))
                    (i32.store8 (i32.const 1060) (local.get $case))
                    (i32.store (i32.const 1064) (local.get $ptr))
                    (i32.store (i32.const 1068) (local.get $len))
                    (i32.const 1056))
                (func $retry (param $ptr i32) (param $len i32) (result i32)
                    (call $failure (i32.const 0) (local.get $ptr) (local.get $len)))
                (func $fatal (param $ptr i32) (param $len i32) (result i32)
                    (call $failure (i32.const 1) (local.get $ptr) (local.get $len)))
                (func (export "cabi_realloc")
                    (param $old i32) (param $size i32) (param $align i32) (param $new i32) (result i32)
                    {realloc})
                (func $describe (export "rosehip:behavior/guest@1.0.0#describe") (result i32)
                    {describe})
                (func $run (export "rosehip:behavior/guest@1.0.0#run")
                    (param $ptr i32) (param $len i32) (result i32)
                    {run}))"#
        )
    }
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
