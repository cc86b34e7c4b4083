//! `notify` to the channels that the operator configures. The one that is always there is `log`: a line of the host's
//! own log. All that belongs to a batch is one line, one e-mail or one webhook.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use rosehip_core::{
    behavior::channel,
    pipeline::dispatch::AttemptEnd,
    ports::{Outgoing, Sink},
};
use serde_json::{Value, json};
use url::Url;

use super::{
    email::{MailAddress, Mailer, Part, Post},
    ids, message_id, text,
    webhook::{Webhooks, event},
};
use crate::clock::SystemClock;

/// Where the notifications of a channel go.
#[derive(Debug, Clone)]
pub enum Channel {
    /// To the host's own log.
    Log,
    /// To people.
    Email {
        /// What brings it there.
        mailer: Arc<Mailer>,
        /// Who they are.
        to: Vec<MailAddress>,
    },
    /// To a program, as an event of type `notify`.
    Webhook {
        /// What brings it there.
        webhooks: Arc<Webhooks>,
        /// Where it listens.
        url: Url,
    },
}

/// Carries out `notify`.
#[derive(Debug, Default)]
pub struct NotifySink {
    channels: BTreeMap<String, Channel>,
}

impl NotifySink {
    /// A sink with these channels beside `log`.
    pub fn new(channels: BTreeMap<String, Channel>) -> Self {
        Self { channels }
    }

    async fn notify(&self, name: &str, batch: &[Outgoing]) -> AttemptEnd {
        let channel = match self.channels.get(name) {
            Some(channel) => channel,
            None if name == "log" => &Channel::Log,
            None => return AttemptEnd::Refused(format!("channel {name:?} is not configured")),
        };
        let end = match channel {
            Channel::Log => {
                log(name, batch);
                AttemptEnd::Done(json!({}))
            }
            Channel::Email { mailer, to } => mailer.send(&post(to, batch)).await,
            Channel::Webhook { webhooks, url } => {
                // What goes out for several flows at once is part of the first one's trace.
                let trace = batch.first().and_then(|outgoing| outgoing.trace);
                webhooks.deliver(url.clone(), message_id(batch), &notification(name, batch), trace).await
            }
        };
        match end {
            AttemptEnd::Done(receipt) => AttemptEnd::Done(receipt_of(name, batch, receipt)),
            end @ (AttemptEnd::Rejected { .. }
            | AttemptEnd::Unreachable(_)
            | AttemptEnd::Refused(_)
            | AttemptEnd::Unknown) => end,
        }
    }
}

impl Sink for NotifySink {
    fn kind(&self) -> &'static str {
        "notify"
    }

    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>> {
        Box::pin(async move {
            match batch.first() {
                Some(first) => self.notify(channel(&first.effect.payload), batch).await,
                None => AttemptEnd::Done(Value::Null),
            }
        })
    }
}

fn receipt_of(name: &str, batch: &[Outgoing], receipt: Value) -> Value {
    let mut whole = json!({ "channel": name, "messages": 1, "effects": batch.len() });
    if let (Some(whole), Value::Object(receipt)) = (whole.as_object_mut(), receipt) {
        whole.extend(receipt);
    }
    whole
}

fn log(name: &str, batch: &[Outgoing]) {
    let Some(first) = batch.first() else { return };
    let effects: Vec<String> = ids(batch).iter().map(ToString::to_string).collect();
    let (subject, body) = match batch {
        [only] => (subject(only), text(only, "text").unwrap_or_default().to_owned()),
        several => {
            let lines: Vec<String> = several.iter().map(subject).collect();
            (format!("{} notifications", several.len()), lines.join("\n"))
        }
    };
    let (behavior, effects) = (&first.behavior, effects.join(","));
    tracing::info!(target: "rosehip::notify", effects, %behavior, channel = name, subject, text = body);
}

fn post(to: &[MailAddress], batch: &[Outgoing]) -> Post {
    let part = |outgoing: &Outgoing| {
        let said = text(outgoing, "text").unwrap_or_default();
        let text = text(outgoing, "url").map_or_else(|| said.to_owned(), |url| format!("{said}\n\n{url}"));
        Part { subject: subject(outgoing), text, html: None }
    };
    Post { to: to.to_vec(), parts: batch.iter().map(part).collect(), effects: ids(batch) }
}

/// What a program is told: each notification with the id of its effect.
fn notification(name: &str, batch: &[Outgoing]) -> Value {
    let one = |outgoing: &Outgoing| {
        json!({
            "id": outgoing.effect.id,
            "behavior": outgoing.behavior,
            "subject": subject(outgoing),
            "text": text(outgoing, "text"),
            "url": text(outgoing, "url"),
        })
    };
    let notifications: Vec<Value> = batch.iter().map(one).collect();
    event("notify", SystemClock::now(), json!({ "channel": name, "notifications": notifications }))
}

fn subject(outgoing: &Outgoing) -> String {
    text(outgoing, "subject").unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::sample;

    fn outgoing(payload: Value) -> Outgoing {
        sample::outgoing("notify", payload)
    }

    #[tokio::test]
    async fn a_batch_is_one_message() {
        let one = outgoing(json!({"subject": "a", "text": "b"}));
        let end = NotifySink::default().send(&[one.clone(), one]).await;
        assert_eq!(end, AttemptEnd::Done(json!({"channel": "log", "messages": 1, "effects": 2})));
    }

    #[tokio::test]
    async fn a_channel_nobody_configured_is_refused_for_good() {
        let end =
            NotifySink::default().send(&[outgoing(json!({"channel": "team", "subject": "a", "text": "b"}))]).await;
        assert_eq!(end, AttemptEnd::Refused("channel \"team\" is not configured".to_owned()));
    }

    #[tokio::test]
    async fn a_channel_may_be_another_name_for_the_log() {
        let sink = NotifySink::new(BTreeMap::from([("team".to_owned(), Channel::Log)]));
        let end = sink.send(&[outgoing(json!({"channel": "team", "subject": "a", "text": "b"}))]).await;
        assert_eq!(end, AttemptEnd::Done(json!({"channel": "team", "messages": 1, "effects": 1})));
    }
}
