//! Starts a child for one module, reads what it makes, ends it where it takes too much, and names what became of it.

use std::{
    io::{self, Read, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread::{Builder, Scope, ScopedJoinHandle},
};

use rosehip_core::{guest::GuestRefused, limits};
use rustix::process::Signal;

use super::{
    COMPILE_VERB,
    artifact::Artifact,
    budget::Budget,
    child::{Exit, PROCESS_NAME, PROMPTLY},
    fingerprint::Fingerprint,
    image::Image,
    patience::{self, Haste, Patience},
};
use crate::{admission, failure::refused};

/// Bytes of an artifact at most.
const ARTIFACT_BYTES: u64 = limits::COMPILE_ARTIFACT_BYTES as u64;
/// What the standard library writes to stderr before it aborts because an allocation failed.
const ALLOCATION_FAILED: &str = "memory allocation of ";

/// Admits and compiles a module in a child. The thread waits for it; where the thread ends, the child does.
pub(super) fn compile(program: &Path, own: Fingerprint, wasm: &[u8]) -> Result<Artifact, GuestRefused> {
    let command = |haste| {
        let mut command = Command::new(program);
        command.arg0(PROCESS_NAME).args([COMPILE_VERB, &wasm.len().to_string()]);
        if haste == Haste::Prompt {
            command.arg(PROMPTLY);
        }
        command
    };
    compile_by(command, own, wasm, Budget::of(wasm.len()))
}

fn compile_by(
    command: impl Fn(Haste) -> Command,
    own: Fingerprint,
    wasm: &[u8],
    budget: Budget,
) -> Result<Artifact, GuestRefused> {
    let tried = |haste| {
        run(&mut command(haste), wasm, Patience::of(haste, budget))
            .map_err(|error| refused("compile-host", format!("the compiler cannot be started: {error}")))
    };
    let mut ended = tried(Haste::Gentle)?;
    if ended.cut == Some(Cut::Starved) {
        ended = tried(Haste::Prompt)?;
    }
    let written = ended.artifact(budget)?;
    if written.fingerprint != own.as_bytes() {
        return Err(refused("compile-host", "the compiler is of another build than the host"));
    }
    Ok(Artifact::vouched_for(written.image))
}

/// What the parent ended the child for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Wall,
    /// It hardly ran, and another one may.
    Starved,
    Artifact,
}

/// What the child wrote to stdout.
struct Written {
    /// The first bytes, as far as there were so many.
    fingerprint: Vec<u8>,
    /// The rest, and how long it is.
    image: Image,
    length: u64,
}

struct Ended {
    /// None where the child was ended before it was done.
    stdout: Option<Written>,
    stderr: String,
    status: ExitStatus,
    cut: Option<Cut>,
}

impl Ended {
    /// The fingerprint and the artifact, or the rule that the module broke.
    fn artifact(self, budget: Budget) -> Result<Written, GuestRefused> {
        match self.cut {
            Some(Cut::Wall | Cut::Starved) => {
                let seconds = budget.wall().as_secs();
                return Err(refused("compile-wall", format!("compiling took longer than {seconds} s")));
            }
            Some(Cut::Artifact) => {
                let most = limits::COMPILE_ARTIFACT_BYTES;
                return Err(refused("compile-artifact", format!("the machine code has more than {most} bytes")));
            }
            None => {}
        }
        match self.status.code() {
            Some(code) => self.of_exit(code),
            None => Err(self.of_signal(budget)),
        }
    }

    fn of_exit(self, code: i32) -> Result<Written, GuestRefused> {
        let stderr = self.stderr.trim_end();
        match Exit::of(code) {
            Some(Exit::Compiled) => self.stdout.ok_or_else(|| refused("compile-host", "the compiler wrote nothing")),
            Some(Exit::Refused) => Err(refused("compile", stderr)),
            Some(Exit::NotAdmitted) => Err(not_admitted(stderr)),
            Some(Exit::Panicked) => Err(refused("compile", format!("the compiler panicked: {stderr}"))),
            Some(Exit::OutOfMemory) => Err(out_of_memory(stderr)),
            Some(Exit::Unable) => Err(refused("compile-host", format!("the compiler cannot work: {stderr}"))),
            None => Err(refused("compile-host", format!("the compiler ended with code {code}: {stderr}"))),
        }
    }

    fn of_signal(&self, budget: Budget) -> GuestRefused {
        let signal = self.status.signal();
        let is = |other: Signal| signal == Some(other.as_raw());
        let stderr = self.stderr.trim_end();
        if is(Signal::XCPU) {
            let seconds = budget.cpu_seconds;
            return refused("compile-cpu", format!("compiling took more than {seconds} s of processor time"));
        }
        if is(Signal::ABORT) && stderr.contains(ALLOCATION_FAILED) {
            return out_of_memory(stderr);
        }
        // The parent kills it only for what was named above, so this was the system, short of memory, or an operator.
        if is(Signal::KILL) {
            return refused("compile-host", "the compiler was killed from outside");
        }
        refused("compile", format!("the compiler ended by signal {}: {stderr}", signal.unwrap_or_default()))
    }
}

