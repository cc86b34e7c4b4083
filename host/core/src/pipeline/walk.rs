//! A flow walks its DAG: what a step means as events, given what the guest answered.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Value, json};

use crate::{
    activity::Activity,
    behavior::{Asked, Denial, Grant, NodeIndex, NodeWork, Wait},
    call::{self, Call, Outcome, RequestedEffect},
    effect::{Effect, check_payload, is_carried_out_by_recording},
    event::{
        Event, FiredBy, NodeAttempted, NodeDone, NodeError, NodeFailed, NodeFired, NodeRetrying, NodeSpread,
        NodeSuspended, Timer,
    },
    flow::{Calls, FlowState},
    guest::{GuestFailure, GuestReport, Surroundings},
    ids::{ActorName, EffectId},
    json,
    limits::{
        CALL_EFFECTS, CAUTIOUS_ATTEMPTS, EACH_ITEMS, FLOW_EFFECTS, FLOW_WEIGHT, GUEST_INPUT_BYTES, GUEST_MESSAGE_BYTES,
    },
    state::EffectStatus,
    time::{Timestamp, Until},
};

/// What limits a behavior's effects.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    /// The kinds its manifest declares.
    pub declared: &'a BTreeSet<String>,
    /// What the operator granted when the flow began.
    pub pinned: &'a Grant,
    /// What the operator grants now, where the behavior still stands.
    pub now: Option<&'a Grant>,
    /// The actor as whom the flow runs.
    pub owner: &'a ActorName,
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// How many effects of a kind the behavior recorded in the hour before, of the kinds that are counted. Before an
    /// attempt it is empty: what is recorded was counted then.
    pub recorded: &'a BTreeMap<String, u64>,
}

/// What [`Allowed::recorded`] is where nothing is to be counted.
pub static NOTHING_COUNTED: BTreeMap<String, u64> = BTreeMap::new();

impl Allowed<'_> {
    /// The kinds of which either grant allows only so many in an hour.
    pub fn counted_kinds(&self) -> impl Iterator<Item = &str> {
        self.pinned.counted_kinds().chain(self.now.into_iter().flat_map(Grant::counted_kinds))
    }

    /// Whether an effect may be carried out; else the rule that denies it. The narrower grant wins.
    pub fn permits(&self, kind: &str, payload: &Value) -> Result<(), Denial> {
        self.permits_after(kind, payload, 0)
    }

    /// The same after `more` effects of the kind that are about to be recorded.
    fn permits_after(&self, kind: &str, payload: &Value, more: u64) -> Result<(), Denial> {
        let asked = Asked { kind, payload, owner: self.owner, base_url: self.base_url };
        let recorded = self.recorded.get(kind).map(|recorded| recorded + more);
        self.pinned.permits(self.declared, asked, recorded)?;
        self.now.map_or(Ok(()), |grant| grant.permits(self.declared, asked, recorded))
    }
}

/// A call that is about to be made, or was.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The node.
    pub node: NodeIndex,
    /// The item of an `each`, from 0.
    pub item: Option<u32>,
    /// Which call of the node or the item this is, from 1.
    pub attempt: u32,
    /// When it is made.
    pub started_at: Timestamp,
}

/// The Call document of a node that is ready; an error where it is too long to be one. `items` is what [`items`]
/// gives for an `each`.
pub fn call(flow: &FlowState, activity: &Activity, attempt: Attempt, items: &[Value]) -> Result<String, NodeError> {
    let item = attempt.item.and_then(|place| Some((place, items.get(usize::try_from(place).ok()?)?)));
    if item.is_none() && attempt.item.is_some() {
        return Err(NodeError {
            rule: "each-over".to_owned(),
            message: "over: the list has become shorter".to_owned(),
        });
    }
    let text = Call::compose(flow, activity, attempt.node, attempt.attempt).for_item(item).to_json();
    if text.len() > GUEST_INPUT_BYTES {
        let message = format!("the Call is {} bytes long, at most {GUEST_INPUT_BYTES}", text.len());
        return Err(NodeError { rule: "input-bytes".to_owned(), message });
    }
    Ok(text)
}

