//! One operation of the document, put together from typed parts. What follows from its path, its method and what the table
//! of routes asks of a visitor is added by [`Operation::described`], so that nobody has to remember it.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use schemars::{JsonSchema, SchemaGenerator};
use utoipa::openapi::{
    Content, Header, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Type,
    path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::Schema,
    security::SecurityRequirement,
};

use super::{
    super::access::Need,
    parameter::{self, Kind},
    told::Problem,
};

/// The names of the two ways to say who one is.
pub(super) const BEARER: &str = "bearer";
/// A session's cookie.
pub(super) const SESSION: &str = "session";

pub(super) const HTML: &str = "text/html";
pub(super) const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const PROBLEM: &str = "application/problem+json";
/// The forms in which `ActivityStreams` comes.
const ACTIVITY_STREAMS: [&str; 3] = ["application/activity+json", "application/ld+json", JSON];

/// Where the schemas of types are collected: of what is told and of what is sent, which differ by what may be left out.
pub(super) struct Schemas {
    pub(super) told: SchemaGenerator,
    pub(super) sent: SchemaGenerator,
}

/// What a body holds.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// JSON that a type describes.
    Of(fn(&mut SchemaGenerator) -> schemars::Schema),
    /// Text, of which no more is said.
    Text,
    /// Any bytes.
    Bytes,
}

impl Shape {
    pub(super) fn of<T: JsonSchema>() -> Self {
        Self::Of(SchemaGenerator::subschema_for::<T>)
    }

    fn content(self, generator: &mut SchemaGenerator) -> Content {
        let schema: RefOr<Schema> = match self {
            Self::Of(schema_for) => {
                let schema = schema_for(generator);
                let name = schema.get("$ref").and_then(|name| name.as_str());
                Ref::new(name.expect("bodies are types with names")).into()
            }
            Self::Text => ObjectBuilder::new().schema_type(Type::String).into(),
            // Bytes have no type (OpenAPI 3.1 §4.8.14.3).
            Self::Bytes => return Content::default(),
        };
        Content::new(Some(schema))
    }
}

/// An answer of one status.
#[derive(Default)]
struct Answer {
    what: &'static str,
    contents: Vec<(&'static str, Shape)>,
    headers: Vec<(&'static str, &'static str)>,
}

/// A route and what is to be known of it.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    summary: &'static str,
    parameters: Vec<Parameter>,
    body: Vec<(&'static str, Shape)>,
    body_may_be_missing: bool,
    answers: BTreeMap<u16, Answer>,
}

pub(super) fn get(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("GET", path, summary)
}

pub(super) fn post(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("POST", path, summary)
}

pub(super) fn put(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("PUT", path, summary)
}

pub(super) fn delete(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("DELETE", path, summary)
}

/// What is asked for.
impl Operation {
    fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        let parameters = parameter::of_path(path);
        let operation = Self {
            method,
            path,
            summary,
            parameters,
            body: Vec::new(),
            body_may_be_missing: false,
            answers: BTreeMap::new(),
        };
        match operation.parameters.is_empty() {
            true => operation,
            // A path that is no UTF-8 cannot be read.
            false => operation.fault(400).fault(404),
        }
    }

    /// A parameter of the query; one whose value does not do is 422.
    pub(super) fn query(mut self, name: &'static str, kind: Kind, what: &'static str) -> Self {
        self.parameters.push(kind.parameter(name, ParameterIn::Query, what));
        self.fault(422)
    }

    /// A parameter of the query that must be there.
    pub(super) fn query_required(mut self, name: &'static str, kind: Kind, what: &'static str) -> Self {
        let parameter = kind.parameter(name, ParameterIn::Query, what);
        self.parameters.push(ParameterBuilder::from(parameter).required(Required::True).build());
        self.fault(422)
    }

    /// A header.
    pub(super) fn header(mut self, name: &'static str, kind: Kind, what: &'static str) -> Self {
        self.parameters.push(kind.parameter(name, ParameterIn::Header, what));
        self
    }

    /// `Prefer: wait`.
    pub(super) fn waits(self) -> Self {
        let what =
            "wait=SECONDS: answer when the flows that this fires have finished or suspended (RFC 7240), 30 at most";
        self.header("Prefer", Kind::Text, what)
    }

    /// `If-Match`.
    pub(super) fn rests_on_revision(self) -> Self {
        let what = "The revision that the change rests on, in quotes";
        self.header("If-Match", Kind::Text, what).fault(400).fault(409)
    }

    /// A form, or the same fields as JSON.
    pub(super) fn form<T: JsonSchema>(self) -> Self {
        self.body(FORM, Shape::of::<T>()).body(JSON, Shape::of::<T>())
    }

    /// A form, or the same fields as JSON, or nothing at all.
    pub(super) fn form_or_nothing<T: JsonSchema>(self) -> Self {
        self.form::<T>().may_be_empty()
    }

    /// The body may be missing.
    pub(super) fn may_be_empty(mut self) -> Self {
        self.body_may_be_missing = true;
        self
    }

    /// A form and nothing else.
    pub(super) fn only_form<T: JsonSchema>(self) -> Self {
        self.body(FORM, Shape::of::<T>())
    }

    /// A JSON document.
    pub(super) fn document<T: JsonSchema>(self) -> Self {
        self.body(JSON, Shape::of::<T>())
    }

    /// A body of this type; what cannot be read is 400, what is too long 413, what is of another type 415, and what breaks
    /// a rule 422.
    pub(super) fn body(mut self, media: &'static str, shape: Shape) -> Self {
        self.body.push((media, shape));
        self.fault(400).fault(413).fault(415).fault(422)
    }
}

