//! Components that flood the system interface, WASI 0.2.

use crate::{Abi, Class, Expect, Hostile, NO_EFFECT, guest::Guest};

const FUEL: Expect = Expect::Fails(&["fuel"]);

/// A guest that imports functions of the interface: of an interface, a name, the name it goes by, and its type.
fn system(
    names: (&str, &'static str),
    expect: Expect,
    imports: &'static [(&'static str, &'static str, &'static str, &'static str)],
    run: &'static str,
) -> Hostile {
    Hostile::of_guest(names, Class::HostCalls, Abi::Component, expect, move |guest: Guest| {
        let import = |(interface, name, local, ty): &(&str, &str, &str, &str)| {
            format!(r#"(import "wasi:{interface}@0.2.0" "{name}" (func ${local} {ty}))"#)
        };
        let imports = imports.iter().map(import).collect::<String>();
        // Lists from the host lie at one place, so that the guest's own memory does not end the flood.
        Guest { alloc: "(i32.const 2097152)".to_owned(), ..guest.pages(960).importing(imports).running(run) }
    })
}

type Import = (&'static str, &'static str, &'static str, &'static str);
const RANDOM: Import = ("random/random", "get-random-bytes", "random", "(param i64 i32)");
const NOW: Import = ("clocks/monotonic-clock", "now", "now", "(result i64)");
const WALL: Import = ("clocks/wall-clock", "now", "wall", "(param i32)");
const SLEEP: Import = ("clocks/monotonic-clock", "subscribe-duration", "sleep", "(param i64) (result i32)");
const BLOCK: Import = ("io/poll", "[method]pollable.block", "block", "(param i32)");
const DROP: Import = ("io/poll", "[resource-drop]pollable", "drop", "(param i32)");
const POLL: Import = ("io/poll", "poll", "poll", "(param i32 i32 i32)");
const STDOUT: Import = ("cli/stdout", "get-stdout", "stdout", "(result i32)");
const WRITE: Import =
    ("io/streams", "[method]output-stream.blocking-write-and-flush", "write", "(param i32 i32 i32 i32)");
const ENVIRONMENT: Import = ("cli/environment", "get-environment", "environment", "(param i32)");
const EXIT: Import = ("cli/exit", "exit", "exit", "(param i32)");

pub(crate) fn guests() -> Vec<Hostile> {
    [asking(), holding(), reaching()].concat()
}

fn asking() -> Vec<Hostile> {
    vec![
        system(("random-megabytes", "takes a megabyte of random bytes, without end"), Expect::Fails(&["fuel", "abi", "host-calls"]), &[RANDOM],
            "(loop $again (call $random (i64.const 1048576) (i32.const 64)) (br $again)) (unreachable)"),
        system(("random-few", "takes eight random bytes, without end"), FUEL, &[RANDOM],
            "(loop $again (call $random (i64.const 8) (i32.const 64)) (br $again)) (unreachable)"),
        system(("random-all", "takes as many random bytes as can be said"), Expect::Fails(&["fuel", "abi", "memory", "trap"]), &[RANDOM],
            "(call $random (i64.const -1) (i32.const 64)) (call $answer)"),
        system(("clock-without-end", "looks at the clock, without end"), FUEL, &[NOW],
            "(loop $again (drop (call $now)) (br $again)) (unreachable)"),
        system(("wall-clock-without-end", "looks at the clock on the wall, without end"), FUEL, &[WALL],
            "(loop $again (call $wall (i32.const 64)) (br $again)) (unreachable)"),
        system(("environment-without-end", "asks for its environment, without end"), FUEL, &[ENVIRONMENT],
            "(loop $again (call $environment (i32.const 64)) (br $again)) (unreachable)"),
        system(("stdout-without-end", "writes four kilobytes to stdout, without end"), FUEL, &[STDOUT, WRITE],
            "(local.set $i (call $stdout))
            (loop $again (call $write (local.get $i) (i32.const 65536) (i32.const 4096) (i32.const 64)) (br $again)) (unreachable)"),
        system(("stdout-of-all-memory", "writes all its memory to stdout, without end"), Expect::Fails(&["fuel", "log-bytes", "trap", "abi"]), &[STDOUT, WRITE],
            "(local.set $i (call $stdout))
            (loop $again (call $write (local.get $i) (i32.const 0) (i32.const 60000000) (i32.const 64)) (br $again)) (unreachable)"),
    ]
}

fn holding() -> Vec<Hostile> {
    const HELD: Expect = Expect::Fails(&["fuel", "resources", "handles", "host-resources", "trap"]);
    vec![
        system(("pollables-without-end", "makes things to wait for, and keeps them"), HELD, &[SLEEP],
            "(loop $again (drop (call $sleep (i64.const 1))) (br $again)) (unreachable)"),
        system(("streams-without-end", "opens stdout, and keeps it open"), HELD, &[STDOUT],
            "(loop $again (drop (call $stdout)) (br $again)) (unreachable)"),
        system(("pollables-made-and-dropped", "makes things to wait for, and drops them"), FUEL, &[SLEEP, DROP],
            "(loop $again (call $drop (call $sleep (i64.const 1))) (br $again)) (unreachable)"),
        system(("sleep-for-ever", "sleeps for 584 years, over and over"), FUEL, &[SLEEP, BLOCK],
            "(local.set $i (call $sleep (i64.const -1)))
            (loop $again (call $block (local.get $i)) (br $again)) (unreachable)"),
        system(("poll-a-million", "waits for one thing a million times at once, without end"), Expect::Fails(&["fuel", "abi", "log-bytes", "trap"]), &[SLEEP, POLL],
            "(local.set $i (call $sleep (i64.const 1)))
            (loop $list
                (i32.store (i32.add (i32.const 8388608) (local.get $j)) (local.get $i))
                (br_if $list (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 4))) (i32.const 4000000))))
            (loop $again (call $poll (i32.const 8388608) (i32.const 1000000) (i32.const 64)) (br $again)) (unreachable)"),
        system(("poll-nothing", "waits for nothing"), Expect::Fails(&["trap", "abi"]), &[POLL],
            "(call $poll (i32.const 0) (i32.const 0) (i32.const 64)) (call $answer)"),
        system(("poll-what-is-not-there", "waits for a thing that it does not have"), Expect::Fails(&["abi", "trap"]), &[POLL],
            "(i32.store (i32.const 64) (i32.const 77)) (call $poll (i32.const 64) (i32.const 1) (i32.const 72)) (call $answer)"),
        system(("drops-twice", "drops what it has dropped"), Expect::Fails(&["abi", "trap"]), &[SLEEP, DROP],
            "(local.set $i (call $sleep (i64.const 1))) (call $drop (local.get $i)) (call $drop (local.get $i)) (call $answer)"),
    ]
}

fn reaching() -> Vec<Hostile> {
    vec![
        system(
            ("exit", "ends the process"),
            Expect::Fails(&["trap"]),
            &[EXIT],
            "(call $exit (i32.const 0)) (call $answer)",
        ),
        // Making room for a list, it asks for the next one.
        Hostile::of_guest(
            ("calls-the-host-from-alloc", "asks the host for a list while the host asks it for room"),
            Class::HostCalls,
            Abi::Component,
            Expect::Fails(&["abi", "trap", "stack"]),
            |guest: Guest| Guest {
                alloc:
                    "(call $environment (i32.const 64)) (call $random (i64.const 8) (i32.const 64)) (i32.const 2097152)"
                        .to_owned(),
                ..guest.pages(64).importing(
                    r#"(import "wasi:random/random@0.2.0" "get-random-bytes" (func $random (param i64 i32)))
                    (import "wasi:cli/environment@0.2.0" "get-environment" (func $environment (param i32)))"#,
                )
            },
        ),
        system(
            ("wall-clock-beyond-the-end", "has the time written beyond its memory"),
            Expect::Fails(&["abi"]),
            &[WALL],
            "(call $wall (i32.const -8)) (call $answer)",
        ),
        system(
            ("nothing-granted", "asks for its environment once"),
            NO_EFFECT,
            &[ENVIRONMENT],
            "(call $environment (i32.const 64)) (call $answer)",
        ),
    ]
}