/// What the guest finds around it in a call of a node that is ready.
pub fn surroundings(flow: &FlowState, attempt: Attempt) -> Surroundings {
    let now = flow.node(attempt.node).ready_at.unwrap_or(flow.summary.started_at);
    let memory_bytes = flow.started.grant.memory_bytes();
    let node = flow.dag.node(attempt.node);
    let surroundings = Surroundings::of_call(now, flow.id(), &node.id, attempt.item, memory_bytes);
    Surroundings { timeout_ms: node.timeout_ms, ..surroundings }
}

/// The list of an `each`, as its pointer finds it.
pub fn items<'a>(flow: &'a FlowState, activity: &'a Activity, node: NodeIndex) -> Result<Cow<'a, [Value]>, NodeError> {
    let NodeWork::Each(pointer) = &flow.dag.node(node).work else { return Ok(Cow::Borrowed(&[])) };
    let refuse = |rule: &str, message: String| NodeError { rule: rule.to_owned(), message };
    let list = match call::find(flow, activity, node, pointer) {
        Some(Cow::Borrowed(Value::Array(items))) => Cow::Borrowed(items.as_slice()),
        Some(Cow::Owned(Value::Array(items))) => Cow::Owned(items),
        Some(_) => return Err(refuse("each-over", format!("over: what stands at {pointer} is no list"))),
        None => return Err(refuse("each-over", format!("over: nothing stands at {pointer}"))),
    };
    if list.len() > EACH_ITEMS {
        return Err(refuse("each-items", format!("over: {} items at {pointer}, at most {EACH_ITEMS}", list.len())));
    }
    Ok(list)
}

/// The beginning of an `each`, or its failure where its pointer finds no list.
pub fn begin_each(flow: &FlowState, activity: &Activity, node: NodeIndex, now: Timestamp) -> Event {
    match items(flow, activity, node) {
        Ok(items) => {
            let items = u32::try_from(items.len()).unwrap_or(u32::MAX);
            NodeSpread { flow: flow.id(), node: flow.dag.node(node).id.clone(), items }.into()
        }
        Err(error) => failed(flow, Attempt { node, item: None, attempt: 0, started_at: now }, error, 0, Vec::new()),
    }
}

/// What a guest's answer means for its node at `now`.
pub fn conclude(
    flow: &FlowState,
    attempt: Attempt,
    report: GuestReport,
    allowed: Allowed<'_>,
    now: Timestamp,
) -> Event {
    let (error, may_retry) = match report.result {
        Ok(text) => match accept(flow, attempt, &text, allowed, now) {
            Ok((outcome, effects)) => {
                return NodeDone {
                    flow: flow.id(),
                    node: flow.dag.node(attempt.node).id.clone(),
                    item: attempt.item,
                    attempt: attempt.attempt,
                    output: outcome.output,
                    branch: outcome.branch,
                    effects,
                    fuel: report.fuel,
                    started_at: attempt.started_at,
                    log: report.log,
                }
                .into();
            }
            Err(error) => (bounded(error), false),
        },
        Err(GuestFailure::Retry(message)) => (NodeError { rule: "retry".to_owned(), message }, true),
        Err(GuestFailure::Fatal(message)) => (NodeError { rule: "fatal".to_owned(), message }, false),
        Err(GuestFailure::Stopped { rule, message }) => (NodeError { rule: rule.to_owned(), message }, false),
        Err(GuestFailure::Host { rule, message }) => (NodeError { rule: rule.to_owned(), message }, true),
    };
    let node = flow.dag.node(attempt.node);
    let failed_calls = calls(flow, attempt).failed + 1;
    match node.retry.delay_after(failed_calls).filter(|_| may_retry) {
        Some(delay_ms) => NodeRetrying {
            flow: flow.id(),
            node: node.id.clone(),
            item: attempt.item,
            attempt: attempt.attempt,
            error,
            delay_ms,
            log: report.log,
        }
        .into(),
        None => failed(flow, attempt, error, report.fuel, report.log),
    }
}

