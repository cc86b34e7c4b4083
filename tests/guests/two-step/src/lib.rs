//! Two steps with a `log` effect each, for the benchmark of the engine: what is measured is the host, not the guest.

use rosehip_sdk::effect::Log;
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{Behavior, Call, Failure, Manifest, Node, Outcome, Transition, Trigger, export, serde_json};

/// The behavior.
pub struct TwoStep;

export!(TwoStep);

/// All that the steps read of a Call.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Named<'a> {
    node: &'a str,
}

impl Behavior for TwoStep {
    fn manifest() -> Manifest {
        Manifest::new("two-step", "1.0.0")
            .description("Logs once in each of two steps.")
            .trigger(Trigger::on("Create", "Article").transition(Transition::to("status", "published")))
            .node(Node::step("a"))
            .node(Node::step("b"))
            .edge("a", "b")
            .effect(Log::KIND)
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        step(&call.node)
    }

    fn answer(call: &str) -> Result<String, Failure> {
        let call: Named = serde_json::from_str(call)?;
        Ok(step(call.node)?.to_json())
    }
}

fn step(node: &str) -> Result<Outcome, Failure> {
    match node {
        "a" => Ok(Outcome::new().effect(Log::new("first"))),
        "b" => Ok(Outcome::new().effect(Log::new("second"))),
        node => Err(Failure::unknown_node(node)),
    }
}

#[cfg(test)]
mod tests {
    use rosehip_sdk::testing::Harness;

    use super::*;

    #[test]
    fn both_steps_log() {
        let walk = Harness::new::<TwoStep>().run();

        assert_eq!(walk.taken(), ["a", "b"]);
        let messages: Vec<_> = walk.effects().iter().map(|effect| effect.payload["message"].clone()).collect();
        assert_eq!(messages, ["first", "second"]);
    }
}
