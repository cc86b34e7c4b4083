//! The activity that a change of an object means: who did what to which object, and who may know.

use serde_json::{Map, Value, json};

use super::{Activity, Origin, PUBLIC, actor_url, context, urls_of};
use crate::{
    canonical::Cid,
    ids::{ActivityId, BoxName, TypeName},
    object::{Object, Transition, tag_of},
    ports::Signatures,
    time::Timestamp,
};

/// Members by which an object says whom it goes to that nobody is told of (ActivityPub §6).
const SECRET: [&str; 2] = ["bto", "bcc"];

/// Takes out of a document, and of every object in it, whom it goes to in secret.
pub(super) fn strip_secret(document: &mut Map<String, Value>) {
    document.retain(|member, _| !SECRET.contains(&member.as_str()));
    document.values_mut().for_each(strip_within);
}

fn strip_within(value: &mut Value) {
    match value {
        Value::Object(object) => strip_secret(object),
        Value::Array(list) => list.iter_mut().for_each(strip_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
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
    /// The members of one that is deleted, before that: it is taken back from whom it was for.
    pub deleted: Option<&'a Map<String, Value>>,
    /// What changed.
    pub transitions: &'a [Transition],
    /// When it happened.
    pub now: Timestamp,
    /// What made it, if a flow did.
    pub origin: Option<Origin>,
}

impl Announcement<'_> {
    /// The activity in the owner's outbox, with the owner's proof.
    pub fn compose(self, signatures: &dyn Signatures) -> Activity {
        let object = self.object;
        let id = ActivityId::of_revision(self.base_url, &object.key, object.revision, &self.kind);
        let actor = actor_url(self.base_url, &object.owner);
        let body = if self.kind.as_str() == "Delete" {
            tombstone(self.base_url, object, self.now)
        } else {
            object_document(self.base_url, object)
        };
        let content = object.content.as_ref().or(self.deleted);
        let (to, cc) = audience(&actor, object, content);
        let document = json!({
            "@context": context(self.origin.is_some()),
            "id": id,
            "type": self.kind,
            "actor": actor,
            "published": self.now,
            "to": to,
            "cc": cc,
        });
        let Value::Object(mut document) = document else { unreachable!("the literal above is an object") };
        document.insert("object".to_owned(), body);
        if let Some(origin) = &self.origin {
            document.insert("cause".to_owned(), origin.told(self.base_url));
        }
        let cid = Cid::of_document(&document);
        signatures.sign(&object.owner, &mut document, self.now);
        let (cause, depth, root) = Origin::or_itself(self.origin, &id);
        Activity {
            cid,
            id,
            owner: object.owner.clone(),
            r#box: BoxName::Outbox,
            kind: self.kind,
            object_type: object.key.kind.clone(),
            object: Some(object.key.clone()),
            revision: Some(object.revision),
            cause,
            caused_by: None,
            depth,
            root,
            transitions: self.transitions.to_vec(),
            blind: blind(content),
            trace: None,
            document,
        }
    }
}

/// The federated id of an object: it names the publication, because a tombstoned id never comes back.
pub fn object_url(base_url: &str, object: &Object) -> String {
    let url = format!("{base_url}/objects/{}", object.key);
    if object.publications > 1 { format!("{url}?publication={}", object.publications) } else { url }
}

/// An object as others see it: its members and those that the host derives.
pub fn object_document(base_url: &str, object: &Object) -> Value {
    let mut document = object.content.clone().unwrap_or_default();
    strip_secret(&mut document);
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
    if object.key.kind.as_str() == "Article" && object.is_for_everybody() {
        // Who reads it where it stands finds whom it is for, as whoever is sent it does.
        let (to, cc) = audience(&actor_url(base_url, &object.owner), object, None);
        derive("to", to);
        derive("cc", cc);
    }
    write_out_tags(base_url, &mut document);
    write_out_media(base_url, &mut document);
    Value::Object(document)
}

/// The URL of what is tagged with a tag.
pub fn tag_url(base_url: &str, name: &str) -> String {
    let encoded = |byte: u8| match byte {
        // What a segment of a path may hold as it is (RFC 3986 §2.3).
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    let tag: String = tag_of(name).bytes().map(encoded).collect();
    format!("{base_url}/tags/{tag}")
}

/// Tags lead to what else is tagged so (`Hashtag`, as Mastodon reads it).
fn write_out_tags(base_url: &str, document: &mut Map<String, Value>) {
    let Some(Value::Array(tags)) = document.get_mut("tag") else { return };
    for tag in tags.iter_mut().filter_map(Value::as_object_mut) {
        let is_hashtag = tag.get("type").and_then(Value::as_str) == Some("Hashtag");
        let name = tag.get("name").and_then(Value::as_str).filter(|_| is_hashtag && !tag.contains_key("href"));
        if let Some(url) = name.map(|name| tag_url(base_url, name)) {
            tag.insert("href".to_owned(), url.into());
        }
    }
}

/// Paths of this host's images become URLs: elsewhere a path would mean another host's.
fn write_out_media(base_url: &str, document: &mut Map<String, Value>) {
    if let Some(Value::String(html)) = document.get_mut("content")
        && html.contains("src=\"/media/")
    {
        *html = html.replace("src=\"/media/", &format!("src=\"{base_url}/media/"));
    }
    let write_out = |url: &mut Value| {
        if let Some(path) = url.as_str().filter(|url| url.starts_with("/media/")) {
            *url = format!("{base_url}{path}").into();
        }
    };
    document.get_mut("url").into_iter().for_each(write_out);
    for member in ["image", "attachment"] {
        let images: &mut [Value] = match document.get_mut(member) {
            Some(Value::Array(images)) => images,
            Some(image) => std::slice::from_mut(image),
            None => continue,
        };
        images.iter_mut().filter_map(|image| image.get_mut("url")).for_each(write_out);
    }
}

fn tombstone(base_url: &str, object: &Object, now: Timestamp) -> Value {
    json!({
        "type": "Tombstone",
        "id": object_url(base_url, object),
        "formerType": object.key.kind,
        "deleted": now,
    })
}

/// Whom the activity goes to in secret.
fn blind(content: Option<&Map<String, Value>>) -> Vec<String> {
    let Some(content) = content else { return Vec::new() };
    let mut named: Vec<_> = SECRET.iter().flat_map(|member| urls_of(content.get(*member))).map(str::to_owned).collect();
    named.sort_unstable();
    named.dedup();
    named
}

/// An article is for everyone and the actor's followers; any other object for whom it names itself.
fn audience(actor: &str, object: &Object, content: Option<&Map<String, Value>>) -> (Value, Value) {
    if object.key.kind.as_str() == "Article" {
        return (json!([PUBLIC]), json!([format!("{actor}/followers")]));
    }
    let named = |field: &str| content.and_then(|content| content.get(field)).cloned().unwrap_or_else(|| json!([]));
    (named("to"), named("cc"))
}
