//! Documents of standards: problems, `ActivityStreams`, images and the description itself.

use rosehip_core::{canonical::Cid, ids::Digest};
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::http::fault::FieldError;

/// Why something was not done (RFC 9457). What else it tells depends on its rule.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Problem {
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong, for people.
    detail: String,
    /// The rule's stable name.
    rule: String,
    /// The fields that break rules.
    #[schemars(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[schemars(flatten)]
    more: Map<String, Value>,
}

/// A document of `ActivityStreams` 2.0.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct ActivityStreams {
    #[schemars(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<Value>,
    id: String,
    r#type: String,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// A collection of `ActivityStreams` 2.0, or a page of one.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Collection {
    #[schemars(rename = "@context")]
    context: Value,
    id: String,
    r#type: CollectionType,
    #[schemars(rename = "totalItems", skip_serializing_if = "Option::is_none")]
    total_items: Option<u64>,
    #[schemars(rename = "partOf", skip_serializing_if = "Option::is_none")]
    part_of: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    prev: Option<String>,
    #[schemars(rename = "orderedItems", skip_serializing_if = "Vec::is_empty")]
    ordered_items: Vec<Value>,
    /// The Cids of the items, in their order.
    #[schemars(skip_serializing_if = "Option::is_none")]
    cids: Option<Vec<Cid>>,
    /// How many activities a box holds, and the Cid of the last.
    #[schemars(skip_serializing_if = "Option::is_none")]
    tip: Option<Tip>,
}

#[derive(JsonSchema)]
enum CollectionType {
    OrderedCollection,
    OrderedCollectionPage,
}

/// The end of a box.
#[derive(JsonSchema)]
struct Tip {
    seq: u64,
    cid: Option<String>,
}

/// A page of images.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Images {
    media: Vec<Image>,
    next: Option<u64>,
}

/// An image (`Image` of `ActivityStreams` 2.0).
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct Image {
    r#type: String,
    url: String,
    digest: Digest,
    /// What to write into an article.
    markdown: String,
    #[schemars(flatten)]
    members: Map<String, Value>,
}

/// An OpenAPI document.
#[derive(JsonSchema)]
pub(in crate::http::openapi) struct OpenApi {
    openapi: String,
    info: Value,
    paths: Map<String, Value>,
    #[schemars(flatten)]
    members: Map<String, Value>,
}
