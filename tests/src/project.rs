//! Projects of behaviors, as their authors make and build them with the binary.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;

use crate::binary::{Output, rosehip};

/// The languages that `rosehip new` knows.
pub const LANGUAGES: [&str; 6] = ["rust", "js", "ts", "python", "go", "wat"];

/// A project in a folder of its own, below the tools that `scripts/language-tools` installed. It is removed when dropped.
#[derive(Debug)]
pub struct Project {
    /// What it is written in.
    pub language: &'static str,
    /// Its name.
    pub name: String,
    dir: TempDir,
}

impl Project {
    /// `rosehip new LANGUAGE NAME`, with more options, in an empty folder.
    #[track_caller]
    pub fn new(language: &'static str, name: &str, options: &[&str]) -> Self {
        let runs = tools().join("runs");
        fs::create_dir_all(&runs).expect("the target directory can be written");
        let dir = TempDir::new_in(&runs).expect("a directory");
        let made = run(dir.path(), &[&["new", language, name], options].concat());
        assert_eq!(made.code, Some(0), "{language}: `rosehip new`: {}", made.stderr);
        Self { language, name: name.to_owned(), dir }
    }

    /// Its folder.
    pub fn dir(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    /// Its folder, as an argument.
    pub fn shown(&self) -> String {
        self.dir().to_str().expect("the target directory's path is UTF-8").to_owned()
    }

    /// Runs the binary in its folder.
    pub fn run(&self, args: &[&str]) -> Output {
        run(&self.dir(), args)
    }

    /// Runs the binary in its folder, which must succeed, and gives its stdout.
    #[track_caller]
    pub fn must(&self, args: &[&str]) -> String {
        let Output { code, stdout, stderr } = self.run(args);
        let (language, command) = (self.language, args.join(" "));
        assert_eq!(code, Some(0), "{language}: `rosehip {command}`\nstdout: {stdout}\nstderr: {stderr}");
        stdout
    }

    /// The module that `rosehip build` left.
    pub fn wasm(&self) -> PathBuf {
        self.dir().join("dist").join(format!("{}.wasm", self.name))
    }

    /// The file of its source that `rosehip new` begins with.
    pub fn source(&self) -> PathBuf {
        let file = match self.language {
            "rust" => "src/lib.rs",
            "js" => "src/behavior.js",
            "ts" => "src/behavior.ts",
            "python" => "behavior.py",
            "go" => "main.go",
            "wat" => "behavior.wat",
            other => panic!("no language {other}"),
        };
        self.dir().join(file)
    }
}

/// Does the work for each of the languages, one after the other, and fails with the names of those that it failed for.
pub fn of_each<T>(languages: &[&'static str], work: impl Fn(&'static str) -> T) -> Vec<T> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for language in languages {
        match catch_unwind(AssertUnwindSafe(|| work(language))) {
            Ok(result) => done.push(result),
            Err(_) => failed.push(*language),
        }
    }
    assert!(failed.is_empty(), "it failed for {}, as is said above", failed.join(", "));
    done
}

fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(rosehip());
    command.args(args).current_dir(dir).env("NO_COLOR", "1").stdin(Stdio::null());
    let output = command.env_remove("ROSEHIP_DATA").env_remove("ROSEHIP_TOKEN").output().expect("the binary runs");
    Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The folder below which projects find what builds them.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/language-tools");
        let output = Command::new(script).stderr(Stdio::inherit()).output().expect("scripts/language-tools runs");
        assert!(output.status.success(), "scripts/language-tools says above what is missing");
        String::from_utf8(output.stdout).expect("a path").trim().into()
    })
}
