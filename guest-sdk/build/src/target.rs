//! The wasm target of the active toolchain, installed where it is missing.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::cargo::{run, spell, tool};
use crate::{BuildError, TARGET};

/// Makes sure that the toolchain which is active in `dir` has the wasm target, and says what it did.
pub(crate) fn ensure(dir: &Path) -> Result<Vec<String>, BuildError> {
    if is_installed(dir)? {
        return Ok(Vec::new());
    }
    let toolchain = env::var("RUSTUP_TOOLCHAIN").ok();
    let mut install = tool(OsStr::new("rustup"), dir);
    install.args(["target", "add", TARGET]);
    if let Some(toolchain) = &toolchain {
        install.args(["--toolchain", toolchain]);
    }
    let command = spell(&install);
    let missing = |reason: String| BuildError::TargetMissing {
        toolchain: toolchain.clone().unwrap_or_else(|| "the active toolchain".into()),
        command: command.clone(),
        reason,
    };
    run(install).map_err(|error| missing(error.to_string()))?;
    if !is_installed(dir)? {
        return Err(missing("it was run, and the target is still missing".into()));
    }
    Ok(vec![format!("installed the target {TARGET} with `{command}`")])
}

/// Whether the standard library for the target lies in the sysroot.
fn is_installed(dir: &Path) -> Result<bool, BuildError> {
    let mut command = tool(OsStr::new("rustc"), dir);
    command.args(["--print", "target-libdir", "--target", TARGET]);
    let output = run(command)?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}
