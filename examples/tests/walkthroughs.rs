//! Every walk-through of `examples/`, executed with the release binary.

use std::{collections::BTreeSet, fs, path::Path};

use rosehip_examples::{Document, Place, run};
use rosehip_tests::{free_port, rosehip};
use tempfile::TempDir;

/// Declares a test for each document, and their names for the guard.
macro_rules! walkthroughs {
    ($($test:ident = $file:literal),+ $(,)?) => {
        const WALKTHROUGHS: &[&str] = &[$($file),+];

        $(#[test]
        fn $test() {
            walk($file);
        })+
    };
}

walkthroughs! {
    a_bad_day = "a-bad-day.md",
    first_flow = "first-flow.md",
    two_hosts = "two-hosts.md",
    write_a_behavior_in_python = "write-a-behavior-python.md",
    write_a_behavior_in_rust = "write-a-behavior-rust.md",
    write_a_behavior_in_typescript = "write-a-behavior-ts.md",
}

#[track_caller]
fn walk(file: &str) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the document is readable");
    let document = Document::parse(file, &text).unwrap_or_else(|error| panic!("{error}"));
    assert!(!document.commands.is_empty(), "{file} has no console block");
    let binaries = rosehip().parent().expect("the binary stands in a directory").to_owned();
    let dir = empty_dir(&binaries);
    let place = Place { dir: dir.path().to_owned(), binaries, port: free_port(), other_port: free_port() };
    if let Err(difference) = run(&document, &place) {
        panic!("{difference}");
    }
}

/// An empty directory below the one that `scripts/language-tools` fills, where `rosehip build` finds the tools of its
/// languages; where it has not been run, a build fetches them into its project.
fn empty_dir(binaries: &Path) -> TempDir {
    let languages = binaries.parent().expect("release/ stands in the target directory").join("languages");
    fs::create_dir_all(&languages).expect("the target directory can be written to");
    tempfile::Builder::new().prefix("walk-").tempdir_in(languages).expect("a directory")
}

/// A document that is in no list would never run.
#[test]
fn every_document_is_run() {
    let entries = fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("readable");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let found: BTreeSet<_> = names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "md")).collect();
    assert_eq!(found, WALKTHROUGHS.iter().map(|file| (*file).to_owned()).collect());
}
