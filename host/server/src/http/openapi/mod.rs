//! `GET /openapi.json`: the routes as an OpenAPI 3.1 document, put together from the table of routes, from what is said here
//! of each, and from the types that are sent and told.
//!
//! The table says which routes there are and who may use them; a route of which nothing is said fails a test, and so does
//! something that is said of no route.

mod articles;
mod behaviors;
mod federation;
mod flows;
mod operating;
mod operation;
mod parameter;
mod sent;
pub(super) mod told;

use std::sync::LazyLock;

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::{IntoResponse, Response},
};
use rosehip_core::ids::Digest;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, License, OpenApiBuilder, PathItem, PathsBuilder, Server,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

use self::operation::{BEARER, Operation, SESSION, Schemas};
use super::{access::Need, routes, session};

/// The document as text, and its entity tag. It is the same for every request of this binary.
static DOCUMENT: LazyLock<(String, HeaderValue)> = LazyLock::new(|| {
    let text = document(&routes::needs()).to_string();
    let tag = format!("\"{}\"", Digest::of(text.as_bytes()).short());
    (text, HeaderValue::from_str(&tag).expect("hex in quotes is a header value"))
});

/// `GET /openapi.json`
pub(super) async fn show(headers: HeaderMap) -> Response {
    let (text, tag) = &*DOCUMENT;
    // A newer binary has another one: it may be kept, and is asked about each time.
    let caching = [(CACHE_CONTROL, HeaderValue::from_static("public, no-cache")), (ETAG, tag.clone())];
    if headers.get(IF_NONE_MATCH).is_some_and(|known| known == tag) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(CONTENT_TYPE, operation::JSON)], text.as_str()).into_response()
}

/// What is said of the routes, by what they are about.
fn operations() -> [(&'static str, &'static str, Vec<Operation>); 5] {
    [
        ("articles", "Articles, other objects, and the activities that their changes make", articles::operations()),
        ("flows", "What behaviors did, and doing something about it", flows::operations()),
        ("behaviors", "What is installed", behaviors::operations()),
        ("federation", "Actors and other hosts", federation::operations()),
        ("operating", "Accounts, erasing, and watching the host", operating::operations()),
    ]
}

/// The document of these routes.
fn document(routes: &[(&'static str, &'static str, Need)]) -> Value {
    let mut schemas = schemas();
    let mut document = OpenApiBuilder::new().info(info()).servers(Some([Server::new("/")]));
    let (mut paths, mut tags) = (PathsBuilder::new(), Vec::new());
    for (tag, what, operations) in operations() {
        tags.push(TagBuilder::new().name(tag).description(Some(what)).build());
        for operation in operations {
            let is_its = |row: &&(&str, &str, Need)| (row.0, row.1) == (operation.method, operation.path);
            let Some((_, path, need)) = routes.iter().find(is_its) else { continue };
            let method = operation.http_method();
            paths = paths.path(*path, PathItem::new(method, operation.described(tag, *need, &mut schemas)));
        }
    }
    document = document.paths(paths).tags(Some(tags)).components(Some(security().build()));
    let mut document = serde_json::to_value(document.build()).expect("the document has text for member names");
    document["components"]["schemas"] = Value::Object(definitions(schemas));
    document
}

/// Where schemas are collected; they refer to each other as components.
fn schemas() -> Schemas {
    let components = |settings: &mut SchemaSettings| settings.definitions_path = "/components/schemas".into();
    let settings = || SchemaSettings::draft2020_12().with(components);
    Schemas { told: settings().for_serialize().into_generator(), sent: settings().for_deserialize().into_generator() }
}

/// The schemas of both directions. A type that goes both ways has one, because nothing of it may be left out in one of them
/// and not in the other; a test holds them together.
fn definitions(mut schemas: Schemas) -> Map<String, Value> {
    let mut definitions = schemas.sent.take_definitions(true);
    definitions.extend(schemas.told.take_definitions(true));
    definitions.into_iter().collect()
}

fn info() -> InfoBuilder {
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    InfoBuilder::new().title("rosehip").version(env!("CARGO_PKG_VERSION")).license(Some(license)).description(Some(
        "A behavior engine for people who publish. Pages are for people and JSON for programs: the header Accept chooses, \
         and who shows a token gets JSON. Errors are problem documents (RFC 9457) whose `rule` is stable. Routes and members \
         are added, and never renamed or removed.",
    ))
}

fn security() -> ComponentsBuilder {
    let token = "A token, which an operator makes with `rosehip token create`. It has its user's role.";
    let cookie = "The cookie of a session. What changes something carries the session's token as well: as the field `csrf` \
                  of a form, or in the header X-CSRF-Token.";
    ComponentsBuilder::new()
        .security_scheme(
            BEARER,
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(token)).build()),
        )
        .security_scheme(
            SESSION,
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(session::COOKIE, cookie))),
        )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn every_route_is_in_it_and_nothing_else() {
        let routes: BTreeSet<_> = routes::needs().iter().map(|(method, path, _)| format!("{method} {path}")).collect();
        let said = operations().into_iter().flat_map(|(_, _, operations)| operations);
        let said: Vec<_> = said.map(|operation| format!("{} {}", operation.method, operation.path)).collect();
        let missing: Vec<_> = routes.iter().filter(|route| !said.contains(route)).collect();
        assert!(missing.is_empty(), "say in http/openapi what these are: {missing:?}");
        let unknown: Vec<_> = said.iter().filter(|route| !routes.contains(*route)).collect();
        assert!(unknown.is_empty(), "there are no such routes: {unknown:?}");
        assert_eq!(said.len(), routes.len(), "something is said twice");
    }

    #[test]
    fn what_is_referred_to_is_there() {
        let document = document(&routes::needs());
        let text = document.to_string();
        for name in text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["paths"]["/flows"]["get"]["security"], json!([{"bearer": []}, {"session": []}]));
    }

    #[test]
    fn a_type_that_goes_both_ways_is_one() {
        let mut schemas = schemas();
        for (tag, _, operations) in operations() {
            for operation in operations {
                operation.described(tag, Need::Nothing, &mut schemas);
            }
        }
        let (sent, told) = (schemas.sent.take_definitions(true), schemas.told.take_definitions(true));
        for (name, schema) in &sent {
            assert!(told.get(name).is_none_or(|other| other == schema), "{name} differs by its direction");
        }
    }
}
