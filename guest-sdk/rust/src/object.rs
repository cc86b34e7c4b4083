//! The objects that behaviors are about, shaped as in Activity Streams 2.0.

use serde::{Deserialize, Serialize};

/// An article, as the host hands it to a behavior. Properties that this type does not name are ignored; read the
/// object as a [`Value`](crate::Value) or a type of your own to have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Article {
    /// `Article`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id, an absolute URL.
    #[serde(default)]
    pub id: String,
    /// The title.
    #[serde(default)]
    pub name: String,
    /// The body as HTML.
    #[serde(default)]
    pub content: String,
    /// The body as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The category, if the editor gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The tags, in the editor's order.
    #[serde(default)]
    pub tag: Vec<Tag>,
    /// The last part of the page's path.
    #[serde(default)]
    pub slug: String,
    /// `draft` or `published`.
    #[serde(default)]
    pub status: String,
    /// The page's address.
    #[serde(default)]
    pub url: String,
    /// When it was first published, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// When it was last changed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
    /// The id of the actor who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributed_to: Option<String>,
}

impl Article {
    /// A published article with this title, a body and an address: a start for tests.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            kind: "Article".into(),
            id: "http://localhost:7420/objects/article/1".into(),
            name: name.into(),
            content: "<p>A body.</p>".into(),
            source: Some(Source::markdown("A body.")),
            category: None,
            tag: Vec::new(),
            slug: "an-article".into(),
            status: "published".into(),
            url: "http://localhost:7420/an-article/".into(),
            published: None,
            updated: None,
            attributed_to: Some("http://localhost:7420/actors/site".into()),
        }
    }

    /// The same article with this Markdown as its source and this HTML as its content.
    #[must_use]
    pub fn body(mut self, markdown: impl Into<String>, html: impl Into<String>) -> Self {
        self.source = Some(Source::markdown(markdown));
        self.content = html.into();
        self
    }

    /// The same article with this category.
    #[must_use]
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// The same article with one more hashtag, given with or without its `#`.
    #[must_use]
    pub fn hashtag(mut self, name: &str) -> Self {
        self.tag.push(Tag { kind: "Hashtag".into(), name: format!("#{}", name.trim_start_matches('#')) });
        self
    }
}

/// A body as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The text.
    #[serde(default)]
    pub content: String,
    /// Its media type, such as `text/markdown`.
    #[serde(default)]
    pub media_type: String,
}

impl Source {
    /// A body in Markdown.
    pub fn markdown(content: impl Into<String>) -> Self {
        Self { content: content.into(), media_type: "text/markdown".into() }
    }
}

/// A tag of an object: a hashtag or a mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// `Hashtag` or `Mention`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The text with its sign, such as `#roses`.
    #[serde(default)]
    pub name: String,
}
