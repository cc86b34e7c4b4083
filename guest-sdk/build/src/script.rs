//! Building a guest from a build script.

use std::env;
use std::path::{Path, PathBuf};

use crate::{BuildError, build_guest};

/// Builds the guest crate at `crate_dir`, relative to the manifest of the crate whose build script this is, and
/// returns the path of the component in `OUT_DIR`. Tells cargo which files to watch and warns of what it had to
/// install.
pub fn from_build_script(crate_dir: impl AsRef<Path>) -> Result<PathBuf, BuildError> {
    let own_dir = variable("CARGO_MANIFEST_DIR")?;
    let out_dir = variable("OUT_DIR")?;
    // Beside the folder of all build scripts (`…/build/NAME/out`), so that what guests have in common is compiled once.
    let shared = out_dir.ancestors().nth(3).unwrap_or(&out_dir);
    let guest = build_guest(&own_dir.join(crate_dir), &shared.join("guests"))?;

    for note in &guest.notes {
        println!("cargo:warning={note}");
    }
    for input in &guest.inputs {
        println!("cargo:rerun-if-changed={}", input.display());
    }
    let path = out_dir.join(format!("{}.component.wasm", guest.name));
    std::fs::write(&path, &guest.component).map_err(|source| BuildError::File { path: path.clone(), source })?;
    Ok(path)
}

fn variable(variable: &'static str) -> Result<PathBuf, BuildError> {
    env::var_os(variable).map(PathBuf::from).ok_or(BuildError::NotInBuildScript { variable })
}
