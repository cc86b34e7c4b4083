//! Objects, their revisions and what changed between two of them.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    activity::{is_public, urls_of},
    ids::{ActorName, ObjectKey, TypeName},
    limits::ARTICLE_TAGS,
    time::Timestamp,
};

/// Bytes of a field's value, as JSON, beyond which a transition says only how long it was. The new value always
/// stands in the activity's object.
pub const TRANSITION_VALUE_BYTES: usize = 256;

/// Members of an object that the host derives; a change of them alone is no change.
const DERIVED: [&str; 6] = ["id", "url", "attributedTo", "published", "updated", "revision"];

/// An object as its last revision left it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Type and id.
    pub key: ObjectKey,
    /// How often it was saved, from 1. It goes on counting when a deleted object is made again.
    pub revision: u64,
    /// `seq` of the entry that holds the revision: the head of the object's stream.
    pub seq: u64,
    /// Who owns it.
    pub owner: ActorName,
    /// Its members, AS2-shaped; none once it is gone.
    pub content: Option<Map<String, Value>>,
    /// How often it was published. A new publication has a new federated id.
    pub publications: u32,
    /// When it was first saved.
    pub created_at: Timestamp,
    /// When it was last published, while it is published.
    pub published_at: Option<Timestamp>,
    /// When it was last saved.
    pub updated_at: Timestamp,
}

impl Object {
    /// Its `status`, such as `draft`, `published` or `paid`.
    pub fn status(&self) -> Option<&str> {
        self.content.as_ref()?.get("status")?.as_str()
    }

    /// The slug of an article.
    pub fn slug(&self) -> Option<&str> {
        self.content.as_ref()?.get("slug")?.as_str()
    }

    /// Its tags by which lists find it: without their signs, in lower case.
    pub fn tags(&self) -> BTreeSet<String> {
        let list = self.content.as_ref().and_then(|content| content.get("tag")?.as_array());
        let names = list.into_iter().flatten().filter_map(|tag| tag.get("name").unwrap_or(tag).as_str());
        names.map(tag_of).filter(|tag| !tag.is_empty()).take(ARTICLE_TAGS).collect()
    }

    /// Whether it exists now.
    pub fn exists(&self) -> bool {
        self.content.is_some()
    }

    /// Whether everybody may see it as it is now: an article that is published, and any other object that is addressed to
    /// everybody.
    pub fn is_for_everybody(&self) -> bool {
        let Some(content) = &self.content else { return false };
        match self.key.kind.as_str() {
            "Article" => self.status() == Some("published"),
            _ => ["to", "cc"].iter().flat_map(|member| urls_of(content.get(*member))).any(is_public),
        }
    }
}

/// A tag as it is compared: without its sign, in lower case.
pub fn tag_of(name: &str) -> String {
    name.trim_start_matches('#').to_lowercase()
}

/// One field that differs between two revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transition {
    /// The member's name.
    pub field: String,
    /// Its value before; null where it was absent.
    pub from: Value,
    /// Its value after; null where it is absent.
    pub to: Value,
}

/// What changed from one content to the next, by field name. A value longer than [`TRANSITION_VALUE_BYTES`] is
/// given as `{"bytes": length}`.
pub fn transitions(before: Option<&Map<String, Value>>, after: Option<&Map<String, Value>>) -> Vec<Transition> {
    let empty = Map::new();
    let (before, after) = (before.unwrap_or(&empty), after.unwrap_or(&empty));
    let gone = before.keys().filter(|field| !after.contains_key(*field));
    let mut fields: Vec<&String> = after.keys().chain(gone).collect();
    fields.sort_unstable();
    fields
        .into_iter()
        .filter(|field| !DERIVED.contains(&field.as_str()))
        // HTML is derived where the text stands that it was made from.
        .filter(|field| field.as_str() != "content" || !after.contains_key("source"))
        .map(|field| (field, before.get(field).unwrap_or(&Value::Null), after.get(field).unwrap_or(&Value::Null)))
        .filter(|(_, from, to)| from != to)
        .map(|(field, from, to)| Transition { field: field.clone(), from: shortened(from), to: shortened(to) })
        .collect()
}

