//! The category of an article, which decides who hears of it.

use rosehip_sdk::Article;

/// What an article was filed under, in lower case; `None` where it was not.
pub(crate) struct Category {
    pub(crate) name: Option<String>,
}

impl Category {
    /// The branches of the node that sorts by category.
    pub(crate) const BRANCHES: [&str; 3] = ["urgent", "newsletter", "other"];

    /// The category field, else the first hashtag, else none.
    pub(crate) fn of(article: &Article) -> Self {
        let field = article.category.as_deref().and_then(normal);
        let first_tag = || article.tag.iter().find(|tag| tag.kind == "Hashtag").and_then(|tag| normal(&tag.name));
        Self { name: field.or_else(first_tag) }
    }

    /// The branch to take. An article that says nothing is never urgent.
    pub(crate) fn branch(&self) -> &'static str {
        match self.name.as_deref() {
            Some("urgent") => "urgent",
            Some("newsletter") => "newsletter",
            Some(_) | None => "other",
        }
    }
}

fn normal(name: &str) -> Option<String> {
    let name = name.trim().trim_start_matches('#').trim().to_lowercase();
    (!name.is_empty()).then_some(name)
}
