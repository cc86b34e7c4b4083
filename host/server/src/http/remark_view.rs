//! What somebody said, as pages and JSON show it: who, when, in which words, and where it is from. Words of others are
//! cleaned once more here, and nothing is loaded from where they are.

use rosehip_core::{
    activity::{is_plain_text, sanitize_quoted},
    federation::{ActorUrl, same_origin},
    limits::REMARK_HTML_BYTES,
    remark::RemarkKind,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{article_pages::plain_text, page::Moment};
use crate::host::{Host, Said, SaidPage, Speaker};

/// Characters of a warning or a title.
const LINE_CHARS: usize = 300;
/// Attachments that are named.
const ATTACHMENTS: usize = 16;

/// Who said something.
pub(super) struct SpeakerView {
    /// Their page.
    pub(super) page: String,
    /// What they are called.
    pub(super) name: String,
    /// `@name@host`, or their URL.
    pub(super) handle: String,
    /// Their URL.
    pub(super) url: String,
}

impl SpeakerView {
    pub(super) fn of(speaker: &Speaker) -> Self {
        let handle = speaker.handle.clone().unwrap_or_else(|| speaker.url.clone());
        let name = speaker.name.clone().map(|name| line(&name)).filter(|name| !name.is_empty());
        Self {
            page: speaker.page.clone(),
            name: name.unwrap_or_else(|| handle.clone()),
            handle,
            url: speaker.url.clone(),
        }
    }

    /// Whether the handle says more than the name.
    pub(super) fn has_handle(&self) -> bool {
        self.handle != self.name
    }
}

/// A link that leads away.
pub(super) struct Away {
    pub(super) url: String,
    pub(super) label: String,
}

/// What was posted, in its own words.
#[derive(Default)]
pub(super) struct Words {
    /// Its title, where it has one.
    pub(super) title: Option<String>,
    /// What its author says it deals with, for those who would rather not read it.
    pub(super) warning: Option<String>,
    /// Its text, as HTML that was cleaned.
    pub(super) html: String,
    /// Whether that is only its beginning.
    pub(super) is_shortened: bool,
}

impl Words {
    /// The words of an object.
    pub(super) fn of(object: &Map<String, Value>) -> Self {
        let text = |member: &str| text_of(object, member);
        let title = text("name").map(line).filter(|name| !name.is_empty());
        let summary = text("summary").map(plain_text).map(|summary| line(&summary)).filter(|text| !text.is_empty());
        let content = text("content").unwrap_or_default();
        let is_long = content.len() > REMARK_HTML_BYTES;
        let html = match (is_plain_text(object), is_long || title.is_some()) {
            (true, _) => paragraph(&content[..content.floor_char_boundary(REMARK_HTML_BYTES)]),
            // What has a title is read where it is from.
            (false, true) => paragraph(&plain_text(content)),
            (false, false) => sanitize_quoted(content),
        };
        let is_article = title.is_some();
        Self { warning: summary.filter(|_| !is_article), title, html, is_shortened: is_long }
    }
}

/// The text of a member, or of its first language (ActivityStreams 2.0 §4.7).
fn text_of<'a>(object: &'a Map<String, Value>, member: &str) -> Option<&'a str> {
    let by_language = || object.get(&format!("{member}Map"))?.as_object()?.values().find_map(Value::as_str);
    object.get(member).and_then(Value::as_str).or_else(by_language)
}

fn paragraph(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if escaped.trim().is_empty() { String::new() } else { format!("<p>{escaped}</p>") }
}

/// One line of so many characters.
pub(super) fn line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What somebody said.
pub(super) struct RemarkView {
    pub(super) seq: u64,
    pub(super) kind: RemarkKind,
    pub(super) speaker: SpeakerView,
    pub(super) at: Option<Moment>,
    pub(super) words: Words,
    /// Where it is from.
    pub(super) page: Option<String>,
    /// The id of what was posted, or of what it is about.
    pub(super) id: String,
    pub(super) in_reply_to: Option<String>,
    /// What is attached, and where it is.
    pub(super) attached: Vec<Away>,
    /// Whether not everybody may see it.
    pub(super) is_private: bool,
    /// The activity, for those who work here.
    pub(super) activity: String,
}

