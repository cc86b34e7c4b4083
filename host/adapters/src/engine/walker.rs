//! Walking a flow: steps are decided by core, guests are called here, and what follows is collected for one append.

use std::{sync::Arc, time::Duration};

use rosehip_core::{
    activity::Activity,
    behavior::{Behavior, Installed, NodeIndex},
    event::{Event, FlowCompleted, FlowFailed, FlowResumed, FlowStarted, FlowSuspended, NodeError},
    flow::{FlowState, Step, next},
    log::{Draft, Expected},
    pipeline::walk::{self, Allowed, Attempt, NOTHING_COUNTED},
    ports::ReadyCall,
    time::Timestamp,
};
use serde_json::Value;
use tokio::time::Instant;

use super::{error::EngineError, shared::Shared};

/// How far a walk goes before it is committed.
const WALK_TIME: Duration = Duration::from_millis(50);
const WALK_CALLS: usize = 64;
const WALK_BYTES: usize = 1 << 20;
const WALK_ENTRIES: usize = 1_000;

/// Calls that are composed at a time are not longer than this together, but for the last of them.
const ROUND_BYTES: usize = 8 << 20;

/// What one append may still hold.
pub(super) struct Budget {
    begun: Instant,
    calls: usize,
    bytes: usize,
    entries: usize,
    pace: Pace,
}

/// A node, or an item of an `each`, whose call was announced.
type Announced = (NodeIndex, Option<u32>);

/// How calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As they come.
    Free,
    /// One an append, and only the one that an append before says was attempted.
    Cautious { attempted: Option<Announced> },
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), calls: 0, bytes: 0, entries: 0, pace: Pace::Free }
    }

    /// For a host that works cautiously; `attempted` is the call that the flow's appends announced.
    pub(super) fn cautious(attempted: Option<Announced>) -> Self {
        Self { pace: Pace::Cautious { attempted }, ..Self::new() }
    }

    /// For no call at all.
    pub(super) fn spent() -> Self {
        Self { calls: WALK_CALLS, ..Self::new() }
    }

    /// The call that was announced and not made, which is to be made once its announcement is committed.
    pub(super) fn attempted(&self) -> Option<Announced> {
        match self.pace {
            Pace::Free => None,
            Pace::Cautious { attempted } => attempted,
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.calls >= WALK_CALLS
            || self.bytes >= WALK_BYTES
            || self.entries >= WALK_ENTRIES
            || self.begun.elapsed() >= WALK_TIME
    }

    fn count(&mut self, draft: &Draft) {
        self.bytes += draft.body.len();
        self.entries += 1;
    }
}

/// What a walk decided.
pub(super) struct Walk {
    /// The entries it wants, already taken in by the flow's state under places that are not theirs yet.
    pub(super) drafts: Vec<Draft>,
    /// When the flow is to be looked at again.
    pub(super) wakes_at: Option<Timestamp>,
    /// Whether it stopped because the append is full.
    pub(super) goes_on: bool,
    /// The object's head that the flow's view of it rests on.
    pub(super) rests_on: Option<Expected>,
}

/// What a walk knows of its flow beside its state.
struct Surrounding<'a> {
    activity: &'a Activity,
    base_url: &'a str,
    module: Arc<Behavior>,
    installed: Option<Arc<Installed>>,
    started: Arc<FlowStarted>,
}

impl Surrounding<'_> {
    fn allowed(&self) -> Allowed<'_> {
        Allowed {
            declared: &self.module.effects,
            pinned: &self.started.grant,
            now: self.installed.as_deref().map(|installed| &installed.grant),
            owner: &self.started.owner,
            base_url: self.base_url,
            recorded: &NOTHING_COUNTED,
        }
    }
}

impl Walk {
    /// Takes an event in, as if it were committed.
    fn take(
        &mut self,
        state: &mut FlowState,
        budget: &mut Budget,
        event: Event,
        now: Timestamp,
    ) -> Result<(), EngineError> {
        state.apply(state.seq + 1, now, &event)?;
        let draft = event.draft(now);
        budget.count(&draft);
        self.drafts.push(draft);
        Ok(())
    }
}

