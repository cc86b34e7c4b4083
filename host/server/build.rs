//! Builds the behaviors that ship, and lists what `rosehip new` writes, so that the binary carries both.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// What of `guest-sdk/` the binary carries, for each language and beside them.
const OF_A_LANGUAGE: [&str; 4] = ["template", "publish", "sdk", "toolchain.toml"];
const LANGUAGES: [&str; 6] = ["rust", "js", "ts", "python", "go", "wat"];
const BESIDE: [&str; 2] = ["conformance", "wit/v1"];

/// What tools leave in the folders of whoever works on a template.
const LEFT_BEHIND: [&str; 7] = ["node_modules", "target", "dist", "build", "__pycache__", ".venv", ".git"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (behavior, variable) in [("publish", "PUBLISH_COMPONENT"), ("approval", "APPROVAL_COMPONENT")] {
        let component = rosehip_guest_build::from_build_script(format!("../../behaviors/{behavior}"))?;
        println!("cargo:rustc-env={variable}={}", component.display());
    }
    embed_what_is_authored_with()
}

/// Writes a slice of (path under `guest-sdk/`, bytes) as Rust, for `project/embedded.rs` to include.
fn embed_what_is_authored_with() -> Result<(), Box<dyn std::error::Error>> {
    let guest_sdk = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../guest-sdk").canonicalize()?;
    let of_languages = LANGUAGES.iter().flat_map(|language| OF_A_LANGUAGE.map(|part| format!("{language}/{part}")));
    let mut files = Vec::new();
    for root in of_languages.chain(BESIDE.map(str::to_owned)) {
        let root = guest_sdk.join(root);
        if root.exists() {
            println!("cargo:rerun-if-changed={}", root.display());
            list(&root, &mut files)?;
        }
    }
    files.sort();
    let mut listed = String::from("&[\n");
    for file in files {
        let path = file.strip_prefix(&guest_sdk)?.to_str().ok_or("a path under guest-sdk/ is not UTF-8")?;
        writeln!(listed, "({path:?}, include_bytes!({file:?})),")?;
    }
    listed.push_str("]\n");
    fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("authoring.rs"), listed)?;
    Ok(())
}

fn list(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !LEFT_BEHIND.iter().any(|left| entry.file_name() == *left) {
            list(&entry.path(), files)?;
        }
    }
    Ok(())
}
