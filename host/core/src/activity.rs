//! Activities: records that something happened, in ActivityStreams 2.0 terms.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    canonical::Cid,
    ids::{ActivityId, ActorName, BoxName, EffectId, FlowId, ObjectKey, TypeName},
    limits::ACTIVITY_RECIPIENTS,
    object::{Object, Transition},
    time::Timestamp,
};

/// The collection that makes an activity public (ActivityPub §5.6).
pub const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// An activity as it stands in a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Its identity.
    pub id: ActivityId,
    /// Its content's name.
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
    /// How many flows led to it, one through the other.
    pub depth: u32,
    /// The activity that began it all; itself where depth is 0.
    pub root: ActivityId,
    /// What changed, with what stood there before: for this host and its behaviors, never for others.
    pub transitions: Vec<Transition>,
    /// The activity as JSON-LD, compacted: what others may see.
    pub document: Map<String, Value>,
}

/// The effect that made an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The flow that recorded it.
    pub flow: FlowId,
    /// The effect.
    pub effect: EffectId,
}

impl Activity {
    /// The activity that a behavior asks for, in the outbox of the actor it runs as, and everyone whom it is addressed to.
    /// `origin` is the effect, with the depth and root of the activity. Members that the host gives are replaced, and
    /// `bto` and `bcc` never leave (ActivityPub §6); an error says what is wrong with the rest.
    pub fn of_effect(
        base_url: &str,
        owner: &ActorName,
        asked: &Map<String, Value>,
        now: Timestamp,
        origin: (Cause, u32, ActivityId),
    ) -> Result<(Self, Vec<String>), String> {
        let (cause, depth, root) = origin;
        let kind = asked.get("type").and_then(Value::as_str).ok_or("its type is no text")?;
        let kind: TypeName = kind.parse().map_err(|_| format!("its type {kind:?} is no type's name"))?;
        let actor = actor_url(base_url, owner);
        if asked.get("actor").is_some_and(|asked| asked != actor.as_str()) {
            return Err(format!("its actor is not {actor}, as whom the flow runs"));
        }
        let object_type = match asked.get("object") {
            Some(Value::Object(object)) => object.get("type").and_then(Value::as_str).unwrap_or("Object"),
            Some(Value::String(_)) => "Link",
            Some(_) => return Err("its object is neither an object nor a URL".to_owned()),
            None => return Err("it has no object".to_owned()),
        };
        let object_type: TypeName =
            object_type.parse().map_err(|_| format!("the type {object_type:?} of its object is no type's name"))?;
        let (mut recipients, mut known) = (Vec::new(), HashSet::new());
        for member in ["to", "cc", "bto", "bcc"] {
            let addressed = match asked.get(member) {
                None => continue,
                Some(Value::Array(list)) => list.iter().collect(),
                Some(one) => vec![one],
            };
            for recipient in addressed {
                let recipient = recipient.as_str().ok_or_else(|| format!("{member} holds what is no URL"))?;
                if known.insert(recipient) {
                    recipients.push(recipient.to_owned());
                }
                if recipients.len() > ACTIVITY_RECIPIENTS {
                    return Err(format!("it is addressed to more than {ACTIVITY_RECIPIENTS}"));
                }
            }
        }
        let id = ActivityId::of_effect(base_url, cause.effect);
        let mut document = asked.clone();
        document.retain(|member, _| !matches!(member.as_str(), "bto" | "bcc" | "proof" | "signature"));
        if let Some(Value::Object(object)) = document.get_mut("object") {
            object.retain(|member, _| !matches!(member.as_str(), "bto" | "bcc"));
        }
        for (member, value) in [
            ("@context", json!("https://www.w3.org/ns/activitystreams")),
            ("id", json!(id)),
            ("actor", json!(actor)),
            ("published", json!(now)),
        ] {
            document.insert(member.to_owned(), value);
        }
        let activity = Self {
            cid: Cid::of_document(&document),
            id,
            owner: owner.clone(),
            r#box: BoxName::Outbox,
            kind,
            object_type,
            object: None,
            revision: None,
            cause: Some(cause),
            depth,
            root,
            transitions: Vec::new(),
            document,
        };
        Ok((activity, recipients))
    }

    /// The object as it stands in the activity.
    pub fn object_document(&self) -> &Value {
        self.document.get("object").unwrap_or(&Value::Null)
    }
}

/// What an activity about an object of this host is made from.
#[derive(Debug, Clone)]
pub struct Announcement<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// The activity's type.
    pub kind: TypeName,
    /// The object after the change.
    pub object: &'a Object,
    /// What changed.
    pub transitions: &'a [Transition],
    /// When it happened.
    pub now: Timestamp,
    /// What made it, with the depth and root of that.
    pub cause: Option<(Cause, u32, ActivityId)>,
}

