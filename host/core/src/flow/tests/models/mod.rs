//! Models of the state machines, held against the folds.
//!
//! A model is what the design says and nothing of the code: its tables are the design's sentences, read as they stand. A
//! sequence of things that are to happen is made up, of which the tables refuse some; what the tables allow must happen in
//! the fold as well, and what they refuse must be refused there and change nothing. What fails is made as short as it can
//! be, and printed with the seed that repeats it.

mod effects;
mod flows;
mod table;

use super::*;
use crate::{
    flow::{FlowError, FlowState},
    ids::EffectId,
};

/// What stands where two texts differ first.
fn first_difference(one: &str, other: &str) -> String {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| text.chars().skip(same.saturating_sub(40)).take(80).collect::<String>();
    format!("…{}… became …{}…", around(one), around(other))
}

/// A flow that entries are offered to, and those that it took.
struct Offered {
    flow: FlowState,
    now: Timestamp,
    taken: Vec<(Timestamp, Event)>,
}

impl Offered {
    fn new(flow: FlowState, now: Timestamp) -> Self {
        Self { flow, now, taken: Vec::new() }
    }

    /// Offers an entry that the model allows or refuses.
    fn offer(&mut self, event: Event, is_allowed: bool) {
        let before = format!("{:?}", self.flow);
        let applied = self.flow.apply(self.flow.seq + 1, self.now, &event);
        match applied {
            Ok(()) => {
                assert!(is_allowed, "the flow takes {event:?}, which its table does not have");
                self.taken.push((self.now, event));
            }
            Err(error @ (FlowError::Illegal { .. } | FlowError::Elsewhere { .. })) => {
                assert!(!is_allowed, "the flow refuses {event:?}: {error}");
                let after = format!("{:?}", self.flow);
                assert!(after == before, "what was refused changed the flow: {}", first_difference(&before, &after));
            }
            Err(error @ FlowError::Foreign { .. }) => panic!("{event:?}: {error}"),
        }
    }

    /// What was taken gives the same flow when it is read again.
    fn reread(&self, begun: FlowState) {
        let mut flow = begun;
        for (time, event) in &self.taken {
            flow.apply(flow.seq + 1, *time, event).expect("it was taken before");
        }
        assert_eq!(format!("{flow:?}"), format!("{:?}", self.flow));
    }
}
