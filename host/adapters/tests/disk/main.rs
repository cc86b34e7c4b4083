//! What a disk may do to a data directory: lose power, turn a bit, fill up, fail a call.
//!
//! A [`scenario`] writes everything that a data directory keeps. It runs as a process of its own, between which and its
//! files stands `shim.c`: what it does to them is recorded, or fails as it is told. `CONTRIBUTING.md` has the commands.

mod bit_rot;
mod disk_full;
mod image;
mod io_errors;
mod power_loss;
mod promises;
mod recording;
mod runs;
mod scenario;
mod shim;
