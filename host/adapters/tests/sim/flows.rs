//! What people do to flows, by the engine's own actions.

use std::sync::Arc;

use rosehip_core::{
    ids::{EffectId, FlowId},
    state::EffectStatus,
};
use serde_json::json;

use crate::host::Host;

/// What is done to a flow.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Signal(u64),
    Cancel,
    Retry,
    Rerun,
    Redrive,
    Pin,
}

/// Acts on a flow, if there is one.
pub(crate) async fn act(host: &Arc<Host>, act: Act) {
    let world = &host.world;
    let flows: Vec<FlowId> = world.witness().flows.clone();
    if flows.is_empty() {
        return;
    }
    // Mostly one of the last.
    let last = flows.len().saturating_sub(6);
    let flow = if world.once_in(3) { *world.one_of(&flows) } else { *world.one_of(&flows[last..]) };
    let by = || Some("ada".to_owned());
    let done = match act {
        Act::Signal(place) => {
            host.actions.signal(flow, &format!("s{place}"), json!({"by": "ada"}), by()).await.map(drop)
        }
        Act::Cancel => host.actions.cancel(flow, by(), None).await.map(drop),
        Act::Retry => host.actions.retry(flow, by(), None).await.map(drop),
        Act::Rerun => {
            // Nothing is run again while something is erased.
            let _turn = host.changing.lock().await;
            host.actions.rerun(flow, 2, by(), None).await.map(drop)
        }
        Act::Redrive => {
            let stuck = |status| matches!(status, EffectStatus::Dead | EffectStatus::Unhandled);
            let effects: Vec<(FlowId, EffectId)> = {
                let witness = world.witness();
                let effects = witness.effects.iter().filter(|(_, effect)| stuck(effect.status));
                effects.map(|(id, effect)| (effect.flow, *id)).collect()
            };
            if effects.is_empty() {
                return;
            }
            let (flow, effect) = *world.one_of(&effects);
            host.actions.redrive(flow, effect, by(), None).await.map(drop)
        }
        Act::Pin => host.actions.pin(flow, world.once_in(2), by()).await.map(drop),
    };
    // What its state does not allow is refused, and that is as it should be.
    let mut witness = world.witness();
    witness.count(if done.is_ok() { "acts on flows" } else { "acts that were refused" });
}
