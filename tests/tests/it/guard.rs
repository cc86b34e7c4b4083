//! What would go wrong in silence: a file that is not a module of `main.rs` would never run, and a promise without a test
//! is only a sentence.

use std::{collections::BTreeSet, path::Path};

#[test]
fn every_file_is_a_module() {
    let declared = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).expect("readable") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || declared.contains(&format!("mod {module};")), "{name} is not declared");
    }
}

/// The names of all tests in Rust files below `folder`.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            tests_below(&path, found);
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("source is UTF-8");
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let Some((_, rest)) = line.split_once("fn ") else { continue };
            if is_test && let Some((name, _)) = rest.split_once('(') {
                found.insert(name.to_owned());
            }
            is_test = false;
        }
    }
}

#[test]
fn every_promise_of_the_security_page_names_tests_that_exist() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut tests = BTreeSet::new();
    tests_below(root, &mut tests);
    let page = std::fs::read_to_string(root.join("SECURITY.md")).expect("SECURITY.md");
    let (_, table) = page.split_once("## Threats").expect("a section on threats");
    let rows = table.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let mut promises = 0;
    for row in rows.skip(2) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        let named: Vec<_> = cells.last().expect("a cell").split('`').skip(1).step_by(2).collect();
        assert!(cells.len() == 3 && !named.is_empty(), "this row names no test: {row}");
        for test in named {
            assert!(tests.contains(test), "{test} is no test: {row}");
        }
        promises += 1;
    }
    assert!(promises > 20, "only {promises} rows were found");
}
