//! What is tried and not saved: how an article would look, and what saving it would set off.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    App,
    article_form::{Article, Status, Typed},
    article_form_page::FormPage,
    article_saves::{Author, addition_now, alteration, article, removal},
    dry_run_view::DryRunView,
    fault::{Fault, FieldError},
    input::Input,
    markdown,
    media::Sent,
    page,
    visitor::Visitor,
};
use crate::host::{Base, DryRun};

/// What readers would see: the same Markdown by the same rules, or what is wrong with it.
pub(super) fn preview(input: &Input, is_person: bool, form: impl FnOnce(Typed, &[FieldError]) -> FormPage) -> Response {
    let typed = match input {
        Input::Form(fields) => Typed::of_fields(fields),
        Input::Json(members) => {
            let body = members.get("body").and_then(Value::as_str).unwrap_or_default();
            Typed { body: body.to_owned(), ..Typed::default() }
        }
    };
    match (markdown::check(&typed.body), is_person) {
        (Ok(()), true) => {
            let html = markdown::to_html(&typed.body);
            page::html(&form(typed, &[]).with_preview(html))
        }
        (Ok(()), false) => Json(json!({"html": markdown::to_html(&typed.body)})).into_response(),
        (Err(message), is_person) => {
            let error = FieldError::new("body", "markup", message);
            match is_person {
                true => {
                    let page = page::html(&form(typed, std::slice::from_ref(&error)));
                    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
                }
                false => Fault::invalid_fields(vec![error]).into_response(),
            }
        }
    }
}

/// Keeps the image that came with the fields of an article and puts it into the body, at the form: the article itself is
/// not saved.
pub(super) async fn upload(
    app: &App,
    visitor: &Visitor,
    input: &Input,
    file: Option<Vec<u8>>,
    form: impl FnOnce(Typed, &[FieldError]) -> FormPage,
) -> Result<Response, Fault> {
    let Input::Form(fields) = input else {
        return Err(Fault::invalid("action", "one-of", "programs upload by POST /media"));
    };
    let typed = Typed::of_fields(fields);
    let kept = match Sent::read(input, file) {
        Ok(sent) => sent.keep(&app.host, visitor).await,
        Err(errors) => Err(Fault::invalid_fields(errors)),
    };
    match kept {
        Ok((image, _)) => Ok(page::html(&form(typed, &[]).with_image(&image))),
        Err(fault) if fault.errors.is_empty() => Err(fault),
        Err(fault) => {
            let alt = fields.get("alt").cloned().unwrap_or_default();
            let page = form(typed, &fault.errors).with_alt(alt);
            Ok((fault.status, page::html(&page)).into_response())
        }
    }
}

/// What saving would set off: at the form for people, as it is for programs.
pub(super) fn foreseen(
    foreseen: &DryRun,
    is_person: bool,
    verb: &'static str,
    form: impl FnOnce() -> FormPage,
) -> Response {
    match is_person {
        true => page::html(&form().with_dry_run(DryRunView::of(foreseen, verb))),
        false => Json(foreseen).into_response(),
    }
}

/// `POST /dry-run`: the fields of an article. Where its slug is one that stands, that article would be changed, or with
/// `delete` be deleted; else a new one would be made. It would be published where no status is named.
pub(super) async fn dry_run(State(app): State<App>, visitor: Visitor, mut input: Input) -> Result<Response, Fault> {
    let (deletes, slug) = match &mut input {
        Input::Form(fields) => (fields.remove("delete").map(Value::String), fields.get("slug").cloned()),
        Input::Json(members) => {
            (members.remove("delete"), members.get("slug").and_then(Value::as_str).map(str::to_owned))
        }
    };
    let deletes = match deletes {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(Value::String(text)) if text == "true" => true,
        Some(_) => return Err(Fault::invalid("delete", "type", "must be true or false")),
    };
    let found = match &slug {
        Some(slug) => match article(&app.host, slug).await {
            Ok(object) => Some(object),
            Err(fault) if fault.status == StatusCode::NOT_FOUND => None,
            Err(fault) => return Err(fault),
        },
        None => None,
    };
    if deletes {
        let object = found.ok_or_else(|| Fault::not_found("article"))?;
        let foreseen = app.host.dry_run(removal(visitor.by(), object, Base::Any, None)).await?;
        return Ok(Json(foreseen).into_response());
    }
    let (mut fields, _) = Article::read(input).map_err(|invalid| Fault::invalid_fields(invalid.errors))?;
    fields.status.get_or_insert(Status::Published);
    let write = if let Some(object) = found {
        // It names the article, and no new address.
        fields.slug = None;
        alteration(visitor.by(), &fields, &object, None)
    } else {
        if let Some(error) = fields.missing() {
            return Err(Fault::invalid_fields(vec![error]));
        }
        let author = Author { owner: &visitor.user()?.actor, by: visitor.by() };
        addition_now(&app.host, &author, &fields).await?
    };
    Ok(Json(app.host.dry_run(write).await?).into_response())
}
