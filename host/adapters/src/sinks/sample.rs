//! An effect on its way out, for tests.

use rosehip_core::{
    effect::Effect,
    ids::{BoxName, EffectId, FlowId},
    ports::Outgoing,
    state::EffectStatus,
};
use serde_json::Value;

/// The effect of node `tell` of behavior `publish`.
pub(super) fn outgoing(kind: &str, payload: Value) -> Outgoing {
    let owner = "site".parse().expect("a name");
    let behavior = "publish".parse().expect("a name");
    let activity = "https://example.org/a".parse().expect("a URL");
    let flow = FlowId::derive(&activity, &owner, BoxName::Outbox, &behavior, 1);
    let node = "tell".parse().expect("a name");
    let id = EffectId::derive(flow, &node, None, 0);
    let (kind, status) = (kind.to_owned(), EffectStatus::Recorded);
    let effect = Effect { id, node, item: None, ordinal: 0, kind, payload, status, receipt: None };
    Outgoing {
        flow,
        behavior,
        owner,
        object: None,
        activity: activity.clone(),
        depth: 0,
        root: activity,
        trace: None,
        effect,
    }
}
