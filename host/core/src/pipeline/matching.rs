//! An activity is held against every trigger, once: the flows it starts, or why none.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    activity::Activity,
    behavior::{Installed, Standing, WhyNot},
    event::{ActivityMatched, Current, FlowStarted},
    ids::FlowId,
    limits::{FLOW_DEPTH, MATCH_REASONS},
};

/// What an activity starts.
#[derive(Debug)]
pub struct Matched {
    /// The entry that says so.
    pub matched: ActivityMatched,
    /// A flow for each behavior that matches.
    pub flows: Vec<Arc<FlowStarted>>,
}

impl Matched {
    /// The same of an activity at another entry, as of which behaviors stand alike.
    #[must_use]
    pub fn moved_to(mut self, seq: u64) -> Self {
        self.matched.seq = seq;
        for flow in &mut self.flows {
            Arc::make_mut(flow).activity_seq = seq;
        }
        self
    }
}

/// Holds the activity at entry `seq` against the behaviors as they stood there. `current` is the object's standing.
pub fn matching(seq: u64, activity: &Activity, standing: &Standing, current: Option<&Current>) -> Matched {
    let mut flows = Vec::new();
    let mut not = BTreeMap::new();
    let mut told = 0;
    for installed in standing.values() {
        match why_not(activity, installed) {
            None => flows.push(Arc::new(start(seq, activity, installed, 1, current.cloned()))),
            Some(mut reasons) => {
                // Very many triggers must not make an entry that nobody can hold; each behavior has one reason at least.
                let room = MATCH_REASONS.saturating_sub(told).max(1);
                if reasons.len() > room {
                    let left = reasons.len() - room;
                    reasons.truncate(room);
                    reasons.push(WhyNot::new("more", format!("{left} more triggers did not match either")));
                }
                told += reasons.len();
                not.insert(installed.name.clone(), reasons);
            }
        }
    }
    let matched = ActivityMatched {
        activity: activity.id.clone(),
        seq,
        owner: activity.owner.clone(),
        r#box: activity.r#box,
        flows: flows.iter().map(|flow| flow.flow).collect(),
        not,
    };
    Matched { matched, flows }
}

/// Why a behavior does not start for an activity: a reason for each of its triggers, in order.
pub fn why_not(activity: &Activity, installed: &Installed) -> Option<Vec<WhyNot>> {
    if !installed.enabled {
        return Some(vec![WhyNot::new("disabled", "the behavior is disabled")]);
    }
    if activity.depth > FLOW_DEPTH {
        let message = format!("{} flows led to this activity, one through the other", activity.depth);
        return Some(vec![WhyNot::new("depth", message)]);
    }
    let reasons = why_none(activity, installed);
    (reasons.len() == installed.behavior.triggers.len()).then_some(reasons)
}

/// Why each trigger did not match, in order, up to the first that did.
pub fn why_none(activity: &Activity, installed: &Installed) -> Vec<WhyNot> {
    installed.behavior.triggers.iter().map_while(|trigger| trigger.matches(activity).err()).collect()
}

/// The start of a flow, pinned to what the behavior is bound to.
pub fn start(seq: u64, activity: &Activity, installed: &Installed, run: u32, current: Option<Current>) -> FlowStarted {
    let slug = activity.object_document().get("slug").and_then(serde_json::Value::as_str);
    FlowStarted {
        flow: FlowId::derive(&activity.id, &activity.owner, activity.r#box, &installed.name, run),
        behavior: installed.name.clone(),
        digest: installed.digest,
        version: installed.behavior.version.to_string(),
        config: installed.effective_config.clone(),
        grant: installed.grant.clone(),
        grant_version: installed.grant_version,
        run,
        owner: activity.owner.clone(),
        r#box: activity.r#box,
        activity: activity.id.clone(),
        activity_seq: seq,
        object: activity.object.clone(),
        slug: slug.map(str::to_owned),
        cause: activity.cause.clone(),
        caused_by: activity.caused_by.clone(),
        depth: activity.depth,
        root: activity.root.clone(),
        current,
        by: None,
        reason: None,
        trace: activity.trace,
    }
}
