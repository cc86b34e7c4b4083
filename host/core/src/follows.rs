//! Who follows whom: a fold of the boxes of this host's actors.
//!
//! A `Follow` asks, an `Accept` of the one who is asked makes it so, a `Reject` of that one or an `Undo` of the one who
//! asked ends it (ActivityPub §6.5, §7.5 to §7.7). A `Block`, and an actor that is gone, end it both ways.

use serde::{Deserialize, Serialize};

use crate::{
    activity::{Activity, id_of},
    ids::BoxName,
};

/// Which way someone follows, as seen from an actor of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Those who follow the actor.
    Followers,
    /// Those whom the actor follows.
    Following,
}

impl Side {
    /// The side as text, which is the end of its collection's URL as well.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Followers => "followers",
            Self::Following => "following",
        }
    }
}

/// How far a follow has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FollowState {
    /// Asked, and not answered.
    Pending,
    /// Accepted.
    Accepted,
}

impl FollowState {
    /// The state as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
        }
    }
}

/// A follow that someone asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The other actor's URL.
    pub actor: String,
    /// The id of the `Follow`.
    pub follow: String,
    /// How far it has come.
    pub state: FollowState,
}

/// What an activity changes of one side of its owner's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowChange {
    /// Someone asks. What was accepted between the two before stays so, under the new id.
    Asked {
        /// The side.
        side: Side,
        /// The other actor's URL.
        actor: String,
        /// The id of the `Follow`.
        follow: String,
    },
    /// What was asked is accepted.
    Accepted {
        /// The side.
        side: Side,
        /// The other actor's URL, where it is known.
        actor: Option<String>,
        /// The id of the `Follow`, where it is known. One of both is.
        follow: Option<String>,
    },
    /// It is not, or not any more.
    Ended {
        /// The side.
        side: Side,
        /// The other actor's URL, where it is known.
        actor: Option<String>,
        /// The id of the `Follow`, where it is known. One of both is.
        follow: Option<String>,
    },
}

/// What an activity changes. Nothing is checked here: what is in a box was, when it came.
pub fn changes(activity: &Activity) -> Vec<FollowChange> {
    let Some(actor) = activity.actor().map(str::to_owned) else { return Vec::new() };
    let object = activity.object_document();
    let target = id_of(object).map(str::to_owned);
    let is_of = |kind: &str| activity.object_type.as_str() == kind || object.as_str().is_some();
    let both_ways = |actor: &Option<String>| {
        let end = |side| FollowChange::Ended { side, actor: actor.clone(), follow: None };
        if actor.is_some() { vec![end(Side::Followers), end(Side::Following)] } else { Vec::new() }
    };
    match (activity.r#box, activity.kind.as_str()) {
        (BoxName::Inbox, "Follow") => {
            vec![FollowChange::Asked { side: Side::Followers, actor, follow: activity.said_id().to_owned() }]
        }
        (BoxName::Outbox, "Follow") => target
            .map(|actor| FollowChange::Asked { side: Side::Following, actor, follow: activity.id.to_string() })
            .into_iter()
            .collect(),
        (BoxName::Inbox, "Accept") => {
            vec![FollowChange::Accepted { side: Side::Following, actor: Some(actor), follow: target }]
        }
        (BoxName::Inbox, "Reject") => {
            vec![FollowChange::Ended { side: Side::Following, actor: Some(actor), follow: target }]
        }
        (BoxName::Inbox, "Undo") if is_of("Follow") => {
            vec![FollowChange::Ended { side: Side::Followers, actor: Some(actor), follow: target }]
        }
        (BoxName::Outbox, kind @ ("Accept" | "Reject")) if is_of("Follow") => {
            let side = Side::Followers;
            let asker = object.get("actor").and_then(id_of).map(str::to_owned);
            match (asker, target) {
                (None, None) => Vec::new(),
                (actor, follow) if kind == "Accept" => vec![FollowChange::Accepted { side, actor, follow }],
                (actor, follow) => vec![FollowChange::Ended { side, actor, follow }],
            }
        }
        (BoxName::Outbox, "Undo") if is_of("Follow") => {
            let asked = object.get("object").and_then(id_of).map(str::to_owned);
            match (asked, target) {
                (None, None) => Vec::new(),
                (actor, follow) => vec![FollowChange::Ended { side: Side::Following, actor, follow }],
            }
        }
        (BoxName::Inbox, "Block") => both_ways(&Some(actor)),
        (BoxName::Outbox, "Block") => both_ways(&target),
        (BoxName::Inbox, "Delete") if target.as_deref() == Some(actor.as_str()) => both_ways(&Some(actor)),
        _ => Vec::new(),
    }
}

