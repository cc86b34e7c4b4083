//! What pages load, which the binary carries. An address holds the hash of what it names, so that browsers may keep it
//! for good.

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

/// A file of the binary's.
pub(super) struct Asset {
    text: &'static str,
    content_type: &'static str,
    hash: String,
    /// Its address, with its hash.
    pub(super) url: String,
}

impl Asset {
    fn new(path: &str, content_type: &'static str, text: &'static str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = format!("{:016x}", hasher.finish());
        Self { text, content_type, url: format!("{path}?v={hash}"), hash }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.hash);
        let is_known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
        let tag = HeaderValue::from_str(&tag).expect("hex in quotes is a header value");
        let caching = [(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")), (ETAG, tag)];
        if is_known {
            return (StatusCode::NOT_MODIFIED, caching).into_response();
        }
        (caching, [(CONTENT_TYPE, self.content_type)], self.text).into_response()
    }
}

/// The stylesheet.
pub(super) static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("/assets/rosehip.css", "text/css; charset=utf-8", include_str!("../../assets/rosehip.css"))
});

/// The script: keys, and what follows the log. Every page works without it.
pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("/assets/rosehip.js", "text/javascript; charset=utf-8", include_str!("../../assets/rosehip.js"))
});

/// `GET /assets/rosehip.css`
pub(super) async fn stylesheet(headers: HeaderMap) -> Response {
    STYLESHEET.answer(&headers)
}

/// `GET /assets/rosehip.js`
pub(super) async fn script(headers: HeaderMap) -> Response {
    SCRIPT.answer(&headers)
}
