//! Floods of calls of the host's own interfaces: the log and `env.abort`.

use crate::{Abi, Class, Expect, Hostile, guest::Guest};

const LOG_OF_COMPONENTS: &str = r#"(import "rosehip:behavior/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#;
const LOG_OF_CORE_MODULES: &str = r#"(import "rosehip" "log" (func $log (param i32 i32 i32)))"#;

/// Logs so many bytes from address 65,536, without end.
fn logs(stem: &str, what: &'static str, expect: Expect, bytes: u32) -> [Hostile; 2] {
    [(Abi::Component, LOG_OF_COMPONENTS), (Abi::Core, LOG_OF_CORE_MODULES)].map(|(abi, imports)| {
        Hostile::of_guest((stem, what), Class::HostCalls, abi, expect, move |guest: Guest| {
            guest.pages(960).importing(imports).running(format!(
                "(memory.fill (i32.const 65536) (i32.const 120) (i32.const {bytes}))
                (loop $again (call $log (i32.const 1) (i32.const 65536) (i32.const {bytes})) (br $again))
                (unreachable)"
            ))
        })
    })
}

pub(crate) fn guests() -> Vec<Hostile> {
    const FUEL: Expect = Expect::Fails(&["fuel"]);
    [
        logs("log-without-end", "logs without end", FUEL, 40),
        logs("log-nothing-without-end", "logs empty lines without end", FUEL, 0),
        logs(
            "log-a-megabyte-without-end",
            "logs a megabyte, without end",
            Expect::Fails(&["fuel", "log-bytes"]),
            1 << 20,
        ),
        logs("log-60-mib-without-end", "logs 57 MiB, without end", Expect::Fails(&["fuel", "log-bytes"]), 60_000_000),
    ]
    .concat()
}
