//! `POST /actors/{id}/inbox` and `POST /inbox`: what other hosts send. Who sends it is told by the request's signature and by
//! nothing else.

use std::net::IpAddr;

use axum::{
    Extension,
    body::Body,
    extract::{Path, Request, State},
    http::{Method, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse as _, Response},
};
use rosehip_adapters::{
    federation::{InboxHead, Refused},
    writer::AppendError,
};
use rosehip_core::{ids::ActorName, limits::HTTP_BODY_BYTES, pipeline::receive::Refusal};

use super::{App, fault::Fault, input};

/// Seconds after which a peer may try again what failed here.
const RETRY_SECONDS: u64 = 5;

/// Tells hosts of our own kind that they may sign the next request with ed25519 (RFC 9421 §5.1). It is told to those alone
/// whose signature was taken: who is refused is to try what is common.
const TAKES_ED25519: [(&str, &str); 1] = [(
    "accept-signature",
    "sig1=(\"@method\" \"@target-uri\" \"content-digest\" \"content-type\");created;keyid;alg=\"ed25519\"",
)];

/// Where a request came from, as the door found out.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClientAddress(pub(super) IpAddr);

/// Whether a request is for an inbox.
pub(super) fn is_for_inbox(request: &Request<Body>) -> bool {
    let path = request.uri().path();
    let is_of_actor = || path.starts_with("/actors/") && path.ends_with("/inbox");
    *request.method() == Method::POST && (path == "/inbox" || is_of_actor())
}

/// `POST /inbox`
pub(super) async fn shared(State(app): State<App>, request: Request) -> Result<Response, Fault> {
    take_in(&app, None, request).await
}

/// `POST /actors/{id}/inbox`
pub(super) async fn post(
    State(app): State<App>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Fault> {
    let owner: ActorName = name.parse().map_err(|_| Fault::not_found("actor"))?;
    take_in(&app, Some(owner), request).await
}

async fn take_in(app: &App, owner: Option<ActorName>, request: Request) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let client = parts.extensions.get::<ClientAddress>();
    let path = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), ToString::to_string);
    let headers = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let head = InboxHead {
        owner: owner.clone(),
        path,
        headers: headers.collect(),
        client: client.map_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |client| client.0),
        trace: app.host.trace(),
    };
    // In the order of what it costs: who is refused by the head has neither the views nor the body read.
    let admitted = app.host.admit_to_inbox(head)?;
    if let Some(owner) = &owner
        && app.host.actor(owner).await?.is_none()
    {
        return Err(Fault::not_found("actor"));
    }
    let body = input::read(&parts.headers, body, HTTP_BODY_BYTES).await?;
    let taken = app.host.take_in(admitted, &body).await?;
    Ok((StatusCode::ACCEPTED, TAKES_ED25519, Extension(taken)).into_response())
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let (rule, detail) = (refused.rule(), refused.to_string());
        match refused {
            Refused::ContentType(_) => Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, rule, detail),
            Refused::Json(error) => error.into(),
            Refused::Unsigned(_) | Refused::NoKey(_) => Self::new(StatusCode::UNAUTHORIZED, rule, detail),
            Refused::Later(_) => Self::later(rule, detail, RETRY_SECONDS),
            Refused::Proof(_) | Refused::ForeignProof(_) => Self::forbidden(rule, detail),
            Refused::Refusal(Refusal::Malformed { member, message }) => Self::invalid(member, rule, message),
            Refused::Refusal(Refusal::NotTheirs(_) | Refusal::Unsolicited(_) | Refusal::Blocked(_)) => {
                Self::forbidden(rule, detail)
            }
            Refused::TooMany { seconds, .. } | Refused::Unnamed(seconds) => Self::too_many(seconds),
            Refused::NoActor(_) => Self::not_found("actor"),
            Refused::Conflict(_) => Self::conflict(rule, detail),
            Refused::Append(AppendError::DiskFull) => crate::host::WriteError::DiskFull.into(),
            Refused::Append(AppendError::QueueFull | AppendError::Stopped) => Self::later("busy", detail, 1),
            Refused::Append(_) | Refused::Store(_) | Refused::View(_) => Self::ours(&detail),
        }
    }
}

/// How a request has to be signed (RFC 9421 §5.2 says it for `Accept-Signature`; this is for people who read answers).
pub(super) fn challenge(response: &mut Response) {
    let scheme = axum::http::HeaderValue::from_static("Signature realm=\"inbox\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
}
