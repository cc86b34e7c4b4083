//! Forms of a session carry its token, so that no other site can send one in its name.

use std::sync::Arc;

use axum::{body::Body, extract::Request};
use rosehip_core::limits::HTTP_BODY_BYTES;
use tower_sessions::Session;

use super::{fault::Fault, input, submission, visitor::Visitor};

/// The field of a form, and the key in the session.
pub(super) const FIELD: &str = "csrf";
/// The header of a script that sends JSON with a session's cookie.
const HEADER: &str = "x-csrf-token";

/// The session's token, if it has one.
pub(super) async fn of_session(session: &Session) -> Result<Option<Arc<str>>, Fault> {
    let token: Option<String> = session.get(FIELD).await.map_err(|error| Fault::ours(&error))?;
    Ok(token.map(Arc::from))
}

/// Gives the session a new token.
pub(super) async fn renew(session: &Session) -> Result<Arc<str>, Fault> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Fault::ours(&error))?;
    let token = format!("{:032x}", u128::from_le_bytes(random));
    session.insert(FIELD, &token).await.map_err(|error| Fault::ours(&error))?;
    Ok(token.into())
}

/// Lets a request through that changes nothing, or that holds its session's token in the field `csrf` or in the
/// header `X-CSRF-Token`. A stranger's is left to the table of routes, but for logging in.
pub(super) async fn check(request: Request, visitor: &Visitor) -> Result<Request, Fault> {
    let is_stranger = visitor.identity.is_none() && request.uri().path() != "/login";
    if request.method().is_safe() || is_stranger {
        return Ok(request);
    }
    let Some(wanted) = &visitor.csrf else {
        return Err(refused("this session has no csrf token; open the page again"));
    };
    if let Some(header) = request.headers().get(HEADER) {
        return if header.as_bytes() == wanted.as_bytes() { Ok(request) } else { Err(mismatch()) };
    }
    let brings_file = submission::is_multipart(request.headers());
    if !brings_file && !input::is_form(request.headers()) {
        return Err(refused("send the session's csrf token in X-CSRF-Token, or use a bearer token"));
    }
    let (parts, body) = request.into_parts();
    let limit = if brings_file { submission::BODY_BYTES } else { HTTP_BODY_BYTES };
    let bytes = input::read(&parts.headers, body, limit).await?;
    let mut fields = match brings_file {
        true => submission::read(&parts.headers, bytes.clone()).await?.0,
        false => input::fields(&bytes),
    };
    let found = fields.remove(FIELD);
    if found.as_deref() != Some(&**wanted) {
        return Err(mismatch());
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn mismatch() -> Fault {
    refused("the csrf token is not this session's; open the page again and repeat what you did")
}

fn refused(detail: &str) -> Fault {
    Fault::forbidden("csrf", detail)
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, header::CONTENT_TYPE};

    use super::*;

    fn checked(path: &str, csrf: Option<&str>, body: &str) -> Result<Request, Fault> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .expect("a request");
        let visitor = Visitor { csrf: csrf.map(Arc::from), ..Visitor::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(request, &visitor))
    }

    #[test]
    fn a_form_without_its_sessions_token_is_refused_by_name() {
        for (csrf, body) in [(Some("abc"), "name=x"), (Some("abc"), "csrf=abd"), (None, "csrf=abc")] {
            let fault = checked("/login", csrf, body).expect_err("refused");
            assert_eq!((fault.status.as_u16(), fault.rule.as_str()), (403, "csrf"), "{body}");
        }
        assert!(checked("/login", Some("abc"), "name=x&csrf=abc").is_ok());
        assert!(checked("/new", None, "title=x").is_ok(), "the table of routes turns strangers away");
    }
}
