//! `/media`: images that articles show. What is uploaded is encoded anew before it is kept; what is served is what its
//! bytes are, whatever its address says.

use askama::Template;
use axum::{
    Json,
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{
            CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION,
        },
        request::Parts,
    },
    response::{IntoResponse, Redirect, Response},
};
use rosehip_adapters::media::InvalidPicture;
use rosehip_core::{
    ids::Digest,
    limits::{MEDIA_ALT_CHARS, PAGE_DEFAULT},
};
use serde_json::{Value, json};

use super::{
    App,
    fault::{Fault, FieldError},
    input::{self, Input},
    negotiate::{self, Form, choose, wants_redirect},
    page::{self, Frame},
    submission::Submission,
    visitor::Visitor,
};
use crate::host::{Host, Image, MediaError};

/// A digest names the same bytes for ever.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Whoever opens an image by itself opens nothing that could do anything.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// An image and what it shows, as they are sent.
pub(super) struct Sent {
    bytes: Vec<u8>,
    alt: String,
}

impl Sent {
    /// Reads the fields `file` and `alt`.
    pub(super) fn read(input: &Input, file: Option<Vec<u8>>) -> Result<Self, Vec<FieldError>> {
        let alt = match input {
            Input::Form(fields) => fields.get("alt").cloned(),
            Input::Json(members) => members.get("alt").and_then(Value::as_str).map(str::to_owned),
        };
        let alt = alt.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let mut errors = Vec::new();
        if file.is_none() {
            errors.push(FieldError::new("file", "required", "choose an image"));
        }
        match alt.chars().count() {
            0 => {
                errors.push(FieldError::new(
                    "alt",
                    "required",
                    "say what the image shows, for those who do not see it",
                ));
            }
            1..=MEDIA_ALT_CHARS => {}
            count => {
                let message = format!("has {count} characters, at most {MEDIA_ALT_CHARS}");
                errors.push(FieldError::new("alt", "max-length", message));
            }
        }
        match file.filter(|_| errors.is_empty()) {
            Some(bytes) => Ok(Self { bytes, alt }),
            None => Err(errors),
        }
    }

    /// Keeps the image.
    pub(super) async fn keep(self, host: &Host, visitor: &Visitor) -> Result<(Image, bool), Fault> {
        let owner = &visitor.user()?.actor;
        Ok(host.add_image(self.bytes, self.alt, owner, visitor.by()).await?)
    }
}

impl From<MediaError> for Fault {
    fn from(error: MediaError) -> Self {
        let message = error.to_string();
        match error {
            MediaError::Invalid(InvalidPicture::Format) => Self {
                errors: vec![FieldError::new("file", "media-type", message.as_str())],
                ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", message)
            },
            MediaError::Invalid(InvalidPicture::Size(_)) => Self::invalid("file", "size", message),
            MediaError::Invalid(InvalidPicture::Animation(_)) => Self::invalid("file", "animation", message),
            MediaError::Invalid(InvalidPicture::Damaged(_)) => Self::invalid("file", "damaged", message),
            MediaError::File(_) => Self::ours(&message),
            MediaError::Write(error) => error.into(),
            MediaError::Read(error) => error.into(),
        }
    }
}

/// `POST /media`
pub(super) async fn add(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    submission: Submission,
) -> Result<Response, Fault> {
    let is_person = wants_redirect(&parts);
    let Submission { input, file } = submission;
    let kept = match Sent::read(&input, file) {
        Ok(sent) => sent.keep(&app.host, &visitor).await,
        Err(errors) => Err(Fault::invalid_fields(errors)),
    };
    match kept {
        Ok((image, _)) if is_person => Ok(Redirect::to(&format!("/media#image-{}", image.digest)).into_response()),
        Ok((image, is_new)) => {
            let mut response = Json(told(app.host.base_url(), &image)).into_response();
            if is_new {
                *response.status_mut() = StatusCode::CREATED;
                let location = format!("{}{}", app.host.base_url(), image.path);
                response.headers_mut().extend(location.parse().map(|location| (LOCATION, location)));
            }
            Ok(response)
        }
        Err(fault) if is_person && !fault.errors.is_empty() => {
            let images = app.host.images(None, PAGE_DEFAULT + 1).await?;
            let page = MediaPage { errors: fault.errors, ..MediaPage::of(&visitor, images) };
            Ok((fault.status, page::html(&page)).into_response())
        }
        Err(fault) => Err(fault),
    }
}

/// An image as programs hear of it.
fn told(base_url: &str, image: &Image) -> Value {
    let mut document = image.document();
    document["url"] = format!("{base_url}{}", image.path).into();
    document["digest"] = json!(image.digest);
    document["markdown"] = image.markdown().into();
    document
}

#[derive(Template)]
#[template(path = "media.html")]
struct MediaPage {
    frame: Frame,
    images: Vec<Image>,
    errors: Vec<FieldError>,
    next: Option<u64>,
}

impl MediaPage {
    /// The page of images, with one more than it shows where there is a next page.
    fn of(visitor: &Visitor, mut images: Vec<(u64, Image)>) -> Self {
        let next = next_of(&mut images);
        let images = images.into_iter().map(|(_, image)| image).collect();
        Self { frame: Frame::new("Images", visitor), images, errors: Vec::new(), next }
    }

    /// What is wrong with a field.
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.message.as_str())
    }
}

/// Where the next page begins, if there is one.
fn next_of(images: &mut Vec<(u64, Image)>) -> Option<u64> {
    let has_next = images.len() > PAGE_DEFAULT;
    images.truncate(PAGE_DEFAULT);
    images.last().filter(|_| has_next).map(|(place, _)| *place)
}

/// `GET /media`
pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let before = input::fields(uri.query().unwrap_or_default().as_bytes()).remove("before");
    let before = before
        .filter(|text| !text.is_empty())
        .map(|text| text.parse::<u64>().map_err(|_| Fault::invalid("before", "type", "must be a whole number")));
    let mut images = app.host.images(before.transpose()?, PAGE_DEFAULT + 1).await?;
    if choose(&headers, negotiate::PAGE) == Form::Html {
        return Ok(page::html(&MediaPage::of(&visitor, images)));
    }
    let next = next_of(&mut images);
    let images: Vec<_> = images.iter().map(|(_, image)| told(app.host.base_url(), image)).collect();
    Ok(Json(json!({"media": images, "next": next})).into_response())
}

/// `GET /media/{digest}.{extension}`
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let not_found = || Fault::not_found("image");
    let (digest, extension) = name.split_once('.').ok_or_else(not_found)?;
    let digest: Digest = digest.parse().map_err(|_| not_found())?;
    if app.host.image(digest).await?.is_none() {
        return Err(if app.host.image_was_erased(digest)? { Fault::gone("the image") } else { not_found() });
    }
    let (format, bytes) = app.host.image_file(digest).await?.ok_or_else(not_found)?;
    if format.extension() != extension {
        return Err(not_found());
    }
    let tag: HeaderValue = format!("\"{digest}\"").parse().expect("hex in quotes is a header value");
    let is_known = headers.get(IF_NONE_MATCH) == Some(&tag);
    let kept = [(CACHE_CONTROL, FOR_GOOD), (ETAG, tag), (CONTENT_SECURITY_POLICY, NOTHING)];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let described = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CONTENT_DISPOSITION, HeaderValue::from_static("inline")),
    ];
    Ok((kept, described, bytes).into_response())
}
