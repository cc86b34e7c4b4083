//! Modules that are refused, each by its rule.

use super::*;

#[test]
fn bytes_that_are_no_module() {
    let elf = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    for bytes in [
        &b""[..],
        b"\0asm",
        b"#!/bin/sh\necho hello",
        b"\0asm\x02\0\0\0",
        b"\0asm\x0d\0\x02\0",
        b"\0asm\x01\0\x01\0",
        &elf[..],
    ] {
        assert_eq!(refusal(bytes).rule, "not-wasm");
    }
    assert_eq!(refusal(b"\0asm\x0d\0\x01\0 and then anything").rule, "invalid-wasm");
    assert_eq!(refusal(b"\0asm\x01\0\0\0 and then anything").rule, "invalid-wasm");
    assert_eq!(refusal_of("(component)").rule, "missing-export");
    assert_eq!(refusal_of("(module)").rule, "missing-export");
}

#[test]
fn what_wasmtime_has_compiled_is_no_module() {
    let engine = wasmtime::Engine::default();
    for abi in Abi::BOTH {
        let wasm = Guest::default().build(abi);
        let artifact = match abi {
            Abi::Component => engine.precompile_component(&wasm),
            Abi::Core => engine.precompile_module(&wasm),
        };
        assert_eq!(refusal(&artifact.unwrap()).rule, "not-wasm");
    }
}

#[test]
fn a_module_beyond_the_size_limit() {
    for (header, most) in
        [(b"\0asm\x0d\0\x01\0", limits::COMPONENT_BYTES), (b"\0asm\x01\0\0\0", limits::CORE_MODULE_BYTES)]
    {
        let mut wasm = header.to_vec();
        wasm.resize(most + 1, 0);
        let refused = refusal(&wasm);
        assert_eq!(refused.rule, "module-bytes");
        assert!(refused.message.contains(&most.to_string()), "{refused}");
        wasm.pop();
        assert_eq!(refusal(&wasm).rule, "invalid-wasm");
    }
}

#[test]
fn a_memory_or_table_that_starts_too_large() {
    for abi in Abi::BOTH {
        assert_eq!(refusal(&Guest { memory: "4097", ..Guest::default() }.build(abi)).rule, "memory");
        let items = "(table 32769 funcref)";
        assert_eq!(refusal(&Guest { items, ..Guest::default() }.build(abi)).rule, "table");
    }
}

#[test]
fn a_module_cut_anywhere_is_refused_or_whole() {
    for abi in Abi::BOTH {
        let wasm = Guest::default().build(abi);
        let engine = engine();
        for length in 0..wasm.len() {
            let cut = &wasm[..length];
            let digest = Digest::of(cut);
            if let Err(refused) = engine.load(digest, cut) {
                let rules = ["not-wasm", "invalid-wasm", "missing-export"];
                assert!(rules.contains(&refused.rule), "{length}: {refused}");
                continue;
            }
            let result = engine.run(digest, "{}", &Surroundings::of_describe(0)).unwrap().result;
            match abi {
                // What follows the exports are custom sections, which a component need not have.
                Abi::Component => assert_eq!(result.as_deref(), Ok("{}"), "{length}"),
                // What follows the code is data, without which the guest has no envelope, and then the names.
                Abi::Core => {
                    let is_bare = matches!(result, Err(GuestFailure::Stopped { rule: "envelope", .. }));
                    assert!(is_bare || result.as_deref() == Ok("{}"), "{length}: {result:?}");
                }
            }
        }
    }
}

#[test]
fn a_module_with_any_byte_changed_never_panics() {
    for abi in Abi::BOTH {
        let wasm = Guest { logs: true, ..Guest::default() }.build(abi);
        let engine = engine();
        for at in 0..wasm.len() {
            let mut changed = wasm.clone();
            changed[at] = changed[at].wrapping_add(1);
            let digest = Digest::of(&changed);
            if engine.load(digest, &changed).is_ok() {
                engine.run(digest, "{}", &Surroundings::of_describe(0)).unwrap();
            }
        }
    }
}

#[test]
fn an_offset_says_where_it_is_invalid() {
    for abi in Abi::BOTH {
        let mut wasm = Guest::default().build(abi);
        let last = wasm.len() - 1;
        wasm.truncate(last);
        assert!(refusal(&wasm).message.contains("(at offset 0x"), "{}", refusal(&wasm));
    }
}

#[test]
fn bytes_under_the_digest_of_others() {
    for abi in Abi::BOTH {
        let wasm = Guest::default().build(abi);
        assert_eq!(engine().load(Digest::of(b"other"), &wasm).unwrap_err().rule, "digest");
    }
}

#[test]
fn features_that_are_not_for_guests() {
    for abi in Abi::BOTH {
        let relaxed = "
            (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
            (call $done)";
        let refused = refusal(&Guest { run: relaxed, ..Guest::default() }.build(abi));
        assert_eq!(refused.rule, "invalid-wasm");
        assert!(refused.message.contains("relaxed SIMD"), "{refused}");
        let refused = refusal(&Guest { items: "(memory $second 1)", ..Guest::default() }.build(abi));
        assert_eq!(refused.rule, "invalid-wasm");
        assert!(refused.message.contains("multiple memories"), "{refused}");
    }
}

#[test]
fn features_that_guests_have() {
    for abi in Abi::BOTH {
        let body = "
            (drop (v128.bitselect (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
            (drop (i32.trunc_sat_f32_s (f32.const 1)))
            (drop (i32.extend8_s (i32.const 1)))
            (memory.copy (i32.const 0) (i32.const 8) (i32.const 8))
            (return_call $done)";
        assert!(run(abi, &Guest { run: body, ..Guest::default() }, "{}").result.is_ok());
    }
}

#[test]
fn loading_again_changes_nothing() {
    for abi in Abi::BOTH {
        let engine = engine();
        let wasm = Guest::default().build(abi);
        let digest = load(&engine, &wasm);
        assert_eq!(load(&engine, &wasm), digest);
        assert!(engine.run(digest, "{}", &Surroundings::of_describe(0)).is_ok());
    }
}
