//! From a module's bytes to code that can be called: out of the cache, or admitted and compiled in a child that can be
//! killed.
//!
//! `flights` sees to it that a module is compiled by one thread at a time. `parent` starts the child and `child` is what
//! it does, under the limits of a `budget`. `cache` keeps what it made, under a key that holds the `fingerprint` of the
//! compiler. Only `artifact` hands machine code to wasmtime, out of an `image` that cannot change.

mod artifact;
mod budget;
mod cache;
mod child;
mod fingerprint;
mod flights;
mod image;
mod parent;
mod patience;

use std::path::PathBuf;

use rosehip_core::{guest::GuestRefused, ids::Digest};
use wasmtime::Engine;

pub(crate) use self::{artifact::Artifact, flights::Flights};
use self::{cache::Cache, fingerprint::Fingerprint};
pub use self::{
    cache::{CacheOptions, CacheSecret},
    child::{compile_child, own_program},
};
use crate::{
    admission,
    failure::refused,
    guest::{Compiled, Kind},
    permits::Permits,
};

/// The first argument of a process that is to compile; the second is the module's size in bytes.
pub const COMPILE_VERB: &str = "__compile";
/// Modules that are compiled at the same time; more wait their turn.
const COMPILES: usize = 2;

/// Where modules are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process, without limits: for tests and benches.
    InProcess,
    /// In a child process, which is started for one module and limits itself.
    Child {
        /// The binary. It must be of the same build as this one and call [`compile_child`] where its first argument is
        /// [`COMPILE_VERB`].
        program: PathBuf,
    },
}

/// Compiles for one engine.
#[derive(Debug)]
pub(crate) struct Compiling {
    compiler: Compiler,
    fingerprint: Fingerprint,
    cache: Option<Cache>,
    turns: Permits,
}

impl Compiling {
    /// Compiles for `engine`, and keeps what it compiled in a cache if there is to be one.
    pub(crate) fn new(engine: &Engine, compiler: Compiler, cache: Option<CacheOptions>) -> Self {
        let fingerprint = Fingerprint::of(engine);
        let cache = cache.map(|options| Cache::new(options, fingerprint));
        Self { compiler, fingerprint, cache, turns: Permits::new(COMPILES) }
    }

    /// What was compiled of this module before, by a compiler like this engine's.
    pub(crate) fn cached(&self, engine: &Engine, digest: Digest, kind: Kind) -> Option<Compiled> {
        let artifact = self.cache.as_ref()?.get(digest)?;
        match artifact.load(engine, kind) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                tracing::warn!(%digest, error = format!("{error:#}"), "a module is compiled anew: it cannot be loaded");
                None
            }
        }
    }

    /// Admits and compiles a module.
    pub(crate) fn compile(&self, engine: &Engine, kind: Kind, wasm: &[u8]) -> Result<Artifact, GuestRefused> {
        let _turn = self.turns.acquire();
        match &self.compiler {
            Compiler::InProcess => {
                admission::admit(wasm)?;
                Artifact::compile(engine, kind, wasm).map_err(|error| refused("compile", format!("{error:#}")))
            }
            Compiler::Child { program } => parent::compile(program, self.fingerprint, wasm),
        }
    }

    /// Keeps what was compiled of a module for the next start. Where that fails it is compiled again then.
    pub(crate) fn keep(&self, digest: Digest, artifact: &Artifact) {
        if let Some(cache) = &self.cache {
            cache.put(digest, artifact);
        }
    }

    /// Removes what is kept of a module, whichever compiler made it.
    pub(crate) fn forget(&self, digest: Digest) {
        if let Some(cache) = &self.cache {
            cache.forget(digest);
        }
    }
}
