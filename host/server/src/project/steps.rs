//! Building a project with the programs of its language, as its `toolchain.toml` says.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use super::{
    Project,
    build::{BuildError, Options},
    embedded,
    toolchain::{Tool, Toolchain, Version},
};

/// The project's folder for what lies between its sources and its module.
const BUILD_FOLDER: &str = "build";
/// In it, where the steps put the module: it replaces the one before only when it is known to be in order.
const OUT_FOLDER: &str = ".out";

/// Runs the steps and returns the module that they made.
pub(super) fn build(project: &Project, options: &Options) -> Result<Vec<u8>, BuildError> {
    let language = project.language();
    let missing = || BuildError::Toolchain { language, reason: "this rosehip has none".to_owned() };
    let text = embedded::text(&format!("{language}/toolchain.toml")).ok_or_else(missing)?;
    let toolchain: Toolchain =
        toml::from_str(text).map_err(|error| BuildError::Toolchain { language, reason: error.message().to_owned() })?;
    Steps::new(project, options)?.take(&toolchain)
}

struct Steps<'a> {
    project: &'a Project,
    options: &'a Options,
    out: PathBuf,
    /// What each placeholder stands for.
    words: [(&'static str, OsString); 5],
    /// Where each tool was found.
    found: BTreeMap<String, PathBuf>,
}

impl<'a> Steps<'a> {
    fn new(project: &'a Project, options: &'a Options) -> Result<Self, BuildError> {
        let build = project.dir().join(BUILD_FOLDER);
        let out_folder = build.join(OUT_FOLDER);
        let out = out_folder.join(project.wasm_in_project().file_name().unwrap_or(OsStr::new("behavior.wasm")));
        std::fs::create_dir_all(&out_folder).map_err(|source| BuildError::File { path: out_folder, source })?;
        // What an earlier build left there would pass for what this one made.
        match std::fs::remove_file(&out) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(BuildError::File { path: out, source });
            }
            Ok(()) | Err(_) => {}
        }
        let name = project.name().as_str();
        let words = [
            ("{name}", name.into()),
            ("{name_snake}", name.replace('-', "_").into()),
            ("{out}", out.clone().into()),
            ("{build}", build.into()),
            ("{project}", project.dir().into()),
        ];
        Ok(Self { project, options, out, words, found: BTreeMap::new() })
    }

    fn take(mut self, toolchain: &Toolchain) -> Result<Vec<u8>, BuildError> {
        for tool in &toolchain.tools {
            let program = self.provide(tool)?;
            self.require_version(tool, &program)?;
            self.found.insert(tool.name.clone(), program);
        }
        for step in &toolchain.steps {
            let mut command = self.command(&step.run);
            command.envs(step.env.iter().map(|(key, value)| (key, self.fill(value))));
            self.run(command)?;
        }
        match std::fs::read(&self.out) {
            Ok(wasm) => Ok(wasm),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BuildError::NoModule(self.out)),
            Err(source) => Err(BuildError::File { path: self.out, source }),
        }
    }

    /// The program, put where it belongs if it is nowhere and there is a way to.
    fn provide(&self, tool: &Tool) -> Result<PathBuf, BuildError> {
        let path = env::var_os("PATH").unwrap_or_default();
        if let Some(program) = tool.find(self.project.dir(), &path) {
            return Ok(program);
        }
        let missing = |reason: Option<BuildError>| BuildError::ToolMissing {
            name: tool.name.clone(),
            install: tool.install.clone(),
            reason: reason.map(Box::new),
        };
        for words in tool.setup.commands() {
            let command = self.command(words);
            (self.options.say)(&format!("{} is not there; running `{}`", tool.name, spell(&command)));
            self.run(command).map_err(|error| missing(Some(error)))?;
        }
        tool.find(self.project.dir(), &path).ok_or_else(|| missing(None))
    }

    fn require_version(&self, tool: &Tool, program: &Path) -> Result<(), BuildError> {
        let Some(minimum) = tool.minimum.as_deref().and_then(Version::first_in) else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(&tool.version).current_dir(self.project.dir()).stdin(Stdio::null());
        let output = command.output().map_err(|source| BuildError::Start { command: spell(&command), source })?;
        // Some print it among their complaints.
        let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let found = printed.iter().find_map(|text| Version::first_in(text));
        if found.as_ref().is_some_and(|found| found.is_at_least(&minimum)) {
            return Ok(());
        }
        Err(BuildError::ToolTooOld {
            name: tool.name.clone(),
            found: found.map_or_else(|| "unknown".to_owned(), |found| found.to_string()),
            minimum: minimum.to_string(),
            install: tool.install.clone(),
        })
    }

    /// The command of these words, whose first may name a tool that was found.
    fn command(&self, words: &[String]) -> Command {
        let mut words = words.iter().map(|word| self.fill(word));
        let first = words.next().unwrap_or_default();
        let found = first.to_str().and_then(|name| self.found.get(name)).cloned();
        // Which folder a path such as `.venv/bin/python` starts from is not left to the system; a bare name has no folder.
        let of_project =
            || Some(self.project.dir().join(&first)).filter(|_| Path::new(&first).components().count() > 1);
        let program = found.or_else(of_project).unwrap_or_else(|| first.clone().into());
        let mut command = Command::new(program);
        command.args(words).current_dir(self.project.dir());
        command
    }

    /// A word with its placeholders filled in. What is filled in is not looked through again: paths may hold anything.
    fn fill(&self, word: &str) -> OsString {
        let mut filled = OsString::new();
        let mut rest = word;
        while let Some(brace) = rest.find('{') {
            filled.push(&rest[..brace]);
            rest = &rest[brace..];
            let (from, to) = match self.words.iter().find(|(from, _)| rest.starts_with(from)) {
                Some((from, to)) => (from.len(), to.as_os_str()),
                None => (1, OsStr::new("{")),
            };
            filled.push(to);
            rest = &rest[from..];
        }
        filled.push(rest);
        filled
    }

    fn run(&self, command: Command) -> Result<(), BuildError> {
        run(command, self.options)
    }
}

