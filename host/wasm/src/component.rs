//! Guests as components (DESIGN §4a A): `rosehip:behavior@1.0.0`, compiled, ready and called.

use rosehip_core::guest::{GuestLogLevel, GuestRefused};
use wasmtime::{
    Engine, Store, StoreContextMut,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, ComponentType, InstancePre, Lift, Linker, Lower, WasmStr,
    },
};

use crate::{
    call::CallState,
    failure::{Ended, Phase, refused},
};

/// The interface a guest exports.
pub(crate) const GUEST_INTERFACE: &str = "rosehip:behavior/guest@1.0.0";
/// The one interface a guest may import.
pub(crate) const LOG_INTERFACE: &str = "rosehip:behavior/log@1.0.0";

/// `guest.failure`.
#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub(crate) enum Failure {
    #[component(name = "retry")]
    Retry(String),
    #[component(name = "fatal")]
    Fatal(String),
}

/// `log.level`.
#[derive(Debug, Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "its values are made by lifting them out of a guest")]
enum Level {
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<Level> for GuestLogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

/// What every component is ready against.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    linker.instance(LOG_INTERFACE)?.func_wrap("write", write_log)?;
    Ok(linker)
}

fn write_log(mut store: StoreContextMut<'_, CallState>, (level, message): (Level, WasmStr)) -> wasmtime::Result<()> {
    if store.data().log.is_full() {
        return Ok(());
    }
    let message = message.to_str(&store)?.into_owned();
    store.data_mut().log.write(level.into(), &message);
    Ok(())
}

/// A component ready to be instantiated: its imports are resolved and its exports looked up.
pub(crate) struct ComponentGuest {
    ready: InstancePre<CallState>,
    describe: ComponentExportIndex,
    run: ComponentExportIndex,
}

impl ComponentGuest {
    /// Compiles and links an admitted component.
    pub(crate) fn compile(linker: &Linker<CallState>, wasm: &[u8]) -> Result<Self, GuestRefused> {
        let component =
            Component::new(linker.engine(), wasm).map_err(|error| refused("compile", format!("{error:#}")))?;
        let ready = linker.instantiate_pre(&component).map_err(|error| refused("import", format!("{error:#}")))?;
        let describe = export(&component, "describe")?;
        let run = export(&component, "run")?;
        Ok(Self { ready, describe, run })
    }

    /// Size of the machine code and its tables, in bytes.
    pub(crate) fn artifact_bytes(&self) -> usize {
        let image = self.ready.component().image_range();
        (image.end as usize).saturating_sub(image.start as usize)
    }

    /// Calls `describe` in a fresh instance.
    pub(crate) fn describe(&self, store: &mut Store<CallState>) -> Result<String, Ended> {
        let (manifest,): (String,) = self.call(store, &self.describe, ())?;
        Ok(manifest)
    }

    /// Calls `run` in a fresh instance.
    pub(crate) fn run(&self, store: &mut Store<CallState>, call: &str) -> Result<Result<String, Failure>, Ended> {
        let (answer,): (Result<String, Failure>,) = self.call(store, &self.run, (call,))?;
        Ok(answer)
    }

    fn call<P, R>(&self, store: &mut Store<CallState>, export: &ComponentExportIndex, params: P) -> Result<R, Ended>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let instance =
            self.ready.instantiate(&mut *store).map_err(|error| Ended { phase: Phase::Instantiating, error })?;
        instance
            .get_typed_func::<P, R>(&mut *store, export)
            .and_then(|func| func.call(store, params))
            .map_err(|error| Ended { phase: Phase::Calling, error })
    }
}

fn export(component: &Component, name: &str) -> Result<ComponentExportIndex, GuestRefused> {
    component
        .get_export_index(None, GUEST_INTERFACE)
        .and_then(|guest| component.get_export_index(Some(&guest), name))
        .ok_or_else(|| refused("missing-export", format!("{GUEST_INTERFACE} has no function {name}")))
}
