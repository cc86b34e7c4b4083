//! What is asked of a route and what it answers, whichever way it takes.

use std::fmt;

use reqwest::{Method, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::ClientError;

/// What a refusal says (RFC 9457).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.detail.as_deref().or(self.title.as_deref()).unwrap_or("the host refused"))
    }
}

/// What is asked of a route.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    segments: Vec<String>,
    query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A request for the path that these segments make; they need not be escaped.
    pub fn new(method: Method, segments: &[&str]) -> Self {
        let segments = segments.iter().map(|&segment| segment.to_owned()).collect();
        Self { method, segments, query: Vec::new(), headers: Vec::new(), body: Vec::new() }
    }

    /// Reads.
    pub fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    /// Acts.
    pub fn post(segments: &[&str]) -> Self {
        Self::new(Method::POST, segments)
    }

    /// Puts in place.
    pub fn put(segments: &[&str]) -> Self {
        Self::new(Method::PUT, segments)
    }

    /// Removes.
    pub fn delete(segments: &[&str]) -> Self {
        Self::new(Method::DELETE, segments)
    }

    /// With a query parameter, if there is a value for it.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    /// With a module as its body.
    #[must_use]
    pub fn wasm(mut self, module: Vec<u8>) -> Self {
        self.body = module;
        self.header("content-type", "application/wasm")
    }

    pub(super) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(&self.segments);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

/// What a route answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    pub(super) at: String,
}

impl Answer {
    /// Its body as text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Its body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ClientError::Unreadable { at: self.at.clone(), reason: error.to_string() })
    }

    /// This, if it is a success; else what the refusal says.
    pub(super) fn success(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let stated: Option<Problem> = serde_json::from_slice(&self.body).ok();
        let problem = stated
            .unwrap_or_else(|| Problem { title: Some(format!("the host answered {}", self.status)), detail: None });
        Err(ClientError::Refused { status: self.status, problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_urls_stay_one_segment() {
        let base = Url::parse("https://blog.example/").expect("a URL");
        let request =
            Request::get(&["activities", "https://a.example/x?y"]).query("limit", Some(2)).query("none", None::<u8>);
        assert_eq!(
            request.url(&base).as_str(),
            "https://blog.example/activities/https:%2F%2Fa.example%2Fx%3Fy?limit=2"
        );
    }

    #[test]
    fn a_refusal_says_what_the_problem_says() {
        let answer = |body: &str| Answer { status: StatusCode::CONFLICT, body: body.into(), at: String::new() };
        let said = |body| answer(body).success().expect_err("refused").to_string();
        assert_eq!(said(r#"{"title": "Conflict", "detail": "flows wait", "status": 409}"#), "flows wait");
        assert_eq!(said(r#"{"title": "Conflict"}"#), "Conflict");
        assert_eq!(said("<html>"), "the host answered 409 Conflict");
    }
}
