//! An author's event becomes an activity, as a host would have made or received it.

use serde_json::{Map, Value, json};

use super::{AuthorEvent, BASE_URL, InvalidFile, OWNER};
use crate::{
    activity::{Activity, Announcement, Asked, InvalidActivity, id_of},
    canonical::Cid,
    event::Event,
    federation::ActorUrl,
    follows::{Follow, FollowState},
    ids::{ActorName, BoxName, ObjectId, ObjectKey, TypeName},
    object::{Object, Transition, transitions},
    pipeline::receive::{Arrival, Known, Refusal, TheirObject, receive},
    ports::Unsigned,
};

/// Who acts in an inbox, where the file does not say.
const SOMEBODY: &str = "https://elsewhere.example/actors/somebody";
/// What their activity is called, where the file does not say.
const SOMETHING: &str = "https://elsewhere.example/activities/1";
/// Members of an object that the host derives where the file does not have them.
const DERIVED: [&str; 6] = ["id", "url", "attributedTo", "published", "updated", "revision"];

/// Where an event happens.
#[derive(Debug, Clone)]
pub struct Home<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// The actor in whose box it is.
    pub owner: ActorName,
}

impl Home<'static> {
    /// A new host.
    pub(super) fn new_host() -> Self {
        Self { base_url: BASE_URL, owner: OWNER.parse().expect("the constant is an actor's name") }
    }
}

/// The activity of an event.
pub(super) fn stage(event: &AuthorEvent, home: &Home<'_>) -> Result<Activity, InvalidFile> {
    let mut activity = match (event.r#box, event.kind.as_str()) {
        (BoxName::Inbox, _) => arrived(event, home)?,
        (BoxName::Outbox, "Create" | "Update" | "Delete") => announced(event, home)?,
        (BoxName::Outbox, _) => posted(event, home)?,
    };
    if let Some(transitions) = &event.transitions {
        activity.transitions.clone_from(transitions);
    }
    if event.r#box == BoxName::Outbox {
        for (member, value) in &event.activity {
            activity.document.insert(member.clone(), value.clone());
        }
        if let Some(id) = event.activity.get("id") {
            activity.id = parsed(id, "activity/id")?;
            activity.root = activity.id.clone();
        }
        activity.cid = Cid::of_document(&activity.document);
    }
    Ok(activity)
}

/// What a write to an object of this host means to others.
fn announced(event: &AuthorEvent, home: &Home<'_>) -> Result<Activity, InvalidFile> {
    let given = event.object.as_object();
    let given = given.ok_or_else(|| InvalidFile::new("object", "is not an object, as what this host has always is"))?;
    let kind = match given.get("type").and_then(Value::as_str) {
        Some("Tombstone") => given.get("formerType"),
        _ => given.get("type"),
    };
    let kind: TypeName = parsed(kind.unwrap_or(&Value::Null), "object/type")?;
    let mut content = given.clone();
    content.retain(|member, _| member != "type" && !DERIVED.contains(&member.as_str()));
    let is_gone = event.kind.as_str() == "Delete";
    let object = Object {
        key: ObjectKey { id: object_id(given), kind },
        revision: given.get("revision").and_then(Value::as_u64).unwrap_or(1),
        seq: 1,
        owner: home.owner.clone(),
        content: (!is_gone).then(|| content.clone()),
        publications: 1,
        created_at: event.now,
        published_at: (!is_gone).then_some(event.now),
        updated_at: event.now,
    };
    let changes = changes(event, &object, &content);
    let mut activity = Announcement {
        base_url: home.base_url,
        kind: event.kind.clone(),
        object: &object,
        deleted: is_gone.then_some(&content),
        transitions: &changes,
        now: event.now,
        origin: None,
    }
    .compose(&Unsigned);
    if let Some(Value::Object(document)) = activity.document.get_mut("object") {
        // What the author says of the object stands, also where a host would have derived it.
        let said = given.iter().filter(|(member, _)| DERIVED.contains(&member.as_str()));
        let said = said.filter(|(member, _)| !is_gone || *member == "id");
        document.extend(said.map(|(member, value)| (member.clone(), value.clone())));
    }
    Ok(activity)
}

