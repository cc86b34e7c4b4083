//! Builds the guests that the tests install.

fn main() -> Result<(), rosehip_guest_build::BuildError> {
    for (guest, variable) in [
        ("guests/answer", "ANSWER_COMPONENT"),
        ("guests/ask", "ASK_COMPONENT"),
        ("guests/heed", "HEED_COMPONENT"),
        ("guests/invite", "INVITE_COMPONENT"),
        ("guests/misbehave", "MISBEHAVE_COMPONENT"),
        ("guests/sort", "SORT_COMPONENT"),
        ("guests/sort-otherwise", "SORT_OTHERWISE_COMPONENT"),
        ("guests/two-step", "TWO_STEP_COMPONENT"),
        ("../behaviors/publish", "PUBLISH_COMPONENT"),
    ] {
        let component = rosehip_guest_build::from_build_script(guest)?;
        println!("cargo:rustc-env={variable}={}", component.display());
    }
    Ok(())
}
