//! Every id is a type of its own: names that people give (`names.rs`), and ids that are derived from what they are
//! about (`derived.rs`).

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

/// Gives a newtype with `Display` and `FromStr` its text form: `Debug`, and a string in JSON and in its schema.
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

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

pub(crate) use text_id;

mod derived;
mod names;

pub(crate) use derived::hash;
pub use derived::{DedupKey, DeliveryId, EffectId, FlowId, MessageId, UserMark, random_seed};
pub use names::{ActivityId, ActorName, BehaviorName, BoxName, NodeId, ObjectId, ObjectKey, TypeName};

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
text_id!(Digest);

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
