//! What a well-behaved guest answers, and that each call is alone.

use super::*;

#[test]
fn describe_and_run_return_what_the_guest_returns() {
    let engine = engine();
    let digest = load(&engine, &Guest::default().build());
    let manifest = engine.describe(digest).unwrap();
    assert_eq!(manifest.result.as_deref(), Ok(r#"{"v":1}"#));
    let outcome = engine.run(digest, r#"{"v":1,"node":"é"}"#).unwrap();
    assert_eq!(outcome.result.as_deref(), Ok(r#"{"v":1,"node":"é"}"#));
    assert!(outcome.fuel > 0 && outcome.fuel < 1_000, "a trivial call used {} fuel", outcome.fuel);
    assert!(outcome.log.is_empty());
}

#[test]
fn the_same_call_gives_the_same_report() {
    let engine = engine();
    let digest = load(&engine, &Guest::default().build());
    assert_eq!(engine.run(digest, "{}").unwrap(), engine.run(digest, "{}").unwrap());
}

#[test]
fn retry_and_fatal_are_told_apart() {
    let retry = Guest { run: "(call $retry (local.get $ptr) (local.get $len))", ..Guest::default() };
    assert_eq!(run(&retry, "later").result, Err(GuestFailure::Retry("later".to_owned())));
    let fatal = Guest { run: "(call $fatal (local.get $ptr) (local.get $len))", ..Guest::default() };
    assert_eq!(run(&fatal, "never").result, Err(GuestFailure::Fatal("never".to_owned())));
}

#[test]
fn a_guest_whose_strings_are_utf_16_is_understood() {
    let wasm = component_with(WIT, &Guest::default().wat(), StringEncoding::UTF16);
    let report = run_wasm(&wasm, "hé 🌹");
    assert_eq!(report.result.as_deref(), Ok("hé 🌹"));
}

#[test]
fn every_call_has_a_fresh_instance() {
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
    let digest = load(&engine, &counter.build());
    for _ in 0..5 {
        assert_eq!(engine.run(digest, "{}").unwrap().result.as_deref(), Ok("11"));
    }
}

#[test]
fn memory_of_one_guest_never_reaches_another() {
    let engine = engine();
    let writer = Guest {
        memory: "64",
        run: "(memory.fill (i32.const 65536) (i32.const 115) (i32.const 4000000)) (call $ok (i32.const 0) (i32.const 0))",
        ..Guest::default()
    };
    // Returns as many bytes as there are that are not zero: none.
    let reader = Guest {
        memory: "64",
        run: "
            (local $found i32) (local $at i32)
            (local.set $at (i32.const 65536))
            (loop $next
                (local.set $found (i32.add (local.get $found) (i32.ne (i32.const 0) (i32.load8_u (local.get $at)))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 4065536))))
            (call $ok (i32.const 2048) (local.get $found))",
        ..Guest::default()
    };
    let writer = load(&engine, &writer.build());
    let reader = load(&engine, &reader.build());
    for _ in 0..4 {
        engine.run(writer, "{}").unwrap().result.unwrap();
        assert_eq!(engine.run(reader, "").unwrap().result.as_deref(), Ok(""));
    }
}

#[test]
fn calls_beyond_the_pool_wait_their_turn() {
    let engine = Arc::new(WasmEngine::new(&EngineOptions::new(1)).unwrap());
    let digest = load(&engine, &Guest { memory: "100", ..Guest::default() }.build());
    let together = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let (engine, together) = (Arc::clone(&engine), Arc::clone(&together));
            thread::spawn(move || {
                together.wait();
                for call in 0..50 {
                    let text = format!("{thread}/{call}");
                    assert_eq!(engine.run(digest, &text).unwrap().result, Ok(text));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_digest_that_is_not_loaded_is_an_error() {
    let digest = Digest::of(b"never loaded");
    assert!(matches!(engine().run(digest, "{}"), Err(GuestError::NotLoaded(named)) if named == digest));
    assert!(matches!(engine().describe(digest), Err(GuestError::NotLoaded(named)) if named == digest));
}

#[test]
fn the_least_recently_used_module_leaves() {
    let engine = WasmEngine::new(&EngineOptions { loaded_modules: 1, ..EngineOptions::new(1) }).unwrap();
    let first = load(&engine, &Guest::default().build());
    let second = load(&engine, &Guest { memory: "3", ..Guest::default() }.build());
    assert!(matches!(engine.run(first, "{}"), Err(GuestError::NotLoaded(_))));
    assert!(engine.run(second, "{}").is_ok());
}
