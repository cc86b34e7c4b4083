//! What a component finds behind WASI preview 2: nothing of this machine, and the same each time.

use rosehip_core::time::Timestamp;

use super::*;

/// The interfaces that the tests call, as WASI 0.2 words them.
const WASI: &str = include_str!("wasi.wit");

/// Imports of the functions in [`WASI`], as `$` and a short name.
const IMPORTS: [(&str, &str, &str, &str); 37] = [
    ("cli/environment", "get-environment", "environment", "(param i32)"),
    ("cli/environment", "get-arguments", "arguments", "(param i32)"),
    ("cli/environment", "initial-cwd", "cwd", "(param i32)"),
    ("cli/exit", "exit", "exit", "(param i32)"),
    ("cli/stdin", "get-stdin", "stdin", "(result i32)"),
    ("cli/stdout", "get-stdout", "stdout", "(result i32)"),
    ("cli/stderr", "get-stderr", "stderr", "(result i32)"),
    ("cli/terminal-stdout", "get-terminal-stdout", "terminal", "(param i32)"),
    ("clocks/wall-clock", "now", "wall", "(param i32)"),
    ("clocks/wall-clock", "resolution", "wall_resolution", "(param i32)"),
    ("clocks/monotonic-clock", "now", "monotonic", "(result i64)"),
    ("clocks/monotonic-clock", "resolution", "resolution", "(result i64)"),
    ("clocks/monotonic-clock", "subscribe-duration", "after", "(param i64) (result i32)"),
    ("clocks/monotonic-clock", "subscribe-instant", "at", "(param i64) (result i32)"),
    ("io/poll", "[method]pollable.ready", "ready", "(param i32) (result i32)"),
    ("io/poll", "[method]pollable.block", "block", "(param i32)"),
    ("io/poll", "[resource-drop]pollable", "drop", "(param i32)"),
    ("io/poll", "poll", "poll", "(param i32 i32 i32)"),
    ("io/streams", "[method]input-stream.read", "read", "(param i32 i64 i32)"),
    ("io/streams", "[method]input-stream.skip", "skip", "(param i32 i64 i32)"),
    ("io/streams", "[method]input-stream.subscribe", "input_ready", "(param i32) (result i32)"),
    ("io/streams", "[method]output-stream.check-write", "check", "(param i32 i32)"),
    ("io/streams", "[method]output-stream.write", "write", "(param i32 i32 i32 i32)"),
    ("io/streams", "[method]output-stream.blocking-write-and-flush", "print", "(param i32 i32 i32 i32)"),
    ("io/streams", "[method]output-stream.write-zeroes", "zeroes", "(param i32 i64 i32)"),
    ("io/streams", "[method]output-stream.blocking-flush", "flush", "(param i32 i32)"),
    ("io/streams", "[method]output-stream.subscribe", "output_ready", "(param i32) (result i32)"),
    ("io/streams", "[method]output-stream.splice", "splice", "(param i32 i32 i64 i32)"),
    ("random/random", "get-random-bytes", "random", "(param i64 i32)"),
    ("random/random", "get-random-u64", "random_u64", "(result i64)"),
    ("random/insecure", "get-insecure-random-u64", "insecure_u64", "(result i64)"),
    ("random/insecure-seed", "insecure-seed", "insecure_seed", "(param i32)"),
    ("filesystem/preopens", "get-directories", "directories", "(param i32)"),
    ("filesystem/types", "[method]descriptor.stat", "stat", "(param i32 i32)"),
    ("sockets/instance-network", "instance-network", "network", "(result i32)"),
    ("sockets/tcp-create-socket", "create-tcp-socket", "tcp", "(param i32 i32)"),
    ("sockets/ip-name-lookup", "resolve-addresses", "resolve", "(param i32 i32 i32 i32)"),
];

fn world() -> String {
    let mut interfaces: Vec<_> = IMPORTS.iter().map(|(interface, ..)| *interface).collect();
    interfaces.dedup();
    let imports =
        interfaces.iter().map(|interface| format!("import wasi:{interface}@0.2.3; ")).collect::<Vec<_>>().concat();
    WIT.replace("import log;", &format!("import log; {imports}")) + WASI
}

