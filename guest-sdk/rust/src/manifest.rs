//! What a behavior says of itself: its triggers, its DAG and the effects it may ask for.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::DOCUMENT_VERSION;

/// Texts of a manifest are mostly literals.
type Text = Cow<'static, str>;

/// What a behavior says of itself. Absent fields are left out of the document; the host refuses fields it does not
/// know and DAGs that do not hold together, naming the node and the rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    v: u32,
    /// `[a-z][a-z0-9-]{0,62}`: the name it is installed under, unless the operator gives another.
    pub name: Text,
    /// A semantic version.
    pub version: Text,
    /// One sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// What starts a flow. However many match an activity, it starts one.
    pub triggers: Vec<Trigger>,
    /// The steps.
    pub nodes: Vec<Node>,
    /// What comes after what.
    pub edges: Vec<Edge>,
    /// The kinds of effect that a node may ask for. Others fail the node.
    pub effects: Vec<Text>,
    /// A JSON Schema of the operator's config. The host fills in the `default` of a top-level property that the
    /// operator's config lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
}

impl Manifest {
    /// A manifest without triggers, nodes, edges and effects.
    pub fn new(name: impl Into<Text>, version: impl Into<Text>) -> Self {
        Self {
            v: DOCUMENT_VERSION,
            name: name.into(),
            version: version.into(),
            description: None,
            triggers: Vec::new(),
            nodes: Vec::new(),
            edges: Vec::new(),
            effects: Vec::new(),
            config_schema: None,
        }
    }

    /// Says in one sentence what the behavior does.
    #[must_use]
    pub fn description(mut self, description: impl Into<Text>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Adds what starts a flow.
    #[must_use]
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.triggers.push(trigger);
        self
    }

    /// Adds a node.
    #[must_use]
    pub fn node(mut self, node: Node) -> Self {
        self.nodes.push(node);
        self
    }

    /// Adds an edge that is always taken.
    #[must_use]
    pub fn edge(mut self, from: impl Into<Text>, to: impl Into<Text>) -> Self {
        self.edges.push(Edge { from: from.into(), to: to.into(), when: None });
        self
    }

    /// Adds an edge that is taken when `from` takes the branch `when`.
    #[must_use]
    pub fn edge_when(mut self, from: impl Into<Text>, when: impl Into<Text>, to: impl Into<Text>) -> Self {
        self.edges.push(Edge { from: from.into(), to: to.into(), when: Some(when.into()) });
        self
    }

    /// Declares a kind of effect, such as [`effect::Notify::KIND`](crate::effect::Notify::KIND).
    #[must_use]
    pub fn effect(mut self, kind: impl Into<Text>) -> Self {
        self.effects.push(kind.into());
        self
    }

    /// Describes the operator's config with a JSON Schema.
    #[must_use]
    pub fn config_schema(mut self, schema: Value) -> Self {
        self.config_schema = Some(schema);
        self
    }

    /// The document that the host reads.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a Manifest has string keys and holds JSON values only")
    }
}

/// A pattern over activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// Where the activity arrives; absent means the outbox.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub boxes: Option<Boxes>,
    /// The type of the activity, such as `Create`.
    pub on: Text,
    /// The type of its object, such as `Article`.
    pub object: Text,
    /// The change of a field that the activity must carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<Transition>,
    /// A CEL expression over the activity and its object that must hold. It has no clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Text>,
}

impl Trigger {
    /// Activities of the type `on` in the outbox, about objects of the type `object`.
    pub fn on(on: impl Into<Text>, object: impl Into<Text>) -> Self {
        Self { boxes: None, on: on.into(), object: object.into(), transition: None, filter: None }
    }

    /// Says in which box the activity arrives.
    #[must_use]
    pub fn boxes(mut self, boxes: Boxes) -> Self {
        self.boxes = Some(boxes);
        self
    }

    /// Asks for a change of a field.
    #[must_use]
    pub fn transition(mut self, transition: Transition) -> Self {
        self.transition = Some(transition);
        self
    }

    /// Asks for a CEL expression to hold.
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Text>) -> Self {
        self.filter = Some(filter.into());
        self
    }
}

/// Where an activity arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Boxes {
    /// What an actor of this host did.
    Outbox,
    /// What an actor of this host was sent.
    Inbox,
    /// Either.
    Any,
}

/// The change of a field between two revisions. An absent side matches any value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transition {
    /// The field's name.
    pub field: Text,
    /// Its value before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Text>,
    /// Its value after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Text>,
}

impl Transition {
    /// Any change of a field.
    pub fn of(field: impl Into<Text>) -> Self {
        Self { field: field.into(), from: None, to: None }
    }

    /// A change of a field to a value.
    pub fn to(field: impl Into<Text>, to: impl Into<Text>) -> Self {
        Self { field: field.into(), from: None, to: Some(to.into()) }
    }

