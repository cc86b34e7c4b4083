//! The adapters against real files: the ports' contract, the writer under faults, a data directory's life.

mod changes;
mod contract;
mod data_dir;
mod delivery;
mod erasure;
mod faults;
mod outgoing;
mod receiver;
mod sinks;
mod store;
mod support;
mod verify;
mod writer;
mod writer_model;
