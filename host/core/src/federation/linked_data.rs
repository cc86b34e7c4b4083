//! What of JSON-LD a document of another host may hold. Documents are read here as plain JSON, by the names of their members,
//! and so by many others; who reads JSON-LD may see another document in the same text. What would tell the two apart is
//! refused: keywords that restructure a document (JSON-LD 1.1 §9), and a context of its own that gives a member that is read
//! here another meaning. Signatures over linked data are not verified at all.

use serde_json::{Map, Value};

use crate::destination::quoted;

/// Why a document is not plain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("linked-data: {0}")]
pub struct NotPlain(String);

/// Keywords that move members to where plain JSON does not have them.
const RESTRUCTURING: [&str; 8] = ["@graph", "@reverse", "@included", "@nest", "@id", "@type", "@list", "@set"];
/// Keywords by which a context would bring in another, or change what ids are relative to.
const IN_CONTEXT: [&str; 2] = ["@import", "@base"];
/// Members that are read here and in what decides who said what.
const READ: [&str; 40] = [
    "accept",
    "actor",
    "assertionMethod",
    "attributedTo",
    "audience",
    "bcc",
    "bto",
    "cc",
    "content",
    "controller",
    "cryptosuite",
    "endpoints",
    "followers",
    "following",
    "formerType",
    "id",
    "inReplyTo",
    "inbox",
    "items",
    "name",
    "object",
    "orderedItems",
    "outbox",
    "owner",
    "preferredUsername",
    "proof",
    "proofPurpose",
    "proofValue",
    "publicKey",
    "publicKeyMultibase",
    "publicKeyPem",
    "published",
    "sharedInbox",
    "signature",
    "summary",
    "target",
    "to",
    "type",
    "url",
    "verificationMethod",
];

/// Whether a document means to a reader of JSON-LD what it says to a reader of JSON.
pub fn check(document: &Map<String, Value>) -> Result<(), NotPlain> {
    for (name, value) in document {
        match name.as_str() {
            "@context" => check_context(value)?,
            keyword if RESTRUCTURING.contains(&keyword) => {
                return Err(NotPlain(format!("{keyword} stands in the document, which is read as plain JSON")));
            }
            _ => check_value(value)?,
        }
    }
    Ok(())
}

