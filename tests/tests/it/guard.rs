//! A file that is not a module of `main.rs` would never run.

#[test]
fn every_file_is_a_module() {
    let declared = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).expect("readable") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || declared.contains(&format!("mod {module};")), "{name} is not declared");
    }
}
