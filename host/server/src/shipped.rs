//! The behaviors that ship, built with the binary and carried in it.

/// The component of `behaviors/publish`, which a new host starts with.
pub fn publish() -> &'static [u8] {
    include_bytes!(env!("PUBLISH_COMPONENT"))
}
