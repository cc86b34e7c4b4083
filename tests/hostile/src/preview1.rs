//! Core modules that flood the system interface, WASI preview 1.

use crate::{Abi, Class, Expect, Hostile, NO_EFFECT, guest::Guest};

const FUEL: Expect = Expect::Fails(&["fuel"]);

/// A guest that imports functions of the interface, each a name and its type.
fn system(
    names: (&str, &'static str),
    expect: Expect,
    imports: &'static [(&'static str, &'static str)],
    run: &'static str,
) -> Hostile {
    Hostile::of_guest(names, Class::HostCalls, Abi::Core, expect, move |guest: Guest| {
        let import =
            |(name, ty): &(&str, &str)| format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} {ty}))"#);
        guest.pages(960).importing(imports.iter().map(import).collect::<String>()).running(run)
    })
}

const RANDOM: (&str, &str) = ("random_get", "(param i32 i32) (result i32)");
const CLOCK: (&str, &str) = ("clock_time_get", "(param i32 i64 i32) (result i32)");
const WRITE: (&str, &str) = ("fd_write", "(param i32 i32 i32 i32) (result i32)");
const POLL: (&str, &str) = ("poll_oneoff", "(param i32 i32 i32 i32) (result i32)");
const YIELD: (&str, &str) = ("sched_yield", "(result i32)");
const EXIT: (&str, &str) = ("proc_exit", "(param i32)");
const OPEN: (&str, &str) = ("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)");
const PRESTAT: (&str, &str) = ("fd_prestat_get", "(param i32 i32) (result i32)");
const ENVIRON: (&str, &str) = ("environ_sizes_get", "(param i32 i32) (result i32)");

pub(crate) fn guests() -> Vec<Hostile> {
    [asking(), writing(), polling(), reaching()].concat()
}

fn asking() -> Vec<Hostile> {
    vec![
        system(("random-megabytes", "takes a megabyte of random bytes, without end"), FUEL, &[RANDOM],
            "(loop $again (drop (call $random_get (i32.const 65536) (i32.const 1048576))) (br $again)) (unreachable)"),
        system(("random-60-megabytes", "takes 60 megabytes of random bytes, without end"), FUEL, &[RANDOM],
            "(loop $again (drop (call $random_get (i32.const 65536) (i32.const 60000000))) (br $again)) (unreachable)"),
        system(("random-nothing", "takes no random bytes, without end"), FUEL, &[RANDOM],
            "(loop $again (drop (call $random_get (i32.const 65536) (i32.const 0))) (br $again)) (unreachable)"),
        system(("clock-without-end", "looks at the clock, without end"), FUEL, &[CLOCK],
            "(loop $again (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 64))) (br $again)) (unreachable)"),
        system(("environment-without-end", "asks for its environment, without end"), FUEL, &[ENVIRON],
            "(loop $again (drop (call $environ_sizes_get (i32.const 64) (i32.const 68))) (br $again)) (unreachable)"),
        system(("yield-without-end", "lets others go first, without end"), FUEL, &[YIELD],
            "(loop $again (drop (call $sched_yield)) (br $again)) (unreachable)"),
        system(("files-without-end", "asks for files until it is given one"), FUEL, &[PRESTAT, OPEN],
            "(loop $again
                (drop (call $fd_prestat_get (local.get $i) (i32.const 64)))
                (br_if $again (call $path_open (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const -1)
                    (i32.const 1024) (i32.const 8) (i32.const -1) (i64.const -1) (i64.const -1) (i32.const -1) (i32.const 64)))
                (br $again)) (unreachable)"),
    ]
}

