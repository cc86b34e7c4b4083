//! A flow as a tree: its nodes below one another as its edges lead, the branches taken, and each node's effects.
//!
//! A DAG is no tree. A node with several edges into it stands below the first and names the others, so that every
//! node is drawn once.

use std::collections::HashSet;

use super::{
    output::{bold, cut, dim, plain, status},
    wire::{Effect, Flow, Node, text, words},
};

/// Characters of a payload that are shown.
const PAYLOAD_CHARS: usize = 100;
/// Lines of an error, and of what a guest logged, that are shown of a node.
const LINES: usize = 10;

/// Draws a flow, ending in a line break.
pub(super) fn draw(flow: &Flow) -> String {
    let mut drawing = Drawing { flow, drawn: HashSet::new(), lines: vec![head(flow)] };
    let roots = flow.nodes.iter().filter(|node| !flow.edges.iter().any(|edge| edge.to == node.id));
    drawing.rows(roots.map(|node| Row::Node { node, when: None }).collect(), "");
    drawing.lines.join("\n") + "\n"
}

fn head(flow: &Flow) -> String {
    let version = flow.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let about = flow.object.as_ref().map(|object| format!(" · {}", object.name())).unwrap_or_default();
    let run = flow.run.filter(|run| *run > 1).map(|run| format!(" · run {run}")).unwrap_or_default();
    let due = flow.next_due.as_ref().map(|due| format!(" until {due}")).unwrap_or_default();
    let name = bold(&format!("{}{version}", flow.behavior));
    format!("{name}{} · {}{} {}", plain(&about), status(&flow.status), plain(&(due + &run)), dim(&flow.id))
}

struct Drawing<'a> {
    flow: &'a Flow,
    drawn: HashSet<&'a str>,
    lines: Vec<String>,
}

enum Row<'a> {
    Node {
        node: &'a Node,
        when: Option<&'a str>,
    },
    Effect(&'a Effect),
    /// A line about the node above it.
    Line(String),
}

impl<'a> Drawing<'a> {
    fn rows(&mut self, rows: Vec<Row<'a>>, indent: &str) {
        let last = rows.len().saturating_sub(1);
        for (index, row) in rows.into_iter().enumerate() {
            let (turn, below) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let line = match &row {
                Row::Node { node, when } => self.node(node, *when),
                Row::Effect(effect) => effect_line(effect),
                Row::Line(line) => dim(line),
            };
            self.lines.push(format!("{indent}{turn}{line}"));
            if let Row::Node { node, .. } = row {
                let rows = self.below(node);
                self.rows(rows, &format!("{indent}{below}"));
            }
        }
    }

