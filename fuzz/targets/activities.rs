//! Activities about an article, to be matched and walked.

use rosehip_core::{
    activity::{Activity, Announcement},
    object::{Object, transitions},
    time::Timestamp,
};
use serde_json::{Map, Value};

/// The activity by which an article with this content appears.
pub(crate) fn created(content: Map<String, Value>) -> Activity {
    let changes = transitions(None, Some(&content));
    let object = Object {
        key: "Article/a".parse().expect("it is a key"),
        revision: 1,
        seq: 1,
        owner: "site".parse().expect("it is a name"),
        content: Some(content),
        publications: 1,
        created_at: Timestamp::default(),
        published_at: Some(Timestamp::default()),
        updated_at: Timestamp::default(),
    };
    let kind = "Create".parse().expect("it is a type");
    let now = Timestamp::default();
    let announcement = Announcement {
        base_url: "http://h",
        kind,
        object: &object,
        deleted: None,
        transitions: &changes,
        now,
        origin: None,
    };
    announcement.compose(&rosehip_core::ports::Unsigned)
}
