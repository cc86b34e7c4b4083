//! Guests, well-behaved and not, through the port that the host calls them by.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use rosehip_core::{
    guest::{GuestEngine, GuestError, GuestFailure, GuestLogLevel, GuestLogLine, GuestRefused, GuestReport},
    ids::Digest,
    limits,
};
use rosehip_wasm::{EngineOptions, WasmEngine};
use support::{Guest, LOG, WIT, component, component_with};
use wit_component::StringEncoding;

fn engine() -> WasmEngine {
    WasmEngine::new(&EngineOptions::new(2)).expect("a pool for two calls fits")
}

fn load(engine: &WasmEngine, wasm: &[u8]) -> Digest {
    let digest = Digest::of(wasm);
    engine.load(digest, wasm).expect("the guest is admitted");
    digest
}

fn run_wasm(wasm: &[u8], call: &str) -> GuestReport {
    let engine = engine();
    let digest = load(&engine, wasm);
    engine.run(digest, call).expect("the guest is loaded")
}

fn run(guest: &Guest<'_>, call: &str) -> GuestReport {
    run_wasm(&guest.build(), call)
}

fn refusal(wasm: &[u8]) -> GuestRefused {
    engine().load(Digest::of(wasm), wasm).expect_err("the guest is refused")
}

/// The rule that stopped the guest, and the message.
fn stopped(report: &GuestReport) -> (&'static str, &str) {
    match &report.result {
        Err(GuestFailure::Stopped { rule, message }) => (rule, message),
        other => panic!("the guest was not stopped: {other:?}"),
    }
}

mod answers {
    use super::*;

