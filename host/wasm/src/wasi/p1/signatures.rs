//! The functions of preview 1 and their types, by which admission judges imports.

use Param::{Long as I64, Word as I32};
use wasmtime::{Engine, FuncType, ValType};

/// The type of a parameter, for whoever reads wasm and for whoever runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    /// `i32`
    Word,
    /// `i64`
    Long,
}

/// Name, parameters and whether an `errno` is returned.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) returns: bool,
}

const fn of(name: &'static str, params: &'static [Param]) -> Signature {
    Signature { name, params, returns: true }
}

impl Signature {
    /// As a type of wasmtime.
    pub(super) fn ty(&self, engine: &Engine) -> FuncType {
        let params = self.params.iter().map(|param| match param {
            Param::Word => ValType::I32,
            Param::Long => ValType::I64,
        });
        FuncType::new(engine, params, self.returns.then_some(ValType::I32))
    }
}

/// The function of this name.
pub(crate) fn signature(name: &str) -> Option<&'static Signature> {
    ALL.iter().find(|function| function.name == name)
}

/// All functions of `wasi_snapshot_preview1`.
const ALL: [Signature; 46] = [
    of("args_get", &[I32, I32]),
    of("args_sizes_get", &[I32, I32]),
    of("environ_get", &[I32, I32]),
    of("environ_sizes_get", &[I32, I32]),
    of("clock_res_get", &[I32, I32]),
    of("clock_time_get", &[I32, I64, I32]),
    of("fd_advise", &[I32, I64, I64, I32]),
    of("fd_allocate", &[I32, I64, I64]),
    of("fd_close", &[I32]),
    of("fd_datasync", &[I32]),
    of("fd_fdstat_get", &[I32, I32]),
    of("fd_fdstat_set_flags", &[I32, I32]),
    of("fd_fdstat_set_rights", &[I32, I64, I64]),
    of("fd_filestat_get", &[I32, I32]),
    of("fd_filestat_set_size", &[I32, I64]),
    of("fd_filestat_set_times", &[I32, I64, I64, I32]),
    of("fd_pread", &[I32, I32, I32, I64, I32]),
    of("fd_prestat_get", &[I32, I32]),
    of("fd_prestat_dir_name", &[I32, I32, I32]),
    of("fd_pwrite", &[I32, I32, I32, I64, I32]),
    of("fd_read", &[I32, I32, I32, I32]),
    of("fd_readdir", &[I32, I32, I32, I64, I32]),
    of("fd_renumber", &[I32, I32]),
    of("fd_seek", &[I32, I64, I32, I32]),
    of("fd_sync", &[I32]),
    of("fd_tell", &[I32, I32]),
    of("fd_write", &[I32, I32, I32, I32]),
    of("path_create_directory", &[I32, I32, I32]),
    of("path_filestat_get", &[I32, I32, I32, I32, I32]),
    of("path_filestat_set_times", &[I32, I32, I32, I32, I64, I64, I32]),
    of("path_link", &[I32, I32, I32, I32, I32, I32, I32]),
    of("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32]),
    of("path_readlink", &[I32, I32, I32, I32, I32, I32]),
    of("path_remove_directory", &[I32, I32, I32]),
    of("path_rename", &[I32, I32, I32, I32, I32, I32]),
    of("path_symlink", &[I32, I32, I32, I32, I32]),
    of("path_unlink_file", &[I32, I32, I32]),
    of("poll_oneoff", &[I32, I32, I32, I32]),
    Signature { name: "proc_exit", params: &[I32], returns: false },
    of("proc_raise", &[I32]),
    of("sched_yield", &[]),
    of("random_get", &[I32, I32]),
    of("sock_accept", &[I32, I32, I32]),
    of("sock_recv", &[I32, I32, I32, I32, I32, I32]),
    of("sock_send", &[I32, I32, I32, I32, I32]),
    of("sock_shutdown", &[I32, I32]),
];
