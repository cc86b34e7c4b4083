//! `wasi:io`: waiting that takes no time, an input at its end, and outputs that always take what they are given.

use rosehip_core::limits;
use wasmtime::{
    StoreContextMut,
    component::{ComponentType, LinkerInstance, Lower, Resource, WasmList},
};

use super::{
    handles::{InputStream, OutputStream, Pollable, resource},
    unreachable::IoError,
};
use crate::{budget::charge, call::CallState, failure::breach};

type Interface<'a> = LinkerInstance<'a, CallState>;
type Context<'a> = StoreContextMut<'a, CallState>;

/// What an output says that it takes at once; it takes more.
const PERMITTED_BYTES: u64 = limits::GUEST_LOG_BYTES as u64;

/// `streams.stream-error`.
#[derive(Debug, ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "no operation fails, but the type has the case")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

pub(super) fn poll(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    resource::<Pollable>(interface, "pollable")?;
    interface.func_wrap("[method]pollable.ready", |mut store: Context<'_>, (pollable,): (Resource<Pollable>,)| {
        charge(&mut store, 0)?;
        let system = &store.data().system;
        Ok((system.handles.get(&pollable)?.end <= system.clocks.monotonic(),))
    })?;
    interface.func_wrap("[method]pollable.block", |mut store: Context<'_>, (pollable,): (Resource<Pollable>,)| {
        charge(&mut store, 0)?;
        let system = &mut store.data_mut().system;
        let end = system.handles.get(&pollable)?.end;
        system.clocks.sleep_until(end);
        Ok(())
    })?;
    interface.func_wrap("poll", |mut store: Context<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
        charge(&mut store, pollables.len() as u64)?;
        Ok((ready_first(&mut store, &pollables)?,))
    })
}

/// Sleeps until one of `pollables` is ready and gives the places of all that are by then.
fn ready_first(store: &mut Context<'_>, pollables: &[Resource<Pollable>]) -> wasmtime::Result<Vec<u32>> {
    let system = &mut store.data_mut().system;
    let ends = pollables.iter().map(|pollable| Ok(system.handles.get(pollable)?.end));
    let ends = ends.collect::<wasmtime::Result<Vec<u64>>>()?;
    let Some(first) = ends.iter().min() else {
        return Err(breach("abi", "the guest polls an empty list, for which nothing can ever happen"));
    };
    system.clocks.sleep_until(*first);
    let now = system.clocks.monotonic();
    Ok((0..).zip(ends).filter(|(_, end)| *end <= now).map(|(place, _)| place).collect())
}

pub(super) fn streams(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    resource::<InputStream>(interface, "input-stream")?;
    resource::<OutputStream>(interface, "output-stream")?;
    input(interface)?;
    output(interface)?;
    for splice in ["[method]output-stream.splice", "[method]output-stream.blocking-splice"] {
        interface.func_wrap(
            splice,
            |mut store: Context<'_>, _: (Resource<OutputStream>, Resource<InputStream>, u64)| {
                charge(&mut store, 0)?;
                Ok((Err::<u64, _>(StreamError::Closed),))
            },
        )?;
    }
    Ok(())
}

fn input(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    for read in ["[method]input-stream.read", "[method]input-stream.blocking-read"] {
        interface.func_wrap(read, |mut store: Context<'_>, _: (Resource<InputStream>, u64)| {
            charge(&mut store, 0)?;
            Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
        })?;
    }
    for skip in ["[method]input-stream.skip", "[method]input-stream.blocking-skip"] {
        interface.func_wrap(skip, |mut store: Context<'_>, _: (Resource<InputStream>, u64)| {
            charge(&mut store, 0)?;
            Ok((Err::<u64, _>(StreamError::Closed),))
        })?;
    }
    interface
        .func_wrap("[method]input-stream.subscribe", |store: Context<'_>, _: (Resource<InputStream>,)| subscribe(store))
}

/// A pollable for a stream, which is always ready.
fn subscribe(mut store: Context<'_>) -> wasmtime::Result<(Resource<Pollable>,)> {
    charge(&mut store, 0)?;
    Ok((store.data_mut().system.handles.push(Pollable { end: 0 })?,))
}

fn output(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "[method]output-stream.check-write",
        |mut store: Context<'_>, _: (Resource<OutputStream>,)| {
            charge(&mut store, 0)?;
            Ok((Ok::<_, StreamError>(PERMITTED_BYTES),))
        },
    )?;
    interface.func_wrap("[method]output-stream.subscribe", |store: Context<'_>, _: (Resource<OutputStream>,)| {
        subscribe(store)
    })?;
    for flush in ["[method]output-stream.flush", "[method]output-stream.blocking-flush"] {
        interface.func_wrap(flush, |mut store: Context<'_>, _: (Resource<OutputStream>,)| {
            charge(&mut store, 0)?;
            Ok((Ok::<(), StreamError>(()),))
        })?;
    }
    for write in ["[method]output-stream.write", "[method]output-stream.blocking-write-and-flush"] {
        interface.func_wrap(write, write_bytes)?;
    }
    for zeroes in ["[method]output-stream.write-zeroes", "[method]output-stream.blocking-write-zeroes-and-flush"] {
        interface.func_wrap(zeroes, write_zeroes)?;
    }
    Ok(())
}

fn write_bytes(
    mut store: Context<'_>,
    (stream, contents): (Resource<OutputStream>, WasmList<u8>),
) -> wasmtime::Result<(Result<(), StreamError>,)> {
    charge(&mut store, contents.len() as u64)?;
    if !store.data().log.is_full() {
        let contents = contents.as_le_slice(&store).to_vec();
        write(&mut store, &stream, &contents)?;
    }
    Ok((Ok(()),))
}

fn write_zeroes(
    mut store: Context<'_>,
    (stream, count): (Resource<OutputStream>, u64),
) -> wasmtime::Result<(Result<(), StreamError>,)> {
    let count = count.min(PERMITTED_BYTES);
    charge(&mut store, count)?;
    let zeroes = vec![0; usize::try_from(count).expect("the host has 64-bit addresses")];
    write(&mut store, &stream, &zeroes)?;
    Ok((Ok(()),))
}

fn write(store: &mut Context<'_>, stream: &Resource<OutputStream>, bytes: &[u8]) -> wasmtime::Result<()> {
    let state = store.data_mut();
    let OutputStream(output) = *state.system.handles.get(stream)?;
    state.system.write(output, bytes, &mut state.log);
    Ok(())
}
