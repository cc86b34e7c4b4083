//! The behaviors that ship, built with the binary and carried in it.

/// The component of `behaviors/publish`, which a new host starts with.
pub fn publish() -> &'static [u8] {
    include_bytes!(env!("PUBLISH_COMPONENT"))
}

/// The component of a behavior that ships.
pub fn named(name: &str) -> Option<&'static [u8]> {
    match name {
        "approval" => Some(include_bytes!(env!("APPROVAL_COMPONENT"))),
        "publish" => Some(publish()),
        _ => None,
    }
}
