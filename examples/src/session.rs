//! One shell that a document's commands are given to.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

/// How long a command may take: the first build of a project in Rust fetches and builds what it depends on.
const PATIENCE: Duration = Duration::from_mins(10);
/// Begins the line that the shell prints after a command, with its exit status.
const END: &str = "\u{1e}end-of-command ";

/// Where a document is run.
#[derive(Debug, Clone)]
pub struct Place {
    /// The working directory, empty and the document's own.
    pub dir: PathBuf,
    /// The directory of the binary, which comes first on `PATH`.
    pub binaries: PathBuf,
    /// A port that nothing listens on: `$PORT`, and `$ROSEHIP_URL` is the origin there.
    pub port: u16,
    /// Another one: `$OTHER_PORT`.
    pub other_port: u16,
}

/// A shell. It and all that it started are killed when it is dropped.
#[derive(Debug)]
pub struct Session {
    shell: Child,
    commands: ChildStdin,
    lines: Receiver<String>,
}

/// What a command left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Printed {
    /// What it wrote to stdout and stderr, without empty lines at the end.
    pub(crate) lines: Vec<String>,
    /// Its exit status.
    pub(crate) status: i32,
}

impl Session {
    /// Starts a shell.
    pub fn start(place: &Place) -> io::Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(place.binaries.clone()).chain(std::env::split_paths(&path));
        let mut bash = Command::new("bash");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROSEHIP")) {
            bash.env_remove(name);
        }
        let mut shell = bash
            .args(["--noprofile", "--norc"])
            .current_dir(&place.dir)
            .env("PATH", std::env::join_paths(path).map_err(io::Error::other)?)
            .env("PORT", place.port.to_string())
            .env("OTHER_PORT", place.other_port.to_string())
            .env("ROSEHIP_URL", format!("http://127.0.0.1:{}", place.port))
            .env("NO_COLOR", "1")
            .env("TZ", "UTC")
            .env("no_proxy", "127.0.0.1")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut commands = shell.stdin.take().expect("stdin is piped");
        commands.write_all(b"exec 2>&1\n")?;
        let output = BufReader::new(shell.stdout.take().expect("stdout is piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                // A session that was dropped needs no more lines.
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { shell, commands, lines })
    }

    /// Runs a command to its end; what it starts in the background goes on. Its stdin is empty.
    pub(crate) fn run(&mut self, command: &str) -> Result<Printed, String> {
        let quoted = command.replace('\'', r"'\''");
        let line = format!("eval '{quoted}' </dev/null\nprintf '%s%s\\n' '{END}' \"$?\"\n");
        self.commands.write_all(line.as_bytes()).map_err(|error| format!("the shell has ended: {error}"))?;
        let (begun, mut lines) = (Instant::now(), Vec::new());
        loop {
            let line = match self.lines.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("it does not end within {PATIENCE:?}; so far:\n{}", lines.join("\n")));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the shell has ended; before that:\n{}", lines.join("\n")));
                }
            };
            let Some((unended, status)) = line.split_once(END) else {
                lines.push(line.trim_end().to_owned());
                continue;
            };
            if !unended.is_empty() {
                lines.push(unended.trim_end().to_owned());
            }
            while lines.last().is_some_and(String::is_empty) {
                lines.pop();
            }
            let status = status.parse().map_err(|_| format!("the shell says {status:?} for an exit status"))?;
            return Ok(Printed { lines, status });
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The group is the shell's own, so that this reaches what it left running and nothing else.
        let group = format!("-{}", self.shell.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let place = Place { dir: std::env::temp_dir(), binaries: "/bin".into(), port: 1, other_port: 2 };
        Session::start(&place).expect("bash starts")
    }

    fn printed(session: &mut Session, command: &str) -> (Vec<String>, i32) {
        let printed = session.run(command).expect("it ends");
        (printed.lines, printed.status)
    }

    #[test]
    fn commands_share_a_shell_and_have_no_stdin() {
        let mut session = session();
        assert_eq!(printed(&mut session, "name='it''s'; cat"), (vec![], 0));
        assert_eq!(printed(&mut session, "printf %s \"$name\"; echo >&2"), (vec!["its".to_owned()], 0));
        assert_eq!(printed(&mut session, "printf x; false"), (vec!["x".to_owned()], 1));
        assert_eq!(printed(&mut session, "echo $PORT $ROSEHIP_URL").0, ["1 http://127.0.0.1:1"]);
    }

    #[test]
    fn a_shell_that_ends_is_told() {
        let error = session().run("echo bye; exit 3").expect_err("it ended");
        assert!(error.contains("the shell has ended") && error.contains("bye"), "{error}");
    }
}
