//! Asks for the effects that an `Ask` lists, waits for their end and logs it. Of a `Loop` it counts `n` up, which sets
//! it off again.

use rosehip_sdk::effect::{Effect, Log, Set};
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{Behavior, Call, Failure, Manifest, Node, Outcome, Trigger, Value, export, json};

/// The behavior.
pub struct Heed;

export!(Heed);

#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    n: u64,
    #[serde(default)]
    effects: Vec<Asked>,
}

#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Asked {
    kind: String,
    payload: Value,
}

impl Behavior for Heed {
    fn manifest() -> Manifest {
        let manifest = Manifest::new("heed", "1.0.0")
            .description("Asks for the effects that an object lists, and heeds what becomes of them.")
            .trigger(Trigger::on("Create", "Ask"))
            .trigger(Trigger::on("Create", "Loop"))
            .trigger(Trigger::on("Update", "Loop"))
            .node(Node::step("ask").await_effects())
            .node(Node::step("tell"))
            .edge("ask", "tell");
        ["log", "notify", "email", "webhook", "set", "activity", "sms"].into_iter().fold(manifest, Manifest::effect)
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        let object: Object = call.object()?;
        match call.node.as_ref() {
            "ask" if object.kind == "Loop" => Ok(Outcome::new().effect(Set::new("n", object.n + 1))),
            "ask" => {
                let effects = object.effects.into_iter().map(|asked| Effect::new(asked.kind, asked.payload));
                Ok(effects.fold(Outcome::new(), Outcome::effect))
            }
            "tell" => {
                let asked = &call.input["ask"].effects;
                let ends: Vec<_> = asked.iter().map(|effect| effect.status.as_ref()).collect();
                Ok(Outcome::new().output(json!(ends)).effect(Log::new(ends.join(" "))))
            }
            node => Err(Failure::unknown_node(node)),
        }
    }
}
