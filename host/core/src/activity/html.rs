//! HTML of strangers: what a page may hold of it. Everything that enters or leaves as HTML goes through here.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
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

/// What a page of this host shows of what others said: words and links. Nothing of it is loaded from elsewhere, so that
/// nobody learns who reads, and no heading of it is one of the page's.
static QUOTING: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut sanitizer = Builder::default();
    sanitizer
        .tags(HashSet::from(SHOWN))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"]))]))
        .generic_attributes(HashSet::new())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        // A path would lead to a page of this host.
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener ugc"));
    sanitizer
});
/// Elements that such a page shows.
const SHOWN: [&str; 17] =
    ["a", "b", "blockquote", "br", "code", "del", "em", "i", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "ul"];

/// Members that hold HTML (ActivityStreams vocabulary §4).
const HTML: [&str; 2] = ["content", "summary"];
/// Members that hold HTML by language.
const HTML_MAPS: [&str; 2] = ["contentMap", "summaryMap"];

/// Marks that begin tags, in all HTML of a document.
const MOST_TAGS: usize = 5_000;
/// What the trees of all HTML of a document may grow to, in elements.
const MOST_ELEMENTS: usize = 100_000;
/// Elements that a reader of HTML opens anew in each block that follows, until they are closed (HTML §13.2.4.3).
const FORMATTING: [&str; 14] =
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"];

/// What is left to spend on the HTML of a document.
struct Budget {
    tags: usize,
    elements: usize,
}

impl Budget {
    fn whole() -> Self {
        Self { tags: MOST_TAGS, elements: MOST_ELEMENTS }
    }

    /// HTML without what could do harm. What would cost too much to read as HTML is shown as text.
    fn clean(&mut self, html: &str) -> String {
        self.clean_by(html, &SANITIZER)
    }

    fn clean_by(&mut self, html: &str, sanitizer: &Builder<'_>) -> String {
        let (mut tags, mut formatting) = (0_usize, 0_usize);
        for rest in html.split('<').skip(1) {
            tags += 1;
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            formatting += usize::from(FORMATTING.iter().any(|known| known.eq_ignore_ascii_case(name)));
        }
        let elements = tags.saturating_mul(formatting + 1);
        match (self.tags.checked_sub(tags), self.elements.checked_sub(elements)) {
            (Some(tags), Some(elements)) => {
                *self = Self { tags, elements };
                sanitizer.clean(html).to_string()
            }
            _ => ammonia::clean_text(html),
        }
    }
}

/// HTML without what could do harm. What would cost too much to read as HTML is shown as text.
pub fn sanitize(html: &str) -> String {
    Budget::whole().clean(html)
}

/// HTML of somebody else as a page of this host shows it: words, and links that lead away and are vouched for by nobody.
pub fn sanitize_quoted(html: &str) -> String {
    Budget::whole().clean_by(html, &QUOTING)
}

/// Content of these types is no HTML (`mediaType` of the ActivityStreams vocabulary); of all others it may be.
const PLAIN: [&str; 2] = ["text/plain", "text/markdown"];

/// Whether what a document holds as `content` is text and no HTML.
pub fn is_plain_text(document: &Map<String, Value>) -> bool {
    let media = document.get("mediaType").and_then(Value::as_str).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(media))
}

/// Takes what could do harm out of the HTML of a document and of the objects in it. Says whether anything was.
pub fn sanitize_members(document: &mut Map<String, Value>) -> bool {
    Budget::whole().members(document)
}

impl Budget {
    fn members(&mut self, document: &mut Map<String, Value>) -> bool {
        let is_html = !is_plain_text(document);
        let mut has_changed = false;
        for (member, value) in document.iter_mut() {
            let name = member.as_str();
            let holds_html = HTML.contains(&name) && (is_html || name != "content") || HTML_MAPS.contains(&name);
            has_changed |= if holds_html { self.all_text(value) } else { self.within(value) };
        }
        has_changed
    }

    /// Objects in a value that holds no HTML itself.
    fn within(&mut self, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => self.members(object),
            Value::Array(list) => list.iter_mut().fold(false, |has_changed, value| self.within(value) | has_changed),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// Every text in a value that holds HTML, however it is wrapped. Text without a mark of HTML stays as it is: escaping an
    /// ampersand anew would change what needs no change.
    fn all_text(&mut self, value: &mut Value) -> bool {
        match value {
            Value::String(text) if text.contains('<') => {
                let clean = self.clean(text);
                let has_changed = clean != *text;
                *text = clean;
                has_changed
            }
            Value::Object(object) => {
                object.values_mut().fold(false, |has_changed, value| self.all_text(value) | has_changed)
            }
            Value::Array(list) => list.iter_mut().fold(false, |has_changed, value| self.all_text(value) | has_changed),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
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
    fn html_is_found_however_it_is_wrapped() {
        for mut note in [
            json!({"content": ["<script>x</script>"]}),
            json!({"content": {"@value": "<img src=x onerror=x>"}}),
            json!({"content": "<script>x</script>", "mediaType": " Text/HTML"}),
            json!({"content": "<script>x</script>", "mediaType": "application/xhtml+xml"}),
        ] {
            assert!(sanitize_members(note.as_object_mut().expect("an object")), "{note}");
        }
    }

    #[test]
    fn what_would_grow_without_measure_is_shown_as_text() {
        let opened: Vec<String> = (0..2_400).map(|n| format!("<b a={n}>")).collect();
        let bomb = format!("<p>{}{}", opened.concat(), "<p>x".repeat(2_400));
        assert!(sanitize(&bomb).starts_with("&lt;p&gt;"));
        let mut many =
            json!({"contentMap": (0..50).map(|n| (n.to_string(), json!("<p>".repeat(1_000)))).collect::<Map<_, _>>()});
        sanitize_members(many.as_object_mut().expect("an object"));
        assert_eq!(many["contentMap"]["9"], "&lt;p&gt;".repeat(1_000), "one budget for a document");
    }

    #[test]
    fn what_others_say_is_shown_as_words_and_links() {
        let said = "<h1 id=main>Hi</h1><p class=x style=y>a <b>b</b><img src=https://evil.example/x.png alt=x>\
                    <script>x()</script><a href=https://a.example/ rel=me target=_blank onclick=x()>link</a>\
                    <a href=javascript:x()>bad</a><a href=/logout>ours</a><iframe src=https://evil.example></iframe></p>";
        assert_eq!(
            sanitize_quoted(said),
            "Hi<p>a <b>b</b><a href=\"https://a.example/\" rel=\"nofollow noopener ugc\">link</a>\
             <a rel=\"nofollow noopener ugc\">bad</a><a rel=\"nofollow noopener ugc\">ours</a></p>"
        );
    }

    #[test]
    fn plain_text_is_plain_text() {
        let mut note = json!({"content": "if a < b & c", "mediaType": "text/markdown"});
        assert!(!sanitize_members(note.as_object_mut().expect("an object")));
        let mut note = json!({"content": "AT&T"});
        assert!(!sanitize_members(note.as_object_mut().expect("an object")));
    }
}
