//! Writing articles: what was sent is read, tried or saved, and answered as it was asked for.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::object::Object;

use super::{
    App,
    article_action::Action,
    article_form::{Article, Invalid, Status, Typed},
    article_form_page::FormPage,
    article_saves::{Author, add, addition_now, alteration, article, change, existing, removal},
    article_trials as trials,
    fault::{Fault, FieldError},
    input::{self, Input},
    negotiate::wants_redirect,
    page,
    prefer::Wait,
    submission::Submission,
    visitor::Visitor,
    written,
};
use crate::host::{Base, DryRun, WriteError, Written};

/// `POST /new`
pub(super) async fn create(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    submission: Submission,
) -> Result<Response, Fault> {
    let is_person = wants_redirect(&parts);
    let wait = Wait::asked(&parts.headers);
    let Submission { mut input, file } = submission;
    let action = Action::take(&mut input)?;
    let form = |typed: Typed, errors: &[FieldError]| FormPage::new_article(&visitor, typed, errors);
    match action {
        Action::Preview => return Ok(trials::preview(&input, is_person, form)),
        Action::Upload => return trials::upload(&app, &visitor, &input, file, form).await,
        Action::Save | Action::Autosave | Action::DryRun => {}
    }
    let (mut article, typed) = match complete(Article::read(input)) {
        Ok(read) => read,
        Err(invalid) if is_person => {
            let page = page::html(&form(invalid.typed, &invalid.errors));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(invalid) => return Err(Fault::invalid_fields(invalid.errors)),
    };
    let author = Author { owner: &visitor.user()?.actor, by: visitor.by() };
    let done = match action {
        Action::DryRun => {
            article.status.get_or_insert(Status::Published);
            let write = addition_now(&app.host, &author, &article).await?;
            let foreseen = app.host.dry_run(write).await.map_err(Fault::from);
            foreseen
                .map(|foreseen| trials::foreseen(&foreseen, is_person, "Publishing it", || form(typed.clone(), &[])))
        }
        Action::Autosave => {
            article.status = Some(Status::Draft);
            let written = add(&app.host, &author, &article, serde_json::Map::new(), wait).await?;
            app.autosaves.note(&written.object.key);
            Ok(written::answer(app.host.base_url(), &written, wait))
        }
        Action::Save | Action::Preview | Action::Upload => {
            let written = add(&app.host, &author, &article, serde_json::Map::new(), wait).await;
            written.map(|written| match is_person {
                true => to_page(&written),
                false => written::answer(app.host.base_url(), &written, wait),
            })
        }
    };
    match done {
        Err(fault) if is_person && fault.status == StatusCode::CONFLICT => {
            Ok((fault.status, page::html(&form(typed, &fault.errors))).into_response())
        }
        done => done,
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

/// What became of an edit.
enum Edited {
    Written(Written),
    Foreseen(DryRun),
}

/// `POST /{slug}/edit`
pub(super) async fn edit(
    State(app): State<App>,
    Path(slug): Path<String>,
    visitor: Visitor,
    parts: Parts,
    submission: Submission,
) -> Result<Response, Fault> {
    let is_person = wants_redirect(&parts);
    let wait = Wait::asked(&parts.headers);
    let Submission { mut input, file } = submission;
    let action = Action::take(&mut input)?;
    let object = article(&app.host, &slug).await?;
    let form = |object: &Object, typed: Typed, errors: &[FieldError]| FormPage::of(&visitor, object, typed, errors);
    let here = |typed: Typed, errors: &[FieldError]| form(&object, typed, errors);
    match action {
        Action::Preview => return Ok(trials::preview(&input, is_person, here)),
        Action::Upload => return trials::upload(&app, &visitor, &input, file, here).await,
        Action::Save | Action::Autosave | Action::DryRun => {}
    }
    let (mut article, typed) = match Article::read(input) {
        Ok(read) => read,
        Err(invalid) if is_person => {
            let page = page::html(&form(&object, invalid.typed, &invalid.errors));
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(invalid) => return Err(Fault::invalid_fields(invalid.errors)),
    };
    let key = object.key.clone();
    if let Base::Revision(revision) = base_of(&parts.headers)? {
        article.revision.get_or_insert(revision);
    }
    let by = visitor.by();
    let done = match action {
        Action::DryRun => {
            article.status.get_or_insert(Status::Published);
            app.host.dry_run(alteration(by, &article, &object, None)).await.map(Edited::Foreseen)
        }
        Action::Autosave => {
            // What everybody reads changes when somebody says so, and at no other time.
            if object.status() == Some(Status::Published.as_str()) {
                return Err(Fault::conflict("published", "it is published: only its own button changes it"));
            }
            app.autosaves.admit(&key)?;
            article.status = None;
            change(&app.host, by, &article, object, wait).await.map(Edited::Written)
        }
        Action::Save | Action::Preview | Action::Upload => {
            change(&app.host, by, &article, object, wait).await.map(Edited::Written)
        }
    };
    match done {
        Ok(Edited::Foreseen(foreseen)) => {
            let object = existing(&app.host, &key).await?;
            Ok(trials::foreseen(&foreseen, is_person, verb(&article, &object), || form(&object, typed, &[])))
        }
        Ok(Edited::Written(written)) if is_person => Ok(to_page(&written)),
        Ok(Edited::Written(written)) => Ok(written::answer(app.host.base_url(), &written, wait)),
        Err(WriteError::SlugTaken(taken)) if is_person => {
            let object = existing(&app.host, &key).await?;
            let errors = Fault::from(WriteError::SlugTaken(taken)).errors;
            Ok((StatusCode::CONFLICT, page::html(&form(&object, typed, &errors))).into_response())
        }
        Err(WriteError::Stale { current: Some(current), .. }) if action == Action::Autosave => {
            let detail = format!("somebody else saved revision {current} meanwhile; saving shows both");
            Err(Fault::conflict("stale", detail))
        }
        Err(WriteError::Stale { given: Some(given), current: Some(_) }) if is_person => {
            let object = existing(&app.host, &key).await?;
            let page = form(&object, typed, &[]).beside(&object, given);
            Ok((StatusCode::CONFLICT, page::html(&page)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What people call an edit.
fn verb(article: &Article, object: &Object) -> &'static str {
    let is_published = object.status() == Some(Status::Published.as_str());
    match article.status {
        Some(Status::Draft) if is_published => "Unpublishing it",
        Some(Status::Published) if is_published => "Saving it",
        Some(Status::Published) => "Publishing it",
        Some(Status::Draft) | None => "Saving it",
    }
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
    let base = base_of_delete(&parts, &input)?;
    let written = app.host.write(removal(visitor.by(), object, base, wait)).await?;
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