impl RemarkView {
    pub(super) fn of(said: &Said) -> Self {
        let empty = Map::new();
        let object = said.object().unwrap_or(&empty);
        let published = |document: &Map<String, Value>| {
            document.get("published").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok())
        };
        let id = said.object_id().unwrap_or_default().to_owned();
        let page = page_of(object, &said.speaker.url).or_else(|| Some(id.clone()).filter(|id| is_link(id)));
        Self {
            seq: said.seq,
            kind: said.kind,
            speaker: SpeakerView::of(&said.speaker),
            at: published(object).or_else(|| published(&said.activity.document)).map(Moment),
            words: Words::of(object),
            page,
            in_reply_to: said.in_reply_to().filter(|url| is_link(url)).map(str::to_owned),
            attached: attached(object),
            is_private: !said.is_public(),
            activity: format!("/activities/{}", said.activity.cid),
            id,
        }
    }

    /// Whether something was posted, whose words there are.
    pub(super) fn has_words(&self) -> bool {
        matches!(self.kind, RemarkKind::Post | RemarkKind::Reply)
    }
}

pub(super) fn is_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// The page of an object for people, where it is of its author's own origin: a link elsewhere would be shown as if it were
/// theirs.
fn page_of(object: &Map<String, Value>, author: &str) -> Option<String> {
    let author: ActorUrl = author.parse().ok()?;
    let links = object.get("url").map(|link| link.as_array().map_or(std::slice::from_ref(link), Vec::as_slice));
    let hrefs =
        links.unwrap_or_default().iter().filter_map(|link| link.as_str().or_else(|| link.get("href")?.as_str()));
    let own = |href: &&str| {
        let whole = href.split('#').next().unwrap_or(href);
        whole.parse::<ActorUrl>().is_ok_and(|url| same_origin(&url, &author))
    };
    hrefs.into_iter().find(own).map(str::to_owned)
}

fn attached(object: &Map<String, Value>) -> Vec<Away> {
    let all = object.get("attachment").map(|one| one.as_array().map_or(std::slice::from_ref(one), Vec::as_slice));
    let away = |attachment: &Value| {
        let text = |member: &str| attachment.get(member).and_then(Value::as_str);
        let url = text("url").or_else(|| text("href")).filter(|url| is_link(url))?;
        let label = text("name").map(line).filter(|name| !name.is_empty());
        let label = label.or_else(|| text("mediaType").map(line)).unwrap_or_else(|| "a file".to_owned());
        Some(Away { url: url.to_owned(), label })
    };
    all.unwrap_or_default().iter().take(ATTACHMENTS).filter_map(away).collect()
}

/// What somebody said, as JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Remark")]
pub(super) struct RemarkJson {
    /// Where it stands in its list.
    seq: u64,
    /// `post`, `reply`, `share`, `like`, `follow` or `move`.
    kind: &'static str,
    /// Who said it.
    actor: String,
    handle: Option<String>,
    name: Option<String>,
    /// The id of what was posted, or of what it is about.
    object: Option<String>,
    published: Option<Timestamp>,
    title: Option<String>,
    summary: Option<String>,
    /// HTML that was cleaned.
    content: Option<String>,
    url: Option<String>,
    in_reply_to: Option<String>,
    public: bool,
    /// Of a follow, whether it waits for an answer or was accepted.
    follow: Option<&'static str>,
    /// The activity.
    activity: String,
}

