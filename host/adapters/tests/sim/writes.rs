//! What editors and peers do: objects are written, and activities arrive.

use rosehip_adapters::writer::AppendError;
use rosehip_core::{
    event::{Event, Record, object_stream, slug_stream},
    federation::ActorUrl,
    ids::{ActorName, BoxName, DedupKey, ObjectKey},
    log::Append,
    object::Object,
    pipeline::{
        ingest::{Ingested, Write, ingest},
        receive::{Arrival, Known, Received, TheirObject, receive},
    },
    ports::{LogReader as _, Unsigned},
};
use serde_json::{Map, Value, json};

use crate::host::{BASE, Host, ReadError};

/// A write that lost against another one is decided again this often.
const TRIES: usize = 32;

/// What stands at the end of an object's stream.
enum Last {
    Nothing,
    Object(Box<Object>),
    Erased,
}

/// The actor as whom everything is written.
pub(crate) fn site() -> ActorName {
    "site".parse().expect("a name")
}

fn last(host: &Host, key: &ObjectKey) -> Result<Last, ReadError> {
    host.read(|log| {
        let Some(head) = log.stream_head(&object_stream(key))? else { return Ok(Last::Nothing) };
        let entry = log.read(head, 1)?.into_iter().next();
        let record = entry.as_ref().map(Record::read).transpose();
        let record = record.map_err(|error| rosehip_core::ports::StoreError::Unreadable(error.to_string()))?;
        Ok(match record.and_then(|record| record.event).as_deref() {
            Some(Event::ObjectRevised(revised)) => {
                Last::Object(Box::new(Object { seq: head, ..revised.object.clone() }))
            }
            Some(_) | None => Last::Erased,
        })
    })
}

/// Writes an object, or deletes it. Whatever stands there, the write is decided on it.
pub(crate) async fn write(host: &Host, key: ObjectKey, content: Option<Map<String, Value>>) -> Result<(), ReadError> {
    for _ in 0..TRIES {
        host.world.pause(2).await;
        let before = match last(host, &key)? {
            Last::Nothing => None,
            Last::Object(object) => Some(*object),
            Last::Erased => return Ok(()),
        };
        if content.is_none() && !before.as_ref().is_some_and(Object::exists) {
            return Ok(());
        }
        let slug = content.as_ref().and_then(|content| content.get("slug")).and_then(Value::as_str);
        let owner = site();
        // A slug that is not the article's id is claimed.
        let is_claimed =
            slug.is_some_and(|slug| slug != key.id.as_str()) && before.as_ref().and_then(Object::slug) != slug;
        let claims = match slug.filter(|_| is_claimed) {
            Some(slug) => Some((slug, host.read(|log| log.stream_head(&slug_stream(slug)))?)),
            None => None,
        };
        let ingested = ingest(Write {
            base_url: BASE,
            key: &key,
            before: before.as_ref(),
            after: content.clone(),
            owner: &owner,
            by: Some("ada"),
            origin: None,
            signatures: &Unsigned,
            now: host.now(),
            trace: None,
            claims,
        });
        let Ingested::Changed { append, activity, .. } = ingested else { return Ok(()) };
        host.world.pause(2).await;
        let appended = match activity {
            Some(activity) if host.world.once_in(2) => host.append_and_run(append, activity, 1).await,
            _ => host.append(append, activity.map(|_| 1)).await,
        };
        match appended {
            Ok(_) => {
                host.world.witness().count("writes");
                return Ok(());
            }
            // Someone else was first.
            Err(AppendError::Stale { .. } | AppendError::Duplicate { .. }) => {}
            // The editor is told, and gives up.
            Err(_) => return Ok(()),
        }
    }
    host.world.witness().wrong(format!("a write of {key} lost {TRIES} times"));
    Ok(())
}

/// Something arrives from another host: the same again, or the same with other words, as luck has it.
pub(crate) async fn arrive(host: &Host, number: u64, version: u64) -> Result<(), ReadError> {
    let sender: ActorUrl = "https://peer.example/users/bob".parse().expect("a URL");
    let note = format!("https://peer.example/notes/{}", number % 5);
    let object = json!({"type": "Note", "id": note, "attributedTo": sender.as_str(), "content": format!("v{version}")});
    let document = match number % 3 {
        0 => json!({"type": "Like", "object": "https://h.example/a"}),
        1 => json!({"type": "Create", "object": object}),
        _ => json!({"type": "Update", "object": object}),
    };
    let Value::Object(mut document) = document else { unreachable!("the literals above are objects") };
    document.insert("id".to_owned(), format!("https://peer.example/activities/{number}").into());
    document.insert("actor".to_owned(), sender.as_str().into());
    let arrival = Arrival::check(&sender, document).expect("what this peer sends is in order");
    let owner = site();
    let theirs = DedupKey::received(&owner, arrival.object().unwrap_or_default());
    let is_here = host.read(|log| log.recorded(&theirs))?.is_some();
    let known = Known {
        base_url: BASE,
        owner: &owner,
        owner_kind: "Service",
        approves_followers: false,
        is_blocked: false,
        following: None,
        object: None,
        their_object: if is_here { TheirObject::Here } else { TheirObject::Unknown },
        their_author: None,
        follower: None,
        depth: None,
        signatures: &Unsigned,
        now: host.now(),
    };
    let Ok(Received { events, .. }) = receive(&arrival, &known) else { return Ok(()) };
    let now = host.now();
    let append = Append::unconditional(events.into_iter().map(|event| event.draft(now)).collect());
    host.world.pause(2).await;
    match host.append(append, Some(0)).await {
        Ok(_) => host.world.witness().count("arrivals"),
        // It is there already. Under a seen id nothing fires again, whatever it says.
        Err(AppendError::Duplicate { key, .. }) => {
            let seen = DedupKey::seen(&owner, BoxName::Inbox, &arrival.id);
            let is_seen = key == seen || key == theirs;
            if !is_seen {
                host.world.witness().wrong(format!("{} is a duplicate of {key}", arrival.id));
            }
        }
        Err(_) => {}
    }
    Ok(())
}
