//! Whom an activity goes to (ActivityPub §5.6 and §7.1).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{PUBLIC, id_of};

/// Who is addressed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// Whether everybody may see it.
    pub is_public: bool,
    /// Actors and collections by their URLs, each once, in order.
    pub recipients: BTreeSet<String>,
}

impl Audience {
    /// Reads `to` and `cc` of a document, with whom it goes to in secret.
    pub fn of(document: &Map<String, Value>, blind: &[String]) -> Self {
        let mut audience = Self::default();
        let named = ["to", "cc"].into_iter().flat_map(|member| urls_of(document.get(member)));
        for url in named.chain(blind.iter().map(String::as_str)) {
            match is_public(url) {
                true => audience.is_public = true,
                false => drop(audience.recipients.insert(url.to_owned())),
            }
        }
        audience
    }
}

/// Whether a URL names everybody; some write it short (ActivityPub §5.6).
pub fn is_public(url: &str) -> bool {
    matches!(url, PUBLIC | "as:Public" | "Public")
}

/// The URLs that a member holds: one or a list, each written out or as an object with an id.
pub fn urls_of(member: Option<&Value>) -> impl Iterator<Item = &str> {
    let list = match member {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    list.iter().filter_map(id_of)
}
