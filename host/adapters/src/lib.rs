//! I/O behind the ports of rosehip-core: the SQLite log, sinks, clock and keys.

pub mod accounts;
pub mod backup;
pub mod clock;
pub mod data_dir;
mod durable;
pub mod engine;
pub mod erasure;
pub mod federation;
mod guest_calls;
pub mod head;
pub mod keys;
pub mod lock;
pub mod media;
pub mod modules;
pub mod outgoing;
pub mod pool;
pub mod replays;
pub mod sinks;
pub mod source_watch;
mod sqlite;
pub mod store;
pub mod transports;
pub mod verify;
pub mod views;
pub mod wal;
pub mod watch;
pub mod writer;
