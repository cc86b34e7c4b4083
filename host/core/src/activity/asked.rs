//! Activities that someone asks for as a document: a behavior through an effect, or the owner at the outbox.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{Activity, Origin, actor_url, announcement::strip_secret, context, sanitize_members, urls_of};
use crate::{
    canonical::Cid,
    ids::{ActivityId, ActorName, BoxName, TypeName},
    limits::ACTIVITY_RECIPIENTS,
    ports::Signatures,
    time::Timestamp,
};

/// What keeps a document from being an activity of its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidActivity {
    /// The member that is wrong.
    pub member: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl InvalidActivity {
    fn new(member: &'static str, message: impl Into<String>) -> Self {
        Self { member, message: message.into() }
    }
}

/// Whom an activity may address by members of their own.
const ADDRESSING: [&str; 4] = ["to", "cc", "bto", "bcc"];
/// Members that the host gives, or that nobody is told.
const NOT_TAKEN_OVER: [&str; 6] = ["bto", "bcc", "proof", "signature", "cause", "id"];

/// A document that is to become an activity in its owner's outbox.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// Whose outbox it is for.
    pub owner: &'a ActorName,
    /// The document. Members that the host gives are replaced.
    pub document: &'a Map<String, Value>,
    /// The moment it is asked for.
    pub now: Timestamp,
}

impl Asked<'_> {
    /// The activity of an effect. An error says what is wrong with the document.
    pub fn of_effect(self, origin: Origin, signatures: &dyn Signatures) -> Result<Activity, InvalidActivity> {
        let id = ActivityId::of_effect(self.base_url, origin.cause.effect);
        self.compose(Some(id), Some(origin), signatures)
    }

    /// The activity of someone who posts it. An error says what is wrong with the document.
    pub fn of_post(self, signatures: &dyn Signatures) -> Result<Activity, InvalidActivity> {
        self.compose(None, None, signatures)
    }

    /// The activity that answers another one, such as the `Accept` of a `Follow`.
    pub fn answering(self, answered: &ActivityId, signatures: &dyn Signatures) -> Result<Activity, InvalidActivity> {
        let kind = self.kind()?;
        let id = ActivityId::of_answer(self.base_url, self.owner, &kind, answered);
        self.compose(Some(id), None, signatures)
    }

    /// The same, said again in another minute.
    pub fn answering_again(
        self,
        answered: &ActivityId,
        signatures: &dyn Signatures,
    ) -> Result<Activity, InvalidActivity> {
        let (kind, minute) = (self.kind()?, self.now.minute());
        let id = ActivityId::of_answer_again(self.base_url, self.owner, &kind, answered, minute);
        self.compose(Some(id), None, signatures)
    }

    fn kind(&self) -> Result<TypeName, InvalidActivity> {
        let kind = self.document.get("type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| InvalidActivity::new("type", "its type is no text"))?;
        kind.parse().map_err(|_| InvalidActivity::new("type", format!("its type {kind:?} is no type's name")))
    }

    fn compose(
        self,
        id: Option<ActivityId>,
        origin: Option<Origin>,
        signatures: &dyn Signatures,
    ) -> Result<Activity, InvalidActivity> {
        let kind = self.kind()?;
        let actor = actor_url(self.base_url, self.owner);
        if self.document.get("actor").is_some_and(|asked| asked != actor.as_str()) {
            return Err(InvalidActivity::new("actor", format!("its actor is not {actor}, who acts here")));
        }
        let object_type = object_type(self.document.get("object"))?;
        let blind = self.check_recipients()?;
        let mut document = self.document.clone();
        document.retain(|member, _| !NOT_TAKEN_OVER.contains(&member.as_str()));
        strip_secret(&mut document);
        if let (Some(id), Some(Value::Object(object))) = (&id, document.get_mut("object")) {
            // Others tell objects by their ids. What stands in an activity alone is a part of it.
            object.entry("id").or_insert_with(|| json!(format!("{id}#object")));
            if kind.as_str() == "Create" {
                object.entry("attributedTo").or_insert_with(|| json!(actor));
            }
        }
        sanitize_members(&mut document);
        for (member, value) in
            [("@context", context(origin.is_some())), ("actor", json!(actor)), ("published", json!(self.now))]
        {
            document.insert(member.to_owned(), value);
        }
        if let Some(origin) = &origin {
            document.insert("cause".to_owned(), origin.told(self.base_url));
        }
        let cid = Cid::of_document(&document);
        let id = id.unwrap_or_else(|| ActivityId::of_post(self.base_url, self.owner, &cid));
        document.insert("id".to_owned(), json!(id));
        signatures.sign(self.owner, &mut document, self.now);
        let (cause, depth, root) = Origin::or_itself(origin, &id);
        Ok(Activity {
            cid,
            id,
            owner: self.owner.clone(),
            r#box: BoxName::Outbox,
            kind,
            object_type,
            object: None,
            revision: None,
            cause,
            caused_by: None,
            depth,
            root,
            transitions: Vec::new(),
            blind,
            trace: None,
            document,
        })
    }

    /// Whom it addresses, as far as nobody is told.
    fn check_recipients(&self) -> Result<Vec<String>, InvalidActivity> {
        let mut known = HashSet::new();
        let mut blind = Vec::new();
        for member in ADDRESSING {
            let addressed = match self.document.get(member) {
                None => continue,
                Some(Value::Array(list)) => list.as_slice(),
                Some(one) => std::slice::from_ref(one),
            };
            if addressed.iter().any(|recipient| !recipient.is_string()) {
                return Err(InvalidActivity::new(member, format!("{member} holds what is no URL")));
            }
            for recipient in urls_of(self.document.get(member)) {
                if known.insert(recipient) && matches!(member, "bto" | "bcc") {
                    blind.push(recipient.to_owned());
                }
            }
        }
        match known.len() > ACTIVITY_RECIPIENTS {
            true => Err(InvalidActivity::new("to", format!("it is addressed to more than {ACTIVITY_RECIPIENTS}"))),
            false => Ok(blind),
        }
    }
}

