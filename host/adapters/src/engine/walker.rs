//! Walking a flow: steps are decided by core, guests are called here, and what follows is collected for one append.

use std::time::{Duration, Instant};

use rosehip_core::{
    activity::Activity,
    behavior::{Installed, NodeIndex},
    event::{Event, FlowCompleted, FlowFailed, FlowResumed, FlowSuspended},
    flow::{FlowState, Step, next},
    log::{Draft, Expected},
    pipeline::walk::{self, Allowed, Attempt, NOTHING_COUNTED},
    time::Timestamp,
};

use super::shared::{EngineError, Shared};
use crate::clock::SystemClock;

/// How far a walk goes before it is committed.
const WALK_TIME: Duration = Duration::from_millis(50);
const WALK_CALLS: usize = 64;
const WALK_BYTES: usize = 1 << 20;
const WALK_ENTRIES: usize = 1_000;

/// What one append may still hold.
pub(super) struct Budget {
    begun: Instant,
    calls: usize,
    bytes: usize,
    entries: usize,
    pace: Pace,
}

/// How calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As they come.
    Free,
    /// One an append, and only the one that an append before says was attempted.
    Cautious { attempted: Option<NodeIndex> },
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), calls: 0, bytes: 0, entries: 0, pace: Pace::Free }
    }

    /// For a host that works cautiously; `attempted` is the call that the flow's appends announced.
    pub(super) fn cautious(attempted: Option<NodeIndex>) -> Self {
        Self { pace: Pace::Cautious { attempted }, ..Self::new() }
    }

    /// For no call at all.
    pub(super) fn spent() -> Self {
        Self { calls: WALK_CALLS, ..Self::new() }
    }

    /// The call that was announced and not made, which is to be made once its announcement is committed.
    pub(super) fn attempted(&self) -> Option<NodeIndex> {
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

impl Shared {
    /// Takes a flow as far as it goes, or as the budget allows.
    pub(super) fn walk(
        &self,
        state: &mut FlowState,
        activity: &Activity,
        budget: &mut Budget,
    ) -> Result<Walk, EngineError> {
        let module = self.module(state.started.digest);
        let missing = EngineError::Missing { what: "flow of a known module", seq: state.seq };
        let module = module.ok_or(missing)?;
        let installed = self.registry().now().get(&state.started.behavior).cloned();
        let mut walk = Walk { drafts: Vec::new(), wakes_at: None, goes_on: false, rests_on: None };
        loop {
            let steps = next(state, SystemClock::now());
            if steps.is_empty() {
                return Ok(walk);
            }
            for step in steps {
                if budget.is_spent() {
                    walk.goes_on = true;
                    return Ok(walk);
                }
                let pinned = state.started.clone();
                let allowed = Allowed {
                    declared: &module.effects,
                    pinned: &pinned.grant,
                    now: installed.as_deref().map(|installed: &Installed| &installed.grant),
                    owner: &pinned.owner,
                    base_url: &self.base_url,
                    recorded: &NOTHING_COUNTED,
                };
                let event = match step {
                    Step::Sleep(until) => {
                        walk.wakes_at = Some(until);
                        return Ok(walk);
                    }
                    Step::Call { node, attempt } => {
                        let attempt = Attempt { node, attempt, started_at: SystemClock::now() };
                        match budget.pace {
                            Pace::Free => {
                                budget.calls += 1;
                                self.call_node(state, activity, attempt, allowed)
                            }
                            Pace::Cautious { attempted: Some(attempted) } if attempted == node => {
                                budget.pace = Pace::Cautious { attempted: None };
                                self.call_node(state, activity, attempt, allowed)
                            }
                            // Another one was announced and comes first.
                            Pace::Cautious { attempted: Some(_) } => continue,
                            Pace::Cautious { attempted: None } => {
                                let event = walk::attempt_cautiously(state, attempt);
                                if matches!(event, Event::NodeAttempted(_)) {
                                    budget.pace = Pace::Cautious { attempted: Some(node) };
                                }
                                event
                            }
                        }
                    }
                    Step::Wait { node } => walk::begin_wait(state, activity, node, SystemClock::now()),
                    Step::Fire { node, at, by } => walk::fire(state, node, at, by),
                    Step::Suspend => FlowSuspended { flow: state.id() }.into(),
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
                let now = SystemClock::now();
                state.apply(state.seq + 1, now, &event)?;
                let draft = event.draft(now);
                let announces = matches!(draft.event.as_deref(), Some(Event::NodeAttempted(_)));
                budget.count(&draft);
                walk.drafts.push(draft);
                if announces {
                    walk.goes_on = true;
                    return Ok(walk);
                }
            }
        }
    }

    fn call_node(&self, state: &FlowState, activity: &Activity, attempt: Attempt, allowed: Allowed<'_>) -> Event {
        match walk::call(state, activity, attempt) {
            Err(error) => walk::failed(state, attempt, error, 0, Vec::new()),
            Ok(call) => {
                let report = self.call(state.started.digest, &call, &walk::surroundings(state, attempt.node));
                self.conclude_counted(state, attempt, report, allowed)
            }
        }
    }
}