impl Shared {
    /// Takes a flow as far as it goes, or as the budget allows.
    pub(super) fn walk(
        &self,
        state: &mut FlowState,
        activity: &Activity,
        budget: &mut Budget,
    ) -> Result<Walk, EngineError> {
        let missing = EngineError::Missing { what: "flow of a known module", seq: state.seq };
        let around = Surrounding {
            activity,
            base_url: &self.base_url,
            module: self.module(state.started.digest).ok_or(missing)?,
            installed: self.registry().now().get(&state.started.behavior).cloned(),
            started: Arc::clone(&state.started),
        };
        let mut walk = Walk { drafts: Vec::new(), wakes_at: None, goes_on: false, rests_on: None };
        loop {
            let steps = next(state, self.now());
            if steps.is_empty() {
                return Ok(walk);
            }
            let mut calls = Vec::new();
            for step in steps {
                if budget.is_spent() {
                    walk.goes_on = true;
                    return Ok(walk);
                }
                let event = match step {
                    Step::Sleep(until) => {
                        walk.wakes_at = Some(until);
                        return Ok(walk);
                    }
                    Step::Call { node, item, attempt } => {
                        calls.push(Attempt { node, item, attempt, started_at: self.now() });
                        continue;
                    }
                    Step::Spread { node } => walk::begin_each(state, activity, node, self.now()),
                    Step::Wait { node } => walk::begin_wait(state, activity, node, self.now()),
                    Step::Fire { node, at, by } => walk::fire(state, node, at, by),
                    Step::Suspend => {
                        let due = state.timers(self.now()).map(|(_, due)| due).min();
                        FlowSuspended { flow: state.id(), due }.into()
                    }
                    Step::Resume => {
                        let object = state.started.object.as_ref();
                        walk.rests_on = self.object_head(object)?;
                        let current = self.current(object, None)?;
                        FlowResumed { flow: state.id(), current }.into()
                    }
                    Step::Complete => FlowCompleted { flow: state.id() }.into(),
                    Step::Fail { node, error } => {
                        FlowFailed { flow: state.id(), node: state.dag.node(node).id.clone(), error }.into()
                    }
                };
                walk.take(state, budget, event, self.now())?;
            }
            if self.make_calls(state, &around, calls, budget, &mut walk)? {
                walk.goes_on = true;
                return Ok(walk);
            }
        }
    }

    /// Makes the calls that a flow is ready for, as the budget's pace allows. Returns whether the append has to be
    /// committed before the next one.
    fn make_calls(
        &self,
        state: &mut FlowState,
        around: &Surrounding<'_>,
        mut calls: Vec<Attempt>,
        budget: &mut Budget,
        walk: &mut Walk,
    ) -> Result<bool, EngineError> {
        if let Pace::Cautious { attempted } = budget.pace {
            let Some(first) = calls.first().copied() else { return Ok(false) };
            let Some(announced) = attempted else {
                let event = walk::attempt_cautiously(state, first);
                let is_announced = matches!(event, Event::NodeAttempted(_));
                if is_announced {
                    budget.pace = Pace::Cautious { attempted: Some((first.node, first.item)) };
                }
                walk.take(state, budget, event, self.now())?;
                return Ok(is_announced);
            };
            calls.retain(|call| (call.node, call.item) == announced);
            budget.pace = Pace::Cautious { attempted: None };
        }
        calls.truncate(WALK_CALLS.saturating_sub(budget.calls));
        let (mut ready, mut items) = (Vec::with_capacity(calls.len()), None);
        let mut bytes = 0;
        for attempt in calls {
            if bytes >= ROUND_BYTES {
                break;
            }
            match compose(state, around.activity, attempt, &mut items) {
                Ok(call) => {
                    bytes += call.len();
                    let surroundings = walk::surroundings(state, attempt);
                    ready.push(ReadyCall { attempt, call, surroundings });
                }
                Err(error) => {
                    let event = walk::failed(state, attempt, error, 0, Vec::new());
                    walk.take(state, budget, event, self.now())?;
                }
            }
        }
        let digest = state.started.digest;
        let make = |ready: &ReadyCall| self.call(digest, &ready.call, &ready.surroundings);
        let begun = budget.begun;
        let reports = self.runner(&around.module).run(&ready, &make, &|| begun.elapsed() < WALK_TIME);
        budget.calls += reports.len();
        for (ReadyCall { attempt, .. }, report) in ready.into_iter().zip(reports) {
            let event = self.conclude_counted(state, attempt, report, around.allowed());
            walk.take(state, budget, event, self.now())?;
        }
        Ok(false)
    }
}

/// The Call of a node or an item. The list of an `each` is found once for all its items.
fn compose(
    state: &FlowState,
    activity: &Activity,
    attempt: Attempt,
    items: &mut Option<(NodeIndex, Vec<Value>)>,
) -> Result<String, NodeError> {
    if attempt.item.is_none() {
        return walk::call(state, activity, attempt, &[]);
    }
    let list = match items.take().filter(|(node, _)| *node == attempt.node) {
        Some((_, list)) => list,
        None => walk::items(state, activity, attempt.node)?.into_owned(),
    };
    let call = walk::call(state, activity, attempt, &list);
    *items = Some((attempt.node, list));
    call
}
