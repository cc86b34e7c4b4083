//! The body of a write: a form or JSON, told apart by its type and read whole.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use rosehip_core::{json, limits::HTTP_BODY_BYTES};
use serde_json::{Map, Value};

use super::fault::{Fault, FieldError};

/// Fields of a form by name; of a name that stands twice the last.
pub(super) type Fields = std::collections::BTreeMap<String, String>;

/// What was sent.
#[derive(Debug)]
pub(super) enum Input {
    /// `application/x-www-form-urlencoded`, or nothing at all.
    Form(Fields),
    /// `application/json` or another JSON type; its root is an object.
    Json(Map<String, Value>),
}

/// What the `Content-Type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Form,
    Json,
    Nothing,
    Other,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::Nothing };
        let text = value.to_str().unwrap_or_default();
        let media = text.split(';').next().unwrap_or_default().trim();
        let is_json = |media: &str| {
            media.eq_ignore_ascii_case("application/json")
                || media.get(media.len().saturating_sub(5)..).is_some_and(|end| end.eq_ignore_ascii_case("+json"))
        };
        match media {
            _ if is_json(media) => Self::Json,
            _ if is_form(headers) => Self::Form,
            _ => Self::Other,
        }
    }
}

/// Whether a form was sent.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// Reads a body of at most `limit` bytes, or refuses with 413 before reading what a length announces as longer.
pub(super) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Fault> {
    let too_large =
        || Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "body-size", format!("the body is longer than {limit} bytes"));
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Fault::unreadable("body", "the body ended early")),
    }
}

/// The fields of a form.
pub(super) fn fields(bytes: &[u8]) -> Fields {
    form_urlencoded::parse(bytes).into_owned().collect()
}

/// The fields of a query that may have no others than these: a filter with a slip in its name would find everything. 400
/// names those that there are not, and those that there are.
pub(super) fn query(query: Option<&str>, known: &[&str]) -> Result<Fields, Fault> {
    let fields = fields(query.unwrap_or_default().as_bytes());
    let unknown: Vec<_> = fields.keys().filter(|name| !known.contains(&name.as_str())).collect();
    if unknown.is_empty() {
        return Ok(fields);
    }
    let message = format!("there is no such parameter; those are {}", known.join(", "));
    let errors = unknown.into_iter().map(|name| FieldError::new(name, "unknown-parameter", message.as_str()));
    Err(Fault { status: StatusCode::BAD_REQUEST, ..Fault::invalid_fields(errors.collect()) })
}

/// Reads a JSON object: 400 where it is not I-JSON, 422 where it is no object.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    match json::parse(bytes)? {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Fault::invalid("document", "type", "must be an object"))
        }
    }
}

fn unsupported(wanted: &str) -> Fault {
    Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", format!("send {wanted}"))
}

impl<S: Sync> FromRequest<S> for Input {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let kind = Kind::of(&parts.headers);
        if kind == Kind::Other {
            return Err(unsupported("application/x-www-form-urlencoded or application/json"));
        }
        let bytes = read(&parts.headers, body, HTTP_BODY_BYTES).await?;
        match kind {
            Kind::Json => object(&bytes).map(Self::Json),
            Kind::Form => Ok(Self::Form(fields(&bytes))),
            Kind::Nothing if bytes.is_empty() => Ok(Self::Form(Fields::new())),
            Kind::Nothing | Kind::Other => Err(unsupported("a Content-Type with the body")),
        }
    }
}

/// A JSON object, and nothing else.
#[derive(Debug)]
pub(super) struct Document(pub(super) Map<String, Value>);

impl<S: Sync> FromRequest<S> for Document {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &S) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        match Kind::of(&parts.headers) {
            Kind::Json => object(&read(&parts.headers, body, HTTP_BODY_BYTES).await?).map(Self),
            Kind::Form | Kind::Nothing | Kind::Other => Err(unsupported("application/json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn read_input(content_type: Option<&str>, body: &str) -> Result<Input, Fault> {
        let mut request = Request::new(Body::from(body.to_owned()));
        if let Some(content_type) = content_type {
            request.headers_mut().insert(CONTENT_TYPE, content_type.parse().expect("a header"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(Input::from_request(request, &()))
    }

    fn status(content_type: Option<&str>, body: &str) -> u16 {
        read_input(content_type, body).expect_err("refused").status.as_u16()
    }

    #[test]
    fn forms_and_json_are_read() {
        let form = read_input(Some("application/x-www-form-urlencoded; charset=utf-8"), "title=A+b&tags=%23x");
        assert!(matches!(form, Ok(Input::Form(fields)) if fields["title"] == "A b" && fields["tags"] == "#x"));
        let json = read_input(Some("application/activity+json"), r#"{"title":"A"}"#);
        assert!(matches!(json, Ok(Input::Json(members)) if members["title"] == "A"));
        assert!(matches!(read_input(None, ""), Ok(Input::Form(fields)) if fields.is_empty()));
    }

    #[test]
    fn a_parameter_that_there_is_not_is_named() {
        assert!(query(None, &["a"]).is_ok_and(|fields| fields.is_empty()));
        assert!(query(Some("a=1&b="), &["a", "b"]).is_ok_and(|fields| fields["a"] == "1"));
        let fault = query(Some("a=1&aa=2&c"), &["a", "b"]).expect_err("two of them");
        assert_eq!((fault.status.as_u16(), fault.rule.as_str()), (400, "unknown-parameter"));
        let fields: Vec<_> = fault.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["aa", "c"]);
        assert_eq!(fault.errors[0].message, "there is no such parameter; those are a, b");
    }

    #[test]
    fn what_cannot_be_read_has_its_status() {
        assert_eq!(status(Some("application/json"), "{"), 400);
        assert_eq!(status(Some("application/json"), r#"{"a":1,"a":2}"#), 400);
        assert_eq!(status(Some("application/json"), "[]"), 422);
        assert_eq!(status(Some("text/plain"), "x"), 415);
        assert_eq!(status(None, "x"), 415);
        assert_eq!(status(Some("application/json"), &" ".repeat(HTTP_BODY_BYTES + 1)), 413);
    }
}
