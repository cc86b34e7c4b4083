//! Builds the behaviors that ship, so that the binary carries them.

fn main() -> Result<(), rosehip_guest_build::BuildError> {
    for (behavior, variable) in [("publish", "PUBLISH_COMPONENT"), ("approval", "APPROVAL_COMPONENT")] {
        let component = rosehip_guest_build::from_build_script(format!("../../behaviors/{behavior}"))?;
        println!("cargo:rustc-env={variable}={}", component.display());
    }
    Ok(())
}
