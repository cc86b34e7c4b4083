//! A behavior's steps and edges, checked: acyclic, every reference resolved, every guard declared.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{Direction, algo::toposort, graph::DiGraph, visit::EdgeRef};

use super::manifest::{EdgeDocument, ManifestError, NodeDocument, RetryDocument, WaitDocument, short};
use crate::{
    call::output_pointer,
    ids::NodeId,
    limits::{DAG_EDGES, DAG_NODES},
    time::parse_duration,
};

pub use petgraph::graph::NodeIndex;

/// Branch of a wait that ended as it was meant to.
pub const FIRED: &str = "fired";
/// Branch of a wait whose signal did not come in time.
pub const TIMEOUT: &str = "timeout";
/// Calls after the first that a node's own policy may ask for.
const MAX_RETRIES: u32 = 20;
/// Branches of one node.
const MAX_BRANCHES: usize = 100;
/// Delays of a node without a policy of its own, in milliseconds.
const DEFAULT_BACKOFF_MS: [u64; 3] = [1_000, 10_000, 60_000];

/// A step of a checked DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its name for people; the id where it has none.
    pub label: String,
    /// What happens when it is reached.
    pub work: NodeWork,
    /// The branches it may take.
    pub branches: BTreeSet<String>,
    /// How a `retry` failure is tried again.
    pub retry: RetryPolicy,
    /// Whether its manifest declares the policy itself.
    pub has_own_retry: bool,
    /// How long a call may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Whether what follows waits for the end of its effects.
    pub await_effects: bool,
}

/// What happens when a node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeWork {
    /// The guest is called.
    Step,
    /// Nothing is called; time passes or a signal comes.
    Wait(Wait),
    /// The guest is called for each item of the list at this JSON Pointer into the Call.
    Each(String),
}

/// What a wait waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// A length of time, in milliseconds.
    For(u64),
    /// The time or schedule at this JSON Pointer into the Call.
    Until(String),
    /// A named signal, for at most so many milliseconds.
    Signal {
        /// The signal's name.
        name: String,
        /// How long to wait at most, in milliseconds.
        timeout: Option<u64>,
    },
}

/// How often a `retry` failure is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls after the first.
    pub max: u32,
    /// Delay before each, in milliseconds; the last repeats.
    pub backoff_ms: Vec<u64>,
}

impl RetryPolicy {
    /// The delay before the call after `failed` failed ones, if there is one more.
    pub fn delay_after(&self, failed: u32) -> Option<u64> {
        if failed == 0 || failed > self.max {
            return None;
        }
        let index = usize::try_from(failed - 1).unwrap_or(usize::MAX);
        self.backoff_ms.get(index).or(self.backoff_ms.last()).copied()
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max: 3, backoff_ms: DEFAULT_BACKOFF_MS.to_vec() }
    }
}

/// An edge: taken always, or on one branch of the node it leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The branch it is taken on.
    pub when: Option<String>,
}

