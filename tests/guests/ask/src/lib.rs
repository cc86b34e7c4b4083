//! Asks for the effects that its object lists, in one step: `{"effects": [{"kind": "webhook", "payload": {…}}]}`.

use rosehip_sdk::effect::{Activity, Email, Log, Notify, Set, Webhook};
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{Behavior, Call, Effect, Failure, Manifest, Node, Outcome, Trigger, export};

/// The behavior.
pub struct Ask;

export!(Ask);

/// What an object of type `Wish` holds.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Wish {
    #[serde(default)]
    effects: Vec<Effect>,
}

impl Behavior for Ask {
    fn manifest() -> Manifest {
        let kinds = [Log::KIND, Notify::KIND, Email::KIND, Webhook::KIND, Activity::KIND, Set::KIND];
        let manifest = Manifest::new("ask", "1.0.0")
            .description("Asks for the effects that its object lists.")
            .trigger(Trigger::on("Create", "Wish"))
            .node(Node::step("ask"));
        kinds.into_iter().fold(manifest, Manifest::effect)
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        let wish: Wish = call.object()?;
        Ok(wish.effects.into_iter().fold(Outcome::new(), Outcome::effect))
    }
}

#[cfg(test)]
mod tests {
    use rosehip_sdk::{json, testing::Harness};

    use super::*;

    #[test]
    fn it_asks_for_what_the_object_lists() {
        let object = json!({"type": "Wish", "effects": [{"kind": "log", "payload": {"message": "a"}}]});
        let walk = Harness::new::<Ask>().on(json!({"type": "Create"}), &object).run();

        assert_eq!(walk.effects().first().map(|effect| effect.payload["message"].clone()), Some(json!("a")));
    }
}
