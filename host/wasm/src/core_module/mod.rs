//! Guests as core modules (DESIGN §4a B): a result is `ptr << 32 | len` in the guest's own memory.

mod abort;
mod envelope;

use rosehip_core::{
    guest::{GuestLogLevel, GuestRefused},
    limits,
};
use wasmtime::{
    Caller, Engine, Extern, Instance, InstancePre, Linker, Memory, Module, ModuleExport, Store, StoreContext,
    TypedFunc, WasmParams, WasmResults,
};

use crate::{
    budget::charge,
    call::{Call, CallState, Failure},
    failure::{Ended, Phase, breach, refused},
    wasi,
};

/// The one version of this ABI, as `rosehip_abi_version` returns it.
const ABI_VERSION: i32 = 1;

/// Names of exports.
pub(crate) const MEMORY: &str = "memory";
pub(crate) const VERSION: &str = "rosehip_abi_version";
pub(crate) const ALLOC: &str = "rosehip_alloc";
pub(crate) const DESCRIBE: &str = "rosehip_describe";
pub(crate) const RUN: &str = "rosehip_run";
pub(crate) const INITIALIZE: &str = "_initialize";

/// What every core module is ready against.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("rosehip", "log", write_log)?;
    linker.func_wrap("env", "abort", abort::abort)?;
    wasi::p1::define(&mut linker)?;
    Ok(linker)
}

/// The memory of the guest that calls the host.
pub(crate) fn memory_of(caller: &mut Caller<'_, CallState>) -> wasmtime::Result<Memory> {
    let memory = caller.get_export(MEMORY).and_then(Extern::into_memory);
    memory.ok_or_else(|| breach("abi", "the module has no memory of the name memory"))
}

/// The `len` bytes at `ptr`, if they are in `memory`. The sum is taken in 64 bits.
pub(crate) fn slice(memory: &[u8], ptr: u32, len: u32) -> Option<&[u8]> {
    let end = u64::from(ptr) + u64::from(len);
    memory.get(usize::try_from(ptr).ok()?..usize::try_from(end).ok()?)
}

fn write_log(mut caller: Caller<'_, CallState>, level: u32, ptr: u32, len: u32) -> wasmtime::Result<()> {
    charge(&mut caller, u64::from(len))?;
    let level = match level {
        0 => GuestLogLevel::Debug,
        1 => GuestLogLevel::Info,
        2 => GuestLogLevel::Warn,
        3 => GuestLogLevel::Error,
        other => return Err(breach("abi", format!("{other} is no level of rosehip.log; it takes 0 to 3"))),
    };
    let (memory, state) = memory_of(&mut caller)?.data_and_store_mut(&mut caller);
    let line = slice(memory, ptr, len).ok_or_else(|| outside("the line given to rosehip.log", ptr, len))?;
    if state.log.is_full() {
        return Ok(());
    }
    let line = str::from_utf8(line)
        .map_err(|error| breach("abi", format!("the line given to rosehip.log is not UTF-8: {error}")))?;
    state.log.write(level, line);
    Ok(())
}

fn outside(what: &str, ptr: u32, len: u32) -> wasmtime::Error {
    breach("abi", format!("{what} is outside of memory: {len} bytes at {ptr:#x}"))
}

/// A core module ready to be instantiated: its imports are resolved and its exports looked up.
pub(crate) struct CoreGuest {
    ready: InstancePre<CallState>,
    memory: ModuleExport,
    version: ModuleExport,
    alloc: ModuleExport,
    describe: ModuleExport,
    run: ModuleExport,
    initialize: Option<ModuleExport>,
}

impl CoreGuest {
    /// Links a module that was admitted and compiled.
    pub(crate) fn link(linker: &Linker<CallState>, module: &Module) -> Result<Self, GuestRefused> {
        let ready = linker.instantiate_pre(module).map_err(|error| refused("import", format!("{error:#}")))?;
        let export = |name: &str| {
            let export = module.get_export_index(name);
            export.ok_or_else(|| refused("missing-export", format!("the module does not export {name}")))
        };
        Ok(Self {
            ready,
            memory: export(MEMORY)?,
            version: export(VERSION)?,
            alloc: export(ALLOC)?,
            describe: export(DESCRIBE)?,
            run: export(RUN)?,
            initialize: module.get_export_index(INITIALIZE),
        })
    }

