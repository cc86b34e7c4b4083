//! Imports that nobody grants.

use crate::{Abi, Class, Expect, Hostile, guest::Guest};

const IMPORT: Expect = Expect::Refused(&["import"]);

fn core(names: (&str, &'static str), imports: &'static str) -> Hostile {
    Hostile::of_guest(names, Class::Reach, Abi::Core, IMPORT, move |guest| guest.importing(imports))
}

fn component(stem: &str, what: &'static str, import: &'static str) -> Hostile {
    Hostile::of_bytes((format!("{stem}-component"), what), Class::Reach, Abi::Component, IMPORT, move || {
        wat::parse_str(format!("(component {import})")).expect("the component's WAT parses")
    })
}

pub(crate) fn guests() -> Vec<Hostile> {
    [of_core_modules(), of_components(), exports()].concat()
}

fn of_core_modules() -> Vec<Hostile> {
    vec![
        core(
            ("import-env", "a function of the host's own program"),
            r#"(import "env" "system" (func (param i32) (result i32)))"#,
        ),
        core(
            ("import-rosehip", "another function of the host"),
            r#"(import "rosehip" "dispatch" (func (param i32 i32) (result i32)))"#,
        ),
        core(
            ("import-log-otherwise", "the log with another signature"),
            r#"(import "rosehip" "log" (func (param i64) (result i64)))"#,
        ),
        core(
            ("import-itself", "its own function from the host"),
            r#"(import "rosehip" "rosehip_run" (func (param i32 i32) (result i64)))"#,
        ),
        core(
            ("import-http", "HTTP"),
            r#"(import "wasi:http/outgoing-handler@0.2.0" "handle" (func (param i32 i32) (result i32)))"#,
        ),
        core(
            ("import-wasi-unstable", "an interface of the system from before it had a version"),
            r#"(import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#,
        ),
        core(
            ("import-wasi-unknown", "a function that the system interface does not have"),
            r#"(import "wasi_snapshot_preview1" "fork" (func (result i32)))"#,
        ),
        core(
            ("import-wasi-otherwise", "a function of the system interface with another signature"),
            r#"(import "wasi_snapshot_preview1" "random_get" (func (param i64 i64) (result i64)))"#,
        ),
        core(("import-memory", "a memory of the host's"), r#"(import "env" "theirs" (memory 1))"#)
            .expecting(Expect::Refused(&["import", "invalid-wasm"])),
        core(
            ("import-table", "a table of the host's"),
            r#"(import "env" "__indirect_function_table" (table 1 funcref))"#,
        ),
        core(("import-global", "a global of the host's"), r#"(import "env" "__stack_pointer" (global (mut i32)))"#),
    ]
}

fn of_components() -> Vec<Hostile> {
    vec![
        component("import-http", "HTTP", r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))"#),
        component(
            "import-key-value",
            "a store of keys and values",
            r#"(import "wasi:keyvalue/store@0.2.0-draft" (instance))"#,
        ),
        component(
            "import-neural-network",
            "a neural network",
            r#"(import "wasi:nn/graph@0.2.0-rc-2024-10-28" (instance))"#,
        ),
        component(
            "import-rosehip",
            "another interface of the host",
            r#"(import "rosehip:behavior/dispatch@1.0.0" (instance))"#,
        ),
        component(
            "import-itself",
            "the interface that it should export",
            r#"(import "rosehip:behavior/guest@1.0.0" (instance))"#,
        ),
        component(
            "import-log-of-later",
            "the log of a version that there is not",
            r#"(import "rosehip:behavior/log@2.0.0" (instance))"#,
        ),
        component(
            "import-function",
            "a function of the host's own program",
            r#"(import "system" (func (param "command" string)))"#,
        ),
        component("import-component", "another component", r#"(import "other" (component))"#),
        component("import-module", "a core module", r#"(import "other" (core module))"#),
        Hostile::of_bytes(
            ("import-log-otherwise-component".to_owned(), "the log with another signature"),
            Class::Reach,
            Abi::Component,
            Expect::Refused(&["import", "missing-export"]),
            || {
                wat::parse_str(r#"(component (import "rosehip:behavior/log@1.0.0" (instance (export "write" (func (result u64))))))"#)
                    .expect("the component's WAT parses")
            },
        ),
    ]
}

/// Exports that are not there, or are not what they should be.
fn exports() -> Vec<Hostile> {
    const MISSING: &[&str] = &["missing-export"];
    let core = |name: &str, what: &'static str, rules: &'static [&'static str], items: &'static str| {
        Hostile::of_bytes((name.to_owned(), what), Class::Reach, Abi::Core, Expect::Refused(rules), move || {
            wat::parse_str(format!("(module {items})")).expect("the module's WAT parses")
        })
    };
    vec![
        core("exports-nothing", "exports nothing", MISSING, ""),
        core(
            "exports-no-memory",
            "has functions and no memory",
            MISSING,
            r#"(func (export "rosehip_abi_version") (result i32) (i32.const 1))
            (func (export "rosehip_alloc") (param i32) (result i32) (i32.const 0))
            (func (export "rosehip_describe") (result i64) (i64.const 0))
            (func (export "rosehip_run") (param i32 i32) (result i64) (i64.const 0))"#,
        ),
        core(
            "exports-otherwise",
            "its run takes no call",
            MISSING,
            r#"(memory (export "memory") 1) (func (export "rosehip_abi_version") (result i32) (i32.const 1))
            (func (export "rosehip_alloc") (param i32) (result i32) (i32.const 0))
            (func (export "rosehip_describe") (result i64) (i64.const 0))
            (func (export "rosehip_run") (result i64) (i64.const 0))"#,
        ),
        core(
            "exports-a-global-as-run",
            "its run is a number",
            MISSING,
            r#"(memory (export "memory") 1) (func (export "rosehip_abi_version") (result i32) (i32.const 1))
            (func (export "rosehip_alloc") (param i32) (result i32) (i32.const 0))
            (func (export "rosehip_describe") (result i64) (i64.const 0))
            (global (export "rosehip_run") i64 (i64.const 0))"#,
        ),
        Hostile::of_guest(
            ("exports-start", "is a program, not a library"),
            Class::Reach,
            Abi::Core,
            Expect::Refused(&["command"]),
            |guest: Guest| guest.with(r#"(func (export "_start"))"#),
        ),
        Hostile::of_guest(
            ("version-of-later", "speaks a version of the ABI that there is not"),
            Class::Reach,
            Abi::Core,
            Expect::Refused(&["abi"]),
            |guest: Guest| Guest { version: "(i32.const 2)".to_owned(), ..guest },
        ),
    ]
}
