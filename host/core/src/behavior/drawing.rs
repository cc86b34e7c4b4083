//! A DAG as text, for terminals:
//!
//! ```text
//! validate ─ urgent ──────→ notify
//!          ─ newsletter ──→ wait (until /config/digest) ─ fired ──→ digest
//!          ─ other ───────→ skip
//! ```
//!
//! A node is drawn once, where it is met first. Elsewhere its name has an arrow that says where to look: `↑` above, `↓`
//! below. A DAG of many nodes is a list, a node a line.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{Dag, Node, NodeIndex, NodeWork, Wait};

/// Nodes of a DAG that is drawn; one with more is listed.
const DRAWN_NODES: usize = 30;
/// The column from which on a node that leads further is drawn on a line of its own, below.
const WIDTH: usize = 70;

/// Draws a DAG. Every line ends with a line feed.
pub fn draw(dag: &Dag) -> String {
    if dag.len() > DRAWN_NODES { list(dag) } else { Drawing::of(dag) }
}

/// A node's id, and what is special about it.
fn heading(node: &Node) -> String {
    let mut marks = Vec::new();
    match &node.work {
        NodeWork::Step => {}
        NodeWork::Each(over) => marks.push(format!("each of {over}")),
        NodeWork::Wait(Wait::For(length_ms)) => marks.push(format!("for {}", length(*length_ms))),
        NodeWork::Wait(Wait::Until(pointer)) => marks.push(format!("until {pointer}")),
        NodeWork::Wait(Wait::Signal { name, timeout: None }) => marks.push(format!("signal {name}")),
        NodeWork::Wait(Wait::Signal { name, timeout: Some(length_ms) }) => {
            marks.push(format!("signal {name}, at most {}", length(*length_ms)));
        }
    }
    if node.await_effects {
        marks.push("awaits its effects".to_owned());
    }
    if marks.is_empty() { node.id.to_string() } else { format!("{} ({})", node.id, marks.join(", ")) }
}

/// A length of time in its largest units, such as `1 d 12 h`.
fn length(mut ms: u64) -> String {
    let mut text = String::new();
    for (unit, of_ms) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)] {
        if ms >= of_ms {
            let space = if text.is_empty() { "" } else { " " };
            write!(text, "{space}{} {unit}", ms / of_ms).expect("a String takes any text");
            ms %= of_ms;
        }
    }
    if text.is_empty() { "no time".to_owned() } else { text }
}

/// The edges that leave a node, in the manifest's order.
fn leaving(dag: &Dag, index: NodeIndex) -> Vec<(Option<&str>, NodeIndex)> {
    let from = &dag.node(index).id;
    let edges = dag.edges().filter(|(before, _, _)| before.id == *from);
    edges.filter_map(|(_, after, edge)| Some((edge.when.as_deref(), dag.find(&after.id)?))).collect()
}

fn list(dag: &Dag) -> String {
    let lines = dag.order().iter().map(|&index| {
        let targets = leaving(dag, index).into_iter().map(|(when, to)| {
            let when = when.map(|when| format!(" on {when}")).unwrap_or_default();
            format!("{}{when}", dag.node(to).id)
        });
        let targets: Vec<_> = targets.collect();
        let arrow = if targets.is_empty() { "" } else { " → " };
        format!("{}{arrow}{}\n", heading(dag.node(index)), targets.join(", "))
    });
    lines.collect()
}

struct Drawing<'a> {
    dag: &'a Dag,
    drawn: BTreeSet<NodeIndex>,
    /// Nodes that begin a line of their own, and have not yet.
    below: Vec<NodeIndex>,
    text: String,
}

impl<'a> Drawing<'a> {
    fn of(dag: &'a Dag) -> String {
        let begins = |node: &&Node| {
            let index = dag.find(&node.id);
            index.is_some_and(|index| dag.incoming(index).next().is_none())
        };
        let below = dag.nodes().filter(begins).filter_map(|node| dag.find(&node.id)).collect();
        let mut drawing = Self { dag, drawn: BTreeSet::new(), below, text: String::new() };
        while !drawing.below.is_empty() {
            let index = drawing.below.remove(0);
            drawing.node(index, 0);
            drawing.text.push('\n');
        }
        drawing.text
    }

    /// Draws a node and what follows it, from a column on.
    fn node(&mut self, index: NodeIndex, column: usize) {
        let id = self.dag.node(index).id.as_str();
        if self.drawn.contains(&index) {
            self.text.extend([id, " ↑"]);
            return;
        }
        let leaving = leaving(self.dag, index);
        let is_below = self.below.contains(&index);
        if is_below || (column > WIDTH && !leaving.is_empty()) {
            self.text.extend([id, " ↓"]);
            if !is_below {
                self.below.push(index);
            }
            return;
        }
        self.drawn.insert(index);
        let heading = heading(self.dag.node(index));
        self.text += &heading;
        let column = column + width(&heading);
        let longest = leaving.iter().map(|(when, _)| when.map_or(0, width)).max().unwrap_or_default();
        for (place, (when, to)) in leaving.into_iter().enumerate() {
            if place > 0 {
                self.text.push('\n');
                self.text += &" ".repeat(column);
            }
            let arrow = arrow(when, longest);
            self.text += &arrow;
            self.node(to, column + width(&arrow));
        }
    }
}

