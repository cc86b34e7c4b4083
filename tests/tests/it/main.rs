//! One test binary: a host a test, the real binary, real guests, real HTTP.

mod access;
mod approval;
mod bad_modules;
mod changes;
mod bulk;
mod collected;
mod commands;
mod compiling;
mod crashes;
mod editing;
mod email;
mod fan_out;
mod guard;
mod hostile;
mod hot_load;
mod hot_swap;
mod modules;
mod policy;
mod publishing;
mod recovery;
mod swaps;
mod waiting;
mod watched;
mod webhooks;
mod why;
