//! `email`: a message to the relay that the operator names, which brings it to its recipients (RFC 5321).
//!
//! Effects of a batch to the same recipients are one message. Its `Message-ID` derives from the ids of its effects, so it
//! is the same at every attempt: where the relay's answer was lost, the second copy is told from another message.

mod address;
mod message;
mod relay;

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use rosehip_core::{
    pipeline::dispatch::AttemptEnd,
    ports::{Outgoing, Sink},
};
use serde_json::Value;

pub(super) use self::message::{Part, Post};
pub use self::{
    address::{InvalidAddress, MailAddress},
    relay::{EmailOptions, InvalidRelay, Mailer, Password, Relay},
};
use super::{ends::together, ids, text};

/// Carries out `email`.
#[derive(Debug)]
pub struct EmailSink(Arc<Mailer>);

impl EmailSink {
    /// A sink that posts through `mailer`.
    pub fn new(mailer: Arc<Mailer>) -> Self {
        Self(mailer)
    }
}

impl Sink for EmailSink {
    fn kind(&self) -> &'static str {
        "email"
    }

    /// One message for each set of recipients.
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>> {
        Box::pin(async move {
            let posts = match posts(batch) {
                Ok(posts) => posts,
                Err(reason) => return AttemptEnd::Refused(reason),
            };
            let mut ends = Vec::with_capacity(posts.len());
            for post in posts {
                ends.push(self.0.send(&post).await);
            }
            together(ends)
        })
    }
}

/// The messages of a batch. Whoever is written to by two effects of it gets both in one message only if both are for the
/// same people: a message shows all its recipients, and nobody is to see who else is told something.
fn posts(batch: &[Outgoing]) -> Result<Vec<Post>, String> {
    let mut groups: BTreeMap<Vec<String>, (Vec<MailAddress>, Vec<Outgoing>)> = BTreeMap::new();
    for outgoing in batch {
        let to = recipients(&outgoing.effect.payload)?;
        let mut key: Vec<String> = to.iter().map(MailAddress::mailbox_name).collect();
        key.sort_unstable();
        key.dedup();
        groups.entry(key).or_insert_with(|| (to, Vec::new())).1.push(outgoing.clone());
    }
    let post = |(to, effects): (Vec<MailAddress>, Vec<Outgoing>)| Post {
        to,
        parts: effects.iter().map(part).collect(),
        effects: ids(&effects),
    };
    Ok(groups.into_values().map(post).collect())
}

fn recipients(payload: &Value) -> Result<Vec<MailAddress>, String> {
    let to =
        payload.get("to").and_then(Value::as_array).filter(|to| !to.is_empty()).ok_or("to: the payload has none")?;
    let address = |(place, text): (usize, &Value)| {
        let parsed = text.as_str().unwrap_or_default().parse();
        parsed.map_err(|error: InvalidAddress| format!("to/{place}: {error}"))
    };
    to.iter().enumerate().map(address).collect()
}

fn part(outgoing: &Outgoing) -> Part {
    Part {
        subject: text(outgoing, "subject").unwrap_or_default().to_owned(),
        text: text(outgoing, "text").unwrap_or_default().to_owned(),
        html: text(outgoing, "html").map(str::to_owned),
    }
}
