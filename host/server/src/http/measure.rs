//! Requests in numbers: which route took each, how it was answered and how long that took.
//!
//! The table of routes marks an answer with the template of the route that gave it; the doors count what leaves, so that
//! what they refuse themselves is counted too.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use metrics::Label;

/// What stands for the route of a request that no route took.
const NONE: &str = "none";

/// Marks an answer with the route that gave it. A layer of the table.
pub(super) async fn mark(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// The route that gave an answer.
pub(super) fn route_of(response: &Response) -> Option<MatchedPath> {
    response.extensions().get::<MatchedPath>().cloned()
}

/// Counts an answer.
pub(super) fn answered(method: &Method, route: Option<&MatchedPath>, status: StatusCode, took: Duration) {
    let route = route.map_or(NONE, MatchedPath::as_str).to_owned();
    let labels = vec![
        Label::from_static_parts("method", known(method)),
        Label::new("route", route.clone()),
        Label::new("status", status.as_str().to_owned()),
    ];
    metrics::counter!("rosehip_http_requests_total", labels).increment(1);
    metrics::histogram!("rosehip_http_request_seconds", "route" => route).record(took);
}

/// A method's name, unless a stranger made it up: each would be a series of its own.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_are_made_up_are_one() {
        assert_eq!(known(&Method::PUT), "PUT");
        assert_eq!(known(&"BREW".parse().expect("a method")), "other");
    }
}
