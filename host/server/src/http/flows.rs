//! `/flows`, `/flows/{id}` and what people do to flows and effects.

use axum::{
    extract::{Path, State},
    http::{
        HeaderMap, Uri,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK},
        request::Parts,
    },
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::{
    flow::FlowSummary,
    ids::{EffectId, FlowId, NodeId},
    json,
};
use serde_json::{Value, json};

use super::{
    App,
    article_pages::document,
    bulk::reason_of,
    fault::Fault,
    flow_json::{EntryJson, FlowJson, ListedFlow},
    flow_list_page::FlowsPage,
    flow_page::FlowDetailPage,
    flow_part::FlowPart,
    flow_query::Filters,
    input::{self, Input},
    live,
    negotiate::{self, Form, choose, wants_redirect},
    page,
    visitor::Visitor,
};
use crate::host::{ActionError, FlowDetail, Host};

/// Characters of an id that are enough to name a flow.
const PREFIX_CHARS: usize = 6;
/// Characters of a whole id.
const ID_CHARS: usize = 52;

/// `GET /flows`
pub(super) async fn list(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    if negotiate::wants_events(&headers) {
        return live::follow(&app, &headers, uri.query(), None);
    }
    let filters = Filters::read(uri.query())?;
    let since = app.host.committed();
    let flows = app.host.flows(filters.query.clone()).await?;
    let link = flows.next.map(|cursor| format!("<{}>; rel=\"next\"", filters.page_from(cursor)));
    let form = choose(&headers, negotiate::PAGE);
    // Programs that read on have been told how many there are.
    let count = match form == Form::Html || filters.query.cursor.is_none() {
        true => Some(app.host.count_flows(filters.query.clone()).await?),
        false => None,
    };
    let mut response = if let (Form::Html, Some(count)) = (form, count) {
        let mut fields = input::fields(uri.query().unwrap_or_default().as_bytes());
        let number = |text: String| text.parse::<u64>().ok().map(|number| number.to_string());
        let done = fields.remove("done").and_then(number).zip(fields.remove("refused").and_then(number));
        page::html(&FlowsPage::new(&visitor, filters, &flows, count, done, since))
    } else {
        let next = flows.next.map(|cursor| cursor.to_string());
        let listed = flows.flows.iter().zip(&flows.places);
        let listed: Vec<_> = listed.map(|(flow, place)| ListedFlow { flow, queued_at: place.queued_at }).collect();
        let list = json!({"flows": listed, "next": next, "count": count.map(|count| count.flows),
            "count_is_more": count.map(|count| count.is_more)});
        document(form, &list)
    };
    if let Some(link) = link.and_then(|link| link.parse().ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// `GET /flows/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let part = FlowPart::read(uri.query())?;
    let since = app.host.committed();
    let flow = detail(&app.host, &id).await?;
    if negotiate::wants_events(&headers) {
        return live::follow(&app, &headers, uri.query(), Some(flow.state.id()));
    }
    let form = choose(&headers, negotiate::PAGE);
    if form == Form::Html {
        return Ok(page::html(&FlowDetailPage::new(&visitor, &flow, &part, app.host.base_url(), since)));
    }
    Ok(document(form, &FlowJson::of(&flow)))
}

/// `GET /flows/{id}/entries?format=ndjson|json`: its entries as they stand in the log, as a file.
pub(super) async fn entries(State(app): State<App>, Path(id): Path<String>, uri: Uri) -> Result<Response, Fault> {
    let format = input::fields(uri.query().unwrap_or_default().as_bytes()).remove("format");
    let flow = detail(&app.host, &id).await?;
    let entries = flow.records.iter().map(|(record, body)| EntryJson::of(record, body));
    let (text, kind, ending) = match format.as_deref() {
        Some("json") => (json!(entries.collect::<Vec<_>>()).to_string(), "application/json", "json"),
        None | Some("" | "ndjson") => {
            let lines = entries.map(|entry| format!("{}\n", json!(entry)));
            (lines.collect(), "application/x-ndjson", "ndjson")
        }
        Some(_) => return Err(Fault::invalid("format", "form", "must be ndjson or json")),
    };
    let name = format!("attachment; filename=\"flow-{}.{ending}\"", flow.state.id().short());
    Ok(([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)], text).into_response())
}

