//! Runs a file of `tests/browser`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser");

/// How long a script may take. Each of its steps has a time of its own, far below.
const TIME: Duration = Duration::from_mins(15);

/// Runs `NAME.test.js` with what it is told of the site. If it fails, what it printed is shown.
#[track_caller]
pub(crate) fn run(name: &str, site: &Value) {
    let results = tools().parent().expect("the tools have a folder of their own").join(name);
    // What an earlier run left would be taken for this one's.
    let _ = fs::remove_dir_all(&results);
    fs::create_dir_all(&results).expect("the target directory can be written");
    let (printed, mut told) = (results.join("printed.txt"), site.clone());
    told["results"] = json!(results);
    let output = File::create(&printed).expect("the target directory can be written");
    let mut child = Command::new("node")
        .args(["--test", "--test-reporter=spec", &format!("{name}.test.js")])
        .current_dir(SCRIPTS)
        .env("BROWSER_TOOLS", tools())
        .env("ROSEHIP_SITE", told.to_string())
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a file"))
        .stderr(output)
        .spawn()
        .expect("node starts");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break Some(status);
        }
        if begun.elapsed() > TIME {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let succeeded = status.is_some_and(|status| status.success());
    assert!(succeeded, "{name} ended with {status:?}; see {}\n{}", results.display(), read(&printed));
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The folder that Playwright and axe are in.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/browser-tools");
        let output = Command::new(script).stderr(Stdio::inherit()).output().expect("scripts/browser-tools runs");
        assert!(output.status.success(), "scripts/browser-tools says above what is missing");
        String::from_utf8(output.stdout).expect("a path").trim().into()
    })
}
