//! Guests that take space: memories and tables, and instructions that touch much of them at once.

use crate::{
    Abi, Class, Expect, Hostile, NO_EFFECT, both,
    guest::{FOREVER, Guest},
};

const FUEL: &[&str] = &["fuel"];
const MEMORY: &[&str] = &["memory"];
const TABLE: &[&str] = &["table"];

/// Grows by `pages` until that is denied, then traps.
fn grow_until_denied(pages: u32) -> String {
    format!(
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const {pages})) (i32.const -1))))
        (unreachable)"
    )
}

/// Does `body` without end.
fn spin(body: &str) -> String {
    format!("(loop $again {body} (br $again)) (unreachable)")
}

fn space(names: (&str, &'static str), expect: Expect, shape: fn(Guest) -> Guest) -> [Hostile; 2] {
    both(names, Class::Space, expect, shape)
}

pub(crate) fn guests() -> Vec<Hostile> {
    [memories(), spins(), tables(), at_install()].concat()
}

fn memories() -> Vec<Hostile> {
    [
        space(
            ("memory-a-page-at-a-time", "grows its memory page by page until it may not"),
            Expect::Fails(MEMORY),
            |guest| guest.running(grow_until_denied(1)),
        ),
        space(("memory-all-at-once", "asks for 4 GiB"), Expect::Fails(MEMORY), |guest| {
            guest.running("(drop (memory.grow (i32.const 65535))) (unreachable)")
        }),
        space(
            ("memory-filled", "takes all the memory there is and writes to every page"),
            Expect::Fails(MEMORY),
            |guest| {
                guest.running(
                    "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
                (memory.fill (i32.const 65536) (i32.const 7)
                    (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 65536)))
                (unreachable)",
                )
            },
        ),
        space(("memory-filled-and-kept", "writes to 60 MiB, and then behaves"), NO_EFFECT, |guest| {
            guest
                .pages(960)
                .running("(memory.fill (i32.const 131072) (i32.const 7) (i32.const 62000000)) (call $answer)")
        }),
        space(("memory-in-alloc", "grows its memory where the host asks for room"), Expect::Fails(MEMORY), |guest| {
            Guest { alloc: grow_until_denied(64), ..guest }
        }),
        space(("memory-then-loops", "goes on when memory is denied"), Expect::Fails(FUEL), |guest| {
            guest.running(format!("(drop (memory.grow (i32.const 65535))) {FOREVER}"))
        }),
        space(("memory-beyond-its-end", "writes beyond the end of its memory"), Expect::Fails(&["trap"]), |guest| {
            guest.running("(i32.store (i32.const -4) (i32.const 1)) (unreachable)")
        }),
    ]
    .concat()
}

fn spins() -> Vec<Hostile> {
    [
        space(("memory-grow-0", "grows its memory by nothing, without end"), Expect::Fails(FUEL), |guest| {
            guest.running(spin("(drop (memory.grow (i32.const 0)))"))
        }),
        space(("memory-grow-denied", "asks for memory it is denied, without end"), Expect::Fails(FUEL), |guest| {
            guest.running(spin("(drop (memory.grow (i32.const 65535)))"))
        }),
        space(("memory-fill", "fills 62 MB with one instruction, without end"), Expect::Fails(FUEL), |guest| {
            guest.pages(960).running(spin("(memory.fill (i32.const 65536) (i32.const 7) (i32.const 62000000))"))
        }),
        space(("memory-copy", "copies 31 MB with one instruction, without end"), Expect::Fails(FUEL), |guest| {
            guest.pages(960).running(spin("(memory.copy (i32.const 65536) (i32.const 31500000) (i32.const 31000000))"))
        }),
        space(("memory-copy-overlapping", "copies 62 MB by one byte, without end"), Expect::Fails(FUEL), |guest| {
            guest.pages(960).running(spin("(memory.copy (i32.const 65537) (i32.const 65536) (i32.const 62000000))"))
        }),
        space(
            ("memory-init", "copies a megabyte of its module with one instruction, without end"),
            Expect::Fails(FUEL),
            |guest| {
                let megabyte = "x".repeat(1 << 20);
                guest
                    .pages(32)
                    .with(format!(r#"(data $megabyte "{megabyte}")"#))
                    .running(spin("(memory.init $megabyte (i32.const 65536) (i32.const 0) (i32.const 1048576))"))
            },
        ),
    ]
    .concat()
}

fn tables() -> Vec<Hostile> {
    [
        space(("table-grown", "grows a table until it may not"), Expect::Fails(TABLE), |guest| {
            guest.with("(table $t 1 funcref)").running(
                "(loop $again (br_if $again
                    (i32.ne (table.grow $t (ref.null func) (i32.const 1024)) (i32.const -1))))
                (unreachable)",
            )
        }),
        // Every entry that is asked for costs fuel, before anything is denied.
        space(
            ("table-all-at-once", "asks for a table of four thousand million entries"),
            Expect::Fails(FUEL),
            |guest| {
                guest
                    .with("(table $t 1 funcref)")
                    .running("(drop (table.grow $t (ref.null func) (i32.const -2))) (unreachable)")
            },
        ),
        space(("table-grow-0", "grows a table by nothing, without end"), Expect::Fails(FUEL), |guest| {
            guest.with("(table $t 1 funcref)").running(spin("(drop (table.grow $t (ref.null func) (i32.const 0)))"))
        }),
        space(("table-fill", "fills 32,000 entries with one instruction, without end"), Expect::Fails(FUEL), |guest| {
            guest
                .with("(table $t 32000 funcref) (elem declare func $alloc)")
                .running(spin("(table.fill $t (i32.const 0) (ref.func $alloc) (i32.const 32000))"))
        }),
        space(
            ("table-copy", "copies 31,000 entries with one instruction, without end"),
            Expect::Fails(FUEL),
            |guest| {
                guest
                    .with("(table $t 32000 funcref)")
                    .running(spin("(table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 31000))"))
            },
        ),
        space(
            ("table-init", "copies 10,000 functions with one instruction, without end"),
            Expect::Fails(FUEL),
            |guest| {
                let functions = "$alloc ".repeat(10_000);
                guest
                    .with(format!("(table $t 32000 funcref) (elem $many func {functions})"))
                    .running(spin("(table.init $t $many (i32.const 0) (i32.const 0) (i32.const 10000))"))
            },
        ),
    ]
    .concat()
}

fn at_install() -> Vec<Hostile> {
    let memory = [
        space(("memory-at-once", "begins with a memory of 4 GiB"), Expect::Refused(MEMORY), |guest| {
            guest.pages(65_536)
        }),
        space(("memory-in-describe", "describe grows its memory until it may not"), Expect::Refused(MEMORY), |guest| {
            guest.describing(grow_until_denied(1))
        }),
        space(("table-at-once", "begins with a table of ten million entries"), Expect::Refused(TABLE), |guest| {
            guest.with("(table 10000000 funcref)")
        }),
    ];
    let five_tables = Hostile::of_guest(
        ("five-tables", "has five tables where four are allowed"),
        Class::Space,
        Abi::Core,
        Expect::Refused(&["tables"]),
        |guest| guest.with("(table 1 funcref)".repeat(5)),
    );
    [memory.concat(), vec![five_tables]].concat()
}
