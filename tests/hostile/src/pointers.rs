//! Pointers and lengths that lie, and allocators that do.

use crate::{Abi, Class, Expect, Hostile, NO_EFFECT, both, guest::Guest};

const ABI: &[&str] = &["abi"];

fn in_run(stem: &str, what: &'static str, run: &'static str) -> Vec<Hostile> {
    both((stem, what), Class::Pointers, Expect::Fails(ABI), move |guest| guest.running(run)).to_vec()
}

fn alloc(names: (&str, &'static str), abi: Abi, expect: Expect, body: &'static str) -> Hostile {
    Hostile::of_guest(names, Class::Pointers, abi, expect, move |guest| Guest { alloc: body.to_owned(), ..guest })
}

fn alloc_in_both(names: (&str, &'static str), expect: Expect, body: &'static str) -> Vec<Hostile> {
    [Abi::Component, Abi::Core].map(|abi| alloc(names, abi, expect, body)).to_vec()
}

pub(crate) fn guests() -> Vec<Hostile> {
    [results(), of_components(), allocators()].concat()
}

fn results() -> Vec<Hostile> {
    [
        in_run(
            "pointer-beyond-the-end",
            "a text that begins beyond the end of memory",
            "(call $ok (i32.const -16) (i32.const 8))",
        ),
        in_run(
            "pointer-over-the-end",
            "a text that begins in memory and ends beyond it",
            "(call $ok (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 8))",
        ),
        in_run(
            "pointer-that-overflows",
            "a pointer and a length whose sum is small in 32 bits",
            "(call $ok (i32.const -8) (i32.const 24))",
        ),
        in_run("length-of-all-bits", "a text of 4 GiB", "(call $ok (i32.const 0) (i32.const -1))"),
        in_run(
            "pointer-of-all-bits",
            "a text of nothing beyond the end of memory",
            "(call $ok (i32.const -1) (i32.const 0))",
        ),
        in_run(
            "pointer-and-length-of-all-bits",
            "a pointer and a length of all bits",
            "(call $ok (i32.const -1) (i32.const -1))",
        ),
        both(
            ("pointer-beyond-the-end-in-describe", "a manifest beyond the end of memory"),
            Class::Pointers,
            Expect::Refused(ABI),
            |guest| guest.describing("(call $text (i32.const -16) (i32.const 8))"),
        )
        .to_vec(),
        both(
            ("manifest-of-nothing", "a manifest without a byte"),
            Class::Pointers,
            Expect::Refused(&["json-syntax"]),
            |guest| guest.describing("(call $text (i32.const 0) (i32.const 0))"),
        )
        .to_vec(),
    ]
    .concat()
}

fn of_components() -> Vec<Hostile> {
    let component = |name, what, run: &'static str| {
        Hostile::of_guest((name, what), Class::Pointers, Abi::Component, Expect::Fails(ABI), move |guest| {
            guest.running(run)
        })
    };
    vec![
        component("result-beyond-the-end", "a result beyond the end of memory", "(i32.const -4)"),
        component("result-unaligned", "a result at an odd address", "(i32.const 33)"),
        component(
            "result-of-no-case",
            "a result that is neither",
            "(i32.store8 (i32.const 32) (i32.const 7)) (i32.const 32)",
        ),
        component(
            "failure-of-no-case",
            "a failure that there is not",
            "(i32.store8 (i32.const 32) (i32.const 1)) (i32.store8 (i32.const 36) (i32.const 9)) (i32.const 32)",
        ),
        Hostile::of_guest(
            ("log-beyond-the-end", "a line beyond the end of memory"),
            Class::Pointers,
            Abi::Component,
            Expect::Fails(ABI),
            |guest| {
                guest
                    .importing(r#"(import "rosehip:behavior/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#)
                    .running("(call $log (i32.const 1) (i32.const -8) (i32.const 100)) (call $answer)")
            },
        ),
        Hostile::of_guest(
            ("log-of-no-level", "a line of a level that there is not"),
            Class::Pointers,
            Abi::Component,
            Expect::Fails(ABI),
            |guest| {
                guest
                    .importing(r#"(import "rosehip:behavior/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#)
                    .running("(call $log (i32.const 99) (i32.const 0) (i32.const 0)) (call $answer)")
            },
        ),
        Hostile::of_guest(
            ("log-beyond-the-end", "a line beyond the end of memory"),
            Class::Pointers,
            Abi::Core,
            Expect::Fails(ABI),
            |guest| {
                guest
                    .importing(r#"(import "rosehip" "log" (func $log (param i32 i32 i32)))"#)
                    .running("(call $log (i32.const 1) (i32.const -8) (i32.const 100)) (call $answer)")
            },
        ),
        Hostile::of_guest(
            ("log-of-no-level", "a line of a level that there is not"),
            Class::Pointers,
            Abi::Core,
            Expect::Fails(ABI),
            |guest| {
                guest
                    .importing(r#"(import "rosehip" "log" (func $log (param i32 i32 i32)))"#)
                    .running("(call $log (i32.const -1) (i32.const 0) (i32.const 0)) (call $answer)")
            },
        ),
        Hostile::of_guest(
            ("abort-beyond-the-end", "gives up with a message beyond the end of memory"),
            Class::Pointers,
            Abi::Core,
            Expect::Fails(&["trap"]),
            |guest| {
                guest
                    .importing(r#"(import "env" "abort" (func $abort (param i32 i32 i32 i32)))"#)
                    .running("(call $abort (i32.const -4) (i32.const 3) (i32.const -1) (i32.const -1)) (call $answer)")
            },
        ),
    ]
}

fn allocators() -> Vec<Hostile> {
    [
        vec![
            alloc(
                ("alloc-of-nothing", "has no room for its input"),
                Abi::Core,
                Expect::Fails(&["memory"]),
                "(i32.const 0)",
            ),
            // In the component ABI zero is an address like any other. What is written there is only its own: a Call that
            // reaches as far as the text of its answer spoils that, as the bench's Call of 16 KiB does.
            alloc(("alloc-of-nothing", "gives the address 0"), Abi::Component, NO_EFFECT, "(i32.const 0)"),
            alloc(("alloc-unaligned", "gives an odd address for a text"), Abi::Core, NO_EFFECT, "(i32.const 131073)"),
        ],
        alloc_in_both(
            ("alloc-beyond-the-end", "gives an address beyond the end of memory"),
            Expect::Fails(ABI),
            "(i32.const -2)",
        ),
        alloc_in_both(
            ("alloc-over-the-end", "gives the last byte of its memory"),
            Expect::Fails(ABI),
            "(i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))",
        ),
        alloc_in_both(
            ("alloc-the-same-twice", "gives the same address whenever it is asked"),
            NO_EFFECT,
            "(i32.const 131072)",
        ),
        both(
            ("alloc-over-its-answer", "has its input written over its answer"),
            Class::Pointers,
            Expect::Fails(&["json-syntax", "envelope", "outcome"]),
            |guest| Guest { alloc: "(i32.const 1024)".to_owned(), ..guest },
        )
        .to_vec(),
        alloc_in_both(("alloc-traps", "traps where the host asks for room"), Expect::Fails(&["trap"]), "(unreachable)"),
    ]
    .concat()
}
