//! `wasi:cli`: no arguments, no environment, no terminal; three streams.

use wasmtime::{
    StoreContextMut,
    component::{LinkerInstance, Resource, ResourceType},
};

use super::handles::{InputStream, OutputStream};
use crate::{
    budget::charge,
    call::CallState,
    wasi::{Output, exited},
};

type Interface<'a> = LinkerInstance<'a, CallState>;
type Context<'a> = StoreContextMut<'a, CallState>;

/// A terminal, of which there is none.
struct TerminalInput;
struct TerminalOutput;

pub(super) fn environment(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("get-environment", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((Vec::<(String, String)>::new(),))
    })?;
    interface.func_wrap("get-arguments", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((Vec::<String>::new(),))
    })?;
    interface.func_wrap("initial-cwd", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((None::<String>,))
    })
}

pub(super) fn exit(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("exit", |_: Context<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(exited(u32::from(status.is_err())))
    })?;
    interface.func_wrap("exit-with-code", |_: Context<'_>, (code,): (u8,)| -> wasmtime::Result<()> {
        Err(exited(u32::from(code)))
    })
}

pub(super) fn stdin(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("get-stdin", |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((store.data_mut().system.handles.push(InputStream)?,))
    })
}

pub(super) fn stdout(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    output(interface, "get-stdout", Output::Stdout)
}

pub(super) fn stderr(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    output(interface, "get-stderr", Output::Stderr)
}

fn output(interface: &mut Interface<'_>, name: &str, output: Output) -> wasmtime::Result<()> {
    interface.func_wrap(name, move |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((store.data_mut().system.handles.push(OutputStream(output))?,))
    })
}

pub(super) fn terminal_input(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.resource("terminal-input", ResourceType::host::<TerminalInput>(), |_, _| Ok(()))
}

pub(super) fn terminal_output(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.resource("terminal-output", ResourceType::host::<TerminalOutput>(), |_, _| Ok(()))
}

pub(super) fn terminal_stdin(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    no_terminal::<TerminalInput>(interface, "get-terminal-stdin")
}

pub(super) fn terminal_stdout(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    no_terminal::<TerminalOutput>(interface, "get-terminal-stdout")
}

pub(super) fn terminal_stderr(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    no_terminal::<TerminalOutput>(interface, "get-terminal-stderr")
}

fn no_terminal<T: Send + 'static>(interface: &mut Interface<'_>, name: &str) -> wasmtime::Result<()> {
    interface.func_wrap(name, |mut store: Context<'_>, (): ()| {
        charge(&mut store, 0)?;
        Ok((None::<Resource<T>>,))
    })
}
