//! A flow runs again, with its recorded entries as the world around it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::json;

use super::{
    Ask, PathChange, Purpose, Recording, Replay, Verdict,
    comparison::compare,
    script::{Expected, Script, effects_of, is_function_of_the_call, set_at, waits_otherwise},
};
use crate::{
    behavior::{Behavior, NodeIndex, NodeWork},
    difference::differences,
    event::{
        Current, EffectChanged, Event, FlowCompleted, FlowFailed, FlowStarted, FlowSuspended, NodeError, NodeFired,
    },
    flow::{FlowState, Step, Waiting, next},
    ids::NodeId,
    pipeline::walk::{self, Allowed, Attempt, NOTHING_COUNTED},
    state::{FlowStatus, NodeStatus},
    time::Timestamp,
};

/// Runs a recorded flow on a module. `has_same_steps` says that the module's nodes and edges are those of the module that
/// was recorded: it spares looking for steps that the entries do not hold. `base_url` is the origin of ids, without a slash
/// at its end.
pub fn replay(
    recording: &Recording,
    module: &Behavior,
    has_same_steps: bool,
    base_url: &str,
    purpose: Purpose,
    ask: &Ask<'_>,
) -> Replay {
    let recorded = recording.entries.iter().filter_map(|(_, _, event)| effects_of(event)).flatten();
    if purpose == Purpose::WhatIf && !module.triggers.iter().any(|trigger| trigger.matches(&recording.activity).is_ok())
    {
        let effects = compare(recorded, std::iter::empty());
        return Replay { verdict: Verdict::Changed, effects, paths: Vec::new(), is_not_started: true };
    }
    let mut rerun = Rerun::new(recording, module, has_same_steps, base_url, purpose, ask);
    let end = rerun.run();
    let effects = match &end {
        Ok(()) | Err(Verdict::Failed { .. }) => {
            compare(recorded, rerun.state.effects.iter().map(|state| &state.effect))
        }
        Err(_) => Vec::new(),
    };
    let is_changed = !effects.is_empty() || (purpose == Purpose::Verify && !rerun.paths.is_empty());
    let verdict = match end {
        Ok(()) if is_changed => Verdict::Changed,
        Ok(()) => Verdict::Same,
        Err(verdict) => verdict,
    };
    Replay { verdict, effects, paths: rerun.paths, is_not_started: false }
}

struct Rerun<'a> {
    recording: &'a Recording,
    module: &'a Behavior,
    base_url: &'a str,
    purpose: Purpose,
    ask: &'a Ask<'a>,
    state: FlowState,
    started: Arc<FlowStarted>,
    script: Script<'a>,
    /// Whether steps are possible that no entry holds.
    is_off_script: bool,
    /// Waits that are for another moment or signal than those that were recorded, in words.
    waits_otherwise: HashMap<NodeIndex, String>,
    /// Waits that the entries leave open.
    recorded_open: HashSet<NodeId>,
    paths: Vec<PathChange>,
    seq: u64,
    now: Timestamp,
}

impl<'a> Rerun<'a> {
    fn new(
        recording: &'a Recording,
        module: &'a Behavior,
        has_same_steps: bool,
        base_url: &'a str,
        purpose: Purpose,
        ask: &'a Ask<'a>,
    ) -> Self {
        let started = started_on(&recording.started, module, purpose);
        let dag = Arc::clone(&module.dag);
        let state = FlowState::begin(recording.seq, recording.started_at, Arc::clone(&started), dag);
        Self {
            recording,
            module,
            base_url,
            purpose,
            ask,
            state,
            started,
            script: Script::of(recording),
            is_off_script: !has_same_steps,
            waits_otherwise: HashMap::new(),
            recorded_open: HashSet::new(),
            paths: Vec::new(),
            seq: recording.seq,
            now: recording.started_at,
        }
    }

    fn run(&mut self) -> Result<(), Verdict> {
        for (seq, time, event) in &self.recording.entries {
            if self.is_off_script {
                self.improvise()?;
            }
            (self.seq, self.now) = (*seq, *time);
            self.follow(event)?;
        }
        if self.is_off_script {
            self.improvise()?;
        }
        self.close()
    }

