//! How many, which ones, and on how many threads.

use std::{
    env,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tempfile::TempDir;

/// A number that whoever runs the tests may set.
pub(crate) fn number(variable: &str, otherwise: u64) -> u64 {
    let Ok(text) = env::var(variable) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number"))
}

/// A directory in memory, where there is one: what is looked at is what would be on a disk, and nothing waits for it.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a directory")
}

/// Whether these tests are built as they are when they are run by themselves in a hurry.
pub(crate) fn flags() -> &'static str {
    if cfg!(debug_assertions) { "" } else { "--release " }
}

/// Tries `0..count`, or the one that `variable` names, on as many threads as there are processors. Gives the first that
/// failed, and why.
pub(crate) fn each(
    variable: &str,
    count: u64,
    run: impl Fn(u64) -> Result<(), String> + Sync,
) -> Result<(), (u64, String)> {
    if env::var_os(variable).is_some() {
        let only = number(variable, 0);
        return run(only).map_err(|error| (only, error));
    }
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let Err(error) = run(number) {
                        next.store(count, Ordering::Relaxed);
                        failed.lock().expect("no panic").get_or_insert((number, error));
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic").map_or(Ok(()), Err)
}
