//! What the log holds of one flow, ready to be replayed.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    activity::Activity,
    behavior::Grant,
    event::{Event, FlowStarted, Record},
    ids::FlowId,
    time::Timestamp,
};

/// A flow's entries with the activity that started it.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(super) seq: u64,
    pub(super) started_at: Timestamp,
    pub(super) started: Arc<FlowStarted>,
    pub(super) activity: Arc<Activity>,
    /// The entries after its first, in their order.
    pub(super) entries: Vec<(u64, Timestamp, Arc<Event>)>,
}

/// Why a flow cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreplayable {
    /// A body is gone.
    #[error("entry {seq} was erased")]
    Erased {
        /// The entry.
        seq: u64,
    },
    /// The entries are not those of a flow.
    #[error("entry {seq} does not begin a flow")]
    NotAFlow {
        /// The first of them.
        seq: u64,
    },
}

impl Recording {
    /// Reads a flow's stream, from its `flow.started` on, and the entry of its activity.
    pub fn read(stream: &[Record], activity: &Record) -> Result<Self, Unreplayable> {
        let body = |record: &Record| record.event.clone().ok_or(Unreplayable::Erased { seq: record.seq });
        let Some((first, rest)) = stream.split_first() else {
            return Err(Unreplayable::NotAFlow { seq: activity.seq });
        };
        let Event::FlowStarted(started) = &*body(first)? else {
            return Err(Unreplayable::NotAFlow { seq: first.seq });
        };
        let Event::ActivityAppended(appended) = &*body(activity)? else {
            return Err(Unreplayable::NotAFlow { seq: activity.seq });
        };
        let entries = rest.iter().map(|record| Ok((record.seq, record.time, body(record)?)));
        Ok(Self {
            seq: first.seq,
            started_at: first.time,
            started: Arc::clone(started),
            activity: Arc::clone(&appended.activity),
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    /// The same flow, as if it had begun with another config and grant: those that it would be run again with.
    #[must_use]
    pub fn under(self, config: Map<String, Value>, grant: Grant) -> Self {
        Self { started: Arc::new(FlowStarted { config, grant, ..FlowStarted::clone(&self.started) }), ..self }
    }

    /// The flow.
    pub fn flow(&self) -> FlowId {
        self.started.flow
    }

    /// What it is pinned to.
    pub fn started(&self) -> &FlowStarted {
        &self.started
    }
}
