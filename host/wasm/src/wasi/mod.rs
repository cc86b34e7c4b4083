//! WASI for toolchains that insist on it (DESIGN §4a): it denies what it can, and what it cannot deny it answers the
//! same way each time.
//!
//! The wall clock shows the call's `now`. The monotonic clock starts at 1 ns and advances only by sleeps, which return at
//! once. Random bytes are one stream from the call's seed. There are no arguments, no environment, no files and no
//! sockets; stdin is at its end; lines on stdout and stderr go to the log of the call, as `info` and `warn`. Leaving
//! the program is a trap, whatever the exit code, because a guest that has left has not answered.
//!
//! `p1` gives core modules preview 1, `p2` gives components preview 2 (0.2.x).

mod clock;
mod lines;
pub(crate) mod p1;
pub(crate) mod p2;
mod random;

use rosehip_core::guest::{GuestLogLevel, Surroundings};

use self::{clock::Clocks, lines::Lines, p2::Handles, random::Random};
use crate::{failure::breach, log::CallLog};

/// What one call finds of a system.
#[derive(Debug)]
pub(crate) struct System {
    clocks: Clocks,
    random: Random,
    stdout: Lines,
    stderr: Lines,
    handles: Handles,
}

/// One of the two streams that a guest may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Stdout,
    Stderr,
}

impl System {
    /// The system of a call.
    pub(crate) fn new(surroundings: &Surroundings) -> Self {
        Self {
            clocks: Clocks::new(surroundings.now),
            random: Random::new(surroundings.seed),
            stdout: Lines::new(GuestLogLevel::Info),
            stderr: Lines::new(GuestLogLevel::Warn),
            handles: Handles::default(),
        }
    }

    fn write(&mut self, output: Output, bytes: &[u8], log: &mut CallLog) {
        match output {
            Output::Stdout => self.stdout.write(bytes, log),
            Output::Stderr => self.stderr.write(bytes, log),
        }
    }

    /// Moves lines that were begun and not ended to the log.
    pub(crate) fn flush(&mut self, log: &mut CallLog) {
        self.stdout.flush(log);
        self.stderr.flush(log);
    }
}

/// The end of a guest that leaves instead of answering.
fn exited(code: u32) -> wasmtime::Error {
    breach("trap", format!("the guest exited with code {code} instead of answering"))
}
