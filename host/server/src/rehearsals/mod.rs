//! Rehearsing a project's events: an engine in this process (`Stage`), the events of a project's folder (`EventFile`), and
//! what comes of them beside their golden documents (`EventReport`).

mod events;
mod report;
mod stage;

pub use self::{
    events::{EventFile, EventsError, NO_EVENTS, all, named},
    report::{EventReport, GoldenFile},
    stage::{Checked, Refused, Stage},
};
