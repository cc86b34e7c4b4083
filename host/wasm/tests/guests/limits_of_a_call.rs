//! What stops a guest: fuel, memory, stack, input and output.

use super::*;

const FOREVER: &str = "(loop $forever (br $forever)) unreachable";

#[test]
fn a_loop_without_end_runs_out_of_fuel() {
    for abi in Abi::BOTH {
        let report = run(abi, &Guest { run: FOREVER, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
        assert_eq!(report.fuel, 100_000_000 + 2 * 4_000);
    }
}

#[test]
fn a_describe_without_end_runs_out_of_fuel() {
    for abi in Abi::BOTH {
        let engine = engine();
        let digest = load(&engine, &Guest { describe: FOREVER, ..Guest::default() }.build(abi));
        let report = engine.describe(digest, &Surroundings::of_describe(0)).unwrap();
        assert_eq!(stopped(&report).0, "fuel");
        assert_eq!(report.fuel, 100_000_000);
    }
}

#[test]
fn a_start_function_without_end_runs_out_of_fuel() {
    for abi in Abi::BOTH {
        let items = "(func $start (loop $forever (br $forever))) (start $start)";
        let report = run(abi, &Guest { items, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
    }
}

#[test]
fn an_allocator_without_end_runs_out_of_fuel() {
    for abi in Abi::BOTH {
        let report = run(abi, &Guest { alloc: FOREVER, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
    }
}

#[test]
fn recursion_without_end_exhausts_the_stack() {
    for abi in Abi::BOTH {
        let items = "(func $deeper (param i32) (result i32)
            (i32.add (i32.const 1) (call $deeper (i32.add (local.get 0) (i32.const 1)))))";
        let report = run(
            abi,
            &Guest { items, run: "(drop (call $deeper (i32.const 0))) unreachable", ..Guest::default() },
            "{}",
        );
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "stack");
        assert!(message.contains("deeper"), "{message}");
    }
}

#[test]
fn a_trap_after_denied_memory_is_named_memory() {
    for abi in Abi::BOTH {
        let run_body = "
            (loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 16)))))
            unreachable";
        let report = run(abi, &Guest { run: run_body, ..Guest::default() }, "{}");
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "memory");
        assert!(message.contains("64 MiB") && message.contains("memory_mib"), "{message}");
    }
}

#[test]
fn memory_is_what_the_call_was_granted() {
    for abi in Abi::BOTH {
        let grow = "(drop (memory.grow (i32.const 1200)))
            (if (i32.lt_u (memory.size) (i32.const 1200)) (then unreachable)) (call $done)";
        let engine = engine();
        let digest = load(&engine, &Guest { run: grow, ..Guest::default() }.build(abi));
        let surroundings = |mib: usize| Surroundings { memory_bytes: mib << 20, ..Surroundings::of_describe(0) };
        assert_eq!(engine.run(digest, "{}", &surroundings(80)).unwrap().result.as_deref(), Ok("null"));
        let report = engine.run(digest, "{}", &surroundings(70)).unwrap();
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "memory");
        assert!(message.contains("70 MiB"), "{message}");
    }
}

#[test]
fn a_memory_that_starts_larger_than_granted_is_named() {
    for abi in Abi::BOTH {
        let engine = engine();
        let digest = load(&engine, &Guest { memory: "4096", ..Guest::default() }.build(abi));
        let report = engine.run(digest, "{}", &Surroundings::of_describe(0)).unwrap();
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "memory");
        assert!(message.contains("64 MiB") && message.contains("memory_mib"), "{message}");
        let granted = Surroundings { memory_bytes: limits::GUEST_MEMORY_GRANTED_BYTES, ..Surroundings::of_describe(0) };
        assert_eq!(engine.run(digest, "{}", &granted).unwrap().result.as_deref(), Ok("{}"));
    }
}

#[test]
fn a_guest_may_live_with_denied_memory() {
    for abi in Abi::BOTH {
        // 16 pages less than the limit, which then are all that is left; and more than 32 bits can address.
        let run_body = "
            (local $denied i32)
            (local.set $denied (i32.eq (i32.const -1) (memory.grow (i32.const 65536))))
            (local.set $denied (i32.add (local.get $denied) (i32.eq (i32.const -1) (memory.grow (i32.const 1024)))))
            (local.set $denied (i32.add (local.get $denied) (i32.eq (i32.const -1) (memory.grow (i32.const 1022)))))
            (i32.store8 (i32.const 0) (i32.add (i32.const 48) (local.get $denied)))
            (call $ok (i32.const 0) (i32.const 1))";
        assert_eq!(run(abi, &Guest { run: run_body, ..Guest::default() }, "{}").result.as_deref(), Ok("2"));
    }
}

