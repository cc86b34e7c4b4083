//! An activity as the pages of flows and activities show it.

use rosehip_core::ids::BoxName;
use serde_json::Value;

/// Characters of a value that changed which its row shows.
const CHANGE_CHARS: usize = 240;

/// The activity that started a flow.
pub(super) struct ActivityView {
    pub(super) kind: String,
    pub(super) object_type: String,
    pub(super) token: String,
    pub(super) id: String,
    pub(super) cid: String,
    pub(super) actor: String,
    pub(super) changes: Vec<ChangeView>,
}

/// A field that changed; a side is none where the field was absent.
pub(super) struct ChangeView {
    pub(super) field: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

impl ActivityView {
    /// Without what stood there before, which may never have been published.
    pub(super) fn for_everybody(self) -> Self {
        Self { changes: Vec::new(), ..self }
    }

    /// The view of an activity.
    pub(super) fn of(activity: &rosehip_core::activity::Activity) -> Self {
        let changes = activity.transitions.iter().map(|change| {
            let side = |value: &Value| (!value.is_null()).then(|| short(&plain(value)));
            ChangeView { field: change.field.clone(), from: side(&change.from), to: side(&change.to) }
        });
        Self {
            kind: activity.kind.to_string(),
            object_type: activity.object_type.to_string(),
            // Ids of other hosts may end alike.
            token: match activity.r#box {
                BoxName::Inbox => activity.cid.to_string(),
                BoxName::Outbox => activity.id.token().to_owned(),
            },
            id: activity.id.to_string(),
            cid: activity.cid.to_string(),
            actor: activity.owner.to_string(),
            changes: changes.collect(),
        }
    }
}

/// A value as people read it: text as it is, of a source its text, of a tag its name.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(members) => match (members.get("bytes"), members.get("content").or(members.get("name"))) {
            (Some(bytes), _) => format!("{bytes} bytes"),
            (None, Some(text)) => plain(text),
            (None, None) => value.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(CHANGE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_read_as_text() {
        assert_eq!(plain(&json!({"content": "*x*", "mediaType": "text/markdown"})), "*x*");
        assert_eq!(plain(&json!([{"type": "Hashtag", "name": "#a"}, {"name": "#b"}])), "#a, #b");
        assert_eq!(plain(&json!({"bytes": 2_000})), "2000 bytes");
        assert_eq!(short(&"ä".repeat(300)).chars().count(), CHANGE_CHARS + 1);
    }
}
