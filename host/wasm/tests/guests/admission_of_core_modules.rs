//! Core modules that are refused, each by its rule.

use super::*;

fn refused_with(items: &str) -> GuestRefused {
    refusal(&Guest { items, ..Guest::default() }.build(Abi::Core))
}

fn importing(import: &str) -> Vec<u8> {
    Guest { imports: import, ..Guest::default() }.build(Abi::Core)
}

#[test]
fn too_much_of_anything_in_a_core_module() {
    let refused = refused_with(&"(func)".repeat(20_001));
    assert_eq!((refused.rule, refused.message.as_str()), ("functions", "the module has over 20000 functions"));
    let body = format!("(func {})", "(drop (i32.const 0))".repeat(100_000));
    assert_eq!(refused_with(&body).rule, "function-body");
    let branches = format!("(func (block $b (br_table {} (i32.const 0))))", "$b ".repeat(16_386));
    assert_eq!(refused_with(&branches).rule, "br-table");
    assert_eq!(refused_with(&r#"(data "")"#.repeat(100_001)).rule, "data-segments");
    assert_eq!(refused_with(&"(type (func))".repeat(8_001)).rule, "types");
    assert_eq!(refused_with(&"(table 1 funcref)".repeat(5)).rule, "tables");
    let exports = (0..16_001).map(|index| format!(r#"(export "{index}" (func $ok))"#)).collect::<Vec<_>>().concat();
    assert_eq!(refused_with(&exports).rule, "exports");
    let import = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
    assert_eq!(refusal(&importing(&import.repeat(65))).rule, "imports");
    assert!(run_wasm(&importing(&import.repeat(64)), "{}").result.is_ok());
}

#[test]
fn as_much_as_is_admitted_fits_into_an_instance() {
    let functions = "(func)".repeat(19_980);
    let references = (0..19_980).map(|index| index.to_string()).collect::<Vec<_>>().join(" ");
    let items = format!("{functions} (elem declare func {references}) (table 1 funcref) (table 32768 funcref)");
    assert!(run(Abi::Core, &Guest { items: &items, ..Guest::default() }, "{}").result.is_ok());
}

#[test]
fn an_import_that_guests_do_not_have_is_named() {
    for (import, name) in [
        (r#"(import "env" "now" (func (result i64)))"#, "env.now"),
        (r#"(import "rosehip" "send" (func))"#, "rosehip.send"),
        (r#"(import "wasi_snapshot_preview1" "fd_open" (func))"#, "wasi_snapshot_preview1.fd_open"),
        (
            r#"(import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
            "wasi_unstable.fd_write",
        ),
        (r#"(import "env" "memory" (memory 1))"#, "env.memory"),
        (r#"(import "env" "base" (global i32))"#, "env.base"),
        (r#"(import "env" "table" (table 1 funcref))"#, "env.table"),
    ] {
        let refused = match name {
            // Beside the memory that it has, this is a second one.
            "env.memory" => refusal_of(&format!("(module {import})")),
            _ => refusal(&importing(import)),
        };
        assert_eq!(refused.rule, "import", "{refused}");
        assert!(refused.message.contains(name), "{refused}");
    }
}

#[test]
fn an_import_of_another_type_is_named() {
    for (import, name) in [
        (r#"(import "rosehip" "log" (func (param i32 i32)))"#, "rosehip.log is not func(i32, i32, i32) -> ()"),
        (r#"(import "env" "abort" (func))"#, "env.abort is not func(i32, i32, i32, i32) -> ()"),
        (
            r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i64) (result i32)))"#,
            "func(i32, i32) -> (i32)",
        ),
        (r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32) (result i32)))"#, "func(i32) -> ()"),
        (r#"(import "wasi_snapshot_preview1" "random_get" (global i32))"#, "func(i32, i32) -> (i32)"),
    ] {
        let refused = refusal(&importing(import));
        assert_eq!(refused.rule, "import");
        assert!(refused.message.contains(name), "{refused}");
    }
}

#[test]
fn an_export_of_a_core_module_that_is_missing_or_another_is_named() {
    let whole = Guest::default().wat(Abi::Core);
    for (right, wrong) in [
        (r#"(memory (export "memory") 2)"#, "(memory 2)"),
        (r#"(memory (export "memory") 2)"#, r#"(memory 2) (global (export "memory") i32 (i32.const 0))"#),
        (r#"(export "rosehip_abi_version")"#, ""),
        (r#"(export "rosehip_alloc")"#, r#"(export "alloc")"#),
        (r#"(export "rosehip_describe")"#, ""),
        (r#"(export "rosehip_run")"#, ""),
        (r#"(export "rosehip_run")"#, r#"(export "rosehip_describe2")"#),
    ] {
        assert!(whole.contains(right), "the guest has {right}");
        let refused = refusal_of(&whole.replace(right, wrong));
        let name = right.split('"').nth(1).unwrap();
        assert_eq!(refused.rule, "missing-export");
        assert!(refused.message.contains(name), "{refused}");
    }
    for (name, right, wrong) in [
        ("rosehip_abi_version", "(result i32) (i32.const 1)", "(result i64) (i64.const 1)"),
        ("rosehip_alloc", "(param $new i32)", "(param $new i32) (param i32)"),
        (
            "rosehip_run",
            "(param $ptr i32) (param $len i32) (result i64)",
            "(param $ptr i32) (param $len i32) (param i32) (result i64)",
        ),
    ] {
        let (before, after) = whole.split_once(&format!("\"{name}\"")).unwrap();
        let refused = refusal_of(&format!("{before}\"{name}\"{}", after.replacen(right, wrong, 1)));
        assert_eq!(refused.rule, "missing-export");
        assert!(refused.message.contains(name), "{refused}");
    }
}

#[test]
fn a_program_and_a_wrong_initializer_are_refused() {
    let refused = refused_with(r#"(func (export "_start"))"#);
    assert_eq!(refused.rule, "command");
    assert!(refused.message.contains("_start"), "{refused}");
    let refused = refused_with(r#"(func (export "_initialize") (param i32))"#);
    assert_eq!(refused.rule, "missing-export");
    assert!(refused.message.contains("_initialize"), "{refused}");
}

#[test]
fn features_that_core_modules_do_not_have() {
    for (memory, items) in [
        ("i64 2", ""),
        ("2 3 shared", ""),
        ("2", "(func (drop (ref.null extern)) (drop (struct.new $s))) (type $s (struct))"),
        ("2", "(tag $oops) (func (throw $oops))"),
    ] {
        let wat = format!("(module (memory (export \"memory\") {memory}) {items})");
        assert_eq!(refusal_of(&wat).rule, "invalid-wasm", "{wat}");
    }
}