#[test]
fn memory_within_its_own_maximum_only() {
    for abi in Abi::BOTH {
        let run_body = "(if (i32.eq (i32.const -1) (memory.grow (i32.const 2))) (then unreachable)) unreachable";
        let report = run(abi, &Guest { memory: "2 3", run: run_body, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "memory");
    }
}

#[test]
fn a_trap_after_a_denied_table_is_named_table() {
    for abi in Abi::BOTH {
        let guest = Guest {
            items: "(table $table 1 funcref)",
            run: "(drop (table.grow $table (ref.null func) (i32.const 32768))) unreachable",
            ..Guest::default()
        };
        assert_eq!(stopped(&run(abi, &guest, "{}")).0, "table");
    }
}

#[test]
fn a_trap_names_itself_and_its_function() {
    for abi in Abi::BOTH {
        let items = "(func $render unreachable)";
        let report = run(abi, &Guest { items, run: "(call $render) unreachable", ..Guest::default() }, "{}");
        let (rule, message) = stopped(&report);
        assert_eq!(rule, "trap");
        assert_eq!(message, "wasm trap: wasm `unreachable` instruction executed (in render < run)");
        let report = run(
            abi,
            &Guest { run: "(drop (i32.div_s (i32.const 1) (i32.const 0))) unreachable", ..Guest::default() },
            "{}",
        );
        assert_eq!(stopped(&report), ("trap", "wasm trap: integer divide by zero (in run)"));
    }
}

#[test]
fn a_guest_that_runs_for_too_long_is_a_condition_of_the_host() {
    for abi in Abi::BOTH {
        let options = EngineOptions { epoch_fuse: Duration::from_millis(20), ..EngineOptions::new(1) };
        let engine = WasmEngine::new(&options).unwrap();
        let digest = load(&engine, &Guest { run: FOREVER, ..Guest::default() }.build(abi));
        // With the most fuel there is, the loop would take seconds.
        let report = engine.run(digest, &"x".repeat(limits::GUEST_INPUT_BYTES), &Surroundings::of_describe(0)).unwrap();
        assert!(matches!(report.result, Err(GuestFailure::Host { rule: "epoch", .. })), "{:?}", report.result);
    }
}

#[test]
fn the_longest_input_is_taken_and_a_longer_one_is_not() {
    for abi in Abi::BOTH {
        let engine = engine();
        let digest =
            load(&engine, &Guest { run: "(call $ok (local.get $ptr) (i32.const 4))", ..Guest::default() }.build(abi));
        let longest = "1".repeat(limits::GUEST_INPUT_BYTES);
        assert_eq!(engine.run(digest, &longest, &Surroundings::of_describe(0)).unwrap().result.as_deref(), Ok("1111"));
        let report = engine.run(digest, &(longest + "1"), &Surroundings::of_describe(0)).unwrap();
        assert_eq!(stopped(&report).0, "input-bytes");
        assert_eq!(report.fuel, 0);
    }
}

#[test]
fn the_longest_output_is_taken_and_a_longer_one_is_not() {
    for abi in Abi::BOTH {
        let engine = engine();
        let digest = load(&engine, &Guest::default().build(abi));
        let longest = format!("\"{}\"", "x".repeat(limits::GUEST_OUTPUT_BYTES - abi.envelope_bytes() - 2));
        assert_eq!(engine.run(digest, &longest, &Surroundings::of_describe(0)).unwrap().result, Ok(longest.clone()));
        let report = engine.run(digest, &(longest + "1"), &Surroundings::of_describe(0)).unwrap();
        assert_eq!(stopped(&report).0, "output-bytes");
    }
}

#[test]
fn an_output_far_beyond_the_limit_is_not_copied() {
    for abi in Abi::BOTH {
        let guest = Guest { memory: "200", run: "(call $ok (i32.const 0) (i32.const 10000000))", ..Guest::default() };
        assert_eq!(stopped(&run(abi, &guest, "{}")).0, "output-bytes");
    }
}

#[test]
fn a_failure_message_beyond_the_limit_is_refused_too() {
    for abi in Abi::BOTH {
        let guest =
            Guest { memory: "40", run: "(call $fatal (i32.const 2048) (i32.const 1048577))", ..Guest::default() };
        assert_eq!(stopped(&run(abi, &guest, "{}")).0, "output-bytes");
    }
}
