//! Derived ids (DESIGN, invariant 6) are sha-256 over the RFC 8785 bytes of a JSON array that starts with a versioned
//! tag, written in lower-case base32 without padding (RFC 4648 §6).

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use super::{ActivityId, ActorName, BehaviorName, BoxName, InvalidId, NodeId, ObjectId, ObjectKey, TypeName};
use crate::canonical::Cid;

/// Characters of a sha-256 in base32.
const CHARS: usize = 52;
/// Bytes of most arrays that ids are derived from.
const USUAL_BYTES: usize = 256;

/// Sha-256 in base32: 52 characters of `a-z2-7`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Derived([u8; 32]);

impl Derived {
    /// `parts` are strings, arrays, and integers that a double holds exactly: `serde_json` writes those as RFC 8785 has them.
    fn of(parts: &impl Serialize) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut bytes, parts).expect("arrays of strings and integers are always JSON");
        debug_assert_eq!(Some(&bytes), crate::canonical::to_bytes(parts).ok().as_ref());
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

/// `H(parts)`, for ids that are written otherwise.
pub(crate) fn hash(parts: &impl Serialize) -> [u8; 32] {
    Derived::of(parts).0
}

impl fmt::Display for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; CHARS];
        BASE32_NOPAD.encode_mut(&self.0, &mut text);
        text.make_ascii_lowercase();
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

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
    /// One activity on its way to one inbox of another host.
    DeliveryId,
    "a delivery id (52 characters of a-z and 2-7)"
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

impl DeliveryId {
    /// `H("rosehip.delivery.v1", activity id, inbox URL)`. Where an actor's inbox is not known yet, the actor's URL stands in
    /// its place.
    pub fn derive(activity: &ActivityId, inbox: &str) -> Self {
        Self(Derived::of(&("rosehip.delivery.v1", activity, inbox)))
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

    /// `H("rosehip.addressed.v1", owner, activity id)`: whom an activity of an outbox goes to is found out once.
    pub fn addressed(owner: &ActorName, activity: &ActivityId) -> Self {
        Self(Derived::of(&("rosehip.addressed.v1", owner, activity)))
    }

    /// `H("rosehip.received.v1", owner, object URL)`: an object of another host arrives once in an inbox; where its
    /// deletion arrived first, never.
    pub fn received(owner: &ActorName, object: &str) -> Self {
        Self(Derived::of(&("rosehip.received.v1", owner, object)))
    }

    /// `H("rosehip.conflict.v1", owner, box, activity id, Cid)`: another content under a known id is recorded once.
    pub fn conflict(owner: &ActorName, r#box: BoxName, activity: &ActivityId, cid: &Cid) -> Self {
        Self(Derived::of(&("rosehip.conflict.v1", owner, r#box, activity, cid)))
    }
}

impl ObjectId {
    /// The id of an object that its owner posts to the outbox: `H("rosehip.object.v1", owner, Cid)`, of what was posted with
    /// the moment it was.
    pub fn of_post(owner: &ActorName, cid: &Cid) -> Self {
        let id = Derived::of(&("rosehip.object.v1", owner, cid)).to_string();
        id.parse().expect("base32 without padding is an object id")
    }
}

impl ActivityId {
    /// The id of an activity made here: `{base_url}/activities/H("rosehip.activity.v1", object, revision, type)`.
    pub fn of_revision(base_url: &str, object: &ObjectKey, revision: u64, kind: &TypeName) -> Self {
        Self::made(base_url, &("rosehip.activity.v1", object, revision, kind))
    }

    /// The id of an activity that a behavior asked for: `{base_url}/activities/H("rosehip.activity.v1", effect)`.
    pub fn of_effect(base_url: &str, effect: EffectId) -> Self {
        Self::made(base_url, &("rosehip.activity.v1", effect))
    }

    /// The id of an activity that its owner posts to the outbox: `{base_url}/activities/H("rosehip.posted.v1", owner, Cid)`.
    pub fn of_post(base_url: &str, owner: &ActorName, cid: &Cid) -> Self {
        Self::made(base_url, &("rosehip.posted.v1", owner, cid))
    }

    /// The id of an answer to an activity, such as the `Accept` of a `Follow`:
    /// `{base_url}/activities/H("rosehip.answer.v1", owner, type, activity id)`.
    pub fn of_answer(base_url: &str, owner: &ActorName, kind: &TypeName, answered: &Self) -> Self {
        Self::made(base_url, &("rosehip.answer.v1", owner, kind, answered))
    }

    /// The id of an activity that says an answer again, to whom asks again: another one in each minute.
    pub fn of_answer_again(base_url: &str, owner: &ActorName, kind: &TypeName, answered: &Self, minute: i64) -> Self {
        Self::made(base_url, &("rosehip.answer-again.v1", owner, kind, answered, minute))
    }

    fn made(base_url: &str, parts: &impl Serialize) -> Self {
        Self::below(&format!("{base_url}/activities/{}", Derived::of(parts)))
    }
}
