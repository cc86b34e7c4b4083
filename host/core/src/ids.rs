//! Every id is a type of its own. Derived ids (DESIGN, invariant 6) are sha-256 over the RFC 8785 bytes of a JSON
//! array that starts with a versioned tag, written in lower-case base32 without padding (RFC 4648 §6).

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

/// A text that is no id of the wanted type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct InvalidId {
    /// What was read, cut at 100 characters.
    pub text: String,
    /// What was wanted, with its form.
    pub what: &'static str,
}

impl InvalidId {
    pub(crate) fn new(text: &str, what: &'static str) -> Self {
        Self { text: text.chars().take(100).collect(), what }
    }
}

/// A module's name: the sha-256 of its bytes, written in hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a module's bytes.
    pub fn of(wasm: &[u8]) -> Self {
        Self(Sha256::digest(wasm).into())
    }

    /// The raw sha-256.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first twelve hex digits, for tables.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0[..6])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Digest {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| InvalidId::new(text, "a module digest (64 lower-case hex digits)"))
    }
}

/// Sha-256 in base32: 52 characters of `a-z2-7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Derived([u8; 32]);

impl Derived {
    fn of(parts: &impl Serialize) -> Self {
        let bytes = serde_json_canonicalizer::to_vec(parts).expect("arrays of strings and integers are always JSON");
        Self(Sha256::digest(bytes).into())
    }

    fn parse(text: &str, what: &'static str) -> Result<Self, InvalidId> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(InvalidId::new(text, what));
        }
        BASE32_NOPAD
            .decode(text.to_ascii_uppercase().as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| InvalidId::new(text, what))
    }
}

impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
    }
}

/// Gives a newtype its text form: `Display`, `FromStr`, `Debug` and serde as a string.
macro_rules! text_id {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

pub(crate) use text_id;

/// An id derived with `H`: a newtype over [`Derived`] with a text form.
macro_rules! derived_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Derived);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Derived::parse(text, $what).map(Self)
            }
        }

        impl $name {
            /// The id whose raw sha-256 this is, as a store kept it.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(Derived(bytes))
            }

            /// The raw sha-256.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0.0
            }

            /// The first twelve characters, for tables.
            pub fn short(&self) -> String {
                self.to_string()[..12].to_owned()
            }
        }

        text_id!($name);
    };
}

derived_id!(
    /// One run of a behavior for one activity.
    FlowId,
    "a flow id (52 characters of a-z and 2-7)"
);
derived_id!(
    /// One effect of one call of a node.
    EffectId,
    "an effect id (52 characters of a-z and 2-7)"
);
derived_id!(
    /// What leaves the machine at once for one or more effects; its receiver drops duplicates by it.
    MessageId,
    "a message id (52 characters of a-z and 2-7)"
);
derived_id!(
    /// What must not be recorded twice; the writer refuses an entry whose key the log already holds.
    DedupKey,
    "a dedup key (52 characters of a-z and 2-7)"
);

derived_id!(
    /// A user whose account was erased, without the name: it tells the account when it comes back with a backup.
    UserMark,
    "a user's mark (52 characters of a-z and 2-7)"
);

impl UserMark {
    /// `H("rosehip.user.v1", name)`.
    pub fn of(name: &str) -> Self {
        Self(Derived::of(&("rosehip.user.v1", name)))
    }
}