    #[test]
    fn describe_and_run_return_what_the_guest_returns() {
        let engine = engine();
        let digest = load(&engine, &Guest::default().build());
        let manifest = engine.describe(digest).unwrap();
        assert_eq!(manifest.result.as_deref(), Ok(r#"{"v":1}"#));
        let outcome = engine.run(digest, r#"{"v":1,"node":"é"}"#).unwrap();
        assert_eq!(outcome.result.as_deref(), Ok(r#"{"v":1,"node":"é"}"#));
        assert!(outcome.fuel > 0 && outcome.fuel < 1_000, "a trivial call used {} fuel", outcome.fuel);
        assert!(outcome.log.is_empty());
    }

    #[test]
    fn the_same_call_gives_the_same_report() {
        let engine = engine();
        let digest = load(&engine, &Guest::default().build());
        assert_eq!(engine.run(digest, "{}").unwrap(), engine.run(digest, "{}").unwrap());
    }

    #[test]
    fn retry_and_fatal_are_told_apart() {
        let retry = Guest { run: "(call $retry (local.get $ptr) (local.get $len))", ..Guest::default() };
        assert_eq!(run(&retry, "later").result, Err(GuestFailure::Retry("later".to_owned())));
        let fatal = Guest { run: "(call $fatal (local.get $ptr) (local.get $len))", ..Guest::default() };
        assert_eq!(run(&fatal, "never").result, Err(GuestFailure::Fatal("never".to_owned())));
    }

    #[test]
    fn a_guest_whose_strings_are_utf_16_is_understood() {
        let wasm = component_with(WIT, &Guest::default().wat(), StringEncoding::UTF16);
        let report = run_wasm(&wasm, "hé 🌹");
        assert_eq!(report.result.as_deref(), Ok("hé 🌹"));
    }

    #[test]
    fn every_call_has_a_fresh_instance() {
        let engine = engine();
        let counter = Guest {
            items: r#"(global $calls (mut i32) (i32.const 48)) (data (i32.const 512) "0")"#,
            run: "
                (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                (i32.store8 (i32.const 0) (global.get $calls))
                (i32.store8 (i32.const 512) (i32.add (i32.load8_u (i32.const 512)) (i32.const 1)))
                (i32.store8 (i32.const 1) (i32.load8_u (i32.const 512)))
                (call $ok (i32.const 0) (i32.const 2))",
            ..Guest::default()
        };
        let digest = load(&engine, &counter.build());
        for _ in 0..5 {
            assert_eq!(engine.run(digest, "{}").unwrap().result.as_deref(), Ok("11"));
        }
    }

    #[test]
    fn memory_of_one_guest_never_reaches_another() {
        let engine = engine();
        let writer = Guest {
            memory: "64",
            run: "(memory.fill (i32.const 65536) (i32.const 115) (i32.const 4000000)) (call $ok (i32.const 0) (i32.const 0))",
            ..Guest::default()
        };
        // Returns as many bytes as there are that are not zero: none.
        let reader = Guest {
            memory: "64",
            run: "
                (local $found i32) (local $at i32)
                (local.set $at (i32.const 65536))
                (loop $next
                    (local.set $found (i32.add (local.get $found) (i32.ne (i32.const 0) (i32.load8_u (local.get $at)))))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 4065536))))
                (call $ok (i32.const 2048) (local.get $found))",
            ..Guest::default()
        };
        let writer = load(&engine, &writer.build());
        let reader = load(&engine, &reader.build());
        for _ in 0..4 {
            engine.run(writer, "{}").unwrap().result.unwrap();
            assert_eq!(engine.run(reader, "").unwrap().result.as_deref(), Ok(""));
        }
    }

    #[test]
    fn calls_beyond_the_pool_wait_their_turn() {
        let engine = Arc::new(WasmEngine::new(&EngineOptions::new(1)).unwrap());
        let digest = load(&engine, &Guest { memory: "100", ..Guest::default() }.build());
        let together = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (engine, together) = (Arc::clone(&engine), Arc::clone(&together));
                thread::spawn(move || {
                    together.wait();
                    for call in 0..50 {
                        let text = format!("{thread}/{call}");
                        assert_eq!(engine.run(digest, &text).unwrap().result, Ok(text));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn a_digest_that_is_not_loaded_is_an_error() {
        let digest = Digest::of(b"never loaded");
        assert!(matches!(engine().run(digest, "{}"), Err(GuestError::NotLoaded(named)) if named == digest));
        assert!(matches!(engine().describe(digest), Err(GuestError::NotLoaded(named)) if named == digest));
    }

    #[test]
    fn the_least_recently_used_module_leaves() {
        let engine = WasmEngine::new(&EngineOptions { loaded_modules: 1, ..EngineOptions::new(1) }).unwrap();
        let first = load(&engine, &Guest::default().build());
        let second = load(&engine, &Guest { memory: "3", ..Guest::default() }.build());
        assert!(matches!(engine.run(first, "{}"), Err(GuestError::NotLoaded(_))));
        assert!(engine.run(second, "{}").is_ok());
    }
}

mod limits_of_a_call {
    use super::*;

    const FOREVER: &str = "(loop $forever (br $forever)) unreachable";

    #[test]
    fn a_loop_without_end_runs_out_of_fuel() {
        let report = run(&Guest { run: FOREVER, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
        assert_eq!(report.fuel, 100_000_000 + 2 * 4_000);
    }

    #[test]
    fn a_describe_without_end_runs_out_of_fuel() {
        let engine = engine();
        let digest = load(&engine, &Guest { describe: FOREVER, ..Guest::default() }.build());
        let report = engine.describe(digest).unwrap();
        assert_eq!(stopped(&report).0, "fuel");
        assert_eq!(report.fuel, 100_000_000);
    }

    #[test]
    fn a_start_function_without_end_runs_out_of_fuel() {
        let items = "(func $start (loop $forever (br $forever))) (start $start)";
        let report = run(&Guest { items, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
    }

    #[test]
    fn an_allocator_without_end_runs_out_of_fuel() {
        let report = run(&Guest { realloc: FOREVER, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
    }

    #[test]
    fn recursion_without_end_exhausts_the_stack() {
        let items = "(func $deeper (param i32) (result i32)
            (i32.add (i32.const 1) (call $deeper (i32.add (local.get 0) (i32.const 1)))))";
        let report = run(&Guest { items, run: "(call $deeper (i32.const 0))", ..Guest::default() }, "{}");
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "stack");
        assert!(message.contains("deeper"), "{message}");
    }

    #[test]
    fn a_trap_after_denied_memory_is_named_memory() {
        let run_body = "
            (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
            unreachable";
        let report = run(&Guest { run: run_body, ..Guest::default() }, "{}");
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "memory");
        assert!(message.contains("64 MiB"), "{message}");
    }

    #[test]
    fn a_guest_may_live_with_denied_memory() {
        // 16 pages less than the limit, which then are all that is left; and more than 32 bits can address.
        let run_body = "
            (local $denied i32)
            (local.set $denied (i32.eq (i32.const -1) (memory.grow (i32.const 65536))))
            (local.set $denied (i32.add (local.get $denied) (i32.eq (i32.const -1) (memory.grow (i32.const 1024)))))
            (local.set $denied (i32.add (local.get $denied) (i32.eq (i32.const -1) (memory.grow (i32.const 1022)))))
            (i32.store8 (i32.const 0) (i32.add (i32.const 48) (local.get $denied)))
            (call $ok (i32.const 0) (i32.const 1))";
        assert_eq!(run(&Guest { run: run_body, ..Guest::default() }, "{}").result.as_deref(), Ok("2"));
    }

    #[test]
    fn memory_within_its_own_maximum_only() {
        let run_body = "(if (i32.eq (i32.const -1) (memory.grow (i32.const 2))) (then unreachable)) unreachable";
        let report = run(&Guest { memory: "2 3", run: run_body, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "memory");
    }

    #[test]
    fn a_trap_after_a_denied_table_is_named_table() {
        let guest = Guest {
            items: "(table $table 1 funcref)",
            run: "(drop (table.grow $table (ref.null func) (i32.const 32768))) unreachable",
            ..Guest::default()
        };
        assert_eq!(stopped(&run(&guest, "{}")).0, "table");
    }

    #[test]
    fn a_trap_names_itself_and_its_function() {
        let items = "(func $render unreachable)";
        let report = run(&Guest { items, run: "(call $render) unreachable", ..Guest::default() }, "{}");
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "trap");
        assert_eq!(message, "wasm trap: wasm `unreachable` instruction executed (in render < run)");
        let report = run(&Guest { run: "(i32.div_s (i32.const 1) (i32.const 0))", ..Guest::default() }, "{}");
        assert_eq!(stopped(&report), ("trap", "wasm trap: integer divide by zero (in run)"));
    }

    #[test]
    fn a_guest_that_runs_for_too_long_is_a_condition_of_the_host() {
        let options = EngineOptions { epoch_fuse: Duration::from_millis(20), ..EngineOptions::new(1) };
        let engine = WasmEngine::new(&options).unwrap();
        let digest = load(&engine, &Guest { run: FOREVER, ..Guest::default() }.build());
        // With the most fuel there is, the loop would take seconds.
        let report = engine.run(digest, &"x".repeat(limits::GUEST_INPUT_BYTES)).unwrap();
        assert!(matches!(report.result, Err(GuestFailure::Host { rule: "epoch", .. })), "{:?}", report.result);
    }

    #[test]
    fn the_longest_input_is_taken_and_a_longer_one_is_not() {
        let engine = engine();
        let digest =
            load(&engine, &Guest { run: "(call $ok (local.get $ptr) (i32.const 4))", ..Guest::default() }.build());
        let longest = "x".repeat(limits::GUEST_INPUT_BYTES);
        assert_eq!(engine.run(digest, &longest).unwrap().result.as_deref(), Ok("xxxx"));
        let report = engine.run(digest, &(longest + "x")).unwrap();
        assert_eq!(stopped(&report).0, "input-bytes");
        assert_eq!(report.fuel, 0);
    }

    #[test]
    fn the_longest_output_is_taken_and_a_longer_one_is_not() {
        let engine = engine();
        let digest = load(&engine, &Guest::default().build());
        let longest = "x".repeat(limits::GUEST_OUTPUT_BYTES);
        assert_eq!(engine.run(digest, &longest).unwrap().result, Ok(longest.clone()));
        let report = engine.run(digest, &(longest + "x")).unwrap();
        assert_eq!(stopped(&report).0, "output-bytes");
    }

    #[test]
    fn an_output_far_beyond_the_limit_is_not_copied() {
        let guest = Guest { memory: "200", run: "(call $ok (i32.const 0) (i32.const 10000000))", ..Guest::default() };
        assert_eq!(stopped(&run(&guest, "{}")).0, "output-bytes");
    }

    #[test]
    fn a_failure_message_beyond_the_limit_is_refused_too() {
        let guest =
            Guest { memory: "40", run: "(call $fatal (i32.const 2048) (i32.const 1048577))", ..Guest::default() };
        assert_eq!(stopped(&run(&guest, "{}")).0, "output-bytes");
    }
}

mod broken_answers {
    use super::*;

    #[test]
    fn an_output_that_is_not_utf_8() {
        let guest = Guest {
            items: r#"(data (i32.const 0) "ok\ff")"#,
            run: "(call $ok (i32.const 0) (i32.const 3))",
            ..Guest::default()
        };
        assert_eq!(stopped(&run(&guest, "{}")).0, "output-utf8");
    }

    #[test]
    fn an_output_that_is_not_utf_16() {
        let wat = Guest {
            items: r#"(data (i32.const 0) "\00\d8\00\00")"#,
            run: "(call $ok (i32.const 0) (i32.const 2))",
            ..Guest::default()
        }
        .wat();
        let report = run_wasm(&component_with(WIT, &wat, StringEncoding::UTF16), "");
        assert_eq!(stopped(&report).0, "output-utf8");
    }

    #[test]
    fn an_output_outside_of_memory() {
        for body in [
            "(call $ok (i32.const -16) (i32.const 8))",
            "(call $ok (i32.const 131070) (i32.const 8))",
            "(call $ok (i32.const 131073) (i32.const 0))",
            "(call $ok (i32.const 0) (i32.const -1))",
            // The result itself, out of memory and unaligned.
            "(i32.const -4)",
            "(i32.const 1057)",
            // A result that is neither `ok` nor `err`, and a failure that is neither case.
            "(i32.store8 (i32.const 1056) (i32.const 7)) (i32.const 1056)",
            "(call $failure (i32.const 2) (i32.const 0) (i32.const 0))",
        ] {
            let report = run(&Guest { run: body, ..Guest::default() }, "{}");
            assert_eq!(stopped(&report).0, "abi", "{body}: {:?}", report.result);
        }
    }

    #[test]
    fn an_allocator_that_lies() {
        let report = run(&Guest { realloc: "(i32.const -2)", ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "abi");
    }
}

mod logs {
    use super::*;

    fn line(level: GuestLogLevel, message: &str) -> GuestLogLine {
        GuestLogLine { level, message: message.to_owned() }
    }

    #[test]
    fn lines_are_kept_in_order_with_their_level() {
        let guest = Guest {
            imports: LOG,
            items: r#"(data (i32.const 0) "onetwo")"#,
            run: "
                (call $log (i32.const 0) (i32.const 0) (i32.const 3))
                (call $log (i32.const 3) (i32.const 3) (i32.const 3))
                (call $log (i32.const 2) (local.get $ptr) (local.get $len))
                (call $log (i32.const 1) (i32.const 0) (i32.const 0))
                (call $ok (i32.const 0) (i32.const 0))",
            ..Guest::default()
        };
        let log = run(&guest, "three").log;
        assert_eq!(
            log,
            [
                line(GuestLogLevel::Debug, "one"),
                line(GuestLogLevel::Error, "two"),
                line(GuestLogLevel::Warn, "three"),
                line(GuestLogLevel::Info, ""),
            ]
        );
    }

    #[test]
    fn lines_before_a_trap_are_kept() {
        let run_body = "(call $log (i32.const 1) (local.get $ptr) (local.get $len)) unreachable";
        let report = run(&Guest { imports: LOG, run: run_body, ..Guest::default() }, "last words");
        assert_eq!(stopped(&report).0, "trap");
        assert_eq!(report.log, [line(GuestLogLevel::Info, "last words")]);
    }

    #[test]
    fn a_log_is_cut_and_the_call_goes_on() {
        let run_body = "
            (local $left i32)
            (local.set $left (i32.const 100))
            (loop $again
                (call $log (i32.const 1) (local.get $ptr) (local.get $len))
                (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $ok (i32.const 0) (i32.const 0))";
        let guest = Guest { imports: LOG, run: run_body, ..Guest::default() };
        let report = run(&guest, &"é".repeat(5_000));
        assert!(report.result.is_ok(), "{:?}", report.result);
        let bytes: usize = report.log.iter().map(|line| line.message.len()).sum();
        assert!(bytes <= limits::GUEST_LOG_BYTES && bytes > limits::GUEST_LOG_BYTES - 16, "{bytes} bytes of log");
    }

    #[test]
    fn a_line_too_long_to_be_handed_over_stops_the_guest() {
        let guest = Guest {
            imports: LOG,
            memory: "64",
            run: "(call $log (i32.const 1) (i32.const 0) (i32.const 3000000)) (call $ok (i32.const 0) (i32.const 0))",
            ..Guest::default()
        };
        assert_eq!(stopped(&run(&guest, "{}")).0, "log-bytes");
    }

    #[test]
    fn a_line_that_is_no_text_or_has_no_level_stops_the_guest() {
        for body in [
            "(call $log (i32.const 1) (i32.const 0) (i32.const 2)) unreachable",
            "(call $log (i32.const 1) (i32.const -1) (i32.const 2)) unreachable",
            "(call $log (i32.const 9) (i32.const 0) (i32.const 0)) unreachable",
        ] {
            let items = r#"(data (i32.const 0) "\ff\fe")"#;
            let report = run(&Guest { imports: LOG, items, run: body, ..Guest::default() }, "{}");
            assert_eq!(stopped(&report).0, "abi", "{body}: {:?}", report.result);
        }
    }
}

mod admission {
    use super::*;

    #[test]
    fn bytes_that_are_no_component() {
        assert_eq!(refusal(b"").rule, "not-wasm");
        assert_eq!(refusal(b"\0asm").rule, "not-wasm");
        assert_eq!(refusal(b"#!/bin/sh\necho hello").rule, "not-wasm");
        assert_eq!(refusal(b"\0asm\x0d\0\x01\0 and then anything").rule, "invalid-wasm");
        let core = wat::parse_str(Guest::default().wat()).unwrap();
        assert_eq!(refusal(&core).rule, "not-a-component");
        assert_eq!(refusal(&wat::parse_str("(component)").unwrap()).rule, "missing-export");
    }

    #[test]
    fn a_component_cut_anywhere_is_refused_or_whole() {
        let wasm = Guest::default().build();
        let engine = engine();
        for length in 0..wasm.len() {
            let cut = &wasm[..length];
            let digest = Digest::of(cut);
            match engine.load(digest, cut) {
                Err(refused) => {
                    assert!(
                        ["not-wasm", "invalid-wasm", "missing-export"].contains(&refused.rule),
                        "{length}: {refused}"
                    );
                }
                // What follows the exports are custom sections, which a component need not have.
                Ok(()) => assert_eq!(engine.run(digest, "{}").unwrap().result.as_deref(), Ok("{}"), "{length}"),
            }
        }
    }

    #[test]
    fn a_component_with_any_byte_changed_never_panics() {
        let wasm = Guest { imports: LOG, ..Guest::default() }.build();
        let engine = engine();
        for at in 0..wasm.len() {
            let mut changed = wasm.clone();
            changed[at] = changed[at].wrapping_add(1);
            let digest = Digest::of(&changed);
            if engine.load(digest, &changed).is_ok() {
                engine.run(digest, "{}").unwrap();
            }
        }
    }

    #[test]
    fn an_offset_says_where_it_is_invalid() {
        let mut wasm = Guest::default().build();
        let last = wasm.len() - 1;
        wasm.truncate(last);
        assert!(refusal(&wasm).message.contains("(at offset 0x"), "{}", refusal(&wasm));
    }

    #[test]
    fn bytes_under_the_digest_of_others() {
        let wasm = Guest::default().build();
        assert_eq!(engine().load(Digest::of(b"other"), &wasm).unwrap_err().rule, "digest");
    }

    #[test]
    fn a_module_beyond_the_size_limit() {
        let refused = refusal(&vec![0; limits::COMPONENT_BYTES + 1]);
        assert_eq!(refused.rule, "module-bytes");
        assert!(refused.message.contains("33554432"), "{refused}");
    }

    #[test]
    fn features_that_are_not_for_guests() {
        let relaxed = "
            (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
            (call $ok (i32.const 0) (i32.const 0))";
        let refused = refusal(&Guest { run: relaxed, ..Guest::default() }.build());
        assert_eq!(refused.rule, "invalid-wasm");
        assert!(refused.message.contains("relaxed SIMD"), "{refused}");
        let refused = refusal(&Guest { items: "(memory $second 1)", ..Guest::default() }.build());
        assert_eq!(refused.rule, "invalid-wasm");
        assert!(refused.message.contains("multiple memories"), "{refused}");
    }

    #[test]
    fn features_that_guests_have() {
        let body = "
            (drop (v128.bitselect (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
            (drop (i32.trunc_sat_f32_s (f32.const 1)))
            (drop (i32.extend8_s (i32.const 1)))
            (memory.copy (i32.const 0) (i32.const 8) (i32.const 8))
            (return_call $ok (i32.const 0) (i32.const 0))";
        assert!(run(&Guest { run: body, ..Guest::default() }, "{}").result.is_ok());
    }

    #[test]
    fn a_memory_or_table_that_starts_too_large() {
        assert_eq!(refusal(&Guest { memory: "1025", ..Guest::default() }.build()).rule, "memory");
        let items = "(table 32769 funcref)";
        assert_eq!(refusal(&Guest { items, ..Guest::default() }.build()).rule, "table");
    }

    #[test]
    fn more_tables_than_the_pool_gives_a_component() {
        let items = "(table 1 funcref)".repeat(5);
        let refused = refusal(&Guest { items: &items, ..Guest::default() }.build());
        assert_eq!(refused.rule, "compile");
        assert!(refused.message.contains('4'), "{refused}");
    }

    #[test]
    fn as_many_functions_as_are_admitted_fit_into_an_instance() {
        let count = 59_990;
        let functions = "(func)".repeat(count);
        let references = (0..count).map(|index| index.to_string()).collect::<Vec<_>>().join(" ");
        let items = format!("{functions} (elem declare func {references})");
        assert!(run(&Guest { items: &items, ..Guest::default() }, "{}").result.is_ok());
    }

    #[test]
    fn too_much_of_anything() {
        let functions = "(func)".repeat(60_001);
        assert_eq!(refusal(&Guest { items: &functions, ..Guest::default() }.build()).rule, "functions");
        let body = format!("(func {})", "(drop (i32.const 0))".repeat(400_000));
        assert_eq!(refusal(&Guest { items: &body, ..Guest::default() }.build()).rule, "function-body");
        let branches = format!("(func (block $b (br_table {} (i32.const 0))))", "$b ".repeat(16_386));
        assert_eq!(refusal(&Guest { items: &branches, ..Guest::default() }.build()).rule, "br-table");
        let data = format!("(core module {})", r#"(data "")"#.repeat(50_001));
        assert_eq!(refusal(&wat::parse_str(format!("(component {data} {data})")).unwrap()).rule, "data-segments");
        let nested = format!("(component {})", "(core module)".repeat(129));
        assert_eq!(refusal(&wat::parse_str(nested).unwrap()).rule, "nested-modules");
        let types = format!("(component {})", "(type (func))".repeat(8_001));
        assert_eq!(refusal(&wat::parse_str(types).unwrap()).rule, "types");
    }

    #[test]
    fn an_import_other_than_the_log_is_named() {
        let wit = WIT.replace("import log;", "import log; import clock;") + "interface clock { now: func() -> u64; }";
        let guest = Guest {
            imports: r#"(import "rosehip:behavior/clock@1.0.0" "now" (func $now (result i64)))"#,
            run: "(drop (call $now)) (call $ok (i32.const 0) (i32.const 0))",
            ..Guest::default()
        };
        let refused = refusal(&component(&wit, &guest.wat()));
        assert_eq!(refused.rule, "import");
        assert!(refused.message.contains("rosehip:behavior/clock@1.0.0"), "{refused}");
    }

    #[test]
    fn a_function_that_the_log_does_not_have_is_named() {
        let wit = WIT.replace("write: func", "flush: func(); write: func");
        let guest = Guest {
            imports: r#"(import "rosehip:behavior/log@1.0.0" "flush" (func $flush))"#,
            run: "(call $flush) (call $ok (i32.const 0) (i32.const 0))",
            ..Guest::default()
        };
        let refused = refusal(&component(&wit, &guest.wat()));
        assert_eq!(refused.rule, "import");
        assert!(refused.message.contains("flush"), "{refused}");
    }

    #[test]
    fn a_log_of_another_type_is_refused() {
        let wit = WIT.replace("write: func(level: level, message: string)", "write: func(level: u32, message: string)");
        let guest = Guest {
            imports: LOG,
            run: "(call $log (i32.const 0) (i32.const 0) (i32.const 0)) unreachable",
            ..Guest::default()
        };
        let refused = refusal(&component(&wit, &guest.wat()));
        assert_eq!(refused.rule, "import");
        assert!(refused.message.contains("write"), "{refused}");
    }

    #[test]
    fn an_export_that_is_missing_is_named() {
        let wit = "package rosehip:behavior@1.0.0; interface other { f: func(); } world behavior { export other; }";
        let refused = refusal(&component(wit, r#"(module (func (export "rosehip:behavior/other@1.0.0#f")))"#));
        assert_eq!(refused.rule, "missing-export");
        assert!(refused.message.contains("rosehip:behavior/guest@1.0.0"), "{refused}");

        let wit = "package rosehip:behavior@1.0.0; interface guest { run: func(); } world behavior { export guest; }";
        let refused = refusal(&component(wit, r#"(module (func (export "rosehip:behavior/guest@1.0.0#run")))"#));
        assert_eq!(refused.rule, "missing-export");
        assert!(refused.message.contains("describe"), "{refused}");
    }

    #[test]
    fn an_export_of_another_type_is_named() {
        for (right, wrong) in [
            ("run: func(call: string)", "run: func(call: list<u8>)"),
            ("result<string, failure>", "result<list<u8>, failure>"),
            ("retry(string)", "again(string)"),
            ("fatal(string)", "fatal(list<u8>)"),
        ] {
            assert!(WIT.contains(right), "the contract has {right}");
            let refused = refusal(&component(&WIT.replace(right, wrong), &Guest::default().wat()));
            assert_eq!(refused.rule, "missing-export", "{wrong}");
            assert!(refused.message.contains("run"), "{refused}");
        }
    }

    #[test]
    fn loading_again_changes_nothing() {
        let engine = engine();
        let wasm = Guest::default().build();
        let digest = load(&engine, &wasm);
        assert_eq!(load(&engine, &wasm), digest);
        assert!(engine.run(digest, "{}").is_ok());
    }
}