fn guest(items: &str, run: &str) -> Vec<u8> {
    let imports = IMPORTS
        .iter()
        .map(|(interface, name, short, ty)| {
            format!(r#"(import "wasi:{interface}@0.2.3" "{name}" (func ${short} {ty}))"#)
        })
        .collect::<Vec<_>>()
        .concat();
    let items = format!("{items} {}", support::QUOTED);
    component(&world(), &Guest { imports: &imports, items: &items, run, ..Guest::default() }.wat(Abi::Component))
}

fn surroundings() -> Surroundings {
    Surroundings { now: Timestamp::from_millis(1_700_000_000_123), seed: [7; 32], ..Surroundings::of_describe(0) }
}

fn report(surroundings: &Surroundings, items: &str, run: &str) -> GuestReport {
    let engine = engine();
    let digest = load(&engine, &guest(items, run));
    let report = engine.run(digest, "{}", surroundings).unwrap();
    assert_eq!(report, engine.run(digest, "{}", surroundings).unwrap(), "two calls agree");
    report
}

/// The first kilobyte of memory after `body`, and what was logged.
fn ask_in(surroundings: &Surroundings, items: &str, body: &str) -> (Vec<u8>, Vec<GuestLogLine>) {
    let run = format!("{body} (call $ok (call $quoted (i32.const 0) (i32.const 1024)) (i32.const 2050))");
    let report = report(surroundings, items, &run);
    (support::unhex(&report.result.unwrap()), report.log)
}

fn ask(items: &str, body: &str) -> (Vec<u8>, Vec<GuestLogLine>) {
    ask_in(&surroundings(), items, body)
}

fn u64_at(memory: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(memory[at..at + 8].try_into().unwrap())
}

fn u32_at(memory: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(memory[at..at + 4].try_into().unwrap())
}

#[test]
fn the_wall_clock_stands_still_and_sleeps_move_the_monotonic_one() {
    let body = "
        (local $long i32) (local $short i32)
        (call $wall (i32.const 0))
        (call $wall_resolution (i32.const 16))
        (i64.store (i32.const 32) (call $monotonic))
        (i64.store (i32.const 40) (call $resolution))
        (local.set $long (call $after (i64.const 5000000000)))
        (local.set $short (call $at (i64.const 3000000000)))
        (i32.store8 (i32.const 48) (call $ready (local.get $short)))
        (i32.store (i32.const 64) (local.get $long))
        (i32.store (i32.const 68) (local.get $short))
        (call $poll (i32.const 64) (i32.const 2) (i32.const 72))
        (i64.store (i32.const 80) (call $monotonic))
        (i32.store8 (i32.const 49) (call $ready (local.get $short)))
        (i32.store8 (i32.const 50) (call $ready (local.get $long)))
        (call $block (local.get $long))
        (i64.store (i32.const 88) (call $monotonic))
        (call $poll (i32.const 64) (i32.const 2) (i32.const 96))
        (call $drop (local.get $long))
        (i32.store (i32.const 104) (i32.load (i32.load (i32.const 72))))
        (call $wall (i32.const 112))";
    let (memory, _) = ask("", body);
    for wall in [0, 112] {
        assert_eq!((u64_at(&memory, wall), u32_at(&memory, wall + 8)), (1_700_000_000, 123_000_000));
    }
    assert_eq!((u64_at(&memory, 16), u32_at(&memory, 24)), (0, 1_000_000));
    assert_eq!((u64_at(&memory, 32), u64_at(&memory, 40)), (1, 1));
    assert_eq!(memory[48..51], [0, 1, 0]);
    assert_eq!((u64_at(&memory, 80), u64_at(&memory, 88)), (3_000_000_000, 5_000_000_001));
    assert_eq!((u32_at(&memory, 76), u32_at(&memory, 104)), (1, 1), "the second alone was ready");
    assert_eq!(u32_at(&memory, 100), 2, "then both were");
    let later = Surroundings { now: Timestamp::from_millis(1_700_000_001_000), ..surroundings() };
    assert_eq!(u64_at(&ask_in(&later, "", body).0, 0), 1_700_000_001);
}

#[test]
fn random_numbers_are_one_stream_from_the_seed() {
    let body = "
        (call $random (i64.const 16) (i32.const 0))
        (memory.copy (i32.const 16) (i32.load (i32.const 0)) (i32.const 16))
        (i64.store (i32.const 32) (call $random_u64))
        (i64.store (i32.const 40) (call $insecure_u64))
        (call $insecure_seed (i32.const 48))";
    let (memory, _) = ask("", body);
    assert_eq!(u32_at(&memory, 4), 16);
    assert_eq!(memory[16..64], preview_1::CHACHA20_OF_SEVENS[..48]);
    let other = Surroundings { seed: [8; 32], ..surroundings() };
    assert_ne!(ask_in(&other, "", body).0[16..64], memory[16..64]);
}

#[test]
fn more_random_bytes_than_sense_are_refused() {
    let run = "(call $random (i64.const 1048577) (i32.const 0)) (call $done)";
    assert_eq!(stopped(&report(&surroundings(), "", run)).0, "abi");
    let run = "(call $random (i64.const -1) (i32.const 0)) (call $done)";
    assert_eq!(stopped(&report(&surroundings(), "", run)).0, "abi");
}

#[test]
fn there_is_no_environment_no_directory_no_terminal_and_no_network() {
    let body = r"
        (memory.fill (i32.const 0) (i32.const 255) (i32.const 128))
        (call $environment (i32.const 0))
        (call $arguments (i32.const 8))
        (call $cwd (i32.const 16))
        (call $directories (i32.const 32))
        (call $terminal (i32.const 40))
        (call $tcp (i32.const 0) (i32.const 48))
        (call $resolve (call $network) (i32.const 0) (i32.const 0) (i32.const 56))";
    let (memory, _) = ask("", body);
    for list in [0, 8, 32] {
        assert_eq!(u32_at(&memory, list + 4), 0);
    }
    assert_eq!((memory[16], memory[40]), (0, 0));
    // An error, and of those the second: access-denied.
    assert_eq!((memory[48], memory[52]), (1, 1));
    assert_eq!((memory[56], memory[60]), (1, 1));
}

#[test]
fn stdin_is_at_its_end_and_outputs_take_everything() {
    let body = r"
        (local $in i32) (local $out i32)
        (local.set $in (call $stdin))
        (local.set $out (call $stdout))
        (call $read (local.get $in) (i64.const 10) (i32.const 0))
        (call $skip (local.get $in) (i64.const 10) (i32.const 16))
        (i32.store8 (i32.const 100) (call $ready (call $input_ready (local.get $in))))
        (i32.store8 (i32.const 101) (call $ready (call $output_ready (local.get $out))))
        (call $check (local.get $out) (i32.const 32))
        (call $print (local.get $out) (i32.const 512) (i32.const 7) (i32.const 48))
        (call $write (call $stderr) (i32.const 512) (i32.const 7) (i32.const 56))
        (call $write (local.get $out) (i32.const 519) (i32.const 2) (i32.const 64))
        (call $zeroes (local.get $out) (i64.const 2) (i32.const 72))
        (call $flush (local.get $out) (i32.const 80))
        (call $splice (local.get $out) (local.get $in) (i64.const 5) (i32.const 104))";
    let (memory, log) = ask(r#"(data (i32.const 512) "one\ntwo\ff!")"#, body);
    // The stream is closed, which is the second error.
    assert_eq!((memory[0], memory[4], memory[16], memory[24]), (1, 1, 1, 1));
    assert_eq!((memory[104], memory[112]), (1, 1));
    assert_eq!(memory[100..102], [1, 1]);
    assert_eq!((memory[32], u64_at(&memory, 40)), (0, 65_536));
    assert_eq!([memory[48], memory[56], memory[64], memory[72], memory[80]], [0; 5]);
    let lines: Vec<_> = log.iter().map(|line| (line.level, line.message.as_str())).collect();
    let (info, warn) = (GuestLogLevel::Info, GuestLogLevel::Warn);
    assert_eq!(lines, [(info, "one"), (warn, "one"), (info, "two\u{fffd}!\0\0"), (warn, "two")]);
}

#[test]
fn leaving_a_component_is_a_trap_whatever_the_status() {
    for status in [0, 1] {
        let run = format!("(call $exit (i32.const {status})) unreachable");
        let message = format!("the guest exited with code {status} instead of answering (in run)");
        assert_eq!(stopped(&report(&surroundings(), "", &run)), ("trap", message.as_str()));
    }
}

#[test]
fn a_poll_of_nothing_stops_the_guest() {
    let run = "(call $poll (i32.const 0) (i32.const 0) (i32.const 8)) unreachable";
    assert_eq!(stopped(&report(&surroundings(), "", run)).0, "abi");
}

#[test]
fn a_handle_that_was_never_given_stops_the_guest() {
    for run in ["(call $stat (i32.const 1) (i32.const 0)) unreachable", "(call $block (i32.const 9)) unreachable"] {
        let report = report(&surroundings(), "", run);
        assert!(["abi", "trap"].contains(&stopped(&report).0), "{:?}", report.result);
    }
}

#[test]
fn handles_are_bounded_and_come_back() {
    let run = "(loop $more (drop (call $after (i64.const 1))) (br $more)) unreachable";
    let (rule, message) = (report(&surroundings(), "", run), "1000");
    assert_eq!(stopped(&rule).0, "handles");
    assert!(stopped(&rule).1.contains(message), "{rule:?}");
    let run = "(loop $more (drop (call $stdout)) (br $more)) unreachable";
    assert_eq!(stopped(&report(&surroundings(), "", run)).0, "handles");
    let run = "
        (local $left i32)
        (local.set $left (i32.const 5000))
        (loop $more
            (call $drop (call $after (i64.const 1)))
            (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $done)";
    assert_eq!(report(&surroundings(), "", run).result.as_deref(), Ok("null"));
}

#[test]
fn asking_without_end_runs_out_of_fuel_in_a_component_too() {
    for call in [
        "(call $drop (call $after (i64.const 1)))",
        "(drop (call $monotonic))",
        "(drop (call $random_u64))",
        "(call $arguments (i32.const 0))",
        "(call $tcp (i32.const 0) (i32.const 0))",
        "(call $write (local.get $out) (i32.const 0) (i32.const 60000) (i32.const 65536))",
        "(call $zeroes (local.get $out) (i64.const 60000) (i32.const 65536))",
    ] {
        let run = format!(
            "(local $out i32) (local.set $out (call $stdout)) (loop $forever {call} (br $forever)) unreachable"
        );
        assert_eq!(stopped(&report(&surroundings(), "", &run)).0, "fuel", "{call}");
    }
}

#[test]
fn every_release_of_0_2_is_the_same_and_nothing_else_is_admitted() {
    let wit = |version: &str| {
        let wasi = "package wasi:random@VERSION { interface random { get-random-u64: func() -> u64; } }";
        let import = "import log; import wasi:random/random@VERSION;";
        (WIT.replace("import log;", import) + wasi).replace("VERSION", version)
    };
    let guest = |version: &str| {
        let import = format!(r#"(import "wasi:random/random@{version}" "get-random-u64" (func $random (result i64)))"#);
        let run = "(drop (call $random)) (call $done)";
        component(&wit(version), &Guest { imports: &import, run, ..Guest::default() }.wat(Abi::Component))
    };
    for version in ["0.2.0", "0.2.1", "0.2.3", "0.2.6", "0.2.10"] {
        assert_eq!(run_wasm(&guest(version), "{}").result.as_deref(), Ok("null"), "{version}");
    }
    for version in ["0.1.0", "0.3.0", "0.2.0-rc-2023-11-10", "1.0.0"] {
        let refused = refusal(&guest(version));
        assert_eq!(refused.rule, "import");
        assert!(refused.message.contains(&format!("wasi:random/random@{version}")), "{refused}");
    }
}

#[test]
fn an_interface_of_wasi_that_guests_do_not_have_is_named() {
    let wasi = "package wasi:http@0.2.0 { interface outgoing-handler { handle: func(); } }";
    let wit = WIT.replace("import log;", "import log; import wasi:http/outgoing-handler@0.2.0;") + wasi;
    let guest = Guest {
        imports: r#"(import "wasi:http/outgoing-handler@0.2.0" "handle" (func $handle))"#,
        run: "(call $handle) (call $done)",
        ..Guest::default()
    };
    let refused = refusal(&component(&wit, &guest.wat(Abi::Component)));
    assert_eq!(refused.rule, "import");
    assert!(refused.message.contains("wasi:http/outgoing-handler@0.2.0"), "{refused}");
}
