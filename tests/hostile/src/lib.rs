//! Guests that mean harm, and what becomes of each: the hostile corpus.
//!
//! [`corpus`] names every guest, says what it tries and by which rule the host stops it. Bytes are built on demand,
//! because some guests are large. A guest that installs fires on `Create` of an object of its own type
//! ([`Hostile::object_type`]), so that saving one such object calls exactly one guest.

#![expect(clippy::format_collect, reason = "a guest is built in a test, where a string more is nothing")]

mod answers;
mod bytes;
mod compile;
mod dags;
mod effects;
mod features;
mod filters;
mod guest;
mod host_calls;
mod imports;
mod instances;
mod loops;
mod manifests;
mod memory;
mod pointers;
mod preview1;
mod preview2;

use std::{fmt, sync::Arc};

use guest::Guest;

/// Which of the two guest ABIs a guest speaks (DESIGN §4a), or pretends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abi {
    /// (A) a component.
    Component,
    /// (B) a core module.
    Core,
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Component => "component",
            Self::Core => "core",
        })
    }
}

/// What a guest attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Time: loops and recursion.
    Time,
    /// Space: memories and tables.
    Space,
    /// The compiler.
    Compiler,
    /// Whoever reads its bytes.
    Bytes,
    /// Features and imports that guests do not have.
    Reach,
    /// Whoever reads its answers.
    Answers,
    /// Pointers and the allocator.
    Pointers,
    /// The manifest: DAG, filters, schema.
    Manifest,
    /// Effects.
    Effects,
    /// What the host does for it when asked.
    HostCalls,
}

/// Every class, in the order of the corpus.
pub const CLASSES: [Class; 10] = [
    Class::Time,
    Class::Space,
    Class::Compiler,
    Class::Bytes,
    Class::Reach,
    Class::Answers,
    Class::Pointers,
    Class::Manifest,
    Class::Effects,
    Class::HostCalls,
];

/// What becomes of a guest. Where several rules stand, which of them comes first depends on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// `PUT /behaviors/{name}` is 422 and its `detail` begins with one of these rules.
    Refused(&'static [&'static str]),
    /// `PUT /behaviors/{name}` is 413: the body is longer than any module may be.
    TooLong,
    /// It installs; its node fails by one of these rules, and nothing of the call is recorded.
    Fails(&'static [&'static str]),
    /// It installs and its flow completes: whatever it tried had no effect but these.
    Completes {
        /// Effects that were carried out.
        dispatched: u64,
        /// Effects that were denied.
        denied: u64,
        /// Effects that nobody carries out.
        unhandled: u64,
    },
    /// It installs, and no flow starts: its trigger did not match by one of these rules.
    NotFired(&'static [&'static str]),
}

/// Its flow completes without an effect.
pub(crate) const NO_EFFECT: Expect = Expect::Completes { dispatched: 0, denied: 0, unhandled: 0 };

/// A guest that means harm.
#[derive(Clone)]
pub struct Hostile {
    /// Its name, which is also a behavior's.
    pub name: String,
    /// What it tries, in a line.
    pub what: &'static str,
    /// What it attacks.
    pub class: Class,
    /// The ABI it speaks.
    pub abi: Abi,
    /// What becomes of it.
    pub expect: Expect,
    /// Kinds of effect that the operator must grant it before it may start.
    pub grant: &'static [&'static str],
    /// Whether it takes the host seconds, of which the compile child's are most.
    pub is_slow: bool,
    build: Arc<dyn Fn() -> Vec<u8> + Send + Sync>,
}

impl fmt::Debug for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hostile").field("name", &self.name).field("expect", &self.expect).finish_non_exhaustive()
    }
}