/// The type of an activity's object: `Link` where it is only named.
fn object_type(object: Option<&Value>) -> Result<TypeName, InvalidActivity> {
    let name = match object {
        Some(Value::Object(object)) => object.get("type").and_then(Value::as_str).unwrap_or("Object"),
        Some(Value::String(_)) => "Link",
        Some(_) => return Err(InvalidActivity::new("object", "its object is neither an object nor a URL")),
        None => return Err(InvalidActivity::new("object", "it has no object")),
    };
    name.parse()
        .map_err(|_| InvalidActivity::new("object", format!("the type {name:?} of its object is no type's name")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        activity::{Cause, PUBLIC},
        ids::{EffectId, FlowId, NodeId},
        ports::Unsigned,
    };

    fn asked(document: Value) -> Result<Activity, InvalidActivity> {
        let owner = "site".parse().expect("a name");
        let root: ActivityId = "http://h/activities/first".parse().expect("a URL");
        let node: NodeId = "tell".parse().expect("a name");
        let flow = FlowId::derive(&root, &owner, BoxName::Outbox, &"test".parse().expect("a name"), 1);
        let cause = Cause { flow, effect: EffectId::derive(flow, &node, None, 0) };
        let document = document.as_object().cloned().expect("an object");
        let asked = Asked { base_url: "http://h", owner: &owner, document: &document, now: Timestamp::from_millis(0) };
        asked.of_effect(Origin { cause, activity: root.clone(), depth: 1, root }, &Unsigned)
    }

    #[test]
    fn an_activity_of_an_effect_is_the_owners_and_tells_nobody_who_was_addressed_in_secret() {
        let activity = asked(json!({
            "type": "Announce", "object": "http://h/objects/Article/a", "id": "http://h/forged", "to": [PUBLIC],
            "bto": "http://h/actors/ann", "cc": ["http://h/actors/ann", "http://h/actors/ben"], "bcc": "http://p/carl",
        }))
        .expect("it is one");
        let audience = activity.audience();
        let recipients: Vec<_> = audience.recipients.iter().map(String::as_str).collect();
        assert_eq!(recipients, ["http://h/actors/ann", "http://h/actors/ben", "http://p/carl"]);
        assert!(audience.is_public);
        assert_eq!(activity.blind, ["http://p/carl"], "who stands in the open as well is no secret");
        assert_eq!(activity.document["actor"], "http://h/actors/site");
        assert!(activity.id.as_str().starts_with("http://h/activities/") && !activity.document.contains_key("bcc"));
        assert_eq!((activity.object_type.as_str(), activity.depth), ("Link", 1));
        assert_eq!(activity.document["cause"]["activity"], "http://h/activities/first");
        let again = asked(json!({"type": "Announce", "object": "http://h/objects/Article/a"})).expect("it is one");
        assert_eq!(again.id, activity.id, "the id is the effect's, whatever it says");
    }

    #[test]
    fn what_is_no_activity_of_the_owner_is_refused() {
        for (document, member) in [
            (json!({"object": "http://h/a"}), "type"),
            (json!({"type": "no type", "object": "http://h/a"}), "type"),
            (json!({"type": "Like"}), "object"),
            (json!({"type": "Like", "object": 7}), "object"),
            (json!({"type": "Like", "object": "http://h/a", "actor": "http://h/actors/ann"}), "actor"),
            (json!({"type": "Like", "object": "http://h/a", "to": [7]}), "to"),
        ] {
            let refused = asked(document).expect_err(member);
            assert_eq!(refused.member, member, "{refused}");
        }
    }
}
