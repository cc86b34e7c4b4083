//! What the behaviors of a host find wrong with an article: the findings of `validate` effects, at the field that each
//! is about.

use rosehip_core::{object::Object, state::EffectStatus};
use serde_json::Value;

use super::fault::Fault;
use crate::host::{FlowQuery, Host};

/// Findings that are shown.
const SHOWN: usize = 50;

/// Something that a behavior found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The field of the form that it is about; empty where that is none of them.
    pub(super) field: &'static str,
    /// The place that the behavior named.
    pub(super) place: String,
    /// What people read.
    pub(super) message: String,
    /// `error` or `warning`.
    pub(super) severity: &'static str,
}

/// What a flow found.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    pub(super) behavior: String,
    /// The flow; none where it has not run.
    pub(super) flow: Option<String>,
    /// The revision that it looked at, where that is not the one that is shown.
    pub(super) revision: Option<u64>,
}

impl Finding {
    /// The findings of an effect's payload.
    pub(super) fn all(payload: &Value) -> Vec<Self> {
        let list = payload.get("findings").and_then(Value::as_array);
        let read = |finding: &Value| {
            let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default();
            Self {
                field: form_field(text("field")),
                place: text("field").to_owned(),
                message: text("message").to_owned(),
                severity: if text("severity") == "warning" { "warning" } else { "error" },
            }
        };
        list.into_iter().flatten().take(SHOWN).map(read).collect()
    }
}

/// The field of the form that a behavior means: by the form's name of it, or by a pointer into the object.
fn form_field(place: &str) -> &'static str {
    let place = place.strip_prefix("/object").unwrap_or(place);
    match place.trim_start_matches('/').split('/').next().unwrap_or_default() {
        "title" | "name" => "title",
        "body" | "content" | "source" => "body",
        "category" => "category",
        "tags" | "tag" => "tags",
        "slug" | "url" => "slug",
        _ => "",
    }
}

/// What the last flow that validated an article found.
pub(super) async fn last(host: &Host, object: &Object) -> Result<Option<Findings>, Fault> {
    let query = FlowQuery {
        limit: 1,
        object: Some(object.key.to_string()),
        effect: Some("validate".to_owned()),
        ..FlowQuery::default()
    };
    let Some(summary) = host.flows(query).await?.flows.into_iter().next() else { return Ok(None) };
    let Some(flow) = host.flow(&summary.id.to_string()).await? else { return Ok(None) };
    let validations = flow.state.effects.iter();
    let validations =
        validations.filter(|state| state.effect.kind == "validate" && state.status == EffectStatus::Dispatched);
    let all: Vec<_> = validations.flat_map(|state| Finding::all(&state.effect.payload)).take(SHOWN).collect();
    Ok(Some(Findings {
        all,
        behavior: summary.behavior.to_string(),
        flow: Some(summary.id.to_string()),
        revision: flow.activity.revision.filter(|revision| *revision != object.revision),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn findings_stand_at_the_field_that_they_are_about() {
        for (place, field) in [
            ("title", "title"),
            ("/object/name", "title"),
            ("/source/content", "body"),
            ("/content", "body"),
            ("/tag/0/name", "tags"),
            ("summary", ""),
            ("", ""),
        ] {
            assert_eq!(form_field(place), field, "{place}");
        }
        let payload = json!({"valid": false, "findings": [
            {"field": "slug", "rule": "format", "message": "No."},
            {"field": "summary", "rule": "length", "message": "Long.", "severity": "warning"},
        ]});
        let found = Finding::all(&payload);
        assert_eq!((found[0].severity, found[0].field), ("error", "slug"));
        assert_eq!((found[1].severity, found[1].place.as_str()), ("warning", "summary"));
        assert_eq!(Finding::all(&json!({"findings": 7})), []);
    }
}
