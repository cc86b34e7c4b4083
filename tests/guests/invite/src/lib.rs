//! Tells everyone who is invited to a `Party`, one call each, for the tests of fan-out. The name of a guest says how its
//! call goes: `shy` fails once and is tried again, `rude` fails for good at first. Where `dj` comes, a step follows that
//! outlasts its node's timeout.

use rosehip_sdk::effect::Log;
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{Behavior, Call, Failure, Manifest, Node, Outcome, Retry, Trigger, export, json};

/// The behavior.
pub struct Invite;

export!(Invite);

#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Guest {
    name: String,
}

impl Behavior for Invite {
    fn manifest() -> Manifest {
        Manifest::new("invite", "1.0.0")
            .description("Tells everyone of a list, one call each.")
            .trigger(Trigger::on("Create", "Party"))
            .node(Node::each("tell", "/object/guests").retry(Retry::after(["PT0.2S"]).max(1)))
            .node(Node::step("count").branches(["home", "dance"]))
            .node(Node::step("dance").retry(Retry::after(["PT0.1S"]).max(1)).timeout_ms(20))
            .edge("tell", "count")
            .edge_when("count", "dance", "dance")
            .effect(Log::KIND)
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        match call.node.as_ref() {
            "tell" => tell(call),
            "count" => {
                let told: Vec<String> = call.output("tell")?;
                let branch = if told.iter().any(|name| name == "dj") { "dance" } else { "home" };
                Ok(Outcome::new().output(json!(told.len())).branch(branch).effect(Log::new(told.join(","))))
            }
            "dance" => {
                spin();
                Ok(Outcome::new())
            }
            node => Err(Failure::unknown_node(node)),
        }
    }
}

fn tell(call: &Call<'_>) -> Result<Outcome, Failure> {
    let guest: Guest = call.item()?;
    match (guest.name.as_str(), call.attempt) {
        ("shy", 1) => return Err(Failure::retry("comes at the second time")),
        ("rude", 1) => return Err(Failure::fatal("does not come")),
        _ => {}
    }
    let place = call.item_index.unwrap_or_default();
    Ok(Outcome::new().output(json!(guest.name)).effect(Log::new(format!("{place} {}", guest.name))))
}

/// Takes longer than any timeout allows, without using up the fuel of a call first.
fn spin() {
    let mut sum = 0_u64;
    for number in 0..u64::MAX {
        sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(number));
    }
}
