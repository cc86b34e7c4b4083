//! The walk of a flow from its start to its end, at once.
//!
//! What a step means as entries is said where a host has it said ([`crate::pipeline`]); here is only what a host has of
//! its surroundings: the clock, which stands still but for waits, the ends of waits, and receipts of awaited effects.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};

use super::{GoldenEffect, GoldenFailure, InvalidFile, WaitEnd};
use crate::{
    activity::Activity,
    behavior::{Behavior, Grant, NodeIndex},
    event::{
        Current, Event, FiredBy, FlowCompleted, FlowFailed, FlowResumed, FlowStarted, FlowSuspended, NodeError,
        SignalReceived,
    },
    flow::{FlowError, FlowState, Step, Waiting, next},
    guest::{GuestLogLine, GuestReport, Surroundings},
    ids::NodeId,
    pipeline::{
        dispatch::{self, AttemptEnd},
        walk::{self, Allowed, Attempt},
    },
    state::{EffectStatus, FlowStatus, Illegal, NodeStatus},
    time::Timestamp,
};

/// Calls the guest with a Call document.
pub type MakeCall<'a> = dyn Fn(&str, &Surroundings) -> GuestReport + 'a;

/// A flow that has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Walked {
    /// The nodes that were reached, in the order in which they were.
    pub nodes: Vec<NodeRun>,
    /// The effects in the order in which a host records them.
    pub effects: Vec<GoldenEffect>,
    /// How it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<GoldenFailure>,
}

/// What became of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeRun {
    /// The node.
    pub node: NodeId,
    /// Where it stands.
    pub status: NodeStatus,
    /// The branch it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What it returned.
    pub output: Value,
    /// How often it was called, all its items together.
    pub calls: u32,
    /// Fuel its last call used; of an `each`, all its items together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// How it failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<NodeError>,
    /// How calls failed that were made again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retried: Vec<NodeError>,
    /// What it logged, in all its calls.
    pub log: Vec<GuestLogLine>,
}

/// Why an event is not rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// The event does not fit the behavior, or is about nothing that can happen.
    #[error(transparent)]
    Event(#[from] InvalidFile),
    /// The flow cannot go on. That is a fault of the host's, not of the behavior.
    #[error("the flow cannot go on: {0}")]
    Flow(#[from] FlowError),
    /// An effect cannot end. That is a fault of the host's, not of the behavior.
    #[error("an effect cannot end: {0}")]
    Effect(#[from] Illegal),
    /// Nothing is left to do and the flow has not ended. That is a fault of the host's, not of the behavior.
    #[error("the flow neither goes on nor ends")]
    Stuck,
}

/// How the waits end of which something is said, and by what.
pub(super) fn wait_ends<'a>(
    behavior: &Behavior,
    waits: &'a BTreeMap<NodeId, WaitEnd>,
) -> Result<BTreeMap<NodeIndex, (FiredBy, &'a WaitEnd)>, InvalidFile> {
    let ends = waits.iter().map(|(id, end)| {
        let unknown = || InvalidFile::new(format!("waits/{id}"), format!("{} has no node {id}", behavior.name));
        let node = behavior.dag.find(id).ok_or_else(unknown)?;
        Ok((node, (end.fired_by(behavior.dag.node(node))?, end)))
    });
    ends.collect()
}

/// What becomes of a wait for a signal of which nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// The signal comes at once.
    Come,
    /// Nobody knows: what is behind the wait is not walked.
    Open,
}

