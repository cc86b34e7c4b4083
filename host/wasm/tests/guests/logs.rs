//! What a guest logs, and where it is cut.

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
