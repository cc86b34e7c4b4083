//! The answer to a write, the same for articles and every other object.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header::ETAG, header::LOCATION},
    response::{IntoResponse, Response},
};
use rosehip_core::{
    flow::FlowSummary,
    ids::{ActivityId, ObjectKey},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::prefer::Wait;
use crate::host::Written;

/// What was written.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Written")]
pub(super) struct WrittenJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'a str>,
    url: String,
    status: Option<&'a str>,
    revision: u64,
    activity: Option<&'a ActivityId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<&'a [FlowSummary]>,
}

/// 201 or 200 with what was written, and what it fired where the client waited.
pub(super) fn answer(base_url: &str, written: &Written, wait: Option<Wait>) -> Response {
    let object = &written.object;
    // What is deleted has no members any more.
    let slug = object.slug().or(written.former_slug.as_deref());
    let document = WrittenJson {
        slug: slug.filter(|_| object.key.kind.as_str() == "Article"),
        url: format!("{base_url}{}", path(&object.key, slug)),
        status: object.status(),
        revision: object.revision,
        activity: written.activity.as_ref(),
        flows: written.flows.as_deref(),
    };
    let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut headers = HeaderMap::new();
    headers.insert(ETAG, etag(object.revision));
    if let (true, Ok(location)) = (written.created, document.url.parse()) {
        headers.insert(LOCATION, location);
    }
    if let Some(wait) = wait {
        wait.confirm(&mut headers);
    }
    (status, headers, Json(document)).into_response()
}

/// The path of an object's page.
pub(super) fn path(key: &ObjectKey, slug: Option<&str>) -> String {
    match slug {
        Some(slug) if key.kind.as_str() == "Article" => format!("/{slug}/"),
        _ => format!("/objects/{key}"),
    }
}

/// The entity tag of a revision (RFC 9110 §8.8.3).
pub(super) fn etag(revision: u64) -> axum::http::HeaderValue {
    format!("\"{revision}\"").parse().expect("digits in quotes are a header value")
}
