//! `POST /flows/bulk` and `POST /effects/redrive`: acting on everything that a filter finds. A form of flows has the filter's
//! members beside `action` and `reason`.

use axum::{
    extract::State,
    http::request::Parts,
    response::{IntoResponse, Redirect, Response},
};
use rosehip_adapters::views::StuckFilter;
use serde_json::{Map, Value, json};

use super::{
    App,
    article_pages::document,
    fault::{Fault, FieldError},
    flow_query::{FILTERS, Filters},
    input::{Fields, Input},
    negotiate::{Form, wants_redirect},
    visitor::Visitor,
};
use crate::host::{Bulk, FlowAction};

/// Characters of a reason.
const REASON_CHARS: usize = 500;

/// `POST /flows/bulk`: `{action, filter, reason?, dry_run?, cursor?}`
pub(super) async fn flows(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut members = match input {
        Input::Json(members) => members,
        Input::Form(fields) => members_of(fields, &FILTERS),
    };
    let action = text(members.remove("action"), "action")?.unwrap_or_default();
    let action = FlowAction::from_word(&action)
        .ok_or_else(|| Fault::invalid("action", "form", "must be retry, rerun or cancel"))?;
    let asked = Asked::read(members, &FILTERS)?;
    let mut fields = asked.filter;
    fields.extend(asked.cursor.map(|cursor| ("cursor".to_owned(), cursor)));
    let filters = Filters::of(fields).map_err(within_filter)?;
    let bulk = Bulk { by: visitor.by(), ..asked.bulk };
    let done = app.host.act_on_flows(action, filters.query.clone(), bulk).await?;
    if wants_redirect(&parts) {
        return Ok(Redirect::to(&filters.address_of_done(done.done, done.refused.len())).into_response());
    }
    Ok(document(Form::Json, &json!(done)))
}

/// The members of a document that says what a form says. A form that comes from the list of all has no filter.
fn members_of(fields: Fields, filters: &[&str]) -> Map<String, Value> {
    let (filter, mut members): (Map<_, _>, Map<_, _>) = fields
        .into_iter()
        .filter(|(name, value)| name != "csrf" && !value.is_empty())
        .map(|(name, value)| (name, Value::from(value)))
        .partition(|(name, _)| filters.contains(&name.as_str()));
    let filter = if filter.is_empty() { json!({"all": true}) } else { filter.into() };
    members.insert("filter".to_owned(), filter);
    members
}

/// `POST /effects/redrive`: `{filter, reason?, dry_run?, cursor?}`
pub(super) async fn effects(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let members = match input {
        Input::Json(members) => members,
        Input::Form(fields) => members_of(fields, &STUCK_FILTERS),
    };
    let asked = Asked::read(members, &STUCK_FILTERS)?;
    let filter = stuck_filter(asked.filter, asked.cursor.as_deref()).map_err(within_filter)?;
    let bulk = Bulk { by: visitor.by(), ..asked.bulk };
    let done = app.host.redrive_all(filter, bulk).await?;
    if wants_redirect(&parts) {
        let address = format!("/flows?view=dead&done={}&refused={}", done.done, done.refused.len());
        return Ok(Redirect::to(&address).into_response());
    }
    Ok(document(Form::Json, &json!(done)))
}

/// What a filter of stuck effects may have.
pub(super) const STUCK_FILTERS: [&str; 5] = ["kind", "status", "behavior", "destination", "error"];

/// What the views are asked of stuck effects.
pub(super) fn stuck_filter(mut fields: Fields, place: Option<&str>) -> Result<StuckFilter, Fault> {
    let (after, until) = place.map(cursor).transpose()?.unzip();
    let filter = StuckFilter {
        after,
        until,
        status: fields.remove("status"),
        kind: fields.remove("kind"),
        behavior: fields.remove("behavior"),
        destination: fields.remove("destination"),
        error: fields.remove("error"),
    };
    if filter.status.as_deref().is_some_and(|status| !matches!(status, "dead" | "unhandled")) {
        return Err(Fault::invalid("status", "form", "must be dead or unhandled"));
    }
    Ok(filter)
}

/// The last effect of the answer before, and the last that was stuck when the first answer was asked for.
fn cursor(text: &str) -> Result<(u64, u64), Fault> {
    let places = text.split_once('-').and_then(|(after, until)| Some((after.parse().ok()?, until.parse().ok()?)));
    places.ok_or_else(|| Fault::invalid("cursor", "form", "must be the next of an answer before"))
}

/// What both are asked.
#[derive(Debug)]
struct Asked {
    filter: Fields,
    cursor: Option<String>,
    bulk: Bulk,
}

