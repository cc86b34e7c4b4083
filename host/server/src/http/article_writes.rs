//! Writing articles: what was sent becomes an object's members, a slug is found, and the host makes it durable.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::{
    ids::{ActorName, ObjectId, ObjectKey},
    object::Object,
};
use serde_json::Map;

use super::{
    App,
    article_form::{Article, Invalid, Typed},
    article_form_page::FormPage,
    article_pages::not_found,
    fault::{Fault, FieldError},
    input::{self, Input},
    negotiate::wants_redirect,
    page,
    prefer::Wait,
    slug,
    visitor::Visitor,
    written,
};
use crate::host::{Base, Host, ObjectWrite, Resolved, WriteError, Written};

/// Writes that lose a race for a slug or a revision before the host is called busy.
const RACES: u32 = 64;

/// `POST /new`
pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let is_person = wants_redirect(&parts);
    let wait = Wait::asked(&parts.headers);
    let back = |typed: Typed, errors: Vec<FieldError>, status: StatusCode| {
        let form = FormPage::new_article(&visitor, typed, &errors);
        (status, page::html(&form)).into_response()
    };
    let (article, typed) = match complete(Article::read(input)) {
        Ok(read) => read,
        Err(invalid) if is_person => {
            return Ok(back(invalid.typed, invalid.errors, StatusCode::UNPROCESSABLE_ENTITY));
        }
        Err(invalid) => return Err(Fault::invalid_fields(invalid.errors)),
    };
    let author = Author { owner: &visitor.user()?.actor, by: visitor.by() };
    match add(&app.host, &author, &article, Map::new(), wait).await {
        Ok(written) if is_person => Ok(to_page(&written)),
        Ok(written) => Ok(written::answer(app.host.base_url(), &written, wait)),
        Err(fault) if is_person && fault.status == StatusCode::CONFLICT => Ok(back(typed, fault.errors, fault.status)),
        Err(fault) => Err(fault),
    }
}

/// An article that is new needs what an edit may leave out.
fn complete(read: Result<(Article, Typed), Box<Invalid>>) -> Result<(Article, Typed), Box<Invalid>> {
    let (article, typed) = read?;
    match article.missing() {
        Some(error) => Err(Box::new(Invalid { typed, errors: vec![error] })),
        None => Ok((article, typed)),
    }
}

/// Whose a new article is, and who writes it.
pub(super) struct Author<'a> {
    /// The actor.
    pub(super) owner: &'a ActorName,
    /// The user.
    pub(super) by: Option<String>,
}

/// Adds an article under the slug it names, or under the first free one that its title makes.
pub(super) async fn add(
    host: &Host,
    author: &Author<'_>,
    article: &Article,
    mut content: Map<String, serde_json::Value>,
    wait: Option<Wait>,
) -> Result<Written, Fault> {
    let title = article.title.as_deref().unwrap_or_default();
    let base = article.slug.clone().unwrap_or_else(|| slug::of_title(title));
    article.put_into(&mut content, &base);
    let mut number = 1 + u64::from(slug::is_reserved(&base));
    for _ in 0..RACES {
        let slug = slug::numbered(&base, number);
        content.insert("slug".into(), slug.as_str().into());
        let write = ObjectWrite {
            key: article_key(&slug),
            base: Base::Absent,
            content: Some(content.clone()),
            owner: author.owner.clone(),
            by: author.by.clone(),
            wait: wait.map(Wait::length),
        };
        match host.write(write).await {
            Err(WriteError::Stale { .. } | WriteError::SlugTaken(_)) if article.slug.is_none() => {}
            Err(WriteError::Stale { .. }) => return Err(WriteError::SlugTaken(slug).into()),
            done => return Ok(done?),
        }
        number = next_free(host, &base, number + 1).await?;
    }
    Err(Fault::later("slug", "too many articles of this title are being written", 1))
}