/// An error whose message quotes the guest, cut.
fn bounded(mut error: NodeError) -> NodeError {
    error.message.truncate(error.message.floor_char_boundary(GUEST_MESSAGE_BYTES));
    error
}

/// What a host that works cautiously records before it calls a node: that it is about to, or, where hosts have ended
/// with this call often enough, that the node failed.
pub fn attempt_cautiously(flow: &FlowState, attempt: Attempt) -> Event {
    let open = calls(flow, attempt).open;
    if open >= CAUTIOUS_ATTEMPTS {
        let message = format!("the host ended during this call at each of its last {} starts", open + 1);
        let error = NodeError { rule: "host_died".to_owned(), message };
        return failed(flow, attempt, error, 0, Vec::new());
    }
    let node = flow.dag.node(attempt.node).id.clone();
    NodeAttempted { flow: flow.id(), node, item: attempt.item, attempt: attempt.attempt }.into()
}

fn calls(flow: &FlowState, attempt: Attempt) -> Calls {
    flow.node(attempt.node).calls_of(attempt.item).copied().unwrap_or_default()
}

/// The failure of a node.
pub fn failed(
    flow: &FlowState,
    attempt: Attempt,
    error: NodeError,
    fuel: u64,
    log: Vec<crate::guest::GuestLogLine>,
) -> Event {
    NodeFailed {
        flow: flow.id(),
        node: flow.dag.node(attempt.node).id.clone(),
        item: attempt.item,
        attempt: attempt.attempt,
        error,
        fuel,
        started_at: attempt.started_at,
        log,
    }
    .into()
}

/// Reads an Outcome and gives its effects their ids; all of it holds or none.
fn accept(
    flow: &FlowState,
    attempt: Attempt,
    text: &str,
    allowed: Allowed<'_>,
    now: Timestamp,
) -> Result<(Outcome, Vec<Effect>), NodeError> {
    let refuse = |rule: &str, message: String| NodeError { rule: rule.to_owned(), message };
    let value =
        json::parse(text.as_bytes()).map_err(|error| refuse(error.rule, format!("outcome: {}", error.message)))?;
    if let Some(place) = json::not_an_object(&value, &["", "/effects/*"]) {
        return Err(refuse("outcome", format!("outcome: {place} is not an object")));
    }
    let weight = flow.weight + json::weigh(&value);
    if weight > FLOW_WEIGHT {
        let message = format!("outcome: outputs and effects of this flow would weigh {weight}, at most {FLOW_WEIGHT}");
        return Err(refuse("flow-weight", message));
    }
    let mut outcome: Outcome =
        serde_json::from_value(value).map_err(|error| refuse("outcome", format!("outcome: {error}")))?;
    if outcome.v != 1 {
        return Err(refuse("outcome", format!("outcome: v is {}, this host reads 1", outcome.v)));
    }
    let node = flow.dag.node(attempt.node);
    if let Some(branch) = &outcome.branch
        && !node.branches.contains(branch)
    {
        return Err(refuse("undeclared-branch", format!("outcome: node {} has no branch {branch:?}", node.id)));
    }
    if outcome.effects.len() > CALL_EFFECTS {
        let message = format!("outcome: {} effects, at most {CALL_EFFECTS} a call", outcome.effects.len());
        return Err(refuse("effects-per-call", message));
    }
    if flow.effects.len() + outcome.effects.len() > FLOW_EFFECTS {
        return Err(refuse("effects-per-flow", format!("outcome: over {FLOW_EFFECTS} effects in this flow")));
    }
    let mut effects = Vec::with_capacity(outcome.effects.len());
    for (ordinal, requested) in (0..).zip(std::mem::take(&mut outcome.effects)) {
        check_payload(&requested.kind, &requested.payload)
            .map_err(|error| refuse("effect-payload", format!("effects/{ordinal} ({}): {error}", requested.kind)))?;
        let RequestedEffect { kind, payload } = requested;
        let (status, receipt) = verdict(&kind, &payload, allowed, recorded_among(&effects, &kind, allowed), now);
        let id = EffectId::derive(flow.id(), &node.id, attempt.item, ordinal);
        let (node, item) = (node.id.clone(), attempt.item);
        effects.push(Effect { id, node, item, ordinal, kind, payload, status, receipt });
    }
    Ok((outcome, effects))
}

