//! `wasi:clocks`.

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, LinkerInstance, Lower},
};

use super::handles::Pollable;
use crate::{budget::charge, call::CallState, wasi::clock};

type Context<'a> = StoreContextMut<'a, CallState>;

/// `wall-clock.datetime`.
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl Datetime {
    fn of(nanoseconds: u64) -> Self {
        const SECOND: u64 = 1_000_000_000;
        let rest = u32::try_from(nanoseconds % SECOND).expect("a second has fewer nanoseconds than 32 bits hold");
        Self { seconds: nanoseconds / SECOND, nanoseconds: rest }
    }
}

pub(super) fn wall(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    interface.func_wrap("now", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((Datetime::of(store.data().system.clocks.wall()),))
    })?;
    interface.func_wrap("resolution", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((Datetime::of(clock::WALL_RESOLUTION),))
    })
}

pub(super) fn monotonic(interface: &mut LinkerInstance<'_, CallState>) -> wasmtime::Result<()> {
    interface.func_wrap("now", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((store.data().system.clocks.monotonic(),))
    })?;
    interface.func_wrap("resolution", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((clock::MONOTONIC_RESOLUTION,))
    })?;
    interface.func_wrap("subscribe-instant", |mut store: Context<'_>, (end,): (u64,)| {
        charge(&mut store, 0)?;
        Ok((store.data_mut().system.handles.push(Pollable { end })?,))
    })?;
    interface.func_wrap("subscribe-duration", |mut store: Context<'_>, (duration,): (u64,)| {
        charge(&mut store, 0)?;
        let system = &mut store.data_mut().system;
        let end = system.clocks.after(duration);
        Ok((system.handles.push(Pollable { end })?,))
    })
}