    /// Takes in what an entry says about the world, and does what it says was done.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a flow's stream holds no other entries that matter to it")]
    fn follow(&mut self, event: &'a Event) -> Result<(), Verdict> {
        if let Some(key) = Expected::by(event) {
            self.script.has_come(&key);
        }
        match event {
            Event::NodeDone(body) => self.call_again(&body.node, body.item, body.attempt, event),
            Event::NodeRetrying(body) => self.call_again(&body.node, body.item, body.attempt, event),
            Event::NodeFailed(body) if body.attempt > 0 => self.call_again(&body.node, body.item, body.attempt, event),
            Event::NodeFailed(body) => self.begin_again(&body.node, event),
            Event::NodeSpread(body) => self.begin_again(&body.node, event),
            Event::NodeSuspended(body) => {
                self.recorded_open.insert(body.node.clone());
                self.begin_again(&body.node, event)
            }
            Event::NodeFired(fired) => self.fire_again(fired),
            Event::EffectChanged(changed) => self.change_effect(changed, event),
            Event::FlowSuspended(_) if self.state.status() == FlowStatus::Running => self.suspend(),
            Event::FlowResumed(body) => {
                let is_suspended = self.state.status() == FlowStatus::Suspended;
                self.go_on(is_suspended, event, body.current.clone())
            }
            Event::FlowRetried(body) => {
                let is_failed = self.state.status() == FlowStatus::Failed;
                self.go_on(is_failed, event, body.current.clone())
            }
            Event::FlowFailed(_) | Event::FlowCompleted(_) => self.end(),
            Event::FlowCancelled(_) if !self.state.status().is_final() => self.take(event),
            Event::SignalReceived(_) => self.take(event),
            _ => Ok(()),
        }
    }

    /// Puts the Call of an entry to the module, where the flow has come there; else the entry is passed over.
    fn call_again(
        &mut self,
        node: &NodeId,
        item: Option<u32>,
        attempt: u32,
        recorded: &'a Event,
    ) -> Result<(), Verdict> {
        let Some(node) = self.module.dag.find(node).filter(|node| self.is_callable(*node, item)) else {
            self.is_off_script = true;
            return Ok(());
        };
        if self.purpose == Purpose::Verify && !is_function_of_the_call(recorded) {
            return self.take(recorded);
        }
        self.call(Attempt { node, item, attempt, started_at: self.now }, Some(recorded))
    }

    fn is_callable(&self, node: NodeIndex, item: Option<u32>) -> bool {
        let state = self.state.node(node);
        // Items of one round are all called, also where one of them fails for good.
        let is_open = state.status == NodeStatus::Pending || state.status == NodeStatus::Failed && item.is_some();
        let is_ready = state.ready_at.is_some() && self.state.status() == FlowStatus::Running;
        let item_is_open = match (&self.module.dag.node(node).work, item) {
            (NodeWork::Step, None) => true,
            (NodeWork::Each(_), Some(place)) => {
                let items = state.items.as_deref().unwrap_or_default();
                usize::try_from(place).is_ok_and(|place| items.get(place).is_some_and(|item| item.output.is_none()))
            }
            (NodeWork::Step | NodeWork::Each(_) | NodeWork::Wait(_), _) => false,
        };
        is_open && is_ready && item_is_open
    }

    /// Makes a call, and takes in what it means. `recorded` is the answer that the log holds, if it holds one.
    fn call(&mut self, attempt: Attempt, recorded: Option<&'a Event>) -> Result<(), Verdict> {
        let composed = walk::items(&self.state, &self.recording.activity, attempt.node)
            .and_then(|items| walk::call(&self.state, &self.recording.activity, attempt, &items));
        let event = match composed {
            Ok(call) => {
                let report = (self.ask)(&call, &walk::surroundings(&self.state, attempt));
                walk::conclude(&self.state, attempt, report, self.allowed(), self.now)
            }
            Err(error) => walk::failed(&self.state, attempt, error, 0, Vec::new()),
        };
        self.compare_answers(recorded, &event)?;
        self.take(&event)
    }

    fn compare_answers(&mut self, recorded: Option<&Event>, answer: &Event) -> Result<(), Verdict> {
        let failed = |node: &NodeId, error: &NodeError| Verdict::Failed { node: node.clone(), error: error.clone() };
        match (recorded, answer) {
            (Some(Event::NodeDone(before)), Event::NodeDone(after)) => {
                self.is_off_script |= before.branch != after.branch;
                self.paths.extend(PathChange::between(before, after));
                Ok(())
            }
            (_, Event::NodeDone(_)) => {
                self.is_off_script = true;
                Ok(())
            }
            (Some(Event::NodeRetrying(before)), Event::NodeRetrying(after)) => {
                self.compare_errors(&after.node, after.item, &before.error, &after.error);
                Ok(())
            }
            (Some(Event::NodeFailed(before)), Event::NodeFailed(after)) if before.error.rule == after.error.rule => {
                self.compare_errors(&after.node, after.item, &before.error, &after.error);
                Ok(())
            }
            (_, Event::NodeRetrying(after)) => Err(failed(&after.node, &after.error)),
            (_, Event::NodeFailed(after)) => Err(failed(&after.node, &after.error)),
            _ => Ok(()),
        }
    }

