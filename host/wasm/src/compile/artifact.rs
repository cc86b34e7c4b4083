//! Machine code of one module, as wasmtime writes it, and the one place where it is handed back to wasmtime.

use wasmtime::{Engine, Module, component::Component};

use crate::guest::{Compiled, Kind};

/// What compiling a module gave. Having one means that these very bytes came from a compiler of ours: they were made in
/// this process, came out of a child that this process started, or carry the tag that this host gave them.
pub(crate) struct Artifact(Vec<u8>);

impl Artifact {
    /// Compiles an admitted module in this process.
    pub(super) fn compile(engine: &Engine, kind: Kind, wasm: &[u8]) -> wasmtime::Result<Self> {
        let bytes = match kind {
            Kind::Component => engine.precompile_component(wasm),
            Kind::Core => engine.precompile_module(wasm),
        };
        bytes.map(Self)
    }

    /// The caller vouches for it that the bytes are what [`Artifact::compile`] gave, here or in a child, unchanged.
    pub(super) fn vouched_for(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Maps the machine code. One of another version of wasmtime, of another configuration or of the other kind is an
    /// error.
    #[expect(unsafe_code, reason = "machine code that is not ours could do anything; the type says that it is ours")]
    pub(crate) fn load(&self, engine: &Engine, kind: Kind) -> wasmtime::Result<Compiled> {
        match kind {
            // SAFETY: `deserialize` asks for the unmodified output of `precompile_component`. The bytes are private to
            // this value and never change, and each way to make one gives that output: `compile` calls it,
            // `parent::compile` reads it from a child that it started itself, `Cache::get` has checked the tag over
            // these bytes in memory. Both functions refuse the output of the other by themselves.
            Kind::Component => unsafe { Component::deserialize(engine, &self.0) }.map(Compiled::Component),
            // SAFETY: as above, for `precompile_module`.
            Kind::Core => unsafe { Module::deserialize(engine, &self.0) }.map(Compiled::Core),
        }
    }
}
