//! What only the ABI of core modules has: pointers packed into numbers, an envelope of JSON, a version, an initializer.

use super::*;

fn answer(body: &str) -> GuestReport {
    run(Abi::Core, &Guest { run: body, ..Guest::default() }, "{}")
}

/// A guest that returns `text` from `run` as it is.
fn returning(text: &str) -> GuestReport {
    let data = support::escaped(text.as_bytes());
    let items = format!(r#"(data (i32.const 65536) "{data}")"#);
    let body = format!("(call $text (i32.const 65536) (i32.const {}))", text.len());
    run(Abi::Core, &Guest { items: &items, run: &body, memory: "40", ..Guest::default() }, "{}")
}

#[test]
fn a_pointer_or_length_that_cannot_be_stops_the_guest() {
    for body in [
        "(i64.const -1)",
        "(call $text (i32.const -16) (i32.const 8))",
        "(call $text (i32.const 131070) (i32.const 8))",
        "(call $text (i32.const 131073) (i32.const 0))",
        "(call $text (i32.const 0) (i32.const -1))",
        // Their sum is 8 in 32 bits.
        "(call $text (i32.const -8) (i32.const 16))",
        "(call $text (i32.const 0x80000000) (i32.const 0x80000000))",
    ] {
        let report = answer(body);
        assert_eq!(stopped(&report).0, "abi", "{body}: {:?}", report.result);
    }
    // Sound, but nothing: the end of memory is in memory.
    let report = answer("(call $text (i32.const 131072) (i32.const 0))");
    assert_eq!(stopped(&report).0, "envelope");
}

#[test]
fn memory_is_measured_after_the_call() {
    let body = "(drop (memory.grow (i32.const 1)))
        (memory.copy (i32.const 131072) (i32.const 0) (i32.const 10))
        (call $text (i32.const 131072) (i32.const 10))";
    let items = r#"(data (i32.const 0) "{\"ok\":\"in\"}   ")"#;
    let body = body.replace("10", "11");
    assert_eq!(run(Abi::Core, &Guest { items, run: &body, ..Guest::default() }, "{}").result.as_deref(), Ok("\"in\""));
}

#[test]
fn an_allocator_without_room_is_named_memory() {
    let report = run(Abi::Core, &Guest { alloc: "(i32.const 0)", ..Guest::default() }, "{}");
    let (rule, message) = stopped(&report);
    assert_eq!(rule, "memory");
    assert!(message.contains("rosehip_alloc") && message.contains("2 bytes"), "{message}");
}

#[test]
fn an_allocator_that_points_outside_stops_the_guest() {
    for alloc in ["(i32.const -1)", "(i32.const 131071)", "(i32.const 0x7fffffff)"] {
        let report = run(Abi::Core, &Guest { alloc, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "abi", "{alloc}: {:?}", report.result);
    }
}

#[test]
fn a_guest_that_overlaps_its_own_input_harms_itself_only() {
    // The allocator gives the same place each time, over the guest's own data; the answer is what lies there then.
    let guest =
        Guest { alloc: "(i32.const 1040)", run: "(call $text (i32.const 1040) (local.get $len))", ..Guest::default() };
    let engine = engine();
    let digest = load(&engine, &guest.build(Abi::Core));
    let surroundings = Surroundings::of_describe(0);
    let text = r#"{"ok":[1]}"#;
    for _ in 0..2 {
        assert_eq!(engine.run(digest, text, &surroundings).unwrap().result.as_deref(), Ok("[1]"));
        assert_eq!(engine.describe(digest, &surroundings).unwrap().result.as_deref(), Ok(r#"{"v":1}"#));
    }
}

#[test]
fn another_version_is_named() {
    let wat = Guest::default().wat(Abi::Core);
    for version in ["0", "2", "-1"] {
        let wat = wat.replace("(result i32) (i32.const 1))", &format!("(result i32) (i32.const {version}))"));
        let engine = engine();
        let digest = load(&engine, &wat::parse_str(&wat).unwrap());
        let surroundings = Surroundings::of_describe(0);
        for report in [engine.describe(digest, &surroundings), engine.run(digest, "{}", &surroundings)] {
            let report = report.unwrap();
            let (rule, message) = stopped(&report);
            assert_eq!(rule, "abi");
            assert!(message.contains(&format!("rosehip_abi_version returned {version}")), "{message}");
        }
    }
}

#[test]
fn the_initializer_runs_once_before_everything() {
    let items = r#"
        (global $started (mut i32) (i32.const 48))
        (func $start (global.set $started (i32.const 49)))
        (start $start)
        (data (i32.const 0) "{\"ok\":\"    \"}")
        (func (export "_initialize")
            (i32.store8 (i32.const 7) (global.get $started))
            (i32.store8 (i32.const 8) (i32.add (i32.const 48) (i32.load8_u (i32.const 16))))
            (i32.store8 (i32.const 16) (i32.add (i32.const 1) (i32.load8_u (i32.const 16)))))"#;
    let guest = Guest {
        items,
        alloc: "(i32.store8 (i32.const 9) (i32.add (i32.const 48) (i32.load8_u (i32.const 16)))) (i32.const 4096)",
        run: "
            (i32.store8 (i32.const 10) (i32.add (i32.const 48) (i32.load8_u (i32.const 16))))
            (call $text (i32.const 0) (i32.const 13))",
        describe: "(call $text (i32.const 6) (i32.const 3))",
        ..Guest::default()
    };
    let engine = engine();
    let digest = load(&engine, &guest.build(Abi::Core));
    let surroundings = Surroundings::of_describe(0);
    // The start function had run, the counter was 0 before the initializer and 1 ever after.
    assert_eq!(engine.run(digest, "{}", &surroundings).unwrap().result.as_deref(), Ok("\"1011\""));
    assert_eq!(engine.describe(digest, &surroundings).unwrap().result.as_deref(), Ok("\"10"));
}

#[test]
fn an_initializer_without_end_runs_out_of_fuel() {
    let items = r#"(func (export "_initialize") (loop $forever (br $forever)))"#;
    let report = run(Abi::Core, &Guest { items, ..Guest::default() }, "{}");
    assert_eq!(stopped(&report).0, "fuel");
}

#[test]
fn a_version_without_end_runs_out_of_fuel() {
    let wat = Guest::default().wat(Abi::Core);
    let wat = wat.replace("(result i32) (i32.const 1))", "(result i32) (loop $forever (br $forever)) unreachable)");
    assert_eq!(stopped(&run_wasm(&wat::parse_str(wat).unwrap(), "{}")).0, "fuel");
}

#[test]
fn an_abort_says_why() {
    let import = r#"(import "env" "abort" (func $abort (param i32 i32 i32 i32)))"#;
    let utf16 = |text: &str| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        support::escaped(&bytes)
    };
    let items = format!(
        r#"(data (i32.const 0) "\0c\00\00\00{}") (data (i32.const 64) "\08\00\00\00{}")"#,
        utf16("broken"),
        utf16("a.ts")
    );
    let abort = |arguments: &str| {
        let body = format!("(call $abort {arguments}) unreachable");
        run(Abi::Core, &Guest { imports: import, items: &items, run: &body, ..Guest::default() }, "{}")
    };
    let report = abort("(i32.const 4) (i32.const 68) (i32.const 7) (i32.const 9)");
    assert_eq!(stopped(&report), ("trap", "the guest aborted: broken at a.ts:7:9 (in run)"));
    let report = abort("(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)");
    assert_eq!(stopped(&report), ("trap", "the guest aborted: no message (in run)"));
    let report = abort("(i32.const -1) (i32.const 131076) (i32.const 0) (i32.const 0)");
    assert_eq!(stopped(&report), ("trap", "the guest aborted: no message (in run)"));
}

#[test]
fn an_outcome_keeps_the_bytes_that_the_guest_wrote() {
    let report = returning("{ \"ok\" : {\"output\":1.50,\"output\":2} } \n");
    assert_eq!(report.result.as_deref(), Ok(r#"{"output":1.50,"output":2}"#));
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(returning(&format!(r#"{{"ok":{deep}}}"#)).result, Ok(deep));
}

#[test]
fn a_failure_is_a_text() {
    assert_eq!(returning(r#"{"err":{"retry":"\u00e9"}}"#).result, Err(GuestFailure::Retry("é".to_owned())));
    assert_eq!(returning(r#"{"err":{"fatal":""}}"#).result, Err(GuestFailure::Fatal(String::new())));
}

#[test]
fn an_envelope_is_one_of_three() {
    for text in [
        "",
        "null",
        "{}",
        "[]",
        r#"{"ok":1,"ok":2}"#,
        r#"{"ok":1,"err":{"fatal":"no"}}"#,
        r#"{"ok":1} {"ok":1}"#,
        r#"{"OK":1}"#,
        r#"{"output":1}"#,
        r#"{"err":"no"}"#,
        r#"{"err":{}}"#,
        r#"{"err":{"fatal":null}}"#,
        r#"{"err":{"retry":"a","fatal":"b"}}"#,
        r#"{"err":{"retry":"a","retry":"b"}}"#,
        r#"{"err":{"retry":"\ud800"}}"#,
        &("{\"err\":".to_owned() + &"[".repeat(100_000)),
        &"{\"ok\":".repeat(100_000),
    ] {
        let report = returning(text);
        assert_eq!(stopped(&report).0, "envelope", "{:.100}: {:?}", text, report.result);
    }
}
