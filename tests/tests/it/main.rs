//! One test binary: a host a test, the real binary, real guests, real HTTP.

mod access;
mod bad_modules;
mod commands;
mod crashes;
mod editing;
mod guard;
mod hot_swap;
mod publishing;
mod waiting;