/// An edge, as long as one with a branch of `longest` characters is.
fn arrow(when: Option<&str>, longest: usize) -> String {
    match (when, longest) {
        (None, 0) => " ─→ ".to_owned(),
        (None, longest) => format!(" ─{}──→ ", "─".repeat(longest + 2)),
        (Some(when), longest) => format!(" ─ {when} {}→ ", "─".repeat(longest + 2 - width(when))),
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::behavior::Behavior;

    fn drawn(nodes: &Value, edges: &Value) -> String {
        let manifest = json!({
            "v": 1, "name": "test", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
            "nodes": nodes, "edges": edges,
        });
        draw(&Behavior::parse(&manifest.to_string()).expect("a manifest").dag)
    }

    fn steps(ids: &[&str]) -> Value {
        ids.iter().map(|id| json!({"id": id, "kind": "step"})).collect()
    }

    fn chain(ids: &[&str]) -> Value {
        ids.windows(2).map(|pair| json!({"from": pair[0], "to": pair[1]})).collect()
    }

    #[test]
    fn a_line_is_a_line() {
        let ids = ["fetch", "check", "tell"];
        insta::assert_snapshot!(drawn(&steps(&ids), &chain(&ids)), @"fetch ─→ check ─→ tell");
        insta::assert_snapshot!(drawn(&steps(&["alone", "beside"]), &json!([])), @r#"
        alone
        beside
        "#);
    }

    #[test]
    fn branches_stand_below_one_another_and_waits_say_for_what() {
        let nodes = json!([
            {"id": "validate", "kind": "step", "branches": ["urgent", "newsletter", "other"]},
            {"id": "notify", "kind": "step"},
            {"id": "wait", "kind": "wait", "wait": {"until": "/config/digest"}},
            {"id": "digest", "kind": "step"},
            {"id": "skip", "kind": "step"},
        ]);
        let edges = json!([
            {"from": "validate", "to": "notify", "when": "urgent"},
            {"from": "validate", "to": "wait", "when": "newsletter"},
            {"from": "wait", "to": "digest", "when": "fired"},
            {"from": "validate", "to": "skip", "when": "other"},
        ]);
        insta::assert_snapshot!(drawn(&nodes, &edges), @r#"
        validate ─ urgent ──────→ notify
                 ─ newsletter ──→ wait (until /config/digest) ─ fired ──→ digest
                 ─ other ───────→ skip
        "#);
    }

    #[test]
    fn a_diamond_meets_in_one_node() {
        let edges = json!([
            {"from": "plan", "to": "left"}, {"from": "plan", "to": "right"}, {"from": "left", "to": "join"},
            {"from": "right", "to": "join"}, {"from": "join", "to": "end"},
        ]);
        insta::assert_snapshot!(drawn(&steps(&["plan", "left", "right", "join", "end"]), &edges), @r#"
        plan ─→ left ─→ join ─→ end
             ─→ right ─→ join ↑
        "#);
    }

    #[test]
    fn what_is_special_about_a_node_stands_beside_it() {
        let nodes = json!([
            {"id": "plan", "kind": "step", "branches": ["ask", "go"]},
            {"id": "ask", "kind": "wait", "wait": {"signal": "approve", "timeout": "P1DT90M"}},
            {"id": "tell", "kind": "each", "over": "/input/plan/output", "await_effects": true},
            {"id": "nap", "kind": "wait", "wait": {"for": "PT0.5S"}},
            {"id": "late", "kind": "step"},
        ]);
        let edges = json!([
            {"from": "plan", "to": "ask", "when": "ask"}, {"from": "plan", "to": "tell", "when": "go"},
            {"from": "plan", "to": "nap"}, {"from": "ask", "to": "tell", "when": "fired"},
            {"from": "ask", "to": "late", "when": "timeout"},
        ]);
        insta::assert_snapshot!(drawn(&nodes, &edges), @r#"
        plan ─ ask ──→ ask (signal approve, at most 1 d 1 h 30 min) ─ fired ────→ tell (each of /input/plan/output, awaits its effects)
                                                                    ─ timeout ──→ late
             ─ go ───→ tell ↑
             ────────→ nap (for 500 ms)
        "#);
    }

    #[test]
    fn a_long_line_goes_on_below_and_very_many_nodes_are_a_list() {
        let names: Vec<String> = (0..16).map(|n| format!("step-number-{n}")).collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        insta::assert_snapshot!(drawn(&steps(&ids), &chain(&ids)), @r#"
        step-number-0 ─→ step-number-1 ─→ step-number-2 ─→ step-number-3 ─→ step-number-4 ─→ step-number-5 ↓
        step-number-5 ─→ step-number-6 ─→ step-number-7 ─→ step-number-8 ─→ step-number-9 ─→ step-number-10 ↓
        step-number-10 ─→ step-number-11 ─→ step-number-12 ─→ step-number-13 ─→ step-number-14 ↓
        step-number-14 ─→ step-number-15
        "#);
        let names: Vec<String> = (0..31).map(|n| format!("n{n}")).collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut nodes = steps(&ids);
        nodes[0]["branches"] = json!(["yes"]);
        let mut edges = chain(&ids);
        edges[0]["when"] = json!("yes");
        edges.as_array_mut().expect("a list").push(json!({"from": "n0", "to": "n30"}));
        let list = drawn(&nodes, &edges);
        assert_eq!(list.lines().count(), 31);
        assert!(list.starts_with("n0 → n1 on yes, n30\nn1 → n2\n"), "{list}");
    }
}
