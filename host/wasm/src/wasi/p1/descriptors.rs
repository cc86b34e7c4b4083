//! File descriptors: 0 to 2 are standard streams that look like a terminal, so that what is printed is not held back
//! until an exit that never comes. There are no others, and none can be made.

use wasmtime::{Caller, Linker, Val};

use super::{Errno, MODULE, answer, bytes, put, signature, u32_at};
use crate::{budget::charge, call::CallState, core_module::memory_of, wasi::Output};

const STDIN: u32 = 0;
const CHARACTER_DEVICE: u8 = 2;

/// `rights` of a stream: to read or write it, and to poll for that.
const READ: u64 = 1 << 1;
const WRITE: u64 = 1 << 6;
const POLL: u64 = 1 << 27;

/// Functions that only ever fail, by what they say of a standard stream; of anything else they say that there is no
/// such descriptor.
const FAILING: [(&str, Errno); 24] = [
    ("fd_advise", Errno::Spipe),
    ("fd_allocate", Errno::Spipe),
    ("fd_datasync", Errno::Inval),
    ("fd_sync", Errno::Inval),
    ("fd_filestat_set_size", Errno::Inval),
    ("fd_filestat_set_times", Errno::Inval),
    ("fd_fdstat_set_rights", Errno::Notsup),
    ("fd_pread", Errno::Spipe),
    ("fd_pwrite", Errno::Spipe),
    ("fd_prestat_get", Errno::Badf),
    ("fd_prestat_dir_name", Errno::Badf),
    ("fd_readdir", Errno::Notdir),
    ("fd_renumber", Errno::Notsup),
    ("fd_seek", Errno::Spipe),
    ("fd_tell", Errno::Spipe),
    ("path_create_directory", Errno::Notdir),
    ("path_filestat_get", Errno::Notdir),
    ("path_filestat_set_times", Errno::Notdir),
    ("path_link", Errno::Notdir),
    ("path_open", Errno::Notdir),
    ("path_readlink", Errno::Notdir),
    ("path_remove_directory", Errno::Notdir),
    ("path_rename", Errno::Notdir),
    ("path_unlink_file", Errno::Notdir),
];

/// Functions that fail whatever they are given.
const DENIED: [(&str, Errno); 5] = [
    ("path_symlink", Errno::Badf),
    ("sock_accept", Errno::Acces),
    ("sock_recv", Errno::Acces),
    ("sock_send", Errno::Acces),
    ("sock_shutdown", Errno::Acces),
];

pub(super) fn define(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    for (name, errno) in FAILING {
        fail(linker, name, move |first| if is_standard(first) { errno } else { Errno::Badf })?;
    }
    for (name, errno) in DENIED {
        fail(linker, name, move |_| errno)?;
    }
    linker.func_wrap(MODULE, "fd_close", |caller: Caller<'_, CallState>, fd: u32| {
        answer(caller, 0, |_, _| standard(fd))
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_set_flags", |caller: Caller<'_, CallState>, fd: u32, _: u32| {
        answer(caller, 0, |_, _| standard(fd))
    })?;
    linker.func_wrap(MODULE, "fd_fdstat_get", fd_fdstat_get)?;
    linker.func_wrap(MODULE, "fd_filestat_get", fd_filestat_get)?;
    linker.func_wrap(MODULE, "fd_read", fd_read)?;
    linker.func_wrap(MODULE, "fd_write", fd_write)?;
    Ok(())
}

/// Defines a function that fails, by what its first parameter is.
fn fail(
    linker: &mut Linker<CallState>,
    name: &'static str,
    errno: impl Fn(u32) -> Errno + Send + Sync + 'static,
) -> wasmtime::Result<()> {
    let ty = signature(name).expect("the function is one of preview 1").ty(linker.engine());
    linker.func_new(MODULE, name, ty, move |mut caller, params, results| {
        charge(&mut caller, 0)?;
        let first = params.first().and_then(Val::i32).map_or(0, i32::cast_unsigned);
        results[0] = Val::I32(i32::from(errno(first) as u8));
        Ok(())
    })?;
    Ok(())
}

/// Whether `fd` is a standard stream.
pub(super) fn is_standard(fd: u32) -> bool {
    fd <= 2
}

fn standard(fd: u32) -> Result<(), Errno> {
    if is_standard(fd) { Ok(()) } else { Err(Errno::Badf) }
}

fn output(fd: u32) -> Result<Output, Errno> {
    match fd {
        1 => Ok(Output::Stdout),
        2 => Ok(Output::Stderr),
        _ => Err(Errno::Badf),
    }
}

fn fd_fdstat_get(caller: Caller<'_, CallState>, fd: u32, result: u32) -> wasmtime::Result<u32> {
    answer(caller, 0, |memory, _| {
        standard(fd)?;
        let rights = POLL | if fd == STDIN { READ } else { WRITE };
        let mut stat = [0; 24];
        stat[0] = CHARACTER_DEVICE;
        stat[8..16].copy_from_slice(&rights.to_le_bytes());
        put(memory, result, &stat)
    })
}

fn fd_filestat_get(caller: Caller<'_, CallState>, fd: u32, result: u32) -> wasmtime::Result<u32> {
    answer(caller, 0, |memory, _| {
        standard(fd)?;
        let mut stat = [0; 64];
        stat[16] = CHARACTER_DEVICE;
        put(memory, result, &stat)
    })
}

/// stdin is at its end.
fn fd_read(caller: Caller<'_, CallState>, fd: u32, _: u32, _: u32, read: u32) -> wasmtime::Result<u32> {
    answer(caller, 0, |memory, _| if fd == STDIN { put(memory, read, &[0; 4]) } else { Err(Errno::Badf) })
}

/// What is read of memory is charged before it is read, but only as far as it is in memory: a guest that lies about a
/// length is told so, and does not pay for what was not done.
fn fd_write(mut caller: Caller<'_, CallState>, fd: u32, list: u32, count: u32, written: u32) -> wasmtime::Result<u32> {
    let memory = memory_of(&mut caller)?;
    let length = vectors(memory.data(&caller), list, count).map_or(0, |list| list.as_flattened().len() as u64);
    charge(&mut caller, length)?;
    let total: u64 = vectors(memory.data(&caller), list, count).map_or(0, |list| {
        let parts = list.iter().map(|vector| gathered(memory.data(&caller), *vector).map_or(0, <[u8]>::len) as u64);
        parts.sum()
    });
    answer(caller, total, |memory, state| {
        let output = output(fd)?;
        let total = u32::try_from(total).map_err(|_| Errno::Inval)?;
        for vector in vectors(memory, list, count)? {
            state.system.write(output, gathered(memory, *vector)?, &mut state.log);
        }
        put(memory, written, &total.to_le_bytes())
    })
}

const VECTOR_BYTES: u32 = 8;
type Vector = [u8; VECTOR_BYTES as usize];

/// The list of `count` vectors (pointer, length) at `ptr`.
fn vectors(memory: &[u8], ptr: u32, count: u32) -> Result<&[Vector], Errno> {
    let length = count.checked_mul(VECTOR_BYTES).ok_or(Errno::Fault)?;
    Ok(bytes(memory, ptr, length)?.as_chunks().0)
}

/// The bytes that a vector points to.
fn gathered(memory: &[u8], vector: Vector) -> Result<&[u8], Errno> {
    bytes(memory, u32_at(&vector, 0)?, u32_at(&vector, 4)?)
}
