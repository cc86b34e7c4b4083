//! Core stays pure: its manifest names nothing that does I/O.

#[test]
fn core_depends_on_nothing_that_does_io() {
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest.split_once("[dependencies]").expect("core has dependencies").1;
    for forbidden in ["tokio", "wasmtime", "axum", "rusqlite", "reqwest", "rosehip-adapters", "rosehip-wasm"] {
        let is_named = dependencies.lines().any(|line| line.split(['.', ' ', '=']).next() == Some(forbidden));
        assert!(!is_named, "rosehip-core depends on {forbidden}");
    }
}

/// The source of core asks nobody for time, randomness, files or sockets.
#[test]
fn core_reads_no_clock_and_no_file() {
    let mut open = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).expect("readable").map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("source is UTF-8");
        for forbidden in ["SystemTime", "Instant::now", "Timestamp::now", "std::fs", "std::net", "getrandom", "rand::"]
        {
            assert!(!text.contains(forbidden), "{} names {forbidden}", path.display());
        }
    }
}