impl Hostile {
    /// A guest whose bytes `build` makes.
    pub(crate) fn of_bytes(
        (name, what): (String, &'static str),
        class: Class,
        abi: Abi,
        expect: Expect,
        build: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let build = Arc::new(build);
        Self { name, what, class, abi, expect, grant: &[], is_slow: false, build }
    }

    /// A guest in WAT, which `shape` makes of one that behaves.
    pub(crate) fn of_guest(
        (stem, what): (&str, &'static str),
        class: Class,
        abi: Abi,
        expect: Expect,
        shape: impl Fn(Guest) -> Guest + Send + Sync + 'static,
    ) -> Self {
        let name = format!("{stem}-{abi}");
        let of = name.clone();
        Self::of_bytes((name, what), class, abi, expect, move || shape(Guest::new(&of, abi)).build())
    }

    /// It takes seconds.
    pub(crate) fn slow(self) -> Self {
        Self { is_slow: true, ..self }
    }

    /// The operator grants it these kinds of effect.
    pub(crate) fn granted(self, grant: &'static [&'static str]) -> Self {
        Self { grant, ..self }
    }

    /// This becomes of it.
    pub(crate) fn expecting(self, expect: Expect) -> Self {
        Self { expect, ..self }
    }

    /// Its bytes, built anew.
    pub fn wasm(&self) -> Vec<u8> {
        (self.build)()
    }

    /// The type of the objects that fire it.
    pub fn object_type(&self) -> String {
        guest::object_type(&self.name)
    }

    /// Whether it is refused, and never called.
    pub fn is_refused(&self) -> bool {
        matches!(self.expect, Expect::Refused(_) | Expect::TooLong)
    }
}

/// The same guest in both ABIs.
pub(crate) fn both(
    names: (&str, &'static str),
    class: Class,
    expect: Expect,
    shape: impl Fn(Guest) -> Guest + Clone + Send + Sync + 'static,
) -> [Hostile; 2] {
    [Abi::Component, Abi::Core].map(|abi| Hostile::of_guest(names, class, abi, expect, shape.clone()))
}

/// Every hostile guest, by class.
pub fn corpus() -> Vec<Hostile> {
    [
        loops::guests(),
        memory::guests(),
        compile::guests(),
        instances::guests(),
        bytes::guests(),
        features::guests(),
        imports::guests(),
        answers::guests(),
        pointers::guests(),
        manifests::guests(),
        dags::guests(),
        filters::guests(),
        effects::guests(),
        host_calls::guests(),
        preview1::guests(),
        preview2::guests(),
    ]
    .concat()
}

/// A guest that behaves, in either ABI: it fires on its own type of object and logs once.
pub fn well_behaved(abi: Abi) -> Hostile {
    well_behaved_as("well-behaved", abi)
}

/// The same under a name that begins with `stem`: its bytes differ from those of any other.
pub fn well_behaved_as(stem: &str, abi: Abi) -> Hostile {
    let logs_once = Expect::Completes { dispatched: 1, denied: 0, unhandled: 0 };
    Hostile::of_guest((stem, "does its work"), Class::Effects, abi, logs_once, |guest| {
        guest.answering(br#"{"v":1,"effects":[{"kind":"log","payload":{"message":"done"}}]}"#)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_guest_builds_under_a_name_and_a_type_of_its_own() {
        let corpus = corpus();
        let names: BTreeSet<&str> = corpus.iter().map(|hostile| &*hostile.name).collect();
        let types: BTreeSet<String> = corpus.iter().map(Hostile::object_type).collect();
        assert_eq!((names.len(), types.len()), (corpus.len(), corpus.len()));
        for hostile in &corpus {
            assert!(hostile.name.len() <= 63 && hostile.object_type().len() <= 63, "{}", hostile.name);
            assert_eq!(hostile.wasm(), hostile.wasm(), "{} is built the same twice", hostile.name);
        }
    }

    #[test]
    fn every_class_is_attacked_over_both_abis() {
        for class in CLASSES {
            for abi in [Abi::Component, Abi::Core] {
                let found = corpus().iter().any(|hostile| hostile.class == class && hostile.abi == abi);
                assert!(found, "{class:?} over {abi}");
            }
        }
    }
}
