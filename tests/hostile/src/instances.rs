//! Components that are whole, and made of more parts than a call has room for.

use crate::{Abi, Class, Expect, Hostile, compile::leb128, guest::Guest};

/// Section of a component that holds a core module, and the one that holds instances of modules (Component Model,
/// Binary.md).
const MODULE_SECTION: u8 = 1;
const INSTANCE_SECTION: u8 = 2;

fn component(
    names: (&str, &'static str),
    rules: &'static [&'static str],
    module: &'static str,
    count: usize,
) -> Hostile {
    let name = format!("{}-component", names.0);
    let of = name.clone();
    Hostile::of_bytes((name, names.1), Class::Space, Abi::Component, Expect::Refused(rules), move || {
        with_instances(Guest::new(&of, Abi::Component).build(), module, count)
    })
}

/// The component with one module more, of which it makes `count` instances.
fn with_instances(mut component: Vec<u8>, module: &str, count: usize) -> Vec<u8> {
    let index = modules_of(&component);
    let module = wat::parse_str(module).expect("the module's WAT parses");
    component.push(MODULE_SECTION);
    component.extend(leb128(module.len()));
    component.extend(module);
    // Each makes an instance (0) of the module, without arguments (0).
    let instances = [vec![0], leb128(index), vec![0]].concat().repeat(count);
    let count = leb128(count);
    component.push(INSTANCE_SECTION);
    component.extend(leb128(count.len() + instances.len()));
    component.extend(count);
    component.extend(instances);
    component
}

/// How many modules a component holds itself.
fn modules_of(component: &[u8]) -> usize {
    let mut rest = &component[8..];
    let mut found = 0;
    while let [section, after @ ..] = rest {
        let (length, bytes) = read_leb128(after);
        found += usize::from(*section == MODULE_SECTION);
        rest = &after[bytes + length..];
    }
    found
}

fn read_leb128(bytes: &[u8]) -> (usize, usize) {
    let last = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a length ends");
    let value = bytes[..=last].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, last + 1)
}

pub(crate) fn guests() -> Vec<Hostile> {
    vec![
        component(
            ("many-instances", "900 instances of a module that holds nothing"),
            &["core-instances", "compile"],
            "(module)",
            900,
        ),
        component(
            ("many-memories", "nine memories, in as many instances"),
            &["memories", "memory", "compile"],
            "(module (memory 1))",
            8,
        ),
        component(
            ("memories-together", "three memories of 60 MiB, in as many instances"),
            &["memory"],
            "(module (memory 960))",
            3,
        ),
        component(
            ("many-tables", "eight tables, in as many instances"),
            &["tables", "table", "compile"],
            "(module (table 1 funcref))",
            8,
        ),
    ]
}
