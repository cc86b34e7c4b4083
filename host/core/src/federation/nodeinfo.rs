//! What this host says about itself, as `NodeInfo` 2.1 of the diaspora* project (`nodeinfo.diaspora.software`).

use serde_json::{Value, json};

/// The relation of a document of version 2.1, which is also the name of its schema.
pub const SCHEMA: &str = "http://nodeinfo.diaspora.software/ns/schema/2.1";

/// The `Content-Type` of the document.
pub const CONTENT_TYPE: &str =
    r#"application/json; profile="http://nodeinfo.diaspora.software/ns/schema/2.1#"; charset=utf-8"#;

/// What a host counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Actors of this host.
    pub users: u64,
    /// Objects that are published.
    pub posts: u64,
}

/// `/.well-known/nodeinfo`: where the document is, an absolute URL.
pub fn discovery(document_url: &str) -> Value {
    json!({"links": [{"rel": SCHEMA, "href": document_url}]})
}

/// The document. `version` is this software's. Nobody can register by themselves.
pub fn document(version: &str, usage: Usage) -> Value {
    json!({
        "version": "2.1",
        "software": {"name": "rosehip", "version": version},
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": false,
        "usage": {"users": {"total": usage.users}, "localPosts": usage.posts},
        "metadata": {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_what_its_schema_requires() {
        let document = document("0.1.0", Usage { users: 1, posts: 7 });
        for member in ["version", "software", "protocols", "services", "openRegistrations", "usage", "metadata"] {
            assert!(document.get(member).is_some(), "{member}");
        }
        assert_eq!(document.pointer("/usage/localPosts"), Some(&json!(7)));
        // The schema takes `[a-z0-9-]+` for the name.
        assert_eq!(document.pointer("/software/name"), Some(&json!("rosehip")));
    }

    #[test]
    fn discovery_leads_to_the_document() {
        let discovery = discovery("https://a.example/nodeinfo/2.1");
        assert_eq!(discovery.pointer("/links/0/href"), Some(&json!("https://a.example/nodeinfo/2.1")));
        assert_eq!(discovery.pointer("/links/0/rel"), Some(&json!(SCHEMA)));
    }
}
