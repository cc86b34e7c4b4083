//! The fields of an article as they are sent, what they break, and the object they make.

use rosehip_core::object::Object;
use serde_json::{Map, Value, json};

use super::{
    fault::FieldError,
    input::{Fields, Input},
    markdown, slug,
};

const TITLE_CHARS: usize = 300;
const BODY_BYTES: usize = 512 << 10;
const CATEGORY_CHARS: usize = 63;
const TAGS: usize = 50;
const TAG_CHARS: usize = 100;

/// The names of the fields.
const FIELDS: [&str; 7] = ["title", "body", "category", "tags", "status", "slug", "revision"];

/// Whether an article is for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Draft,
    Published,
}

impl Status {
    /// Its word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
        }
    }
}

/// The fields as they were typed, for the form to come back with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) category: String,
    pub(super) tags: String,
    pub(super) slug: String,
    pub(super) revision: String,
}

impl Typed {
    /// The fields of a form.
    pub(super) fn of_fields(fields: &Fields) -> Self {
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        Self {
            title: field("title"),
            body: field("body"),
            category: field("category"),
            tags: field("tags"),
            slug: field("slug"),
            revision: field("revision"),
        }
    }

    /// The fields of an article that stands.
    pub(super) fn of(object: &Object) -> Self {
        let empty = Map::new();
        let content = object.content.as_ref().unwrap_or(&empty);
        let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            title: text("name"),
            body: body(content).to_owned(),
            category: text("category"),
            tags: tags(content).join(", "),
            slug: text("slug"),
            revision: object.revision.to_string(),
        }
    }
}

/// The Markdown of an article; its HTML, where it came without.
pub(super) fn body(content: &Map<String, Value>) -> &str {
    let source = content.get("source").and_then(|source| source.get("content")).and_then(Value::as_str);
    source.or_else(|| content.get("content")?.as_str()).unwrap_or_default()
}

/// The tags of an article, without their signs.
pub(super) fn tags(content: &Map<String, Value>) -> Vec<String> {
    let list = content.get("tag").and_then(Value::as_array);
    let names = list.into_iter().flatten().filter_map(|tag| tag.get("name").unwrap_or(tag).as_str());
    names.map(|name| name.trim_start_matches('#').to_owned()).collect()
}

/// The fields, read. One that was not sent is none: an edit leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Article {
    pub(super) title: Option<String>,
    /// Markdown.
    pub(super) body: Option<String>,
    /// HTML that came without Markdown; it is not trusted.
    pub(super) html: Option<String>,
    /// Empty for none.
    pub(super) category: Option<String>,
    /// Without their signs.
    pub(super) tags: Option<Vec<String>>,
    pub(super) status: Option<Status>,
    pub(super) slug: Option<String>,
    pub(super) revision: Option<u64>,
}

/// Fields that break rules, with what was typed.
#[derive(Debug)]
pub(super) struct Invalid {
    pub(super) typed: Typed,
    pub(super) errors: Vec<FieldError>,
}

impl Article {
    /// Reads what was sent, with what was typed beside it.
    pub(super) fn read(input: Input) -> Result<(Self, Typed), Box<Invalid>> {
        match input {
            Input::Form(fields) => Self::from_form(fields),
            Input::Json(members) => {
                let mut reader = Reader::default();
                let article = reader.json(members);
                reader.finish(article, Typed::default())
            }
        }
    }

    fn from_form(mut fields: Fields) -> Result<(Self, Typed), Box<Invalid>> {
        let typed = Typed::of_fields(&fields);
        let mut reader = Reader::default();
        let mut take = |name: &str| fields.remove(name);
        let article = Self {
            title: take("title").map(|title| reader.title(&title)),
            // Browsers send line ends as CRLF.
            body: take("body").map(|body| reader.body(body.replace("\r\n", "\n"))),
            html: None,
            category: take("category").map(|category| reader.category(&category)),
            tags: take("tags").map(|tags| reader.tags(tags.split(',').map(str::to_owned).collect())),
            status: take("status").and_then(|status| reader.status(&status)),
            slug: take("slug").and_then(|slug| reader.slug(&slug)),
            revision: take("revision").filter(|revision| !revision.is_empty()).and_then(|text| reader.revision(&text)),
        };
        reader.finish(article, typed)
    }

