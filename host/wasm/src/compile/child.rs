//! What the child does: it limits itself, reads a module from stdin, admits and compiles it, and writes its fingerprint and the artifact to
//! stdout. What it has to say about a module goes to stderr, and its exit code says what it is.

use std::{
    env,
    ffi::OsString,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    panic,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

use rosehip_core::limits;
use wasmtime::{Engine, OutOfMemory};

use super::{COMPILE_VERB, artifact::machine_code, budget::Budget, fingerprint::Fingerprint, patience::Haste};
use crate::{admission, config};

/// The second argument but one of the process once its limits are in force.
const LIMITED: &str = "limited";
/// The second argument but one of a process that is not to stand back.
pub(super) const PROMPTLY: &str = "promptly";
/// What the process is called, whatever its binary is.
pub(super) const PROCESS_NAME: &str = "rosehip";
/// Threads that compile. What each needs counts against the address space, so there are few, however many processors
/// there are.
const THREADS: usize = 4;
/// Stack of a thread that compiles, in bytes.
const STACK_BYTES: usize = 8 << 20;

/// How the child ends where no signal and no panic ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Stdout holds the fingerprint and the artifact.
    Compiled = 0,
    /// The compiler does not take the module.
    Refused = 1,
    /// The module is not admitted; stderr begins with the rule and a colon.
    NotAdmitted = 4,
    /// It could not do its work, whatever the module.
    Unable = 2,
    /// The address space does not suffice.
    OutOfMemory = 3,
    /// Rust's own code for a panic.
    Panicked = 101,
}

impl Exit {
    pub(super) fn of(code: i32) -> Option<Self> {
        [Self::Compiled, Self::Refused, Self::NotAdmitted, Self::Unable, Self::OutOfMemory, Self::Panicked]
            .into_iter()
            .find(|exit| i32::from(*exit as u8) == code)
    }
}

struct Ended {
    exit: Exit,
    reason: String,
}

fn unable(what: &str, error: impl std::fmt::Display) -> Ended {
    Ended { exit: Exit::Unable, reason: format!("{what}: {error}") }
}

/// The binary that this process runs. Its path may lead to another by now, that of an upgrade whose machine code this
/// process could not load, but a link of the kernel's leads to its file for as long as it runs.
pub fn own_program() -> io::Result<PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_owned()) } else { env::current_exe() }
}

/// Compiles the module on stdin. Call it at once where the first argument of a process is [`COMPILE_VERB`], with the
/// arguments after it: the module's size in bytes, and `promptly` where it is not to stand back, or `limited` once the limits
/// are in force.
///
/// The process starts twice: it sets its limits, clears its environment and starts itself again, so that nothing of it
/// is older than its limits. An allocator, for one, may reserve a GiB of address space before `main` begins.
pub fn compile_child(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    // Where in the compiler it panics is of no use to whoever uploads a module.
    panic::set_hook(Box::new(|info| eprintln!("{}", info.payload_as_str().unwrap_or("no message"))));
    match run(arguments) {
        Ok(()) => ExitCode::from(Exit::Compiled as u8),
        Err(Ended { exit, reason }) => {
            eprintln!("{reason}");
            ExitCode::from(exit as u8)
        }
    }
}

fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), Ended> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let (bytes, start) = match arguments.as_slice() {
        [bytes] => (bytes, Some(Haste::Gentle)),
        [bytes, promptly] if promptly == PROMPTLY => (bytes, Some(Haste::Prompt)),
        [bytes, limited] if limited == LIMITED => (bytes, None),
        _ => return Err(unable("usage", format!("{COMPILE_VERB} BYTES, with the module on stdin"))),
    };
    let bytes = bytes.to_str().and_then(|bytes| bytes.parse().ok()).filter(|bytes| *bytes <= limits::COMPONENT_BYTES);
    let Some(bytes) = bytes else {
        return Err(unable("BYTES", format!("not a number up to {}", limits::COMPONENT_BYTES)));
    };
    start.map_or_else(|| compile(bytes), |haste| limit(bytes, haste))
}

fn limit(bytes: usize, haste: Haste) -> Result<(), Ended> {
    Budget::of(bytes).bind(haste).map_err(|error| unable("the limits cannot be set", error))?;
    let program = own_program().map_err(|error| unable("the program cannot be found", error))?;
    let mut again = Command::new(program);
    again.arg0(PROCESS_NAME).args([COMPILE_VERB, &bytes.to_string(), LIMITED]).env_clear();
    // It only returns where it fails.
    let error = again.exec();
    Err(unable("the program cannot be started again", error))
}

fn compile(bytes: usize) -> Result<(), Ended> {
    let wasm = read(bytes)?;
    let engine = Engine::new(&config::of_compiler()).map_err(|error| unable("the engine cannot start", error))?;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK_BYTES).build();
    let pool = pool.map_err(|error| unable("the threads cannot start", error))?;
    let artifact = pool.install(|| {
        let kind = admission::admit(&wasm).map_err(|refused| Ended {
            exit: Exit::NotAdmitted,
            reason: format!("{}: {}", refused.rule, refused.message),
        })?;
        machine_code(&engine, kind, &wasm).map_err(|error| {
            let exit = if error.is::<OutOfMemory>() { Exit::OutOfMemory } else { Exit::Refused };
            Ended { exit, reason: format!("{error:#}") }
        })
    })?;
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(Fingerprint::of(&engine).as_bytes())
        .and_then(|()| stdout.write_all(&artifact))
        .and_then(|()| stdout.flush())
        .map_err(|error| unable("stdout", error))
}

/// The module. Fewer bytes than were announced mean that the parent is gone.
fn read(bytes: usize) -> Result<Vec<u8>, Ended> {
    let mut wasm = Vec::with_capacity(bytes);
    let most = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(1);
    io::stdin().lock().take(most).read_to_end(&mut wasm).map_err(|error| unable("stdin", error))?;
    if wasm.len() == bytes { Ok(wasm) } else { Err(unable("stdin", format!("not the {bytes} bytes announced"))) }
}
