//! The adapters against real files: the ports' contract, the writer under faults, a data directory's life.

mod changes;
mod contract;
mod damage;
mod data_dir;
mod delivery;
mod directory;
mod directory_trust;
mod erasure;
mod faults;
mod formats;
mod index;
mod outgoing;
mod receiver;
mod request;
mod signed_get;
mod sinks;
mod store;
mod support;
mod verify;
mod webfinger;
mod writer;
mod writer_model;
