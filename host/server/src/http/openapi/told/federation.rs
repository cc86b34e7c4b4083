//! Actors, other hosts, and what other software asks a host for.

use std::collections::BTreeMap;

use rosehip_core::{
    ids::{ActorName, DeliveryId},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::http::delivery_view::DeliveryJson;

/// The actors of this host.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Actors {
    actors: Vec<Actor>,
}

/// An actor of this host, for those who work here.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Actor {
    name: ActorName,
    kind: String,
    url: String,
    handle: Option<String>,
    display_name: Option<String>,
    summary: Option<String>,
    approves_followers: bool,
    /// URLs of actors elsewhere that are the same.
    also_known_as: Vec<String>,
    followers: u64,
    pending: u64,
    following: u64,
    blocks: Vec<String>,
    /// How many keys it has had.
    key: u32,
    created_at: Timestamp,
}

/// Other hosts.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Peers {
    peers: Vec<Peer>,
    next: Option<String>,
}

/// Another host, and what went there.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Peer {
    peer: String,
    #[schemars(flatten)]
    standing: PeerStanding,
}

/// Another host with its deliveries.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct PeerDetail {
    #[schemars(flatten)]
    peer: Peer,
    deliveries: Vec<DeliveryJson<'static>>,
    next: Option<String>,
}

/// Another host after something was done about it: its name alone, where nothing ever went there.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct PeerDone {
    peer: String,
    #[schemars(flatten)]
    standing: Option<PeerStanding>,
    /// Deliveries that are tried again.
    #[schemars(skip_serializing_if = "Option::is_none")]
    redriven: Option<u64>,
}

/// What is known of another host.
#[derive(JsonSchema)]
struct PeerStanding {
    blocked: bool,
    queued: u64,
    retrying: u64,
    delivered: u64,
    dead: u64,
    delivered_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    last_error: Option<String>,
    unreachable_since: Option<Timestamp>,
}

/// A delivery that is tried again.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct DeliveryRedriven {
    id: DeliveryId,
    status: String,
}

/// A JSON Resource Descriptor (RFC 7033 §4.4).
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct ResourceDescriptor {
    subject: String,
    aliases: Vec<String>,
    links: Vec<ResourceLink>,
}

#[derive(JsonSchema)]
struct ResourceLink {
    rel: String,
    #[schemars(skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    href: String,
}

/// Where the `NodeInfo` document is.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct NodeInfoLinks {
    links: Vec<ResourceLink>,
}

/// `NodeInfo` 2.1.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct NodeInfo {
    version: String,
    software: BTreeMap<String, String>,
    protocols: Vec<String>,
    services: BTreeMap<String, Vec<String>>,
    #[schemars(rename = "openRegistrations")]
    open_registrations: bool,
    usage: Value,
    metadata: Map<String, Value>,
}
