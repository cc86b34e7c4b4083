//! The engine: admits and compiles modules, and calls them.

use std::{fmt, time::Duration};

use rosehip_core::{
    guest::{GuestEngine, GuestError, GuestFailure, GuestRefused, GuestReport, Surroundings},
    ids::Digest,
    limits,
};
use wasmtime::Engine;

use crate::{
    admission,
    call::{self, Call},
    compile::{CacheOptions, Compiler, Compiling, Flights},
    config::{self, Optimization},
    failure::{refused, stopped},
    guest::{Compiled, Guest, Linkers},
    modules::Modules,
    permits::Permits,
    ticker::Ticker,
};

/// What an operator may choose about the engine. [`EngineOptions::new`] gives the defaults of
/// [`rosehip_core::limits`].
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Calls that run at the same time; more wait their turn. The pool reserves address space for so many: about
    /// 16 GiB a call, of which only what guests touch becomes memory. Zero counts as one.
    pub concurrency: usize,
    /// Wall time after which a call is interrupted as a condition of the host.
    pub epoch_fuse: Duration,
    /// Called on the thread of a call that has run for [`limits::GUEST_LONG_CALL_MS`], while it runs: what is left of it
    /// may stand back behind shorter ones.
    pub on_long_call: Option<fn()>,
    /// Modules kept compiled; the least recently used leaves first.
    pub loaded_modules: usize,
    /// Machine code kept, all modules together, in bytes. The module loaded last stays even if it alone is larger.
    pub loaded_bytes: usize,
    /// Where modules are compiled. A host has it done by a child.
    pub compiler: Compiler,
    /// How they are optimised. A child compiles by the default and what it makes fits no engine of another level, so
    /// another one is for [`Compiler::InProcess`].
    pub optimization: Optimization,
    /// Where what was compiled is kept for the next start, if it is.
    pub cache: Option<CacheOptions>,
}

impl EngineOptions {
    /// The defaults, for `concurrency` calls at the same time: modules are compiled in this process and not kept.
    pub fn new(concurrency: usize) -> Self {
        Self {
            concurrency,
            epoch_fuse: Duration::from_millis(limits::GUEST_EPOCH_FUSE_MS),
            on_long_call: None,
            loaded_modules: limits::GUEST_LOADED_MODULES,
            loaded_bytes: limits::GUEST_LOADED_BYTES,
            compiler: Compiler::InProcess,
            optimization: Optimization::default(),
            cache: None,
        }
    }
}

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refused its configuration or could not reserve the pool, as under a limit on address space.
    #[error("the wasm engine cannot start with {concurrency} calls at a time: {reason}")]
    Pool {
        /// The concurrency that was asked for.
        concurrency: usize,
        /// wasmtime's reason.
        reason: String,
    },
    /// The thread that moves the epoch could not be started.
    #[error("the wasm engine cannot start its epoch thread")]
    Ticker(#[source] std::io::Error),
}

/// Runs guests on wasmtime.
///
/// Calls are made on the calling thread, whose stack must hold [`limits::GUEST_STACK_BYTES`] of wasm and the host's
/// own frames above it: give it [`limits::GUEST_THREAD_STACK_BYTES`]. A call blocks, first for a permit and then for
/// as long as its fuel or the epoch fuse lets the guest run.
///
/// Rules of [`GuestRefused`]: `digest`, `module-bytes`, `not-wasm`, `invalid-wasm`, `import`, `missing-export`,
/// `command` (a core module with `_start`), `nested-modules`, `functions`, `function-body`, `br-table`, `imports` (of a
/// core module), `core-imports` (inside a component), `exports`, `types`, `data-segments`, `memory`, `table`, `tables`,
/// `compile` (the compiler does not take it, or panics), `compile-cpu`, `compile-memory`, `compile-wall`,
/// `compile-artifact`. Of the host and not of the module is `compile-host`: no child could be started, or it was killed
/// from outside.
///
/// Rules of [`rosehip_core::guest::GuestFailure::Stopped`]: `input-bytes`, `fuel`, `stack`, `memory`, `table`,
/// `trap` (also `env.abort` and an exit, whatever its code), `output-bytes`, `output-utf8`, `envelope`, `handles`, `abi`
/// and `log-bytes`. The last is for components: wasmtime counts a string before the host sees it, so a line (or a
/// write to a stream) of more than twice [`limits::GUEST_OUTPUT_BYTES`] stops the guest where a shorter one is cut. Of
/// [`rosehip_core::guest::GuestFailure::Host`]: `epoch`, `timeout`, `host-memory`, `pool`, `instantiate`.
pub struct WasmEngine {
    engine: Engine,
    linkers: Linkers,
    modules: Modules<Guest>,
    flights: Flights,
    compiling: Compiling,
    permits: Permits,
    ticker: Ticker,
    on_long_call: Option<fn()>,
}

