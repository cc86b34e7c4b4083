//! What compiling a module may cost. The child limits itself to it; the parent ends a child that takes too long.

use std::{io, time::Duration};

use rosehip_core::limits;
use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};

use super::patience::Haste;

/// How far compiling stands back behind calls and requests, of 19.
const NICENESS: i32 = 10;

/// Limits for one module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) cpu_seconds: u64,
}

impl Budget {
    /// For a module of so many bytes.
    pub(super) fn of(wasm_bytes: usize) -> Self {
        let mib = u64::try_from(wasm_bytes.div_ceil(1 << 20)).unwrap_or(u64::MAX);
        let more = mib.saturating_mul(limits::COMPILE_CPU_SECONDS_PER_MIB);
        Self { cpu_seconds: limits::COMPILE_CPU_SECONDS.saturating_add(more) }
    }

    /// Wall time after which the parent ends the child.
    pub(super) fn wall(self) -> Duration {
        Duration::from_secs(self.cpu_seconds.saturating_mul(limits::COMPILE_WALL_FACTOR))
    }

    /// Limits this process for good, and has it killed with the thread that started it.
    pub(super) fn bind(self, haste: Haste) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if haste == Haste::Gentle {
            nice(NICENESS)?;
        }
        // Beyond the lower limit comes the signal that says why, beyond the upper one SIGKILL.
        limit(Resource::Cpu, self.cpu_seconds, self.cpu_seconds + 1)?;
        limit(Resource::As, limits::COMPILE_ADDRESS_SPACE_BYTES, limits::COMPILE_ADDRESS_SPACE_BYTES)?;
        limit(Resource::Core, 0, 0)?;
        // It writes to pipes, never to files.
        limit(Resource::Fsize, 0, 0)
    }
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let found = rustix::process::getrlimit(resource);
    let lower = |found: Option<u64>, wanted: u64| Some(found.map_or(wanted, |found| found.min(wanted)));
    let limits = Rlimit { current: lower(found.current, soft), maximum: lower(found.maximum, hard) };
    Ok(setrlimit(resource, limits)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mib_begun_is_given_time() {
        let seconds = |bytes| Budget::of(bytes).cpu_seconds;
        assert_eq!([seconds(0), seconds(1), seconds(1 << 20), seconds((1 << 20) + 1)], [10, 14, 14, 18]);
        assert_eq!(Budget::of(1).wall(), Duration::from_secs(42));
    }
}