pub(super) async fn detail(host: &Host, id: &str) -> Result<FlowDetail, Fault> {
    let is_prefix =
        id.len() >= PREFIX_CHARS && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let found = if is_prefix { host.flow(id).await? } else { None };
    match found {
        Some(flow) => Ok(flow),
        None => Err(missing(host, id)?),
    }
}

/// What is said of a flow that is not there: whether it was erased, and what its headers tell.
fn missing(host: &Host, id: &str) -> Result<Fault, Fault> {
    let erased = id.parse().ok().map(|id| host.erased_flow(id)).transpose()?.flatten();
    let Some(flow) = erased else {
        return Ok(Fault::not_found(&format!("flow: {}", id.chars().take(ID_CHARS).collect::<String>())));
    };
    let by = flow.erased.as_ref().map(|(seq, at, erased)| {
        json!({"entry": seq, "at": at, "reason": erased.reason, "about": erased.about, "by": erased.by})
    });
    let why = flow.erased.as_ref().map(|(seq, at, erased)| format!(" by entry {seq} at {at}: {}", erased.reason));
    let events: Vec<_> = flow
        .headers
        .iter()
        .map(|header| json!({"seq": header.seq, "time": header.time, "kind": header.kind, "body": null}))
        .collect();
    let mut fault = Fault::gone("the flow");
    fault.detail.push_str(&why.unwrap_or_default());
    let more = [("id", json!(flow.id)), ("erased", json!(by)), ("events", events.into())];
    fault.more = Some(Box::new(more.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()));
    Ok(fault)
}

/// What was done to a flow; of one that is not there, whether it was erased.
fn acted<T>(host: &Host, flow: FlowId, done: Result<T, ActionError>) -> Result<T, Fault> {
    match done {
        Err(ActionError::NotFound("flow")) => Err(missing(host, &flow.to_string())?),
        done => Ok(done?),
    }
}

/// The flow that an id or the beginning of one names.
async fn named(host: &Host, id: &str) -> Result<FlowId, Fault> {
    match id.parse() {
        Ok(flow) => Ok(flow),
        Err(_) => Ok(detail(host, id).await?.state.id()),
    }
}

/// What was done, as its list item or as the flow's page.
fn done(parts: &Parts, flow: &FlowSummary) -> Response {
    match wants_redirect(parts) {
        true => Redirect::to(&format!("/flows/{}", flow.id)).into_response(),
        false => document(Form::Json, &json!(flow)),
    }
}

/// `GET /flows/{id}/export`: its entries with headers and bodies, one a line, and those of its activity and its module.
pub(super) async fn export(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let flow = detail(&app.host, &id).await?;
    let mut lines = String::new();
    for entry in app.host.export(&flow.state).await? {
        lines.push_str(&json!(entry).to_string());
        lines.push('\n');
    }
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// `POST /flows/{id}/retry`
pub(super) async fn retry(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let reason = reason_of(input)?;
    let flow = named(&app.host, &id).await?;
    let flow = acted(&app.host, flow, app.host.retry(flow, visitor.by(), reason).await)?;
    Ok(done(&parts, &flow))
}

/// `POST /flows/{id}/rerun`
pub(super) async fn rerun(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let reason = reason_of(input)?;
    let flow = named(&app.host, &id).await?;
    let flow = acted(&app.host, flow, app.host.rerun(flow, visitor.by(), reason).await)?;
    Ok(done(&parts, &flow))
}

/// `POST /flows/{id}/cancel`
pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let reason = reason_of(input)?;
    let flow = named(&app.host, &id).await?;
    let flow = acted(&app.host, flow, app.host.cancel(flow, visitor.by(), reason).await)?;
    Ok(done(&parts, &flow))
}

