//! Activities: records that something happened, in ActivityStreams 2.0 terms.

mod announcement;
mod asked;
mod audience;
mod html;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    canonical::Cid,
    ids::{ActivityId, ActorName, BoxName, EffectId, FlowId, ObjectKey, TypeName},
    object::Transition,
    trace::TraceContext,
};

pub use announcement::{Announcement, object_document, object_url, tag_url};
pub use asked::{Asked, InvalidActivity};
pub use audience::{Audience, is_public, urls_of};
pub use html::{is_plain_text, sanitize, sanitize_members, sanitize_quoted};

/// The collection that makes an activity public (ActivityPub §5.6).
pub const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";
/// The vocabulary of ActivityStreams 2.0.
pub const ACTIVITY_STREAMS: &str = "https://www.w3.org/ns/activitystreams";
/// The vocabulary of proofs (FEP-8b32).
pub const DATA_INTEGRITY: &str = "https://w3id.org/security/data-integrity/v1";

/// An activity as it stands in a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its identity.
    pub id: ActivityId,
    /// Its content's name; of one from elsewhere, of what was received.
    pub cid: Cid,
    /// The local actor whose box it is in.
    pub owner: ActorName,
    /// The box.
    pub r#box: BoxName,
    /// Its type, such as `Create`.
    pub kind: TypeName,
    /// The type of its object; of a deleted object, what it was.
    pub object_type: TypeName,
    /// The object of this host that it is about.
    pub object: Option<ObjectKey>,
    /// That object's revision.
    pub revision: Option<u64>,
    /// What made it, if a flow of this host did.
    pub cause: Option<Cause>,
    /// The URL of the flow of another host that made it, as that host says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<String>,
    /// How many flows led to it, one through the other.
    pub depth: u32,
    /// The activity that began it all; itself where depth is 0.
    pub root: ActivityId,
    /// What changed, with what stood there before: for this host and its behaviors, never for others.
    pub transitions: Vec<Transition>,
    /// Whom it goes to that nobody is told of: what stood in `bto` and `bcc` (ActivityPub §6).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blind: Vec<String>,
    /// Where it stands in a trace, if it is part of one. Neither its id nor its Cid depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// The activity as JSON-LD, compacted, with its actor's proof: what others may see.
    pub document: Map<String, Value>,
}

/// The effect that made an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The flow that recorded it.
    pub flow: FlowId,
    /// The effect.
    pub effect: EffectId,
}

/// Where an activity that a flow makes comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The effect that asks for it.
    pub cause: Cause,
    /// The activity that started the flow.
    pub activity: ActivityId,
    /// How many flows led to it.
    pub depth: u32,
    /// The activity that began it all.
    pub root: ActivityId,
}

impl Origin {
    /// What others are told of it: the flow, the activity that started it, and how many flows led there.
    fn told(&self, base_url: &str) -> Value {
        json!({
            "type": "Flow",
            "id": flow_url(base_url, self.cause.flow),
            "activity": self.activity,
            "depth": self.depth,
        })
    }

    /// Cause, depth and root of an activity; without an origin it begins with itself.
    fn or_itself(origin: Option<Self>, id: &ActivityId) -> (Option<Cause>, u32, ActivityId) {
        match origin {
            Some(origin) => (Some(origin.cause), origin.depth, origin.root),
            None => (None, 0, id.clone()),
        }
    }
}

impl Activity {
    /// The object as it stands in the activity.
    pub fn object_document(&self) -> &Value {
        self.document.get("object").unwrap_or(&Value::Null)
    }

    /// The id of its object, whether the object stands in it or is only named.
    pub fn object_id(&self) -> Option<&str> {
        id_of(self.object_document())
    }

    /// The id that whoever did it gave it. What stands in an inbox because it was done again under the same id has another one there
    /// ([`ActivityId::again`]).
    pub fn said_id(&self) -> &str {
        self.document.get("id").and_then(Value::as_str).unwrap_or(self.id.as_str())
    }

    /// The URL of who acts.
    pub fn actor(&self) -> Option<&str> {
        self.document.get("actor").and_then(id_of)
    }

    /// Whether everybody may see it: it says so, or it is the `Accept` by which somebody follows, and who follows an actor is
    /// told to everybody.
    pub fn is_for_everybody(&self) -> bool {
        let accepts = self.r#box == BoxName::Outbox && self.kind.as_str() == "Accept";
        accepts && self.object_type.as_str() == "Follow" || self.audience().is_public
    }

    /// Whom it goes to.
    pub fn audience(&self) -> Audience {
        Audience::of(&self.document, &self.blind)
    }
}

/// The id of what a member holds: a URL, or an object that has one.
pub fn id_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("id").and_then(Value::as_str))
}

/// The URL of an actor of this host.
pub fn actor_url(base_url: &str, actor: &ActorName) -> String {
    format!("{base_url}/actors/{actor}")
}

/// The actor of this host that a URL names.
pub fn local_actor(base_url: &str, url: &str) -> Option<ActorName> {
    url.strip_prefix(base_url)?.strip_prefix("/actors/")?.parse().ok()
}

/// The URL of a flow of this host.
pub fn flow_url(base_url: &str, flow: FlowId) -> String {
    format!("{base_url}/flows/{flow}")
}

/// The vocabularies of an activity made here. `cause` is rosehip's own.
pub fn context(has_cause: bool) -> Value {
    match has_cause {
        true => json!([ACTIVITY_STREAMS, DATA_INTEGRITY, {"cause": "urn:rosehip:cause"}]),
        false => json!([ACTIVITY_STREAMS, DATA_INTEGRITY]),
    }
}
