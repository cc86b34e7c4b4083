//! The stylesheet, which the binary carries.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::LazyLock,
};

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};

const STYLESHEET: &str = include_str!("../../assets/rosehip.css");

/// Changes with the stylesheet, so that browsers may keep it for good.
static TAG: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = DefaultHasher::new();
    STYLESHEET.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
});

static URL: LazyLock<String> = LazyLock::new(|| format!("/assets/rosehip.css?v={}", *TAG));

/// The address of the stylesheet, with its hash.
pub(super) fn stylesheet_url() -> &'static str {
    &URL
}

/// `GET /assets/rosehip.css`
pub(super) async fn stylesheet(headers: HeaderMap) -> Response {
    let tag = format!("\"{}\"", *TAG);
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let tag = HeaderValue::from_str(&tag).expect("hex in quotes is a header value");
    let caching = [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")), (ETAG, tag)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, "text/css; charset=utf-8")], STYLESHEET).into_response()
}