/// `POST /flows/{id}/signal`
pub(super) async fn signal(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let (name, payload) = read_signal(input)?;
    let flow = named(&app.host, &id).await?;
    let is_taken = acted(&app.host, flow, app.host.signal(flow, &name, payload, visitor.by()).await)?;
    if wants_redirect(&parts) {
        return Ok(Redirect::to(&format!("/flows/{flow}")).into_response());
    }
    let summary = detail(&app.host, &flow.to_string()).await?.state.summary;
    let mut value = json!(summary);
    value["ignored"] = (!is_taken).into();
    Ok(document(Form::Json, &value))
}

/// `POST /flows/{id}/pin`
pub(super) async fn pin(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    set_pinned(&app.host, &id, true, &visitor, &parts).await
}

/// `POST /flows/{id}/unpin`
pub(super) async fn unpin(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    set_pinned(&app.host, &id, false, &visitor, &parts).await
}

async fn set_pinned(host: &Host, id: &str, pinned: bool, visitor: &Visitor, parts: &Parts) -> Result<Response, Fault> {
    let flow = named(host, id).await?;
    let flow = acted(host, flow, host.pin(flow, pinned, visitor.by()).await)?;
    Ok(done(parts, &flow))
}

/// A signal's name and what it carries; in a form the latter is JSON.
fn read_signal(input: Input) -> Result<(String, Value), Fault> {
    let (name, payload) = match input {
        Input::Json(mut members) => {
            let name = members.remove("name").and_then(|name| name.as_str().map(str::to_owned));
            let payload = members.remove("payload").unwrap_or_default();
            if let Some(other) = members.keys().next() {
                return Err(Fault::invalid(other, "unknown-field", "is not a field; those are name, payload"));
            }
            (name, payload)
        }
        Input::Form(mut fields) => {
            let text = fields.remove("payload").unwrap_or_default();
            let payload = match text.trim() {
                "" if fields.contains_key("approve") => {
                    let note = fields.get("note").map(|note| note.trim()).unwrap_or_default();
                    json!({ "approve": fields.get("approve").is_some_and(|approve| approve == "true"), "note": note })
                }
                "" => Value::Null,
                text => json::parse(text.as_bytes())
                    .map_err(|error| Fault::invalid("payload", error.rule, error.message))?,
            };
            (fields.remove("name"), payload)
        }
    };
    let name = name.ok_or_else(|| Fault::invalid("name", "required", "name the signal"))?;
    match name.trim().parse::<NodeId>() {
        Ok(name) => Ok((name.to_string(), payload)),
        Err(_) => Err(Fault::invalid("name", "form", "must be a signal's name, [a-z][a-z0-9-]{0,62}")),
    }
}

/// `POST /effects/{id}/redrive`
pub(super) async fn redrive(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let reason = reason_of(input)?;
    let effect: EffectId = id.parse().map_err(|_| Fault::not_found("effect"))?;
    let flow = app.host.redrive(effect, visitor.by(), reason).await?;
    let summary = detail(&app.host, &flow.to_string()).await?.state.summary;
    Ok(done(&parts, &summary))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Input {
        Input::Json(value.as_object().cloned().expect("an object"))
    }

    #[test]
    fn a_signal_has_a_name_and_may_carry_something() {
        let read = |input| read_signal(input).map_err(|fault| fault.errors[0].field.clone());
        assert_eq!(
            read(object(json!({"name": "approve", "payload": {"by": "ada"}}))),
            Ok(("approve".into(), json!({"by": "ada"})))
        );
        let form = |text: &str| Input::Form(super::super::input::fields(text.as_bytes()));
        assert_eq!(read(form("name=approve&payload=%7B%22a%22%3A1%7D")), Ok(("approve".into(), json!({"a": 1}))));
        assert_eq!(read(form("name=approve&payload=")), Ok(("approve".into(), Value::Null)));
        assert_eq!(read(form("name=approve&payload=%7B")), Err("payload".to_owned()));
        assert_eq!(read(object(json!({"payload": 1}))), Err("name".to_owned()));
        assert_eq!(read(object(json!({"name": "No"}))), Err("name".to_owned()));
        assert_eq!(read(object(json!({"name": "a", "x": 1}))), Err("x".to_owned()));
    }
}