impl Announcement<'_> {
    /// The activity in the owner's outbox.
    pub fn compose(self) -> Activity {
        let object = self.object;
        let id = ActivityId::of_revision(self.base_url, &object.key, object.revision, &self.kind);
        let actor = actor_url(self.base_url, &object.owner);
        let body = if self.kind.as_str() == "Delete" {
            tombstone(self.base_url, object, self.now)
        } else {
            object_document(self.base_url, object)
        };
        let (to, cc) = audience(&actor, object);
        let document = json!({
            "@context": "https://www.w3.org/ns/activitystreams",
            "id": id,
            "type": self.kind,
            "actor": actor,
            "published": self.now,
            "to": to,
            "cc": cc,
            "object": body,
        });
        let Value::Object(document) = document else { unreachable!("the literal above is an object") };
        let (cause, depth, root) = match self.cause {
            Some((cause, depth, root)) => (Some(cause), depth, root),
            None => (None, 0, id.clone()),
        };
        Activity {
            cid: Cid::of_document(&document),
            id,
            owner: object.owner.clone(),
            r#box: BoxName::Outbox,
            kind: self.kind,
            object_type: object.key.kind.clone(),
            object: Some(object.key.clone()),
            revision: Some(object.revision),
            cause,
            depth,
            root,
            transitions: self.transitions.to_vec(),
            document,
        }
    }
}

/// The URL of an actor of this host.
pub fn actor_url(base_url: &str, actor: &ActorName) -> String {
    format!("{base_url}/actors/{actor}")
}

/// The federated id of an object: it names the publication, because a tombstoned id never comes back.
pub fn object_url(base_url: &str, object: &Object) -> String {
    let url = format!("{base_url}/objects/{}", object.key);
    if object.publications > 1 { format!("{url}?publication={}", object.publications) } else { url }
}

/// An object as others see it: its members and those that the host derives.
pub fn object_document(base_url: &str, object: &Object) -> Value {
    let mut document = object.content.clone().unwrap_or_default();
    let mut derive = |name: &str, value: Value| document.insert(name.to_owned(), value);
    derive("id", object_url(base_url, object).into());
    derive("type", object.key.kind.as_str().into());
    derive("attributedTo", actor_url(base_url, &object.owner).into());
    derive("updated", json!(object.updated_at));
    derive("revision", object.revision.into());
    if let Some(published) = object.published_at {
        derive("published", json!(published));
    }
    if let Some(slug) = object.slug() {
        derive("url", format!("{base_url}/{slug}/").into());
    }
    Value::Object(document)
}

fn tombstone(base_url: &str, object: &Object, now: Timestamp) -> Value {
    json!({
        "type": "Tombstone",
        "id": object_url(base_url, object),
        "formerType": object.key.kind,
        "deleted": now,
    })
}

/// An article is for everyone and the actor's followers; any other object for whom it names itself.
fn audience(actor: &str, object: &Object) -> (Value, Value) {
    if object.key.kind.as_str() == "Article" {
        return (json!([PUBLIC]), json!([format!("{actor}/followers")]));
    }
    let named = |field: &str| {
        let content = object.content.as_ref();
        content.and_then(|content| content.get(field)).cloned().unwrap_or_else(|| json!([]))
    };
    (named("to"), named("cc"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;

    fn asked(document: Value) -> Result<(Activity, Vec<String>), String> {
        let owner = "site".parse().expect("a name");
        let root: ActivityId = "http://h/activities/first".parse().expect("a URL");
        let node: NodeId = "tell".parse().expect("a name");
        let flow = FlowId::derive(&root, &owner, BoxName::Outbox, &"test".parse().expect("a name"), 1);
        let cause = Cause { flow, effect: EffectId::derive(flow, &node, None, 0) };
        let document = document.as_object().cloned().expect("an object");
        Activity::of_effect("http://h", &owner, &document, Timestamp::from_millis(0), (cause, 1, root))
    }

    #[test]
    fn an_activity_of_an_effect_is_the_owners_and_tells_nobody_who_was_addressed_in_secret() {
        let (activity, recipients) = asked(json!({
            "type": "Announce", "object": "http://h/objects/Article/a", "id": "http://h/forged", "to": [PUBLIC],
            "bto": "http://h/actors/ann", "cc": ["http://h/actors/ann", "http://h/actors/ben"],
        }))
        .expect("it is one");
        assert_eq!(recipients, [PUBLIC, "http://h/actors/ann", "http://h/actors/ben"]);
        assert_eq!(activity.document["actor"], "http://h/actors/site");
        assert!(activity.id.as_str().starts_with("http://h/activities/") && !activity.document.contains_key("bto"));
        assert_eq!((activity.object_type.as_str(), activity.depth), ("Link", 1));
        let again = asked(json!({"type": "Announce", "object": "http://h/objects/Article/a"})).expect("it is one");
        assert_eq!(again.0.id, activity.id, "the id is the effect's, whatever it says");
    }

    #[test]
    fn what_is_no_activity_of_the_owner_is_refused() {
        for (document, what) in [
            (json!({"object": "http://h/a"}), "type"),
            (json!({"type": "no type", "object": "http://h/a"}), "type"),
            (json!({"type": "Like"}), "object"),
            (json!({"type": "Like", "object": 7}), "object"),
            (json!({"type": "Like", "object": "http://h/a", "actor": "http://h/actors/ann"}), "actor"),
            (json!({"type": "Like", "object": "http://h/a", "to": [7]}), "to"),
        ] {
            let refused = asked(document).expect_err(what);
            assert!(refused.contains(what), "{refused}");
        }
    }
}