impl FlowId {
    /// `H("rosehip.flow.v1", activity id, owner, box, behavior, run)`.
    pub fn derive(activity: &ActivityId, owner: &ActorName, r#box: BoxName, behavior: &BehaviorName, run: u32) -> Self {
        Self(Derived::of(&("rosehip.flow.v1", activity, owner, r#box, behavior, run)))
    }

    /// The key under which the flow's start is recorded once.
    pub fn started_once(self) -> DedupKey {
        DedupKey(self.0)
    }
}

impl EffectId {
    /// `H("rosehip.effect.v1", flow, node, item index or null, ordinal in that call)`.
    pub fn derive(flow: FlowId, node: &NodeId, item: Option<u32>, ordinal: u32) -> Self {
        Self(Derived::of(&("rosehip.effect.v1", flow, node, item, ordinal)))
    }
}

impl MessageId {
    /// The id of the message that carries these effects: a single one's own, else
    /// `H("rosehip.message.v1", their ids in order)`, in whatever order they come.
    pub fn of(effects: &[EffectId]) -> Self {
        if let [only] = effects {
            return Self(only.0);
        }
        let mut ids = effects.to_vec();
        ids.sort_unstable();
        ids.dedup();
        Self(Derived::of(&("rosehip.message.v1", ids)))
    }
}

/// Where the random bytes of a guest call begin: `H("rosehip.random.v1", flow, node, item index or null)`.
pub fn random_seed(flow: FlowId, node: &NodeId, item: Option<u32>) -> [u8; 32] {
    Derived::of(&("rosehip.random.v1", flow, node, item)).0
}

impl DedupKey {
    /// `H("rosehip.seen.v1", owner, box, activity id)`: an activity enters a box once.
    pub fn seen(owner: &ActorName, r#box: BoxName, activity: &ActivityId) -> Self {
        Self(Derived::of(&("rosehip.seen.v1", owner, r#box, activity)))
    }

    /// `H("rosehip.matched.v1", owner, box, activity id)`: an activity is matched once.
    pub fn matched(owner: &ActorName, r#box: BoxName, activity: &ActivityId) -> Self {
        Self(Derived::of(&("rosehip.matched.v1", owner, r#box, activity)))
    }
}

/// Where an activity was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

impl ActivityId {
    /// The id of an activity made here: `{base_url}/activities/H("rosehip.activity.v1", object, revision, type)`.
    pub fn of_revision(base_url: &str, object: &ObjectKey, revision: u64, kind: &TypeName) -> Self {
        let derived = Derived::of(&("rosehip.activity.v1", object, revision, kind));
        Self(format!("{base_url}/activities/{derived}").into())
    }

    /// The id of an activity that a behavior asked for: `{base_url}/activities/H("rosehip.activity.v1", effect)`.
    pub fn of_effect(base_url: &str, effect: EffectId) -> Self {
        let derived = Derived::of(&("rosehip.activity.v1", effect));
        Self(format!("{base_url}/activities/{derived}").into())
    }

    /// The last segment of its path, which names it on the host that made it.
    pub fn token(&self) -> &str {
        self.0.rsplit(['/', ':']).next().unwrap_or(&self.0)
    }
}

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

text_id!(Digest);
text_id!(ObjectKey);

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(run: u32) -> FlowId {
        let activity = "https://example.org/activities/1".parse().expect("a URL");
        let owner = "site".parse().expect("a name");
        FlowId::derive(&activity, &owner, BoxName::Outbox, &"publish".parse().expect("a name"), run)
    }

    #[test]
    fn derived_ids_depend_on_every_part_and_on_nothing_else() {
        assert_eq!(flow(1), flow(1));
        assert_ne!(flow(1), flow(2));
        let node: NodeId = "validate".parse().expect("a name");
        assert_ne!(EffectId::derive(flow(1), &node, None, 0), EffectId::derive(flow(1), &node, Some(0), 0));
    }

    #[test]
    fn a_message_of_one_effect_has_its_id_and_one_of_several_has_one_for_all_orders() {
        let node: NodeId = "validate".parse().expect("a name");
        let [a, b] = [0, 1].map(|ordinal| EffectId::derive(flow(1), &node, None, ordinal));
        assert_eq!(MessageId::of(&[a]).to_string(), a.to_string());
        assert_eq!(MessageId::of(&[a, b]), MessageId::of(&[b, a]));
        assert_ne!(MessageId::of(&[a, b]), MessageId::of(&[a]));
    }

    /// The bytes that are hashed are a contract with every log ever written.
    #[test]
    fn derived_ids_do_not_change_between_releases() {
        insta::assert_snapshot!(flow(1), @"t6yz5ezaw253tzxplwm4o5wblmi4aahvmze2znhkqgzcfs4jn4zq");
    }

    #[test]
    fn text_forms_round_trip() {
        assert_eq!(flow(1).to_string().parse(), Ok(flow(1)));
        let digest = Digest::of(b"wasm");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let key: ObjectKey = "Article/a-post".parse().expect("a key");
        assert_eq!(key.to_string(), "Article/a-post");
    }

    #[test]
    fn what_is_no_id_is_refused_with_its_form() {
        assert!("Publish".parse::<BehaviorName>().is_err());
        assert!("1st".parse::<NodeId>().is_err());
        assert!("a".repeat(64).parse::<NodeId>().is_err());
        assert!("article".parse::<TypeName>().is_err());
        assert!("..".parse::<ObjectId>().is_err());
        assert!("javascript:alert(1)".parse::<ActivityId>().is_err());
        let error = "x".parse::<FlowId>().expect_err("too short");
        assert_eq!(error.to_string(), "\"x\" is not a flow id (52 characters of a-z and 2-7)");
    }
}