impl fmt::Debug for WasmEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmEngine").finish_non_exhaustive()
    }
}

impl WasmEngine {
    /// Reserves the pool and starts the epoch thread.
    pub fn new(options: &EngineOptions) -> Result<Self, EngineError> {
        let concurrency = options.concurrency.max(1);
        let unfit = |error: wasmtime::Error| EngineError::Pool { concurrency, reason: format!("{error:#}") };
        let engine = Engine::new(&config::of_host(concurrency, options.optimization)).map_err(unfit)?;
        let linkers = Linkers::new(&engine).map_err(unfit)?;
        let ticker = Ticker::start(engine.clone(), options.epoch_fuse).map_err(EngineError::Ticker)?;
        let compiling = Compiling::new(&engine, options.compiler.clone(), options.cache.clone());
        Ok(Self {
            engine,
            linkers,
            modules: Modules::new(options.loaded_modules, options.loaded_bytes),
            flights: Flights::default(),
            compiling,
            permits: Permits::new(concurrency),
            ticker,
            on_long_call: options.on_long_call,
        })
    }

    /// Judges, compiles and links a module that no other thread is at. What is cached was judged by the same rules.
    fn load_alone(&self, digest: Digest, wasm: &[u8]) -> Result<(), GuestRefused> {
        if self.modules.contains(&digest) {
            return Ok(());
        }
        let kind = admission::glance(wasm)?;
        if let Some(compiled) = self.compiling.cached(&self.engine, digest, kind) {
            return self.keep(digest, compiled);
        }
        let artifact = self.compiling.compile(&self.engine, kind, wasm)?;
        let compiled = artifact.load(&self.engine, kind).map_err(|error| refused("compile", format!("{error:#}")))?;
        self.keep(digest, compiled)?;
        self.compiling.keep(digest, &artifact);
        Ok(())
    }

    fn keep(&self, digest: Digest, compiled: Compiled) -> Result<(), GuestRefused> {
        let bytes = compiled.artifact_bytes();
        self.modules.insert(digest, Guest::link(&self.linkers, compiled)?, bytes);
        Ok(())
    }

    fn call(&self, digest: Digest, call: Call<'_>, surroundings: &Surroundings) -> Result<GuestReport, GuestError> {
        let guest = self.modules.get(&digest).ok_or(GuestError::NotLoaded(digest))?;
        if let Call::Run(input) = call
            && input.len() > limits::GUEST_INPUT_BYTES
        {
            let message = format!("the Call has {} bytes, the limit is {}", input.len(), limits::GUEST_INPUT_BYTES);
            return Ok(GuestReport { result: Err(stopped("input-bytes", message)), fuel: 0, log: Vec::new() });
        }
        let _permit = self.permits.acquire();
        let _ticking = self.ticker.watch();
        let timeout = surroundings.timeout_ms.map(Duration::from_millis);
        let patience = self.ticker.patience(self.on_long_call, timeout);
        let mut report = call::report(&self.engine, &guest, call, surroundings, patience);
        if let (Err(GuestFailure::Host { rule: rule @ "epoch", message }), Some(timeout)) =
            (&mut report.result, timeout)
            && timeout < self.ticker.fuse()
        {
            *rule = "timeout";
            *message = format!("the call took longer than its node's timeout_ms, {}", timeout.as_millis());
        }
        Ok(report)
    }
}

impl GuestEngine for WasmEngine {
    fn load(&self, digest: Digest, wasm: &[u8]) -> Result<(), GuestRefused> {
        if self.modules.contains(&digest) {
            return Ok(());
        }
        let found = Digest::of(wasm);
        if found != digest {
            return Err(refused("digest", format!("the bytes are {found}, not {digest}")));
        }
        self.flights.join(digest, || self.load_alone(digest, wasm))
    }

    fn describe(&self, digest: Digest, surroundings: &Surroundings) -> Result<GuestReport, GuestError> {
        self.call(digest, Call::Describe, surroundings)
    }

    fn run(&self, digest: Digest, call: &str, surroundings: &Surroundings) -> Result<GuestReport, GuestError> {
        self.call(digest, Call::Run(call), surroundings)
    }

    fn forget(&self, digest: Digest) {
        self.modules.remove(&digest);
        self.compiling.forget(digest);
    }
}
