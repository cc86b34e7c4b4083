//! Runs a behavior natively, so that plain `cargo test` in its crate tests its nodes and its DAG.
//!
//! ```
//! # use rosehip_sdk::{Article, Behavior, Call, Failure, Manifest, Node, Outcome, Trigger};
//! # struct Quiet;
//! # impl Behavior for Quiet {
//! #     fn manifest() -> Manifest {
//! #         Manifest::new("quiet", "1.0.0").trigger(Trigger::on("Create", "Article")).node(Node::step("nothing"))
//! #     }
//! #     fn run(_: &Call<'_>) -> Result<Outcome, Failure> {
//! #         Ok(Outcome::new())
//! #     }
//! # }
//! use rosehip_sdk::testing::Harness;
//!
//! let walk = Harness::new::<Quiet>().publish(&Article::new("On roses").category("urgent")).run();
//! assert_eq!(walk.taken(), ["nothing"]);
//! assert!(walk.effects().is_empty());
//! ```
//!
//! Every call goes through the JSON documents that the host and the module exchange. Time passes only as the test
//! says: a wait fires at once, at the time given with [`Harness::fires`]. What the host alone checks (schemas of
//! payloads, pointers, filters, limits) is checked by `rosehip check` and by installing the behavior.

mod call;
mod shape;
mod walk;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Article, Behavior, Failure, Manifest, Outcome};

pub use walk::{NodeRun, Status, Walk};

/// A behavior, with the activity, the object and the config to run it on.
#[derive(Debug, Clone)]
pub struct Harness {
    manifest: Manifest,
    answer: fn(&str) -> Result<String, Failure>,
    config: Value,
    activity: Value,
    object: Value,
    current: Value,
    now: String,
    attempt: u32,
    waits: BTreeMap<String, WaitEnd>,
    input: BTreeMap<String, Value>,
}

/// How a wait ends.
#[derive(Debug, Clone)]
struct WaitEnd {
    output: Value,
    branch: &'static str,
}

impl Harness {
    /// A behavior, on the publication of an article at noon of 2026-01-01 UTC, with the config's defaults.
    ///
    /// # Panics
    ///
    /// If the manifest's DAG does not hold together: a node id twice, an edge from or to nowhere, from a branch that is
    /// not declared, or in a circle.
    pub fn new<B: Behavior>() -> Self {
        let manifest = B::manifest();
        assert_eq!(B::describe(), B::describe(), "describe must always return the same");
        if let Err(flaw) = shape::check(&manifest) {
            panic!("the manifest of {} does not hold together: {flaw}", manifest.name);
        }
        let harness = Self {
            manifest,
            answer: B::answer,
            config: json!({}),
            activity: Value::Null,
            object: Value::Null,
            current: Value::Null,
            now: "2026-01-01T12:00:00.000Z".into(),
            attempt: 1,
            waits: BTreeMap::new(),
            input: BTreeMap::new(),
        };
        harness.publish(&Article::new("An article"))
    }

    /// Gives the operator's config. The defaults of the schema's top-level properties fill what it lacks.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Runs on the publication of this article: a `Create` of it, whose transition is from draft to published.
    #[must_use]
    pub fn publish(self, article: &Article) -> Self {
        let activity = json!({
            "type": "Create",
            "id": format!("{}#create-1", article.id),
            "actor": article.attributed_to,
            "object": article.id,
            "transitions": [{ "field": "status", "from": "draft", "to": "published" }],
        });
        self.on(activity, article).current(1, "published")
    }

    /// Runs on any activity and the object it is about.
    ///
    /// # Panics
    ///
    /// If the object cannot be written as JSON.
    #[must_use]
    pub fn on(mut self, activity: Value, object: &impl Serialize) -> Self {
        self.activity = activity;
        self.object = serde_json::to_value(object).expect("the object can be written as JSON");
        self
    }

    /// Says what the object has become when a node is called.
    #[must_use]
    pub fn current(mut self, revision: u64, status: &str) -> Self {
        self.current = json!({ "revision": revision, "status": status });
        self
    }

    /// Says that the object is gone when a node is called.
    #[must_use]
    pub fn gone(mut self) -> Self {
        self.current = Value::Null;
        self
    }

    /// Says what time it is, RFC 3339 UTC with milliseconds.
    #[must_use]
    pub fn now(mut self, now: impl Into<String>) -> Self {
        self.now = now.into();
        self
    }

    /// Lets a wait end at this time, RFC 3339. One of which nothing is said ends at [`Harness::now`].
    #[must_use]
    pub fn fires(self, wait: &str, at: &str) -> Self {
        self.ends(wait, json!({ "at": at, "by": "timer" }), "fired")
    }

    /// Lets a wait end by its signal, with what the signal brings.
    #[must_use]
    pub fn signalled(self, wait: &str, at: &str, payload: impl Into<Value>) -> Self {
        let payload: Value = payload.into();
        self.ends(wait, json!({ "at": at, "by": "signal", "payload": payload }), "fired")
    }

    /// Lets a wait end by its timeout.
    #[must_use]
    pub fn times_out(self, wait: &str, at: &str) -> Self {
        self.ends(wait, json!({ "at": at, "by": "timeout" }), "timeout")
    }

    fn ends(mut self, wait: &str, output: Value, branch: &'static str) -> Self {
        assert!(self.manifest.nodes.iter().any(|node| node.id == wait), "there is no node {wait}");
        self.waits.insert(wait.into(), WaitEnd { output, branch });
        self
    }

    /// Says which attempt a single [`Harness::call`] is, from 1.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// Says what a node before came to, for a single [`Harness::call`].
    #[must_use]
    pub fn input(mut self, node: &str, output: impl Into<Value>, branch: Option<&str>) -> Self {
        let output: Value = output.into();
        self.input.insert(node.into(), json!({ "output": output, "branch": branch, "effects": [] }));
        self
    }

    /// Calls one node.
    pub fn call(&self, node: &str) -> Result<Outcome, Failure> {
        self.ask(&self.document(node, self.attempt, &self.input, None))
    }

    /// Calls one node of kind `each` for one item.
    pub fn call_item(&self, node: &str, index: usize, item: impl Into<Value>) -> Result<Outcome, Failure> {
        self.ask(&self.document(node, self.attempt, &self.input, Some((index, &item.into()))))
    }

    /// Walks the DAG from its start to its end. A `retry` failure is tried again by the node's policy, at once.
    pub fn run(&self) -> Walk {
        walk::walk(self)
    }
}
