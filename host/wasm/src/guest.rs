//! A guest of either ABI: told apart by its header, compiled, linked and ready to be called.

use rosehip_core::guest::GuestRefused;
use wasmtime::{Engine, Module, Store, component::Component};

use crate::{
    call::{Call, CallState, Failure},
    component::{self, ComponentGuest},
    core_module::{self, CoreGuest},
    failure::{Ended, refused},
};

/// Which of the two ABIs a guest speaks (DESIGN §4a).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// (A) a component.
    Component,
    /// (B) a core module.
    Core,
}

impl Kind {
    /// Tells a component from a core module and from anything else by the first eight bytes (Component Model,
    /// Binary.md).
    pub(crate) fn of(wasm: &[u8]) -> Result<Self, GuestRefused> {
        match wasm.first_chunk() {
            Some(b"\0asm\x0d\0\x01\0") => Ok(Self::Component),
            Some(b"\0asm\x01\0\0\0") => Ok(Self::Core),
            Some(_) | None => Err(refused(
                "not-wasm",
                "these bytes start neither with the header of a component nor with that of a core module",
            )),
        }
    }
}

/// What compiling an admitted module gave.
pub(crate) enum Compiled {
    /// Of a component.
    Component(Component),
    /// Of a core module.
    Core(Module),
}

impl Compiled {
    /// Size of the machine code and its tables, in bytes.
    pub(crate) fn artifact_bytes(&self) -> usize {
        let image = match self {
            Self::Component(component) => component.image_range(),
            Self::Core(module) => module.image_range(),
        };
        (image.end as usize).saturating_sub(image.start as usize)
    }
}

/// What guests of either ABI find behind their imports.
pub(crate) struct Linkers {
    component: wasmtime::component::Linker<CallState>,
    core: wasmtime::Linker<CallState>,
}

impl Linkers {
    /// The imports that the two ABIs allow, for modules of `engine`.
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        Ok(Self { component: component::linker(engine)?, core: core_module::linker(engine)? })
    }
}

/// A guest ready to be instantiated: its imports are resolved and its exports looked up.
pub(crate) enum Guest {
    /// (A)
    Component(ComponentGuest),
    /// (B)
    Core(CoreGuest),
}

impl Guest {
    /// Links what was compiled of an admitted module.
    pub(crate) fn link(linkers: &Linkers, compiled: Compiled) -> Result<Self, GuestRefused> {
        match compiled {
            Compiled::Component(component) => ComponentGuest::link(&linkers.component, &component).map(Self::Component),
            Compiled::Core(module) => CoreGuest::link(&linkers.core, &module).map(Self::Core),
        }
    }

    /// Makes one call in a fresh instance.
    pub(crate) fn call(&self, store: &mut Store<CallState>, call: Call<'_>) -> Result<Result<String, Failure>, Ended> {
        match self {
            Self::Component(guest) => guest.call(store, call),
            Self::Core(guest) => guest.call(store, call),
        }
    }
}