/// What such a write changes, where the file does not say.
fn changes(event: &AuthorEvent, object: &Object, content: &Map<String, Value>) -> Vec<Transition> {
    match (event.kind.as_str(), object.key.kind.as_str()) {
        ("Create", "Article") => {
            vec![Transition { field: "status".to_owned(), from: "draft".into(), to: "published".into() }]
        }
        ("Create", _) => transitions(None, Some(content)),
        ("Delete", _) => transitions(Some(content), None),
        _ => Vec::new(),
    }
}

/// What the owner posts to the outbox.
fn posted(event: &AuthorEvent, home: &Home<'_>) -> Result<Activity, InvalidFile> {
    let mut document = event.activity.clone();
    document.insert("type".to_owned(), event.kind.as_str().into());
    document.insert("object".to_owned(), event.object.clone());
    let asked = Asked { base_url: home.base_url, owner: &home.owner, document: &document, now: event.now };
    asked.of_post(&Unsigned).map_err(|InvalidActivity { member, message }| InvalidFile::new(place(member), message))
}

/// What somebody else says.
fn arrived(event: &AuthorEvent, home: &Home<'_>) -> Result<Activity, InvalidFile> {
    let mut document = event.activity.clone();
    document.insert("type".to_owned(), event.kind.as_str().into());
    document.insert("object".to_owned(), event.object.clone());
    for (member, value) in [("id", json!(SOMETHING)), ("actor", json!(SOMEBODY)), ("published", json!(event.now))] {
        document.entry(member).or_insert(value);
    }
    let sender: ActorUrl = parsed(&document["actor"], "activity/actor")?;
    let refused = |refusal: Refusal| match refusal {
        Refusal::Malformed { member, message } => InvalidFile::new(place(member), message),
        Refusal::NotTheirs(message) | Refusal::Unsolicited(message) | Refusal::Blocked(message) => {
            InvalidFile::new("activity", message)
        }
    };
    let arrival = Arrival::check(&sender, document).map_err(refused)?;
    let asked = id_of(&event.object).map(str::to_owned);
    let is_answer = matches!(event.kind.as_str(), "Accept" | "Reject");
    let known = Known {
        base_url: home.base_url,
        owner: &home.owner,
        owner_kind: "Service",
        approves_followers: false,
        is_blocked: false,
        // An answer is to what this host has asked.
        following: asked.filter(|_| is_answer).map(|follow| Follow {
            actor: sender.to_string(),
            follow,
            state: FollowState::Pending,
        }),
        object: own_object(&event.object, home),
        their_object: TheirObject::Unknown,
        their_author: None,
        follower: None,
        depth: None,
        signatures: &Unsigned,
        now: event.now,
    };
    let received = receive(&arrival, &known).map_err(refused)?;
    let activity = received.events.into_iter().find_map(|entry| {
        let Event::ActivityAppended(appended) = entry else { return None };
        Some((*appended.activity).clone())
    });
    activity.ok_or_else(|| InvalidFile::new("activity", "an inbox takes nothing in for it"))
}

/// The member of the file that a member of the activity stands in.
fn place(member: &str) -> String {
    if member == "object" { member.to_owned() } else { format!("activity/{member}") }
}

/// The object of this host that a URL names.
fn own_object(object: &Value, home: &Home<'_>) -> Option<ObjectKey> {
    let path = object.as_str()?.strip_prefix(home.base_url)?.strip_prefix("/objects/")?;
    path.split('?').next()?.parse().ok()
}

/// An object's id within its type: the last part of its URL, else its slug.
fn object_id(object: &Map<String, Value>) -> ObjectId {
    let text = |member: &str| object.get(member).and_then(Value::as_str);
    let path = text("id").map(|id| id.split(['?', '#']).next().unwrap_or(id).trim_end_matches('/'));
    let last = path.and_then(|path| path.rsplit('/').next()?.parse().ok());
    let id = last.or_else(|| text("slug")?.parse().ok());
    id.unwrap_or_else(|| "rehearsed".parse().expect("the constant is an object id"))
}

fn parsed<T: std::str::FromStr<Err: ToString>>(value: &Value, field: &str) -> Result<T, InvalidFile> {
    let text = value.as_str().ok_or_else(|| InvalidFile::new(field, "is missing or no text"))?;
    text.parse().map_err(|error: T::Err| InvalidFile::new(field, error.to_string()))
}
