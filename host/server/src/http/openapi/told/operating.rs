//! Who may come in, what was done, what is taken out, and how the host is.

use rosehip_core::{
    ids::{ActorName, FlowId, ObjectKey},
    time::Timestamp,
};
use schemars::JsonSchema;

use super::super::sent::RoleWord;

/// What an erasure takes.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Erasure {
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
pub(in crate::http::openapi) struct Users {
    users: Vec<User>,
}

/// A user.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct User {
    name: String,
    role: RoleWord,
    actor: ActorName,
    created: Timestamp,
}

/// Tokens of programs, without their secrets.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Tokens {
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
pub(in crate::http::openapi) struct TokenSecret {
    /// The secret, which is told nowhere else.
    token: String,
    name: String,
    user: String,
}

/// A user's own account.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Account {
    user: String,
    role: RoleWord,
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
pub(in crate::http::openapi) struct AuditTrail {
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
pub(in crate::http::openapi) struct Readiness {
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
