//! A recorded activity becomes an author's event file: what happened once can be tried again, changed, and kept as a test.

use serde_json::{Map, Value, json};

use crate::{activity::Activity, event::Current, ids::BoxName};

/// Members of an activity's document that stand elsewhere in the file, or that only its host can make.
const NOT_IN_THE_FILE: [&str; 3] = ["object", "proof", "@context"];

/// The event file of an activity: staged at the host that recorded it, and as its owner, it becomes that activity again, but
/// for what flows led to it. `config` and `current` are what a flow of it saw.
pub fn event_of(activity: &Activity, config: &Map<String, Value>, current: Option<&Current>) -> Map<String, Value> {
    let mut members = activity.document.clone();
    members.retain(|name, _| !NOT_IN_THE_FILE.contains(&name.as_str()));
    let mut file = Map::new();
    let mut say = |name: &str, value: Value| file.insert(name.to_owned(), value);
    say("object", activity.object_document().clone());
    if let Some(published) = members.get("published") {
        say("now", published.clone());
    }
    say("activity", members.into());
    say("transitions", json!(activity.transitions));
    say("current", json!(current));
    if activity.r#box != BoxName::Outbox {
        say("box", json!(activity.r#box));
    }
    if !config.is_empty() {
        say("config", config.clone().into());
    }
    file
}
