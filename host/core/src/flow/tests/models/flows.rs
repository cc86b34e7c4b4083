//! The model of a flow and its nodes.

use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::{table::Table, *};
use crate::event::{
    FiredBy, FlowCancelled, FlowCompleted, FlowFailed, FlowResumed, FlowSuspended, NodeDone, NodeError, NodeFailed,
    NodeFired, NodeSuspended,
};

/// A step that chooses, a wait on the one branch and a step on the other.
const NODES: [&str; 3] = ["choose", "pause", "send"];

/// What is to happen.
#[derive(Debug, Clone, PartialEq)]
enum Act {
    /// The flow is to come to a state; `how` is `retry` where somebody retries it.
    Flow { to: &'static str, how: &'static str },
    /// A node is to come to a state: a call or a wait ended, a wait began. `branch` is what `choose` chooses.
    Node { node: usize, to: &'static str, branch: &'static str },
}

#[derive(Debug, Clone)]
struct Model {
    flow: &'static str,
    nodes: [&'static str; 3],
    /// Whether all that leads to a node is settled.
    is_ready: [bool; 3],
}

impl Model {
    fn allows(&self, act: &Act) -> bool {
        match act {
            Act::Flow { to, how } => Table::of_flows().has(self.flow, to, how),
            Act::Node { node, to, .. } => Table::of_nodes().has(self.nodes[*node], to, ""),
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self { flow: "running", nodes: ["pending"; 3], is_ready: [true, false, false] }).boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Act> {
        let flow = prop::sample::select(vec![
            ("suspended", ""),
            ("running", ""),
            ("running", "retry"),
            ("failed", ""),
            ("completed", ""),
            ("cancelled", ""),
        ]);
        let to = prop::sample::select(vec!["done", "suspended", "failed"]);
        let node = (0..NODES.len(), to, prop::sample::select(vec!["later", "now"]));
        prop_oneof![
            1 => flow.prop_map(|(to, how)| Act::Flow { to, how }),
            2 => node.prop_map(|(node, to, branch)| Act::Node { node, to, branch }),
        ]
        .boxed()
    }

    /// Nobody says anything of a node before it is its turn, or once its flow has ended.
    fn preconditions(model: &Self, act: &Act) -> bool {
        match act {
            Act::Flow { .. } => true,
            Act::Node { node, .. } => {
                let is_known = model.is_ready[*node] || model.nodes[*node] != "pending";
                is_known && matches!(model.flow, "running" | "suspended")
            }
        }
    }

    fn apply(mut model: Self, act: &Act) -> Self {
        if !model.allows(act) {
            return model;
        }
        match act {
            Act::Flow { to, how } => {
                model.flow = to;
                for (status, is_ready) in model.nodes.iter_mut().zip(&mut model.is_ready) {
                    if *how == "retry" && *status == "failed" {
                        (*status, *is_ready) = ("pending", true);
                    }
                }
            }
            Act::Node { node, to, branch } => {
                model.nodes[*node] = to;
                if (*node, *to) == (0, "done") {
                    // What only the path not taken reaches is skipped.
                    let (taken, other) = if *branch == "later" { (1, 2) } else { (2, 1) };
                    model.is_ready[taken] = true;
                    model.nodes[other] = "skipped";
                }
            }
        }
        model
    }
}

fn begun() -> Offered {
    let choose = json!({"id": "choose", "kind": "step", "branches": ["later", "now"]});
    let pause = json!({"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}});
    let edges = json!([{"from": "choose", "to": "pause", "when": "later"},
        {"from": "choose", "to": "send", "when": "now"}]);
    let world = World::new(&manifest(json!([choose, pause, step("send")]), edges), &nothing);
    Offered::new(world.flow, world.now)
}

fn event_of(flow: FlowId, now: Timestamp, act: &Act) -> Event {
    let error = NodeError { rule: "fatal".to_owned(), message: "broken".to_owned() };
    match act {
        Act::Flow { to, how } => match (*to, *how) {
            ("suspended", _) => FlowSuspended { flow, due: None }.into(),
            ("running", "retry") => FlowRetried { flow, by: None, current: None, reason: None }.into(),
            ("running", _) => FlowResumed { flow, current: None }.into(),
            ("failed", _) => FlowFailed { flow, node: NODES[0].parse().expect("a name"), error }.into(),
            ("completed", _) => FlowCompleted { flow }.into(),
            ("cancelled", _) => FlowCancelled { flow, by: None, reason: None }.into(),
            other => panic!("no entry says {other:?}"),
        },
        Act::Node { node, to, branch } => {
            let id = NODES[*node].parse().expect("a name");
            match (*to, NODES[*node]) {
                ("done", "pause") => NodeFired { flow, node: id, at: now, by: FiredBy::Timer, payload: None }.into(),
                ("done", _) => NodeDone {
                    flow,
                    node: id,
                    item: None,
                    attempt: 1,
                    output: Value::Null,
                    branch: (*node == 0).then(|| (*branch).to_owned()),
                    effects: Vec::new(),
                    fuel: 1,
                    started_at: now,
                    log: Vec::new(),
                }
                .into(),
                ("suspended", _) => NodeSuspended { flow, node: id, timer: None, signal: None }.into(),
                ("failed", _) => {
                    let (item, started_at, log) = (None, now, Vec::new());
                    NodeFailed { flow, node: id, item, attempt: 1, error, fuel: 1, started_at, log }.into()
                }
                other => panic!("no entry says {other:?}"),
            }
        }
    }
}

struct Flows;

impl StateMachineTest for Flows {
    type SystemUnderTest = (Offered, Model);
    type Reference = Model;

    fn init_test(model: &Model) -> (Offered, Model) {
        (begun(), model.clone())
    }

    fn apply((mut offered, before): (Offered, Model), after: &Model, act: Act) -> (Offered, Model) {
        offered.now = offered.now.plus_millis(1_000);
        offered.offer(event_of(offered.flow.id(), offered.now, &act), before.allows(&act));
        (offered, after.clone())
    }

    fn check_invariants((offered, _): &(Offered, Model), model: &Model) {
        let flow = &offered.flow;
        assert_eq!(flow.status().as_str(), model.flow);
        let nodes: Vec<_> = flow.nodes().map(|(_, node)| node.status.as_str()).collect();
        assert_eq!(nodes, model.nodes);
        let has_ended = matches!(model.flow, "completed" | "failed" | "cancelled");
        assert_eq!((flow.summary.finished_at.is_some(), flow.status().is_final()), (has_ended, has_ended));
        assert!(!has_ended || next(flow, offered.now).is_empty(), "something is left to do for what has ended");
    }

    fn teardown((offered, _): (Offered, Model), _: Model) {
        offered.reread(begun().flow);
    }
}

prop_state_machine! {
    #[test]
    fn flows_and_nodes_go_where_the_design_says_and_nowhere_else(sequential 1..30 => Flows);
}
