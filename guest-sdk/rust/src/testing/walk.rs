//! A walk over the DAG.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Harness, WaitEnd, shape};
use crate::log::{self, Level};
use crate::{Effect, Failure, Node, NodeKind, Outcome};

/// How often a node without a policy is tried again.
const DEFAULT_RETRIES: u32 = 3;

/// What a walk came to, node by node, in the order in which they settled.
#[derive(Debug, Clone)]
pub struct Walk {
    /// Every node up to the one that failed, if one did.
    pub nodes: Vec<NodeRun>,
}

/// What a node came to.
#[derive(Debug, Clone)]
pub struct NodeRun {
    /// The node's id.
    pub id: String,
    /// How it settled.
    pub status: Status,
    /// What it output, or `null`.
    pub output: Value,
    /// The branch it took.
    pub branch: Option<String>,
    /// The effects it asked for.
    pub effects: Vec<Effect>,
    /// The lines it logged, over all attempts.
    pub log: Vec<(Level, String)>,
    /// How often it was called, over all items.
    pub calls: u32,
}

/// How a node settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It ran.
    Done,
    /// Only a path that was not taken leads to it.
    Skipped,
    /// It failed, and its flow with it.
    Failed(Failure),
}

impl Walk {
    /// The ids of the nodes that ran, waits among them, in order.
    pub fn taken(&self) -> Vec<&str> {
        self.with(|status| *status == Status::Done)
    }

    /// The ids of the nodes that were skipped.
    pub fn skipped(&self) -> Vec<&str> {
        self.with(|status| *status == Status::Skipped)
    }

    fn with(&self, wanted: impl Fn(&Status) -> bool) -> Vec<&str> {
        self.nodes.iter().filter(|node| wanted(&node.status)).map(|node| node.id.as_str()).collect()
    }

    /// All effects, in order.
    pub fn effects(&self) -> Vec<&Effect> {
        self.nodes.iter().flat_map(|node| &node.effects).collect()
    }

    /// The effects of one kind, in order.
    pub fn effects_of(&self, kind: &str) -> Vec<&Effect> {
        self.effects().into_iter().filter(|effect| effect.kind == kind).collect()
    }

    /// What a node came to.
    ///
    /// # Panics
    ///
    /// If the walk did not come to the node.
    pub fn node(&self, id: &str) -> &NodeRun {
        let found = self.nodes.iter().find(|node| node.id == id);
        found.unwrap_or_else(|| panic!("the walk did not come to {id}"))
    }

    /// Why the flow failed, if it did.
    pub fn failure(&self) -> Option<&Failure> {
        self.nodes.iter().find_map(|node| match &node.status {
            Status::Failed(failure) => Some(failure),
            Status::Done | Status::Skipped => None,
        })
    }
}

/// Walks the harness's behavior on its activity.
pub(super) fn walk(harness: &Harness) -> Walk {
    let mut runs: Vec<NodeRun> = Vec::new();
    let mut input = BTreeMap::new();
    for node in shape::in_order(&harness.manifest) {
        let run = if is_reached(harness, node, &runs) { settle(harness, node, &input) } else { skipped(node) };
        let failed = matches!(run.status, Status::Failed(_));
        if run.status == Status::Done {
            input.insert(run.id.clone(), as_input(&run, node.await_effects == Some(true)));
        }
        runs.push(run);
        if failed {
            break;
        }
    }
    Walk { nodes: runs }
}

/// Whether the node begins the DAG or an edge to it was taken.
fn is_reached(harness: &Harness, node: &Node, runs: &[NodeRun]) -> bool {
    let mut edges = harness.manifest.edges.iter().filter(|edge| edge.to == node.id).peekable();
    if edges.peek().is_none() {
        return true;
    }
    edges.any(|edge| {
        let from = runs.iter().find(|run| run.id == edge.from && run.status == Status::Done);
        from.is_some_and(|from| edge.when.is_none() || edge.when.as_deref() == from.branch.as_deref())
    })
}