/// Whom an activity of an outbox blocks, or does not block any more: the actor's URL, and whether it does.
pub fn block(activity: &Activity) -> Option<(String, bool)> {
    let object = activity.object_document();
    match (activity.r#box, activity.kind.as_str()) {
        (BoxName::Outbox, "Block") => id_of(object).map(|actor| (actor.to_owned(), true)),
        (BoxName::Outbox, "Undo") if activity.object_type.as_str() == "Block" => {
            object.get("object").and_then(id_of).map(|actor| (actor.to_owned(), false))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{canonical::Cid, ids::ActivityId};

    const ME: &str = "https://here.example/actors/site";
    const THEM: &str = "https://there.example/ann";

    fn activity(r#box: BoxName, kind: &str, object: Value) -> Activity {
        let actor = if r#box == BoxName::Inbox { THEM } else { ME };
        let id: ActivityId = "https://some.example/activities/1".parse().expect("a URL");
        let object_type = object.get("type").and_then(Value::as_str).unwrap_or("Link").parse().expect("a type");
        let document = json!({"id": id, "type": kind, "actor": actor, "object": object});
        let document = document.as_object().cloned().expect("an object");
        Activity {
            cid: Cid::of_document(&document),
            owner: "site".parse().expect("a name"),
            r#box,
            kind: kind.parse().expect("a type"),
            object_type,
            object: None,
            revision: None,
            cause: None,
            caused_by: None,
            depth: 0,
            root: id.clone(),
            id,
            transitions: Vec::new(),
            blind: Vec::new(),
            trace: None,
            document,
        }
    }

    /// What each activity in either box changes.
    #[test]
    fn asking_answering_undoing_and_blocking_change_one_side_or_both() {
        let follow = json!({"type": "Follow", "id": "urn:f", "actor": THEM, "object": ME});
        let ours = json!({"type": "Follow", "id": "urn:f", "actor": ME, "object": THEM});
        let rows = [
            (BoxName::Inbox, "Follow", json!(ME)),
            (BoxName::Outbox, "Accept", follow.clone()),
            (BoxName::Outbox, "Reject", json!("urn:f")),
            (BoxName::Inbox, "Undo", follow.clone()),
            (BoxName::Outbox, "Follow", json!(THEM)),
            (BoxName::Inbox, "Accept", ours.clone()),
            (BoxName::Inbox, "Reject", json!("urn:f")),
            (BoxName::Outbox, "Undo", ours),
            (BoxName::Inbox, "Block", json!(ME)),
            (BoxName::Outbox, "Block", json!(THEM)),
            (BoxName::Inbox, "Delete", json!(THEM)),
            (BoxName::Inbox, "Delete", json!("https://there.example/notes/1")),
            (BoxName::Inbox, "Undo", json!({"type": "Like", "id": "urn:l"})),
            (BoxName::Outbox, "Accept", json!({"type": "Invite", "id": "urn:i"})),
        ];
        let told: Vec<String> = rows
            .into_iter()
            .map(|(r#box, kind, object)| {
                let changed = changes(&activity(r#box, kind, object));
                let changed: Vec<String> = changed.iter().map(|change| format!("{change:?}")).collect();
                format!("{box} {kind}: {}", changed.join(", "))
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_block_is_the_owners_and_can_be_taken_back() {
        assert_eq!(block(&activity(BoxName::Outbox, "Block", json!(THEM))), Some((THEM.to_owned(), true)));
        let undo = json!({"type": "Block", "id": "urn:b", "object": THEM});
        assert_eq!(block(&activity(BoxName::Outbox, "Undo", undo)), Some((THEM.to_owned(), false)));
        assert_eq!(block(&activity(BoxName::Inbox, "Block", json!(ME))), None);
    }
}
