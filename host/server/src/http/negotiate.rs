//! What form an answer takes: `Accept` (RFC 9110 §12.5.1), read once a request.

use axum::http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION},
    request::Parts,
};

use super::input::is_form;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A page for people.
    Html,
    /// JSON, as `application/json`.
    Json,
    /// `ActivityStreams` 2.0, as `application/activity+json`.
    Activity,
    /// `ActivityStreams` 2.0, as `application/ld+json` with its profile.
    LinkedData,
}

impl Form {
    /// What stands in `Accept` for it.
    fn media(self) -> (&'static str, &'static str) {
        match self {
            Self::Html => ("text", "html"),
            Self::Json => ("application", "json"),
            Self::Activity => ("application", "activity+json"),
            Self::LinkedData => ("application", "ld+json"),
        }
    }

    /// The `Content-Type` of the answer.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Activity => "application/activity+json",
            Self::LinkedData => r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams""#,
        })
    }
}

/// Pages that also come as JSON.
pub(super) const PAGE: &[Form] = &[Form::Html, Form::Json];
/// Pages whose JSON is `ActivityStreams`.
pub(super) const PUBLIC_PAGE: &[Form] = &[Form::Html, Form::Activity, Form::LinkedData, Form::Json];
/// `ActivityStreams` that people may also look at.
pub(super) const DOCUMENT: &[Form] = &[Form::Json, Form::Activity, Form::LinkedData, Form::Html];

/// Collections of `ActivityStreams`, at which people may also look.
pub(super) const COLLECTION: &[Form] = &[Form::Activity, Form::LinkedData, Form::Json, Form::Html];

/// The one of `offers` that the client likes best. Where it does not care or wants none of them, it is the first, or
/// for a program, which shows a token, the first that is not for people.
pub(super) fn choose(headers: &HeaderMap, offers: &[Form]) -> Form {
    let is_program = headers.contains_key(AUTHORIZATION);
    let favourite = offers.iter().find(|offer| !is_program || **offer != Form::Html).unwrap_or(&offers[0]);
    choose_or(headers, offers, *favourite)
}

/// The one of `offers` that the client likes best, `favourite` where it likes none better.
fn choose_or(headers: &HeaderMap, offers: &[Form], favourite: Form) -> Form {
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<Range<'_>> = accept.flat_map(|value| value.split(',')).filter_map(Range::parse).collect();
    let mut best = (favourite, (0.0, 0));
    for offer in std::iter::once(&favourite).chain(offers) {
        // Of the ranges that cover the offer the most specific one says how much it is liked.
        let covering = ranges.iter().filter_map(|range| Some((range.covers(*offer)?, range.quality)));
        let Some((specific, quality)) = covering.max_by_key(|(specific, _)| *specific) else { continue };
        let rank = (quality, specific);
        if quality > 0.0 && rank > best.1 {
            best = (*offer, rank);
        }
    }
    best.0
}

/// Whether what happens is to be told as it does (`text/event-stream`), and not how things stand.
pub(super) fn wants_events(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut ranges = accept.flat_map(|value| value.split(',')).filter_map(Range::parse);
    ranges.any(|range| range.kind.eq_ignore_ascii_case("text") && range.subtype.eq_ignore_ascii_case("event-stream"))
}

/// Whether an answer is for a person to read: the client names HTML, or does not care and asks for a page or sends a
/// form.
pub(super) fn wants_page(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let below_actor = path.strip_prefix("/actors/").and_then(|path| path.split_once('/')).map(|(_, below)| below);
    let is_below_actor = below_actor.is_some_and(|below| !matches!(below, "timeline" | "notifications" | "notes"));
    let is_for_programs =
        ["/objects/", "/users", "/tokens", "/.well-known/", "/nodeinfo/"].iter().any(|prefix| path.starts_with(prefix))
            || (method.is_safe() && is_below_actor);
    if !is_for_programs && is_form(headers) {
        return choose_or(headers, PUBLIC_PAGE, Form::Html) == Form::Html;
    }
    let offers = if !is_for_programs && method.is_safe() { PUBLIC_PAGE } else { DOCUMENT };
    choose(headers, offers) == Form::Html
}

/// The answer to a write: a redirect for people who sent a form, JSON for everybody else.
pub(super) fn wants_redirect(parts: &Parts) -> bool {
    wants_page(&parts.method, parts.uri.path(), &parts.headers)
}

/// One media range of an `Accept` header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let quality = parts.find_map(|parameter| parameter.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
        Some(Self { kind, subtype, quality })
    }

    /// How closely it covers a form: 3 exactly, 2 by type, 1 as anything.
    fn covers(&self, form: Form) -> Option<u8> {
        let (kind, subtype) = form.media();
        match (self.kind, self.subtype) {
            ("*", "*") => Some(1),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(2),
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => Some(3),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, accept.parse().expect("a header"))])
    }

    #[test]
    fn browsers_get_pages_and_programs_what_they_ask_for() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        for (accept, wanted) in [
            (browser, Form::Html),
            ("*/*", Form::Html),
            ("application/json", Form::Json),
            ("application/json, */*", Form::Json),
            ("application/*", Form::Activity),
            ("application/activity+json", Form::Activity),
            (r#"application/ld+json; profile="https://www.w3.org/ns/activitystreams""#, Form::LinkedData),
            ("text/html;q=0.5, application/json", Form::Json),
            ("application/json;q=0, */*;q=0.1", Form::Html),
            ("image/png", Form::Html),
            ("nonsense", Form::Html),
            ("application/json;q=x", Form::Html),
        ] {
            assert_eq!(choose(&headers(accept), PUBLIC_PAGE), wanted, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), PAGE), Form::Html);
    }

    #[test]
    fn errors_are_pages_for_those_who_would_have_got_one() {
        let none = HeaderMap::new();
        assert!(wants_page(&Method::GET, "/drafts", &none));
        let content = |kind| HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        assert!(wants_page(&Method::POST, "/new", &content("application/x-www-form-urlencoded")));
        assert!(!wants_page(&Method::POST, "/flows/x/retry", &none));
        assert!(!wants_page(&Method::GET, "/objects/Order/1", &none));
        assert!(!wants_page(&Method::PUT, "/behaviors/publish", &none));
        assert!(!wants_page(&Method::GET, "/actors/site/outbox", &none));
        assert!(!wants_page(&Method::GET, "/.well-known/webfinger", &none));
        assert!(wants_page(&Method::GET, "/actors/site", &none));
        assert!(wants_page(&Method::GET, "/actors/site/timeline", &none));
        assert!(wants_page(&Method::POST, "/actors/site/follow", &content("application/x-www-form-urlencoded")));
        assert!(!wants_page(&Method::GET, "/drafts", &headers("application/json")));
        assert!(!wants_page(&Method::POST, "/new", &content("application/json")));
        assert!(wants_page(&Method::GET, "/objects/Order/1", &headers("text/html")));
    }
}
