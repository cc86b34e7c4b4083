//! The engine: admits and compiles modules, and calls them.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rosehip_core::{
    guest::{GuestEngine, GuestError, GuestRefused, GuestReport},
    ids::Digest,
    limits,
};
use wasmtime::{Engine, component::Linker};

use crate::{
    admission,
    call::{self, Call, CallState},
    component::{self, ComponentGuest},
    config,
    failure::{refused, stopped},
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
    /// Modules kept compiled; the least recently used leaves first.
    pub loaded_modules: usize,
    /// Machine code kept, all modules together, in bytes. The module loaded last stays even if it alone is larger.
    pub loaded_bytes: usize,
}

impl EngineOptions {
    /// The defaults, for `concurrency` calls at the same time.
    pub fn new(concurrency: usize) -> Self {
        Self {
            concurrency,
            epoch_fuse: Duration::from_millis(limits::GUEST_EPOCH_FUSE_MS),
            loaded_modules: limits::GUEST_LOADED_MODULES,
            loaded_bytes: limits::GUEST_LOADED_BYTES,
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
/// Rules of [`GuestRefused`]: `digest`, `module-bytes`, `not-wasm`, `not-a-component`, `invalid-wasm`, `import`,
/// `missing-export`, `nested-modules`, `functions`, `function-body`, `br-table`, `core-imports`, `exports`, `types`,
/// `data-segments`, `memory`, `table`, `compile`.
///
/// Rules of [`rosehip_core::guest::GuestFailure::Stopped`]: `input-bytes`, `fuel`, `stack`, `memory`, `table`,
/// `trap`, `output-bytes`, `output-utf8`, `log-bytes`, `abi`. Of [`rosehip_core::guest::GuestFailure::Host`]:
/// `epoch`, `host-memory`, `pool`, `instantiate`.
pub struct WasmEngine {
    engine: Engine,
    linker: Linker<CallState>,
    modules: Modules<ComponentGuest>,
    /// Held while compiling: one module at a time uses all processors, and a module is not compiled twice.
    compiling: Mutex<()>,
    permits: Permits,
    ticker: Ticker,
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
        let engine = Engine::new(&config::wasmtime_config(concurrency)).map_err(unfit)?;
        let linker = component::linker(&engine).map_err(unfit)?;
        let ticker = Ticker::start(engine.clone(), options.epoch_fuse).map_err(EngineError::Ticker)?;
        Ok(Self {
            engine,
            linker,
            modules: Modules::new(options.loaded_modules, options.loaded_bytes),
            compiling: Mutex::new(()),
            permits: Permits::new(concurrency),
            ticker,
        })
    }

    fn call(&self, digest: Digest, call: Call<'_>) -> Result<GuestReport, GuestError> {
        let guest = self.modules.get(&digest).ok_or(GuestError::NotLoaded(digest))?;
        if let Call::Run(input) = call
            && input.len() > limits::GUEST_INPUT_BYTES
        {
            let message = format!("the Call has {} bytes, the limit is {}", input.len(), limits::GUEST_INPUT_BYTES);
            return Ok(GuestReport { result: Err(stopped("input-bytes", message)), fuel: 0, log: Vec::new() });
        }
        let _permit = self.permits.acquire();
        let _ticking = self.ticker.watch();
        Ok(call::report(&self.engine, &guest, call))
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
        admission::admit(wasm)?;
        let _compiling = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        if self.modules.contains(&digest) {
            return Ok(());
        }
        let guest = ComponentGuest::compile(&self.linker, wasm)?;
        let bytes = guest.artifact_bytes();
        self.modules.insert(digest, guest, bytes);
        Ok(())
    }

    fn describe(&self, digest: Digest) -> Result<GuestReport, GuestError> {
        self.call(digest, Call::Describe)
    }

    fn run(&self, digest: Digest, call: &str) -> Result<GuestReport, GuestError> {
        self.call(digest, Call::Run(call))
    }
}