/// The rule that the child named.
fn not_admitted(stderr: &str) -> GuestRefused {
    let named = admission::RULES.iter().find_map(|rule| Some((rule, stderr.strip_prefix(rule)?.strip_prefix(": ")?)));
    match named {
        Some((rule, message)) => refused(rule, message),
        None => refused("compile-host", format!("the compiler named no rule: {stderr}")),
    }
}

fn out_of_memory(reason: &str) -> GuestRefused {
    let most = limits::COMPILE_ADDRESS_SPACE_BYTES >> 20;
    // What follows it is advice for whoever runs the process.
    let reason = reason.lines().next().unwrap_or_default();
    refused("compile-memory", format!("compiling takes more than {most} MiB of memory: {reason}"))
}

/// A child that is killed and reaped when this is dropped.
struct Running(Child);

impl Running {
    fn end(&mut self) -> io::Result<ExitStatus> {
        // One that has ended already keeps the status that it ended with, reaped or not.
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It fails where the child has been reaped, and then there is nothing left to do.
        let _ = self.end();
    }
}

fn run(command: &mut Command, wasm: &[u8], patience: Patience) -> io::Result<Ended> {
    let child = command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    std::thread::scope(|scope| {
        // It is dropped, and with it the child ended, before the scope waits for the threads on its pipes.
        let mut child = Running(child);
        let stdin = child.0.stdin.take().expect("stdin is piped");
        let stdout = child.0.stdout.take().expect("stdout is piped");
        let stderr = child.0.stderr.take().expect("stderr is piped");
        start(scope, move || feed(stdin, wasm))?;
        let stderr = start(scope, move || read_stderr(stderr))?;
        let (sender, read) = mpsc::channel();
        // A receiver that is gone has given up.
        start(scope, move || drop(sender.send(read_stdout(stdout))))?;
        let is_starved = || patience.is_starved(patience::ran(child.0.id()));
        let received = match read.recv_timeout(patience.until_look) {
            Err(RecvTimeoutError::Timeout) if is_starved() => Err(Cut::Starved),
            Err(RecvTimeoutError::Timeout) => read.recv_timeout(patience.rest).map_err(|_| Cut::Wall),
            received => received.map_err(|_| Cut::Wall),
        };
        let (stdout, cut) = match received {
            Ok(stdout) => {
                let stdout = stdout?;
                let cut = (stdout.length > ARTIFACT_BYTES).then_some(Cut::Artifact);
                (Some(stdout), cut)
            }
            Err(cut) => (None, Some(cut)),
        };
        // Its stdout is closed: it has ended, or is to end now. The kernel closes the pipes of a process only once its
        // status is settled.
        let status = child.end()?;
        Ok(Ended { stdout, stderr: stderr.join().unwrap_or_default(), status, cut })
    })
}

fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().name("compile".to_owned()).spawn_scoped(scope, work)
}

fn feed(mut stdin: ChildStdin, wasm: &[u8]) {
    // A child that ends without reading all says why by its status.
    let _ = stdin.write_all(wasm);
}

fn read_stdout(mut stdout: ChildStdout) -> io::Result<Written> {
    let mut fingerprint = Vec::new();
    stdout.by_ref().take(Fingerprint::BYTES as u64).read_to_end(&mut fingerprint)?;
    let mut length = 0;
    let image = Image::of(|image| {
        length = io::copy(&mut stdout.take(ARTIFACT_BYTES + 1), image)?;
        io::Result::Ok(())
    })?;
    Ok(Written { fingerprint, image, length })
}

