//! Drives the real binary with real guests.
