//! Every walk-through of `examples/`, executed with the release binary.

use std::{collections::BTreeSet, fs, path::Path};

use rosehip_examples::{Document, Place, run};
use rosehip_tests::{free_port, rosehip};

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
    first_flow = "first-flow.md",
    two_hosts = "two-hosts.md",
}

#[track_caller]
fn walk(file: &str) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("the document is readable");
    let document = Document::parse(file, &text).unwrap_or_else(|error| panic!("{error}"));
    assert!(!document.commands.is_empty(), "{file} has no console block");
    let dir = tempfile::tempdir().expect("a directory");
    let binaries = rosehip().parent().expect("the binary stands in a directory").to_owned();
    let place = Place { dir: dir.path().to_owned(), binaries, port: free_port(), other_port: free_port() };
    if let Err(difference) = run(&document, &place) {
        panic!("{difference}");
    }
}

/// A document that is in no list would never run.
#[test]
fn every_document_is_run() {
    let entries = fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("readable");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let found: BTreeSet<_> = names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "md")).collect();
    assert_eq!(found, WALKTHROUGHS.iter().map(|file| (*file).to_owned()).collect());
}
