//! A form that may bring a file: `multipart/form-data` (RFC 7578), or what [`Input`] reads.

use std::convert::Infallible;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
};
use futures_util::stream;
use multer::{Constraints, Multipart, SizeLimit};
use rosehip_core::limits::{HTTP_BODY_BYTES, MEDIA_BYTES};

use super::{
    fault::Fault,
    input::{self, Fields, Input},
};

/// A form that brings a file, in bytes.
pub(super) const BODY_BYTES: usize = MEDIA_BYTES + HTTP_BODY_BYTES;
/// The field that holds the file.
const FILE: &str = "file";
/// Fields of a form at most.
const FIELDS: usize = 50;

/// What was sent.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) input: Input,
    /// The file; none where none was chosen.
    pub(super) file: Option<Vec<u8>>,
}

/// Whether a form that may bring a file was sent.
pub(super) fn is_multipart(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("multipart/form-data"))
}

/// Reads the fields of such a form, and its file.
pub(super) async fn read(headers: &HeaderMap, body: Bytes) -> Result<(Fields, Option<Vec<u8>>), Fault> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type).map_err(|error| unreadable(&error))?;
    let limits = SizeLimit::new().per_field(HTTP_BODY_BYTES as u64).for_field(FILE, MEDIA_BYTES as u64);
    let whole = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = Multipart::with_constraints(whole, boundary, Constraints::new().size_limit(limits));
    let (mut fields, mut file) = (Fields::new(), None);
    while let Some(part) = parts.next_field().await.map_err(|error| unreadable(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == FILE {
            let bytes = part.bytes().await.map_err(|error| unreadable(&error))?;
            // A form sends an empty file where none was chosen.
            file = Some(bytes.to_vec()).filter(|bytes| !bytes.is_empty());
            continue;
        }
        if fields.len() >= FIELDS {
            return Err(Fault::unreadable("body", format!("the form has more than {FIELDS} fields")));
        }
        let text = part.bytes().await.map_err(|error| unreadable(&error))?;
        let text = String::from_utf8(text.to_vec());
        fields.insert(name, text.map_err(|_| Fault::unreadable("body", "a field of the form is not UTF-8"))?);
    }
    Ok((fields, file))
}

fn unreadable(error: &multer::Error) -> Fault {
    if let multer::Error::FieldSizeExceeded { limit, field_name } = error {
        let field = field_name.as_deref().unwrap_or("a field");
        return Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "body-size", format!("{field} is longer than {limit} bytes"));
    }
    Fault::unreadable("body", format!("the form cannot be read: {error}"))
}

impl<S: Sync> FromRequest<S> for Submission {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        if !is_multipart(request.headers()) {
            return Ok(Self { input: Input::from_request(request, state).await?, file: None });
        }
        let (parts, body) = request.into_parts();
        let body = input::read(&parts.headers, body, BODY_BYTES).await?;
        let (fields, file) = read(&parts.headers, body).await?;
        Ok(Self { input: Input::Form(fields), file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str) -> Result<(Fields, Option<Vec<u8>>), Fault> {
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, "multipart/form-data; boundary=x".parse().expect("a header"))]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(read(&headers, Bytes::from(body.to_owned())))
    }

    #[test]
    fn fields_and_the_file_are_told_apart() {
        let part = |name: &str, text: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let (fields, file) =
            sent(&format!("{}{}--x--\r\n", part("alt", "A rose"), part("file", "bytes"))).expect("read");
        assert_eq!((fields["alt"].as_str(), file.as_deref()), ("A rose", Some(&b"bytes"[..])));
        let (_, none) = sent(&format!("{}--x--\r\n", part("file", ""))).expect("read");
        assert_eq!(none, None);
        assert_eq!(sent("--x\r\n").map_err(|fault| fault.status.as_u16()), Err(400));
        let many: String = (0..=FIELDS).map(|number| part(&number.to_string(), "")).collect();
        assert_eq!(sent(&format!("{many}--x--\r\n")).map_err(|fault| fault.status.as_u16()), Err(400));
        let long = part("alt", &"x".repeat(HTTP_BODY_BYTES + 1));
        assert_eq!(sent(&format!("{long}--x--\r\n")).map_err(|fault| fault.status.as_u16()), Err(413));
    }
}
