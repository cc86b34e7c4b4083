//! Machine code of one module, as wasmtime writes it, and the one place where it is handed back to wasmtime.

use std::io::{self, Read, Write as _};

use wasmtime::{Engine, Module, component::Component};

use super::image::Image;
use crate::guest::{Compiled, Kind};

/// Compiles an admitted module in this process.
pub(super) fn machine_code(engine: &Engine, kind: Kind, wasm: &[u8]) -> wasmtime::Result<Vec<u8>> {
    match kind {
        Kind::Component => engine.precompile_component(wasm),
        Kind::Core => engine.precompile_module(wasm),
    }
}

/// What compiling a module gave. Having one means that these very bytes came from a compiler of ours: they were made in
/// this process, came out of a child that this process started, or carry the tag that this host gave them.
pub(crate) struct Artifact(Image);

impl Artifact {
    /// Compiles an admitted module in this process.
    pub(super) fn compile(engine: &Engine, kind: Kind, wasm: &[u8]) -> wasmtime::Result<Self> {
        let bytes = machine_code(engine, kind, wasm)?;
        Ok(Self(Image::of(|file| file.write_all(&bytes))?))
    }

    /// The caller vouches for it that the bytes are what [`machine_code`] gave, here or in a child, unchanged.
    pub(super) fn vouched_for(bytes: Image) -> Self {
        Self(bytes)
    }

    /// Hands over the bytes, a piece at a time.
    pub(super) fn read(&self, mut piece: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut reader = self.0.reader();
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(()),
                length => piece(&buffer[..length])?,
            }
        }
    }

    /// Maps the machine code. One of another version of wasmtime, of another configuration or of the other kind is an
    /// error.
    #[expect(unsafe_code, reason = "machine code that is not ours could do anything; the type says that it is ours")]
    pub(crate) fn load(&self, engine: &Engine, kind: Kind) -> wasmtime::Result<Compiled> {
        let path = self.0.path();
        match kind {
            // SAFETY: `deserialize_file` asks for the unmodified output of `precompile_component` in a file that does not
            // change while it is mapped. The path leads to an `Image`, which is sealed, and each way to make an `Artifact`
            // gives that output: `compile` calls it, `parent::compile` reads it from a child that it started itself,
            // `Cache::get` has checked the tag over the bytes that it put into the image. Both functions refuse the output
            // of the other by themselves.
            Kind::Component => unsafe { Component::deserialize_file(engine, path) }.map(Compiled::Component),
            // SAFETY: as above, for `precompile_module`.
            Kind::Core => unsafe { Module::deserialize_file(engine, path) }.map(Compiled::Core),
        }
    }
}

/// Bytes that are held beside an image while it is read.
pub(super) const PIECE_BYTES: usize = 64 << 10;
