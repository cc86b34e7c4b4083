//! Random flows: of any DAG, with any guest, in any weather.

use std::hash::{DefaultHasher, Hasher as _};

use proptest::prelude::*;

use super::*;

fn hash(value: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A guest that does a bit of everything, the same for the same seed.
fn moody(seed: u64) -> impl Fn(&str, u32) -> Result<Value, GuestFailure> {
    move |node, attempt| {
        let mood = hash((seed, node));
        match (mood % 16, attempt) {
            (0, _) => return Err(GuestFailure::Fatal(format!("{node} will not"))),
            (1, 1 | 2) => return Err(GuestFailure::Retry(format!("{node} cannot yet"))),
            (2, 1) => return Err(GuestFailure::Host { rule: "epoch", message: "busy".to_owned() }),
            _ => {}
        }
        let effect = |number: u64| match (mood >> 4) % 3 {
            0 => log(&format!("{node} {number}")),
            _ => json!({"kind": "notify", "payload": {"subject": node, "text": number.to_string()}}),
        };
        let effects: Vec<_> = (0..(mood >> 6) % 3).map(effect).collect();
        let branch = if (mood >> 8).is_multiple_of(2) { "x" } else { "y" };
        let items = (0..(mood >> 9) % 4).collect::<Vec<_>>();
        let branch = if node.contains('(') { Value::Null } else { branch.into() };
        Ok(json!({"branch": branch, "output": {"items": items}, "effects": effects}))
    }
}

/// A DAG of up to seven nodes of every kind.
fn moody_manifest(seed: u64, nodes: usize) -> Value {
    let document = |place: usize| {
        let id = format!("n{place}");
        match hash((seed, "kind", place)) % 8 {
            0 => json!({"id": id, "kind": "wait", "wait": {"for": "PT1M"}}),
            1 => json!({"id": id, "kind": "wait", "wait": {"signal": format!("s{place}"), "timeout": "PT2M"}}),
            2 if place > 0 => json!({"id": id, "kind": "each", "over": "/input/n0/output/items"}),
            3 => json!({"id": id, "kind": "step", "branches": ["x", "y"], "await_effects": true}),
            _ => json!({"id": id, "kind": "step", "branches": ["x", "y"]}),
        }
    };
    let mut documents: Vec<_> = (0..nodes).map(document).collect();
    documents[0] = json!({"id": "n0", "kind": "step", "branches": ["x", "y"]});
    let mut edges = Vec::new();
    for to in 1..nodes {
        // The list of an `each` must come before it.
        edges.push(json!({"from": "n0", "to": format!("n{to}")}));
        let from = usize::try_from(hash((seed, "edge", to))).unwrap_or(to) % to;
        if from > 0 {
            let mut edge = json!({"from": format!("n{from}"), "to": format!("n{to}")});
            if documents[from].get("branches").is_some() && hash((seed, "when", to)).is_multiple_of(2) {
                edge["when"] = "x".into();
            }
            edges.push(edge);
        }
    }
    manifest(documents.into(), edges.into())
}

/// Lets a flow live: time passes, signals come, effects are carried out, what failed is retried once.
fn live(world: &mut World<'_>, seed: u64) {
    let mut is_retried = false;
    for round in 0..24_u64 {
        world.run();
        let luck = hash((seed, "round", round));
        let recorded = world.flow.effects.iter().filter(|effect| effect.status == EffectStatus::Recorded);
        let due: Vec<_> = recorded.map(|effect| effect.effect.id).collect();
        for effect in due.into_iter().skip(usize::from(luck.is_multiple_of(3))) {
            dispatched(world, effect);
        }
        if luck.is_multiple_of(4) {
            let (flow, name) = (world.flow.id(), format!("s{}", luck % 7));
            let ignored = world.flow.signals.contains_key(&name) || world.flow.status().is_final();
            world.take(SignalReceived { flow, name, payload: luck.into(), by: None, ignored }.into());
        }
        world.current = Some(Current { revision: round, status: None });
        if world.flow.status() == FlowStatus::Failed && !is_retried {
            is_retried = true;
            let (flow, current) = (world.flow.id(), world.current.clone());
            world.take(FlowRetried { flow, by: None, current, reason: None }.into());
        }
        world.later(luck % 30_000);
    }
}

proptest! {
    /// A Call is a function of the entries before it: a replay on the same module asks what was asked, in the same order.
    #[test]
    fn any_flow_replays_on_its_own_module_call_by_call(seed: u64, nodes in 1..7_usize, lives in 0..=1_u64) {
        let (document, script) = (moody_manifest(seed, nodes), moody(seed));
        let mut world = World::new(&document, &script);
        if lives == 0 {
            world.run();
        } else {
            live(&mut world, seed);
        }

        // What a host's condition interrupted is no part of it.
        let is_of_the_guest = |call: &&String| {
            let call: Value = serde_json::from_str(call).expect("JSON");
            let name = match call.get("item") {
                Some(item) => format!("{}({item})", call["node"].as_str().expect("a node")),
                None => call["node"].as_str().expect("a node").to_owned(),
            };
            !(hash((seed, name.as_str())) % 16 == 2 && call["attempt"] == 1)
        };
        let (verified, calls) = asked(&world, &document, &script, Purpose::Verify);
        let recorded: Vec<_> = world.documents.iter().filter(is_of_the_guest).cloned().collect();
        prop_assert_eq!(&verified, &Replay::bare(Verdict::Same));
        prop_assert_eq!(calls, recorded);

        // Told that the steps are others, it looks for what no entry holds, and finds nothing.
        let mut renamed = document.clone();
        renamed["description"] = "the same in other words".into();
        prop_assert_eq!(asked(&world, &renamed, &script, Purpose::Verify).0, Replay::bare(Verdict::Same));
    }

    /// Whatever another module does, the replay ends with a verdict, and one that says the same as another's log would.
    #[test]
    fn another_guest_is_compared_by_what_it_asks_for(seed: u64, other: u64, nodes in 1..7_usize) {
        let document = moody_manifest(seed, nodes);
        let (script, other_script) = (moody(seed), moody(other));
        let mut world = World::new(&document, &script);
        world.run();
        let mut other_world = World::new(&document, &other_script);
        other_world.run();
        let asked_for = |world: &World<'_>| -> Vec<(String, Value)> {
            let effects = world.flow.effects.iter().map(|state| &state.effect);
            let mut effects: Vec<_> = effects.map(|effect| (effect.id.to_string(), effect.payload.clone())).collect();
            effects.sort_by(|(one, _), (other, _)| one.cmp(other));
            effects
        };

        let replay = what_if(&world, &document, &other_script);
        let is_failure = |event: &Event| matches!(event, Event::NodeFailed(_) | Event::NodeRetrying(_));
        let fails = other_world.log.iter().any(|(_, event)| is_failure(event));

        match &replay.verdict {
            Verdict::Same => prop_assert_eq!(asked_for(&world), asked_for(&other_world)),
            Verdict::Changed => prop_assert_ne!(asked_for(&world), asked_for(&other_world)),
            // Calls after the first that fails are not made.
            Verdict::Failed { .. } => prop_assert!(fails),
            // Only what is waited for, or what a host's condition hid, may not be known.
            Verdict::OutOfSupport { .. } => {
                let waits = |node: &Value| node["kind"] == "wait" || node["await_effects"] == true;
                let is_hidden = |event: &Event| matches!(event, Event::NodeRetrying(body) if body.error.rule == "epoch");
                let mut entries = world.log.iter().chain(&other_world.log).map(|(_, event)| event);
                let has_waits = document["nodes"].as_array().expect("nodes").iter().any(waits);
                prop_assert!(has_waits || entries.any(is_hidden), "{:?}", replay.verdict);
            }
            Verdict::Erased { .. } => prop_assert!(false, "nothing was erased"),
        }
    }
}