/// Effects of a kind that this call is about to record, where the kind is counted.
fn recorded_among(effects: &[Effect], kind: &str, allowed: Allowed<'_>) -> u64 {
    if !allowed.recorded.contains_key(kind) {
        return 0;
    }
    let counts = |effect: &&Effect| effect.kind == kind && effect.status != EffectStatus::Denied;
    effects.iter().filter(counts).count() as u64
}

/// How an effect is recorded: denied where manifest or grant forbid it, carried out where recording does that. `more` are
/// the effects of its kind that the same call records before it.
fn verdict(
    kind: &str,
    payload: &Value,
    allowed: Allowed<'_>,
    more: u64,
    now: Timestamp,
) -> (EffectStatus, Option<Value>) {
    match allowed.permits_after(kind, payload, more) {
        Err(denial) => (EffectStatus::Denied, Some(json!({ "rule": denial.to_string() }))),
        Ok(()) if is_carried_out_by_recording(kind) => (EffectStatus::Dispatched, Some(json!({ "at": now }))),
        Ok(()) => (EffectStatus::Recorded, None),
    }
}

/// The beginning of a node's wait at `now`, or its failure where its pointer finds no time.
pub fn begin_wait(flow: &FlowState, activity: &Activity, node: NodeIndex, now: Timestamp) -> Event {
    let NodeWork::Wait(wait) = &flow.dag.node(node).work else { unreachable!("only wait nodes wait") };
    let after = |length_ms: u64| Timer::After { set_at: now, length_ms };
    let (timer, signal) = match wait {
        Wait::For(length_ms) => (Some(after(*length_ms)), None),
        Wait::Signal { name, timeout } => (timeout.map(after), Some(name.clone())),
        Wait::Until(pointer) => match find_time(flow, activity, node, pointer, now) {
            Ok(moment) => (Some(Timer::At(moment)), None),
            Err(error) => {
                return failed(flow, Attempt { node, item: None, attempt: 0, started_at: now }, error, 0, Vec::new());
            }
        },
    };
    NodeSuspended { flow: flow.id(), node: flow.dag.node(node).id.clone(), timer, signal }.into()
}

fn find_time(
    flow: &FlowState,
    activity: &Activity,
    node: NodeIndex,
    pointer: &str,
    now: Timestamp,
) -> Result<Timestamp, NodeError> {
    let refuse = |message: String| NodeError { rule: "wait-until".to_owned(), message };
    let found = call::find(flow, activity, node, pointer);
    let found = found.ok_or_else(|| refuse(format!("wait.until: nothing stands at {pointer}")))?;
    let until = Until::from_json(&found).map_err(|error| refuse(format!("wait.until: {pointer}: {error}")))?;
    Ok(until.resolve(now))
}

/// The end of a node's wait.
pub fn fire(flow: &FlowState, node: NodeIndex, at: Timestamp, by: FiredBy) -> Event {
    let signal = flow.waits_for_signal(node).filter(|_| by == FiredBy::Signal);
    let payload = signal.and_then(|name| flow.signals.get(name)).map(|(_, payload)| payload.clone());
    NodeFired { flow: flow.id(), node: flow.dag.node(node).id.clone(), at, by, payload }.into()
}
