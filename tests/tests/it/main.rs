//! One test binary: a host a test, the real binary, real guests, real HTTP.

mod access;
mod bad_modules;
mod collected;
mod commands;
mod compiling;
mod crashes;
mod editing;
mod erasure;
mod export;
mod guard;
mod hostile;
mod hot_load;
mod hot_swap;
mod modules;
mod publishing;
mod recovery;
mod retention;
mod swaps;
mod waiting;
mod watched;
