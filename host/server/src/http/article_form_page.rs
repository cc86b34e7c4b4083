//! The form of an article: new, being edited, sent back with what is wrong, or beside what somebody else saved.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use rosehip_core::{limits::AUTOSAVE_MS, object::Object};
use serde_json::{Map, Value};

use super::{
    App,
    article_form::Typed,
    article_saves,
    dry_run_view::DryRunView,
    fault::{Fault, FieldError},
    findings::{self, Finding, Findings},
    page::{self, Frame},
    visitor::Visitor,
    written,
};
use crate::host::Image;

/// A field that differs from what stands now.
struct Difference {
    field: &'static str,
    typed: String,
    current: String,
}

/// An edit that came too late.
struct Beside {
    given: u64,
    current: u64,
    differences: Vec<Difference>,
}

/// The form of an article.
#[derive(Template)]
#[template(path = "article_form.html")]
pub(super) struct FormPage {
    frame: Frame,
    /// Where the form goes.
    action: String,
    /// Where giving up leads.
    cancel: String,
    is_new: bool,
    is_published: bool,
    typed: Typed,
    errors: Map<String, Value>,
    beside: Option<Beside>,
    /// What readers would see.
    preview: Option<String>,
    /// What saving would set off.
    dry_run: Option<DryRunView>,
    /// What behaviors found.
    findings: Option<Findings>,
    /// The image that was put into the body, in words.
    uploaded: Option<String>,
    /// What an image that was not taken was to show.
    alt: String,
    /// Milliseconds between two times that a draft is saved by itself.
    autosave_ms: u64,
}

impl FormPage {
    /// A form for a new article.
    pub(super) fn new_article(visitor: &Visitor, typed: Typed, errors: &[FieldError]) -> Self {
        Self {
            frame: Frame::new("New article", visitor),
            action: "/new".to_owned(),
            cancel: "/".to_owned(),
            is_new: true,
            is_published: false,
            typed,
            errors: by_field(errors),
            beside: None,
            preview: None,
            dry_run: None,
            findings: None,
            uploaded: None,
            alt: String::new(),
            autosave_ms: AUTOSAVE_MS,
        }
    }

    /// A form for an article that stands.
    pub(super) fn of(visitor: &Visitor, object: &Object, typed: Typed, errors: &[FieldError]) -> Self {
        let slug = object.slug().unwrap_or_default();
        let title = Typed::of(object).title;
        Self {
            frame: Frame::new(format!("Edit “{title}”"), visitor),
            action: format!("/{slug}/edit"),
            cancel: written::path(&object.key, object.slug()),
            is_new: false,
            is_published: object.status() == Some("published"),
            typed,
            errors: by_field(errors),
            beside: None,
            preview: None,
            dry_run: None,
            findings: None,
            uploaded: None,
            alt: String::new(),
            autosave_ms: AUTOSAVE_MS,
        }
    }

    /// The same form for an edit that came too late: it says what stands now, and sending it again replaces that.
    pub(super) fn beside(mut self, object: &Object, given: u64) -> Self {
        let now = Typed::of(object);
        let pairs = [
            ("Title", &self.typed.title, now.title),
            ("Body", &self.typed.body, now.body),
            ("Category", &self.typed.category, now.category),
            ("Tags", &self.typed.tags, now.tags),
            ("Address", &self.typed.slug, now.slug),
        ];
        let even = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
        let differences = pairs.into_iter().filter(|(_, typed, current)| even(typed) != even(current));
        let differences =
            differences.map(|(field, typed, current)| Difference { field, typed: typed.clone(), current }).collect();
        self.beside = Some(Beside { given, current: object.revision, differences });
        self.typed.revision = object.revision.to_string();
        self
    }

    /// The same form with what readers would see.
    pub(super) fn with_preview(self, html: String) -> Self {
        Self { preview: Some(html), ..self }
    }

    /// The same form with an image in its body.
    pub(super) fn with_image(mut self, image: &Image) -> Self {
        let body = self.typed.body.trim_end();
        let gap = if body.is_empty() { "" } else { "\n\n" };
        self.typed.body = format!("{body}{gap}{}\n", image.markdown());
        self.uploaded = Some(image.alt.clone());
        self
    }

    /// The same form with what an image was to show that was not taken.
    pub(super) fn with_alt(self, alt: String) -> Self {
        Self { alt, ..self }
    }

    /// The same form with what saving it would set off.
    pub(super) fn with_dry_run(self, view: DryRunView) -> Self {
        let found = view.validator().map(|behavior| Findings {
            all: view.findings(),
            behavior: behavior.to_owned(),
            flow: None,
            revision: None,
        });
        Self { dry_run: Some(view), ..self.with_findings(found) }
    }

    /// The same form with what behaviors found.
    pub(super) fn with_findings(self, findings: Option<Findings>) -> Self {
        Self { findings, ..self }
    }

    /// What behaviors found at a field; at none of them where it is empty.
    fn findings_at(&self, field: &str) -> Vec<&Finding> {
        self.findings.iter().flat_map(|found| &found.all).filter(|finding| finding.field == field).collect()
    }

    /// The ids of what says more about a field, where there is any.
    fn described_by(&self, field: &str) -> Option<String> {
        let problem = self.error(field).map(|_| format!("{field}-problem"));
        let findings = (!self.findings_at(field).is_empty()).then(|| format!("{field}-findings"));
        let ids: Vec<_> = problem.into_iter().chain(findings).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }

    /// What is wrong with a field.
    fn error(&self, field: &str) -> Option<&str> {
        self.errors.get(field).and_then(Value::as_str)
    }
}

/// The first message of each field, as a sentence.
fn by_field(errors: &[FieldError]) -> Map<String, Value> {
    let mut messages = Map::new();
    for error in errors {
        messages.entry(error.field.clone()).or_insert_with(|| error.message.as_str().into());
    }
    messages
}

/// `GET /new`
pub(super) async fn new_form(visitor: Visitor) -> Response {
    page::html(&FormPage::new_article(&visitor, Typed::default(), &[]))
}

/// `GET /{slug}/edit`
pub(super) async fn edit_form(
    State(app): State<App>,
    Path(slug): Path<String>,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let object = article_saves::article(&app.host, &slug).await?;
    let typed = Typed::of(&object);
    let found = findings::last(&app.host, &object).await?;
    Ok(page::html(&FormPage::of(&visitor, &object, typed, &[]).with_findings(found)))
}
