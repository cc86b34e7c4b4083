//! What is answered and has no type of its own in the code, because it is put together from several: types of which only the
//! schema is used. `tests/tests/it/openapi.rs` holds every answer against them, with members that are not named refused.

#![expect(dead_code, reason = "only the schemas are used")]
#![expect(clippy::struct_field_names, reason = "members are called as they are told")]

use std::collections::BTreeMap;

use rosehip_core::{
    behavior::{Capability, EdgeDocument, Grant, NodeDocument, TriggerDocument, WhyNot},
    canonical::Cid,
    flow::FlowSummary,
    ids::{ActivityId, ActorName, BehaviorName, BoxName, DeliveryId, Digest, EffectId, FlowId, ObjectKey},
    object::Transition,
    replay::{Replay, Tally},
    state::FlowStatus,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::super::{
    cause::CauseJson,
    delivery_view::DeliveryJson,
    fault::FieldError,
    flow_json::{EntryJson, ListedFlow},
};
use crate::host::{Considered, DeniedEffect, Refusal};

/// Why something was not done (RFC 9457). What else it tells depends on its rule.
#[derive(JsonSchema)]
pub(super) struct Problem {
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong, for people.
    detail: String,
    /// The rule's stable name.
    rule: String,
    /// The fields that break rules.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[schemars(flatten)]
    more: Map<String, Value>,
}

/// A document of `ActivityStreams` 2.0.
#[derive(JsonSchema)]
pub(super) struct ActivityStreams {
    #[schemars(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<Value>,
    id: String,
    r#type: String,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// A collection of `ActivityStreams` 2.0, or a page of one.
#[derive(JsonSchema)]
pub(super) struct Collection {
    #[schemars(rename = "@context")]
    context: Value,
    id: String,
    r#type: CollectionType,
    #[schemars(rename = "totalItems", skip_serializing_if = "Option::is_none")]
    total_items: Option<u64>,
    #[schemars(rename = "partOf", skip_serializing_if = "Option::is_none")]
    part_of: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
    #[schemars(rename = "orderedItems", skip_serializing_if = "Vec::is_empty")]
    ordered_items: Vec<Value>,
    /// The Cids of the items, in their order.
    #[schemars(skip_serializing_if = "Option::is_none")]
    cids: Option<Vec<Cid>>,
    /// How many activities a box holds, and the Cid of the last.
    #[schemars(skip_serializing_if = "Option::is_none")]
    tip: Option<Tip>,
}

#[derive(JsonSchema)]
enum CollectionType {
    OrderedCollection,
    OrderedCollectionPage,
}

/// The end of a box.
#[derive(JsonSchema)]
struct Tip {
    seq: u64,
    cid: Option<String>,
}

/// An activity as those see it who work here, and as strangers do.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum ActivityAnswer {
    Detail(Box<ActivityDetail>),
    Document(ActivityStreams),
}

/// An activity, what it started, and why each other behavior did not.
#[derive(JsonSchema)]
pub(super) struct ActivityDetail {
    id: ActivityId,
    cid: Cid,
    owner: ActorName,
    r#box: BoxName,
    cause: Option<CauseJson<'static>>,
    /// How many flows led to it.
    depth: u32,
    /// The activity that began it all.
    root: ActivityId,
    activity: ActivityTold,
    /// Whether it was held against every trigger.
    matched: bool,
    flows: Option<Vec<FlowId>>,
    not: Option<BTreeMap<BehaviorName, Vec<WhyNot>>>,
    considered: Vec<Considered>,
    more_considered: bool,
    denied: Vec<DeniedEffect>,
    deliveries: Spread,
}

/// An activity's document, with its Cid and what changed.
#[derive(JsonSchema)]
pub(in super::super) struct ActivityTold {
    id: ActivityId,
    cid: Cid,
    transitions: Vec<Transition>,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// Who has an activity.
#[derive(JsonSchema)]
pub(in super::super) struct Spread {
    queued: u64,
    retrying: u64,
    delivered: u64,
    dead: u64,
    /// Whether it is known whom it goes to.
    addressed: bool,
    items: Vec<DeliveryJson<'static>>,
    more: bool,
}

/// Who has an activity that a flow made.
#[derive(JsonSchema)]
pub(in super::super) struct FlowSpread {
    activity: ActivityId,
    #[schemars(flatten)]
    spread: Spread,
}

/// Flows, newest first.
#[derive(JsonSchema)]
pub(super) struct Flows {
    flows: Vec<ListedFlow<'static>>,
    next: Option<String>,
    /// How many the filters find; null on pages after the first.
    count: Option<u64>,
    /// Whether there are more than were counted.
    count_is_more: Option<bool>,
}

/// A flow that was signalled.
#[derive(JsonSchema)]
pub(super) struct Signalled {
    #[schemars(flatten)]
    flow: FlowSummary,
    /// Whether the flow had a signal of this name already.
    ignored: bool,
}

/// The behaviors that are installed.
#[derive(JsonSchema)]
pub(super) struct Behaviors {
    behaviors: Vec<Behavior>,
    /// Files of the watched directory that were refused.
    refused: Vec<Refusal>,
}

/// A behavior as lists have it.
#[derive(JsonSchema)]
pub(super) struct Behavior {
    name: BehaviorName,
    version: String,
    digest: Digest,
    enabled: bool,
    runner: String,
    needs: Vec<Capability>,
    triggers: Vec<TriggerDocument>,
    effects: Vec<String>,
    granted: Vec<String>,
    history: Vec<Binding>,
    candidates: Vec<Candidate>,
}

/// A module that a name was bound to.
#[derive(JsonSchema)]
struct Binding {
    digest: Digest,
    version: String,
    installed_at: Timestamp,
    by: Option<String>,
    /// The entry that did it.
    seq: u64,
    active: bool,
    rolled_back: Option<RolledBack>,
}

/// Who went back from a module.
#[derive(JsonSchema)]
struct RolledBack {
    at: Timestamp,
    by: Option<String>,
}

/// A module that is offered.
#[derive(JsonSchema)]
struct Candidate {
    digest: Digest,
    version: String,
    offered_at: Timestamp,
    by: Option<String>,
}

/// A behavior with what its manifest and its operator say.
#[derive(JsonSchema)]
pub(super) struct BehaviorDetail {
    #[schemars(flatten)]
    behavior: Behavior,
    description: Option<String>,
    nodes: Vec<NodeDocument>,
    edges: Vec<EdgeDocument>,
    config_schema: Option<Value>,
    config: Map<String, Value>,
    effective_config: Map<String, Value>,
    config_error: Option<String>,
    policy: Grant,
    /// Kinds that it declares and is not granted.
    to_grant: Vec<String>,
    /// What was offered just now.
    #[schemars(skip_serializing_if = "Option::is_none")]
    candidate: Option<Candidate>,
}

/// A behavior's config.
#[derive(JsonSchema)]
pub(super) struct Config(Map<String, Value>);

/// What a behavior's newest flows would have done on another module.
#[derive(JsonSchema)]
pub(super) struct WhatIf {
    digest: Digest,
    summary: Tally,
    /// The first that do not do the same.
    flows: Vec<Replayed>,
}

/// A flow that was replayed.
#[derive(JsonSchema)]
pub(super) struct Replayed {
    #[schemars(flatten)]
    replay: Replay,
    flow: FlowId,
    behavior: BehaviorName,
    digest: Digest,
    status: FlowStatus,
    started_at: Timestamp,
    object: Option<rosehip_core::flow::ObjectRef>,
}

/// The actors of this host.
#[derive(JsonSchema)]
pub(super) struct Actors {
    actors: Vec<Actor>,
}

/// An actor of this host, for those who work here.
#[derive(JsonSchema)]
pub(super) struct Actor {
    name: ActorName,
    kind: String,
    url: String,
    handle: Option<String>,
    display_name: Option<String>,
    summary: Option<String>,
    approves_followers: bool,
    followers: u64,
    pending: u64,
    following: u64,
    blocks: Vec<String>,
    /// How many keys it has had.
    key: u32,
    created_at: Timestamp,
}

/// An activity that was said; all is null where nothing had to be said.
#[derive(JsonSchema)]
pub(super) struct Posted {
    id: Option<ActivityId>,
    cid: Option<Cid>,
    activity: Option<ActivityId>,
    url: Option<String>,
    /// What it fired, where the request waited.
    #[schemars(skip_serializing_if = "Option::is_none")]
    flows: Option<Vec<FlowSummary>>,
}

/// Other hosts.
#[derive(JsonSchema)]
pub(super) struct Peers {
    peers: Vec<Peer>,
    next: Option<String>,
}

/// Another host, and what went there.
#[derive(JsonSchema)]
pub(super) struct Peer {
    peer: String,
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

/// Another host with its deliveries.
#[derive(JsonSchema)]
pub(super) struct PeerDetail {
    #[schemars(flatten)]
    peer: Peer,
    deliveries: Vec<DeliveryJson<'static>>,
    next: Option<String>,
}

/// Another host after something was done about it: its name alone, where nothing ever went there.
#[derive(JsonSchema)]
pub(super) struct PeerDone {
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
pub(super) struct DeliveryRedriven {
    id: DeliveryId,
    status: String,
}

/// What an erasure takes.
#[derive(JsonSchema)]
pub(super) struct Erasure {
    about: String,
    dry_run: bool,
    entries: u64,
    bytes: u64,
    activities: u64,
    flows: u64,
    objects: Vec<ObjectKey>,
    user: Option<String>,
    /// Flows that have not ended.
    open: Vec<FlowId>,
    /// The last entry that names what is gone; none in a dry run.
    entry: Option<u64>,
    warning: Option<String>,
}

/// Who may log in.
#[derive(JsonSchema)]
pub(super) struct Users {
    users: Vec<User>,
}

/// A user.
#[derive(JsonSchema)]
pub(super) struct User {
    name: String,
    role: super::sent::RoleWord,
    actor: ActorName,
    created: Timestamp,
}

/// Tokens of programs, without their secrets.
#[derive(JsonSchema)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
}

/// A token.
#[derive(JsonSchema)]
struct Token {
    name: String,
    user: String,
    created: Timestamp,
}

/// A new token.
#[derive(JsonSchema)]
pub(super) struct TokenSecret {
    /// The secret, which is told nowhere else.
    token: String,
    name: String,
    user: String,
}

/// A user's own account.
#[derive(JsonSchema)]
pub(super) struct Account {
    user: String,
    role: super::sent::RoleWord,
    actor: ActorName,
    sessions: Vec<AccountSession>,
    tokens: Vec<AccountToken>,
}

/// A session. Its id is told to nobody.
#[derive(JsonSchema)]
struct AccountSession {
    begun: Option<Timestamp>,
    /// The network that it began from.
    from: Option<String>,
    expires: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

#[derive(JsonSchema)]
struct AccountToken {
    name: String,
    created: Timestamp,
}

/// A page of the audit trail.
#[derive(JsonSchema)]
pub(super) struct AuditTrail {
    entries: Vec<AuditLine>,
    next: Option<String>,
}

/// What somebody did.
#[derive(JsonSchema)]
struct AuditLine {
    seq: u64,
    at: Timestamp,
    what: String,
    by: Option<String>,
    about: Option<String>,
    detail: Option<String>,
    /// How whoever did it came in: `session`, `token` or `directory`.
    via: Option<String>,
    times: u64,
}

/// Each part of the host and how it is.
#[derive(JsonSchema)]
pub(super) struct Readiness {
    ready: bool,
    parts: Vec<ReadinessPart>,
}

#[derive(JsonSchema)]
struct ReadinessPart {
    name: String,
    /// `ok`, `warn` or `failed`.
    state: String,
    detail: String,
}

/// What a write would set off.
#[derive(JsonSchema)]
pub(super) struct DryRun {
    /// What its owner would say.
    activities: Vec<Map<String, Value>>,
    /// The flows that would start, each with its behavior, its steps and its effects, those that would be denied with the rule.
    flows: Vec<Map<String, Value>>,
    /// The behaviors that would not start, and why.
    not: Vec<Map<String, Value>>,
}

/// An author's event file.
#[derive(JsonSchema)]
pub(super) struct EventFile {
    /// The object, as the host has it.
    object: Value,
    /// Members of the activity.
    #[schemars(skip_serializing_if = "Option::is_none")]
    activity: Option<Map<String, Value>>,
    /// What changed.
    #[schemars(skip_serializing_if = "Option::is_none")]
    transitions: Option<Vec<Map<String, Value>>>,
    /// The object's standing.
    #[schemars(skip_serializing_if = "Option::is_none")]
    current: Option<Map<String, Value>>,
    /// The config that the flow saw.
    #[schemars(skip_serializing_if = "Option::is_none")]
    config: Option<Map<String, Value>>,
    /// The moment of the activity.
    #[schemars(skip_serializing_if = "Option::is_none")]
    now: Option<Timestamp>,
    /// The box that the activity is in, where that is not the outbox.
    #[schemars(skip_serializing_if = "Option::is_none")]
    r#box: Option<BoxName>,
}

/// A page of images.
#[derive(JsonSchema)]
pub(super) struct Images {
    media: Vec<Image>,
    next: Option<u64>,
}

/// An image (`Image` of `ActivityStreams` 2.0).
#[derive(JsonSchema)]
pub(super) struct Image {
    r#type: String,
    url: String,
    digest: Digest,
    /// What to write into an article.
    markdown: String,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// Entries as they stand in the log.
#[derive(JsonSchema)]
pub(super) struct FlowEntries(Vec<EntryJson<'static>>);

/// What retrying a flow or running it again would do.
#[derive(JsonSchema)]
pub(super) struct FlowProspect {
    flow: FlowId,
    /// `retry` or `rerun`.
    action: String,
    /// The flow's replay, as `POST /replays` tells it; where it would do the same only `verdict`.
    would: Map<String, Value>,
}

/// What trying an effect again would do.
#[derive(JsonSchema)]
pub(super) struct EffectProspect {
    effect: EffectId,
    flow: FlowId,
    /// `redrive`
    action: String,
    would: EffectAttempt,
}

#[derive(JsonSchema)]
struct EffectAttempt {
    kind: String,
    payload: Value,
    /// Which attempt it would be.
    attempt: u32,
    last_error: Option<String>,
    /// The rule that would deny it.
    denied: Option<String>,
}

/// A JSON Resource Descriptor (RFC 7033 §4.4).
#[derive(JsonSchema)]
pub(super) struct ResourceDescriptor {
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
pub(super) struct NodeInfoLinks {
    links: Vec<ResourceLink>,
}

/// `NodeInfo` 2.1.
#[derive(JsonSchema)]
pub(super) struct NodeInfo {
    version: String,
    software: BTreeMap<String, String>,
    protocols: Vec<String>,
    services: BTreeMap<String, Vec<String>>,
    #[schemars(rename = "openRegistrations")]
    open_registrations: bool,
    usage: Value,
    metadata: Map<String, Value>,
}

/// An OpenAPI document.
#[derive(JsonSchema)]
pub(super) struct OpenApi {
    openapi: String,
    info: Value,
    paths: Map<String, Value>,
    #[schemars(flatten)]
    members: Map<String, Value>,
}
