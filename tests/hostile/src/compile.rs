//! Compile bombs: modules that are small or valid, and cost whoever compiles them much.

use std::fmt::Write as _;

use crate::{Abi, Class, Expect, Hostile, NO_EFFECT, both, guest::Guest};

/// What the compile child may be ended for; which comes first depends on the machine.
const COMPILE: &[&str] = &["compile-cpu", "compile-memory", "compile-wall", "compile-artifact", "compile"];

fn bomb(
    names: (&str, &'static str),
    expect: Expect,
    shape: impl Fn(Guest) -> Guest + Clone + Send + Sync + 'static,
) -> [Hostile; 2] {
    both(names, Class::Compiler, expect, shape)
}

/// A module that is not valid, or only just, by itself and inside a component.
fn invalid(names: (&str, &'static str), items: fn() -> String) -> [Hostile; 2] {
    let of = |abi: Abi, open: &'static str, close: &'static str| {
        let expect = Expect::Refused(&["invalid-wasm", "data-segments"]);
        Hostile::of_bytes((format!("{}-{abi}", names.0), names.1), Class::Compiler, abi, expect, move || {
            wat::parse_str(format!("{open} {} {close}", items())).expect("the module's WAT parses")
        })
    };
    [of(Abi::Component, "(component (core module", "))"), of(Abi::Core, "(module", ")")]
}

fn of(
    abi: Abi,
    names: (&str, &'static str),
    expect: Expect,
    shape: impl Fn(Guest) -> Guest + Send + Sync + 'static,
) -> Hostile {
    Hostile::of_guest(names, Class::Compiler, abi, expect, shape)
}

pub(crate) fn guests() -> Vec<Hostile> {
    [costly(), counts(), counts_of_components(), counts_of_core_modules(), data()].concat()
}

fn costly() -> Vec<Hostile> {
    [
        bomb(
            (
                "locals-times-loops",
                "12,000 locals live through 4,000 nested loops, so that every loop carries every local",
            ),
            Expect::Refused(COMPILE),
            |guest| guest.with(locals_times_loops(12_000, 4_000)),
        )
        .map(Hostile::slow),
        bomb(
            ("locals-times-blocks", "8,000 locals set before each of 3,000 blocks in a row"),
            Expect::Refused(COMPILE),
            |guest| guest.with(locals_times_blocks(40, 1_000)),
        )
        .map(Hostile::slow),
        bomb(("deep-nesting", "60,000 blocks within one another"), NO_EFFECT, |guest| {
            guest.with(format!("(func {} {})", "block ".repeat(60_000), "end ".repeat(60_000)))
        }),
        bomb(("deep-if-nesting", "15,000 conditions within one another"), NO_EFFECT, |guest| {
            guest.with(format!("(func (param i32) {} {})", "local.get 0 if ".repeat(15_000), "end ".repeat(15_000)))
        }),
        bomb(("deep-expression", "an expression of 80,000 values on the stack at once"), NO_EFFECT, |guest| {
            guest.with(format!(
                "(func (param i32) (result i32) {} {})",
                "local.get 0 ".repeat(80_000),
                "i32.add ".repeat(79_999)
            ))
        }),
        bomb(("branches-everywhere", "7 tables of 16,000 branches each to another block"), NO_EFFECT, |guest| {
            guest.with(branches_everywhere(7, 16_000))
        })
        .map(Hostile::slow),
        bomb(("many-calls", "12,000 functions that each call a hundred others"), NO_EFFECT, |guest| {
            guest.with(many_calls(12_000, 100))
        })
        .map(Hostile::slow),
    ]
    .concat()
}

/// Loops within one another, with all the locals read in the innermost.
fn locals_times_loops(locals: usize, loops: usize) -> String {
    let mut text = format!("(func (param i32) (local {})", "i32 ".repeat(locals));
    text.push_str(&"loop ".repeat(loops));
    for local in 1..=locals {
        write!(text, "local.get {local} local.get 0 i32.add local.set {local} ").expect("a string takes text");
    }
    text.push_str(&"local.get 0 br_if 0 end ".repeat(loops));
    text.push(')');
    text
}

/// Conditions in a row, each of which sets some of the locals, all of which are read at the end.
fn locals_times_blocks(sets: usize, blocks: usize) -> String {
    let locals = sets * blocks / 5;
    let mut text = format!("(func (param i32) (result i32) (local {}) loop ", "i32 ".repeat(locals));
    for block in 0..blocks {
        text.push_str("local.get 0 if ");
        for set in 0..sets {
            let local = 1 + (block * 7_919 + set * 104_729) % locals;
            let from = 1 + (block * 31 + set * 17) % locals;
            write!(text, "local.get {from} local.set {local} ").expect("a string takes text");
        }
        text.push_str("end ");
    }
    text.push_str("local.get 0 br_if 0 end local.get 1)");
    text
}

fn branches_everywhere(tables: usize, targets: usize) -> String {
    // Depths under 64 take a byte each, and so the body stays under its limit.
    let list: String = (0..targets).map(|target| format!("{} ", target % 60)).collect();
    let table = format!("block local.get 0 br_table {list} 0 end ");
    format!("(func (param i32) {} {} {})", "block ".repeat(60), table.repeat(tables), "end ".repeat(60))
}

fn many_calls(functions: usize, calls: usize) -> String {
    let mut text = String::new();
    for function in 0..functions {
        write!(text, "(func $f{function} ").expect("a string takes text");
        for call in 0..calls {
            write!(text, "call $f{} ", (function * 7 + call * 131) % functions).expect("a string takes text");
        }
        text.push(')');
    }
    text
}

/// Counts beyond a limit that both ABIs have.
fn counts() -> Vec<Hostile> {
    [
        bomb(("functions", "200,000 functions"), Expect::Refused(&["functions"]), |guest| {
            guest.with("(func)".repeat(200_000))
        }),
        bomb(("br-table", "a table of 200,000 branches"), Expect::Refused(&["br-table"]), |guest| {
            guest.with(format!("(func (param i32) block local.get 0 br_table {} 0 end)", "0 ".repeat(200_000)))
        }),
        bomb(("body", "a function of 1.2 MB"), Expect::Refused(&["function-body"]), |guest| {
            guest.with(format!("(func {})", "nop ".repeat(1_200_000)))
        }),
        invalid(("locals", "a function of 60,000 locals"), || format!("(func (local {}))", "i64 ".repeat(60_000))),
        invalid(("params", "a function of 2,000 parameters"), || format!("(func (param {}))", "i64 ".repeat(2_000))),
        invalid(("data-segments", "100,100 segments of data"), || {
            format!("(memory 1) {}", r#"(data (i32.const 256) "x")"#.repeat(100_100))
        }),
        bomb(
            ("globals", "400,000 globals, which every instance would hold"),
            Expect::Refused(&["compile", "globals"]),
            |guest| guest.with("(global i64 (i64.const 0))".repeat(400_000)),
        ),
    ]
    .concat()
}

fn counts_of_components() -> Vec<Hostile> {
    let text = |names: (&str, &'static str), rule: &'static [&'static str], text: fn() -> String| {
        let name = format!("{}-component", names.0);
        Hostile::of_bytes((name, names.1), Class::Compiler, Abi::Component, Expect::Refused(rule), move || {
            wat::parse_str(format!("(component {})", text())).expect("the component's WAT parses")
        })
    };
    vec![
        text(("types", "8,001 types"), &["types"], || "(type (func))".repeat(8_001)),
        text(("core-types", "9,000 types in its module"), &["types"], || {
            format!("(core module {})", "(type (func))".repeat(9_000))
        }),
        text(("exports", "16,001 exports of one function"), &["exports"], || {
            let exports: String = (0..16_001).map(|n| format!("(export \"e{n}\" (func 0))")).collect();
            format!("(core module (func) {exports})")
        }),
        text(("core-imports", "8,001 imports in its module"), &["core-imports"], || {
            let imports: String = (0..8_001).map(|n| format!("(import \"m\" \"f{n}\" (func))")).collect();
            format!("(core module {imports})")
        }),
        text(("nested-modules", "1,000 modules inside it"), &["nested-modules"], || "(core module)".repeat(1_000)),
        text(("nested-components", "500 components inside it"), &["nested-modules"], || "(component)".repeat(500)),
        text(("growing-types", "each of its types holds the one before twice"), &["invalid-wasm"], || {
            let grow = |n: usize| format!("(type $t{} (tuple $t{n} $t{n}))", n + 1);
            let types: String = (0..60).map(grow).collect();
            format!("(type $t0 (tuple u64 u64)) {types}")
        }),
        Hostile::of_bytes(
            ("deep-components-component".to_owned(), "components within one another, 900 deep"),
            Class::Compiler,
            Abi::Component,
            Expect::Refused(&["nested-modules", "invalid-wasm"]),
            || nested_components(900),
        ),
    ]
}

/// Components within one another, written from the inside out.
fn nested_components(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    (0..depth).fold(HEADER.to_vec(), |inner, _| {
        // Section 4 holds a component.
        [HEADER, &[4], &leb128(inner.len()), &inner].concat()
    })
}

/// An unsigned integer as wasm writes it.
pub(crate) fn leb128(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits are a byte");
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn counts_of_core_modules() -> Vec<Hostile> {
    vec![
        of(
            Abi::Core,
            ("imports", "65 imports, each of which is allowed"),
            Expect::Refused(&["imports", "core-imports"]),
            |guest| guest.importing(r#"(import "env" "abort" (func (param i32 i32 i32 i32)))"#.repeat(65)),
        ),
        of(
            Abi::Core,
            ("body-of-core", "a function of 300 KB, which only a component may have"),
            Expect::Refused(&["function-body"]),
            |guest| guest.with(format!("(func {})", "nop ".repeat(300_000))),
        ),
        of(
            Abi::Core,
            ("functions-of-core", "30,000 functions, which only a component may have"),
            Expect::Refused(&["functions"]),
            |guest| guest.with("(func)".repeat(30_000)),
        ),
        of(Abi::Core, ("types", "200,000 types"), Expect::Refused(&["types"]), |guest| {
            guest.with("(type (func))".repeat(200_000))
        }),
        of(Abi::Core, ("exports", "200,000 exports of one function"), Expect::Refused(&["exports"]), |guest| {
            guest.with((0..200_000).map(|n| format!("(export \"e{n}\" (func $run))")).collect::<String>())
        }),
    ]
}

fn data() -> Vec<Hostile> {
    let sparse = r#"(data (i32.const 256) "x") (data (i32.const 62900000) "x")"#;
    [
        bomb(("data-giant", "12 MiB of data"), NO_EFFECT, |guest| {
            guest.pages(960).with(format!(r#"(data (i32.const 1048576) "{}")"#, "x".repeat(12 << 20)))
        })
        .map(Hostile::slow)
        .to_vec(),
        bomb(("data-overlapping", "90,000 segments of data, each over the one before"), NO_EFFECT, move |guest| {
            guest.with((0..90_000).map(|_| r#"(data (i32.const 256) "x")"#).collect::<String>())
        })
        .to_vec(),
        bomb(("data-giant-overlapping", "100 segments of 100 KB at the same place"), NO_EFFECT, |guest| {
            let segment = format!(r#"(data (i32.const 1048576) "{}")"#, "x".repeat(100 << 10));
            guest.pages(64).with(segment.repeat(100))
        })
        .to_vec(),
        bomb(("data-sparse", "two bytes of data at both ends of its memory"), NO_EFFECT, move |guest| {
            guest.pages(960).with(sparse)
        })
        .to_vec(),
        bomb(("data-outside", "data beyond the end of its memory"), Expect::Refused(&["trap"]), |guest| {
            guest.with(r#"(data (i32.const -8) "beyond the end")"#)
        })
        .to_vec(),
        vec![
            of(
                Abi::Core,
                ("module-bytes", "17 MiB of data, which only a component may have"),
                Expect::Refused(&["module-bytes"]),
                |guest| guest.pages(960).with(format!(r#"(data (i32.const 1048576) "{}")"#, "x".repeat(17 << 20))),
            ),
            Hostile::of_bytes(
                ("too-long-component".to_owned(), "33 MiB, more than any module may have"),
                Class::Compiler,
                Abi::Component,
                Expect::TooLong,
                || [b"\0asm\x0d\0\x01\0".as_slice(), &vec![0; 33 << 20]].concat(),
            ),
        ],
    ]
    .concat()
}
