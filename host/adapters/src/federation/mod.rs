//! Federation: what this host says to others and takes in from them.

mod keyring;

pub use keyring::Keyring;
