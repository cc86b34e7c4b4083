//! Modules that are refused, each by its rule.

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
                assert!(["not-wasm", "invalid-wasm", "missing-export"].contains(&refused.rule), "{length}: {refused}");
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
