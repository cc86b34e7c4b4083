//! The documents of one call, as the host writes and reads them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Harness;
use crate::{DOCUMENT_VERSION, Failure, Outcome};

impl Harness {
    /// The Call for a node, or for one item of it.
    pub(super) fn document(
        &self,
        node: &str,
        attempt: u32,
        input: &BTreeMap<String, Value>,
        item: Option<(usize, &Value)>,
    ) -> Value {
        let mut call = json!({
            "v": DOCUMENT_VERSION,
            "flow": "test",
            "behavior": self.manifest.name,
            "node": node,
            "attempt": attempt,
            "activity": self.activity,
            "object": self.object,
            "input": input,
            "config": self.full_config(),
            "now": self.now,
            "current": self.current,
        });
        if let Some((index, item)) = item {
            call["item"] = item.clone();
            call["item_index"] = index.into();
        }
        call
    }

    /// Asks the behavior, and holds its answer against the manifest as the host does.
    pub(super) fn ask(&self, call: &Value) -> Result<Outcome, Failure> {
        let answer = (self.answer)(&call.to_string())?;
        let outcome: Outcome = serde_json::from_str(&answer)
            .map_err(|error| Failure::fatal(format!("the answer is no Outcome: {error}")))?;
        let node = call["node"].as_str().unwrap_or_default();
        self.admit(node, outcome)
    }

    fn admit(&self, id: &str, outcome: Outcome) -> Result<Outcome, Failure> {
        let Some(node) = self.manifest.nodes.iter().find(|node| node.id == id) else {
            return Err(Failure::unknown_node(id));
        };
        if let Some(branch) = &outcome.branch
            && !node.branches.iter().any(|declared| declared == branch)
        {
            return Err(Failure::fatal(format!("node {id} declares no branch {branch}")));
        }
        for (index, effect) in outcome.effects.iter().enumerate() {
            if !self.manifest.effects.iter().any(|kind| *kind == effect.kind) {
                let kind = &effect.kind;
                return Err(Failure::fatal(format!("effect {index} of node {id}: the manifest declares no {kind}")));
            }
        }
        Ok(outcome)
    }

    /// The config, with the defaults of the schema's top-level properties where it has nothing.
    fn full_config(&self) -> Value {
        let mut config = self.config.clone();
        let properties =
            self.manifest.config_schema.as_ref().and_then(|schema| schema.get("properties")).and_then(Value::as_object);
        if let (Some(config), Some(properties)) = (config.as_object_mut(), properties) {
            fill(config, properties);
        }
        config
    }
}

fn fill(config: &mut Map<String, Value>, properties: &Map<String, Value>) {
    for (name, property) in properties {
        if let Some(default) = property.get("default") {
            config.entry(name).or_insert_with(|| default.clone());
        }
    }
}
