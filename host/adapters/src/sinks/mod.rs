//! Sinks: each carries out one kind of effect.

mod activity;
mod notify;
mod set;

pub use activity::ActivitySink;
pub use notify::NotifySink;
pub use set::SetSink;
