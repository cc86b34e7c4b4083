//! Answers that are none: lying pointers, bad text.

use super::*;

#[test]
fn an_output_that_is_not_utf_8() {
    for abi in Abi::BOTH {
        let guest = Guest {
            items: r#"(data (i32.const 0) "ok\ff")"#,
            run: "(call $ok (i32.const 0) (i32.const 3))",
            ..Guest::default()
        };
        assert_eq!(stopped(&run(abi, &guest, "{}")).0, "output-utf8");
    }
}

#[test]
fn an_output_of_a_component_that_is_not_utf_16() {
    let wat = Guest {
        items: r#"(data (i32.const 0) "\00\d8\00\00")"#,
        run: "(call $ok (i32.const 0) (i32.const 2))",
        ..Guest::default()
    }
    .wat(Abi::Component);
    let report = run_wasm(&component_with(WIT, &wat, StringEncoding::UTF16), "");
    assert_eq!(stopped(&report).0, "output-utf8");
}

#[test]
fn an_output_of_a_component_outside_of_memory() {
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
        let report = run(Abi::Component, &Guest { run: body, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "abi", "{body}: {:?}", report.result);
    }
}

#[test]
fn an_allocator_that_lies() {
    for abi in Abi::BOTH {
        let report = run(abi, &Guest { alloc: "(i32.const -2)", ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "abi");
    }
}