impl Asked {
    /// Reads what is left of a document; `filters` are the members that its filter may have.
    fn read(mut members: Map<String, Value>, filters: &[&str]) -> Result<Self, Fault> {
        let reason = reason(text(members.remove("reason"), "reason")?);
        let cursor = text(members.remove("cursor"), "cursor")?;
        let dry_run = truth(members.remove("dry_run"), "dry_run")?;
        let filter = filter(members.remove("filter"), filters)?;
        if let Some(other) = members.keys().next() {
            return Err(Fault::invalid(
                other,
                "unknown-field",
                "is not a field; those are filter, reason, dry_run, cursor",
            ));
        }
        Ok(Self { filter, cursor, bulk: Bulk { dry_run, by: None, reason } })
    }
}

/// The members of a filter. One that finds everything says so: `{"all": true}`.
fn filter(value: Option<Value>, known: &[&str]) -> Result<Fields, Fault> {
    let mut members = match value {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(Fault::invalid("filter", "type", "must be an object")),
    };
    let is_all = truth(members.remove("all"), "filter/all")?;
    if let Some(other) = members.keys().find(|name| !known.contains(&name.as_str())) {
        let message = format!("is not a filter; those are {}, all", known.join(", "));
        return Err(Fault::invalid(&format!("filter/{other}"), "unknown-field", message));
    }
    let mut fields = Fields::new();
    for (name, value) in members {
        let field = format!("filter/{name}");
        if let Some(text) = text(Some(value), &field)? {
            // An empty text would find everything, which is to be said.
            if text.trim().is_empty() {
                return Err(Fault::invalid(&field, "form", "is empty; leave it out"));
            }
            fields.insert(name, text.trim().to_owned());
        }
    }
    if fields.is_empty() && !is_all {
        return Err(Fault::invalid("filter", "required", "name what is meant, or say {\"all\": true}"));
    }
    Ok(fields)
}

fn within_filter(mut fault: Fault) -> Fault {
    for error in &mut fault.errors {
        if error.field != "cursor" {
            *error = FieldError::new(format!("filter/{}", error.field), error.rule, std::mem::take(&mut error.message));
        }
    }
    fault
}

fn text(value: Option<Value>, field: &str) -> Result<Option<String>, Fault> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::invalid(field, "type", "must be a string")),
    }
}

fn truth(value: Option<Value>, field: &str) -> Result<bool, Fault> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(truth)) => Ok(truth),
        Some(_) => Err(Fault::invalid(field, "type", "must be true or false")),
    }
}

/// A reason as it is recorded; none where nothing was said.
fn reason(text: Option<String>) -> Option<String> {
    let text: Option<String> = text.map(|text| text.trim().chars().take(REASON_CHARS).collect());
    text.filter(|text| !text.is_empty())
}

/// The reason that a single action was given, by a form or as JSON.
pub(super) fn reason_of(input: Input) -> Result<Option<String>, Fault> {
    match input {
        Input::Form(mut fields) => Ok(reason(fields.remove("reason"))),
        Input::Json(mut members) => Ok(reason(text(members.remove("reason"), "reason")?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Asked, (String, &'static str)> {
        let members = value.as_object().cloned().expect("an object");
        Asked::read(members, &["status", "behavior"])
            .map_err(|fault| (fault.errors[0].field.clone(), fault.errors[0].rule))
    }

    #[test]
    fn a_filter_that_finds_everything_says_so() {
        for everything in [json!({}), json!({"filter": {}}), json!({"filter": {"all": false, "status": null}})] {
            assert_eq!(read(everything).expect_err("refused"), ("filter".to_owned(), "required"));
        }
        assert!(read(json!({"filter": {"all": true}})).is_ok_and(|asked| asked.filter.is_empty()));
        assert!(read(json!({"filter": {"status": "failed"}})).is_ok_and(|asked| asked.filter["status"] == "failed"));
    }

    #[test]
    fn what_is_no_member_is_named() {
        for (document, field) in [
            (json!({"filter": {"all": true}, "dryrun": true}), "dryrun"),
            (json!({"filter": {"colour": "red"}}), "filter/colour"),
            (json!({"filter": {"status": 1}}), "filter/status"),
            (json!({"filter": {"status": " "}}), "filter/status"),
            (json!({"filter": {"all": 1}}), "filter/all"),
            (json!({"filter": [], "reason": "x"}), "filter"),
            (json!({"filter": {"all": true}, "reason": 1}), "reason"),
            (json!({"filter": {"all": true}, "dry_run": "yes"}), "dry_run"),
        ] {
            assert_eq!(read(document).expect_err("refused").0, field);
        }
    }

    #[test]
    fn a_reason_is_a_line() {
        assert_eq!(reason(Some("  ".to_owned())), None);
        assert_eq!(reason(Some(" late ".to_owned())).as_deref(), Some("late"));
        assert_eq!(reason(Some("x".repeat(900))).map(|reason| reason.len()), Some(REASON_CHARS));
    }
}
