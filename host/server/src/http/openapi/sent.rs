//! What requests may hold, as a form or as JSON: types of which only the schema is used.

#![expect(dead_code, reason = "only the schemas are used")]

use rosehip_core::{ids::NodeId, state::FlowStatus};
use schemars::JsonSchema;
use serde_json::{Map, Value};

/// The fields of an article.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewArticle {
    #[schemars(regex(pattern = r"\S"), length(max = 300))]
    title: String,
    #[schemars(flatten)]
    others: ArticleFields,
}

/// The fields of an article that change; what is not sent stays.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ArticleChange {
    #[schemars(regex(pattern = r"\S"), length(max = 300))]
    title: Option<String>,
    #[schemars(flatten)]
    others: ArticleFields,
}

#[derive(JsonSchema)]
struct ArticleFields {
    /// Markdown.
    body: Option<String>,
    category: Option<String>,
    tags: Option<Tags>,
    status: Option<ArticleStatus>,
    /// The last part of its address; else it is made from the title.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,100}$"))]
    slug: Option<String>,
    /// The revision that the change rests on.
    revision: Option<u64>,
}

/// An article as it would be saved, or deleted.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Trial {
    #[schemars(regex(pattern = r"\S"), length(max = 300))]
    title: Option<String>,
    /// Whether the article that the slug names would be deleted.
    delete: Option<bool>,
    #[schemars(flatten)]
    others: ArticleFields,
}

/// An image.
#[derive(JsonSchema)]
pub(super) struct NewImage {
    /// JPEG, PNG, GIF or WebP, 10 MiB at most.
    file: String,
    /// What it shows, for those who do not see it.
    alt: String,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Tags {
    /// With commas between them.
    Line(String),
    List(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum ArticleStatus {
    Draft,
    Published,
}

/// What a delete rests on.
#[derive(JsonSchema)]
pub(super) struct Revision {
    revision: Option<u64>,
}

/// An object: any members, of which `status` is a text.
#[derive(JsonSchema)]
pub(super) struct Object {
    r#type: Option<String>,
    status: Option<String>,
    revision: Option<u64>,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// Why it is done, for those who come after.
#[derive(JsonSchema)]
pub(super) struct Reason {
    reason: Option<String>,
}

/// A signal.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Signal {
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    name: NodeId,
    /// What it carries; in a form, JSON.
    payload: Option<Value>,
}

/// What is done to all flows that a filter finds.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct BulkAction {
    action: FlowAction,
    filter: FlowFilter,
    reason: Option<String>,
    /// Whether it is only counted.
    dry_run: Option<bool>,
    /// The `next` of the answer before.
    cursor: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum FlowAction {
    Retry,
    Rerun,
    Cancel,
}

/// Which flows are meant; one that finds all of them says `all`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct FlowFilter {
    all: Option<bool>,
    view: Option<String>,
    status: Option<FlowStatus>,
    behavior: Option<String>,
    object: Option<String>,
    actor: Option<String>,
    activity: Option<String>,
    older_than: Option<String>,
    newer_than: Option<String>,
    effect: Option<String>,
    effect_status: Option<String>,
    waiting: Option<String>,
    text: Option<String>,
}

/// An event in a form.
#[derive(JsonSchema)]
pub(super) struct EventForm {
    /// The text of an event file.
    event: String,
}

/// An author's event file.
#[derive(JsonSchema)]
pub(super) struct EventTrial {
    /// The object, or its URL.
    object: Value,
    /// Members of the activity.
    activity: Option<Map<String, Value>>,
    /// What changed.
    transitions: Option<Vec<Map<String, Value>>>,
    /// The operator's config.
    config: Option<Map<String, Value>>,
    /// How waits end, by their nodes.
    waits: Option<Map<String, Value>>,
}

/// Which effects are tried again.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct BulkRedrive {
    filter: EffectFilter,
    reason: Option<String>,
    /// Whether they are only counted.
    dry_run: Option<bool>,
    /// The `next` of the answer before.
    cursor: Option<String>,
}

/// Which effects are meant; one that finds all of them says `all`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct EffectFilter {
    all: Option<bool>,
    kind: Option<String>,
    status: Option<StuckStatus>,
    behavior: Option<String>,
    destination: Option<String>,
    error: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum StuckStatus {
    Dead,
    Unhandled,
}

/// What is erased: exactly one of `object`, `actor`, `user` and `older_than`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct ErasureRequest {
    /// A slug, an id, or `Type/id`.
    object: Option<String>,
    actor: Option<String>,
    user: Option<String>,
    /// Flows that ended so long ago, such as `90d`.
    older_than: Option<String>,
    reason: Option<String>,
    /// Whether flows that have not ended are cancelled first.
    cancel: Option<bool>,
    /// Whether it is only counted.
    dry_run: Option<bool>,
}

