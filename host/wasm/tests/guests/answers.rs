//! What a well-behaved guest answers, and that each call is alone.

use super::*;

#[test]
fn describe_and_run_return_what_the_guest_returns() {
    for abi in Abi::BOTH {
        let engine = engine();
        let digest = load(&engine, &Guest::default().build(abi));
        let manifest = engine.describe(digest, &Surroundings::of_describe(0)).unwrap();
        assert_eq!(manifest.result.as_deref(), Ok(r#"{"v":1}"#));
        let outcome = engine.run(digest, r#"{"v":1,"node":"é"}"#, &Surroundings::of_describe(0)).unwrap();
        assert_eq!(outcome.result.as_deref(), Ok(r#"{"v":1,"node":"é"}"#));
        assert!(outcome.fuel > 0 && outcome.fuel < 1_000, "a trivial call used {} fuel", outcome.fuel);
        assert!(outcome.log.is_empty());
    }
}

#[test]
fn the_same_call_gives_the_same_report() {
    for abi in Abi::BOTH {
        let engine = engine();
        let digest = load(&engine, &Guest::default().build(abi));
        assert_eq!(
            engine.run(digest, "{}", &Surroundings::of_describe(0)).unwrap(),
            engine.run(digest, "{}", &Surroundings::of_describe(0)).unwrap()
        );
    }
}

#[test]
fn retry_and_fatal_are_told_apart() {
    for abi in Abi::BOTH {
        let retry = Guest { run: "(call $retry (local.get $ptr) (local.get $len))", ..Guest::default() };
        assert_eq!(run(abi, &retry, "later").result, Err(GuestFailure::Retry("later".to_owned())));
        let fatal = Guest { run: "(call $fatal (local.get $ptr) (local.get $len))", ..Guest::default() };
        assert_eq!(run(abi, &fatal, "never").result, Err(GuestFailure::Fatal("never".to_owned())));
    }
}

#[test]
fn a_guest_whose_strings_are_utf_16_is_understood() {
    let wasm = component_with(WIT, &Guest::default().wat(Abi::Component), StringEncoding::UTF16);
    let report = run_wasm(&wasm, "hé 🌹");
    assert_eq!(report.result.as_deref(), Ok("hé 🌹"));
}

#[test]
fn every_call_has_a_fresh_instance() {
    for abi in Abi::BOTH {
        let engine = engine();
        let counter = Guest {
            items: r#"(global $calls (mut i32) (i32.const 48)) (data (i32.const 512) "0")"#,
            run: "
                (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                (i32.store8 (i32.const 0) (global.get $calls))
                (i32.store8 (i32.const 512) (i32.add (i32.load8_u (i32.const 512)) (i32.const 1)))
                (i32.store8 (i32.const 1) (i32.load8_u (i32.const 512)))
                (call $ok (i32.const 0) (i32.const 2))",
            ..Guest::default()
        };
        let digest = load(&engine, &counter.build(abi));
        for _ in 0..5 {
            assert_eq!(engine.run(digest, "{}", &Surroundings::of_describe(0)).unwrap().result.as_deref(), Ok("11"));
        }
    }
}

#[test]
fn memory_of_one_guest_never_reaches_another() {
    for abi in Abi::BOTH {
        let engine = engine();
        let writer = Guest {
            memory: "64",
            run: "(memory.fill (i32.const 65536) (i32.const 115) (i32.const 4000000)) (call $done)",
            ..Guest::default()
        };
        // Traps if there is a byte that is not zero.
        let reader = Guest {
            memory: "64",
            run: "
                (local $found i32) (local $at i32)
                (local.set $at (i32.const 65536))
                (loop $next
                    (local.set $found (i32.add (local.get $found) (i32.ne (i32.const 0) (i32.load8_u (local.get $at)))))
                    (local.set $at (i32.add (local.get $at) (i32.const 1)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const 4065536))))
                (if (local.get $found) (then unreachable))
                (call $done)",
            ..Guest::default()
        };
        let writer = load(&engine, &writer.build(abi));
        let reader = load(&engine, &reader.build(abi));
        for _ in 0..4 {
            engine.run(writer, "{}", &Surroundings::of_describe(0)).unwrap().result.unwrap();
            assert_eq!(engine.run(reader, "", &Surroundings::of_describe(0)).unwrap().result.as_deref(), Ok("null"));
        }
    }
}

#[test]
fn calls_beyond_the_pool_wait_their_turn() {
    for abi in Abi::BOTH {
        let engine = Arc::new(WasmEngine::new(&EngineOptions::new(1)).unwrap());
        let digest = load(&engine, &Guest { memory: "100", ..Guest::default() }.build(abi));
        let together = Arc::new(Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let (engine, together) = (Arc::clone(&engine), Arc::clone(&together));
                thread::spawn(move || {
                    together.wait();
                    for call in 0..50 {
                        let text = format!("\"{thread}/{call}\"");
                        assert_eq!(engine.run(digest, &text, &Surroundings::of_describe(0)).unwrap().result, Ok(text));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_digest_that_is_not_loaded_is_an_error() {
    let digest = Digest::of(b"never loaded");
    assert!(
        matches!(engine().run(digest, "{}", &Surroundings::of_describe(0)), Err(GuestError::NotLoaded(named)) if named == digest)
    );
    assert!(
        matches!(engine().describe(digest, &Surroundings::of_describe(0)), Err(GuestError::NotLoaded(named)) if named == digest)
    );
}

#[test]
fn the_least_recently_used_module_leaves() {
    let engine = WasmEngine::new(&EngineOptions { loaded_modules: 1, ..EngineOptions::new(1) }).unwrap();
    let first = load(&engine, &Guest::default().build(Abi::Component));
    let second = load(&engine, &Guest::default().build(Abi::Core));
    assert!(matches!(engine.run(first, "{}", &Surroundings::of_describe(0)), Err(GuestError::NotLoaded(_))));
    assert!(engine.run(second, "{}", &Surroundings::of_describe(0)).is_ok());
}
