//! What stops a guest: fuel, memory, stack, input and output.

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
    let digest = load(&engine, &Guest { run: "(call $ok (local.get $ptr) (i32.const 4))", ..Guest::default() }.build());
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
    let guest = Guest { memory: "40", run: "(call $fatal (i32.const 2048) (i32.const 1048577))", ..Guest::default() };
    assert_eq!(stopped(&run(&guest, "{}")).0, "output-bytes");
}
