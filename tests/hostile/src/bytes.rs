//! Bytes that are no module, or not a whole one.

use crate::{Abi, Class, Expect, Hostile, compile::leb128, well_behaved};

const CORE: &[u8] = b"\0asm\x01\0\0\0";
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const NOT_WASM: &[&str] = &["not-wasm"];
const TYPES: &[&str] = &["types"];
const INVALID: &[&str] = &["invalid-wasm"];

fn bytes(
    (name, what): (&str, &'static str),
    abi: Abi,
    rules: &'static [&'static str],
    build: impl Fn() -> Vec<u8> + Send + Sync + 'static,
) -> Hostile {
    Hostile::of_bytes((name.to_owned(), what), Class::Bytes, abi, Expect::Refused(rules), build)
}

pub(crate) fn guests() -> Vec<Hostile> {
    [strangers(), truncated(), lying_sections()].concat()
}

fn strangers() -> Vec<Hostile> {
    vec![
        bytes(("empty", "nothing at all"), Abi::Core, NOT_WASM, Vec::new),
        bytes(("text", "a line of text"), Abi::Core, NOT_WASM, || b"hello".to_vec()),
        bytes(("wat-text", "a module as text"), Abi::Core, NOT_WASM, || b"(module (func (export \"run\")))".to_vec()),
        bytes(("script", "a program of the shell"), Abi::Core, NOT_WASM, || b"#!/bin/sh\nexec rm -rf /\n".to_vec()),
        bytes(("magic-alone", "the first four bytes of a module"), Abi::Core, NOT_WASM, || b"\0asm".to_vec()),
        bytes(("another-version", "a module of a version that there is not"), Abi::Core, NOT_WASM, || {
            b"\0asm\x02\0\0\0".to_vec()
        }),
        bytes(("another-layer", "a component of a version that there is not"), Abi::Component, NOT_WASM, || {
            b"\0asm\x0e\0\x01\0".to_vec()
        }),
        bytes(("artifact", "compiled code that poses as a module"), Abi::Component, NOT_WASM, artifact),
        bytes(("artifact-in-module", "compiled code behind the header of a module"), Abi::Core, INVALID, || {
            [CORE, &artifact()].concat()
        }),
        bytes(
            ("artifact-in-component", "compiled code behind the header of a component"),
            Abi::Component,
            INVALID,
            || [COMPONENT, &artifact()].concat(),
        ),
        bytes(
            ("zeros", "a megabyte of zeros behind the header of a module"),
            Abi::Core,
            &["invalid-wasm", "missing-export"],
            || [CORE, &[0; 1 << 20]].concat(),
        ),
        bytes(("core-as-component", "a core module behind the header of a component"), Abi::Component, INVALID, || {
            [COMPONENT, &well_behaved(Abi::Core).wasm()[8..]].concat()
        }),
        bytes(("component-as-core", "a component behind the header of a core module"), Abi::Core, INVALID, || {
            [CORE, &well_behaved(Abi::Component).wasm()[8..]].concat()
        }),
        bytes(("trailing", "a module with something after its end"), Abi::Core, INVALID, || {
            [well_behaved(Abi::Core).wasm(), b"and then".to_vec()].concat()
        }),
        bytes(("two-modules", "two modules, one after the other"), Abi::Core, INVALID, || {
            well_behaved(Abi::Core).wasm().repeat(2)
        }),
    ]
}

/// What wasmtime's artifacts begin with: an ELF object for a machine of no maker, with code and wasmtime's sections.
fn artifact() -> Vec<u8> {
    let names = b"\0.text\0.wasmtime.engine\0.wasmtime.info\0.wasmtime.addrmap\0.wasmtime.traps\0.shstrtab\0";
    let mut elf = b"\x7fELF\x02\x01\x01\xc8".to_vec();
    elf.resize(16, 0);
    elf.extend([1, 0, 62, 0, 1, 0, 0, 0]);
    elf.resize(64, 0);
    // Code that would call the kernel.
    elf.extend([0x48, 0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05]);
    elf.extend(names);
    elf.resize(16 << 10, 0x90);
    elf
}