/// What surrounds a flow that is walked at once.
pub(super) struct Setting<'a> {
    /// The module.
    pub(super) behavior: &'a Arc<Behavior>,
    /// What started the flow.
    pub(super) activity: &'a Activity,
    /// Calls the module.
    pub(super) call: &'a MakeCall<'a>,
    /// The origin of ids, without a slash at its end.
    pub(super) base_url: &'a str,
    /// What the operator grants beside what the flow is pinned to.
    pub(super) granted_now: Option<&'a Grant>,
    /// How many effects of a kind were recorded in the hour before, of the kinds that are counted.
    pub(super) recorded: BTreeMap<String, u64>,
    /// How waits end of which something is said.
    pub(super) ends: BTreeMap<NodeIndex, (FiredBy, &'a WaitEnd)>,
    /// How the others end that wait for a signal.
    pub(super) unsaid_signals: Unsaid,
    /// Whether another call may be made after so many.
    pub(super) may_call: &'a dyn Fn(usize) -> bool,
    /// The moment at which the flow begins.
    pub(super) now: Timestamp,
    /// The object's standing.
    pub(super) current: Option<Current>,
}

/// A wait that a flow came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitMet {
    /// The node that waits.
    pub node: NodeId,
    /// When it begins to wait.
    pub from: Timestamp,
    /// When it ends by itself; none where only a signal ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The signal that ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// A flow under way.
pub(super) struct Stage<'a> {
    pub(super) state: FlowState,
    setting: Setting<'a>,
    started: Arc<FlowStarted>,
    now: Timestamp,
    current: Option<Current>,
    failed: Option<GoldenFailure>,
    reached: Vec<NodeIndex>,
    told: BTreeMap<NodeIndex, Told>,
    /// The moment at which each effect is recorded, in their order.
    pub(super) recorded_at: Vec<Timestamp>,
    /// The waits that were met, in order.
    pub(super) waits: Vec<WaitMet>,
    calls: usize,
}

/// How far a walk came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// The flow has ended.
    End,
    /// It waits for a signal of which nothing is said.
    Signal,
    /// No more calls may be made.
    Limit,
}

/// What calls of a node left beside what its flow keeps.
#[derive(Debug, Default)]
struct Told {
    log: Vec<GuestLogLine>,
    retried: Vec<NodeError>,
}

impl<'a> Stage<'a> {
    pub(super) fn begin(started: Arc<FlowStarted>, setting: Setting<'a>) -> Self {
        Self {
            state: FlowState::begin(1, setting.now, Arc::clone(&started), Arc::clone(&setting.behavior.dag)),
            started,
            now: setting.now,
            current: setting.current.clone(),
            failed: None,
            reached: Vec::new(),
            told: BTreeMap::new(),
            recorded_at: Vec::new(),
            waits: Vec::new(),
            calls: 0,
            setting,
        }
    }

    pub(super) fn walk(&mut self) -> Result<Reached, RehearsalError> {
        while !self.state.status().is_final() {
            let steps = next(&self.state, self.now);
            if steps.iter().all(|step| matches!(step, Step::Sleep(_))) {
                match self.end_a_wait()? {
                    true => continue,
                    false => return Ok(Reached::Signal),
                }
            }
            let mut calls = Vec::new();
            for step in steps {
                let flow = self.state.id();
                let event = match step {
                    Step::Sleep(_) => continue,
                    Step::Call { node, item, attempt } => {
                        calls.push(Attempt { node, item, attempt, started_at: self.now });
                        continue;
                    }
                    Step::Spread { node } => walk::begin_each(&self.state, self.setting.activity, node, self.now),
                    Step::Wait { node } => walk::begin_wait(&self.state, self.setting.activity, node, self.now),
                    Step::Fire { node, at, by } => {
                        self.fire(node, at, by)?;
                        continue;
                    }
                    Step::Suspend => self.suspension(),
                    Step::Resume => FlowResumed { flow, current: self.current.clone() }.into(),
                    Step::Complete => FlowCompleted { flow }.into(),
                    Step::Fail { node, error } => {
                        let node = self.state.dag.node(node).id.clone();
                        self.failed = Some(GoldenFailure::of(&node, &error));
                        FlowFailed { flow, node, error }.into()
                    }
                };
                self.take(event)?;
            }
            for attempt in calls {
                if !(self.setting.may_call)(self.calls) {
                    return Ok(Reached::Limit);
                }
                self.calls += 1;
                self.make(attempt)?;
            }
        }
        Ok(Reached::End)
    }

