//! WASI preview 1 (`wasi_snapshot_preview1`) for core modules. A bad pointer is answered with `fault`; no function
//! fails in another way, save that leaving ends the call.

mod descriptors;
mod poll;
mod signatures;

use wasmtime::{Caller, Linker};

pub(crate) use self::signatures::{Param, signature};
use super::{clock, exited};
use crate::{
    budget::charge,
    call::CallState,
    core_module::{memory_of, slice},
};

/// The name that the functions are imported from.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// `errno`, as far as it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Errno {
    Acces = 2,
    Badf = 8,
    Fault = 21,
    Inval = 28,
    Nosys = 52,
    Notdir = 54,
    Notsup = 58,
    Spipe = 70,
}

/// `clockid`: what shows the time of day, and what measures. Processor time is measured too, as if the guest had the
/// processor for as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClockId {
    Realtime,
    Monotonic,
}

impl ClockId {
    fn of(id: u32) -> Result<Self, Errno> {
        match id {
            0 => Ok(Self::Realtime),
            1..=3 => Ok(Self::Monotonic),
            _ => Err(Errno::Inval),
        }
    }
}

/// Defines all functions of [`signatures`].
pub(crate) fn define(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    descriptors::define(linker)?;
    linker.func_wrap(MODULE, "poll_oneoff", poll::poll_oneoff)?;
    linker.func_wrap(MODULE, "clock_res_get", clock_res_get)?;
    linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?;
    linker.func_wrap(MODULE, "random_get", random_get)?;
    for sizes in ["args_sizes_get", "environ_sizes_get"] {
        linker.func_wrap(MODULE, sizes, |caller: Caller<'_, CallState>, count: u32, bytes: u32| {
            answer(caller, 0, |memory, _| {
                put(memory, count, &[0; 4])?;
                put(memory, bytes, &[0; 4])
            })
        })?;
    }
    for list in ["args_get", "environ_get"] {
        linker.func_wrap(MODULE, list, |caller: Caller<'_, CallState>, _: u32, _: u32| {
            answer(caller, 0, |_, _| Ok(()))
        })?;
    }
    linker.func_wrap(MODULE, "sched_yield", |caller: Caller<'_, CallState>| answer(caller, 0, |_, _| Ok(())))?;
    linker.func_wrap(MODULE, "proc_raise", |caller: Caller<'_, CallState>, _: u32| {
        answer(caller, 0, |_, _| Err(Errno::Nosys))
    })?;
    linker.func_wrap(MODULE, "proc_exit", |code: u32| -> wasmtime::Result<()> { Err(exited(code)) })?;
    Ok(())
}

/// Does what the guest asked for in its memory, after charging it, and says how that went.
fn answer(
    mut caller: Caller<'_, CallState>,
    bytes: u64,
    work: impl FnOnce(&mut [u8], &mut CallState) -> Result<(), Errno>,
) -> wasmtime::Result<u32> {
    charge(&mut caller, bytes)?;
    let (memory, state) = memory_of(&mut caller)?.data_and_store_mut(&mut caller);
    Ok(work(memory, state).map_or_else(|errno| errno as u32, |()| 0))
}

/// The `len` bytes at `ptr`.
fn bytes(memory: &[u8], ptr: u32, len: u32) -> Result<&[u8], Errno> {
    slice(memory, ptr, len).ok_or(Errno::Fault)
}

/// Writes `value` at `ptr`.
fn put(memory: &mut [u8], ptr: u32, value: &[u8]) -> Result<(), Errno> {
    let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
    memory.get_mut(start..).and_then(|rest| rest.get_mut(..value.len())).ok_or(Errno::Fault)?.copy_from_slice(value);
    Ok(())
}

fn u32_at(memory: &[u8], ptr: u32) -> Result<u32, Errno> {
    bytes(memory, ptr, 4)?.first_chunk().copied().map(u32::from_le_bytes).ok_or(Errno::Fault)
}

fn u64_at(memory: &[u8], ptr: u32) -> Result<u64, Errno> {
    bytes(memory, ptr, 8)?.first_chunk().copied().map(u64::from_le_bytes).ok_or(Errno::Fault)
}

fn clock_res_get(caller: Caller<'_, CallState>, id: u32, result: u32) -> wasmtime::Result<u32> {
    answer(caller, 0, |memory, _| {
        let resolution = match ClockId::of(id)? {
            ClockId::Realtime => clock::WALL_RESOLUTION,
            ClockId::Monotonic => clock::MONOTONIC_RESOLUTION,
        };
        put(memory, result, &resolution.to_le_bytes())
    })
}

fn clock_time_get(caller: Caller<'_, CallState>, id: u32, _precision: u64, result: u32) -> wasmtime::Result<u32> {
    answer(caller, 0, |memory, state| {
        let time = match ClockId::of(id)? {
            ClockId::Realtime => state.system.clocks.wall(),
            ClockId::Monotonic => state.system.clocks.monotonic(),
        };
        put(memory, result, &time.to_le_bytes())
    })
}

fn random_get(caller: Caller<'_, CallState>, ptr: u32, len: u32) -> wasmtime::Result<u32> {
    answer(caller, u64::from(len), |memory, state| {
        let start = usize::try_from(ptr).map_err(|_| Errno::Fault)?;
        let room = memory.get_mut(start..).and_then(|rest| rest.get_mut(..usize::try_from(len).ok()?));
        state.system.random.fill(room.ok_or(Errno::Fault)?);
        Ok(())
    })
}
