//! How a wait ends in a rehearsal.

use serde_json::Value;

use super::members::{InvalidFile, Members};
use crate::{
    behavior::{Node, NodeWork, Wait},
    event::{Current, FiredBy},
    time::Timestamp,
};

/// How one wait ends.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WaitEnd {
    /// When it ends: the moment it waits for, or at once by a signal, where none is named.
    pub at: Option<Timestamp>,
    /// What ends it: what it waits for, where nothing is named.
    pub by: Option<FiredBy>,
    /// What its signal carries.
    pub payload: Value,
    /// The object's standing from then on, none where it is gone; as before, where none is named.
    pub current: Option<Option<Current>>,
}

impl WaitEnd {
    pub(super) fn read(place: String, value: Value) -> Result<Self, InvalidFile> {
        let mut members = Members::of(place, value)?;
        let current = members.take("current");
        let place = members.place("current");
        let current = current.map(|current| read_standing(place, current));
        let end = Self {
            at: members.read("at")?,
            by: members.read("by")?,
            payload: members.take("payload").unwrap_or_default(),
            current: current.transpose()?,
        };
        members.end("at, by, payload and current")?;
        Ok(end)
    }

    /// What ends the wait of a node; an error where that cannot be.
    pub(super) fn fired_by(&self, node: &Node) -> Result<FiredBy, InvalidFile> {
        let place = |member: &str| format!("waits/{}/{member}", node.id);
        let NodeWork::Wait(wait) = &node.work else {
            return Err(InvalidFile::new(format!("waits/{}", node.id), "is no wait"));
        };
        let refuse = |why: &str| Err(InvalidFile::new(place("by"), format!("node {} {why}", node.id)));
        let by = match (wait, self.by) {
            (Wait::For(_) | Wait::Until(_), None | Some(FiredBy::Timer)) => FiredBy::Timer,
            (Wait::For(_) | Wait::Until(_), Some(FiredBy::Signal | FiredBy::Timeout)) => {
                return refuse("waits for a time and ends by timer");
            }
            (Wait::Signal { .. }, None | Some(FiredBy::Signal)) => FiredBy::Signal,
            (Wait::Signal { .. }, Some(FiredBy::Timer)) => {
                return refuse("waits for a signal and ends by signal or timeout");
            }
            (Wait::Signal { timeout: Some(_), .. }, Some(FiredBy::Timeout)) => FiredBy::Timeout,
            (Wait::Signal { timeout: None, .. }, Some(FiredBy::Timeout)) => return refuse("has no timeout"),
        };
        if by != FiredBy::Signal && !self.payload.is_null() {
            return Err(InvalidFile::new(place("payload"), "only a signal carries something"));
        }
        Ok(by)
    }
}

/// An object's standing as a file tells it; none where it is gone.
pub(super) fn read_standing(place: String, value: Value) -> Result<Option<Current>, InvalidFile> {
    if value.is_null() { Ok(None) } else { read_current(place, value).map(Some) }
}

fn read_current(place: String, value: Value) -> Result<Current, InvalidFile> {
    let mut members = Members::of(place, value)?;
    let current = Current { revision: members.require("revision")?, status: members.read("status")?.flatten() };
    members.end("revision and status")?;
    Ok(current)
}
