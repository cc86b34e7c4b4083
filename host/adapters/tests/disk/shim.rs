//! Builds `shim.c`, and starts the scenario behind it.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
};

use crate::{recording::Recording, scenario::Plan};

/// A call that is to fail.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// `write`, `sync` or `name`.
    pub(crate) class: &'static str,
    /// Which of them, from 1.
    pub(crate) number: u32,
    /// The number of the error that it gives.
    pub(crate) errno: i32,
}

/// How the scenario ended, and what it did to its files until then.
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) recording: Recording,
}

/// Runs the scenario in `root`, an empty directory whose path has no links, and records it in `journal`.
pub(crate) fn run(root: &Path, plan: Plan, fault: Option<Fault>, journal: &Path) -> Ran {
    // The shim adds to what is there.
    std::fs::write(journal, []).expect("a file for the journal");
    let mut command = Command::new(std::env::current_exe().expect("the test's own program"));
    command
        .args(["scenario::nothing_is_lost_where_nothing_happens", "--exact"])
        .env("LD_PRELOAD", shim())
        .env("DISK_ROOT", root)
        .env("DISK_JOURNAL", journal)
        .env("DISK_SCENARIO", plan.name())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(Fault { class, number, errno }) = fault {
        command.env("DISK_FAULT", format!("{class}:{number}:{errno}"));
    }
    let status = command.status().expect("the scenario runs");
    Ran { status, recording: Recording::read(journal, root) }
}

/// The shim, built once for all tests.
pub(crate) fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disk-shim.so");
        // Another run of these tests may have it loaded: it is put in place whole.
        let beside = built.with_extension(format!("{}", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/disk/shim.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&beside, &source])
            .args(["-ldl", "-lpthread"])
            .status()
            .expect("a C compiler builds what stands before the files; install it with: apt-get install gcc");
        assert!(compiled.success(), "cc did not compile {}", source.display());
        std::fs::rename(&beside, &built).expect("put in place");
        built
    })
}