    /// Asks for a value before the change, too.
    #[must_use]
    pub fn from(mut self, from: impl Into<Text>) -> Self {
        self.from = Some(from.into());
        self
    }
}

/// One node of the DAG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// `[a-z][a-z0-9-]{0,62}`, unique in the manifest.
    pub id: Text,
    /// What people read in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    /// What running it means.
    pub kind: NodeKind,
    /// The branches it may take. A wait has `fired` and `timeout` without declaring them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Text>,
    /// What a wait waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// A JSON Pointer (RFC 6901) into the Call to the list that an each goes over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Text>,
    /// How often and when a `retry` failure is tried again; absent means 3 times, after 1 s, 10 s and 60 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// What a call may take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether the flow suspends after the node until its effects have come to an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub await_effects: Option<bool>,
}

impl Node {
    /// A node for which the guest is called once.
    pub fn step(id: impl Into<Text>) -> Self {
        Self::of(NodeKind::Step, id)
    }

    /// A node that waits, without a call. It outputs a [`WaitOutput`](crate::WaitOutput).
    pub fn wait(id: impl Into<Text>, wait: Wait) -> Self {
        Self { wait: Some(wait), ..Self::of(NodeKind::Wait, id) }
    }

    /// A node for which the guest is called once for each item of the list at `over`, a JSON Pointer into the Call.
    /// The outputs are joined in order.
    pub fn each(id: impl Into<Text>, over: impl Into<Text>) -> Self {
        Self { over: Some(over.into()), ..Self::of(NodeKind::Each, id) }
    }

    fn of(kind: NodeKind, id: impl Into<Text>) -> Self {
        Self {
            id: id.into(),
            label: None,
            kind,
            branches: Vec::new(),
            wait: None,
            over: None,
            retry: None,
            timeout_ms: None,
            await_effects: None,
        }
    }

    /// Says what people read in place of the id.
    #[must_use]
    pub fn label(mut self, label: impl Into<Text>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Declares the branches that the node may take.
    #[must_use]
    pub fn branches<T: Into<Text>>(mut self, branches: impl IntoIterator<Item = T>) -> Self {
        self.branches = branches.into_iter().map(Into::into).collect();
        self
    }

    /// Says how often and when a `retry` failure is tried again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Limits what a call may take, in milliseconds.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }

    /// Suspends the flow after the node until its effects are dispatched, dead, denied, cancelled or unhandled.
    #[must_use]
    pub fn await_effects(mut self) -> Self {
        self.await_effects = Some(true);
        self
    }
}

/// What running a node means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// One call.
    Step,
    /// No call: time or a signal.
    Wait,
    /// One call for each item of a list.
    Each,
}

/// What a wait waits for, and for how long at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wait {
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    duration: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Text>,
}

impl Wait {
    /// Waits for an ISO 8601 duration, such as `PT10M`.
    pub fn duration(duration: impl Into<Text>) -> Self {
        Self { duration: Some(duration.into()), until: None, signal: None, timeout: None }
    }

    /// Waits until the time, or the next occurrence of the schedule `{at, days?, tz}`, that a JSON Pointer (RFC 6901)
    /// finds in the Call, such as `/config/digest`. A time past means now.
    pub fn until(pointer: impl Into<Text>) -> Self {
        Self { duration: None, until: Some(pointer.into()), signal: None, timeout: None }
    }

    /// Waits for a signal of this name to the flow.
    pub fn signal(name: impl Into<Text>) -> Self {
        Self { duration: None, until: None, signal: Some(name.into()), timeout: None }
    }

    /// Gives up after an ISO 8601 duration; the node then takes the branch `timeout`.
    #[must_use]
    pub fn timeout(mut self, duration: impl Into<Text>) -> Self {
        self.timeout = Some(duration.into());
        self
    }
}

/// How often and when a `retry` failure is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// Attempts after the first.
    pub max: u32,
    /// ISO 8601 durations, one before each further attempt; the last one serves for the rest.
    pub backoff: Vec<Text>,
}

impl Retry {
    /// Tries again after each of these ISO 8601 durations, as often as there are.
    pub fn after<T: Into<Text>>(backoff: impl IntoIterator<Item = T>) -> Self {
        let backoff: Vec<Text> = backoff.into_iter().map(Into::into).collect();
        let max = u32::try_from(backoff.len()).unwrap_or(u32::MAX);
        Self { max, backoff }
    }

    /// Never tries again.
    pub fn never() -> Self {
        Self { max: 0, backoff: Vec::new() }
    }

    /// Tries again this often, the last backoff serving for the rest.
    #[must_use]
    pub fn max(mut self, max: u32) -> Self {
        self.max = max;
        self
    }
}

/// What comes after what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The node before.
    pub from: Text,
    /// The node after.
    pub to: Text,
    /// The branch of `from` that takes this edge; absent means it is always taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Text>,
}
