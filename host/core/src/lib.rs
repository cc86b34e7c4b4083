//! The pure domain of rosehip: what a write means, which flows it starts and what they do next.
//!
//! Nothing here reads a clock, a file, a socket or a source of randomness: time, keys and ids arrive as
//! arguments, and what is to be done leaves as values. Modules stand in the order data flows.

pub mod activity;
pub mod actor;
pub mod behavior;
pub mod call;
pub mod canonical;
pub mod delivery;
pub mod destination;
pub mod difference;
pub mod effect;
pub mod erasure;
pub mod event;
pub mod federation;
pub mod flow;
pub mod follows;
pub mod guest;
pub mod ids;
pub mod json;
pub mod limits;
pub mod log;
pub mod object;
pub mod pipeline;
pub mod ports;
pub mod rehearsal;
pub mod remark;
pub mod replay;
pub mod signing;
pub mod state;
pub mod time;
pub mod trace;
