//! Everything that can go wrong on the way to an answer, and its status. This is the only place where an error gets
//! one.
//!
//! A handler returns a [`Fault`]; the door that let the request in writes it as `application/problem+json` (RFC 9457)
//! or, for people, as a page.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use rosehip_adapters::{accounts::AccountError, federation::FetchError};
use rosehip_core::{behavior::NoSuchModule, json::InvalidJson, rehearsal::InvalidFile};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, json};

use crate::host::{
    ActionError, ActorError, BehaviorError, ErasureError, InstallError, PostError, ReadError, TryError, WhatIfError,
    WriteError,
};

/// Seconds after which a module may be sent again that this host could not judge.
const COMPILE_RETRY_SECONDS: u64 = 5;
/// Seconds after which the replay that is under way may have ended.
const REPLAY_RETRY_SECONDS: u64 = 10;
/// Seconds after which another host that did not answer may be asked again.
const FETCH_RETRY_SECONDS: u64 = 60;

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct FieldError {
    /// The field's name, or a JSON Pointer without its first slash.
    pub(super) field: String,
    /// The rule's stable name.
    pub(super) rule: &'static str,
    /// What is wrong, for people.
    pub(super) message: String,
}

impl FieldError {
    /// A breach of a rule by a field.
    pub(super) fn new(field: impl Into<String>, rule: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), rule, message: message.into() }
    }
}

/// An answer other than the one that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Its status.
    pub(super) status: StatusCode,
    /// The rule's stable name.
    pub(super) rule: String,
    /// What is wrong, for people.
    pub(super) detail: String,
    /// The fields that break rules.
    pub(super) errors: Vec<FieldError>,
    /// What else the document tells, by name.
    pub(super) more: Option<Box<Map<String, serde_json::Value>>>,
    /// Seconds after which to try again.
    pub(super) retry_after: Option<u64>,
    /// What happened here, for the log and for nobody else.
    pub(super) cause: Option<Box<str>>,
}

impl Fault {
    /// A fault of any status.
    pub(super) fn new(status: StatusCode, rule: impl Into<String>, detail: impl Into<String>) -> Self {
        let (rule, detail) = (rule.into(), detail.into());
        Self { status, rule, detail, errors: Vec::new(), more: None, retry_after: None, cause: None }
    }

    /// 400: what was sent cannot be read.
    pub(super) fn unreadable(rule: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rule, detail)
    }

    /// 401: log in first.
    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "login",
            "log in first, or send a bearer token, which an operator makes with `rosehip token create`",
        )
    }

    /// 403.
    pub(super) fn forbidden(rule: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, rule, detail)
    }

    /// 404, naming what there is none of.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// 410: it was there, and was erased.
    pub(super) fn gone(what: &str) -> Self {
        Self::new(StatusCode::GONE, "erased", format!("{what} was erased"))
    }

    /// 409.
    pub(super) fn conflict(rule: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, rule, detail)
    }

    /// 422 for one field.
    pub(super) fn invalid(field: &str, rule: &'static str, message: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError::new(field, rule, message)])
    }

    /// 422, listing the fields.
    pub(super) fn invalid_fields(errors: Vec<FieldError>) -> Self {
        let rule = errors.first().map_or("invalid", |error| error.rule);
        let detail: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, rule, detail_of(&detail)) }
    }

    /// 500: the fault is ours. The door logs its cause; the answer says no more than that.
    pub(super) fn ours(error: &dyn std::fmt::Display) -> Self {
        let detail = "something went wrong here; the log says what";
        Self {
            cause: Some(error.to_string().into()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        }
    }

    /// 503: try again later.
    pub(super) fn later(rule: &str, detail: impl Into<String>, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, rule, detail) }
    }

    /// 429.
    pub(super) fn too_many(seconds: u64) -> Self {
        let detail = format!("too many requests from your address; try again in {seconds} s");
        Self { retry_after: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limit", detail) }
    }

    /// The fault as a problem document.
    pub(super) fn to_problem(&self) -> Response {
        let mut problem = Map::new();
        problem.insert("type".into(), "about:blank".into());
        problem.insert("title".into(), self.title().into());
        problem.insert("status".into(), self.status.as_u16().into());
        problem.insert("detail".into(), self.detail.as_str().into());
        problem.insert("rule".into(), self.rule.as_str().into());
        if !self.errors.is_empty() {
            problem.insert("errors".into(), json!(self.errors));
        }
        problem.extend(self.more.as_deref().cloned().unwrap_or_default());
        let body = serde_json::Value::Object(problem).to_string();
        (self.status, [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body).into_response()
    }

    /// The status in words.
    pub(super) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// Sets the headers that belong to the status, whatever form the body has.
    pub(super) fn set_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"rosehip\""));
        }
    }
}

