//! `set`: changes a field of the object that the flow is about. Revision, activity and receipt are one append.
//!
//! It reads the object's last revision, and appends `object.revised` and, where the change means one to others,
//! `activity.appended`.

use std::sync::Arc;

use rosehip_core::{
    activity::{Cause, Origin, sanitize_members},
    event::{Event, Record, object_stream},
    json,
    limits::{HTTP_BODY_BYTES, JSON_WEIGHT},
    object::Object,
    pipeline::ingest::{Ingested, Write, ingest},
    ports::{Change, LocalSink, LogReader as _, Outgoing, Signatures, StoreError},
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use crate::{
    pool::Pool,
    store::{SchemaError, SqliteReader},
};

/// Members that the host derives, or that name the object.
const NOT_TO_BE_SET: &[&str] =
    &["@context", "id", "type", "slug", "url", "revision", "published", "updated", "attributedTo"];

/// Carries out `set`.
pub struct SetSink {
    base_url: String,
    log: Arc<Pool<SqliteReader, SchemaError>>,
    signatures: Arc<dyn Signatures>,
}

impl SetSink {
    /// For the host whose ids begin with `base_url`, without a slash at its end.
    pub fn new(base_url: String, log: Arc<Pool<SqliteReader, SchemaError>>, signatures: Arc<dyn Signatures>) -> Self {
        Self { base_url, log, signatures }
    }

    fn object(&self, outgoing: &Outgoing) -> Result<Option<Object>, StoreError> {
        let Some(key) = &outgoing.object else { return Ok(None) };
        self.log.with::<_, StoreError>(|log| {
            let Some(seq) = log.stream_head(&object_stream(key))? else { return Ok(None) };
            let entries = log.read(seq, 1)?;
            let unreadable = |error: rosehip_core::event::UnreadableEvent| StoreError::Unreadable(error.to_string());
            let record = entries.first().map(Record::read).transpose().map_err(unreadable)?;
            Ok(match record.and_then(|record| record.event).as_deref() {
                Some(Event::ObjectRevised(revised)) => Some(Object { seq, ..revised.object.clone() }),
                _ => None,
            })
        })
    }
}

impl LocalSink for SetSink {
    fn kind(&self) -> &'static str {
        "set"
    }

    fn decide(&self, outgoing: &Outgoing, now: Timestamp) -> Result<Change, StoreError> {
        let refused = |message: &str| Ok(Change::Refused(message.to_owned()));
        let payload = &outgoing.effect.payload;
        let (Some(field), Some(value)) = (payload.get("field").and_then(Value::as_str), payload.get("value")) else {
            return refused("set: payload needs field and value");
        };
        let Some(key) = &outgoing.object else { return refused("set: the flow is about no object of this host") };
        let Some(before) = self.object(outgoing)?.filter(Object::exists) else {
            return refused("set: the object does not exist any more");
        };
        let content = before.content.clone().unwrap_or_default();
        let after = match changed(content, key.kind.as_str(), field, value) {
            Ok(after) => after,
            Err(message) => return Ok(Change::Refused(message)),
        };
        let origin = Origin {
            cause: Cause { flow: outgoing.flow, effect: outgoing.effect.id },
            activity: outgoing.activity.clone(),
            depth: outgoing.depth + 1,
            root: outgoing.root.clone(),
        };
        let ingested = ingest(Write {
            base_url: &self.base_url,
            key,
            before: Some(&before),
            after: Some(after),
            owner: &outgoing.owner,
            by: None,
            origin: Some(origin),
            signatures: &*self.signatures,
            now,
            trace: outgoing.trace,
            claims: None,
        });
        Ok(match ingested {
            Ingested::Unchanged => Change::Nothing(json!({ "result": "unchanged", "revision": before.revision })),
            Ingested::Changed { append, object, activity } => {
                let receipt = json!({ "result": "changed", "revision": object.revision, "activity": activity });
                Change::Append(append, receipt)
            }
        })
    }
}

/// The members of an object after a field was set; null takes it away.
fn changed(
    mut content: Map<String, Value>,
    kind: &str,
    field: &str,
    value: &Value,
) -> Result<Map<String, Value>, String> {
    if NOT_TO_BE_SET.contains(&field) {
        return Err(format!("set: {field} is not a behavior's to set"));
    }
    if kind == "Article" {
        let is_fit = match field {
            "status" => matches!(value.as_str(), Some("draft" | "published")),
            "name" => value.as_str().is_some_and(|name| !name.trim().is_empty()),
            _ => true,
        };
        if !is_fit {
            return Err(format!("set: an article's {field} cannot be {}", cut(value)));
        }
    }
    if value.is_null() {
        content.remove(field);
    } else {
        // HTML of a behavior is no more trusted than anybody's.
        let mut set = Map::from_iter([(field.to_owned(), value.clone())]);
        sanitize_members(&mut set);
        content.extend(set);
    }
    let weight: u64 = content.values().map(json::weigh).sum();
    let length: usize = content.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
    if weight > JSON_WEIGHT || length > HTTP_BODY_BYTES {
        return Err(format!("set: with this {field} the object would be larger than an object may be"));
    }
    Ok(content)
}

fn cut(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(kind: &str, field: &str, value: &Value) -> Result<Value, String> {
        let content = json!({"name": "A", "status": "draft", "note": 1}).as_object().cloned().expect("an object");
        changed(content, kind, field, value).map(Value::Object)
    }

    #[test]
    fn a_field_is_replaced_added_or_taken_away() {
        assert_eq!(set("Order", "note", &json!(2)), Ok(json!({"name": "A", "status": "draft", "note": 2})));
        assert_eq!(set("Order", "paid", &json!(true)).map(|object| object["paid"].clone()), Ok(json!(true)));
        assert_eq!(set("Order", "note", &Value::Null), Ok(json!({"name": "A", "status": "draft"})));
        let html = set("Note", "summary", &json!("<script>x</script><b>y</b>"));
        assert_eq!(html.map(|object| object["summary"].clone()), Ok(json!("<b>y</b>")));
        assert_eq!(set("Order", "status", &json!("lost")).map(|object| object["status"].clone()), Ok(json!("lost")));
    }

    #[test]
    fn what_the_host_derives_and_what_would_break_an_article_is_refused() {
        for field in NOT_TO_BE_SET {
            assert!(set("Order", field, &json!("x")).expect_err(field).contains(field));
        }
        for (field, value) in [("status", json!("lost")), ("status", Value::Null), ("name", json!(" "))] {
            assert!(set("Article", field, &value).expect_err(field).contains(field));
        }
        let long = json!("x".repeat(HTTP_BODY_BYTES));
        assert!(set("Order", "note", &long).expect_err("it is too long").contains("larger"));
    }
}
