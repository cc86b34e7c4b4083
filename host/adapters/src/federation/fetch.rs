//! Asking other hosts: one GET for one document, and what its answer means.

use reqwest::{
    StatusCode,
    header::{ACCEPT, HeaderMap, HeaderValue},
};
use rosehip_core::{
    federation::{ActorUrl, Peer, RemoteActor, RemoteActorError, Who, media_type, webfinger},
    json, limits,
    signing::may_refuse_signature,
};
use serde_json::{Map, Value};
use url::Url;

use super::{FetchError, SignedGet, signed_get::Form, turns::Turns};
use crate::outgoing::{Answer, Client, NoAnswer, NoBody};

/// Asks other hosts.
pub(super) struct Fetch {
    client: Client,
    signed: Option<SignedGet>,
    turns: Turns,
}

/// A kind of document.
struct Kind {
    accepts: &'static str,
    is_of: fn(&str) -> bool,
    limit: usize,
    /// Whether hosts may want to know who asks.
    is_signed: bool,
}

const ACTOR: Kind = Kind {
    accepts: media_type::ACCEPTS_ACTIVITY,
    is_of: media_type::is_activity,
    limit: limits::REMOTE_ACTOR_BYTES,
    is_signed: true,
};
const COLLECTION: Kind = Kind { limit: limits::REMOTE_PAGE_BYTES, ..ACTOR };
const JRD: Kind = Kind {
    accepts: media_type::ACCEPTS_JRD,
    is_of: media_type::is_jrd,
    limit: limits::WEBFINGER_BYTES,
    is_signed: false,
};

impl Fetch {
    pub(super) fn new(client: Client, signed: Option<SignedGet>) -> Self {
        Self { client, signed, turns: Turns::default() }
    }

    /// The actor that stands at a URL and says to be it.
    pub(super) async fn actor(&self, url: &ActorUrl) -> Result<RemoteActor, FetchError> {
        Ok(self.actor_document(url).await?.0)
    }

    /// The same with its document.
    pub(super) async fn actor_document(&self, url: &ActorUrl) -> Result<(RemoteActor, Map<String, Value>), FetchError> {
        let web_url = Url::parse(url.as_str()).map_err(|error| FetchError::unreadable(url, error))?;
        let document = self.document(web_url, &url.host(), url.as_str(), &ACTOR).await?;
        let actor = RemoteActor::read(url, &document).map_err(|error| match error {
            RemoteActorError::OtherId { fetched, id } => FetchError::OtherId { asked: fetched, id },
            RemoteActorError::Invalid { .. }
            | RemoteActorError::ForeignUrl { .. }
            | RemoteActorError::TooLong { .. } => FetchError::unreadable(url, error),
        })?;
        Ok((actor, document))
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
        let answer = match self.signed.as_ref().filter(|_| kind.is_signed) {
            Some(signed) => self.asked_signed(signed, url, host, kind).await?,
            None => self.asked(url, kind, None, None).await?,
        };
        judged(&answer, what, kind)?;
        let body = answer.body(kind.limit).await.map_err(|error| match error {
            NoBody::Broken(no_answer) => no_answer.into(),
            NoBody::TooLong { .. } => FetchError::unreadable(what, error),
        })?;
        json::parse_object(&body).map_err(|error| FetchError::unreadable(what, error))
    }

    /// Asks in the form that the host takes, as far as is known, and in others where it refuses that.
    async fn asked_signed(&self, signed: &SignedGet, url: Url, host: &Peer, kind: &Kind) -> Result<Answer, NoAnswer> {
        let mut forms = signed.forms(host, &url).into_iter().peekable();
        loop {
            let form = forms.next();
            let answer = self.asked(url.clone(), kind, Some(signed), form).await?;
            if may_refuse_signature(answer.status().as_u16()) && forms.peek().is_some() {
                continue;
            }
            if let Some(Form { scheme, .. }) = form.filter(|_| answer.status().is_success()) {
                signed.schemes.sent(host, scheme);
            }
            return Ok(answer);
        }
    }

    async fn asked(
        &self,
        url: Url,
        kind: &Kind,
        signed: Option<&SignedGet>,
        form: Option<Form>,
    ) -> Result<Answer, NoAnswer> {
        let signature = match (signed, form) {
            (Some(signed), Some(form)) => signed.signature(form).await,
            _ => None,
        };
        let headers = |url: &Url| {
            let mut headers = signature.as_ref().map_or_else(HeaderMap::new, |signature| signature.headers(url));
            headers.insert(ACCEPT, HeaderValue::from_static(kind.accepts));
            headers
        };
        self.client.get(url, &headers).await
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
