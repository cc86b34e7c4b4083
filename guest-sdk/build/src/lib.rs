//! Builds a guest crate to WebAssembly and makes a component of it.
//!
//! A build script that ships or tests a guest is three lines:
//!
//! ```no_run
//! fn main() -> Result<(), rosehip_guest_build::BuildError> {
//!     let component = rosehip_guest_build::from_build_script("../../behaviors/publish")?;
//!     println!("cargo:rustc-env=PUBLISH_COMPONENT={}", component.display());
//!     Ok(())
//! }
//! ```
//!
//! The guest is built by a cargo of its own, in a target directory of its own, with the profile that all guests have
//! and without whatever the outer cargo, clippy or a coverage tool put into the environment for the host.

mod cargo;
mod script;
mod target;

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, DecodedWasm};

pub use script::from_build_script;

/// What every guest is compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The interface that every guest exports.
pub const GUEST: &str = "rosehip:behavior/guest@1.0.0";

/// A guest, built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The name of its library, with underscores.
    pub name: String,
    /// The component, validated, as bytes of wasm.
    pub component: Vec<u8>,
    /// The files it was built from, outside of registries: sources, WIT, manifests and the lock file.
    pub inputs: Vec<PathBuf>,
    /// What had to be done on the way, for people, such as installing the target.
    pub notes: Vec<String>,
}

/// Why a guest could not be built.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A program could not be started.
    #[error("`{command}` does not start: {source}")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program failed; mend what it says.
    #[error("`{command}` failed ({status}):\n{stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to stderr.
        stderr: String,
    },
    /// The wasm target is missing and could not be installed; run the command.
    #[error("the target {TARGET} is not installed for {toolchain}; run `{command}` ({reason})")]
    TargetMissing {
        /// The toolchain that lacks it.
        toolchain: String,
        /// The command that installs it.
        command: String,
        /// Why it was not run, or how it failed.
        reason: String,
    },
    /// The crate builds, but to no wasm module.
    #[error("{manifest} builds no wasm module; its [lib] needs crate-type = [\"cdylib\", \"rlib\"]")]
    NoModule {
        /// The crate's manifest.
        manifest: PathBuf,
    },
    /// The module makes no component, or one that is no behavior.
    #[error("{module} makes no behavior: {reason}")]
    NotAComponent {
        /// The core module.
        module: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A build script's variable is not set: this is no build script.
    #[error("{variable} is not set; call this from a build script")]
    NotInBuildScript {
        /// The variable's name.
        variable: &'static str,
    },
}

/// What a build script's `main` returns is printed by `Debug`, and a compiler's messages are not to be escaped.
impl std::fmt::Debug for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What becomes of what cargo prints while it builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messages {
    /// It is kept, for the error where there is one.
    Kept,
    /// It goes to stderr as it comes, and an error has none of it.
    Shown,
}

/// What becomes of the lock file where the manifests have changed since it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockFile {
    /// It must fit as it stands.
    Fixed,
    /// It is brought up to date, as cargo does; what it pins stays.
    Kept,
}

/// Builds the guest crate in `crate_dir` as a component, whose lock file must fit. Intermediate files go to `target_dir`, which makes the next
/// build fast; it must not be the target directory of a cargo that is waiting for this one.
pub fn build_guest(crate_dir: &Path, target_dir: &Path) -> Result<Guest, BuildError> {
    build_guest_with(crate_dir, target_dir, LockFile::Fixed, Messages::Kept)
}

/// The same, and says what becomes of the lock file and of cargo's messages.
pub fn build_guest_with(
    crate_dir: &Path,
    target_dir: &Path,
    lock_file: LockFile,
    messages: Messages,
) -> Result<Guest, BuildError> {
    let notes = target::ensure(crate_dir)?;
    let built = cargo::build(crate_dir, target_dir, lock_file, messages)?;
    let component = componentize(&built.module)?;
    Ok(Guest { name: built.name, component, inputs: built.inputs, notes })
}

/// Makes a component of the core module at `path`, which carries its world in custom sections.
fn componentize(path: &Path) -> Result<Vec<u8>, BuildError> {
    let module = read(path)?;
    let refuse = |reason: String| BuildError::NotAComponent { module: path.to_owned(), reason };
    let encode = || {
        let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
        Ok((is_behavior(&wit_component::decode(&component)?), component))
    };
    // The encoder's errors are chains of `anyhow`, which stay out of this crate's interface.
    let (is_behavior, component) =
        encode().map_err(|error: Box<dyn std::error::Error + Send + Sync>| refuse(format!("{error:#}")))?;
    if is_behavior {
        Ok(component)
    } else {
        Err(refuse(format!("it does not export {GUEST}; see rosehip_sdk::export!")))
    }
}

/// Whether a component exports what a host calls. A module without bindings makes a component, too: an empty one.
fn is_behavior(component: &DecodedWasm) -> bool {
    let DecodedWasm::Component(resolve, world) = component else { return false };
    resolve.worlds[*world].exports.keys().any(|export| resolve.name_world_key(export) == GUEST)
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::File { path: path.to_owned(), source })
}
