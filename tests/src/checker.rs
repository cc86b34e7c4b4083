//! A program that asks a host everything its `/openapi.json` allows: schemathesis, which `scripts/api-checker` puts into the
//! target directory.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Asks the host at `url` what `document` says that it answers, as the owner of `token`. Gives the report: whether something
/// was found, it says what.
pub fn check_api(url: &str, token: &str, document: &Path) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/api-checker");
    let output = Command::new(script).stderr(Stdio::inherit()).output().expect("scripts/api-checker runs");
    assert!(output.status.success(), "scripts/api-checker says above what is missing");
    let schemathesis = String::from_utf8(output.stdout).expect("a path");
    let folder = document.parent().expect("a file lies in a folder");
    let found = Command::new(schemathesis.trim())
        .args([
            "--no-color",
            "--config-file",
            concat!(env!("CARGO_MANIFEST_DIR"), "/api-checker/schemathesis.toml"),
            "run",
        ])
        .args(["--url", url, "--header", &format!("Authorization: Bearer {token}")])
        .arg(document)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("schemathesis runs");
    let report = String::from_utf8_lossy(&[found.stdout, found.stderr].concat()).into_owned();
    if found.status.success() { Ok(report) } else { Err(report) }
}