    /// Reads the members of an `ActivityStreams` article, and the fields' own names as aliases. Members that are not
    /// fields stay in `members`.
    pub(super) fn from_object(members: &mut Map<String, Value>) -> Result<Self, Vec<FieldError>> {
        let mut sent = Map::new();
        let mut alias = |member: &str, field: &str| {
            if let Some(value) = members.remove(member) {
                sent.insert(field.to_owned(), value);
            }
        };
        alias("name", "title");
        alias("tag", "tags");
        for field in FIELDS.into_iter().filter(|field| *field != "revision") {
            alias(field, field);
        }
        let mut reader = Reader::default();
        let mut article = reader.json(sent);
        let source = members.remove("source");
        let html = members.remove("content").and_then(|html| reader.text("content", html));
        match source {
            Some(Value::Object(mut source)) if is_markdown(&source) => {
                let text = source.remove("content").and_then(|text| reader.text("source/content", text));
                article.body = text.map(|text| reader.body(text)).or(article.body);
            }
            Some(Value::Object(_)) | None => {}
            Some(_) => reader.refuse("source", "type", "must be an object {content, mediaType}"),
        }
        article.html = html.filter(|_| article.body.is_none()).map(|html| reader.body(html));
        reader.finish(article, Typed::default()).map(|(article, _)| article).map_err(|invalid| invalid.errors)
    }

    /// Puts the fields into an article's members, leaving those that are nobody's field alone. `slug` is what the
    /// article's slug is to be.
    pub(super) fn put_into(&self, content: &mut Map<String, Value>, slug: &str) {
        if let Some(title) = &self.title {
            content.insert("name".into(), title.as_str().into());
        }
        if let Some(body) = &self.body {
            content.insert("source".into(), json!({"content": body, "mediaType": "text/markdown"}));
            content.insert("content".into(), markdown::to_html(body).into());
        } else if let Some(html) = &self.html {
            content.remove("source");
            content.insert("content".into(), markdown::sanitize(html).into());
        }
        match self.category.as_deref() {
            None => {}
            Some("") => drop(content.remove("category")),
            Some(category) => drop(content.insert("category".into(), category.into())),
        }
        match self.tags.as_deref() {
            None => {}
            Some([]) => drop(content.remove("tag")),
            Some(tags) => {
                let list = tags.iter().map(|tag| json!({"type": "Hashtag", "name": format!("#{tag}")}));
                content.insert("tag".into(), list.collect());
            }
        }
        let status = self.status.map(Status::as_str);
        match status {
            Some(status) => drop(content.insert("status".into(), status.into())),
            None => drop(content.entry("status").or_insert_with(|| Status::Draft.as_str().into())),
        }
        content.insert("slug".into(), slug.into());
    }

    /// What a new article breaks that an edit may leave out.
    pub(super) fn missing(&self) -> Option<FieldError> {
        self.title.is_none().then(|| FieldError::new("title", "required", "give it a title"))
    }
}

fn is_markdown(source: &Map<String, Value>) -> bool {
    let media = source.get("mediaType").and_then(Value::as_str);
    media.is_none_or(|media| media.split(';').next().is_some_and(|media| media.trim() == "text/markdown"))
}

