//! A flow as its entries left it.

mod fold;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{FlowSummary, NodeState, Waiting, set_back::SetBack};
use crate::{
    behavior::{Dag, Node, NodeIndex, NodeWork, Wait},
    effect::EffectState,
    event::{Current, FlowStarted},
    ids::{EffectId, FlowId},
    state::{EffectStatus, FlowStatus, Illegal},
    time::Timestamp,
};

/// An entry that does not follow from the ones before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// Its state machine has no such transition.
    #[error("flow {flow}, entry {seq}: {illegal}")]
    Illegal {
        /// The flow.
        flow: FlowId,
        /// The entry.
        seq: u64,
        /// What was tried.
        illegal: Illegal,
    },
    /// It says that an effect stood elsewhere than it does.
    #[error("flow {flow}, entry {seq}: effect {effect} is {found}, not {said}")]
    Elsewhere {
        /// The flow.
        flow: FlowId,
        /// The entry.
        seq: u64,
        /// The effect.
        effect: EffectId,
        /// Where it stands.
        found: EffectStatus,
        /// Where the entry says that it stood.
        said: EffectStatus,
    },
    /// It names a node or an effect that the flow does not have, or is no entry of a flow.
    #[error("flow {flow}, entry {seq}: {what} is not part of it")]
    Foreign {
        /// The flow.
        flow: FlowId,
        /// The entry.
        seq: u64,
        /// What it names.
        what: String,
    },
}

/// A flow as its entries left it.
#[derive(Debug, Clone)]
pub struct FlowState {
    /// What it is pinned to.
    pub started: Arc<FlowStarted>,
    /// Its steps.
    pub dag: Arc<Dag>,
    /// Its list item; holds its status.
    pub summary: FlowSummary,
    /// Its nodes, by their index in the DAG.
    nodes: Vec<NodeState>,
    /// Its effects in the order they were recorded.
    pub effects: Vec<EffectState>,
    effect_places: BTreeMap<EffectId, usize>,
    /// What its outputs and the payloads of its effects weigh together.
    pub weight: u64,
    /// Signals that came, by name; the first of each.
    pub signals: BTreeMap<String, (Timestamp, Value)>,
    /// The object's standing when the flow last began or went on.
    pub current: Option<Current>,
    /// `seq` of its last entry that was applied.
    pub seq: u64,
}

impl FlowState {
    /// The flow that a `flow.started` entry begins.
    pub fn begin(seq: u64, time: Timestamp, started: Arc<FlowStarted>, dag: Arc<Dag>) -> Self {
        let mut flow = Self {
            summary: FlowSummary::begin(time, &started),
            nodes: vec![NodeState::new(); dag.len()],
            effects: Vec::new(),
            effect_places: BTreeMap::new(),
            weight: 0,
            signals: BTreeMap::new(),
            current: started.current.clone(),
            started,
            dag,
            seq,
        };
        flow.settle(time);
        flow
    }

    /// Where the flow stands.
    pub fn status(&self) -> FlowStatus {
        self.summary.status
    }

    /// The flow's id.
    pub fn id(&self) -> FlowId {
        self.started.flow
    }

    /// A node with what happened to it.
    pub fn node(&self, index: NodeIndex) -> &NodeState {
        &self.nodes[index.index()]
    }

    /// All nodes in the manifest's order.
    pub fn nodes(&self) -> impl Iterator<Item = (&Node, &NodeState)> {
        self.dag.nodes().zip(&self.nodes)
    }

    /// Takes the place in the log that what was applied last has come to: `seq`. The effects from place `since` on were
    /// recorded on the way there.
    pub fn take_place(&mut self, seq: u64, since: usize) {
        let moved = seq.saturating_sub(self.seq);
        for effect in self.effects.iter_mut().skip(since) {
            effect.seq += moved;
        }
        self.seq = seq;
    }

    /// Takes note of where the activity stands that started the flow, which was not known when it began.
    pub fn started_by(&mut self, activity_seq: u64) {
        if self.started.activity_seq != activity_seq {
            Arc::make_mut(&mut self.started).activity_seq = activity_seq;
        }
    }

    /// Has what was begun by a clock that was far ahead of `now` count from `since`, the first moment that is known of the
    /// clock as it is now. Without it a wait of a minute would last until the clock is where it was before it was set
    /// back. Waits for a moment are left as they are.
    pub fn follow_clock(&mut self, now: Timestamp, since: Timestamp) {
        let set_back = SetBack { now, since };
        self.nodes.iter_mut().for_each(|node| node.follow_clock(set_back));
        for effect in &mut self.effects {
            set_back.follow(&mut effect.changed_at, &mut effect.next_retry_at);
        }
    }

    /// An effect of the flow.
    pub fn effect(&self, id: EffectId) -> Option<&EffectState> {
        self.effect_places.get(&id).map(|place| &self.effects[*place])
    }

    /// The waits that end by themselves, with their moment seen from `now`.
    pub fn timers(&self, now: Timestamp) -> impl Iterator<Item = (NodeIndex, Timestamp)> {
        self.dag.order().iter().filter_map(move |&index| match &self.node(index).waiting {
            Some(Waiting::Wait { timer: Some(timer), .. }) => Some((index, timer.due(now))),
            _ => None,
        })
    }

    /// Whether a `wait` node waits for a signal of its own.
    pub fn waits_for_signal(&self, index: NodeIndex) -> Option<&str> {
        match &self.dag.node(index).work {
            NodeWork::Wait(Wait::Signal { name, .. }) => Some(name),
            NodeWork::Wait(Wait::For(_) | Wait::Until(_)) | NodeWork::Step | NodeWork::Each(_) => None,
        }
    }

    /// Effects the host still has something to do for.
    pub fn open_effects(&self) -> impl Iterator<Item = &EffectState> {
        self.effects.iter().filter(|effect| effect.status.is_open())
    }

    /// Whether an effect that awaits its first attempt was recorded.
    pub fn has_recorded_effects(&self) -> bool {
        self.effects.iter().any(|effect| effect.status == EffectStatus::Recorded)
    }
}
