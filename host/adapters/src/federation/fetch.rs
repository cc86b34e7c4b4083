//! Asking other hosts: one GET for one document, and what its answer means.

use std::sync::Arc;

use reqwest::{
    StatusCode,
    header::{ACCEPT, HeaderMap, HeaderValue},
};
use rosehip_core::{
    federation::{ActorUrl, Peer, RemoteActor, RemoteActorError, Who, media_type, webfinger},
    json, limits,
};
use serde_json::{Map, Value};
use url::Url;

use super::{FetchError, turns::Turns};
use crate::outgoing::{Answer, Client, NoAnswer, NoBody};

/// Headers that sign a GET of a URL, for hosts that answer only to who says who they are.
pub type Sign = Arc<dyn Fn(&Url) -> HeaderMap + Send + Sync>;

/// Asks other hosts.
pub(super) struct Fetch {
    client: Client,
    sign: Option<Sign>,
    turns: Turns,
}

/// A kind of document.
struct Kind {
    accepts: &'static str,
    is_of: fn(&str) -> bool,
    limit: usize,
}

const ACTOR: Kind =
    Kind { accepts: media_type::ACCEPTS_ACTIVITY, is_of: media_type::is_activity, limit: limits::REMOTE_ACTOR_BYTES };
const COLLECTION: Kind = Kind { limit: limits::REMOTE_PAGE_BYTES, ..ACTOR };
const JRD: Kind = Kind { accepts: media_type::ACCEPTS_JRD, is_of: media_type::is_jrd, limit: limits::WEBFINGER_BYTES };

impl Fetch {
    pub(super) fn new(client: Client, sign: Option<Sign>) -> Self {
        Self { client, sign, turns: Turns::default() }
    }

    /// The actor that stands at a URL and says to be it.
    pub(super) async fn actor(&self, url: &ActorUrl) -> Result<RemoteActor, FetchError> {
        let web_url = Url::parse(url.as_str()).map_err(|error| FetchError::unreadable(url, error))?;
        let document = self.document(web_url, &url.host(), url.as_str(), &ACTOR).await?;
        RemoteActor::read(url, &document).map_err(|error| match error {
            RemoteActorError::OtherId { fetched, id } => FetchError::OtherId { asked: fetched, id },
            RemoteActorError::Invalid { .. }
            | RemoteActorError::ForeignUrl { .. }
            | RemoteActorError::TooLong { .. } => FetchError::unreadable(url, error),
        })
    }

    /// A collection, or a page of one.
    pub(super) async fn collection(&self, url: &ActorUrl) -> Result<Map<String, Value>, FetchError> {
        let web_url = Url::parse(url.as_str()).map_err(|error| FetchError::unreadable(url, error))?;
        self.document(web_url, &url.host(), url.as_str(), &COLLECTION).await
    }

    /// What a host's `WebFinger` says of somebody (RFC 7033 §4).
    pub(super) async fn webfinger(&self, host: &Peer, who: &Who) -> Result<webfinger::Found, FetchError> {
        let scheme = if self.is_for_development(host) { "http" } else { "https" };
        let mut url = Url::parse(&format!("{scheme}://{host}{}", webfinger::PATH))
            .map_err(|error| FetchError::unreadable(who, error))?;
        url.query_pairs_mut().append_pair("resource", &who.resource());
        let document = self.document(url, host, &who.to_string(), &JRD).await?;
        webfinger::Found::read(who, &document).map_err(|error| FetchError::unreadable(who, error))
    }

    /// Where http may be spoken, a host that has no name in the world speaks it.
    fn is_for_development(&self, host: &Peer) -> bool {
        let host = host.as_str();
        self.client.options().plain_http
            && (host.contains(':') || !host.contains(|c: char| c.is_ascii_alphabetic()) || !host.contains('.'))
    }

    async fn document(&self, url: Url, host: &Peer, what: &str, kind: &Kind) -> Result<Map<String, Value>, FetchError> {
        let _turn = self.turns.take(host).await?;
        let headers = |url: &Url| {
            let mut headers = self.sign.as_ref().map_or_else(HeaderMap::new, |sign| sign(url));
            headers.insert(ACCEPT, HeaderValue::from_static(kind.accepts));
            headers
        };
        let answer = self.client.get(url, &headers).await?;
        judged(&answer, what, kind)?;
        let body = answer.body(kind.limit).await.map_err(|error| match error {
            NoBody::Broken(no_answer) => no_answer.into(),
            NoBody::TooLong { .. } => FetchError::unreadable(what, error),
        })?;
        json::parse_object(&body).map_err(|error| FetchError::unreadable(what, error))
    }
}

impl From<NoAnswer> for FetchError {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::Refused(message) => Self::Refused(message),
            NoAnswer::Unreachable(message) => Self::Unreachable(message),
        }
    }
}

/// Whether an answer's head promises a document of this kind.
fn judged(answer: &Answer, what: &str, kind: &Kind) -> Result<(), FetchError> {
    let status = answer.status();
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            return Err(FetchError::Gone { what: what.to_owned(), status: status.as_u16() });
        }
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            return Err(FetchError::Unreachable(format!("{} answered {}", answer.host(), status.as_u16())));
        }
        _ if status.is_server_error() => {
            return Err(FetchError::Unreachable(format!("{} answered {}", answer.host(), status.as_u16())));
        }
        _ => return Err(FetchError::unreadable(what, format!("its host answered {}", status.as_u16()))),
    }
    let content_type = answer.content_type().unwrap_or_default();
    if (kind.is_of)(content_type) {
        return Ok(());
    }
    let content_type = crate::outgoing::excerpt(content_type, &[]);
    Err(FetchError::unreadable(what, format!("its content type is {content_type:?}")))
}
