//! Guests that take time: loops and recursion at every place where the host calls one.

use crate::{
    Abi, Class, Expect, Hostile, NO_EFFECT, both,
    guest::{DEEP, FOREVER, Guest, RECURSE},
};

const FUEL: &[&str] = &["fuel"];
const STACK: &[&str] = &["stack"];

/// Loops as long as what it is called for is not `describe`, which the clock on the wall tells: at install it shows
/// 1970.
const FOREVER_AFTER_INSTALL: &str = "
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 64)))
    (if (i64.gt_u (i64.load (i32.const 64)) (i64.const 1000000000000000000)) (then (loop $forever (br $forever))))";
const CLOCK: &str =
    r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))"#;

fn at_install(names: (&str, &'static str), rules: &'static [&'static str], shape: fn(Guest) -> Guest) -> [Hostile; 2] {
    both(names, Class::Time, Expect::Refused(rules), shape)
}

fn at_run(names: (&str, &'static str), rules: &'static [&'static str], shape: fn(Guest) -> Guest) -> [Hostile; 2] {
    both(names, Class::Time, Expect::Fails(rules), shape)
}

pub(crate) fn guests() -> Vec<Hostile> {
    [refused(), called(), of_one_abi()].concat()
}

fn refused() -> Vec<Hostile> {
    [
        at_install(("loop-in-start", "its start function never ends"), FUEL, |guest| Guest {
            start: Some("(loop $forever (br $forever))".to_owned()),
            ..guest
        }),
        at_install(("loop-in-initialize", "_initialize never ends"), FUEL, |guest| Guest {
            initialize: Some("(loop $forever (br $forever))".to_owned()),
            ..guest
        }),
        at_install(("loop-in-describe", "describe never ends"), FUEL, |guest| guest.describing(FOREVER)),
        at_install(("recursion-in-start", "its start function calls itself"), STACK, |guest| Guest {
            start: Some(RECURSE.to_owned()),
            ..guest.with(DEEP)
        }),
        at_install(("recursion-in-initialize", "_initialize calls itself"), STACK, |guest| Guest {
            initialize: Some(RECURSE.to_owned()),
            ..guest.with(DEEP)
        }),
        at_install(("recursion-in-describe", "describe calls itself"), STACK, |guest| {
            guest.with(DEEP).describing(RECURSE)
        }),
        at_install(("trap-in-start", "its start function traps"), &["trap"], |guest| Guest {
            start: Some("(unreachable)".to_owned()),
            ..guest
        }),
        at_install(("trap-in-describe", "describe divides by zero"), &["trap"], |guest| {
            guest.describing("(drop (i32.div_u (i32.const 1) (local.get $i))) (unreachable)")
        }),
    ]
    .concat()
}

fn called() -> Vec<Hostile> {
    [
        at_run(("loop-in-run", "run never ends"), FUEL, |guest| guest.running(FOREVER)),
        at_run(("loop-in-alloc", "the allocator never ends"), FUEL, |guest| Guest { alloc: FOREVER.to_owned(), ..guest }),
        at_run(("recursion-in-run", "run calls itself"), STACK, |guest| guest.with(DEEP).running(RECURSE)),
        at_run(("recursion-in-alloc", "the allocator calls itself"), STACK, |guest| Guest {
            alloc: RECURSE.to_owned(),
            ..guest.with(DEEP)
        }),
        at_run(("recursion-through-table", "two functions call each other through a table"), STACK, |guest| {
            guest
                .with(
                    "(type $step (func (param i32) (result i32)))
                    (table 2 2 funcref) (elem (i32.const 0) $even $odd)
                    (func $even (type $step) (i32.add (i32.const 1)
                        (call_indirect (type $step) (local.get 0) (i32.const 1))))
                    (func $odd (type $step) (i32.sub
                        (call_indirect (type $step) (local.get 0) (i32.const 0)) (i32.const 1)))",
                )
                .running("(drop (call $even (i32.const 7))) (unreachable)")
        }),
        at_run(("recursion-with-large-frames", "every frame holds a hundred values"), STACK, |guest| {
            let values: String = (0..100).map(|n| format!("(i64.load (i32.add (local.get 0) (i32.const {n})))")).collect();
            let sum = "i64.add ".repeat(100);
            guest
                .with(format!(
                    "(func $deep (param i32) (result i64)
                        {values} (call $deep (i32.add (local.get 0) (i32.const 1))) {sum})"
                ))
                .running("(drop (call $deep (i32.const 0))) (unreachable)")
        }),
        at_run(("tail-calls-for-ever", "a tail call takes no stack and never returns"), FUEL, |guest| {
            guest
                .with("(func $again (param i32) (return_call $again (i32.add (local.get 0) (i32.const 1))))")
                .running("(call $again (i32.const 0)) (unreachable)")
        }),
        at_run(("calls-through-a-null", "calls an entry of a table that is null"), &["trap"], |guest| {
            guest
                .with("(table 1 1 funcref) (type $nothing (func))")
                .running("(call_indirect (type $nothing) (i32.const 0)) (unreachable)")
        }),
        at_run(("slow-divisions", "the instructions that take the processor longest"), FUEL, |guest| {
            guest.running(
                "(loop $again
                    (i64.store (i32.const 64) (i64.div_u (i64.const -1) (i64.or (i64.load (i32.const 64)) (i64.const 3))))
                    (f64.store (i32.const 72) (f64.sqrt (f64.div (f64.load (i32.const 72)) (f64.const 0x1p-1070))))
                    (br $again)) (unreachable)",
            )
        }),
        at_run(("cache-misses", "reads all over 32 MiB, so that every read misses the caches"), FUEL, |guest| {
            guest.pages(512).running(
                "(loop $again
                    (local.set $i (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)))
                    (local.set $j (i32.add (local.get $j)
                        (i32.load (i32.and (local.get $i) (i32.const 0x1fffffc)))))
                    (i32.store (i32.and (local.get $i) (i32.const 0x1fffffc)) (local.get $j))
                    (br $again)) (unreachable)",
            )
        }),
    ]
    .concat()
}