/// The checked steps and edges of a behavior.
#[derive(Debug)]
pub struct Dag {
    graph: DiGraph<Node, Edge>,
    by_id: BTreeMap<NodeId, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl Dag {
    /// Checks nodes and edges of a manifest.
    pub fn check(nodes: &[NodeDocument], edges: &[EdgeDocument]) -> Result<Self, ManifestError> {
        if nodes.is_empty() {
            return Err(ManifestError::new("no-node", "nodes is empty"));
        }
        if nodes.len() > DAG_NODES {
            return Err(ManifestError::new("too-many-nodes", format!("{} nodes, at most {DAG_NODES}", nodes.len())));
        }
        if edges.len() > DAG_EDGES {
            return Err(ManifestError::new("too-many-edges", format!("{} edges, at most {DAG_EDGES}", edges.len())));
        }
        let mut graph = DiGraph::new();
        let mut by_id = BTreeMap::new();
        for document in nodes {
            let node = check_node(document)?;
            let id = node.id.clone();
            if by_id.insert(id.clone(), graph.add_node(node)).is_some() {
                return Err(ManifestError::new(
                    "duplicate-node",
                    format!("two nodes are called {id:?}", id = id.as_str()),
                ));
            }
        }
        for edge in edges {
            add_edge(&mut graph, &by_id, edge)?;
        }
        let order = toposort(&graph, None).map_err(|cycle| {
            let id = &graph[cycle.node_id()].id;
            ManifestError::new("cycle", format!("node {:?} leads back to itself", id.as_str()))
        })?;
        if let Some(lone) = unreachable_node(&graph) {
            let message = format!("node {:?}: no edge leads to it or from it", graph[lone].id.as_str());
            return Err(ManifestError::new("unreachable-node", message));
        }
        let dag = Self { graph, by_id, order };
        dag.check_lists()?;
        Ok(dag)
    }

    /// The list of an `each` that a node returns is known before the `each` is reached.
    fn check_lists(&self) -> Result<(), ManifestError> {
        for &index in &self.order {
            let node = self.node(index);
            let NodeWork::Each(over) = &node.work else { continue };
            let Some((before, _)) = output_pointer(over) else { continue };
            let is_before = self.find(&before).is_some_and(|before| self.ancestors(index).contains(&before));
            if !is_before {
                let message =
                    format!("node {:?}: over: no node {:?} comes before it", node.id.as_str(), before.as_str());
                return Err(ManifestError::new("pointer", message));
            }
        }
        Ok(())
    }

    /// Whether several nodes may be ready at a time: several begin, or a node's end makes several ready at once.
    pub fn is_parallel(&self) -> bool {
        let begins = self.order.iter().filter(|index| self.incoming(**index).next().is_none()).count();
        begins > 1
            || self.order.iter().any(|index| {
                let leaving: Vec<_> = self.graph.edges(*index).map(|edge| edge.weight().when.as_deref()).collect();
                let meets = |one: Option<&str>, other: Option<&str>| one.is_none() || other.is_none() || one == other;
                leaving.iter().enumerate().any(|(place, one)| leaving[..place].iter().any(|other| meets(*one, *other)))
            })
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no node. A checked DAG has at least one.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }

    /// The nodes in an order in which none comes before what leads to it.
    pub fn order(&self) -> &[NodeIndex] {
        &self.order
    }

    /// A node.
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.graph[index]
    }

    /// The node with this id.
    pub fn find(&self, id: &NodeId) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// The nodes, in the manifest's order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.graph.node_weights()
    }

    /// All edges as (from, to, edge), in the manifest's order.
    pub fn edges(&self) -> impl Iterator<Item = (&Node, &Node, &Edge)> {
        self.graph.edge_references().map(|edge| (&self.graph[edge.source()], &self.graph[edge.target()], edge.weight()))
    }

    /// The edges that lead to a node, with the node each leaves.
    pub fn incoming(&self, index: NodeIndex) -> impl Iterator<Item = (NodeIndex, &Edge)> {
        self.graph.edges_directed(index, Direction::Incoming).map(|edge| (edge.source(), edge.weight()))
    }

    /// All nodes before a node, directly or through others.
    pub fn ancestors(&self, index: NodeIndex) -> BTreeSet<NodeIndex> {
        let mut found = BTreeSet::new();
        let mut open = vec![index];
        while let Some(next) = open.pop() {
            let before = self.graph.neighbors_directed(next, Direction::Incoming);
            open.extend(before.filter(|node| found.insert(*node)));
        }
        found
    }
}

fn add_edge(
    graph: &mut DiGraph<Node, Edge>,
    by_id: &BTreeMap<NodeId, NodeIndex>,
    edge: &EdgeDocument,
) -> Result<(), ManifestError> {
    let end = |id: &str| {
        let found = id.parse::<NodeId>().ok().and_then(|id| by_id.get(&id).copied());
        found.ok_or_else(|| {
            let message = format!("edge {:?} -> {:?}: there is no node {id:?}", edge.from, edge.to);
            ManifestError::new("dangling-edge", message)
        })
    };
    let (from, to) = (end(&edge.from)?, end(&edge.to)?);
    if let Some(branch) = &edge.when
        && !graph[from].branches.contains(branch)
    {
        let declared: Vec<_> = graph[from].branches.iter().map(String::as_str).collect();
        return Err(ManifestError::new(
            "undeclared-branch",
            format!(
                "edge {:?} -> {:?}: node {:?} has no branch {branch:?}, only [{}]",
                edge.from,
                edge.to,
                edge.from,
                declared.join(", ")
            ),
        ));
    }
    let repeated = graph.edges_connecting(from, to).any(|other| other.weight().when == edge.when);
    if repeated {
        return Err(ManifestError::new(
            "duplicate-edge",
            format!("edge {:?} -> {:?} stands twice", edge.from, edge.to),
        ));
    }
    graph.add_edge(from, to, Edge { when: edge.when.clone() });
    Ok(())
}