fn writing() -> Vec<Hostile> {
    vec![
        system(("stdout-without-end", "writes a kilobyte to stdout, without end"), FUEL, &[WRITE],
            "(i32.store (i32.const 64) (i32.const 65536)) (i32.store (i32.const 68) (i32.const 1024))
            (loop $again
                (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72))) (br $again)) (unreachable)"),
        system(("stdout-of-all-memory", "writes all its memory to stdout, without end"), FUEL, &[WRITE],
            "(i32.store (i32.const 64) (i32.const 0)) (i32.store (i32.const 68) (i32.const 62914560))
            (loop $again
                (drop (call $fd_write (i32.const 2) (i32.const 64) (i32.const 1) (i32.const 72))) (br $again)) (unreachable)"),
        system(("stdout-of-all-memory-many-times", "writes all its memory to stdout, 4,000 times in one call"), FUEL, &[WRITE],
            "(loop $lists
                (i32.store (i32.add (i32.const 65536) (local.get $i)) (i32.const 0))
                (i32.store (i32.add (i32.const 65540) (local.get $i)) (i32.const 62914560))
                (br_if $lists (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 32000))))
            (loop $again
                (drop (call $fd_write (i32.const 1) (i32.const 65536) (i32.const 4000) (i32.const 72))) (br $again)) (unreachable)"),
        system(("stdout-of-nothing", "writes five million empty pieces to stdout in one call"), FUEL, &[WRITE],
            "(loop $again
                (drop (call $fd_write (i32.const 1) (i32.const 4194304) (i32.const 5000000) (i32.const 72))) (br $again)) (unreachable)"),
        system(("stdout-not-utf8", "writes bytes to stdout that are no text"), NO_EFFECT, &[WRITE],
            "(i32.store (i32.const 64) (i32.const 65536)) (i32.store (i32.const 68) (i32.const 65536))
            (memory.fill (i32.const 65536) (i32.const 0xff) (i32.const 65536))
            (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72))) (call $answer)"),
    ]
}

fn polling() -> Vec<Hostile> {
    vec![
        system(
            ("poll-as-many-as-fit", "waits for 700,000 things at once, without end"),
            FUEL,
            &[POLL],
            "(loop $again
                (drop (call $poll_oneoff (i32.const 65536) (i32.const 35000000) (i32.const 700000) (i32.const 64)))
                (br $again)) (unreachable)",
        ),
        system(
            ("poll-a-million", "waits for more things than its memory holds"),
            FUEL,
            &[POLL],
            "(loop $again
                (drop (call $poll_oneoff (i32.const 65536) (i32.const 65536) (i32.const 1000000) (i32.const 64)))
                (br $again)) (unreachable)",
        )
        .expecting(Expect::Fails(&["fuel", "abi"])),
        system(
            ("poll-four-thousand-million", "waits for as many things as can be said"),
            NO_EFFECT,
            &[POLL],
            "(drop (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 64))) (call $answer)",
        ),
        system(
            ("sleep-for-ever", "sleeps for 584 years, over and over"),
            FUEL,
            &[POLL],
            "(i64.store (i32.const 128) (i64.const 1))
            (i32.store8 (i32.const 136) (i32.const 0))
            (i32.store (i32.const 144) (i32.const 1))
            (i64.store (i32.const 152) (i64.const -1))
            (loop $again
                (drop (call $poll_oneoff (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 64)))
                (br $again)) (unreachable)",
        ),
    ]
}

fn reaching() -> Vec<Hostile> {
    vec![
        system(
            ("exit", "ends the process"),
            Expect::Fails(&["trap"]),
            &[EXIT],
            "(call $proc_exit (i32.const 0)) (call $answer)",
        ),
        system(
            ("random-beyond-the-end", "has random bytes written beyond its memory"),
            NO_EFFECT,
            &[RANDOM],
            "(drop (call $random_get (i32.const -16) (i32.const 64))) (call $answer)",
        ),
        system(
            ("write-beyond-the-end", "writes what lies beyond its memory"),
            NO_EFFECT,
            &[WRITE],
            "(i32.store (i32.const 64) (i32.const -16)) (i32.store (i32.const 68) (i32.const 64))
            (drop (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 72)))
            (drop (call $fd_write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const -4))) (call $answer)",
        ),
        system(
            ("open-etc-passwd", "reads a file of the host"),
            NO_EFFECT,
            &[OPEN],
            "(if (i32.eqz (call $path_open (i32.const 3) (i32.const 1) (i32.const 1024) (i32.const 8) (i32.const 0)
                (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 64))) (then (unreachable)))
            (call $answer)",
        ),
    ]
}
