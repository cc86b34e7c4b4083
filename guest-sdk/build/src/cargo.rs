//! The nested cargo: its environment, its profile and what it leaves behind.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::{BuildError, LockFile, Messages, TARGET};

/// What the nested cargo made.
pub(crate) struct Built {
    pub(crate) name: String,
    pub(crate) module: PathBuf,
    pub(crate) inputs: Vec<PathBuf>,
}

/// The release profile of every guest, set here so that a guest's manifest needs none. Level 3 costs an eighth more
/// bytes than `s` and saves up to a sixth of a call's time, and a module is called far more often than it is compiled.
/// A panic is a trap, so there is nothing to unwind.
const PROFILE: [(&str, &str); 9] = [
    ("OPT_LEVEL", "3"),
    ("LTO", "fat"),
    ("CODEGEN_UNITS", "1"),
    ("PANIC", "abort"),
    ("STRIP", "symbols"),
    ("DEBUG", "false"),
    ("DEBUG_ASSERTIONS", "false"),
    ("OVERFLOW_CHECKS", "false"),
    ("INCREMENTAL", "false"),
];

/// Memory that a guest has for its heap from the start: what most calls need, so that they need not grow. It takes no
/// room before it is written.
const INITIAL_HEAP_BYTES: usize = 512 << 10;