/// A node that no edge touches, beside others that edges connect. Where there are no edges at all, every node is a
/// beginning.
fn unreachable_node(graph: &DiGraph<Node, Edge>) -> Option<NodeIndex> {
    if graph.edge_count() == 0 {
        return None;
    }
    graph.node_indices().find(|node| graph.neighbors_undirected(*node).next().is_none())
}

fn check_node(document: &NodeDocument) -> Result<Node, ManifestError> {
    let refuse = |rule, message: String| ManifestError::new(rule, format!("node {:?}: {message}", cut(&document.id)));
    let id: NodeId = document.id.parse().map_err(|_| refuse("node-id", "its id is not [a-z][a-z0-9-]{0,62}".into()))?;
    let label = document.label.clone().unwrap_or_else(|| document.id.clone());
    short(&format!("the label of node {id:?}", id = id.as_str()), &label)?;
    let work = check_work(document).map_err(|(rule, message)| refuse(rule, message))?;
    let branches = check_branches(document, &work).map_err(|(rule, message)| refuse(rule, message))?;
    let retry = match &document.retry {
        Some(_) if matches!(work, NodeWork::Wait(_)) => {
            return Err(refuse("wait-fields", "a wait is not called, so it has no retry".into()));
        }
        Some(retry) => check_retry(retry).map_err(|message| refuse("retry", message))?,
        None => RetryPolicy::default(),
    };
    if document.timeout_ms == Some(0) {
        return Err(refuse("timeout", "timeout_ms is 0".into()));
    }
    Ok(Node {
        id,
        label,
        work,
        branches,
        retry,
        has_own_retry: document.retry.is_some(),
        timeout_ms: document.timeout_ms,
        await_effects: document.await_effects.unwrap_or(false),
    })
}

