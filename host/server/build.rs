//! Builds the behaviors that ship, and lists what `rosehip new` writes, so that the binary carries both.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

/// Folders and files of the repository, and where they are in the list that `project/embedded.rs` looks through.
const LANGUAGES: [&str; 6] = ["rust", "js", "ts", "python", "go", "wat"];
const OF_A_LANGUAGE: [&str; 4] = ["template", "publish", "sdk", "toolchain.toml"];
const OF_ALL: [(&str, &str); 2] = [("guest-sdk/conformance", "conformance"), ("guest-sdk/wit/v1", "wit/v1")];
/// In Rust the SDK and the worked behavior are crates of the workspace, whose manifests are the template's.
const OF_RUST: [(&str, &str); 3] = [
    ("guest-sdk/rust/src", "rust/sdk/sdk/src"),
    ("behaviors/publish/src", "rust/publish/src"),
    ("behaviors/publish/tests", "rust/publish/tests"),
];
/// Where such a crate says its own name, which is the project's to be.
const NAMED: [(&str, &str, &str); 3] = [
    ("rust/publish/src/lib.rs", "Manifest::new(\"publish\",", "Manifest::new(\"{{name}}\","),
    ("rust/publish/tests/findings.rs", "behavior_publish::", "{{name_snake}}::"),
    ("rust/publish/tests/walk.rs", "behavior_publish::", "{{name_snake}}::"),
];
/// What tools leave in the folders of whoever works on a template.
const LEFT_BEHIND: [&str; 7] = ["node_modules", "target", "dist", "build", "__pycache__", ".venv", ".git"];

fn main() -> Result<(), Box<dyn Error>> {
    for (behavior, variable) in [("publish", "PUBLISH_COMPONENT"), ("approval", "APPROVAL_COMPONENT")] {
        let component = rosehip_guest_build::from_build_script(format!("../../behaviors/{behavior}"))?;
        println!("cargo:rustc-env={variable}={}", component.display());
    }
    embed_what_projects_begin_with()
}

/// Writes a slice of (path, bytes) as Rust, in the order of the paths.
fn embed_what_projects_begin_with() -> Result<(), Box<dyn Error>> {
    let repository = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let of_languages = LANGUAGES.iter().flat_map(|language| OF_A_LANGUAGE.map(|part| format!("{language}/{part}")));
    let of_languages = of_languages.map(|path| (format!("guest-sdk/{path}"), path));
    let of_others = OF_ALL.iter().chain(&OF_RUST).map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));

    // As a whole: a folder that is not there yet cannot be watched.
    for watched in ["guest-sdk", "behaviors/publish"] {
        println!("cargo:rerun-if-changed={}", repository.join(watched).display());
    }
    let mut files = BTreeMap::new();
    for (from, to) in of_languages.chain(of_others) {
        let from = repository.join(from);
        if from.exists() {
            list(&from, &to, &mut files)?;
        }
    }
    for (path, own, placeholder) in NAMED {
        let file = files.get_mut(path).ok_or_else(|| format!("there is no {path}"))?;
        let text = fs::read_to_string(&*file)?;
        if !text.contains(own) {
            return Err(format!("{}: there is no `{own}` to fill in", file.display()).into());
        }
        *file = out.join(path.replace('/', "-"));
        fs::write(file, text.replace(own, placeholder))?;
    }
    let mut listed = String::from("&[\n");
    for (path, file) in files {
        let file = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
        writeln!(listed, "({path:?}, include_bytes!({file:?})),")?;
    }
    fs::write(out.join("authoring.rs"), listed + "]\n")?;
    Ok(())
}

/// Lists a file, or those in a folder and below.
fn list(from: &Path, to: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    if from.is_file() {
        files.insert(to.to_owned(), from.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let name = entry?
            .file_name()
            .into_string()
            .map_err(|name| io::Error::other(format!("{} is not UTF-8", name.display())))?;
        if !LEFT_BEHIND.contains(&name.as_str()) {
            list(&from.join(&name), &format!("{to}/{name}"), files)?;
        }
    }
    Ok(())
}
