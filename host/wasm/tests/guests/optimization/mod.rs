//! However machine code is optimised, a guest does the same: its answers, its fuel, its log and the way it traps. So what a
//! host recorded is replayed on any level, byte for byte.
//!
//! Each level is the real engine of a host, compiled by cranelift at that level.

mod flow;
mod programs;

use rosehip_wasm::Optimization;

use self::{
    flow::{Flow, Recorded},
    programs::{PROGRAMS, Program, STEPS},
};
use super::*;

const LEVELS: [Optimization; 3] = [Optimization::None, Optimization::Speed, Optimization::SpeedAndSize];

/// An engine of each level.
fn engines() -> [WasmEngine; 3] {
    // Code that is not optimised burns its fuel more slowly: on a busy machine the clock must not end a call first.
    let options =
        |optimization| EngineOptions { optimization, epoch_fuse: Duration::from_mins(10), ..EngineOptions::new(1) };
    LEVELS.map(|level| WasmEngine::new(&options(level)).expect("a pool for a call fits"))
}

/// What the levels make of a guest: one report where they agree, and else the first that differs with its level.
fn agreed(engines: &[WasmEngine; 3], wasm: &[u8], call: &str) -> GuestReport {
    let reports = engines.each_ref().map(|engine| {
        let digest = load(engine, wasm);
        engine.run(digest, call, &Surroundings::of_describe(0)).expect("the guest is loaded")
    });
    let [first, others @ ..] = reports;
    for (level, other) in LEVELS[1..].iter().zip(others) {
        assert_eq!(other, first, "{level:?} beside {:?}", LEVELS[0]);
    }
    first
}

#[test]
fn programs_do_the_same_and_cost_the_same_at_each_level() {
    let engines = engines();
    for Program { name, run, ends } in PROGRAMS {
        for abi in Abi::BOTH {
            let guest = Guest { items: programs::ITEMS, logs: true, run, ..Guest::default() };
            let report = agreed(&engines, &guest.build(abi), r#"{"v":1,"node":"f","input":{"n":[3,5,8,13]}}"#);
            let ended = match &report.result {
                Ok(_) => "answers",
                Err(GuestFailure::Retry(_)) => "retry",
                Err(GuestFailure::Fatal(_)) => "fatal",
                Err(GuestFailure::Stopped { rule, .. } | GuestFailure::Host { rule, .. }) => *rule,
            };
            assert_eq!(ended, *ends, "{name} as {abi:?}: {:?}", report.result);
            assert!(report.fuel > 1_000, "{name} as {abi:?} has used {} of its fuel", report.fuel);
        }
    }
}

/// The bytes that a program answers with.
fn told(name: &str) -> Vec<u8> {
    let program = PROGRAMS.iter().find(|program| program.name == name).expect("it is there");
    let guest = Guest { items: programs::ITEMS, logs: true, run: program.run, ..Guest::default() };
    let report = agreed(&engines(), &guest.build(Abi::Core), r#"{"v":1}"#);
    let outcome: serde_json::Value = serde_json::from_str(&report.result.expect("it answers")).expect("JSON");
    support::unhex(outcome["output"].as_str().expect("hexadecimal"))
}

#[test]
fn floats_are_numbers_and_no_nan() {
    let bytes = told("floats");
    let sum = f64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let single = f32::from_le_bytes(bytes[8..12].try_into().expect("four bytes"));
    assert!(sum.is_normal() && single.is_normal(), "{sum} and {single}: the program proves nothing");
}

/// What a computation makes of NaN is the canonical one, whatever the processor would make of it. What only moves bits about
/// (`neg`, `copysign`, `select`) leaves them as they are, and so do `promote` and `demote`: those hand on the payload.
#[test]
fn a_nan_that_is_computed_is_the_canonical_one() {
    let bytes = told("the bits of NaN");
    let double = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    for at in (0..=80).step_by(8).chain((128..176).step_by(8)) {
        assert_eq!(format!("{:#x}", double(at)), "0x7ff8000000000000", "at {at}");
    }
    assert_eq!([88, 96, 120].map(double), [0xfff4_0000_dead_beef, 0x7ff8_0000_1234_5678, 0xfff8_0000_1234_5678]);
}

/// How deep a recursion may go depends on the size of its frames, and so on the compiler: only how it ends is promised to be
/// the same, and not after how many calls and with how much fuel.
#[test]
fn a_stack_ends_in_the_same_way() {
    let engines = engines();
    let items = "(func $deeper (param i32 i64 i64 i64) (result i64)
        (i64.add (i64.mul (local.get 1) (i64.mul (local.get 2) (local.get 3))) (call $deeper
            (i32.add (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 3))
            (i64.rotl (local.get 2) (local.get 1)) (i64.sub (local.get 3) (local.get 2)))))";
    let run = "(drop (call $deeper (local.get $len) (i64.const 1) (i64.const 2) (i64.const 3))) unreachable";
    let wasm = Guest { items, run, ..Guest::default() }.build(Abi::Core);
    let reports = engines.each_ref().map(|engine| {
        let digest = load(engine, &wasm);
        engine.run(digest, "{}", &Surroundings::of_describe(0)).expect("the guest is loaded")
    });
    for report in &reports {
        assert_eq!((stopped(report), report.log.len()), (stopped(&reports[0]), 0));
    }
}

#[test]
fn flows_are_recorded_byte_for_byte_the_same_at_each_level_and_replayed_at_each_other() {
    let engines = engines();
    for abi in Abi::BOTH {
        let wasm = Guest { items: programs::ITEMS, logs: true, run: STEPS, ..Guest::default() }.build(abi);
        for flow in Flow::ALL {
            let recorded = engines.each_ref().map(|engine| Recorded::on(engine, &wasm, flow));
            for (level, other) in LEVELS.iter().zip(&recorded) {
                assert_eq!(other.lines(), recorded[0].lines(), "{flow:?} as {abi:?}: {level:?} beside {:?}", LEVELS[0]);
                assert_eq!(other.head(), recorded[0].head());
            }
            assert_eq!(recorded[0].end(), flow.end(), "{}", recorded[0].lines());
            for (level, recorded) in LEVELS.iter().zip(&recorded) {
                for (other, engine) in LEVELS.iter().zip(&engines) {
                    recorded.assert_replays_on(
                        engine,
                        &format!("{flow:?} as {abi:?}, recorded at {level:?}, on {other:?}"),
                    );
                }
            }
        }
    }
}