fn check_value(value: &Value) -> Result<(), NotPlain> {
    match value {
        Value::Object(document) => check(document),
        Value::Array(list) => list.iter().try_for_each(check_value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// A context that is named by its URL is one that its reader knows. One that stands in the document may add terms.
fn check_context(context: &Value) -> Result<(), NotPlain> {
    let terms = match context {
        Value::Array(list) => return list.iter().try_for_each(check_context),
        Value::Object(terms) => terms,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Ok(()),
    };
    for (term, meaning) in terms {
        if IN_CONTEXT.contains(&term.as_str()) {
            return Err(NotPlain(format!("its @context has {term}")));
        }
        let iri = meaning.as_str().or_else(|| meaning.get("@id")?.as_str());
        if READ.contains(&term.as_str()) && !is_what_it_was(term, iri) {
            return Err(NotPlain(format!("its @context says that {term} is {:?}", quoted(iri.unwrap_or_default()))));
        }
        // A term may bring a context of its own, for what stands below it, and may turn round what it stands between.
        if let Value::Object(definition) = meaning {
            if definition.contains_key("@reverse") {
                return Err(NotPlain(format!("its @context turns {:?} round", quoted(term))));
            }
            definition.get("@context").map_or(Ok(()), check_context)?;
        }
        // Another name for a keyword is as good as the keyword.
        let is_alias = iri.is_some_and(|iri| RESTRUCTURING.contains(&iri));
        if is_alias && !matches!(term.as_str(), "id" | "type") {
            return Err(NotPlain(format!("its @context calls {} {:?}", iri.unwrap_or_default(), quoted(term))));
        }
    }
    Ok(())
}

/// Whether a definition says of a term what `ActivityStreams` says of it.
fn is_what_it_was(term: &str, iri: Option<&str>) -> bool {
    match (term, iri) {
        ("id", Some(iri)) => iri == "@id",
        ("type", Some(iri)) => iri == "@type",
        (_, Some(iri)) => {
            let own = iri.strip_prefix("as:").or_else(|| iri.strip_prefix("https://www.w3.org/ns/activitystreams#"));
            own == Some(term)
        }
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn told(document: &Value) -> Result<(), String> {
        check(document.as_object().expect("an object")).map_err(|error| error.to_string())
    }

    /// As Mastodon, Misskey and Fedify write them.
    #[test]
    fn what_peers_send_is_plain() {
        for context in [
            json!("https://www.w3.org/ns/activitystreams"),
            json!(["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1", {
                "manuallyApprovesFollowers": "as:manuallyApprovesFollowers", "toot": "http://joinmastodon.org/ns#",
                "featured": {"@id": "toot:featured", "@type": "@id"}, "alsoKnownAs": {"@id": "as:alsoKnownAs", "@type": "@id"},
                "movedTo": {"@id": "as:movedTo", "@type": "@id"}, "schema": "http://schema.org#",
                "PropertyValue": "schema:PropertyValue", "value": "schema:value", "Hashtag": "as:Hashtag",
                "sensitive": "as:sensitive", "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
            }]),
            json!([{"id": "@id", "type": "@type", "to": {"@id": "as:to", "@type": "@id"}}]),
            json!(null),
        ] {
            let document = json!({
                "@context": context, "type": "Create", "contentMap": {"en": "x", "@none": "y"},
                "proof": {"@context": context}, "object": [{"id": "https://a.example/1"}],
            });
            assert_eq!(told(&document), Ok(()));
        }
    }

    #[test]
    fn what_would_be_another_document_as_linked_data_is_refused_wherever_it_stands() {
        for keyword in RESTRUCTURING {
            for document in [
                json!({keyword: []}),
                json!({"object": {keyword: "https://a.example/1"}}),
                json!({"object": [{"tag": [{keyword: {}}]}]}),
            ] {
                assert!(told(&document).is_err_and(|error| error.contains(keyword)), "{document}");
            }
        }
    }

    #[test]
    fn a_context_may_not_give_what_is_read_another_meaning() {
        for context in [
            json!({"actor": "https://evil.example/ns#actor"}),
            json!(["https://www.w3.org/ns/activitystreams", {"actor": "as:object"}]),
            json!([[{"object": {"@id": "as:target"}}]]),
            json!({"attributedTo": null}),
            json!({"id": "as:url"}),
            json!({"type": {"@id": "as:name"}}),
            json!({"kind": "@type"}),
            json!({"self": {"@id": "@id"}}),
            json!({"everything": "@graph"}),
            json!({"answers": {"@reverse": "as:inReplyTo"}}),
            json!({"x": {"@id": "https://a.example/x", "@context": {"actor": "as:object"}}}),
            json!({"@import": "https://evil.example/context"}),
            json!({"@base": "https://evil.example/"}),
        ] {
            assert!(told(&json!({ "@context": context })).is_err(), "{context}");
            assert!(told(&json!({"object": {"@context": context}})).is_err(), "{context}");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), "[@a-z:#]{0,6}".prop_map(Value::from)];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("@?(context|graph|id|type|actor|reverse|x)", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_document_is_plain_or_not(value in any_value()) {
            let document = Map::from_iter([("object".to_owned(), value)]);
            prop_assert!(!has_keyword_outside_context(&document) || check(&document).is_err());
        }
    }

    /// Written another way than the code that is tested.
    fn has_keyword_outside_context(document: &Map<String, Value>) -> bool {
        fn within(value: &Value) -> bool {
            match value {
                Value::Object(members) => {
                    members.iter().any(|(name, value)| name == "@graph" || (name != "@context" && within(value)))
                }
                Value::Array(list) => list.iter().any(within),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            }
        }
        document.values().any(within)
    }
}
