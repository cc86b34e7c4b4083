//! Graphs that are none, or too much of one.

use serde_json::{Value, json};

use crate::{Abi, Class, Expect, Hostile, NO_EFFECT, both, guest::Guest};

fn step(id: String) -> Value {
    json!({"id": id, "kind": "step", "retry": {"max": 0, "backoff": []}})
}

fn edge(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to})
}

fn with_dag(guest: Guest, nodes: Vec<Value>, edges: Vec<Value>) -> Guest {
    guest.declaring("/nodes", nodes.into()).declaring("/edges", edges.into())
}

fn dag(
    names: (&str, &'static str),
    expect: Expect,
    nodes: impl Fn() -> Vec<Value> + Clone + Send + Sync + 'static,
    edges: impl Fn() -> Vec<Value> + Clone + Send + Sync + 'static,
) -> Vec<Hostile> {
    both(names, Class::Manifest, expect, move |guest| with_dag(guest, nodes(), edges())).to_vec()
}

fn named(names: &'static [&'static str]) -> impl Fn() -> Vec<Value> + Clone {
    || names.iter().map(|name| step((*name).to_owned())).collect()
}

fn joined(edges: &'static [(&'static str, &'static str)]) -> impl Fn() -> Vec<Value> + Clone {
    || edges.iter().map(|(from, to)| edge(from, to)).collect()
}

pub(crate) fn guests() -> Vec<Hostile> {
    [wrong(), floods(), large()].concat()
}

fn wrong() -> Vec<Hostile> {
    let refused = |names, rules, nodes, edges| dag(names, Expect::Refused(rules), named(nodes), joined(edges));
    [
        refused(
            ("dag-cycle", "two nodes that each wait for the other"),
            &["cycle"],
            &["a", "b"],
            &[("a", "b"), ("b", "a")],
        ),
        refused(("dag-loop", "a node that waits for itself"), &["cycle"], &["a"], &[("a", "a")]),
        refused(("dag-dangling", "an edge to a node that there is not"), &["dangling-edge"], &["a"], &[("a", "z")]),
        refused(("dag-duplicate", "two nodes of one name"), &["duplicate-node"], &["a", "b", "a"], &[]),
        refused(("dag-duplicate-edge", "an edge twice"), &["duplicate-edge"], &["a", "b"], &[("a", "b"), ("a", "b")]),
        refused(
            ("dag-unreachable", "a node that nothing leads to"),
            &["unreachable-node"],
            &["a", "b", "c"],
            &[("a", "b")],
        ),
        refused(("dag-empty", "no node"), &["no-node"], &[], &[]),
        refused(("dag-named-path", "a node that is named like a path"), &["node-id"], &["../a"], &[]),
        dag(
            ("dag-long-cycle", "a thousand nodes in a circle"),
            Expect::Refused(&["cycle"]),
            || (0..1_000).map(|n| step(format!("n{n}"))).collect(),
            || (0..1_000).map(|n| edge(&format!("n{n}"), &format!("n{}", (n + 1) % 1_000))).collect(),
        ),
        dag(
            ("dag-undeclared-branch", "an edge on a branch that its node does not have"),
            Expect::Refused(&["undeclared-branch"]),
            named(&["a", "b"]),
            || vec![json!({"from": "a", "to": "b", "when": "admin"})],
        ),
    ]
    .concat()
}

fn floods() -> Vec<Hostile> {
    [
        dag(
            ("dag-as-many-as-fit", "as many nodes as a manifest has room for, 38,000"),
            Expect::Refused(&["json-weight"]),
            || (0..38_000).map(|n| json!({"id": format!("n{n}"), "kind": "s"})).collect(),
            Vec::new,
        ),
        dag(
            ("dag-nodes", "5,000 nodes"),
            Expect::Refused(&["too-many-nodes"]),
            || (0..5_000).map(|n| json!({"id": format!("n{n}"), "kind": "step"})).collect(),
            Vec::new,
        ),
        dag(
            ("dag-edges", "6,000 edges"),
            Expect::Refused(&["too-many-edges"]),
            named(&["a", "b"]),
            || (0..6_000).map(|_| edge("a", "b")).collect(),
        ),
        // Written by the guest itself: one node, then twice as much over and over.
        both(("dag-million-nodes", "a million nodes, 31 MB of manifest"), Class::Manifest, Expect::Refused(&["output-bytes"]), |guest| {
            guest
                .pages(700)
                .with(r#"(data (i32.const 128) "{\"id\":\"node-of-many\",\"kind\":\"step\"},")"#)
                .describing(
                    "(memory.copy (i32.const 65536) (i32.const 128) (i32.const 36))
                    (local.set $i (i32.const 36))
                    (loop $again
                        (memory.copy (i32.add (i32.const 65536) (local.get $i)) (i32.const 65536) (local.get $i))
                        (br_if $again (i32.lt_u (local.tee $i (i32.shl (local.get $i) (i32.const 1))) (i32.const 20000000))))
                    (call $text (i32.const 65536) (local.get $i))",
                )
        })
        .to_vec(),
    ]
    .concat()
}

/// Graphs that are allowed, and take many calls.
fn large() -> Vec<Hostile> {
    let lattice = |guest: Guest| {
        let id = |layer: usize, place: usize| format!("n{layer}-{place}");
        let nodes = (0..250).flat_map(|layer| (0..4).map(move |place| step(id(layer, place)))).collect();
        let between = |layer: usize| (0..16).map(move |pair| edge(&id(layer, pair / 4), &id(layer + 1, pair % 4)));
        with_dag(guest, nodes, (0..249).flat_map(between).collect())
    };
    let growing = |guest: Guest| {
        let nodes = (0..60).map(|n| step(format!("n{n}"))).collect();
        let edges = (1..60).map(|n| edge(&format!("n{}", n - 1), &format!("n{n}"))).collect();
        with_dag(guest, nodes, edges).answering(format!(r#"{{"v":1,"output":"{}"}}"#, "x".repeat(60_000)).as_bytes())
    };
    let heavy = |guest: Guest| {
        let objects = r#"{"":0},"#.repeat(8_500);
        let nodes = (0..8).map(|n| step(format!("n{n}"))).collect();
        let edges = (1..8).map(|n| edge("n0", &format!("n{n}"))).collect();
        with_dag(guest, nodes, edges).answering(format!(r#"{{"v":1,"output":[{objects}0]}}"#).as_bytes())
    };
    vec![
        Hostile::of_guest(
            ("dag-of-heavy-answers", "eight nodes, each of which answers with as much as one may"),
            Class::Manifest,
            Abi::Core,
            Expect::Fails(&["flow-weight"]),
            heavy,
        ),
        Hostile::of_guest(
            ("dag-of-many-paths", "a thousand nodes with more paths through them than there are atoms"),
            Class::Manifest,
            Abi::Core,
            NO_EFFECT,
            lattice,
        )
        .slow(),
        Hostile::of_guest(
            ("dag-of-growing-calls", "every node is told what all before it said, 60 KB each"),
            Class::Manifest,
            Abi::Core,
            Expect::Fails(&["input-bytes"]),
            growing,
        )
        .slow(),
    ]
}
