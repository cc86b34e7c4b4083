//! What a guest logs, and where it is cut.

use super::*;

fn line(level: GuestLogLevel, message: &str) -> GuestLogLine {
    GuestLogLine { level, message: message.to_owned() }
}

#[test]
fn lines_are_kept_in_order_with_their_level() {
    for abi in Abi::BOTH {
        let guest = Guest {
            logs: true,
            items: r#"(data (i32.const 0) "onetwo")"#,
            run: "
                (call $log (i32.const 0) (i32.const 0) (i32.const 3))
                (call $log (i32.const 3) (i32.const 3) (i32.const 3))
                (call $log (i32.const 2) (local.get $ptr) (local.get $len))
                (call $log (i32.const 1) (i32.const 0) (i32.const 0))
                (call $done)",
            ..Guest::default()
        };
        let log = run(abi, &guest, "three").log;
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
}

#[test]
fn lines_before_a_trap_are_kept() {
    for abi in Abi::BOTH {
        let run_body = "(call $log (i32.const 1) (local.get $ptr) (local.get $len)) unreachable";
        let report = run(abi, &Guest { logs: true, run: run_body, ..Guest::default() }, "last words");
        assert_eq!(stopped(&report).0, "trap");
        assert_eq!(report.log, [line(GuestLogLevel::Info, "last words")]);
    }
}

#[test]
fn a_log_is_cut_and_the_call_goes_on() {
    for abi in Abi::BOTH {
        let run_body = "
            (local $left i32)
            (local.set $left (i32.const 100))
            (loop $again
                (call $log (i32.const 1) (local.get $ptr) (local.get $len))
                (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
            (call $done)";
        let guest = Guest { logs: true, run: run_body, ..Guest::default() };
        let report = run(abi, &guest, &"é".repeat(5_000));
        assert!(report.result.is_ok(), "{:?}", report.result);
        let bytes: usize = report.log.iter().map(|line| line.message.len()).sum();
        assert!(bytes <= limits::GUEST_LOG_BYTES && bytes > limits::GUEST_LOG_BYTES - 256, "{bytes} bytes of log");
    }
}

#[test]
fn a_long_line_is_cut_and_the_call_goes_on() {
    for abi in Abi::BOTH {
        let run_body = "(call $log (i32.const 1) (i32.const 0) (i32.const 2000000)) (call $done)";
        let report = run(abi, &Guest { logs: true, memory: "64", run: run_body, ..Guest::default() }, "{}");
        assert_eq!(report.result.as_deref(), Ok("null"));
        assert_eq!(report.log.len(), 1);
        assert_eq!(report.log[0].message.len(), limits::GUEST_LOG_BYTES - 16);
    }
}

#[test]
fn a_line_that_wasmtime_does_not_hand_over_stops_a_component() {
    let run_body = "(call $log (i32.const 1) (i32.const 0) (i32.const 3000000)) (call $done)";
    let guest = Guest { logs: true, memory: "64", run: run_body, ..Guest::default() };
    assert_eq!(stopped(&run(Abi::Component, &guest, "{}")).0, "log-bytes");
    assert_eq!(run(Abi::Core, &guest, "{}").result.as_deref(), Ok("null"));
}

#[test]
fn logging_without_end_runs_out_of_fuel() {
    for abi in Abi::BOTH {
        let run_body =
            "(loop $forever (call $log (i32.const 1) (i32.const 0) (i32.const 9)) (br $forever)) unreachable";
        let report = run(abi, &Guest { logs: true, run: run_body, ..Guest::default() }, "{}");
        assert_eq!(stopped(&report).0, "fuel");
        assert_eq!(report.fuel, 100_000_000 + 2 * 4_000);
    }
}

#[test]
fn a_line_that_is_no_text_or_has_no_level_stops_the_guest() {
    for abi in Abi::BOTH {
        for body in [
            "(call $log (i32.const 1) (i32.const 0) (i32.const 2)) unreachable",
            "(call $log (i32.const 1) (i32.const -1) (i32.const 2)) unreachable",
            "(call $log (i32.const 9) (i32.const 0) (i32.const 0)) unreachable",
        ] {
            let items = r#"(data (i32.const 0) "\ff\fe")"#;
            let report = run(abi, &Guest { logs: true, items, run: body, ..Guest::default() }, "{}");
            assert_eq!(stopped(&report).0, "abi", "{body}: {:?}", report.result);
        }
    }
}