/// Good guests, cut off.
fn truncated() -> Vec<Hostile> {
    const CUT: &[&str] = &["invalid-wasm", "missing-export"];
    let cut = |abi: Abi, name: &'static str, rules, keep: fn(usize) -> usize| {
        bytes((name, "a good guest that was cut off"), abi, rules, move || {
            let whole = well_behaved(abi).wasm();
            whole[..keep(whole.len())].to_vec()
        })
    };
    // Where the cut lies between two sections, what is left may be a module, and lacks its exports.
    vec![
        cut(Abi::Component, "truncated-at-a-quarter-component", CUT, |length| length / 4),
        cut(Abi::Component, "truncated-at-half-component", CUT, |length| length / 2),
        cut(Abi::Component, "truncated-at-the-end-component", CUT, |length| length - 1),
        cut(Abi::Component, "header-alone-component", &["missing-export"], |_| 8),
        cut(Abi::Core, "truncated-at-a-quarter-core", CUT, |length| length / 4),
        cut(Abi::Core, "truncated-at-half-core", CUT, |length| length / 2),
        cut(Abi::Core, "truncated-at-the-end-core", CUT, |length| length - 1),
        cut(Abi::Core, "header-alone-core", &["missing-export"], |_| 8),
    ]
}

/// Sections that promise what does not follow.
fn lying_sections() -> Vec<Hostile> {
    fn section(id: u8, length: usize, body: &[u8]) -> Vec<u8> {
        [CORE, &[id], &leb128(length), body].concat()
    }
    const MOST: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
    vec![
        bytes(("section-length", "a section that says it has 4 GiB"), Abi::Core, INVALID, || {
            section(1, 0xffff_ffff, &[1])
        }),
        bytes(
            ("types-within-types", "20,000 types of components within one another"),
            Abi::Component,
            &["compile"],
            || {
                let nested = [&[1][..], &[0x41, 1, 1].repeat(20_000)].concat();
                [COMPONENT, &[7], &leb128(nested.len()), &nested].concat()
            },
        ),
        bytes(("section-count", "four thousand million types in five bytes"), Abi::Core, TYPES, || {
            section(1, 5, &MOST)
        }),
        bytes(("function-count", "four thousand million functions in five bytes"), Abi::Core, INVALID, || {
            section(3, 5, &MOST)
        }),
        bytes(("local-count", "a function with four thousand million locals"), Abi::Core, INVALID, || {
            let types = [1, 4, 1, 0x60, 0, 0];
            let functions = [3, 2, 1, 0];
            let body = [&[1], &MOST[..], &[0x7f, 0x0b]].concat();
            let code = [vec![1], leb128(body.len()), body].concat();
            [CORE, &types, &functions, &[10], &leb128(code.len()), &code].concat()
        }),
        bytes(("name-length", "an export whose name has 4 GiB"), Abi::Core, INVALID, || {
            section(7, 7, &[&[1], &MOST[..], b"a"].concat())
        }),
        bytes(("overlong-number", "a count that is written in too many bytes"), Abi::Core, INVALID, || {
            section(1, 7, &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0])
        }),
        bytes(("sections-in-disorder", "code before the types that it has"), Abi::Core, INVALID, || {
            [CORE, &[10, 1, 0], &[1, 1, 0]].concat()
        }),
        bytes(("unknown-section", "a section that WebAssembly does not have"), Abi::Core, INVALID, || {
            section(77, 1, &[0])
        }),
        bytes(("name-not-utf8", "an export whose name is not UTF-8"), Abi::Core, INVALID, || {
            section(7, 6, &[1, 2, 0xff, 0xfe, 0, 0])
        }),
        bytes(
            ("component-section-length", "a component's section that says it has 4 GiB"),
            Abi::Component,
            INVALID,
            || [COMPONENT, &[1], &leb128(0xffff_ffff), b"\0asm"].concat(),
        ),
        bytes(
            ("component-count", "four thousand million types in a component of 15 bytes"),
            Abi::Component,
            &["types"],
            || [COMPONENT, &[7, 5], &MOST].concat(),
        ),
    ]
}
