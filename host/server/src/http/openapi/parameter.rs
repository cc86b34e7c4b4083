//! Parameters: those that stand in paths, by their names there, and the kinds of all others.

use rosehip_core::limits::PAGE_MAX;
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, Required, SchemaFormat, Type,
    path::{Parameter, ParameterBuilder, ParameterIn},
};

/// What a parameter's value may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A text of this form (ECMA-262).
    Form(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// Yes or no.
    Flag,
    /// A moment: RFC 3339, or how long ago (ISO 8601), such as `P7D`.
    Moment,
}

/// Names of behaviors, actors and nodes.
pub(super) const NAME: Kind = Kind::Form("^[a-z][a-z0-9-]{0,62}$");
/// How many items a page has.
pub(super) const LIMIT: Kind = Kind::Number(1, PAGE_MAX as u64);

impl Kind {
    /// A parameter that may be left out.
    pub(super) fn parameter(self, name: &str, place: ParameterIn, what: &str) -> Parameter {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let schema = match self {
            Self::Text => text(),
            Self::Form(pattern) => text().pattern(Some(pattern)),
            Self::Word(words) => text().enum_values(Some(words.iter().copied())),
            Self::Number(least, most) => ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                .minimum(Some(least))
                .maximum(Some(most)),
            Self::Flag => ObjectBuilder::new().schema_type(Type::Boolean),
            Self::Moment => {
                text().pattern(Some(r"^(P[0-9]{1,4}[DW]|PT[0-9]{1,4}[HMS]|[0-9]{4}-[0-9]{2}-[0-9]{2}T.+)$"))
            }
        };
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(Required::False)
            .description(Some(what))
            .schema(Some(schema))
            .build()
    }
}

/// The parameters of a path.
pub(super) fn of_path(path: &str) -> Vec<Parameter> {
    let noun = path.split('/').nth(1).unwrap_or_default();
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let (kind, what) = in_path(noun, name);
        let parameter = kind.parameter(name, ParameterIn::Path, what);
        ParameterBuilder::from(parameter).required(Required::True).build()
    };
    names.map(parameter).collect()
}

fn in_path(noun: &str, name: &str) -> (Kind, &'static str) {
    match (noun, name) {
        ("flows", _) => (Kind::Form("^[a-z2-7]{6,52}$"), "The flow's id, or its first characters, six at least"),
        ("effects", _) => (Kind::Form("^[a-z2-7]{52}$"), "The effect's id"),
        ("deliveries", _) => (Kind::Form("^[a-z2-7]{52}$"), "The delivery's id"),
        ("activities", _) => {
            (Kind::Form("^[A-Za-z0-9._~%:-]+$"), "The activity's Cid, its id, or the last part of that")
        }
        ("behaviors", _) => (NAME, "The name that the behavior is installed under"),
        ("actors", _) => (NAME, "The actor's name"),
        ("users", _) => (Kind::Form("^[a-z][a-z0-9-]{0,62}$"), "The user's name"),
        ("tokens" | "account", _) => (Kind::Form("^[a-z][a-z0-9-]{0,62}$"), "The token's name"),
        ("peers", _) => (Kind::Form("^[a-z0-9.-]+(:[0-9]+)?$"), "The other host, with its port where that is not 443"),
        ("media", _) => (Kind::Form("^[0-9a-f]{64}[.][a-z]{3,4}$"), "The image's digest, and its kind"),
        ("tags", _) => (Kind::Text, "The tag, without its sign"),
        ("objects", "type") => (Kind::Form("^[A-Z][A-Za-z0-9]{0,62}$"), "The object's type"),
        ("objects", _) => (Kind::Form("^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,199}$"), "The object's id within its type"),
        (_, _) => (Kind::Form("^[a-z0-9-]{1,100}$"), "The last part of the article's address"),
    }
}