fn settle(harness: &Harness, node: &Node, input: &BTreeMap<String, Value>) -> NodeRun {
    let mut run = NodeRun { status: Status::Done, ..skipped(node) };
    // Lines of an earlier test on this thread are not this node's.
    log::take_lines();
    let outcome = match node.kind {
        NodeKind::Wait => wait(harness, node, input),
        NodeKind::Step => attempts(harness, node, input, None, &mut run.calls),
        NodeKind::Each => each(harness, node, input, &mut run.calls),
    };
    run.log = log::take_lines();
    match outcome {
        Ok(outcome) => {
            run.output = outcome.output.unwrap_or_default();
            run.branch = outcome.branch;
            run.effects = outcome.effects;
        }
        Err(failure) => run.status = Status::Failed(failure),
    }
    run
}

fn skipped(node: &Node) -> NodeRun {
    NodeRun {
        id: node.id.clone().into_owned(),
        status: Status::Skipped,
        output: Value::Null,
        branch: None,
        effects: Vec::new(),
        log: Vec::new(),
        calls: 0,
    }
}

/// Ends a wait as the test says, else at once. What `until` points at must be there, as it must be for the host.
fn wait(harness: &Harness, node: &Node, input: &BTreeMap<String, Value>) -> Result<Outcome, Failure> {
    if let Some(pointer) = node.wait.as_ref().and_then(|wait| wait.until.as_deref())
        && harness.document(&node.id, 1, input, None).pointer(pointer).is_none_or(Value::is_null)
    {
        return Err(Failure::fatal(format!("node {}: there is no time at {pointer}", node.id)));
    }
    let at_once = || WaitEnd { output: json!({ "at": harness.now, "by": "timer" }), branch: "fired" };
    let end = harness.waits.get(&*node.id).cloned().unwrap_or_else(at_once);
    Ok(Outcome::new().output(end.output).branch(end.branch))
}

/// Calls the node once for each item; the outputs become one list, the effects follow one another.
fn each(harness: &Harness, node: &Node, input: &BTreeMap<String, Value>, calls: &mut u32) -> Result<Outcome, Failure> {
    let pointer = node.over.as_deref().unwrap_or_default();
    let call = harness.document(&node.id, 1, input, None);
    let Some(items) = call.pointer(pointer).and_then(Value::as_array) else {
        return Err(Failure::fatal(format!("node {}: there is no list at {pointer}", node.id)));
    };
    let mut joined = Outcome::new();
    let mut outputs = Vec::new();
    for item in items.iter().enumerate() {
        let outcome = attempts(harness, node, input, Some(item), calls)?;
        outputs.push(outcome.output.unwrap_or_default());
        joined.effects.extend(outcome.effects);
    }
    Ok(joined.output(outputs))
}

/// Calls the node (or item) until it succeeds, fails for good or has had its attempts.
fn attempts(
    harness: &Harness,
    node: &Node,
    input: &BTreeMap<String, Value>,
    item: Option<(usize, &Value)>,
    calls: &mut u32,
) -> Result<Outcome, Failure> {
    let retries = node.retry.as_ref().map_or(DEFAULT_RETRIES, |retry| retry.max);
    let mut attempt = 1;
    loop {
        *calls += 1;
        match harness.ask(&harness.document(&node.id, attempt, input, item)) {
            Err(Failure::Retry(_)) if attempt <= retries => attempt += 1,
            settled => return settled,
        }
    }
}

/// What the nodes after a node find under its id.
fn as_input(run: &NodeRun, awaited: bool) -> Value {
    let status = if awaited { "dispatched" } else { "recorded" };
    let effects = run.effects.iter().enumerate().map(|(ordinal, effect)| {
        json!({ "id": format!("{}-{ordinal}", run.id), "kind": effect.kind, "status": status, "receipt": null })
    });
    json!({ "output": run.output, "branch": run.branch, "effects": effects.collect::<Vec<_>>() })
}