/// The beginning of stderr. The rest is read as well, so that the child can go on.
fn read_stderr(mut stderr: ChildStderr) -> String {
    let mut bytes = Vec::new();
    let most = u64::try_from(limits::GUEST_MESSAGE_BYTES).unwrap_or(u64::MAX);
    // What was read before an error is as good as any.
    let _ = stderr.by_ref().take(most).read_to_end(&mut bytes);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmtime::Engine;

    use super::*;
    use crate::config;

    /// For a child that is to end by itself.
    fn patience(seconds: u64) -> Patience {
        Patience { until_look: Duration::from_secs(seconds), ..Patience::of(Haste::Prompt, Budget::of(0)) }
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// What is said of a module of `bytes` bytes whose compiler does as the script does.
    fn refusal(script: &str, bytes: usize) -> GuestRefused {
        let own = Fingerprint::of(&Engine::new(&config::of_compiler()).expect("the engine starts"));
        match compile_by(|_| shell(script), own, &vec![0; bytes], Budget::of(bytes)) {
            Ok(_) => panic!("{script} is no compiler"),
            Err(refused) => refused,
        }
    }

    #[test]
    fn each_end_of_a_child_has_its_rule() {
        for (script, rule, message) in [
            ("echo 'bad opcode' >&2; exit 1", "compile", "bad opcode"),
            ("echo 'index out of bounds' >&2; exit 101", "compile", "the compiler panicked: index out of bounds"),
            ("echo 'types: too many' >&2; exit 4", "types", "too many"),
            ("echo 'nonsense: too many' >&2; exit 4", "compile-host", "named no rule"),
            ("kill -XCPU $$", "compile-cpu", "14 s of processor time"),
            ("echo 'out of memory' >&2; exit 3", "compile-memory", "1024 MiB"),
            ("echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$", "compile-memory", "8 bytes"),
            ("kill -ABRT $$", "compile", "by signal 6"),
            ("kill -SEGV $$", "compile", "by signal 11"),
            ("exec cat /dev/zero", "compile-artifact", "134217728 bytes"),
            ("echo 'no threads' >&2; exit 2", "compile-host", "no threads"),
            ("exit 7", "compile-host", "code 7"),
            ("kill -KILL $$", "compile-host", "killed from outside"),
            ("cat", "compile-host", "of another build"),
            ("true", "compile-host", "of another build"),
        ] {
            let refused = refusal(script, 1_000);
            assert_eq!(refused.rule, rule, "{script}: {refused}");
            assert!(refused.message.contains(message), "{script}: {refused}");
        }
    }

    #[test]
    fn a_child_that_cannot_be_started_is_no_fault_of_the_module() {
        let program = Path::new("/nonexistent/rosehip");
        let own = Fingerprint::of(&Engine::new(&config::of_compiler()).expect("the engine starts"));
        let Err(refused) = compile(program, own, b"") else { panic!("there is no such program") };
        assert_eq!(refused.rule, "compile-host");
    }

    #[test]
    fn neither_side_waits_for_ever_on_a_full_pipe() {
        // It reads nothing before it has written more than any pipe holds, to both.
        let script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; cat";
        let wasm = vec![1; 3_000_000];
        let ended = run(&mut shell(script), &wasm, patience(60)).expect("it runs");
        assert_eq!(ended.cut, None);
        let written = ended.stdout.expect("it ended by itself");
        assert_eq!((written.fingerprint.len(), written.length), (Fingerprint::BYTES, 6_000_000 - 32));
        assert_eq!(ended.stderr.len(), limits::GUEST_MESSAGE_BYTES);
        assert!(ended.status.success());
    }

    #[test]
    fn a_child_that_takes_too_long_is_ended_and_reaped() {
        let mut command = shell("exec sleep 1000");
        let patience = Patience { until_look: Duration::from_millis(20), ..Patience::of(Haste::Prompt, Budget::of(4)) };
        let ended = run(&mut command, b"wasm", patience).expect("it runs");
        assert_eq!((ended.cut, ended.status.signal()), (Some(Cut::Wall), Some(Signal::KILL.as_raw())));
        let Err(refused) = ended.artifact(Budget::of(4)) else { panic!("there is no artifact") };
        assert_eq!((refused.rule, refused.message.as_str()), ("compile-wall", "compiling took longer than 42 s"));
    }

    #[test]
    fn a_child_that_was_kept_from_running_is_started_once_more() {
        let own = || Fingerprint::of(&Engine::new(&config::of_compiler()).expect("the engine starts"));
        let budget = Budget { cpu_seconds: 1 };
        let refusal = |prompt: &'static str| {
            let script = move |haste| if haste == Haste::Gentle { "exec sleep 1000" } else { prompt };
            match compile_by(|haste| shell(script(haste)), own(), b"wasm", budget) {
                Ok(_) => panic!("{prompt} is no compiler"),
                Err(refused) => refused.rule,
            }
        };
        assert_eq!(refusal("kill -XCPU $$"), "compile-cpu", "the second try is the one that counts");
        assert_eq!(refusal("exec sleep 1000"), "compile-wall");
    }

    #[test]
    fn a_child_finds_an_empty_environment() {
        // A shell adds these to its own.
        let ended = run(&mut shell("exec env"), b"", patience(60)).expect("it runs");
        let written = ended.stdout.expect("it ended by itself");
        let mut stdout = String::from_utf8(written.fingerprint).expect("text");
        written.image.reader().read_to_string(&mut stdout).expect("text");
        assert!(
            stdout.lines().all(|line| ["PWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own))),
            "{stdout}"
        );
    }
}
