//! Whatever cargo is asked to build, it finds the dependencies as it built them before: wasmtime takes minutes.

use std::{collections::BTreeSet, process::Command};

/// Each dependency with its version and the features it is built with.
fn built(selection: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} {f}", "--no-dedupe"])
        .args(selection)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    lines.lines().map(|line| line.replace(" (proc-macro)", "")).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_binary_alone_is_made_of_what_the_tests_are_made_of() {
    let tests = built(&["--workspace", "--edges", "normal,build,dev"]);
    let alone = built(&["--package", "rosehip", "--edges", "normal,build"]);
    let differs: Vec<&String> = alone.difference(&tests).collect();
    assert!(
        differs.is_empty(),
        "built once more for the binary: {differs:#?}\nhost/wasm/Cargo.toml names what is to be built with all its features"
    );
}
