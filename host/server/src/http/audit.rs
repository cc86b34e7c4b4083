//! `/audit`: what people did, newest first, for operators.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use rosehip_adapters::views::AuditFilter;
use rosehip_core::{
    event::{Audited, Deed, Trace},
    limits::{PAGE_DEFAULT, PAGE_MAX},
};
use serde_json::{Value, json};

use super::{
    App,
    article_pages::document,
    fault::Fault,
    flows,
    input::{self, Document, Fields},
    negotiate::{Form, PAGE, choose},
    page::{self, Frame, Moment},
    visitor::Visitor,
};
use crate::host::{AuditEntry, AuditPage};

/// A line as a row of a page.
struct LineView {
    seq: u64,
    at: Moment,
    what: String,
    by: Option<String>,
    via: Option<&'static str>,
    about: Option<String>,
    detail: Option<String>,
    times: u64,
}

impl LineView {
    fn of(entry: AuditEntry) -> Self {
        let trace = entry.trace;
        Self {
            seq: entry.seq,
            at: Moment(entry.at),
            what: trace.what.replace(['-', '.'], " "),
            by: trace.by,
            via: trace.via.map(rosehip_core::event::Via::as_str),
            about: trace.about,
            detail: trace.detail,
            times: trace.times,
        }
    }
}

fn line_json(entry: &AuditEntry) -> Value {
    let mut line = json!(entry.trace);
    line["seq"] = json!(entry.seq);
    line["at"] = json!(entry.at);
    line
}

#[derive(Template)]
#[template(path = "audit.html")]
struct TrailPage {
    frame: Frame,
    lines: Vec<LineView>,
    by: String,
    what: String,
    deeds: Vec<&'static str>,
    is_filtered: bool,
    next: Option<String>,
}

/// `GET /audit`: `?limit=&cursor=&by=&what=`
pub(super) async fn trail(
    State(app): State<App>,
    uri: Uri,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let mut fields = input::query(uri.query(), &["limit", "cursor", "by", "what"])?;
    fields.retain(|_, value| !value.trim().is_empty());
    let limit = number(&fields, "limit")?.map_or(PAGE_DEFAULT, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX));
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Fault::invalid("limit", "form", format!("must be 1 to {PAGE_MAX}")));
    }
    let filter = AuditFilter {
        before: number(&fields, "cursor")?,
        by: fields.get("by").map(|by| by.trim().to_owned()),
        what: fields.get("what").map(|what| what.trim().to_owned()),
    };
    if let Some(what) = filter.what.as_deref().filter(|what| !Trace::may_tell(what)) {
        let deeds = Deed::ALL.map(Deed::as_str).join(", ");
        let message = format!("{what:?} is none of what people do: {deeds}, or the kind of an entry");
        return Err(Fault::invalid("what", "one-of", message));
    }
    let (by, what) = (filter.by.clone().unwrap_or_default(), filter.what.clone().unwrap_or_default());
    let AuditPage { entries, next } = app.host.audit_page(filter, limit).await?;
    match choose(&headers, PAGE) {
        Form::Html => {}
        form @ (Form::Json | Form::Activity | Form::LinkedData) => {
            let lines: Vec<_> = entries.iter().map(line_json).collect();
            return Ok(document(form, &json!({"entries": lines, "next": next.map(|next| next.to_string())})));
        }
    }
    let is_filtered = !by.is_empty() || !what.is_empty();
    let frame = Frame::new("Audit trail", &visitor);
    let deeds = Deed::ALL.map(Deed::as_str).to_vec();
    let next = next.map(|next| older(&fields, next));
    let lines = entries.into_iter().map(LineView::of).collect();
    Ok(page::html(&TrailPage { frame, lines, by, what, deeds, is_filtered, next }))
}

/// The address of the page after entry `next`, with the same filters.
fn older(fields: &Fields, next: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.iter().filter(|(name, _)| *name != "cursor"));
    format!("/audit?{}", query.append_pair("cursor", &next.to_string()).finish())
}

fn number(fields: &Fields, name: &str) -> Result<Option<u64>, Fault> {
    let read = |text: &String| text.trim().parse().map_err(|_| Fault::invalid(name, "form", "must be a whole number"));
    fields.get(name).map(read).transpose()
}

/// `GET /flows/{id}/export`, which leaves the host with all that the flow says.
pub(super) async fn export(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let answer = flows::export(State(app.clone()), Path(id.clone())).await?;
    app.host.audit(Audited { detail: Some(id), ..visitor.audited(Deed::FlowExported) }).await;
    Ok(answer)
}

/// `POST /backups`: `{entries}`, how many entries of the log the copy holds. `rosehip backup` says so once it is done.
pub(super) async fn backup_taken(
    State(app): State<App>,
    visitor: Visitor,
    Document(mut members): Document,
) -> Result<StatusCode, Fault> {
    let entries = members.remove("entries").as_ref().and_then(Value::as_u64);
    let entries = entries.ok_or_else(|| Fault::invalid("entries", "type", "must be a whole number"))?;
    if let Some(other) = members.keys().next() {
        return Err(Fault::invalid(other, "unknown-field", "is not a field"));
    }
    let detail = Some(format!("{entries} entries"));
    app.host.audit(Audited { detail, ..visitor.audited(Deed::BackupTaken) }).await;
    Ok(StatusCode::NO_CONTENT)
}