impl RemarkJson {
    fn of(said: &Said) -> Self {
        let view = RemarkView::of(said);
        let has_words = view.has_words();
        Self {
            seq: said.seq,
            kind: said.kind.as_str(),
            actor: said.speaker.url.clone(),
            handle: said.speaker.handle.clone(),
            name: said.speaker.name.clone(),
            object: Some(view.id).filter(|id| !id.is_empty()),
            published: view.at.map(|at| at.0),
            title: view.words.title,
            summary: view.words.warning,
            content: Some(view.words.html).filter(|_| has_words),
            url: view.page,
            in_reply_to: view.in_reply_to,
            public: !view.is_private,
            follow: said.follow.map(rosehip_core::follows::FollowState::as_str),
            activity: said.activity.id.to_string(),
        }
    }
}

/// A page of what was said, as JSON.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Remarks")]
pub(super) struct RemarksJson {
    items: Vec<RemarkJson>,
    /// The address of the page with what came before.
    next: Option<String>,
}

impl RemarksJson {
    pub(super) fn of(page: &SaidPage, next: Option<String>) -> Self {
        Self { items: page.said.iter().map(RemarkJson::of).collect(), next }
    }
}

/// What an object of this host is called in a list, and its page.
pub(super) async fn ours(host: &Host, said: &Said) -> Result<Option<(String, String)>, super::fault::Fault> {
    let Some(key) = &said.activity.object else { return Ok(None) };
    let Some(object) = host.object(key).await?.filter(rosehip_core::object::Object::exists) else { return Ok(None) };
    let content = object.content.as_ref();
    let text = |name: &str| content.and_then(|content| content.get(name)?.as_str());
    let named = text("name").map(line).filter(|name| !name.is_empty());
    let named = named.or_else(|| text("content").map(plain_text).map(|text| line(&text)));
    let label = named.filter(|label| !label.is_empty()).unwrap_or_else(|| key.to_string());
    Ok(Some((label, super::written::path(key, object.slug()))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn words_are_cleaned_shortened_and_escaped() {
        let note = Words::of(&object(json!({"type": "Note", "content": "<p>Hi <img src=x><b>you</b></p>",
            "summary": "<b>frost</b>"})));
        assert_eq!((note.html.as_str(), note.warning.as_deref()), ("<p>Hi <b>you</b></p>", Some("frost")));
        let text = Words::of(&object(json!({"content": "a < b", "mediaType": "text/plain"})));
        assert_eq!(text.html, "<p>a &lt; b</p>");
        let long = Words::of(&object(json!({"content": format!("<p>{}</p>", "x ".repeat(20_000))})));
        assert!(long.is_shortened && long.html.len() < REMARK_HTML_BYTES);
        let article = Words::of(&object(json!({"name": "A  title", "content": "<h1>Hi</h1> there", "summary": "s"})));
        assert_eq!((article.title.as_deref(), article.html.as_str()), (Some("A title"), "<p>Hi there</p>"));
        let german = Words::of(&object(json!({"contentMap": {"de": "<p>Ja</p>"}})));
        assert_eq!(german.html, "<p>Ja</p>");
        assert_eq!(Words::of(&Map::new()).html, "");
    }

    #[test]
    fn a_page_is_of_its_authors_own_origin() {
        let author = "https://a.example/ann";
        for (url, wanted) in [
            (json!("https://a.example/@ann/1"), Some("https://a.example/@ann/1")),
            (json!([{"type": "Link", "href": "https://a.example/x#y"}]), Some("https://a.example/x#y")),
            (json!("https://b.example/1"), None),
            (json!("javascript:x()"), None),
            (json!(7), None),
        ] {
            assert_eq!(page_of(&object(json!({"url": url})), author).as_deref(), wanted);
        }
    }

    #[test]
    fn attachments_are_links_and_no_more() {
        let files = attached(&object(json!({"attachment": [
            {"type": "Image", "url": "https://a.example/x.png", "name": "A rose"},
            {"type": "Image", "url": "javascript:x()"}, {"url": "https://a.example/y", "mediaType": "audio/ogg"}, 7,
        ]})));
        let labels: Vec<_> = files.iter().map(|file| (file.label.as_str(), file.url.as_str())).collect();
        assert_eq!(labels, [("A rose", "https://a.example/x.png"), ("audio/ogg", "https://a.example/y")]);
    }
}
