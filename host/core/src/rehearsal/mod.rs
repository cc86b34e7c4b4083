//! Rehearsals: a behavior's flow without a host, for its author.
//!
//! An author's event file ([`AuthorEvent`]) becomes the activity that ingest or an inbox would make of it (`staging`); the
//! activity is held against the module's triggers and, where one matches, the flow is walked to its end (`walk`), with the
//! functions by which a host does it. What comes of it ([`Rehearsal`]) is held against a [`Golden`] document. No time
//! passes: waits end as the event says, and what a flow would append to the log is only taken in.
//!
//! The same walk says what a flow would do that a host has yet to start ([`foresee`]), and an event file is made of what a
//! host has recorded ([`event_of`]).

mod event;
mod foresight;
mod golden;
mod members;
mod recorded;
mod rehearse;
mod staging;
#[cfg(test)]
mod tests;
mod wait_end;
mod walk;

pub use event::AuthorEvent;
pub use foresight::{Ends, ForeseenEffect, Foresight, Prospect, foresee};
pub use golden::{Golden, GoldenEffect, GoldenFailure, Mismatch, Place};
pub use members::InvalidFile;
pub use recorded::event_of;
pub use rehearse::{Rehearsal, rehearse};
pub use staging::Home;
pub use wait_end::WaitEnd;
pub use walk::{MakeCall, NodeRun, RehearsalError, WaitMet, Walked};

/// The origin of the ids in a rehearsal.
pub const BASE_URL: &str = "http://localhost:7420";
/// The actor as whom flows are rehearsed: the one that a new host has.
pub const OWNER: &str = "site";
