//! `WebFinger` (RFC 7033): which actor an account's name leads to. A host is believed about its own accounts only; what
//! it says of another's is to be held against what that host says, see [`Found::witnesses`].

use serde_json::{Map, Value, json};

use super::{ActorUrl, Peer, Who, media_type};
use crate::{destination::quoted, limits::WEBFINGER_LINKS};

/// The path that is asked (RFC 7033 §4).
pub const PATH: &str = "/.well-known/webfinger";

/// A JSON Resource Descriptor (RFC 7033 §4.4) that leads to an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whom the descriptor is about, which may be written in another way than was asked.
    pub subject: Who,
    /// Their actor.
    pub actor: ActorUrl,
}

/// Why a descriptor leads to nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebFingerError {
    /// Its subject is no account and no URL.
    #[error("subject: {0:?} is neither acct:name@host nor a URL")]
    Subject(String),
    /// It has no link to an actor.
    #[error("links: none has the relation self and the type of ActivityStreams")]
    NoActor,
    /// Such a link leads nowhere.
    #[error("links: {0:?} is no actor's URL")]
    Link(String),
}

impl Found {
    /// Reads the descriptor that was given for `asked`. Where it names no subject, it is about whom it was asked for.
    pub fn read(asked: &Who, document: &Map<String, Value>) -> Result<Self, WebFingerError> {
        let subject = match document.get("subject") {
            None | Some(Value::Null) => asked.clone(),
            Some(Value::String(text)) => text.parse().map_err(|_| WebFingerError::Subject(quoted(text)))?,
            Some(other) => return Err(WebFingerError::Subject(quoted(&other.to_string()))),
        };
        let links = document.get("links").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let link = links.iter().take(WEBFINGER_LINKS).find(|link| is_to_actor(link)).ok_or(WebFingerError::NoActor)?;
        let href = link.get("href").and_then(Value::as_str).unwrap_or_default();
        let actor = href.parse().map_err(|_| WebFingerError::Link(quoted(href)))?;
        Ok(Self { subject, actor })
    }

    /// The hosts that must say the same of the subject before this is believed, beside `asked`, which has said it: the
    /// one that the subject is an account of, and the one that the actor is of. Otherwise any host could call its own
    /// actors accounts of another, or another's actors accounts of its own.
    pub fn witnesses(&self, asked: &Peer) -> Vec<Peer> {
        let mut witnesses = vec![self.subject.host(), self.actor.host()];
        witnesses.dedup();
        witnesses.retain(|witness| witness != asked);
        witnesses
    }

    /// Whether another host's answer for the same subject says the same.
    pub fn is_confirmed_by(&self, other: &Self) -> bool {
        self.actor == other.actor && self.subject.is_same(&other.subject)
    }
}

fn is_to_actor(link: &Value) -> bool {
    let text = |name| link.get(name).and_then(Value::as_str);
    text("rel") == Some("self") && text("type").is_some_and(media_type::is_activity)
}

/// The descriptor of an actor of this host. `subject` is its `acct:` URI; `aliases` are its other URLs.
pub fn jrd(subject: &str, aliases: &[&str], actor: &str, profile: &str) -> Value {
    json!({
        "subject": subject,
        "aliases": aliases,
        "links": [
            {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": profile},
            {"rel": "self", "type": media_type::ACTIVITY, "href": actor},
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Who {
        text.parse().expect("somebody")
    }

    fn read(asked: &str, document: &Value) -> Result<Found, WebFingerError> {
        Found::read(&who(asked), document.as_object().expect("an object"))
    }

    fn descriptor(subject: &str, actor: &str) -> Value {
        jrd(subject, &[], actor, "https://a.example/@ada")
    }

    #[test]
    fn what_this_host_writes_it_can_read() {
        let document = descriptor("acct:ada@a.example", "https://a.example/users/ada");
        let found = read("@ada@a.example", &document).expect("found");
        assert_eq!(found.subject, who("@ada@a.example"));
        assert_eq!(found.actor.as_str(), "https://a.example/users/ada");
        assert!(found.witnesses(&found.actor.host()).is_empty(), "a host is believed about itself");
    }

    #[test]
    fn the_link_is_self_and_of_activity_streams() {
        let with = |links: Value| read("@ada@a.example", &json!({"links": links}));
        let linked_data = json!({"rel": "self", "type": media_type::LINKED_DATA, "href": "https://a.example/1"});
        let page = json!({"rel": "self", "type": "text/html", "href": "https://a.example/2"});
        let avatar = json!({"rel": "http://webfinger.net/rel/avatar", "type": media_type::ACTIVITY, "href": "x"});
        let found = with(json!([page, avatar, 7, null, linked_data])).expect("found");
        assert_eq!((found.actor.as_str(), found.subject), ("https://a.example/1", who("@ada@a.example")));
        assert_eq!(with(json!([page, avatar])), Err(WebFingerError::NoActor));
        assert_eq!(with(json!({})), Err(WebFingerError::NoActor));
        let nowhere = with(json!([{"rel": "self", "type": media_type::ACTIVITY, "href": "/users/ada"}]));
        assert_eq!(nowhere, Err(WebFingerError::Link("/users/ada".to_owned())));
    }

    #[test]
    fn a_subject_that_is_nobody_is_refused() {
        for subject in [json!("ada"), json!(7), json!("mailto:ada"), json!({})] {
            let document = json!({"subject": subject, "links": []});
            assert!(matches!(read("@ada@a.example", &document), Err(WebFingerError::Subject(_))), "{document}");
        }
    }

    #[test]
    fn every_other_host_that_is_named_has_to_say_the_same() {
        let witnesses = |subject: &str, actor: &str| {
            let found = read("@ada@a.example", &descriptor(subject, actor)).expect("found");
            let names = found.witnesses(&who("@ada@a.example").host());
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(witnesses("acct:ada@a.example", "https://social.a.example/ada"), ["social.a.example"]);
        assert_eq!(witnesses("acct:ada@b.example", "https://a.example/ada"), ["b.example"]);
        assert_eq!(witnesses("acct:ada@b.example", "https://b.example/ada"), ["b.example"]);
        assert_eq!(witnesses("acct:ada@b.example", "https://c.example/ada"), ["b.example", "c.example"]);
        assert_eq!(witnesses("https://b.example/ada", "https://a.example/ada"), ["b.example"]);
    }

    #[test]
    fn another_answer_confirms_who_and_where() {
        let found = |subject: &str, actor: &str| read("@x@x.example", &descriptor(subject, actor)).expect("found");
        let ada = found("acct:ada@a.example", "https://b.example/ada");
        assert!(ada.is_confirmed_by(&found("acct:Ada@A.example", "https://b.example/ada")));
        assert!(!ada.is_confirmed_by(&found("acct:bob@a.example", "https://b.example/ada")));
        assert!(!ada.is_confirmed_by(&found("acct:ada@a.example", "https://b.example/bob")));
    }
}
