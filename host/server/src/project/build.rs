//! `rosehip build`: from sources to a module that a host takes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitStatus,
    thread,
    time::{Duration, Instant, SystemTime},
};

use rosehip_core::{guest::GuestRefused, ids::Digest};
use rosehip_guest_build::{BuildError as GuestBuildError, LockFile, Messages};

use super::{
    Language, Project, ProjectError, steps,
    strip::{self, NotWasm},
};

/// The source of a project in WAT.
const WAT_SOURCE: &str = "behavior.wat";
/// What to tell whoever lacks cargo or rustc.
const INSTALL_RUST: &str = "install Rust with rustup, as https://rust-lang.org/tools/install says";

/// How a project is built.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Build although the module is newer than its sources.
    pub force: bool,
    /// Show what programs print as it comes, instead of when they fail.
    pub verbose: bool,
    /// Where people are told what is done; a line a call.
    pub say: fn(&str),
}

/// A project's module, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    /// Its file.
    pub wasm: PathBuf,
    /// How many bytes it has.
    pub bytes: usize,
    /// Its digest.
    pub digest: Digest,
    /// How long it took.
    pub seconds: f64,
    /// It was newer than its sources, and was not built again.
    pub fresh: bool,
}

/// Why a project was not built. The module that was there stays.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The project cannot be looked through.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A program is nowhere.
    #[error("{name} is not there: {install}")]
    ToolMissing {
        /// The program.
        name: String,
        /// How one gets it.
        install: String,
        /// How putting it there failed, where that was tried.
        #[source]
        reason: Option<Box<BuildError>>,
    },
    /// A program is there in a version that will not do.
    #[error("{name} is of version {found}, and {minimum} is the lowest that will do: {install}")]
    ToolTooOld {
        /// The program.
        name: String,
        /// Its version.
        found: String,
        /// The lowest version that will do.
        minimum: String,
        /// How one gets it.
        install: String,
    },
    /// A program could not be started.
    #[error("`{command}` does not start: {source}")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program failed; mend what it says.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed, if that was not shown yet.
        output: String,
    },
    /// Cargo's build came to no behavior.
    #[error(transparent)]
    Rust(GuestBuildError),
    /// The WAT does not parse.
    #[error("{}: it is no WebAssembly text", .path.display())]
    Wat {
        /// The file, relative to the project's folder.
        path: PathBuf,
        /// Where and why, with the line itself.
        output: String,
    },
    /// The steps ended well and left no module.
    #[error("every step ended well, and there is no {}", .0.display())]
    NoModule(PathBuf),
    /// What was built is no WebAssembly.
    #[error("what was built is wrong: {0}")]
    NotWasm(#[from] NotWasm),
    /// What was built is WebAssembly, and no host takes it.
    #[error("what was built is no behavior that a host takes: {0}")]
    Refused(#[from] GuestRefused),
    /// A language's `toolchain.toml` is missing or out of order in this rosehip.
    #[error("the toolchain.toml of {language}: {reason}")]
    Toolchain {
        /// The language.
        language: Language,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl BuildError {
    /// What a program printed before it failed, to be shown as it is; the error itself is one line.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Failed { output, .. } | Self::Wat { output, .. } => Some(output),
            Self::ToolMissing { reason, .. } => reason.as_ref()?.output(),
            Self::Project(_)
            | Self::ToolTooOld { .. }
            | Self::Start { .. }
            | Self::Rust(_)
            | Self::NoModule(_)
            | Self::NotWasm(_)
            | Self::Refused(_)
            | Self::Toolchain { .. }
            | Self::File { .. } => None,
        }
    }
}

/// Builds the project, unless its module is newer than its sources, and puts the module where `behavior.toml` names it.
/// Blocks for as long as the programs run.
pub fn build(project: &Project, options: &Options) -> Result<Built, BuildError> {
    let started = Instant::now();
    let path = project.wasm();
    let fresh = !options.force && project.is_fresh()?;
    let wasm = if fresh {
        fs::read(&path).map_err(|source| BuildError::File { path: path.clone(), source })?
    } else {
        (options.say)(&format!("building {} ({})", project.name(), project.language()));
        let begun = begin(project)?;
        let wasm = strip::strip(&unstripped(project, options)?)?;
        rosehip_wasm::admit(&wasm)?;
        put(&path, &wasm)?;
        date(project, begun)?;
        if let Some(early) = project.sources()?.newest.filter(|source| source.changed > SystemTime::now() + A_TICK) {
            let path = early.path.display();
            (options.say)(&format!(
                "{path} is dated in the future, so the module seems to be older; `touch {path}` helps"
            ));
        }
        wasm
    };
    let (bytes, digest) = (wasm.len(), Digest::of(&wasm));
    Ok(Built { wasm: path, bytes, digest, seconds: started.elapsed().as_secs_f64(), fresh })
}

/// The moment at which a build begins, by the clock that dates files, which stands still for some milliseconds at a time: the
/// first that is later than every source, so that what is saved from now on is not.
fn begin(project: &Project) -> Result<SystemTime, BuildError> {
    let newest = project.sources()?.newest.map(|source| source.changed);
    let probe = project.wasm().with_extension("wasm.begun");
    let failed = |source| BuildError::File { path: probe.clone(), source };
    if let Some(folder) = probe.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    loop {
        let now = fs::write(&probe, []).and_then(|()| fs::metadata(&probe)?.modified()).map_err(failed)?;
        // One that is dated in the future is not waited for.
        if newest.is_none_or(|newest| newest < now || newest > now + A_TICK) {
            fs::remove_file(&probe).map_err(failed)?;
            return Ok(now);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Longer than the clock that dates files ever stands still.
const A_TICK: Duration = Duration::from_millis(100);

/// Dates the module from the moment at which its build began: what was saved while the tools ran may not be in it, and is
/// newer. The lock file is cargo's own writing.
fn date(project: &Project, begun: SystemTime) -> Result<(), BuildError> {
    let path = project.wasm();
    let failed = |source| BuildError::File { path: path.clone(), source };
    let lock = fs::metadata(project.dir().join("Cargo.lock")).and_then(|lock| lock.modified());
    let written = lock.ok().map(|written| written + Duration::from_millis(1));
    let date = written.into_iter().fold(begun, SystemTime::max);
    fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(date)).map_err(failed)
}

fn unstripped(project: &Project, options: &Options) -> Result<Vec<u8>, BuildError> {
    match project.language() {
        Language::Rust => rust(project, options),
        Language::Wat => wat(project),
        Language::Js | Language::Ts | Language::Python | Language::Go => steps::build(project, options),
    }
}

fn rust(project: &Project, options: &Options) -> Result<Vec<u8>, BuildError> {
    let messages = if options.verbose { Messages::Shown } else { Messages::Kept };
    let target = project.dir().join("target");
    // An author who raises the version in Cargo.toml has not written a lock file by hand.
    let guest = rosehip_guest_build::build_guest_with(project.dir(), &target, LockFile::Kept, messages);
    let guest = guest.map_err(of_cargo)?;
    for note in &guest.notes {
        (options.say)(note);
    }
    Ok(guest.component)
}

/// The same error, told as those of all languages are.
fn of_cargo(error: GuestBuildError) -> BuildError {
    match error {
        GuestBuildError::Start { command, source } if source.kind() == io::ErrorKind::NotFound => {
            let name = command.split(' ').next().unwrap_or_default().to_owned();
            BuildError::ToolMissing { name, install: INSTALL_RUST.to_owned(), reason: None }
        }
        GuestBuildError::Start { command, source } => BuildError::Start { command, source },
        GuestBuildError::Failed { command, status, stderr } => BuildError::Failed { command, status, output: stderr },
        GuestBuildError::File { path, source } => BuildError::File { path, source },
        other @ (GuestBuildError::TargetMissing { .. }
        | GuestBuildError::NoModule { .. }
        | GuestBuildError::NotAComponent { .. }
        | GuestBuildError::NotInBuildScript { .. }
        | _) => BuildError::Rust(other),
    }
}

fn wat(project: &Project) -> Result<Vec<u8>, BuildError> {
    let path = project.dir().join(WAT_SOURCE);
    let text = fs::read_to_string(&path).map_err(|source| BuildError::File { path, source })?;
    let parsed = wat::Parser::new().parse_str(Some(Path::new(WAT_SOURCE)), &text);
    parsed.map_err(|error| BuildError::Wat { path: WAT_SOURCE.into(), output: error.to_string() })
}

/// Writes the module in one piece: whoever reads it meanwhile has the one before or this one.
fn put(path: &Path, wasm: &[u8]) -> Result<(), BuildError> {
    let failed = |source| BuildError::File { path: path.to_owned(), source };
    let partial = path.with_extension("wasm.partial");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&partial, wasm).and_then(|()| fs::rename(&partial, path)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_before_a_build_begins_is_older_and_what_is_saved_after_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        write("behavior.toml", "name = \"a\"\nlanguage = \"wat\"\nwasm = \"dist/a.wasm\"\n");
        let project = Project::open(dir.path()).expect("a project");
        for _ in 0..100 {
            write(WAT_SOURCE, "(module)");
            let begun = begin(&project).expect("begun");
            put(&project.wasm(), b"").expect("put there");
            date(&project, begun).expect("dated");
            assert!(project.is_fresh().expect("read"));
            write(WAT_SOURCE, "(module)");
            assert!(!project.is_fresh().expect("read"));
        }
    }
}
