//! Versions of the tools, which two languages share.

use serde_json::Value;

const JS: &str = include_str!("../../../guest-sdk/js/template/package-lock.json");
const TS: &str = include_str!("../../../guest-sdk/ts/template/package-lock.json");

#[test]
fn javascript_and_typescript_are_built_by_the_same_versions() {
    let packages = |lock: &str| -> serde_json::Map<String, Value> {
        let lock: Value = serde_json::from_str(lock).expect("a lock file");
        lock["packages"].as_object().cloned().expect("packages")
    };
    let (js, ts) = (packages(JS), packages(TS));
    let of_tools: Vec<_> = js.iter().filter(|(path, _)| !path.is_empty()).collect();
    assert!(of_tools.iter().any(|(path, _)| path.ends_with("componentize-qjs")), "{js:#?}");
    for (path, package) in of_tools {
        assert_eq!(ts.get(path), Some(package), "{path}");
    }
}
