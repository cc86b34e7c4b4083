//! Lines for the people who read a flow. They change nothing about it, and the host keeps the first 64 KiB of a call.
//!
//! In native tests the lines are kept for [`testing`](crate::testing), which shows them beside the node that wrote them.

#[cfg(not(target_arch = "wasm32"))]
use std::cell::RefCell;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the author of the behavior.
    Debug,
    /// What happened, in the normal course.
    Info,
    /// Something that an editor or operator may want to look at.
    Warn,
    /// Something that went wrong.
    Error,
}

/// Writes a line for the author of the behavior.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Writes a line about the normal course.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Writes a line that an editor or operator may want to look at.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Writes a line about something that went wrong.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}

/// Makes a panic log its message, with the place in the source, before it traps. Without this the flow shows the trap
/// alone. Call it first in a node; it is not the default, so that a behavior that never logs imports nothing.
///
/// Natively it does nothing: there a panic prints its message itself.
pub fn report_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| error(panic.to_string())));
}

/// Writes a line.
#[cfg(target_arch = "wasm32")]
pub fn write(level: Level, message: &str) {
    use crate::abi::rosehip::behavior::log;

    let level = match level {
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::write(level, message);
}

/// Writes a line.
#[cfg(not(target_arch = "wasm32"))]
pub fn write(level: Level, message: &str) {
    LINES.with_borrow_mut(|lines| lines.push((level, message.to_owned())));
}

#[cfg(not(target_arch = "wasm32"))]
thread_local! {
    static LINES: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The lines this thread wrote since the last time they were taken.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn take_lines() -> Vec<(Level, String)> {
    LINES.take()
}