    /// A node's effects, then the nodes that it leads to and that are not drawn below another.
    fn below(&mut self, node: &'a Node) -> Vec<Row<'a>> {
        let flow = self.flow;
        let more = error_lines(node).skip(1).map(|line| plain(&line)).take(LINES);
        let logged = log_lines(flow, &node.id).take(LINES).map(|line| format!("log {}", plain(&line)));
        let mut rows: Vec<_> = more.chain(logged).map(Row::Line).collect();
        rows.extend(flow.effects.iter().filter(|effect| effect.node == node.id).map(Row::Effect));
        for edge in flow.edges.iter().filter(|edge| edge.from == node.id) {
            let Some(next) = flow.nodes.iter().find(|node| node.id == edge.to) else { continue };
            if self.drawn.insert(&next.id) {
                rows.push(Row::Node { node: next, when: edge.when.as_deref() });
            }
        }
        rows
    }

    fn node(&self, node: &Node, when: Option<&str>) -> String {
        let when = when.map(|when| format!("[{}] ", plain(when))).unwrap_or_default();
        let kind =
            if node.kind == "step" || node.kind == node.id { String::new() } else { dim(&format!(" ({})", node.kind)) };
        let branch = node.branch.as_ref().map(|branch| format!(" → {}", plain(branch))).unwrap_or_default();
        let others = self.flow.edges.iter().filter(|edge| edge.to == node.id).skip(1);
        let others: Vec<_> = others.map(|edge| edge.from.as_str()).collect();
        let also = if others.is_empty() { String::new() } else { dim(&format!(" (also after {})", others.join(", "))) };
        let error = error_lines(node).next().map(|error| format!(": {}", plain(&error))).unwrap_or_default();
        format!("{when}{}{kind} · {}{branch}{error}{also}", plain(&node.id), status(&node.status))
    }
}

/// Why a node failed, by line: its rule and message first, then such as a stack.
fn error_lines(node: &Node) -> impl Iterator<Item = String> {
    let text = match node.error.as_ref() {
        Some(error) if error["message"].is_string() => format!("{}: {}", text(error, "rule"), text(error, "message")),
        Some(error) => words(error),
        None => String::new(),
    };
    text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().into_iter()
}

/// What the guest wrote while a node was called.
fn log_lines<'a>(flow: &'a Flow, node: &'a str) -> impl Iterator<Item = String> + 'a {
    let calls = flow.events.iter().map(|event| &event["body"]).filter(move |body| body["node"] == node);
    let lines = calls.filter_map(|body| body["log"].as_array()).flatten();
    lines.map(|line| format!("{} {}", text(line, "level"), text(line, "message")))
}

fn effect_line(effect: &Effect) -> String {
    let payload =
        if effect.payload.is_null() { String::new() } else { cut(&effect.payload.to_string(), PAYLOAD_CHARS) };
    // How an attempt failed before the one that did not is history.
    let error = effect.last_error.as_ref().filter(|_| effect.status != "dispatched");
    let error = error.map(|error| format!(": {}", plain(&words(error)))).unwrap_or_default();
    let attempts = if effect.attempts > 1 { format!(" at attempt {}", effect.attempts) } else { String::new() };
    // Only these are acted on by id.
    let id = match effect.status.as_str() {
        "dead" | "unhandled" => format!(" {}", dim(&effect.id)),
        _ => String::new(),
    };
    format!("effect {} · {}{attempts}{error}{id} {}", plain(&effect.kind), status(&effect.status), dim(&payload))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn drawn(flow: Value) -> String {
        let flow: Flow = serde_json::from_value(flow).expect("a flow");
        anstream::adapter::strip_str(&draw(&flow)).to_string()
    }

    fn newsletter() -> Value {
        json!({
            "id": "aaaabbbbcccc", "status": "suspended", "behavior": "publish", "version": "0.1.0", "run": 1,
            "object": {"type": "Article", "id": "1", "slug": "a-letter"},
            "started_at": "2026-01-01T08:00:00.000Z", "finished_at": null, "next_due": "2026-01-01T09:00:00.000Z",
            "nodes": [
                {"id": "validate", "label": "Validate", "kind": "step", "status": "done", "branch": "newsletter"},
                {"id": "notify", "label": "", "kind": "step", "status": "skipped", "branch": null},
                {"id": "wait", "label": "", "kind": "wait", "status": "suspended", "branch": null},
                {"id": "digest", "label": "", "kind": "step", "status": "pending", "branch": null},
            ],
            "edges": [
                {"from": "validate", "to": "notify", "when": "urgent"},
                {"from": "validate", "to": "wait", "when": "newsletter"},
                {"from": "wait", "to": "digest", "when": "fired"},
            ],
            "effects": [
                {"id": "e1", "node": "validate", "kind": "validate", "payload": {"valid": true}, "status": "dispatched"},
            ],
        })
    }

    #[test]
    fn a_flow_is_drawn_as_its_edges_lead() {
        insta::assert_snapshot!(drawn(newsletter()), @r#"
        publish 0.1.0 · a-letter · suspended until 2026-01-01T09:00:00.000Z aaaabbbbcccc
        └─ validate · done → newsletter
           ├─ effect validate · dispatched {"valid":true}
           ├─ [urgent] notify · skipped
           └─ [newsletter] wait · suspended
              └─ [fired] digest · pending
        "#);
    }

    #[test]
    fn a_join_is_drawn_once_and_failures_say_why() {
        let flow = json!({
            "id": "aaaabbbbcccc", "status": "failed", "behavior": "fan", "run": 2,
            "started_at": "2026-01-01T08:00:00.000Z",
            "nodes": [
                {"id": "a", "kind": "step", "status": "done"},
                {"id": "b", "kind": "step", "status": "failed", "error": "trap: unreachable"},
                {"id": "c", "kind": "step", "status": "pending"},
            ],
            "edges": [{"from": "a", "to": "b"}, {"from": "a", "to": "c"}, {"from": "b", "to": "c"}],
            "effects": [
                {"id": "e9", "node": "a", "kind": "email", "payload": {"to": "x"}, "status": "dead", "last_error": "550"},
            ],
        });
        insta::assert_snapshot!(drawn(flow), @r#"
        fan · failed · run 2 aaaabbbbcccc
        └─ a · done
           ├─ effect email · dead: 550 e9 {"to":"x"}
           ├─ b · failed: trap: unreachable
           └─ c · pending (also after b)
        "#);
    }

    #[test]
    fn a_stack_and_what_the_guest_logged_stand_below_their_node() {
        let mut flow = newsletter();
        flow["nodes"] = json!([{"id": "section", "kind": "step", "status": "failed",
            "error": {"rule": "fatal", "message": "TypeError: no tags\n    at section (behavior.js:22)"}}]);
        flow["edges"] = json!([]);
        flow["effects"] = json!([{"id": "e1", "node": "section", "kind": "notify", "status": "dispatched", "attempts": 2,
            "last_error": "answered 404"}]);
        flow["events"] = json!([{"body": {"node": "section", "log": [{"level": "info", "message": "tags: none"}]}}]);
        insta::assert_snapshot!(drawn(flow), @r"
        publish 0.1.0 · a-letter · suspended until 2026-01-01T09:00:00.000Z aaaabbbbcccc
        └─ section · failed: fatal: TypeError: no tags
           ├─ at section (behavior.js:22)
           ├─ log info tags: none
           └─ effect notify · dispatched at attempt 2
        ");
    }

    #[test]
    fn a_flow_is_settled_when_nothing_is_left_to_do_for_now() {
        let settled = |status: &str, effect: &str| {
            let mut flow = newsletter();
            flow["status"] = json!(status);
            flow["effects"][0]["status"] = json!(effect);
            serde_json::from_value::<Flow>(flow).expect("a flow").is_settled()
        };
        assert!(settled("suspended", "dispatched"));
        assert!(settled("failed", "dead"));
        assert!(!settled("running", "dispatched"));
        assert!(!settled("completed", "retrying"));
    }
}