/// Runs a command to its end. What it prints is shown as it comes, or kept for the error.
fn run(mut command: Command, options: &Options) -> Result<(), BuildError> {
    let spelled = spell(&command);
    let not_started = |source| BuildError::Start { command: spelled.clone(), source };
    command.stdin(Stdio::null());
    let (status, output) = if options.verbose {
        (options.say)(&format!("running `{spelled}`"));
        command.stdout(io::stderr()).stderr(Stdio::inherit());
        (command.status().map_err(not_started)?, String::new())
    } else {
        output(command).map_err(not_started)?
    };
    if status.success() { Ok(()) } else { Err(BuildError::Failed { command: spelled, status, output }) }
}

/// Runs a command to its end and keeps all that it prints, in the order in which it does.
fn output(mut command: Command) -> io::Result<(ExitStatus, String)> {
    let (mut reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn()?;
    // It holds the ends that are written to, without which reading has no end.
    drop(command);
    let mut printed = Vec::new();
    reader.read_to_end(&mut printed)?;
    Ok((child.wait()?, String::from_utf8_lossy(&printed).into_owned()))
}

/// The command as one would type it.
fn spell(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use tempfile::TempDir;

    use super::*;

    fn project() -> (TempDir, Project) {
        let dir = tempfile::tempdir().expect("a directory");
        let says = "name = \"rose-notes\"\nlanguage = \"go\"\nwasm = \"dist/out.wasm\"\n";
        fs::write(dir.path().join("behavior.toml"), says).expect("written");
        let project = Project::open(dir.path()).expect("a project");
        (dir, project)
    }

    fn program(path: &Path, script: &str) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
    }

    fn take(project: &Project, toolchain: &str) -> Result<Vec<u8>, BuildError> {
        let options = Options { force: false, verbose: false, say: |_| {} };
        Steps::new(project, &options)?.take(&toml::from_str(toolchain).expect("a toolchain"))
    }

    const WEAVE: &str = "[[tools]]\nname = \"weave\"\nin = \".bin\"\ninstall = \"get weave\"\n";

    #[test]
    fn steps_run_in_the_project_with_their_words_filled_in() {
        let (_dir, project) = project();
        program(&project.dir().join(".bin/weave"), "echo \"$PWD|$COLOUR|$1|$2\" > \"$3\"");
        let steps = "[[steps]]\nrun = [\"weave\", \"{name_snake}\", \"{name} {other}\", \"{build}/made\"]\n\
                     env = { COLOUR = \"{name}-red\" }\n\
                     [[steps]]\nrun = [\"cp\", \"{project}/build/made\", \"{out}\"]\n";

        let made = take(&project, &format!("{WEAVE}{steps}")).expect("made");

        let expected = format!("{}|rose-notes-red|rose_notes|rose-notes {{other}}\n", project.dir().display());
        assert_eq!(String::from_utf8_lossy(&made), expected);
    }

    #[test]
    fn a_step_that_fails_hands_over_all_that_it_printed_in_its_order() {
        let (_dir, project) = project();
        program(&project.dir().join(".bin/weave"), "echo one; echo two >&2; echo three; exit 7");

        let error = take(&project, &format!("{WEAVE}[[steps]]\nrun = [\"weave\", \"x\"]\n")).expect_err("it fails");

        assert_eq!(error.output(), Some("one\ntwo\nthree\n"));
        assert!(error.to_string().ends_with("weave x` failed (exit status: 7)"), "{error}");
    }

    #[test]
    fn what_a_build_before_left_is_not_taken_for_this_ones() {
        let (_dir, project) = project();
        let once = "steps = [{ run = [\"cp\", \"behavior.toml\", \"{out}\"] }]";
        take(&project, once).expect("made");

        let error = take(&project, "steps = [{ run = [\"true\"] }]").expect_err("nothing was made");

        assert!(matches!(error, BuildError::NoModule(_)), "{error}");
    }

    #[test]
    fn a_tool_that_is_nowhere_is_set_up_once() {
        let (_dir, project) = project();
        program(
            &project.dir().join("tools/fetch"),
            "echo x >> log; mkdir -p .bin; printf '#!/bin/sh\\ncp behavior.toml $1' > .bin/$1; chmod +x .bin/$1",
        );
        let setup = "setup = [\"tools/fetch\", \"weave\"]\n[[steps]]\nrun = [\"weave\", \"{out}\"]\n";
        for _ in 0..2 {
            take(&project, &format!("{WEAVE}{setup}")).expect("made");
        }
        assert_eq!(fs::read_to_string(project.dir().join("log")).expect("read"), "x\n");
    }

    #[test]
    fn a_tool_that_is_missing_or_too_old_is_one_clear_error() {
        let (_dir, project) = project();
        let steps = "[[steps]]\nrun = [\"weave\"]\n";
        let missing = take(&project, &format!("{WEAVE}{steps}")).expect_err("it is nowhere");
        let failed = take(&project, &format!("{WEAVE}setup = [\"sh\", \"-c\", \"echo no; exit 1\"]\n{steps}"));
        let failed = failed.expect_err("it is not set up");
        assert_eq!(failed.output(), Some("no\n"));
        program(&project.dir().join(".bin/weave"), "echo weave v1.9.2");
        let old = take(&project, &format!("{WEAVE}minimum = \"1.10\"\n{steps}")).expect_err("it is too old");

        let told = [missing, failed, old].map(|error| error.to_string());
        insta::assert_snapshot!(told.join("\n"), @r"
        weave is not there: get weave
        weave is not there: get weave
        weave is of version 1.9.2, and 1.10 is the lowest that will do: get weave
        ");
    }
}
