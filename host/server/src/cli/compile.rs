//! `rosehip __compile BYTES`, which the host starts to compile one module: wasm on stdin, machine code on stdout. It is
//! not for people, so it is no command of the command line, and nothing that commands need is set up for it.

use std::{env, process::ExitCode};

use rosehip_wasm::COMPILE_VERB;

/// Compiles, if this process was started for that.
pub fn asked() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    (arguments.next()? == COMPILE_VERB).then(|| rosehip_wasm::compile_child(arguments))
}
