//! Builds the guests of this workspace and holds the components against the contract.

use std::path::{Path, PathBuf};

use rosehip_guest_build::{BuildError, GUEST, Guest, build_guest};
use wit_component::DecodedWasm;

const LOG: &str = "rosehip:behavior/log@1.0.0";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn build(guest: &str) -> Guest {
    build_guest(&workspace().join(guest), &scratch("guests")).expect("the guest builds")
}

#[test]
fn publish_is_a_behavior_that_imports_nothing() {
    let guest = build("behaviors/publish");

    assert_eq!(guest.name, "behavior_publish");
    let surface = Surface::of(&guest.component);
    assert_eq!(surface.exports, [GUEST]);
    assert_eq!(surface.imports, [""; 0]);
}

#[test]
fn a_guest_that_logs_imports_log_and_nothing_else() {
    let surface = Surface::of(&build("tests/guests/misbehave").component);

    assert_eq!(surface.exports, [GUEST]);
    assert_eq!(surface.imports, [LOG]);
}

#[test]
fn the_inputs_are_what_a_change_of_must_build_again() {
    let inputs = build("behaviors/publish").inputs;

    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
        "behaviors/publish/Cargo.toml",
        "behaviors/publish/src/lib.rs",
        "guest-sdk/rust/Cargo.toml",
        "guest-sdk/rust/src/lib.rs",
        "guest-sdk/wit/v1/behavior.wit",
    ] {
        assert!(inputs.contains(&workspace().join(file)), "{file} is not among {inputs:?}");
    }
    assert!(inputs.iter().all(|input| input.starts_with(workspace())), "{inputs:?}");
}

#[test]
fn a_component_holds_no_path_of_this_machine() {
    let component = build("behaviors/publish").component;
    let holds = |text: &str| component.windows(text.len()).any(|bytes| bytes == text.as_bytes());

    assert!(holds("/cargo/registry/"), "panics name the sources of dependencies in a folder that is nobody's");
    let home = std::env::home_dir().expect("there is a home directory");
    for path in [workspace(), home.join(".cargo")] {
        assert!(!holds(&path.to_string_lossy()), "{}", path.display());
    }
}

#[test]
fn what_is_no_guest_is_refused_by_what_is_wrong_with_it() {
    let broken = build_scratch("broken", "[\"cdylib\"]", "compile_error!(\"thorns\");");
    let Err(BuildError::Failed { command, stderr, .. }) = broken else { panic!("{broken:?}") };
    assert!(command.contains("build --release"), "{command}");
    assert!(stderr.contains("thorns"), "{stderr}");

    let no_module = build_scratch("no-module", "[\"rlib\"]", "");
    assert!(matches!(no_module, Err(BuildError::NoModule { .. })), "{no_module:?}");

    let no_behavior = build_scratch("no-behavior", "[\"cdylib\"]", "");
    assert!(matches!(no_behavior, Err(BuildError::NotAComponent { .. })), "{no_behavior:?}");

    let nowhere = build_guest(&scratch("nowhere"), &scratch("guests"));
    assert!(matches!(nowhere, Err(BuildError::File { .. } | BuildError::Start { .. })), "{nowhere:?}");
}

/// Builds a crate that depends on nothing, outside of the workspace.
fn build_scratch(name: &str, crate_type: &str, source: &str) -> Result<Guest, BuildError> {
    let dir = scratch(name);
    std::fs::create_dir_all(dir.join("src")).expect("the test's folder can be made");
    let manifest =
        format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[workspace]\n[lib]\ncrate-type = {crate_type}\n");
    std::fs::write(dir.join("Cargo.toml"), manifest).expect("the test's folder can be written");
    std::fs::write(dir.join("src/lib.rs"), source).expect("the test's folder can be written");
    build_guest(&dir, &scratch("guests"))
}

/// The names of the interfaces that a component imports and exports.
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Surface {
    fn of(component: &[u8]) -> Self {
        let DecodedWasm::Component(resolve, world) = wit_component::decode(component).expect("the component decodes")
        else {
            panic!("a WIT package is no component")
        };
        let world = &resolve.worlds[world];
        let name = |key| resolve.name_world_key(key);
        Self { imports: world.imports.keys().map(name).collect(), exports: world.exports.keys().map(name).collect() }
    }
}
