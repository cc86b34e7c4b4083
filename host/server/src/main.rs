//! The binary `rosehip`: the host and its command line.

#![allow(unreachable_pub, reason = "in a binary, `pub` can only mean that other modules use it")]

mod cli;
mod client;
mod config;
mod connections;
mod host;
mod http;
mod meters;
mod project;
mod rehearsals;
mod serve;
mod shipped;
mod socket;
mod strangers;
mod telemetry;
mod traces;
mod watch;
mod words;

use std::process::ExitCode;

/// Writers, guests and routes free on other threads than they allocate on, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has memory be given by the page. Where a system gives huge ones unasked, the heap of each thread and the memory of each guest
/// take 2 MiB as soon as they take a byte. (The allocator does not ask for them: `no_thp`.)
#[cfg(target_os = "linux")]
fn take_small_pages() {
    // A kernel without huge pages refuses, and has none to give.
    let _without = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    take_small_pages();
    // Before anything else is made: this process may be here for one module alone.
    cli::compile::asked().unwrap_or_else(cli::main)
}
