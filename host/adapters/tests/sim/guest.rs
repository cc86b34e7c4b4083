//! Guests without wasm. Each is a pure function of the module and the Call, which is what the real ones are held to; a few
//! Calls end the host that makes them.

use std::sync::Arc;

use rosehip_core::{
    guest::{GuestEngine, GuestError, GuestFailure, GuestRefused, GuestReport, Surroundings},
    ids::Digest,
};
use serde_json::{Value, json};

use crate::{modules::hash, world::World};

/// Calls guests of a world.
pub(crate) struct Guests(pub(crate) Arc<World>);

/// A panic that ends the work at hand of a host that has crashed.
struct Ended;

impl GuestEngine for Guests {
    fn load(&self, _: Digest, _: &[u8]) -> Result<(), GuestRefused> {
        Ok(())
    }

    fn describe(&self, digest: Digest, _: &Surroundings) -> Result<GuestReport, GuestError> {
        Err(GuestError::NotLoaded(digest))
    }

    fn run(&self, digest: Digest, call: &str, _: &Surroundings) -> Result<GuestReport, GuestError> {
        if self.0.is_dead() {
            std::panic::resume_unwind(Box::new(Ended));
        }
        let call: Value = serde_json::from_str(call).expect("a Call is JSON");
        let text = |member: &str| call[member].as_str().unwrap_or_default().to_owned();
        let (flow, node, item) = (text("flow"), text("node"), call.get("item_index").and_then(Value::as_u64));
        let mood = hash((digest.to_string(), &flow, &node, item));
        // Seldom, and not in every world: each costs five starts.
        if self.0.seed.is_multiple_of(8) && mood % 128 == 7 {
            self.0.witness().count("deadly calls");
            self.0.crash();
            std::panic::resume_unwind(Box::new(Ended));
        }
        let attempt = call["attempt"].as_u64().unwrap_or(1);
        let result = answer(mood, &format!("{flow} {node} {item:?}"), item.is_some(), attempt, &call);
        Ok(GuestReport { result, fuel: mood % 1_000, log: Vec::new() })
    }

    fn forget(&self, _: Digest) {}
}

fn answer(mood: u64, place: &str, is_item: bool, attempt: u64, call: &Value) -> Result<String, GuestFailure> {
    match (mood % 24, attempt) {
        (0, _) => return Err(GuestFailure::Fatal("it will not".to_owned())),
        (1 | 2, 1 | 2) => return Err(GuestFailure::Retry("it cannot yet".to_owned())),
        (3, _) => return Err(GuestFailure::Retry("it never can".to_owned())),
        (4, 1) => return Err(GuestFailure::Host { rule: "epoch", message: "busy".to_owned() }),
        _ => {}
    }
    let count = if is_item { (mood >> 6) % 2 } else { (mood >> 6) % 4 };
    let effects: Vec<_> = (0..count).map(|number| effect(hash((mood, number)), &format!("{place} {number}"))).collect();
    let mut outcome = json!({"effects": effects, "output": {"items": (0..(mood >> 9) % 4).collect::<Vec<_>>()}});
    if call["node"] == "n0" || (!is_item && (mood >> 12).is_multiple_of(2)) {
        outcome["branch"] = if (mood >> 8).is_multiple_of(2) { "x" } else { "y" }.into();
    }
    Ok(outcome.to_string())
}

/// What is asked for says who asks: `place` is the flow, the node, the item and the number of the effect.
fn effect(mood: u64, place: &str) -> Value {
    let channel = if (mood >> 8).is_multiple_of(2) { "desk" } else { "night" };
    match mood % 12 {
        0 | 1 => json!({"kind": "log", "payload": {"message": place}}),
        2..4 => json!({"kind": "notify", "payload": {"subject": "s", "text": place, "channel": channel}}),
        4 | 5 => {
            let batch = format!("b{}", (mood >> 16) % 2);
            let payload = json!({"subject": "s", "text": place, "channel": channel, "batch": batch});
            json!({"kind": "notify", "payload": payload})
        }
        6..8 => {
            let url = format!("https://{}.example/in", if (mood >> 9).is_multiple_of(2) { "one" } else { "two" });
            json!({"kind": "webhook", "payload": {"url": url, "data": {"place": place}}})
        }
        8 => json!({"kind": "set", "payload": {"field": "note", "value": (mood >> 16) % 3}}),
        9 => {
            let object = json!({"type": "Note", "id": format!("https://h.example/notes/{mood}"), "content": place});
            let to = json!(["https://h.example/actors/ann"]);
            json!({"kind": "activity", "payload": {"activity": {"type": "Create", "to": to, "object": object}}})
        }
        10 => json!({"kind": "sms", "payload": {"place": place}}),
        _ => json!({"kind": "validate", "payload": {"valid": true, "findings": []}}),
    }
}
