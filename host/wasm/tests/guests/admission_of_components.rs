//! Components that are refused, each by its rule.

use super::*;

#[test]
fn more_tables_than_the_pool_gives_a_component() {
    let items = "(table 1 funcref)".repeat(5);
    let refused = refusal(&Guest { items: &items, ..Guest::default() }.build(Abi::Component));
    assert_eq!(refused.rule, "compile");
    assert!(refused.message.contains('4'), "{refused}");
}

#[test]
fn an_import_other_than_the_log_is_named() {
    let wit = WIT.replace("import log;", "import log; import clock;") + "interface clock { now: func() -> u64; }";
    let guest = Guest {
        imports: r#"(import "rosehip:behavior/clock@1.0.0" "now" (func $now (result i64)))"#,
        run: "(drop (call $now)) (call $done)",
        ..Guest::default()
    };
    let refused = refusal(&component(&wit, &guest.wat(Abi::Component)));
    assert_eq!(refused.rule, "import");
    assert!(refused.message.contains("rosehip:behavior/clock@1.0.0"), "{refused}");
}

#[test]
fn a_function_that_the_log_does_not_have_is_named() {
    let wit = WIT.replace("write: func", "flush: func(); write: func");
    let guest = Guest {
        imports: r#"(import "rosehip:behavior/log@1.0.0" "flush" (func $flush))"#,
        run: "(call $flush) (call $done)",
        ..Guest::default()
    };
    let refused = refusal(&component(&wit, &guest.wat(Abi::Component)));
    assert_eq!(refused.rule, "import");
    assert!(refused.message.contains("flush"), "{refused}");
}

#[test]
fn a_log_of_another_type_is_refused() {
    let wit = WIT.replace("write: func(level: level, message: string)", "write: func(level: u32, message: string)");
    let guest = Guest {
        logs: true,
        run: "(call $log (i32.const 0) (i32.const 0) (i32.const 0)) unreachable",
        ..Guest::default()
    };
    let refused = refusal(&component(&wit, &guest.wat(Abi::Component)));
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
        let refused = refusal(&component(&WIT.replace(right, wrong), &Guest::default().wat(Abi::Component)));
        assert_eq!(refused.rule, "missing-export", "{wrong}");
        assert!(refused.message.contains("run"), "{refused}");
    }
}

#[test]
fn as_many_functions_as_are_admitted_fit_into_an_instance() {
    let count = 59_990;
    let functions = "(func)".repeat(count);
    let references = (0..count).map(|index| index.to_string()).collect::<Vec<_>>().join(" ");
    let items = format!("{functions} (elem declare func {references})");
    assert!(run(Abi::Component, &Guest { items: &items, ..Guest::default() }, "{}").result.is_ok());
}

#[test]
fn too_much_of_anything_in_a_component() {
    let functions = "(func)".repeat(60_001);
    assert_eq!(refusal(&Guest { items: &functions, ..Guest::default() }.build(Abi::Component)).rule, "functions");
    let body = format!("(func {})", "(drop (i32.const 0))".repeat(400_000));
    assert_eq!(refusal(&Guest { items: &body, ..Guest::default() }.build(Abi::Component)).rule, "function-body");
    let branches = format!("(func (block $b (br_table {} (i32.const 0))))", "$b ".repeat(16_386));
    assert_eq!(refusal(&Guest { items: &branches, ..Guest::default() }.build(Abi::Component)).rule, "br-table");
    let data = format!("(core module {})", r#"(data "")"#.repeat(50_001));
    assert_eq!(refusal(&wat::parse_str(format!("(component {data} {data})")).unwrap()).rule, "data-segments");
    let nested = format!("(component {})", "(core module)".repeat(129));
    assert_eq!(refusal(&wat::parse_str(nested).unwrap()).rule, "nested-modules");
    let types = format!("(component {})", "(type (func))".repeat(8_001));
    assert_eq!(refusal(&wat::parse_str(types).unwrap()).rule, "types");
}