    /// Makes one call in a fresh instance.
    pub(crate) fn call(&self, store: &mut Store<CallState>, call: Call<'_>) -> Result<Result<String, Failure>, Ended> {
        let instance =
            self.ready.instantiate(&mut *store).map_err(|error| Ended { phase: Phase::Instantiating, error })?;
        Running { guest: self, instance, store }.call(call).map_err(|error| Ended { phase: Phase::Calling, error })
    }
}

/// The instance of one call.
struct Running<'a> {
    guest: &'a CoreGuest,
    instance: Instance,
    store: &'a mut Store<CallState>,
}

impl Running<'_> {
    fn call(mut self, call: Call<'_>) -> wasmtime::Result<Result<String, Failure>> {
        if let Some(initialize) = &self.guest.initialize {
            self.function::<(), ()>(initialize)?.call(&mut *self.store, ())?;
        }
        let version = self.function::<(), i32>(&self.guest.version)?.call(&mut *self.store, ())?;
        if version != ABI_VERSION {
            return Err(breach("abi", format!("{VERSION} returned {version}; this host speaks version {ABI_VERSION}")));
        }
        match call {
            Call::Describe => {
                let packed = self.function::<(), u64>(&self.guest.describe)?.call(&mut *self.store, ())?;
                Ok(Ok(self.text(packed)?.to_owned()))
            }
            Call::Run(input) => {
                let (ptr, len) = self.hand_over(input)?;
                let packed = self.function::<(u32, u32), u64>(&self.guest.run)?.call(&mut *self.store, (ptr, len))?;
                envelope::open(self.text(packed)?)
            }
        }
    }

    /// Copies `input` to where the guest makes room for it.
    fn hand_over(&mut self, input: &str) -> wasmtime::Result<(u32, u32)> {
        let len = u32::try_from(input.len()).expect("an input is far shorter than 4 GiB");
        let ptr = self.function::<u32, u32>(&self.guest.alloc)?.call(&mut *self.store, len)?;
        if ptr == 0 {
            return Err(breach(
                "memory",
                format!("{ALLOC} returned 0: the guest has no room for {len} bytes of input"),
            ));
        }
        let memory = self.memory();
        let start = usize::try_from(ptr).expect("the host has 64-bit addresses");
        memory
            .write(&mut *self.store, start, input.as_bytes())
            .map_err(|_| outside(&format!("what {ALLOC} returned"), ptr, len))?;
        Ok((ptr, len))
    }

    /// The text that `packed` points to.
    fn text(&mut self, packed: u64) -> wasmtime::Result<&str> {
        let [ptr, len] = [packed >> 32, packed & u64::from(u32::MAX)]
            .map(|half| u32::try_from(half).expect("half of 64 bits is 32 bits"));
        let memory = self.memory();
        let memory = memory.data(StoreContext::from(&*self.store));
        let bytes = slice(memory, ptr, len).ok_or_else(|| outside("the result", ptr, len))?;
        if bytes.len() > limits::GUEST_OUTPUT_BYTES {
            let most = limits::GUEST_OUTPUT_BYTES;
            return Err(breach("output-bytes", format!("the guest returned {len} bytes, the limit is {most}")));
        }
        str::from_utf8(bytes).map_err(|error| breach("output-utf8", format!("the result is not UTF-8: {error}")))
    }

    fn memory(&mut self) -> Memory {
        let memory = self.instance.get_module_export(&mut *self.store, &self.guest.memory);
        memory.and_then(Extern::into_memory).expect("admission found a memory of this name")
    }

    fn function<P: WasmParams, R: WasmResults>(&mut self, export: &ModuleExport) -> wasmtime::Result<TypedFunc<P, R>> {
        let function = self.instance.get_module_export(&mut *self.store, export).and_then(Extern::into_func);
        function.expect("admission found a function of this name").typed(&*self.store)
    }
}