    /// Takes an entry in, as if it were committed.
    fn take(&mut self, mut event: Event) -> Result<(), RehearsalError> {
        if let Event::NodeRetrying(retrying) = &mut event {
            // The policy says how often; nobody waits for it here, and the clock of the flow is not moved by failures.
            retrying.delay_ms = 0;
        }
        if let Some((node, log)) = told_of(&event)
            && let Some(node) = self.state.dag.find(node)
        {
            let told = self.told.entry(node).or_default();
            told.log.extend_from_slice(log);
            if let Event::NodeRetrying(retrying) = &event {
                told.retried.push(retrying.error.clone());
            }
            if !self.reached.contains(&node) {
                self.reached.push(node);
            }
        }
        self.state.apply(self.state.seq + 1, self.now, &event)?;
        self.recorded_at.resize(self.state.effects.len(), self.now);
        if let Event::NodeDone(done) = &event {
            for effect in done.effects.iter().filter(|effect| effect.status != EffectStatus::Denied) {
                // Only the kinds are there of which a grant allows so many.
                self.setting.recorded.entry(effect.kind.clone()).and_modify(|recorded| *recorded += 1);
            }
        }
        if let Event::NodeSuspended(suspended) = &event {
            let until = suspended.timer.as_ref().map(|timer| timer.due(self.now));
            let (node, signal) = (suspended.node.clone(), suspended.signal.clone());
            self.waits.push(WaitMet { node, from: self.now, until, signal });
        }
        Ok(())
    }

    fn suspension(&self) -> Event {
        let due = self.state.timers(self.now).map(|(_, due)| due).min();
        FlowSuspended { flow: self.state.id(), due }.into()
    }

    /// Calls the guest and takes in what its answer means.
    fn make(&mut self, attempt: Attempt) -> Result<(), RehearsalError> {
        let call = match attempt.item {
            None => walk::call(&self.state, self.setting.activity, attempt, &[]),
            Some(_) => walk::items(&self.state, self.setting.activity, attempt.node)
                .and_then(|items| walk::call(&self.state, self.setting.activity, attempt, &items)),
        };
        let event = match call {
            Ok(call) => {
                let report = (self.setting.call)(&call, &walk::surroundings(&self.state, attempt));
                let allowed = Allowed {
                    declared: &self.setting.behavior.effects,
                    pinned: &self.started.grant,
                    now: self.setting.granted_now,
                    owner: &self.started.owner,
                    base_url: self.setting.base_url,
                    recorded: &self.setting.recorded,
                };
                walk::conclude(&self.state, attempt, report, allowed, self.now)
            }
            Err(error) => walk::failed(&self.state, attempt, error, 0, Vec::new()),
        };
        self.take(event)?;
        if self.state.node(attempt.node).waiting == Some(Waiting::Effects) {
            self.dispatch(attempt.node)?;
        }
        Ok(())
    }

    /// Has the effects dispatched that a node awaits.
    fn dispatch(&mut self, node: NodeIndex) -> Result<(), RehearsalError> {
        let places = self.state.node(node).effects.clone();
        for place in places {
            let effect = &self.state.effects[place];
            if effect.status.is_open() {
                let end = AttemptEnd::Done(json!({ "at": self.now }));
                for event in dispatch::at_once(self.state.id(), effect, end)? {
                    self.take(event)?;
                }
            }
        }
        Ok(())
    }