/// A number from `from` on whose slug is free. Steps grow while slugs are taken and are halved between the last
/// taken and the first free one, so that the thousandth article of a title costs ten looks.
async fn next_free(host: &Host, base: &str, from: u64) -> Result<u64, Fault> {
    let (mut taken, mut step) = (from.saturating_sub(1), 1);
    let mut free = loop {
        let number = taken + step;
        if host.slug_is_free(&slug::numbered(base, number)).await? {
            break number;
        }
        (taken, step) = (number, step * 2);
    };
    while taken + 1 < free {
        let middle = taken + (free - taken) / 2;
        match host.slug_is_free(&slug::numbered(base, middle)).await? {
            true => free = middle,
            false => taken = middle,
        }
    }
    Ok(free)
}

fn article_key(slug: &str) -> ObjectKey {
    let id: ObjectId = slug.parse().expect("a slug is an object id");
    ObjectKey { kind: Host::article_type(), id }
}

/// `POST /{slug}/edit`
pub(super) async fn edit(
    State(app): State<App>,
    Path(slug): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let is_person = wants_redirect(&parts);
    let wait = Wait::asked(&parts.headers);
    let object = article(&app.host, &slug).await?;
    let back = |object: &Object, typed: Typed, errors: Vec<FieldError>, status: StatusCode| {
        (status, page::html(&FormPage::of(&visitor, object, typed, &errors))).into_response()
    };
    let (article, typed) = match Article::read(input) {
        Ok(read) => read,
        Err(invalid) if is_person => {
            return Ok(back(&object, invalid.typed, invalid.errors, StatusCode::UNPROCESSABLE_ENTITY));
        }
        Err(invalid) => return Err(Fault::invalid_fields(invalid.errors)),
    };
    let key = object.key.clone();
    let mut article = article;
    if let Base::Revision(revision) = base_of(&parts.headers)? {
        article.revision.get_or_insert(revision);
    }
    match change(&app.host, &visitor, &article, object, wait).await {
        Ok(written) if is_person => Ok(to_page(&written)),
        Ok(written) => Ok(written::answer(app.host.base_url(), &written, wait)),
        Err(WriteError::SlugTaken(taken)) if is_person => {
            let object = existing(&app.host, &key).await?;
            let errors = Fault::from(WriteError::SlugTaken(taken)).errors;
            Ok(back(&object, typed, errors, StatusCode::CONFLICT))
        }
        Err(WriteError::Stale { given: Some(given), current: Some(_) }) if is_person => {
            let object = existing(&app.host, &key).await?;
            let page = FormPage::of(&visitor, &object, typed, &[]).beside(&object, given);
            Ok((StatusCode::CONFLICT, page::html(&page)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes an edit that rests on the revision it names. One that names none rests on the revision that was read, so
/// that what another edit changed meanwhile stays.
async fn change(
    host: &Host,
    visitor: &Visitor,
    article: &Article,
    mut object: Object,
    wait: Option<Wait>,
) -> Result<Written, WriteError> {
    for _ in 0..RACES {
        let mut content = object.content.clone().unwrap_or_default();
        let slug = article.slug.clone().or_else(|| object.slug().map(str::to_owned)).unwrap_or_default();
        article.put_into(&mut content, &slug);
        let base = Base::Revision(article.revision.unwrap_or(object.revision));
        let write = ObjectWrite {
            key: object.key.clone(),
            base,
            content: Some(content),
            owner: object.owner.clone(),
            by: visitor.by(),
            wait: wait.map(Wait::length),
        };
        match host.write(write).await {
            Err(WriteError::Stale { .. }) if article.revision.is_none() => {
                object = host.object(&object.key).await?.filter(Object::exists).ok_or(WriteError::NotFound)?;
            }
            done => return done,
        }
    }
    Err(WriteError::Busy { retry_after: 1 })
}

/// `POST /{slug}/delete` and `DELETE /{slug}`
pub(super) async fn delete(
    State(app): State<App>,
    Path(slug): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let object = article(&app.host, &slug).await?;
    let wait = Wait::asked(&parts.headers);
    let write = ObjectWrite {
        base: base_of_delete(&parts, &input)?,
        content: None,
        owner: object.owner.clone(),
        key: object.key,
        by: visitor.by(),
        wait: wait.map(Wait::length),
    };
    let written = app.host.write(write).await?;
    Ok(match wants_redirect(&parts) {
        true => Redirect::to("/drafts?note=deleted").into_response(),
        false => written::answer(app.host.base_url(), &written, wait),
    })
}

/// What a delete rests on: `If-Match`, or the `revision` of its body or its address.
fn base_of_delete(parts: &Parts, input: &Input) -> Result<Base, Fault> {
    let sent = match input {
        Input::Form(fields) => fields.get("revision").cloned(),
        Input::Json(members) => {
            members.get("revision").map(|revision| revision.to_string().trim_matches('"').to_owned())
        }
    };
    let asked = || input::fields(parts.uri.query().unwrap_or_default().as_bytes()).remove("revision");
    match (base_of(&parts.headers)?, sent.or_else(asked).filter(|revision| !revision.is_empty())) {
        (Base::Any, Some(revision)) => {
            let revision = revision.trim().parse();
            Ok(Base::Revision(revision.map_err(|_| Fault::invalid("revision", "type", "must be a whole number"))?))
        }
        (base, _) => Ok(base),
    }
}

/// The article at a slug, or at one it had.
pub(super) async fn article(host: &Host, slug: &str) -> Result<Object, Fault> {
    let mut slug = slug.to_owned();
    // An address that moved leads to the present one at once; the bound only guards against a loop in the views.
    for _ in 0..3 {
        match host.by_slug(&slug).await? {
            Some(Resolved::Article(object)) if object.exists() => return Ok(*object),
            Some(Resolved::Moved(to)) => slug = to,
            Some(Resolved::Article(_)) | None => break,
        }
    }
    Err(not_found())
}

async fn existing(host: &Host, key: &ObjectKey) -> Result<Object, Fault> {
    host.object(key).await?.filter(Object::exists).ok_or_else(not_found)
}

/// The page of what was written.
fn to_page(written: &Written) -> Response {
    Redirect::to(&written::path(&written.object.key, written.object.slug())).into_response()
}

/// Headers of a conditional write, for objects of every type.
pub(super) fn base_of(headers: &HeaderMap) -> Result<Base, Fault> {
    use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
    let text =
        |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().trim());
    if let Some(tag) = text(IF_MATCH) {
        let number = tag.trim_start_matches("W/").trim_matches('"');
        let revision =
            number.parse().map_err(|_| Fault::unreadable("if-match", format!("If-Match {tag:?} is no revision")))?;
        return Ok(Base::Revision(revision));
    }
    match text(IF_NONE_MATCH) {
        Some("*") => Ok(Base::Absent),
        Some(other) => Err(Fault::unreadable("if-none-match", format!("If-None-Match {other:?}: only * can be met"))),
        None => Ok(Base::Any),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_a_revision_or_nothing() {
        let base = |name: &'static str, value: &'static str| {
            let headers = HeaderMap::from_iter([(
                axum::http::HeaderName::from_static(name),
                axum::http::HeaderValue::from_static(value),
            )]);
            base_of(&headers).map_err(|fault| fault.status.as_u16())
        };
        assert_eq!(base("if-match", "\"3\""), Ok(Base::Revision(3)));
        assert_eq!(base("if-match", "3"), Ok(Base::Revision(3)));
        assert_eq!(base("if-none-match", "*"), Ok(Base::Absent));
        assert_eq!(base("if-match", "\"abc\""), Err(400));
        assert_eq!(base("if-none-match", "\"3\""), Err(400));
        assert_eq!(base_of(&HeaderMap::new()).ok(), Some(Base::Any));
    }
}
