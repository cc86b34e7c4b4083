//! What a flow will do, before what starts it is written: the walk of a rehearsal, with the grant, the config and the
//! origin of the host. Timers end when they are due and awaited effects go well; what a signal decides is left open.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{
    GoldenEffect, GoldenFailure, MakeCall, NodeRun, RehearsalError, WaitEnd, WaitMet,
    walk::{Reached, Setting, Stage, Unsaid, wait_ends},
};
use crate::{
    activity::Activity,
    behavior::{Behavior, Grant},
    event::FlowStarted,
    ids::NodeId,
    limits::DRY_RUN_CALLS,
    time::Timestamp,
};

/// A flow that is about to start, as a host would start it.
pub struct Prospect<'a> {
    /// Its start.
    pub started: Arc<FlowStarted>,
    /// Its activity, which nobody has recorded.
    pub activity: &'a Activity,
    /// Its module.
    pub behavior: &'a Arc<Behavior>,
    /// What the operator grants.
    pub grant: &'a Grant,
    /// How many effects of a kind the behavior recorded in the hour before, of the kinds that are counted.
    pub recorded: BTreeMap<String, u64>,
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// When it would start.
    pub now: Timestamp,
    /// How waits end, by their nodes, where somebody says so.
    pub waits: &'a BTreeMap<NodeId, WaitEnd>,
    /// Whether there is time for another call.
    pub has_time: &'a dyn Fn() -> bool,
}

/// How a flow ends, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// It completes.
    Completed,
    /// It fails.
    Failed,
    /// A signal decides what comes then.
    Waiting,
    /// It takes more calls or more time than a dry run has.
    Unfinished,
}

/// An effect that a flow will ask for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeseenEffect {
    /// The effect, with the rule that denies it.
    #[serde(flatten)]
    pub effect: GoldenEffect,
    /// When it is recorded, if waits are as long as they are now.
    pub at: Timestamp,
}

/// What a flow will do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Foresight {
    /// How it ends.
    pub ends: Ends,
    /// Its effects, in order.
    pub effects: Vec<ForeseenEffect>,
    /// The nodes that it reaches, in order.
    pub nodes: Vec<NodeRun>,
    /// Its waits, in order.
    pub waits: Vec<WaitMet>,
    /// How it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<GoldenFailure>,
}

impl Foresight {
    /// Of a flow of which nobody can say what it will do.
    pub fn nothing() -> Self {
        Self { ends: Ends::Unfinished, effects: Vec::new(), nodes: Vec::new(), waits: Vec::new(), failed: None }
    }
}

/// Walks a flow that has not started. `call` calls its module. Nothing is recorded.
pub fn foresee(prospect: Prospect<'_>, call: &MakeCall<'_>) -> Result<Foresight, RehearsalError> {
    let may_call = |made: usize| made < DRY_RUN_CALLS && (prospect.has_time)();
    let ends = wait_ends(prospect.behavior, prospect.waits)?;
    let setting = Setting {
        behavior: prospect.behavior,
        activity: prospect.activity,
        call,
        base_url: prospect.base_url,
        granted_now: Some(prospect.grant),
        recorded: prospect.recorded,
        ends,
        unsaid_signals: Unsaid::Open,
        may_call: &may_call,
        now: prospect.now,
        current: prospect.started.current.clone(),
    };
    let mut stage = Stage::begin(prospect.started, setting);
    let reached = stage.walk()?;
    let (moments, waits) = (std::mem::take(&mut stage.recorded_at), std::mem::take(&mut stage.waits));
    let walked = stage.end();
    let effects = walked.effects.into_iter().zip(moments);
    Ok(Foresight {
        ends: match reached {
            Reached::Limit => Ends::Unfinished,
            Reached::Signal => Ends::Waiting,
            Reached::End if walked.failed.is_some() => Ends::Failed,
            Reached::End => Ends::Completed,
        },
        effects: effects.map(|(effect, at)| ForeseenEffect { effect, at }).collect(),
        nodes: walked.nodes,
        waits,
        failed: walked.failed,
    })
}
