//! HTML of strangers: what a page may hold of it. Everything that enters or leaves as HTML goes through here.

use std::sync::LazyLock;

use ammonia::Builder;
use serde_json::{Map, Value};

/// ammonia's defaults, and the classes that name a code block's language.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut sanitizer = Builder::default();
    sanitizer.add_tag_attributes("code", ["class"]).add_tag_attributes("a", ["title"]);
    sanitizer.attribute_filter(|element, attribute, value| match (element, attribute) {
        ("code", "class") => value.starts_with("language-").then(|| value.into()),
        _ => Some(value.into()),
    });
    sanitizer
});

/// Members that hold HTML (ActivityStreams vocabulary §4).
const HTML: [&str; 2] = ["content", "summary"];
/// Members that hold HTML by language.
const HTML_MAPS: [&str; 2] = ["contentMap", "summaryMap"];

/// Marks that begin tags, which the sanitizer's tree grows by.
const MOST_TAGS: usize = 5_000;

/// HTML without what could do harm. What would cost too much to read as HTML is shown as text.
pub fn sanitize(html: &str) -> String {
    let tags = html.bytes().filter(|byte| *byte == b'<').count();
    if tags > MOST_TAGS { ammonia::clean_text(html) } else { SANITIZER.clean(html).to_string() }
}

/// Takes what could do harm out of the HTML of a document and of the objects in it. Says whether anything was.
pub fn sanitize_members(document: &mut Map<String, Value>) -> bool {
    // `content` is HTML unless it says otherwise (ActivityStreams vocabulary, `mediaType`).
    let is_html = document.get("mediaType").and_then(Value::as_str).is_none_or(|media| media.starts_with("text/html"));
    let mut has_changed = false;
    for (member, value) in document.iter_mut() {
        let name = member.as_str();
        if HTML.contains(&name) && (is_html || name != "content") {
            has_changed |= sanitize_text(value);
        } else if HTML_MAPS.contains(&name)
            && let Value::Object(languages) = value
        {
            for text in languages.values_mut() {
                has_changed |= sanitize_text(text);
            }
        } else {
            has_changed |= sanitize_within(value);
        }
    }
    has_changed
}

fn sanitize_within(value: &mut Value) -> bool {
    match value {
        Value::Object(object) => sanitize_members(object),
        Value::Array(list) => list.iter_mut().fold(false, |has_changed, value| sanitize_within(value) | has_changed),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Text without a mark of HTML stays as it is: escaping an ampersand anew would change what needs no change.
fn sanitize_text(value: &mut Value) -> bool {
    let Value::String(text) = value else { return sanitize_within(value) };
    if !text.contains('<') {
        return false;
    }
    let clean = sanitize(text);
    let has_changed = clean != *text;
    *text = clean;
    has_changed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn html_is_cleaned_wherever_it_stands_and_nothing_else_is_touched() {
        let mut document = json!({
            "type": "Create", "name": "a < b",
            "object": {
                "content": "<p onclick=x()>Hi <script>alert(1)</script>&amp; bye</p>", "summary": "<b>short</b>",
                "contentMap": {"de": "<a href=\"javascript:x()\">da</a>"},
                "tag": [{"type": "Mention", "summary": "<style>*{}</style>x"}],
            },
        });
        let members = document.as_object_mut().expect("an object");
        assert!(sanitize_members(members));
        assert_eq!(document["object"]["content"], "<p>Hi &amp; bye</p>");
        assert_eq!(document["object"]["summary"], "<b>short</b>");
        assert_eq!(document["object"]["contentMap"]["de"], "<a rel=\"noopener noreferrer\">da</a>");
        assert_eq!((&document["object"]["tag"][0]["summary"], &document["name"]), (&json!("x"), &json!("a < b")));
        assert!(!sanitize_members(document.as_object_mut().expect("an object")), "clean stays clean");
    }

    #[test]
    fn plain_text_is_plain_text() {
        let mut note = json!({"content": "if a < b & c", "mediaType": "text/markdown"});
        assert!(!sanitize_members(note.as_object_mut().expect("an object")));
        let mut note = json!({"content": "AT&T"});
        assert!(!sanitize_members(note.as_object_mut().expect("an object")));
    }
}
