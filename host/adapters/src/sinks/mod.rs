//! Sinks: each carries out one kind of effect.

mod activity;
mod email;
mod ends;
mod notify;
#[cfg(test)]
mod sample;
mod set;
mod webhook;

pub use activity::ActivitySink;
pub use email::{EmailOptions, EmailSink, InvalidAddress, InvalidRelay, MailAddress, Mailer, Password, Relay};
pub use notify::{Channel, NotifySink};
pub use set::SetSink;
pub use webhook::{InvalidSecret, WebhookSecret, WebhookSecrets, WebhookSink, Webhooks};

use rosehip_core::{
    ids::{EffectId, MessageId},
    ports::Outgoing,
};
use serde_json::Value;

/// The effects of a batch.
fn ids(batch: &[Outgoing]) -> Vec<EffectId> {
    batch.iter().map(|outgoing| outgoing.effect.id).collect()
}

/// What a receiver drops duplicates of a batch by.
fn message_id(batch: &[Outgoing]) -> MessageId {
    MessageId::of(&ids(batch))
}

/// A text of an effect's payload.
fn text<'a>(outgoing: &'a Outgoing, member: &str) -> Option<&'a str> {
    outgoing.effect.payload.get(member).and_then(Value::as_str)
}
