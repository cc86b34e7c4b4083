//! What entries say about activities on their way to other hosts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    effect::Failure,
    federation::Peer,
    ids::{ActivityId, ActorName, DeliveryId},
    signing::Scheme,
};

/// Whom an activity of an outbox goes to was found out: there is one such entry for each activity that leaves, and more
/// where they are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryEnqueued {
    /// The activity.
    pub activity: ActivityId,
    /// `seq` of its entry in the outbox.
    pub seq: u64,
    /// Whose outbox it is.
    pub owner: ActorName,
    /// What it is about: deliveries about one thing reach a host in their order.
    pub about: String,
    /// Which entry of this activity it is, from 0.
    pub part: u32,
    /// Where it goes.
    pub targets: Vec<Target>,
}

/// An inbox that an activity goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its delivery.
    pub delivery: DeliveryId,
    /// The host.
    pub peer: Peer,
    /// Where it goes there.
    pub to: Destination,
    /// How many it reaches there, as far as is known: a shared inbox reaches many.
    pub recipients: u32,
}

/// Where a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    /// An inbox by its URL, of an actor or shared.
    Inbox(String),
    /// The inbox of an actor, known by its URL alone: each attempt asks for its document first.
    Actor(String),
}

impl Destination {
    /// The URL that is known.
    pub fn url(&self) -> &str {
        match self {
            Self::Inbox(url) | Self::Actor(url) => url,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url())
    }
}

/// A delivery arrived: the host took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDelivered {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The host.
    pub peer: Peer,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The status that the host answered.
    pub status: u16,
    /// How what goes to the host next is signed, where that was learned from its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
}

/// An attempt failed; another one is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFailed {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The host.
    pub peer: Peer,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// Whether the host refused it or was not reached.
    pub failure: Failure,
    /// What went wrong.
    pub error: String,
    /// How long until the next attempt, in milliseconds.
    pub delay_ms: u64,
}

/// A delivery was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDeadLettered {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The host.
    pub peer: Peer,
    /// Attempts that were made.
    pub attempt: u32,
    /// Why.
    pub error: String,
    /// The status that the host answered at the last of them, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// A delivery that was given up is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRedriven {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The host.
    pub peer: Peer,
    /// Who wants it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A host was blocked: nothing of it is taken in, and nothing goes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerBlocked {
    /// The host.
    pub peer: Peer,
    /// Whether it is from now on.
    pub is_blocked: bool,
    /// Who did it.
    pub by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}