/// What is answered.
impl Operation {
    /// 200 with a page.
    pub(super) fn page(self) -> Self {
        self.answer(200, "", HTML, Shape::Text)
    }

    /// 200 with JSON.
    pub(super) fn json<T: JsonSchema>(self) -> Self {
        self.answer(200, "", JSON, Shape::of::<T>())
    }

    /// 200 with `ActivityStreams` in any of its forms.
    pub(super) fn activity_streams<T: JsonSchema>(self) -> Self {
        ACTIVITY_STREAMS.iter().fold(self, |operation, media| operation.answer(200, "", media, Shape::of::<T>()))
    }

    /// 201 with JSON, and where it is.
    pub(super) fn created<T: JsonSchema>(self) -> Self {
        self.answer(201, "", JSON, Shape::of::<T>())
    }

    /// 204.
    pub(super) fn no_content(self) -> Self {
        self.status(204, "Done")
    }

    /// 303, for people who sent a form.
    pub(super) fn redirects_people(self) -> Self {
        self.redirects(303, "For people who sent a form: the page that shows what was done")
    }

    /// A redirect.
    pub(super) fn redirects(self, status: u16, what: &'static str) -> Self {
        self.status(status, what).answer_header(status, "Location", "Where to")
    }

    /// An answer without a body.
    pub(super) fn status(mut self, status: u16, what: &'static str) -> Self {
        let answer = self.answers.entry(status).or_default();
        if !what.is_empty() {
            answer.what = what;
        }
        self
    }

    /// An answer with a body.
    pub(super) fn answer(self, status: u16, what: &'static str, media: &'static str, shape: Shape) -> Self {
        let mut operation = self.status(status, what);
        let contents = &mut operation.answers.entry(status).or_default().contents;
        contents.retain(|(known, _)| *known != media);
        contents.push((media, shape));
        operation
    }

    /// A header of an answer.
    pub(super) fn answer_header(mut self, status: u16, name: &'static str, what: &'static str) -> Self {
        let headers = &mut self.answers.entry(status).or_default().headers;
        if !headers.iter().any(|(known, _)| *known == name) {
            headers.push((name, what));
        }
        self
    }

    /// A refusal: a problem document, or a page for people.
    pub(super) fn fault(self, status: u16) -> Self {
        self.answer(status, "", PROBLEM, Shape::of::<Problem>()).answer(status, "", HTML, Shape::Text)
    }

    /// What a write to the log may be refused with besides.
    pub(super) fn writes(self) -> Self {
        self.fault(409).fault(507)
    }
}

impl Operation {
    /// The method, as the document has it.
    pub(super) fn http_method(&self) -> HttpMethod {
        match self.method {
            "GET" => HttpMethod::Get,
            "PUT" => HttpMethod::Put,
            "DELETE" => HttpMethod::Delete,
            _ => HttpMethod::Post,
        }
    }

    /// With what every route of its kind may answer: the token may be unknown (401), the role may not do or the form lack
    /// its session's token (403), the address may ask too often (429), and the host may have a fault (500) or be busy (503).
    fn with_what_follows(self, need: Need) -> Self {
        let mut operation = self.fault(401).fault(429).fault(500).fault(503);
        if need != Need::Nothing || operation.method != "GET" {
            operation = operation.fault(403);
        }
        if need != Need::Nothing && !operation.answers.contains_key(&303) {
            operation = operation.redirects(303, "For people who are not logged in: the page where they can");
        }
        for status in [429, 503] {
            operation = operation.answer_header(status, "Retry-After", "Seconds after which to try again");
        }
        operation
    }

    /// What its parameters are called.
    #[cfg(test)]
    pub(super) fn parameter_names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|parameter| parameter.name.as_str())
    }

    /// The operation as the document has it.
    pub(super) fn described(self, tag: &'static str, need: Need, schemas: &mut Schemas) -> OperationBuilder {
        let operation = self.with_what_follows(need);
        let mut built = OperationBuilder::new()
            .tag(tag)
            .operation_id(Some(id(operation.method, operation.path)))
            .summary(Some(operation.summary))
            .parameters(Some(operation.parameters));
        if need == Need::Nothing {
            built = built.security(SecurityRequirement::default());
        } else {
            built = built.description(Some(need.rule()));
        }
        for scheme in [BEARER, SESSION] {
            built = built.security(SecurityRequirement::new(scheme, std::iter::empty::<&str>()));
        }
        if !operation.body.is_empty() {
            let required = if operation.body_may_be_missing { Required::False } else { Required::True };
            let body = operation.body.into_iter().fold(RequestBodyBuilder::new(), |body, (media, shape)| {
                body.content(media, shape.content(&mut schemas.sent))
            });
            built = built.request_body(Some(body.required(Some(required)).build()));
        }
        for (status, answer) in operation.answers {
            built = built.response(status.to_string(), answer.described(status, schemas));
        }
        built
    }
}

impl Answer {
    fn described(self, status: u16, schemas: &mut Schemas) -> ResponseBuilder {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let what = if self.what.is_empty() { reason } else { self.what };
        let mut built = ResponseBuilder::new().description(what);
        for (media, shape) in self.contents {
            built = built.content(media, shape.content(&mut schemas.told));
        }
        for (name, what) in self.headers {
            let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
            header.description = Some(what.to_owned());
            built = built.header(name, header);
        }
        built
    }
}

/// A name for programs that are generated from the document: `get-flows-id`.
fn id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slash = (path.len() > 1 && path.ends_with('/')).then_some("page");
    let words: Vec<_> = std::iter::once(method).chain(words).chain(slash).map(str::to_ascii_lowercase).collect();
    words.join("-")
}
