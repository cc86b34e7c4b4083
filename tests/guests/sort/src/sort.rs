//! Sorts articles by category and says which way they went, in two steps. What makes a category urgent is the module's: two
//! modules that differ in one branch are made of this.

use rosehip_sdk::effect::Log;
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{Behavior, Call, Failure, Manifest, Node, Outcome, Transition, Trigger, serde_json};

/// What one module has otherwise than the other.
pub trait Urgency: 'static {
    /// The version that it gives itself.
    const VERSION: &'static str;

    /// Whether an article of this category is urgent.
    fn is_urgent(category: &str) -> bool;
}

/// The behavior.
pub struct Sort<U>(U);

/// All that the steps read of a Call.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Seen<'a> {
    node: &'a str,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Object<'a> {
    name: std::borrow::Cow<'a, str>,
    #[serde(default)]
    category: std::borrow::Cow<'a, str>,
}

impl<U: Urgency> Behavior for Sort<U> {
    fn manifest() -> Manifest {
        Manifest::new("sort", U::VERSION)
            .description("Says which way an article goes.")
            .trigger(Trigger::on("Create", "Article").transition(Transition::to("status", "published")))
            .node(Node::step("sort").branches(["urgent", "other"]))
            .node(Node::step("urgent"))
            .node(Node::step("other"))
            .edge_when("sort", "urgent", "urgent")
            .edge_when("sort", "other", "other")
            .effect(Log::KIND)
    }

    fn run(_: &Call<'_>) -> Result<Outcome, Failure> {
        Err(Failure::fatal("it reads its Call itself"))
    }

    fn answer(call: &str) -> Result<String, Failure> {
        let Seen { node, object } = serde_json::from_str(call)?;
        let outcome = match node {
            "sort" => Outcome::new().branch(if U::is_urgent(&object.category) { "urgent" } else { "other" }),
            "urgent" | "other" => Outcome::new().effect(Log::new(format!("{node}: {}", object.name))),
            node => return Err(Failure::unknown_node(node)),
        };
        Ok(outcome.to_json())
    }
}
