//! Guests as components (DESIGN §4a A): `rosehip:behavior@1.0.0`, compiled, ready and called.

use rosehip_core::guest::{GuestLogLevel, GuestRefused};
use wasmtime::{
    Engine, Store, StoreContextMut,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, ComponentType, InstancePre, Lift, Linker, Lower, WasmStr,
    },
};

use crate::{
    budget::charge,
    call::{self, Call, CallState},
    failure::{Ended, Phase, refused},
    wasi,
};

/// The interface a guest exports.
pub(crate) const GUEST_INTERFACE: &str = "rosehip:behavior/guest@1.0.0";
/// The interface a guest may import beside WASI.
pub(crate) const LOG_INTERFACE: &str = "rosehip:behavior/log@1.0.0";

/// `guest.failure`.
#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
enum Failure {
    #[component(name = "retry")]
    Retry(String),
    #[component(name = "fatal")]
    Fatal(String),
}

impl From<Failure> for call::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(message) => Self::Retry(message),
            Failure::Fatal(message) => Self::Fatal(message),
        }
    }
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
    wasi::p2::define(&mut linker)?;
    Ok(linker)
}

fn write_log(mut store: StoreContextMut<'_, CallState>, (level, message): (Level, WasmStr)) -> wasmtime::Result<()> {
    if store.data().log.is_full() {
        return charge(&mut store, 0);
    }
    let message = message.to_str(&store)?.into_owned();
    charge(&mut store, message.len() as u64)?;
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
    /// Links a component that was admitted and compiled.
    pub(crate) fn link(linker: &Linker<CallState>, component: &Component) -> Result<Self, GuestRefused> {
        let ready = linker.instantiate_pre(component).map_err(|error| refused("import", format!("{error:#}")))?;
        let describe = export(component, "describe")?;
        let run = export(component, "run")?;
        Ok(Self { ready, describe, run })
    }

    /// Makes one call in a fresh instance.
    pub(crate) fn call(
        &self,
        store: &mut Store<CallState>,
        call: Call<'_>,
    ) -> Result<Result<String, call::Failure>, Ended> {
        match call {
            Call::Describe => {
                let (manifest,): (String,) = self.call_export(store, &self.describe, ())?;
                Ok(Ok(manifest))
            }
            Call::Run(input) => {
                let (answer,): (Result<String, Failure>,) = self.call_export(store, &self.run, (input,))?;
                Ok(answer.map_err(call::Failure::from))
            }
        }
    }

    fn call_export<P, R>(
        &self,
        store: &mut Store<CallState>,
        export: &ComponentExportIndex,
        params: P,
    ) -> Result<R, Ended>
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