    fn compare_errors(&mut self, node: &NodeId, item: Option<u32>, before: &NodeError, after: &NodeError) {
        if before != after {
            let differences = differences(&json!({ "error": before }), &json!({ "error": after }));
            self.paths.push(PathChange { node: node.clone(), item, differences });
        }
    }

    fn allowed(&self) -> Allowed<'_> {
        Allowed {
            declared: &self.module.effects,
            pinned: &self.started.grant,
            now: None,
            owner: &self.started.owner,
            base_url: self.base_url,
            recorded: &NOTHING_COUNTED,
        }
    }

    /// Begins the wait or the list that an entry says was begun, where the flow has come there.
    fn begin_again(&mut self, node: &NodeId, recorded: &Event) -> Result<(), Verdict> {
        let Some(node) = self.module.dag.find(node).filter(|node| self.is_to_begin(*node)) else {
            self.is_off_script = true;
            return Ok(());
        };
        self.begin(node, Some(recorded))
    }

    fn is_to_begin(&self, node: NodeIndex) -> bool {
        let state = self.state.node(node);
        let is_begun = matches!(self.module.dag.node(node).work, NodeWork::Step) || state.items.is_some();
        let is_ready = state.status == NodeStatus::Pending && state.ready_at.is_some();
        is_ready && !is_begun && self.state.status() == FlowStatus::Running
    }

    fn begin(&mut self, node: NodeIndex, recorded: Option<&Event>) -> Result<(), Verdict> {
        let event = match &self.module.dag.node(node).work {
            NodeWork::Each(_) => walk::begin_each(&self.state, &self.recording.activity, node, self.now),
            NodeWork::Wait(_) | NodeWork::Step => {
                let set_at = recorded.and_then(set_at).unwrap_or(self.now);
                walk::begin_wait(&self.state, &self.recording.activity, node, set_at)
            }
        };
        match (recorded, &event) {
            (Some(Event::NodeFailed(before)), Event::NodeFailed(after)) if before.error.rule == after.error.rule => {}
            (_, Event::NodeFailed(after)) => {
                return Err(Verdict::Failed { node: after.node.clone(), error: after.error.clone() });
            }
            (Some(Event::NodeSuspended(before)), Event::NodeSuspended(after)) => {
                if let Some(words) = waits_otherwise(before, after, self.now) {
                    self.waits_otherwise.insert(node, words);
                }
            }
            (Some(Event::NodeSpread(before)), Event::NodeSpread(after)) => {
                self.is_off_script |= before.items != after.items;
            }
            _ => self.is_off_script = true,
        }
        self.take(&event)
    }

    /// Ends a wait as an entry says it ended.
    fn fire_again(&mut self, fired: &NodeFired) -> Result<(), Verdict> {
        self.recorded_open.remove(&fired.node);
        let node = self.module.dag.find(&fired.node);
        let waits = |node: &NodeIndex| matches!(self.state.node(*node).waiting, Some(Waiting::Wait { .. }));
        let Some(node) = node.filter(waits) else {
            self.is_off_script = true;
            return Ok(());
        };
        if let Some(reason) = self.waits_otherwise.get(&node) {
            return Err(Verdict::OutOfSupport { node: Some(fired.node.clone()), reason: reason.clone() });
        }
        self.take(&Event::NodeFired(fired.clone()))
    }

    /// Takes in what became of an effect, where the same one is asked for.
    fn change_effect(&mut self, changed: &EffectChanged, event: &Event) -> Result<(), Verdict> {
        let Some(state) = self.state.effect(changed.effect) else { return Ok(()) };
        if state.status != changed.from || self.script.is_altered(&state.effect) {
            return Ok(());
        }
        self.take(event)
    }

    /// The flow goes on from here, as an entry says; where it does not stand still, only the object's standing is new.
    fn go_on(&mut self, stands_still: bool, event: &Event, current: Option<Current>) -> Result<(), Verdict> {
        if stands_still {
            return self.take(event);
        }
        self.state.current = current;
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), Verdict> {
        if !next(&self.state, self.now).contains(&Step::Suspend) {
            return Ok(());
        }
        self.take(&FlowSuspended { flow: self.state.id(), due: None }.into())
    }

    /// Ends the flow, where it has come to its end as well.
    fn end(&mut self) -> Result<(), Verdict> {
        let flow = self.state.id();
        for step in next(&self.state, self.now) {
            let event = match step {
                Step::Complete => FlowCompleted { flow }.into(),
                Step::Fail { node, error } => {
                    FlowFailed { flow, node: self.module.dag.node(node).id.clone(), error }.into()
                }
                Step::Spread { .. }
                | Step::Call { .. }
                | Step::Wait { .. }
                | Step::Fire { .. }
                | Step::Sleep(_)
                | Step::Suspend
                | Step::Resume => continue,
            };
            self.take(&event)?;
        }
        Ok(())
    }

    /// Does what no entry holds any more: what another module, or another branch of it, leads to. What an entry holds that
    /// is still to come goes first, because it may end the flow.
    fn improvise(&mut self) -> Result<(), Verdict> {
        loop {
            let steps = next(&self.state, self.now);
            if steps.iter().any(|step| self.is_still_to_come(step)) {
                return Ok(());
            }
            let mut has_moved = false;
            for step in steps {
                match step {
                    Step::Call { node, item, attempt } => {
                        self.call(Attempt { node, item, attempt, started_at: self.now }, None)?;
                    }
                    Step::Wait { node } | Step::Spread { node } => self.begin(node, None)?,
                    // What had come when the wait began ends it in the same walk; later, the object may stand otherwise.
                    Step::Fire { node, at, by }
                        if self.state.node(node).started_at.is_some_and(|begun| at <= begun) =>
                    {
                        let event = walk::fire(&self.state, node, at, by);
                        self.take(&event)?;
                    }
                    Step::Suspend => self.suspend()?,
                    Step::Fire { .. } | Step::Sleep(_) | Step::Resume | Step::Fail { .. } | Step::Complete => continue,
                }
                has_moved = true;
            }
            if !has_moved {
                return Ok(());
            }
        }
    }

    fn is_still_to_come(&self, step: &Step) -> bool {
        let id = |node: &NodeIndex| self.module.dag.node(*node).id.clone();
        match step {
            Step::Call { node, item, .. } => self.script.expects(&Expected::Call(id(node), *item)),
            Step::Wait { node } | Step::Spread { node } => self.script.expects(&Expected::Beginning(id(node))),
            Step::Fire { node, .. } => self.script.expects(&Expected::Firing(id(node))),
            Step::Sleep(_) | Step::Suspend | Step::Resume | Step::Fail { .. } | Step::Complete => false,
        }
    }

    /// Where the entries end: what the flow still wants is either still to come for the recorded flow as well, or was never
    /// recorded.
    fn close(&self) -> Result<(), Verdict> {
        let has_failed = self.state.nodes().any(|(_, node)| node.status == NodeStatus::Failed);
        if has_failed || self.state.status() == FlowStatus::Cancelled {
            return Ok(());
        }
        for (index, node) in self.module.dag.order().iter().map(|index| (*index, self.module.dag.node(*index))) {
            let state = self.state.node(index);
            let out_of_support =
                |reason: &str| Err(Verdict::OutOfSupport { node: Some(node.id.clone()), reason: reason.to_owned() });
            match (&state.waiting, state.ready_at) {
                (Some(Waiting::Wait { .. }), _) => match self.waits_otherwise.get(&index) {
                    Some(reason) => return out_of_support(reason),
                    None if self.recorded_open.contains(&node.id) => {}
                    None => return out_of_support("how its wait would end was not recorded"),
                },
                (Some(Waiting::Effects), _) => {
                    let mut awaited = state.effects.iter().map(|place| &self.state.effects[*place].effect);
                    if awaited.any(|effect| self.script.is_altered(effect)) {
                        return out_of_support("it awaits effects that were not recorded so, and no receipt is known");
                    }
                }
                // A call that failed in the same way is to be made again there, too.
                (None, Some(_))
                    if state.status == NodeStatus::Pending && state.retry_at().is_none() && self.is_off_script =>
                {
                    let reason = "it would be called later than anything that was recorded of the object's standing";
                    return out_of_support(reason);
                }
                (None, _) => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &Event) -> Result<(), Verdict> {
        let applied = self.state.apply(self.seq, self.now, event);
        applied.map_err(|error| Verdict::OutOfSupport { node: None, reason: error.to_string() })
    }
}

/// What the flow is pinned to on this module. Members of the config that the module has defaults for and that nobody had
/// heard of when the flow began have those.
fn started_on(started: &Arc<FlowStarted>, module: &Behavior, purpose: Purpose) -> Arc<FlowStarted> {
    match module.config.complete(&started.config) {
        Ok(config) if purpose == Purpose::WhatIf && config != started.config => {
            Arc::new(FlowStarted { config, ..FlowStarted::clone(started) })
        }
        Ok(_) | Err(_) => Arc::clone(started),
    }
}