fn detail_of(messages: &[String]) -> String {
    if messages.is_empty() { "what was sent breaks a rule".to_owned() } else { messages.join("; ") }
}

/// A bare response that carries the fault to the door, which writes it.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<InvalidJson> for Fault {
    fn from(error: InvalidJson) -> Self {
        Self::unreadable(error.rule, error.message)
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::ours(&error)
    }
}

impl From<WriteError> for Fault {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::Stale { given: Some(given), current: Some(current) } => {
                Self::conflict("stale", format!("revision {given} is stale: the current one is {current}"))
            }
            WriteError::Stale { given: None, .. } => Self::conflict("exists", "it exists already"),
            WriteError::Stale { given: Some(given), current: None } => {
                Self::conflict("stale", format!("revision {given} is stale: it has been deleted"))
            }
            WriteError::SlugTaken(slug) => Self {
                errors: vec![FieldError::new("slug", "taken", format!("{slug} is taken"))],
                ..Self::conflict("taken", message)
            },
            WriteError::NotFound => Self::not_found("object"),
            WriteError::Erased(_) => Self::new(StatusCode::GONE, "erased", message),
            WriteError::Busy { retry_after } => Self::later("busy", message, retry_after),
            WriteError::Stopping => Self::later("stopping", message, 5),
            WriteError::DiskFull => Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", message),
            WriteError::Read(error) => error.into(),
        }
    }
}

impl From<ActorError> for Fault {
    fn from(error: ActorError) -> Self {
        let message = error.to_string();
        match error {
            ActorError::Taken(name) => Self {
                errors: vec![FieldError::new("name", "taken", format!("{name} is taken"))],
                ..Self::conflict("taken", message)
            },
            ActorError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not-found", message),
            ActorError::Invalid { member, rule, message } => Self::invalid(member, rule, message),
            ActorError::Key(_) => Self::ours(&message),
            ActorError::Append(error) => WriteError::from(error).into(),
            ActorError::Read(error) => error.into(),
        }
    }
}

impl From<PostError> for Fault {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Invalid { member, rule, message } => Self::invalid(member, rule, message),
            PostError::Fetch(error @ (FetchError::Unreachable(_) | FetchError::Busy(_))) => {
                Self::later("unreachable", error.to_string(), FETCH_RETRY_SECONDS)
            }
            PostError::Fetch(
                error @ (FetchError::Gone { .. }
                | FetchError::Refused(_)
                | FetchError::Unreadable { .. }
                | FetchError::OtherId { .. }
                | FetchError::NoKey(_)
                | FetchError::Unconfirmed { .. }),
            ) => Self::invalid("who", "unknown", error.to_string()),
            PostError::Write(error) => error.into(),
            PostError::Read(error) => error.into(),
        }
    }
}

impl From<ActionError> for Fault {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NotFound(what) => Self::not_found(what),
            ActionError::Illegal(message) => Self::conflict("state", message),
            ActionError::Write(error) => error.into(),
            ActionError::Read(error) => error.into(),
        }
    }
}

impl From<ErasureError> for Fault {
    fn from(error: ErasureError) -> Self {
        let message = error.to_string();
        match error {
            ErasureError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "not-found", message),
            ErasureError::Gone(_) => Self::new(StatusCode::GONE, "erased", message),
            ErasureError::Open(flows) => {
                let more = Map::from_iter([("flows".to_owned(), json!(flows))]);
                Self { more: Some(Box::new(more)), ..Self::conflict("open-flows", message) }
            }
            ErasureError::Busy(_) => Self::later("busy", message, 1),
            ErasureError::Action(error) => error.into(),
            ErasureError::Write(error) => error.into(),
        }
    }
}

