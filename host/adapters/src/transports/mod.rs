//! Transports: each carries activities to boxes.

mod local;

pub use local::LocalTransport;
