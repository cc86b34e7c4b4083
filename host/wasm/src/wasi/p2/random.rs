//! `wasi:random`: secure or not, it is the one stream of the call.

use rosehip_core::limits;
use wasmtime::{StoreContextMut, component::LinkerInstance};

use crate::{budget::charge, call::CallState, failure::breach};

type Interface<'a> = LinkerInstance<'a, CallState>;
type Context<'a> = StoreContextMut<'a, CallState>;

pub(super) fn random(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("get-random-bytes", bytes)?;
    interface.func_wrap("get-random-u64", number)
}

pub(super) fn insecure(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("get-insecure-random-bytes", bytes)?;
    interface.func_wrap("get-insecure-random-u64", number)
}

pub(super) fn insecure_seed(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("insecure-seed", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 16)?;
        let random = &mut store.data_mut().system.random;
        Ok(((random.next_u64(), random.next_u64()),))
    })
}

/// As many as asked for, within reason: they are made in the host before the guest makes room for them.
fn bytes(mut store: Context<'_>, (count,): (u64,)) -> wasmtime::Result<(Vec<u8>,)> {
    let most = limits::GUEST_OUTPUT_BYTES;
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= most) else {
        return Err(breach("abi", format!("the guest asked for {count} random bytes at once; it gets {most} at most")));
    };
    charge(&mut store, count as u64)?;
    let mut bytes = vec![0; count];
    store.data_mut().system.random.fill(&mut bytes);
    Ok((bytes,))
}

fn number(mut store: Context<'_>, (): ()) -> wasmtime::Result<(u64,)> {
    charge(&mut store, 8)?;
    Ok((store.data_mut().system.random.next_u64(),))
}