impl From<InstallError> for Fault {
    fn from(error: InstallError) -> Self {
        let message = error.to_string();
        match error {
            InstallError::Refused { rule, breaches, .. } => {
                let field = |place: String| if place.is_empty() { "manifest".to_owned() } else { place };
                let errors = breaches.into_iter();
                let errors = errors.map(|breach| FieldError::new(field(breach.place), breach.rule, breach.message));
                Self { errors: errors.collect(), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, rule, message) }
            }
            InstallError::Host { rule, .. } => Self::later(rule, message, COMPILE_RETRY_SECONDS),
            InstallError::Lower { .. } => Self::conflict("lower-version", message),
            InstallError::NotFound(_) => Self::not_found("behavior"),
            InstallError::NoSuchModule(NoSuchModule::Unknown) => Self::new(StatusCode::NOT_FOUND, "not-found", message),
            InstallError::NoSuchModule(error @ (NoSuchModule::Form | NoSuchModule::Ambiguous)) => {
                Self::invalid("digest", "form", error.to_string())
            }
            InstallError::Write(error) => error.into(),
        }
    }
}

impl From<TryError> for Fault {
    fn from(error: TryError) -> Self {
        match error {
            TryError::Event(invalid) => invalid.into(),
            TryError::Host(error) => error.into(),
        }
    }
}

impl From<InvalidFile> for Fault {
    fn from(invalid: InvalidFile) -> Self {
        Self::invalid(&invalid.field, "event", invalid.message)
    }
}

impl From<WhatIfError> for Fault {
    fn from(error: WhatIfError) -> Self {
        let message = error.to_string();
        match error {
            WhatIfError::Module(error) => error.into(),
            WhatIfError::NoBehavior(_) | WhatIfError::NoFlow(_) => {
                Self::new(StatusCode::NOT_FOUND, "not-found", message)
            }
            WhatIfError::Busy => Self::later("replays", message, REPLAY_RETRY_SECONDS),
            WhatIfError::Read(error) => error.into(),
        }
    }
}

impl From<BehaviorError> for Fault {
    fn from(error: BehaviorError) -> Self {
        match error {
            BehaviorError::NotFound(_) => Self::not_found("behavior"),
            BehaviorError::Illegal(message) => Self::conflict("state", message),
            BehaviorError::Invalid { field, message } => Self::invalid(&field, "schema", message),
            BehaviorError::Write(error) => error.into(),
        }
    }
}

impl From<AccountError> for Fault {
    fn from(error: AccountError) -> Self {
        let message = error.to_string();
        match error {
            AccountError::Invalid { field, rule } => Self::invalid(field, "form", rule),
            AccountError::Taken { .. } => Self::conflict("taken", message),
            AccountError::Unknown { what, .. } => Self::not_found(what),
            AccountError::Hash(_) | AccountError::Schema(_) | AccountError::Sqlite(_) => Self::ours(&message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_status_of_the_design() {
        let status = |fault: Fault| fault.status.as_u16();
        assert_eq!(status(WriteError::Stale { given: Some(1), current: Some(2) }.into()), 409);
        assert_eq!(status(WriteError::SlugTaken("a".into()).into()), 409);
        assert_eq!(status(WriteError::NotFound.into()), 404);
        assert_eq!(status(WriteError::DiskFull.into()), 507);
        let busy = Fault::from(WriteError::Busy { retry_after: 3 });
        assert_eq!((busy.status.as_u16(), busy.retry_after), (503, Some(3)));
        assert_eq!(status(Fault::invalid("title", "required", "is missing")), 422);
        assert_eq!(status(rosehip_core::json::parse(b"{").expect_err("no JSON").into()), 400);
        let lower = InstallError::Lower { given: "1.0.0".into(), active: "1.1.0".into() };
        assert_eq!(status(lower.into()), 409);
        let host = InstallError::Host { rule: "compile-host", message: "no process could be started".into() };
        let host = Fault::from(host);
        assert_eq!((host.status.as_u16(), host.rule.as_str(), host.retry_after), (503, "compile-host", Some(5)));
        assert_eq!(status(InstallError::NoSuchModule(NoSuchModule::Unknown).into()), 404);
        assert_eq!(status(InstallError::NoSuchModule(NoSuchModule::Form).into()), 422);
        assert_eq!(status(ActionError::Illegal("a flow that is completed cannot retry".into()).into()), 409);
    }

    #[test]
    fn every_field_that_breaks_a_rule_is_named() {
        let fault = Fault::invalid_fields(vec![
            FieldError::new("title", "required", "give it a title"),
            FieldError::new("status", "one-of", "must be draft or published"),
        ]);
        assert_eq!(fault.detail, "title: give it a title; status: must be draft or published");
        assert_eq!(fault.rule, "required");
    }
}
