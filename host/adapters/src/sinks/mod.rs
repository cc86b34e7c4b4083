//! Sinks: each carries out one kind of effect.

mod notify;

pub use notify::NotifySink;