    /// Ends the wait that ends first, and has come to its moment then. Returns whether there was one that ends.
    fn end_a_wait(&mut self) -> Result<bool, RehearsalError> {
        let mut is_open = false;
        let waits = self.state.dag.order().iter().filter_map(|&node| {
            let Some(Waiting::Wait { timer, signal }) = &self.state.node(node).waiting else { return None };
            let end = self.setting.ends.get(&node);
            if signal.is_some() && end.is_none() && self.setting.unsaid_signals == Unsaid::Open {
                is_open = true;
                return None;
            }
            let nothing_said = if signal.is_some() { FiredBy::Signal } else { FiredBy::Timer };
            let by = end.map_or(nothing_said, |(by, _)| *by);
            let said = end.and_then(|(_, end)| end.at);
            let (moment, at) = match (by, timer) {
                (FiredBy::Timer | FiredBy::Timeout, Some(timer)) => (timer.due(self.now), timer.nominal()),
                (FiredBy::Timer | FiredBy::Timeout, None) | (FiredBy::Signal, _) => (self.now, self.now),
            };
            Some((said.unwrap_or(moment), node, said.unwrap_or(at), by, signal.clone()))
        });
        let first = waits.min_by_key(|(moment, ..)| *moment);
        let (moment, node, at, by, signal) = match first {
            Some(first) => first,
            None if is_open => return Ok(false),
            None => return Err(RehearsalError::Stuck),
        };
        self.now = self.now.max(moment);
        match (by, signal) {
            (FiredBy::Signal, Some(name)) => {
                let payload = self.setting.ends.get(&node).map(|(_, end)| end.payload.clone()).unwrap_or_default();
                let flow = self.state.id();
                self.take(SignalReceived { flow, name, payload, by: None, ignored: false }.into())?;
            }
            (FiredBy::Signal, None) | (FiredBy::Timer | FiredBy::Timeout, _) => self.fire(node, at, by)?,
        }
        Ok(true)
    }

    /// The end of a node's wait. What the event says of it goes before what the host would take.
    fn fire(&mut self, node: NodeIndex, at: Timestamp, by: FiredBy) -> Result<(), RehearsalError> {
        let end = self.setting.ends.get(&node).filter(|(said, _)| *said == by).map(|(_, end)| *end);
        let at = end.and_then(|end| end.at).unwrap_or(at);
        self.now = self.now.max(at);
        if let Some(current) = end.and_then(|end| end.current.as_ref()) {
            self.current.clone_from(current);
            if self.state.status() != FlowStatus::Suspended {
                // A flow looks at the object again when it goes on.
                let suspension = self.suspension();
                self.take(suspension)?;
            }
        }
        let event = walk::fire(&self.state, node, at, by);
        self.take(event)
    }

    pub(super) fn end(mut self) -> Walked {
        let state = &self.state;
        let nodes = self.reached.iter().map(|&index| {
            let node = state.node(index);
            let Told { log, retried } = self.told.remove(&index).unwrap_or_default();
            NodeRun {
                node: state.dag.node(index).id.clone(),
                status: node.status,
                branch: node.branch.clone(),
                output: node.output.clone(),
                calls: node.attempts(),
                fuel: node.fuel,
                error: node.error.clone().filter(|_| node.status == NodeStatus::Failed),
                retried,
                log,
            }
        });
        Walked {
            nodes: nodes.collect(),
            effects: state.effects.iter().map(|effect| GoldenEffect::of(&effect.effect)).collect(),
            failed: self.failed,
        }
    }
}

/// The node that an entry is about, with what it logged.
#[expect(clippy::wildcard_enum_match_arm, reason = "the entries of a walk that are about no node say nothing here")]
fn told_of(event: &Event) -> Option<(&NodeId, &[GuestLogLine])> {
    match event {
        Event::NodeDone(done) => Some((&done.node, &done.log)),
        Event::NodeRetrying(retrying) => Some((&retrying.node, &retrying.log)),
        Event::NodeFailed(failed) => Some((&failed.node, &failed.log)),
        Event::NodeSpread(spread) => Some((&spread.node, &[])),
        Event::NodeSuspended(suspended) => Some((&suspended.node, &[])),
        _ => None,
    }
}
