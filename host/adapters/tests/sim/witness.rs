//! What is seen of a host from outside: what is durable, what was acknowledged, and what left the machine. It judges as it
//! goes, and remembers what was wrong.

use std::collections::{BTreeMap, BTreeSet};

use rosehip_core::{
    event::Event,
    ids::{EffectId, FlowId},
    log::{Entry, EntryHash},
    ports::Outgoing,
    state::EffectStatus,
};

/// An effect as the durable log has it.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// The flow that recorded it.
    pub(crate) flow: FlowId,
    /// Where it stands.
    pub(crate) status: EffectStatus,
    /// How many attempts were announced.
    pub(crate) attempts: u32,
    /// How often it left.
    pub(crate) sent: u32,
    /// How often what it was sent to took it.
    pub(crate) taken: u32,
}

/// The witness.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// The hash of each durable entry, in order.
    pub(crate) hashes: Vec<EntryHash>,
    /// `seq` of each activity.
    pub(crate) activities: BTreeSet<u64>,
    /// `seq` of each activity that somebody was told is recorded.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// `seq` of each activity that was matched, with that of the match.
    pub(crate) matched: BTreeMap<u64, u64>,
    /// Flows in the order in which they began.
    pub(crate) flows: Vec<FlowId>,
    /// Every effect that was recorded.
    pub(crate) effects: BTreeMap<EffectId, Standing>,
    /// What the receivers of effects tell them by: what is sent, and under which id.
    sent: BTreeMap<String, EffectId>,
    /// Whether something was erased.
    pub(crate) has_erased: bool,
    /// What was wrong.
    pub(crate) wrongs: Vec<String>,
    /// How often a host was started, and other things to be counted.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl Witness {
    /// Something is not as it must be.
    pub(crate) fn wrong(&mut self, what: String) {
        self.wrongs.push(what);
    }

    /// Something happened that is told in numbers.
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// A frame became durable.
    pub(crate) fn committed(&mut self, entries: &[Entry]) {
        for entry in entries {
            let seq = entry.header.seq;
            if seq != self.hashes.len() as u64 + 1 {
                self.wrong(format!("entry {seq} is committed after {} entries", self.hashes.len()));
            }
            self.hashes.push(entry.hash);
            if let Some(event) = entry.event.as_deref() {
                self.happened(seq, event);
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the witness watches some of the entries")]
    fn happened(&mut self, seq: u64, event: &Event) {
        match event {
            Event::ActivityAppended(_) => drop(self.activities.insert(seq)),
            Event::ActivityMatched(matched) => {
                if let Some(before) = self.matched.insert(matched.seq, seq) {
                    self.wrong(format!("the activity of entry {} is matched by {before} and {seq}", matched.seq));
                }
            }
            Event::Erased(_) => self.has_erased = true,
            Event::FlowStarted(started) => self.flows.push(started.flow),
            Event::NodeDone(done) => {
                for effect in &done.effects {
                    let standing = Standing { flow: done.flow, status: effect.status, attempts: 0, sent: 0, taken: 0 };
                    if self.effects.insert(effect.id, standing).is_some() {
                        self.wrong(format!("effect {} is recorded twice, the second time by entry {seq}", effect.id));
                    }
                }
            }
            Event::EffectChanged(change) => match self.effects.get_mut(&change.effect) {
                Some(standing) if standing.status == change.from => {
                    standing.status = change.to;
                    standing.attempts += u32::from(change.to == EffectStatus::Attempting);
                }
                Some(Standing { status, .. }) => {
                    let wrong = format!("entry {seq} has effect {} go on from {}", change.effect, change.from);
                    let wrong = format!("{wrong}, but it is {status}");
                    self.wrong(wrong);
                }
                None => self.wrong(format!("entry {seq} is about effect {}, which nobody recorded", change.effect)),
            },
            _ => {}
        }
    }

    /// Somebody was told that the entries up to `seq` are recorded, an activity at `activity` among them.
    pub(crate) fn acknowledged(&mut self, seq: u64, activity: Option<u64>) {
        if seq > self.hashes.len() as u64 {
            self.wrong(format!("entry {seq} is acknowledged, and {} are durable", self.hashes.len()));
        }
        self.acknowledged.extend(activity);
    }

    /// An effect leaves the machine.
    pub(crate) fn leaves(&mut self, outgoing: &Outgoing) {
        let effect = &outgoing.effect;
        let derived = EffectId::derive(outgoing.flow, &effect.node, effect.item, effect.ordinal);
        if derived != effect.id {
            self.wrong(format!("effect {} leaves, whose id is {derived}", effect.id));
        }
        // The guest writes into each payload which flow, node, item and place asked for it.
        let told = format!("{} {}", effect.kind, effect.payload);
        let known = *self.sent.entry(told.clone()).or_insert(effect.id);
        if known != effect.id {
            self.wrong(format!("{told} leaves as {known} and as {}", effect.id));
        }
        match self.effects.get_mut(&effect.id) {
            Some(standing) => {
                standing.sent += 1;
                let Standing { status, attempts, sent, .. } = standing.clone();
                if status != EffectStatus::Attempting || sent > attempts {
                    let wrong = format!("effect {} leaves for the {sent}. time, the log says {status}", effect.id);
                    self.wrong(format!("{wrong} and {attempts} attempts"));
                }
            }
            None => self.wrong(format!("effect {} leaves and is not in the log", effect.id)),
        }
    }

    /// A receiver took an effect.
    pub(crate) fn takes(&mut self, effect: EffectId) {
        if let Some(standing) = self.effects.get_mut(&effect) {
            standing.taken += 1;
        }
    }
}
