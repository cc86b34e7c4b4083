//! What `rosehip new` and `rosehip build` need of `guest-sdk/`, carried in the binary. The build script lists it.

/// A file's path under `guest-sdk/`, with `/` between its parts, and what is in it.
type File = (&'static str, &'static [u8]);

/// In the order of their paths.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/authoring.rs"));

/// The file at this path, which is one of text.
pub(super) fn text(path: &str) -> Option<&'static str> {
    let (_, bytes) = FILES.iter().find(|(at, _)| *at == path)?;
    std::str::from_utf8(bytes).ok()
}

/// The files in this folder and below, by their paths from there on.
pub(super) fn folder(path: &str) -> impl Iterator<Item = File> {
    let below = format!("{path}/");
    FILES.iter().filter_map(move |(at, bytes)| Some((at.strip_prefix(&below)?, *bytes)))
}
