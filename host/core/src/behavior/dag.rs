//! A behavior's nodes and edges, checked together: acyclic, every reference resolved, every guard declared.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::{Direction, algo::toposort, graph::DiGraph, visit::EdgeRef};

use super::{
    manifest::{EdgeDocument, ManifestError, NodeDocument, kept},
    node::{Node, NodeWork, check_node},
};
use crate::{
    call::output_pointer,
    ids::NodeId,
    limits::{DAG_EDGES, DAG_NODES},
};

pub use petgraph::graph::NodeIndex;

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
        let mut errors = Vec::new();
        for (index, document) in nodes.iter().enumerate() {
            let place = format!("nodes/{index}");
            let Some(node) = kept(&mut errors, place.as_str(), check_node(document)) else { continue };
            let id = node.id.clone();
            if by_id.insert(id.clone(), graph.add_node(node)).is_some() {
                let message = format!("two nodes are called {id:?}", id = id.as_str());
                errors.push(ManifestError::new("duplicate-node", message).at(place));
            }
        }
        // Edges of nodes that are not there would be told for what is wrong with the nodes.
        ManifestError::all(std::mem::take(&mut errors))?;
        for (index, edge) in edges.iter().enumerate() {
            kept(&mut errors, format!("edges/{index}"), add_edge(&mut graph, &by_id, edge));
        }
        ManifestError::all(errors)?;
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

    /// The nodes in the manifest's order, as far as none comes before what leads to it.
    pub fn reading_order(&self) -> Vec<NodeIndex> {
        let mut order: Vec<NodeIndex> = Vec::with_capacity(self.len());
        let mut left: Vec<NodeIndex> = self.graph.node_indices().collect();
        let is_next = |order: &[NodeIndex], node| self.incoming(node).all(|(from, _)| order.contains(&from));
        while let Some(place) = left.iter().position(|&node| is_next(&order, node)) {
            order.push(left.remove(place));
        }
        order
    }

    /// What leads to a node, with the branch on which it does, such as `validate (urgent)`.
    pub fn leading_to(&self, index: NodeIndex) -> Vec<String> {
        let edges = self.incoming(index).map(|(from, edge)| {
            let from = &self.node(from).id;
            edge.when.as_ref().map_or_else(|| from.to_string(), |branch| format!("{from} ({branch})"))
        });
        let mut edges: Vec<_> = edges.collect();
        edges.sort();
        edges
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