/// The value, or how many bytes its JSON has where those are too many.
fn shortened(value: &Value) -> Value {
    // Most are short texts, which need not be written out to know that.
    if value.as_str().is_some_and(|text| text.len() <= TRANSITION_VALUE_BYTES) {
        return value.clone();
    }
    match value.to_string().len() {
        ..=TRANSITION_VALUE_BYTES => value.clone(),
        bytes => serde_json::json!({ "bytes": bytes }),
    }
}

/// The type of activity that a change means (DESIGN §4, triggers), if it means one to others.
///
/// An article is nobody's business before it is published: absent or draft → published is `Create`, published →
/// published `Update`, published → draft or gone `Delete`. Any other type: absent → any is `Create`, a change is
/// `Update`, gone is `Delete`.
pub fn activity_type(
    kind: &TypeName,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
) -> Option<TypeName> {
    let visible = |content: Option<&Map<String, Value>>| {
        content.is_some_and(|content| {
            kind.as_str() != "Article" || content.get("status").and_then(Value::as_str) == Some("published")
        })
    };
    let name = match (visible(before), visible(after)) {
        (false, false) => return None,
        (false, true) => "Create",
        (true, true) => "Update",
        (true, false) => "Delete",
    };
    Some(name.parse().expect("the names above are type names"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn content(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    fn activity(kind: &str, before: Option<Value>, after: Option<Value>) -> Option<String> {
        let (before, after) = (before.map(content), after.map(content));
        activity_type(&kind.parse().expect("a type"), before.as_ref(), after.as_ref()).map(|name| name.to_string())
    }

    #[test]
    fn an_article_matters_to_others_while_it_is_published() {
        let draft = || Some(json!({"status": "draft"}));
        let published = || Some(json!({"status": "published"}));
        for (before, after, wanted) in [
            (None, draft(), None),
            (draft(), draft(), None),
            (draft(), None, None),
            (None, published(), Some("Create")),
            (draft(), published(), Some("Create")),
            (published(), published(), Some("Update")),
            (published(), draft(), Some("Delete")),
            (published(), None, Some("Delete")),
        ] {
            assert_eq!(activity("Article", before.clone(), after.clone()).as_deref(), wanted, "{before:?} {after:?}");
        }
    }

    #[test]
    fn another_object_matters_while_it_exists() {
        let order = || Some(json!({"status": "pending"}));
        assert_eq!(activity("Order", None, order()).as_deref(), Some("Create"));
        assert_eq!(activity("Order", order(), order()).as_deref(), Some("Update"));
        assert_eq!(activity("Order", order(), None).as_deref(), Some("Delete"));
    }

    #[test]
    fn transitions_name_each_field_that_differs_and_no_derived_one() {
        let source = json!({"content": "a", "mediaType": "text/markdown"});
        let before =
            content(json!({"status": "draft", "name": "A", "category": "x", "source": source, "content": "<p>a"}));
        let after =
            content(json!({"status": "published", "name": "A", "tag": ["t"], "source": source, "content": "<p>b"}));
        let found = serde_json::to_value(transitions(Some(&before), Some(&after))).expect("JSON");
        assert_eq!(
            found,
            json!([
                {"field": "category", "from": "x", "to": null},
                {"field": "status", "from": "draft", "to": "published"},
                {"field": "tag", "from": null, "to": ["t"]},
            ])
        );
    }

    #[test]
    fn content_that_was_made_from_nothing_else_is_a_field_like_others() {
        let found = transitions(Some(&content(json!({"content": "a"}))), Some(&content(json!({"content": "b"}))));
        assert_eq!(found.iter().map(|found| found.field.as_str()).collect::<Vec<_>>(), ["content"]);
    }

    #[test]
    fn a_long_value_is_told_by_its_length() {
        let after = content(json!({"note": "x".repeat(2_000)}));
        let found = transitions(None, Some(&after));
        assert_eq!(found[0].to, json!({"bytes": 2_002}));
    }
}