type Refusal = (&'static str, String);

fn check_work(document: &NodeDocument) -> Result<NodeWork, Refusal> {
    let forbid = |present: bool, field: &str| {
        if present { Err(("node-fields", format!("a {} has no {field}", document.kind))) } else { Ok(()) }
    };
    match document.kind.as_str() {
        "step" => {
            forbid(document.wait.is_some(), "wait")?;
            forbid(document.over.is_some(), "over")?;
            Ok(NodeWork::Step)
        }
        "each" => {
            forbid(document.wait.is_some(), "wait")?;
            forbid(!document.branches.is_empty(), "branches")?;
            let over = document.over.as_ref().ok_or(("node-fields", "an each needs over".to_owned()))?;
            check_pointer(over).map_err(|message| ("pointer", format!("over: {message}")))?;
            let is_fixed = ["/object", "/config", "/activity"].iter().any(|root| over.starts_with(root));
            if !is_fixed && output_pointer(over).is_none() {
                // Anything else may be another list by the time that the last item is called for.
                let message = "over: it points into /object, /config, /activity or /input/NODE/output";
                return Err(("pointer", message.to_owned()));
            }
            Ok(NodeWork::Each(over.clone()))
        }
        "wait" => {
            forbid(document.over.is_some(), "over")?;
            forbid(!document.branches.is_empty(), "branches of its own (they are fired and timeout)")?;
            forbid(document.timeout_ms.is_some(), "timeout_ms")?;
            forbid(document.await_effects == Some(true), "await_effects")?;
            let wait = document.wait.as_ref().ok_or(("wait-fields", "a wait needs wait".to_owned()))?;
            check_wait(wait).map(NodeWork::Wait)
        }
        kind => Err(("node-kind", format!("kind {:?} is not step, wait or each", cut(kind)))),
    }
}

fn check_wait(wait: &WaitDocument) -> Result<Wait, Refusal> {
    let duration =
        |field: &str, text: &str| parse_duration(text).map_err(|error| ("duration", format!("wait.{field}: {error}")));
    let no_timeout = || match wait.timeout {
        Some(_) => Err(("wait-fields", "wait.timeout stands only beside wait.signal".to_owned())),
        None => Ok(()),
    };
    match (&wait.duration, &wait.until, &wait.signal) {
        (Some(text), None, None) => {
            no_timeout()?;
            duration("for", text).map(Wait::For)
        }
        (None, Some(pointer), None) => {
            no_timeout()?;
            check_pointer(pointer).map_err(|message| ("pointer", format!("wait.until: {message}")))?;
            Ok(Wait::Until(pointer.clone()))
        }
        (None, None, Some(name)) => {
            if name.parse::<NodeId>().is_err() {
                return Err(("signal-name", format!("wait.signal {:?} is not [a-z][a-z0-9-]{{0,62}}", cut(name))));
            }
            let timeout = wait.timeout.as_deref().map(|text| duration("timeout", text)).transpose()?;
            Ok(Wait::Signal { name: name.clone(), timeout })
        }
        _ => Err(("wait-fields", "wait holds exactly one of for, until and signal".to_owned())),
    }
}

fn check_branches(document: &NodeDocument, work: &NodeWork) -> Result<BTreeSet<String>, Refusal> {
    if let NodeWork::Wait(wait) = work {
        let names: &[&str] = match wait {
            Wait::Signal { timeout: Some(_), .. } => &[FIRED, TIMEOUT],
            Wait::Signal { timeout: None, .. } | Wait::For(_) | Wait::Until(_) => &[FIRED],
        };
        return Ok(names.iter().map(|name| (*name).to_owned()).collect());
    }
    if document.branches.len() > MAX_BRANCHES {
        return Err(("too-many-branches", format!("{} branches, at most {MAX_BRANCHES}", document.branches.len())));
    }
    let mut branches = BTreeSet::new();
    for branch in &document.branches {
        if branch.is_empty() || branch.chars().count() > 63 {
            return Err(("branch-name", format!("branch {:?} is not 1 to 63 characters long", cut(branch))));
        }
        if !branches.insert(branch.clone()) {
            return Err(("duplicate-branch", format!("branch {branch:?} stands twice")));
        }
    }
    Ok(branches)
}

fn check_retry(retry: &RetryDocument) -> Result<RetryPolicy, String> {
    if retry.max > MAX_RETRIES {
        return Err(format!("retry.max is {}, at most {MAX_RETRIES}", retry.max));
    }
    if retry.backoff.len() > 20 || (retry.backoff.is_empty() && retry.max > 0) {
        return Err("retry.backoff holds 1 to 20 durations".to_owned());
    }
    let delays =
        retry.backoff.iter().map(|text| parse_duration(text).map_err(|error| format!("retry.backoff: {error}")));
    Ok(RetryPolicy { max: retry.max, backoff_ms: delays.collect::<Result<_, _>>()? })
}

/// A JSON Pointer (RFC 6901) into a member of the Call that a flow knows before it calls the node.
fn check_pointer(pointer: &str) -> Result<(), String> {
    if pointer.len() > 1_000 {
        return Err("the pointer is over 1000 bytes".to_owned());
    }
    let mut escapes = pointer.split('~').skip(1);
    if !escapes.all(|rest| rest.starts_with(['0', '1'])) {
        return Err(format!("{pointer:?} is not a JSON Pointer: ~ is followed by 0 or 1"));
    }
    let roots = ["/config", "/object", "/input", "/activity", "/current", "/now"];
    let known = roots.iter().any(|root| pointer == *root || pointer.starts_with(&format!("{root}/")));
    if known { Ok(()) } else { Err(format!("{pointer:?} does not point into {}", roots.join(", "))) }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
