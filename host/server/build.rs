//! Builds the behaviors that ship, so that the binary carries them.

fn main() -> Result<(), rosehip_guest_build::BuildError> {
    let publish = rosehip_guest_build::from_build_script("../../behaviors/publish")?;
    println!("cargo:rustc-env=PUBLISH_COMPONENT={}", publish.display());
    Ok(())
}
