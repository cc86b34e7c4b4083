//! `POST /erasures`: erasing what the log holds of an object, an actor, a user, or of flows that ended long ago.
//! Operators only, JSON only.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use rosehip_adapters::{accounts::UserName, clock::SystemClock};
use rosehip_core::{ids::ActorName, limits::ERASURE_REASON_CHARS, time::Timestamp};
use serde_json::{Map, Value, json};

use super::{
    App,
    fault::{Fault, FieldError},
    input::Document,
    visitor::Visitor,
};
use crate::host::{Erasable, Erasure, ErasureRequest};

/// What can be erased, by the member that names it.
const SUBJECTS: [&str; 4] = ["object", "actor", "user", "older_than"];
/// The other members.
const OPTIONS: [&str; 3] = ["reason", "cancel", "dry_run"];

/// `POST /erasures`: one of `{object}`, `{actor}`, `{user}`, `{older_than}`, with `reason?`, `cancel?`, `dry_run?`.
pub(super) async fn erase(
    State(app): State<App>,
    visitor: Visitor,
    Document(members): Document,
) -> Result<Response, Fault> {
    let request = read(&members, visitor.by(), SystemClock::now())?;
    let is_dry = request.dry_run;
    let erasure = app.host.erase(request).await?;
    if !is_dry {
        tracing::info!(
            entry = erasure.entry,
            by = visitor.by(),
            entries = erasure.entries,
            flows = erasure.flows,
            "erased"
        );
    }
    Ok(Json(document(&erasure, is_dry)).into_response())
}

fn read(members: &Map<String, Value>, by: Option<String>, now: Timestamp) -> Result<ErasureRequest, Fault> {
    let known = |name: &&String| SUBJECTS.contains(&name.as_str()) || OPTIONS.contains(&name.as_str());
    if let Some(other) = members.keys().find(|name| !known(name)) {
        return Err(Fault::invalid(other, "unknown-field", "is not a field"));
    }
    let named: Vec<_> = SUBJECTS.iter().filter_map(|name| Some((*name, text(members, name).transpose()?))).collect();
    let Ok([(subject, value)]) = <[_; 1]>::try_from(named) else {
        let errors = SUBJECTS.map(|name| FieldError::new(name, "one-of", "name exactly one of these"));
        return Err(Fault::invalid_fields(errors.into()));
    };
    let value = value?;
    let invalid = |rule: &str| Fault::invalid(subject, "form", rule);
    let what = match subject {
        "object" => Erasable::Object(value),
        "actor" => Erasable::Actor(value.parse::<ActorName>().map_err(|error| invalid(&error.to_string()))?),
        "user" => Erasable::User(value.parse::<UserName>()?),
        _ => {
            let age = age_ms(&value).ok_or_else(|| invalid("must be a number and w, d, h, m or s, such as 90d"))?;
            Erasable::Flows(Timestamp::from_millis(now.as_millis().saturating_sub(age)))
        }
    };
    let reason = text(members, "reason")?.unwrap_or_else(|| "asked for by an operator".to_owned());
    Ok(ErasureRequest {
        what,
        reason: reason.trim().chars().take(ERASURE_REASON_CHARS).collect(),
        by,
        cancel: flag(members, "cancel")?,
        dry_run: flag(members, "dry_run")?,
    })
}

fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Fault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
        Some(_) => Err(Fault::invalid(name, "type", "must be a string")),
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, Fault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Fault::invalid(name, "type", "must be true or false")),
    }
}

/// Milliseconds of a length of time such as `90d`.
fn age_ms(text: &str) -> Option<i64> {
    let split = text.len().checked_sub(1).filter(|split| text.is_char_boundary(*split))?;
    let (number, unit) = text.split_at(split);
    let unit: i64 = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    i64::from(number.parse::<u32>().ok()?).checked_mul(unit)
}

fn document(erasure: &Erasure, dry_run: bool) -> Value {
    json!({
        "about": erasure.about,
        "dry_run": dry_run,
        "entries": erasure.entries,
        "bytes": erasure.bytes,
        "activities": erasure.activities,
        "flows": erasure.flows,
        "objects": erasure.objects,
        "user": erasure.user.as_ref().map(UserName::as_str),
        "open": erasure.open,
        "entry": erasure.entry,
        "warning": erasure.warning,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: Value) -> Result<ErasureRequest, String> {
        let members = value.as_object().cloned().expect("an object");
        read(&members, None, Timestamp::from_millis(100_000_000)).map_err(|fault| fault.detail)
    }

    #[test]
    fn one_subject_is_named() {
        assert_eq!(asked(json!({"object": "a-post"})).expect("read").what, Erasable::Object("a-post".into()));
        let flows = asked(json!({"older_than": "1d", "dry_run": true})).expect("read");
        assert_eq!((flows.what, flows.dry_run), (Erasable::Flows(Timestamp::from_millis(13_600_000)), true));
        assert!(asked(json!({})).is_err());
        assert!(asked(json!({"object": "a", "user": "b"})).is_err());
        assert!(asked(json!({"object": "a", "force": true})).is_err());
        assert!(asked(json!({"older_than": "a while"})).is_err());
        assert!(asked(json!({"older_than": "é"})).is_err());
        assert!(asked(json!({"object": "a", "cancel": "yes"})).is_err());
    }
}
