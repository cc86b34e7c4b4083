//! What a caller asks the writer to add.

use std::sync::Arc;

use super::Stream;
use crate::{event::Event, ids::DedupKey, time::Timestamp};

/// An entry before it has a place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it is about.
    pub stream: Stream,
    /// When it happened by the clock of whoever decided it.
    pub time: Timestamp,
    /// The name of its event.
    pub kind: Arc<str>,
    /// What must not be recorded twice.
    pub dedup: Option<DedupKey>,
    /// The event as JSON. Empty where the event says where an entry of its own append stands, which [`Append::place`]
    /// fills in.
    pub body: Arc<[u8]>,
    /// The event itself, for those in this process who would else read the body again.
    pub event: Option<Arc<Event>>,
}

/// A stream's head that an append was decided on: the `seq` of its last entry, none where it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The stream.
    pub stream: Stream,
    /// Its last entry's `seq`.
    pub head: Option<u64>,
}

/// Entries that are committed together or not at all, at most [`crate::limits::APPEND_ENTRIES`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Append {
    /// Stream heads that must still stand.
    pub expected: Vec<Expected>,
    /// The entry as of which behaviors stood as they did when this was decided: no later one may be about a behavior.
    pub behaviors_as_of: Option<u64>,
    /// The entries, in order.
    pub drafts: Vec<Draft>,
}

impl Append {
    /// An append that rests on no stream's head.
    pub fn unconditional(drafts: Vec<Draft>) -> Self {
        Self { drafts, ..Self::default() }
    }

    /// Gives the append its place, the `seq` of its first entry: events that name an entry of the append name it by its
    /// `seq` from here on, and are written out.
    pub fn place(&mut self, first: u64) {
        for draft in self.drafts.iter_mut().filter(|draft| draft.body.is_empty()) {
            if let Some(event) = &mut draft.event {
                Arc::make_mut(event).place(first);
                draft.body = event.body().into();
            }
        }
    }

    /// Bytes of all bodies that are written out, for the writer's queue. What says that an
    /// activity was matched and a flow begun is not counted where it is written out once it has its place: it is short.
    pub fn body_bytes(&self) -> usize {
        self.drafts.iter().map(|draft| draft.body.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::ActivityMatched;

    fn matched(seq: u64) -> Event {
        let body = ActivityMatched {
            activity: "https://h.example/a".parse().expect("a URL"),
            seq,
            owner: "site".parse().expect("a name"),
            r#box: crate::ids::BoxName::Outbox,
            flows: Vec::new(),
            not: BTreeMap::new(),
        };
        body.into()
    }

    #[test]
    fn an_entry_that_names_one_of_its_own_append_names_its_place() {
        let now = Timestamp::default();
        let mut append = Append::unconditional(vec![matched(9).draft(now), matched(1).draft_to_place(now)]);
        append.place(40);
        let placed = [matched(9).draft(now), matched(41).draft(now)];
        assert_eq!(append.drafts, placed, "the first names an entry of before");
        append.place(50);
        assert_eq!(append.drafts, placed, "an append has one place");
    }
}
