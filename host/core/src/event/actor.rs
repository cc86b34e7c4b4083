//! What entries say about actors: those of this host, and what is known of others.

use serde::{Deserialize, Serialize};

use crate::{
    federation::{ActorUrl, RemoteActor},
    ids::ActorName,
};

/// An actor was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorCreated {
    /// Its name.
    pub name: ActorName,
    /// Its ActivityStreams type: `Person`, `Service` or `Group`.
    pub kind: String,
    /// Its ed25519 public key, base64.
    pub public_key: String,
    /// What others are told of it.
    #[serde(default)]
    pub profile: ActorProfile,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What an actor tells of itself, and how it deals with those who want to follow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActorProfile {
    /// How it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Whether each follower waits for someone's decision.
    #[serde(default)]
    pub approves_followers: bool,
    /// Actors elsewhere that are the same: whoever moves here is believed by those who follow them there (FEP-7628).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_known_as: Vec<ActorUrl>,
}

/// An actor's profile was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorChanged {
    /// Its name.
    pub name: ActorName,
    /// The profile.
    pub profile: ActorProfile,
    /// Who did it.
    pub by: Option<String>,
}

/// An actor got another key. What the one before it signed stays verifiable: its public half is still told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorKeyRotated {
    /// Its name.
    pub name: ActorName,
    /// Which key it is, from 1 for the first that an actor has.
    pub number: u32,
    /// The ed25519 public key, base64.
    pub public_key: String,
    /// Who did it.
    pub by: Option<String>,
}

/// What an actor of another host says of itself was learned, or has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteActorLearned {
    /// What its own document says.
    pub actor: RemoteActor,
}
