//! An author's event file: what happened, to what, and how the waits of the flow end.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Home, WaitEnd,
    members::{InvalidFile, Members},
    staging::stage,
    wait_end::read_standing,
    walk::wait_ends,
};
use crate::{
    activity::Activity,
    behavior::Behavior,
    event::Current,
    ids::{BoxName, NodeId, TypeName},
    json,
    object::Transition,
    time::Timestamp,
};

/// 2026-01-01T12:00:00.000Z, the moment of an event that names none.
const NOON_MS: i64 = 1_767_268_800_000;

const MEMBERS: &str = "object, activity, transitions, config, now, current, box and waits";
/// What the host fills in or what stands elsewhere in the file.
const NOT_OF_THE_ACTIVITY: [(&str, &str); 2] =
    [("object", "stands beside the activity, as `object`"), ("transitions", "stand beside the activity")];

/// An event as an author wrote it. Only its object has to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorEvent {
    /// The object, as the host writes one; of an activity of somebody else's, perhaps only its URL.
    pub object: Value,
    /// The activity's type.
    pub kind: TypeName,
    /// Members of the activity that the host would not have filled in as they are.
    pub activity: Map<String, Value>,
    /// What changed, where it is not what follows from the activity's type.
    pub transitions: Option<Vec<Transition>>,
    /// The operator's config.
    pub config: Map<String, Value>,
    /// The moment of the activity.
    pub now: Timestamp,
    /// The object's standing; none where it is gone.
    pub current: Option<Current>,
    /// The box that the activity is in.
    pub r#box: BoxName,
    /// How waits end, by their nodes.
    pub waits: BTreeMap<NodeId, WaitEnd>,
}

impl AuthorEvent {
    /// Whether what it says of waits fits a behavior.
    pub fn check_waits(&self, behavior: &Behavior) -> Result<(), InvalidFile> {
        wait_ends(behavior, &self.waits).map(drop)
    }

    /// The activity that ingest or an inbox would make of it.
    pub fn stage(&self, home: &Home<'_>) -> Result<Activity, InvalidFile> {
        stage(self, home)
    }

    /// Reads an event file.
    pub fn read(text: &[u8]) -> Result<Self, InvalidFile> {
        let document = json::parse_object(text).map_err(|error| InvalidFile::new("the file", error.message))?;
        Self::of_document(document)
    }

    /// Reads what an event file holds.
    pub fn of_document(document: Map<String, Value>) -> Result<Self, InvalidFile> {
        let mut members = Members::of_file(document);
        let object = members.require::<Value>("object")?;
        if !(object.is_object() || object.is_string()) {
            return Err(InvalidFile::new("object", "is neither an object nor the URL of one"));
        }
        let (kind, activity) = read_activity(&mut members)?;
        let current = match members.take("current") {
            Some(current) => read_standing("current".to_owned(), current)?,
            None => standing(&object, &kind),
        };
        let event = Self {
            transitions: read_transitions(&mut members)?,
            config: members.read("config")?.unwrap_or_default(),
            now: members.read("now")?.unwrap_or(Timestamp::from_millis(NOON_MS)),
            r#box: members.read("box")?.unwrap_or(BoxName::Outbox),
            waits: read_waits(&mut members)?,
            object,
            kind,
            activity,
            current,
        };
        members.end(MEMBERS)?;
        Ok(event)
    }
}

fn read_activity(members: &mut Members) -> Result<(TypeName, Map<String, Value>), InvalidFile> {
    let mut activity: Map<String, Value> = members.read("activity")?.unwrap_or_default();
    for (name, message) in NOT_OF_THE_ACTIVITY {
        if activity.contains_key(name) {
            return Err(InvalidFile::new(format!("activity/{name}"), message));
        }
    }
    let kind = activity.remove("type").unwrap_or_else(|| "Create".into());
    let kind = kind.as_str().ok_or_else(|| InvalidFile::new("activity/type", "is no text"))?;
    let kind =
        kind.parse().map_err(|error: crate::ids::InvalidId| InvalidFile::new("activity/type", error.to_string()))?;
    Ok((kind, activity))
}

fn read_transitions(members: &mut Members) -> Result<Option<Vec<Transition>>, InvalidFile> {
    let Some(list) = members.read::<Vec<Value>>("transitions")? else { return Ok(None) };
    let read = list.into_iter().enumerate().map(|(place, transition)| {
        let mut members = Members::of(format!("transitions/{place}"), transition)?;
        let transition = Transition {
            field: members.require("field")?,
            from: members.take("from").unwrap_or_default(),
            to: members.take("to").unwrap_or_default(),
        };
        members.end("field, from and to")?;
        Ok(transition)
    });
    read.collect::<Result<_, _>>().map(Some)
}

fn read_waits(members: &mut Members) -> Result<BTreeMap<NodeId, WaitEnd>, InvalidFile> {
    let Some(waits) = members.object("waits")? else { return Ok(BTreeMap::new()) };
    let read = waits.rest().into_iter().map(|(place, node, end)| {
        let node = node.parse().map_err(|error: crate::ids::InvalidId| InvalidFile::new(&place, error.to_string()))?;
        Ok((node, WaitEnd::read(place, end)?))
    });
    read.collect()
}

/// How an object stands after what an activity says of it, where the file does not: its first revision, or gone.
fn standing(object: &Value, kind: &TypeName) -> Option<Current> {
    let member = |name: &str| object.get(name).and_then(Value::as_str);
    let unless_said = (member("type") == Some("Article")).then_some("published");
    let status = member("status").or(unless_said).map(str::to_owned);
    (object.is_object() && kind.as_str() != "Delete").then_some(Current { revision: 1, status })
}
