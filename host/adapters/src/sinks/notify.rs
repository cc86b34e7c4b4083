//! `notify` to the channels the operator configures. The one that is always there is `log`: a line of the host's own
//! log, and one line for all that belongs to a batch.

use std::pin::Pin;

use rosehip_core::{
    behavior::channel,
    pipeline::dispatch::AttemptEnd,
    ports::{Outgoing, Sink},
};
use serde_json::{Value, json};

/// Carries out `notify`.
#[derive(Debug, Default)]
pub struct NotifySink;

impl Sink for NotifySink {
    fn kind(&self) -> &'static str {
        "notify"
    }

    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>> {
        Box::pin(std::future::ready(send(batch)))
    }
}

fn send(batch: &[Outgoing]) -> AttemptEnd {
    let Some(first) = batch.first() else { return AttemptEnd::Done(Value::Null) };
    let channel = channel(&first.effect.payload);
    if channel != "log" {
        return AttemptEnd::Refused(format!("channel {channel:?} is not configured"));
    }
    let text = |outgoing: &Outgoing, member: &str| {
        outgoing.effect.payload.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let ids: Vec<String> = batch.iter().map(|outgoing| outgoing.effect.id.to_string()).collect();
    let (subject, body) = match batch {
        [only] => (text(only, "subject"), text(only, "text")),
        several => {
            let lines: Vec<String> = several.iter().map(|outgoing| text(outgoing, "subject")).collect();
            (format!("{} notifications", several.len()), lines.join("\n"))
        }
    };
    tracing::info!(target: "rosehip::notify", effects = ids.join(","), behavior = %first.behavior, subject, text = body);
    AttemptEnd::Done(json!({ "channel": channel, "messages": 1, "effects": batch.len() }))
}

#[cfg(test)]
mod tests {
    use rosehip_core::{
        effect::Effect,
        ids::{BoxName, EffectId, FlowId},
        state::EffectStatus,
    };

    use super::*;

    fn outgoing(payload: Value) -> Outgoing {
        let owner = "site".parse().expect("a name");
        let behavior = "publish".parse().expect("a name");
        let activity = "https://example.org/a".parse().expect("a URL");
        let flow = FlowId::derive(&activity, &owner, BoxName::Outbox, &behavior, 1);
        let node = "notify".parse().expect("a name");
        let effect = Effect {
            id: EffectId::derive(flow, &node, None, 0),
            node,
            item: None,
            ordinal: 0,
            kind: "notify".to_owned(),
            payload,
            status: EffectStatus::Recorded,
            receipt: None,
        };
        Outgoing { flow, behavior, owner, object: None, depth: 0, root: activity, effect }
    }

    #[test]
    fn a_batch_is_one_message() {
        let one = outgoing(json!({"subject": "a", "text": "b"}));
        let end = send(&[one.clone(), one]);
        assert_eq!(end, AttemptEnd::Done(json!({"channel": "log", "messages": 1, "effects": 2})));
    }

    #[test]
    fn a_channel_nobody_configured_is_refused_for_good() {
        let end = send(&[outgoing(json!({"channel": "team", "subject": "a", "text": "b"}))]);
        assert_eq!(end, AttemptEnd::Refused("channel \"team\" is not configured".to_owned()));
    }
}
