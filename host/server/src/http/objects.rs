//! `/objects/{type}/{id}`: any typed object as JSON, articles among them. Transitions fire like a post's.

use askama::Template;
use axum::{
    extract::{FromRequestParts, Path, State},
    http::{
        HeaderMap,
        header::{ETAG, VARY},
        request::Parts,
    },
    response::Response,
};
use rosehip_adapters::media::digest_of;
use rosehip_core::{activity::sanitize_members, ids::ObjectKey, object::Object};
use serde_json::{Map, Value};

use super::{
    App,
    access::Need,
    article_form::Article,
    article_pages::{document, with_context, without_told},
    article_writes::base_of,
    fault::{Fault, FieldError},
    input::Document,
    negotiate::{self, Form, choose},
    notes::NotePage,
    page::{self, Frame},
    prefer::Wait,
    slug,
    visitor::Visitor,
    written,
};
use crate::host::{Base, Host, ObjectWrite};

/// Members that the host derives for every object, and says again in every document.
pub(super) const DERIVED: [&str; 6] = ["@context", "id", "type", "attributedTo", "updated", "revision"];

/// An object that a path names.
pub(super) struct Named(pub(super) ObjectKey);

impl FromRequestParts<App> for Named {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let path = Path::<(String, String)>::from_request_parts(parts, app).await;
        let Path((kind, id)) = path.map_err(|_| Fault::invalid("id", "form", "the path is not UTF-8"))?;
        let kind = kind.parse().map_err(|error| FieldError::new("type", "form", format!("{error}")));
        let id = id.parse().map_err(|error| FieldError::new("id", "form", format!("{error}")));
        match (kind, id) {
            (Ok(kind), Ok(id)) => Ok(Self(ObjectKey { kind, id })),
            (kind, id) => Err(Fault::invalid_fields(kind.err().into_iter().chain(id.err()).collect())),
        }
    }
}

/// `PUT /objects/{type}/{id}`
pub(super) async fn put(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    headers: HeaderMap,
    Document(mut members): Document,
) -> Result<Response, Fault> {
    let user = visitor.user()?;
    let wait = Wait::asked(&headers);
    if digest_of(&key).is_some() {
        return Err(Fault::conflict("image", "it stands for an image; POST /media adds one and says what it shows"));
    }
    let base = match (base_of(&headers)?, members.get("revision")) {
        (Base::Any, Some(revision)) => Base::Revision(
            revision.as_u64().ok_or_else(|| Fault::invalid("revision", "type", "must be a whole number"))?,
        ),
        (base, _) => base,
    };
    if members.get("type").is_some_and(|kind| kind.as_str() != Some(key.kind.as_str())) {
        return Err(Fault::invalid("type", "differs", format!("the path says {}", key.kind)));
    }
    for member in DERIVED {
        members.remove(member);
    }
    without_told(app.host.base_url(), &key, &mut members);
    let content = match key.kind == Host::article_type() {
        true => article(&app.host, &key, members).await?,
        false => other(members)?,
    };
    let write = ObjectWrite {
        key,
        base,
        content: Some(content),
        owner: user.actor.clone(),
        by: visitor.by(),
        wait: wait.map(Wait::length),
    };
    let written = app.host.write(write).await?;
    Ok(written::answer(app.host.base_url(), &written, wait))
}

/// An article's members, held to the rules of its form. Its slug is the one it names, else the one it has, else its
/// id.
async fn article(host: &Host, key: &ObjectKey, mut members: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    members.remove("url");
    members.remove("published");
    let article = Article::from_object(&mut members).map_err(Fault::invalid_fields)?;
    if let Some(error) = article.missing() {
        return Err(Fault::invalid_fields(vec![error]));
    }
    let slug = match &article.slug {
        Some(slug) => slug.clone(),
        None => default_slug(host, key).await?,
    };
    let mut members = other(members)?;
    article.put_into(&mut members, &slug);
    Ok(members)
}

async fn default_slug(host: &Host, key: &ObjectKey) -> Result<String, Fault> {
    let before = host.object(key).await?.filter(Object::exists);
    if let Some(slug) = before.as_ref().and_then(Object::slug) {
        return Ok(slug.to_owned());
    }
    let id = key.id.as_str();
    if !slug::is_slug(id) {
        return Err(Fault::invalid("slug", "required", format!("{id} is not a slug (a–z, 0–9 and hyphens); name one")));
    }
    if slug::is_reserved(id) {
        return Err(Fault::invalid("slug", "reserved", format!("{id} is an address of the host's own")));
    }
    Ok(id.to_owned())
}

/// Members that are no article's fields. HTML in them is not trusted.
pub(super) fn other(mut members: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    if members.get("status").is_some_and(|status| !status.is_string() && !status.is_null()) {
        return Err(Fault::invalid("status", "type", "must be a string"));
    }
    sanitize_members(&mut members);
    Ok(members)
}

/// `DELETE /objects/{type}/{id}`
pub(super) async fn delete(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let user = visitor.user()?;
    let wait = Wait::asked(&headers);
    let write = ObjectWrite {
        key,
        base: base_of(&headers)?,
        content: None,
        owner: user.actor.clone(),
        by: visitor.by(),
        wait: wait.map(Wait::length),
    };
    let written = app.host.write(write).await?;
    Ok(written::answer(app.host.base_url(), &written, wait))
}

#[derive(Template)]
#[template(path = "object.html")]
struct ObjectPage {
    frame: Frame,
    key: String,
    slug: Option<String>,
    revision: u64,
    json: String,
}

/// `GET /objects/{type}/{id}`
pub(super) async fn get(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let is_article = key.kind == Host::article_type();
    let object = readable(&app.host, &key, &visitor).await?;
    let value = with_context(app.host.base_url(), &object);
    let form = choose(&headers, negotiate::DOCUMENT);
    if form == Form::Html && key.kind.as_str() == "Note" {
        return Ok(page::html(&NotePage::of(&app.host, &visitor, &object).await?));
    }
    if form == Form::Html {
        return Ok(page::html(&ObjectPage {
            frame: Frame::new(key.to_string(), &visitor),
            key: key.to_string(),
            slug: object.slug().filter(|_| is_article).map(str::to_owned),
            revision: object.revision,
            json: pretty(&value),
        }));
    }
    let mut response = document(form, &value);
    response.headers_mut().insert(ETAG, written::etag(object.revision));
    response.headers_mut().insert(VARY, axum::http::HeaderValue::from_static("accept"));
    Ok(response)
}

/// An object that a visitor may read.
pub(super) async fn readable(host: &Host, key: &ObjectKey, visitor: &Visitor) -> Result<Object, Fault> {
    let object = host.object(key).await?;
    if object.is_none() && host.object_was_erased(key)? {
        return Err(Fault::gone("the object"));
    }
    let object = object.filter(Object::exists);
    let is_visible = |object: &Object| visitor.has(Need::Write) || object.is_for_everybody();
    object.filter(is_visible).ok_or_else(|| Fault::not_found("object"))
}

/// JSON as people read it.
pub(super) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