/// Reads fields one by one and keeps what they break.
#[derive(Default)]
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    fn refuse(&mut self, field: &str, rule: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError::new(field, rule, message));
    }

    fn finish(self, article: Article, typed: Typed) -> Result<(Article, Typed), Box<Invalid>> {
        if self.errors.is_empty() {
            Ok((article, typed))
        } else {
            Err(Box::new(Invalid { typed, errors: self.errors }))
        }
    }

    /// Members whose value is null count as not sent.
    fn json(&mut self, members: Map<String, Value>) -> Article {
        let mut article = Article::default();
        for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            match name.as_str() {
                "title" => article.title = self.text("title", value).map(|title| self.title(&title)),
                "body" => article.body = self.text("body", value).map(|body| self.body(body)),
                "category" => article.category = self.text("category", value).map(|category| self.category(&category)),
                "tags" => article.tags = self.tag_list(value).map(|tags| self.tags(tags)),
                "status" => article.status = self.text("status", value).and_then(|status| self.status(&status)),
                "slug" => article.slug = self.text("slug", value).and_then(|slug| self.slug(&slug)),
                "revision" => article.revision = self.revision(value.to_string().trim_matches('"')),
                other => {
                    let known = FIELDS.join(", ");
                    self.refuse(other, "unknown-field", format!("is not a field; those are {known}"));
                }
            }
        }
        article
    }

    fn text(&mut self, field: &str, value: Value) -> Option<String> {
        if let Value::String(text) = value {
            return Some(text);
        }
        self.refuse(field, "type", "must be a string");
        None
    }

    /// A list of strings or of `{"name"}`, or strings with commas between them.
    fn tag_list(&mut self, value: Value) -> Option<Vec<String>> {
        let name = |tag: Value| match tag {
            Value::String(name) => Some(name),
            Value::Object(mut tag) => tag.remove("name")?.as_str().map(str::to_owned),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        };
        let tags = match value {
            Value::String(text) => Some(text.split(',').map(str::to_owned).collect()),
            Value::Array(tags) => tags.into_iter().map(name).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        };
        if tags.is_none() {
            self.refuse("tags", "type", "must be a list of strings, or one string with commas between the tags");
        }
        tags
    }

    fn title(&mut self, title: &str) -> String {
        let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
        match title.chars().count() {
            0 => self.refuse("title", "required", "give it a title"),
            1..=TITLE_CHARS => {}
            count => self.refuse("title", "max-length", format!("has {count} characters, at most {TITLE_CHARS}")),
        }
        title
    }

    fn body(&mut self, body: String) -> String {
        if body.len() > BODY_BYTES {
            self.refuse("body", "max-length", format!("has {} bytes, at most {BODY_BYTES}", body.len()));
        } else if let Err(message) = markdown::check(&body) {
            self.refuse("body", "markup", message);
        }
        body
    }

    fn category(&mut self, category: &str) -> String {
        let category = category.trim().to_lowercase();
        let is_plain = category.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !is_plain {
            self.refuse("category", "pattern", "may hold a–z, 0–9 and hyphens");
        }
        if category.len() > CATEGORY_CHARS {
            self.refuse("category", "max-length", format!("may have {CATEGORY_CHARS} characters"));
        }
        category
    }

    fn tags(&mut self, tags: Vec<String>) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        for tag in tags {
            let tag = tag.trim().trim_start_matches('#').split_whitespace().collect::<Vec<_>>().join(" ");
            let is_known = kept.iter().any(|known| known.to_lowercase() == tag.to_lowercase());
            if tag.is_empty() || is_known {
                continue;
            }
            if tag.chars().count() > TAG_CHARS {
                self.refuse("tags", "max-length", format!("a tag may have {TAG_CHARS} characters"));
            }
            if tag.contains(char::is_control) || tag.contains(',') {
                self.refuse("tags", "pattern", "a tag holds no comma and no control character");
            }
            kept.push(tag);
        }
        if kept.len() > TAGS {
            self.refuse("tags", "max-items", format!("has {}, at most {TAGS}", kept.len()));
        }
        kept
    }

    fn status(&mut self, status: &str) -> Option<Status> {
        let known = [Status::Draft, Status::Published].into_iter().find(|known| known.as_str() == status.trim());
        if known.is_none() {
            self.refuse("status", "one-of", "must be draft or published");
        }
        known
    }

    /// Empty counts as not sent.
    fn slug(&mut self, text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if !slug::is_slug(text) {
            self.refuse("slug", "pattern", "may hold a–z, 0–9 and hyphens, at most 100 of them");
        } else if slug::is_reserved(text) {
            self.refuse("slug", "reserved", format!("{text} is an address of the host's own"));
        }
        Some(text.to_owned())
    }

    fn revision(&mut self, text: &str) -> Option<u64> {
        let revision = text.trim().parse().ok();
        if revision.is_none() {
            self.refuse("revision", "type", "must be a whole number");
        }
        revision
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_fields(value: Value) -> Result<Article, Vec<(String, &'static str)>> {
        let Value::Object(members) = value else { panic!("an object") };
        let broken =
            |invalid: Box<Invalid>| invalid.errors.into_iter().map(|error| (error.field, error.rule)).collect();
        Article::read(Input::Json(members)).map(|(article, _)| article).map_err(broken)
    }

    fn form(text: &str) -> Result<(Article, Typed), Box<Invalid>> {
        Article::read(Input::Form(super::super::input::fields(text.as_bytes())))
    }

    #[test]
    fn form_and_json_mean_the_same() {
        let (by_form, _) = form(
            "title=+A++title&body=Hi&category=Urgent&tags=%23one%2C+two%2C+ONE%2C&status=published&slug=&revision=3&csrf=x",
        )
        .expect("valid");
        let by_json = json_fields(json!({
            "title": "A title", "body": "Hi", "category": "urgent", "tags": ["one", "#two"],
            "status": "published", "revision": 3, "slug": null,
        }))
        .expect("valid");
        assert_eq!(by_form, by_json);
        assert_eq!(by_json.tags, Some(vec!["one".to_owned(), "two".to_owned()]));
    }

    #[test]
    fn every_breach_names_its_field_and_rule() {
        let broken = json_fields(json!({
            "title": " ", "category": "no spaces", "tags": 7, "status": "live", "slug": "new", "revision": "x",
            "colour": "red",
        }))
        .expect_err("broken");
        let wanted = [
            ("category", "pattern"),
            ("colour", "unknown-field"),
            ("revision", "type"),
            ("slug", "reserved"),
            ("status", "one-of"),
            ("tags", "type"),
            ("title", "required"),
        ];
        let mut found: Vec<_> = broken.iter().map(|(field, rule)| (field.as_str(), *rule)).collect();
        found.sort_unstable();
        assert_eq!(found, wanted);
        let long = json_fields(json!({"title": "x".repeat(301), "slug": "Ä", "tags": ["x".repeat(101)]}));
        assert_eq!(long.expect_err("too long").len(), 3);
    }

    #[test]
    fn a_form_that_is_refused_keeps_what_was_typed() {
        let invalid = form("title=&body=Long+text&tags=a%2C+b&category=!&slug=x").expect_err("no title");
        assert_eq!((invalid.typed.body.as_str(), invalid.typed.tags.as_str()), ("Long text", "a, b"));
        assert_eq!(invalid.errors.len(), 2);
    }

    #[test]
    fn an_edit_leaves_what_it_does_not_name() {
        let mut content = json!({
            "name": "Old", "custom": {"kept": true}, "category": "x", "status": "published", "slug": "old",
            "tag": [{"type": "Hashtag", "name": "#a"}],
        })
        .as_object()
        .cloned()
        .expect("an object");
        let (article, _) = form("title=New&category=").expect("valid");
        article.put_into(&mut content, "old");
        assert_eq!(
            Value::Object(content.clone()),
            json!({
                "name": "New", "custom": {"kept": true}, "status": "published", "slug": "old",
                "tag": [{"type": "Hashtag", "name": "#a"}],
            })
        );
        assert_eq!(tags(&content), ["a"]);
    }

    #[test]
    fn activity_streams_articles_are_read_too() {
        let mut members = json!({
            "name": "A", "source": {"content": "*x*", "mediaType": "text/markdown"}, "content": "<script>",
            "tag": [{"type": "Hashtag", "name": "#a"}], "status": "published", "summary": "kept",
        })
        .as_object()
        .cloned()
        .expect("an object");
        let article = Article::from_object(&mut members).expect("valid");
        assert_eq!((article.body.as_deref(), article.html.as_deref()), (Some("*x*"), None));
        let mut content = members;
        article.put_into(&mut content, "a");
        assert_eq!(content["content"], "<p><em>x</em></p>\n");
        assert_eq!(content["summary"], "kept");
        let mut html =
            json!({"name": "A", "content": "<b>x</b><script>y</script>"}).as_object().cloned().expect("an object");
        let article = Article::from_object(&mut html).expect("valid");
        article.put_into(&mut html, "a");
        assert_eq!((&html["content"], &html["status"]), (&json!("<b>x</b>"), &json!("draft")));
    }
}
