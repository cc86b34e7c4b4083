//! Names: what people and other hosts call things.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::InvalidId;

/// Where an activity was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BoxName {
    /// What others sent to the actor.
    Inbox,
    /// What the actor did.
    Outbox,
}

impl fmt::Display for BoxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
        })
    }
}

/// Gives a checked string newtype its parser and text form.
macro_rules! string_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(InvalidId::new(text, $what)) }
            }
        }

        text_id!($name);
    };
}

/// `[a-z][a-z0-9-]{0,62}`: the form of names that stand in URLs.
fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// `[A-Z][A-Za-z0-9]{0,62}`: the form of ActivityStreams type names (AS2 vocabulary §3).
fn is_type_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Up to 200 unreserved characters, which stand in a segment of a path as they are (RFC 3986 §2.3).
fn is_object_id(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    (1..=200).contains(&text.len()) && text.chars().all(plain) && text != "." && text != ".."
}

/// An absolute http(s) URL or a urn, at most 2,048 bytes, without spaces or controls.
fn is_activity_id(text: &str) -> bool {
    text.len() <= 2_048
        && ["https://", "http://", "urn:"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

string_id!(
    /// The name under which a behavior is installed.
    BehaviorName,
    "a behavior name ([a-z][a-z0-9-]{0,62})",
    is_name
);
string_id!(
    /// A node of a DAG.
    NodeId,
    "a node id ([a-z][a-z0-9-]{0,62})",
    is_name
);
string_id!(
    /// The name of an actor of this host; its URL is `{base_url}/actors/{name}`.
    ActorName,
    "an actor name ([a-z][a-z0-9-]{0,62})",
    is_name
);
string_id!(
    /// A type of object or activity, such as `Article` or `Create`.
    TypeName,
    "a type name ([A-Z][A-Za-z0-9]{0,62})",
    is_type_name
);
string_id!(
    /// An object's id within its type. An article's is the slug it was first saved under.
    ObjectId,
    "an object id (1 to 200 of A-Z a-z 0-9 - _ . ~)",
    is_object_id
);
string_id!(
    /// An activity's identity: a URL, on this host's origin if it was made here.
    ActivityId,
    "an activity id (an absolute URL of at most 2,048 bytes)",
    is_activity_id
);
/// An object's type and id, written `Article/my-post`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its type.
    pub kind: TypeName,
    /// Its id within the type.
    pub id: ObjectId,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}

impl FromStr for ObjectKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (kind, id) = text.split_once('/').ok_or_else(|| InvalidId::new(text, "an object key (Type/id)"))?;
        Ok(Self { kind: kind.parse()?, id: id.parse()? })
    }
}
text_id!(ObjectKey);

impl ActivityId {
    /// An id of this host's own making.
    pub(super) fn below(url: &str) -> Self {
        Self(url.into())
    }

    /// The id under which something stands in an inbox that is done again under the id of what stands at `seq` there.
    #[must_use]
    pub fn again(&self, seq: u64) -> Self {
        let mark = if self.0.contains('#') { '/' } else { '#' };
        Self(format!("{}{mark}again-{seq}", self.0).into())
    }

    /// The last segment of its path, which names it on the host that made it.
    pub fn token(&self) -> &str {
        self.0.rsplit(['/', ':']).next().unwrap_or(&self.0)
    }
}