/// Builds the crate in `crate_dir` for [`TARGET`] in `target_dir`.
pub(crate) fn build(
    crate_dir: &Path,
    target_dir: &Path,
    lock_file: LockFile,
    messages: Messages,
) -> Result<Built, BuildError> {
    let manifest = canonical(&crate_dir.join("Cargo.toml"))?;
    let workspace = workspace_of(&manifest)?;
    let mut command = tool(&cargo_program(), crate_dir);
    command.args(["build", "--release", "--lib", "--target", TARGET]);
    command.args(["--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(&manifest);
    command.arg("--target-dir").arg(target_dir);
    if lock_file == LockFile::Fixed && workspace.join("Cargo.lock").exists() {
        command.arg("--locked");
    }
    for (key, value) in PROFILE {
        command.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    let mut flags = remap_paths(&workspace);
    flags.push(format!("-Clink-arg=--initial-heap={INITIAL_HEAP_BYTES}"));
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if messages == Messages::Shown {
        command.stderr(Stdio::inherit());
    }

    let output = run(command)?;
    let (name, module) = module_of(&output.stdout, &manifest).ok_or(BuildError::NoModule { manifest })?;
    let inputs = inputs_of(&module, &workspace)?;
    Ok(Built { name, module, inputs })
}

/// A command in `dir` without what an outer cargo, its wrappers and its caller's flags put into the environment for
/// the host. What says where crates come from stays, and so does the jobserver, whose tokens both cargos share.
pub(crate) fn tool(program: &OsStr, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    for (key, _) in env::vars_os() {
        if key.to_str().is_some_and(is_for_the_host) {
            command.env_remove(key);
        }
    }
    command
}

fn is_for_the_host(key: &str) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    const DROPPED: [&str; 8] =
        ["TARGET", "HOST", "PROFILE", "OPT_LEVEL", "DEBUG", "NUM_JOBS", "OUT_DIR", "CLIPPY_ARGS"];
    let of_cargo = ["CARGO", "__CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "DEP_", "LLVM_PROFILE_FILE"];

    let kept = KEPT.iter().any(|prefix| key.starts_with(prefix));
    !kept && (DROPPED.contains(&key) || of_cargo.iter().any(|prefix| key.starts_with(prefix)))
}

/// The cargo that runs this build, or the one in the path.
fn cargo_program() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Panic messages hold source paths. Without this machine's folders in them, the same sources give the same module.
fn remap_paths(workspace: &Path) -> Vec<String> {
    let mut flags = vec![format!("--remap-path-prefix={}=/workspace", workspace.display())];
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    if let Some(home) = home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    flags
}

fn workspace_of(manifest: &Path) -> Result<PathBuf, BuildError> {
    let dir = parent(manifest);
    let mut command = tool(&cargo_program(), dir);
    command.args(["locate-project", "--workspace", "--message-format", "plain"]);
    command.arg("--manifest-path").arg(manifest);
    let output = run(command)?;
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    Ok(parent(&root).to_owned())
}

/// Runs a command to its end and hands over what it wrote; a failure carries its stderr.
pub(crate) fn run(mut command: Command) -> Result<Output, BuildError> {
    let output = command.output().map_err(|source| BuildError::Start { command: spell(&command), source })?;
    if output.status.success() {
        return Ok(output);
    }
    Err(BuildError::Failed {
        command: spell(&command),
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
    })
}

/// The command as one would type it.
pub(crate) fn spell(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// One line of cargo's `--message-format json`, as far as it is read.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The library's name and wasm module that cargo reported for `manifest`.
fn module_of(messages: &[u8], manifest: &Path) -> Option<(String, PathBuf)> {
    let messages = String::from_utf8_lossy(messages);
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact" && message.manifest_path == manifest)
        .find_map(|message| {
            let module = message.filenames.into_iter().find(|file| file.extension() == Some(OsStr::new("wasm")))?;
            Some((message.target?.name, module))
        })
}

/// The files the module was built from: what cargo lists in the dep-info beside it (the sources of every path
/// dependency, and the WIT that the bindings include), the manifests of their crates, and the workspace's own files.
fn inputs_of(module: &Path, workspace: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let dep_info = module.with_extension("d");
    let listed = String::from_utf8_lossy(&crate::read(&dep_info)?).into_owned();
    let sources: BTreeSet<PathBuf> = sources_in(&listed).filter(|path| path.starts_with(workspace)).collect();
    let manifests = sources
        .iter()
        .filter_map(|source| source.ancestors().skip(1).map(|dir| dir.join("Cargo.toml")).find(|file| file.exists()));
    let own = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"].map(|name| workspace.join(name));

    let mut inputs: BTreeSet<PathBuf> = manifests.chain(own.into_iter().filter(|file| file.exists())).collect();
    inputs.extend(sources);
    Ok(inputs.into_iter().collect())
}

/// The prerequisites of a dep-info file's one rule, `output: source source …`, where a space in a path is `\ `.
fn sources_in(dep_info: &str) -> impl Iterator<Item = PathBuf> {
    const SPACE: &str = "\u{0}";
    let rule = dep_info.lines().next().unwrap_or_default().replace("\\ ", SPACE);
    let sources = rule.split_once(": ").map_or(String::new(), |(_, sources)| sources.to_owned());
    let words: Vec<PathBuf> = sources.split_whitespace().map(|word| word.replace(SPACE, " ").into()).collect();
    words.into_iter()
}

fn canonical(path: &Path) -> Result<PathBuf, BuildError> {
    path.canonicalize().map_err(|source| BuildError::File { path: path.to_owned(), source })
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("the absolute path of a file has a parent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_the_host_does_not_reach_the_guest() {
        for key in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
            assert!(is_for_the_host(key), "{key}");
        }
        for key in ["CARGO_FEATURE_X", "CARGO_CFG_UNIX", "CARGO", "RUSTC_WORKSPACE_WRAPPER", "TARGET", "DEP_Z_ROOT"] {
            assert!(is_for_the_host(key), "{key}");
        }
        for key in ["CARGO_HOME", "CARGO_MAKEFLAGS", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN", "PATH", "HOSTNAME"] {
            assert!(!is_for_the_host(key), "{key}");
        }
    }

    #[test]
    fn dep_info_lists_sources_with_spaces() {
        let sources: Vec<_> = sources_in("/out/a.wasm: /my\\ code/lib.rs /wit/b.wit\n").collect();
        assert_eq!(sources, [PathBuf::from("/my code/lib.rs"), PathBuf::from("/wit/b.wit")]);
    }
}