/// The module that a behavior is bound to.
#[derive(JsonSchema)]
pub(super) struct Activate {
    /// Of a candidate or of something in the history, or its first characters.
    digest: String,
    /// Whether a lower version will do.
    force: Option<bool>,
}

/// Removing a behavior.
#[derive(JsonSchema)]
pub(super) struct Remove {
    /// Whether flows that wait are cancelled.
    cancel: Option<bool>,
}

/// A config in a form.
#[derive(JsonSchema)]
pub(super) struct ConfigForm {
    /// JSON.
    config: String,
}

/// A policy in a form.
#[derive(JsonSchema)]
pub(super) struct PolicyForm {
    /// JSON.
    policy: String,
}

/// A behavior's config, which its schema describes.
#[derive(JsonSchema)]
pub(super) struct NewConfig(Map<String, Value>);

/// A new actor.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewActor {
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    name: String,
    kind: Option<ActorKind>,
    display_name: Option<String>,
    summary: Option<String>,
    approves_followers: Option<bool>,
    /// URLs of actors elsewhere that are the same.
    also_known_as: Option<Vec<String>>,
}

#[derive(JsonSchema)]
enum ActorKind {
    Person,
    Service,
    Group,
}

/// What an actor says of itself; what is not sent stays.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Profile {
    display_name: Option<String>,
    summary: Option<String>,
    approves_followers: Option<bool>,
    /// URLs of actors elsewhere that are the same.
    also_known_as: Option<Vec<String>>,
}

/// Whom to follow.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Follow {
    /// `name@host`, or an actor's URL.
    who: String,
}

/// An actor that something is done about.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct OtherActor {
    /// `name@host`, or the actor's URL.
    actor: String,
}

/// A note.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewNote {
    /// Markdown.
    content: String,
    /// The id of what it answers: something that was sent to the actor, or something of this host that is for everybody.
    in_reply_to: Option<String>,
}

/// No field at all.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What is decided about a follower.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Decide {
    /// `name@host`, or the actor's URL.
    actor: String,
    decision: DecisionWord,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum DecisionWord {
    Accept,
    Reject,
    Remove,
}

/// An activity, or an object that is to be created.
#[derive(JsonSchema)]
pub(super) struct ToOutbox {
    r#type: String,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// An activity.
#[derive(JsonSchema)]
pub(super) struct ToInbox {
    id: String,
    r#type: String,
    actor: Value,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// A name and its password.
#[derive(JsonSchema)]
pub(super) struct Login {
    name: String,
    password: String,
    /// Where to go then.
    next: Option<String>,
    /// The token of the page's session.
    csrf: String,
}

/// A new user.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewUser {
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    name: String,
    role: RoleWord,
    password: String,
    /// As whom the user posts; `site` where it is left out.
    actor: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub(super) enum RoleWord {
    Author,
    Editor,
    Approver,
    Operator,
}

/// A new password.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Password {
    password: String,
}

/// A user's new role.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewRole {
    role: RoleWord,
}

/// A copy that was taken.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct BackupTaken {
    /// Entries of the log that it holds.
    entries: u64,
}

/// A new token of one's own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct OwnToken {
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    name: Option<String>,
}

/// A new token.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct NewToken {
    user: String,
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    name: Option<String>,
}