fn of_one_abi() -> Vec<Hostile> {
    let component = |names, rules, export: &'static str| {
        Hostile::of_guest(names, Class::Time, Abi::Component, rules, move |guest| guest.with(export))
    };
    let core =
        |names, expect, shape: fn(Guest) -> Guest| Hostile::of_guest(names, Class::Time, Abi::Core, expect, shape);
    vec![
        component(
            ("loop-in-post-return", "what runs after run, to clean up, never ends"),
            Expect::Fails(FUEL),
            r#"(func (export "cabi_post_rosehip:behavior/guest@1.0.0#run") (param i32) (loop $forever (br $forever)))"#,
        ),
        component(
            ("loop-in-post-describe", "what runs after describe, to clean up, never ends"),
            Expect::Refused(FUEL),
            r#"(func (export "cabi_post_rosehip:behavior/guest@1.0.0#describe") (param i32) (loop $forever (br $forever)))"#,
        ),
        component(
            ("trap-in-post-return", "what runs after run, to clean up, traps"),
            Expect::Fails(&["trap"]),
            r#"(func (export "cabi_post_rosehip:behavior/guest@1.0.0#run") (param i32) (unreachable))"#,
        ),
        core(("loop-in-version", "rosehip_abi_version never ends"), Expect::Refused(FUEL), |guest| Guest {
            version: FOREVER.to_owned(),
            ..guest
        }),
        core(
            ("loop-in-start-later", "its start function never ends once it is installed"),
            Expect::Fails(FUEL),
            |guest| Guest { start: Some(FOREVER_AFTER_INSTALL.to_owned()), ..guest.importing(CLOCK) },
        ),
        core(
            ("loop-in-initialize-later", "_initialize never ends once it is installed"),
            Expect::Fails(FUEL),
            |guest| Guest { initialize: Some(FOREVER_AFTER_INSTALL.to_owned()), ..guest.importing(CLOCK) },
        ),
        core(("most-of-the-fuel", "takes nearly all the time there is, and then behaves"), NO_EFFECT, |guest| {
            guest.running(
                "(local.set $i (i32.const 14000000))
                (loop $again (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))) (call $answer)",
            )
        }),
    ]
}
