//! A write becomes a revision and, where it means something to others, an activity in the owner's outbox. Both are
//! one append that rests on the object's head, so a transition is recorded once.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    activity::{Activity, Announcement, Origin},
    event::{ActivityAppended, Event, ObjectRevised, SlugAssigned, object_stream, slug_stream},
    ids::{ActivityId, ActorName, ObjectKey},
    log::{Append, Expected},
    object::{Object, activity_type, transitions},
    ports::Signatures,
    time::Timestamp,
    trace::TraceContext,
};

/// A write to an object.
#[derive(Clone)]
pub struct Write<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// The object.
    pub key: &'a ObjectKey,
    /// The object as it is; none where it never was.
    pub before: Option<&'a Object>,
    /// Its members after the write; none where it is deleted.
    pub after: Option<Map<String, Value>>,
    /// The actor that a new object belongs to.
    pub owner: &'a ActorName,
    /// The user who writes.
    pub by: Option<&'a str>,
    /// What writes, if a flow does, with the depth and root of the activity to come.
    pub origin: Option<Origin>,
    /// Signs the activity.
    pub signatures: &'a dyn Signatures,
    /// The moment of the write.
    pub now: Timestamp,
    /// Where the write stands in a trace.
    pub trace: Option<TraceContext>,
    /// A slug that the article gets and that is not its id, with the head of that slug's stream.
    pub claims: Option<(&'a str, Option<u64>)>,
}

/// What a write amounts to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most writes change something, and it is taken apart at once")]
pub enum Ingested {
    /// The object is as the write wants it: nothing to record.
    Unchanged,
    /// An append to commit.
    Changed {
        /// Revision, activity and slug, resting on the object's head.
        append: Append,
        /// The object after it; its `seq` is known once the append is committed: the append's first.
        object: Object,
        /// The activity, if the change means one.
        activity: Option<ActivityId>,
    },
}

/// Decides what a write amounts to.
pub fn ingest(write: Write<'_>) -> Ingested {
    let content_before = write.before.and_then(|object| object.content.as_ref());
    let changes = transitions(content_before, write.after.as_ref());
    let exists_alike = content_before.is_some() == write.after.is_some();
    if exists_alike && changes.is_empty() {
        return Ingested::Unchanged;
    }
    let kind = activity_type(&write.key.kind, content_before, write.after.as_ref());
    let is_publication = kind.as_ref().is_some_and(|kind| kind.as_str() == "Create");
    let publications_before = write.before.map_or(0, |object| object.publications);
    let published_before = write.before.and_then(|object| object.published_at);
    let ends_publication = kind.as_ref().is_some_and(|kind| kind.as_str() == "Delete");
    let object = Object {
        key: write.key.clone(),
        revision: write.before.map_or(0, |object| object.revision) + 1,
        seq: 0,
        owner: write.before.map_or(write.owner, |object| &object.owner).clone(),
        content: write.after,
        publications: publications_before + u32::from(is_publication),
        created_at: write.before.map_or(write.now, |object| object.created_at),
        published_at: if ends_publication {
            None
        } else if is_publication {
            Some(write.now)
        } else {
            published_before
        },
        updated_at: write.now,
    };
    let activity = kind.map(|kind| {
        let base_url = write.base_url;
        let (object, transitions, now, origin) = (&object, &changes, write.now, write.origin.clone());
        let announcement = Announcement { base_url, kind, object, deleted: content_before, transitions, now, origin };
        Activity { trace: write.trace, ..announcement.compose(write.signatures) }
    });
    let id = activity.as_ref().map(|activity| activity.id.clone());
    let mut events = vec![Event::from(ObjectRevised {
        object: object.clone(),
        by: write.by.map(str::to_owned),
        cause: write.origin.map(|origin| origin.cause),
    })];
    events.extend(activity.map(|activity| ActivityAppended { activity: Arc::new(activity) }.into()));
    let mut expected = vec![Expected { stream: object_stream(write.key), head: write.before.map(|object| object.seq) }];
    if let Some((slug, head)) = write.claims {
        expected.push(Expected { stream: slug_stream(slug), head });
        events.push(SlugAssigned { slug: slug.to_owned(), article: write.key.id.clone() }.into());
    }
    let drafts = events.into_iter().map(|event| event.draft(write.now)).collect();
    Ingested::Changed { append: Append { expected, ..Append::unconditional(drafts) }, object, activity: id }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::Unsigned;

    fn content(value: Value) -> Option<Map<String, Value>> {
        value.as_object().cloned()
    }

    fn write<'a>(key: &'a ObjectKey, owner: &'a ActorName, before: Option<&'a Object>, after: Value) -> Write<'a> {
        Write {
            base_url: "http://127.0.0.1:7420",
            key,
            before,
            after: content(after),
            owner,
            by: Some("ada"),
            origin: None,
            signatures: &Unsigned,
            now: Timestamp::from_millis(1_000),
            trace: None,
            claims: None,
        }
    }

    fn changed(ingested: Ingested) -> (Append, Object, Option<ActivityId>) {
        match ingested {
            Ingested::Changed { append, object, activity } => (append, object, activity),
            Ingested::Unchanged => panic!("something changed"),
        }
    }

    fn site() -> (ObjectKey, ActorName) {
        ("Article/a".parse().expect("a key"), "site".parse().expect("a name"))
    }

    #[test]
    fn publishing_is_one_append_of_revision_and_activity() {
        let (key, owner) = site();
        let draft = changed(ingest(write(&key, &owner, None, json!({"name": "A", "status": "draft"}))));
        assert_eq!((draft.0.drafts.len(), draft.2), (1, None));
        let before = Object { seq: 1, ..draft.1 };
        let after = json!({"name": "A", "status": "published", "category": "urgent"});
        let (append, object, activity) = changed(ingest(write(&key, &owner, Some(&before), after)));
        assert_eq!(append.expected[0].head, Some(1));
        let kinds: Vec<_> = append.drafts.iter().map(|draft| &*draft.kind).collect();
        assert_eq!(kinds, ["object.revised", "activity.appended"]);
        assert_eq!((object.revision, object.publications), (2, 1));
        let text = String::from_utf8_lossy(&append.drafts[1].body);
        assert!(text.contains(r#""category":"urgent""#), "the activity holds the new values: {text}");
        assert!(text.contains(activity.expect("published").as_str()));
    }

    #[test]
    fn publishing_again_is_a_new_transition_with_a_new_federated_id() {
        let (key, owner) = site();
        let published = json!({"name": "A", "status": "published"});
        let first = changed(ingest(write(&key, &owner, None, published.clone())));
        let hidden = changed(ingest(write(&key, &owner, Some(&first.1), json!({"name": "A", "status": "draft"}))));
        let again = changed(ingest(write(&key, &owner, Some(&hidden.1), published)));
        assert_ne!(first.2, again.2);
        let url = |object| crate::activity::object_url("http://h", object);
        assert_eq!(
            (url(&first.1), url(&again.1)),
            ("http://h/objects/Article/a".to_owned(), "http://h/objects/Article/a?publication=2".to_owned())
        );
    }

    #[test]
    fn a_write_that_changes_nothing_is_nothing() {
        let (key, owner) = site();
        let source = json!({"content": "derived", "mediaType": "text/markdown"});
        let draft = json!({"name": "A", "status": "draft", "source": source});
        let first = changed(ingest(write(&key, &owner, None, draft)));
        let same = json!({"name": "A", "status": "draft", "source": source, "content": "<p>derived</p>"});
        assert!(matches!(ingest(write(&key, &owner, Some(&first.1), same)), Ingested::Unchanged));
    }
}
