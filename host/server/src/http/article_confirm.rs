//! What is asked before an article is unpublished or deleted: a page that says what will happen.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::object::Object;

use super::{
    App,
    article_form::{Article, Status, Typed},
    article_saves::{alteration, article, removal},
    dry_run_view::DryRunView,
    fault::Fault,
    page::{self, Frame},
    visitor::Visitor,
    written,
};
use crate::host::{Base, ObjectWrite};

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    title: String,
    explanation: &'static str,
    /// Where the form goes.
    action: String,
    /// Where giving up leads.
    back: String,
    revision: u64,
    deletes: bool,
    dry_run: DryRunView,
}

/// `GET /{slug}/unpublish`
pub(super) async fn unpublish(
    State(app): State<App>,
    Path(slug): Path<String>,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let object = article(&app.host, &slug).await?;
    if object.status() != Some(Status::Published.as_str()) {
        return Ok(Redirect::to(&written::path(&object.key, object.slug())).into_response());
    }
    let fields = Article { status: Some(Status::Draft), ..Article::default() };
    let write = alteration(visitor.by(), &fields, &object, None);
    confirm(&app, &visitor, &object, write).await
}

/// `GET /{slug}/delete`
pub(super) async fn delete(
    State(app): State<App>,
    Path(slug): Path<String>,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let object = article(&app.host, &slug).await?;
    let base = Base::Revision(object.revision);
    let write = removal(visitor.by(), object.clone(), base, None);
    confirm(&app, &visitor, &object, write).await
}

async fn confirm(app: &App, visitor: &Visitor, object: &Object, write: ObjectWrite) -> Result<Response, Fault> {
    let deletes = write.content.is_none();
    let (word, verb, explanation) = match deletes {
        true => (
            "Delete",
            "Deleting it",
            "It is taken off the site, and its address is free again. Its history stays in the log.",
        ),
        false => {
            ("Unpublish", "Unpublishing it", "It becomes a draft that only editors see. It can be published again.")
        }
    };
    let foreseen = app.host.dry_run(write).await?;
    let back = written::path(&object.key, object.slug());
    Ok(page::html(&ConfirmPage {
        frame: Frame::new(format!("{word} this article?"), visitor),
        title: Typed::of(object).title,
        explanation,
        action: format!("{back}{}", if deletes { "delete" } else { "edit" }),
        back,
        revision: object.revision,
        deletes,
        dry_run: DryRunView::of(&foreseen, verb),
    }))
}
