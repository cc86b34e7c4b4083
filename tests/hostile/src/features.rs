//! Proposals that guests do not have: each is non-deterministic, unbounded or needed by no supported toolchain.

use crate::{Abi, Class, Expect, Hostile};

const INVALID: Expect = Expect::Refused(&["invalid-wasm"]);

/// A module with a feature, by itself and inside a component.
fn feature(stem: &str, what: &'static str, items: &'static str) -> [Hostile; 2] {
    let of = |abi: Abi, open: &'static str, close: &'static str| {
        let name = format!("{stem}-{abi}");
        Hostile::of_bytes((name, what), Class::Reach, abi, INVALID, move || {
            wat::parse_str(format!("{open} {items} {close}")).expect("the module's WAT parses")
        })
    };
    [of(Abi::Component, "(component (core module", "))"), of(Abi::Core, "(module", ")")]
}

/// A component with a feature of components.
fn of_components(name: &str, what: &'static str, items: &'static str) -> Hostile {
    Hostile::of_bytes((name.to_owned(), what), Class::Reach, Abi::Component, INVALID, move || {
        wat::parse_str(format!("(component {items})")).expect("the component's WAT parses")
    })
}

pub(crate) fn guests() -> Vec<Hostile> {
    let modules = [
        feature("memory64", "a memory with addresses of 64 bits", "(memory i64 1)"),
        feature("shared-memory", "a memory that threads share", "(memory 1 1 shared)"),
        feature(
            "atomics",
            "waits for another thread",
            "(memory 1 1 shared)
            (func (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))",
        ),
        feature("multi-memory", "two memories in a module", "(memory 1) (memory 1)"),
        feature("custom-page-sizes", "a memory whose pages are a byte", "(memory 1 (pagesize 1))"),
        feature("garbage-collection", "a struct that the host would collect", "(type (struct (field i32)))"),
        feature(
            "garbage-collected-arrays",
            "an array of 4 GiB that the host would collect",
            "(type $a (array (mut i8))) (func (drop (array.new_default $a (i32.const -1))))",
        ),
        feature(
            "references-of-functions",
            "a typed reference",
            "(type $f (func)) (func (param (ref $f)) (call_ref $f (local.get 0)))",
        ),
        feature("exceptions", "throws", "(tag $t) (func (throw $t))"),
        feature("exceptions-of-old", "catches, as it was once written", "(func try catch_all end)"),
        feature(
            "relaxed-simd",
            "an instruction whose result depends on the processor",
            "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
        ),
        feature("stack-switching", "a stack of its own", "(type $f (func)) (type $c (cont $f))"),
        feature(
            "wide-arithmetic",
            "adds 128 bits",
            "(func (param i64) (drop (drop (i64.mul_wide_s (local.get 0) (local.get 0)))))",
        ),
        feature("table64", "a table with indices of 64 bits", "(table i64 1 funcref)"),
    ];
    let components = vec![
        of_components("component-streams", "a stream, which needs an asynchronous host", "(type (stream u8))"),
        of_components("component-futures", "a future, which needs an asynchronous host", "(type (future string))"),
        of_components(
            "component-threads",
            "starts a thread",
            "(core type $f (func (param i32))) (core func (canon thread.spawn-ref $f))",
        ),
        of_components("component-values", "a value that is computed when it starts", r#"(import "v" (value string))"#)
            .expecting(Expect::Refused(&["import"])),
        of_components(
            "component-fixed-lists",
            "a list of a thousand million strings",
            "(type (list string 1000000000))",
        ),
    ];
    [modules.concat(), components].concat()
}
