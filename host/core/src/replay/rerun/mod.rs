//! A flow runs again, with its recorded entries as the world around it: what is done when an entry says so is in `follow`,
//! what no entry holds in `support`.

mod follow;
mod support;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::json;

use super::{
    Ask, PathChange, Purpose, Recording, Replay, Verdict,
    comparison::compare,
    script::{Script, effects_of, set_at, waits_otherwise},
};
use crate::{
    behavior::{Behavior, NodeIndex, NodeWork},
    difference::differences,
    event::{Event, FlowStarted, FlowSuspended, NodeError},
    flow::{FlowState, Step, next},
    guest::{GuestFailure, GuestReport},
    ids::NodeId,
    pipeline::walk::{self, Allowed, Attempt, NOTHING_COUNTED},
    time::Timestamp,
};

/// How often a call is made in all that this host fails to make: it may be busy for a while.
const HOST_TRIES: u8 = 3;

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

    /// Makes a call, and takes in what it means. `recorded` is the answer that the log holds, if it holds one.
    fn call(&mut self, attempt: Attempt, recorded: Option<&'a Event>) -> Result<(), Verdict> {
        let composed = walk::items(&self.state, &self.recording.activity, attempt.node)
            .and_then(|items| walk::call(&self.state, &self.recording.activity, attempt, &items));
        let mut event = match composed {
            Ok(call) => {
                let report = self.answer(&call, attempt)?;
                walk::conclude(&self.state, attempt, report, self.allowed(), self.now)
            }
            Err(error) => walk::failed(&self.state, attempt, error, 0, Vec::new()),
        };
        if let Event::NodeDone(done) = &mut event {
            done.effects.iter_mut().for_each(|effect| self.script.judge_as_recorded(effect));
        }
        self.compare_answers(recorded, &event)?;
        self.take(&event)
    }

    /// What the module answers. A condition of this host is no answer: the call is made again, and where the host cannot
    /// make it, nobody knows.
    fn answer(&self, call: &str, attempt: Attempt) -> Result<GuestReport, Verdict> {
        let surroundings = walk::surroundings(&self.state, attempt);
        let mut failure = String::new();
        for _ in 0..HOST_TRIES {
            let report = (self.ask)(call, &surroundings);
            let Err(GuestFailure::Host { rule, message }) = &report.result else { return Ok(report) };
            failure = format!("this host could not make the call: {rule}: {message}");
        }
        Err(Verdict::OutOfSupport { node: Some(self.module.dag.node(attempt.node).id.clone()), reason: failure })
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

    fn suspend(&mut self) -> Result<(), Verdict> {
        if !next(&self.state, self.now).contains(&Step::Suspend) {
            return Ok(());
        }
        self.take(&FlowSuspended { flow: self.state.id(), due: None }.into())
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
