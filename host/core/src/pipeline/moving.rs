//! Somebody whom an actor of this host follows has another address from now on (`Move`; FEP-7628). Whoever has the old one's
//! key may say so of it, and of nobody else; that the new one is the same is said by the new one (`alsoKnownAs`). Then the actor
//! of this host follows there, and no more at the old address.

use serde_json::{Map, Value, json};

use crate::{
    activity::{Asked, InvalidActivity, actor_url, urls_of},
    event::{ActivityAppended, Event, RemoteActorLearned},
    federation::{ActorUrl, RemoteActor},
    follows::Follow,
    ids::{ActivityId, ActorName},
    limits::REMOTE_ALIASES,
    ports::Signatures,
    time::Timestamp,
};

/// Why nobody is followed to another address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMoved {
    /// The new address says nothing of the old one.
    #[error("alsoKnownAs: {to} does not say that it is {from} as well")]
    NoAlias {
        /// The old address.
        from: ActorUrl,
        /// The new one.
        to: ActorUrl,
    },
    /// The new address is not the last one: who would follow there, would be led on, perhaps in a circle.
    #[error("movedTo: {0} has moved itself")]
    MovedOn(ActorUrl),
    /// It is the address of the actor who would follow.
    #[error("target: {0} would follow itself")]
    Itself(ActorName),
    /// Nobody follows whom they block.
    #[error("target: {owner} blocks {to}")]
    Blocked {
        /// Who would follow.
        owner: ActorName,
        /// The new address.
        to: ActorUrl,
    },
    /// What is to be said could not be composed.
    #[error(transparent)]
    Activity(#[from] InvalidActivity),
}

/// What keeps an actor of this host from following a new address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// The actor blocks it, or this host blocks its host.
    Blocked,
    /// It told the actor that it has moved itself.
    Moved,
}

/// What is known when somebody moves whom an actor of this host follows.
#[derive(Clone)]
pub struct Moving<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// Who follows.
    pub owner: &'a ActorName,
    /// The `Move`.
    pub moved: &'a ActivityId,
    /// The old address.
    pub from: &'a ActorUrl,
    /// By what the old one is followed.
    pub follow: &'a Follow,
    /// The new one, as it is now.
    pub to: &'a RemoteActor,
    /// The document that it was read from.
    pub document: &'a Map<String, Value>,
    /// Whether the log knows the new one as it is.
    pub is_known: bool,
    /// Whether the owner follows the new one already, or has asked to.
    pub is_followed: bool,
    /// What keeps the owner from it, whatever it says of itself.
    pub barrier: Option<Barrier>,
    /// Signs what is said.
    pub signatures: &'a dyn Signatures,
    /// The moment.
    pub now: Timestamp,
}

impl Moving<'_> {
    /// What the owner says: a `Follow` of the new address, where it does not follow there yet, and the `Undo` of the old one.
    /// Both have ids that follow from the `Move`, so that they are said once.
    pub fn follow_on(&self) -> Result<Vec<Event>, NotMoved> {
        self.check()?;
        let me = actor_url(self.base_url, self.owner);
        let mut events = Vec::new();
        if !self.is_followed {
            if !self.is_known {
                events.push(RemoteActorLearned { actor: self.to.clone() }.into());
            }
            let follow = json!({"type": "Follow", "to": [self.to.id], "object": self.to.id});
            events.push(self.said(&follow)?);
        }
        let follow = json!({"type": "Follow", "id": self.follow.follow, "actor": me, "object": self.from});
        events.push(self.said(&json!({"type": "Undo", "to": [self.from], "object": follow}))?);
        Ok(events)
    }

    fn check(&self) -> Result<(), NotMoved> {
        let to = &self.to.id;
        if to.as_str() == actor_url(self.base_url, self.owner) {
            return Err(NotMoved::Itself(self.owner.clone()));
        }
        if self.barrier == Some(Barrier::Blocked) {
            return Err(NotMoved::Blocked { owner: self.owner.clone(), to: to.clone() });
        }
        let is_also =
            urls_of(self.document.get("alsoKnownAs")).take(REMOTE_ALIASES).any(|url| url == self.from.as_str());
        if !is_also {
            return Err(NotMoved::NoAlias { from: self.from.clone(), to: to.clone() });
        }
        let moves_on = urls_of(self.document.get("movedTo")).any(|url| url != to.as_str());
        if moves_on || self.barrier == Some(Barrier::Moved) {
            return Err(NotMoved::MovedOn(to.clone()));
        }
        Ok(())
    }

    fn said(&self, document: &Value) -> Result<Event, NotMoved> {
        let document = document.as_object().cloned().unwrap_or_default();
        let asked = Asked { base_url: self.base_url, owner: self.owner, document: &document, now: self.now };
        let activity = asked.answering(self.moved, self.signatures)?;
        Ok(ActivityAppended { activity: activity.into() }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{follows::FollowState, ports::Unsigned};

    const OLD: &str = "https://old.example/ann";
    const NEW: &str = "https://new.example/ann";

    /// What comes of a `Move` to an actor with these members, where it is changed so.
    fn moved(members: Value, change: impl FnOnce(&mut Moving<'_>)) -> Result<Vec<String>, String> {
        let mut document = json!({"id": NEW, "type": "Person", "inbox": format!("{NEW}/inbox")});
        let object = document.as_object_mut().expect("an object");
        object.extend(members.as_object().cloned().expect("an object"));
        let to = RemoteActor::read(&NEW.parse().expect("a URL"), object).expect("an actor");
        let (owner, from) = ("site".parse().expect("a name"), OLD.parse().expect("a URL"));
        let (state, id) = (FollowState::Accepted, "https://h.example/activities/f".to_owned());
        let follow = Follow { actor: OLD.to_owned(), follow: id, state };
        let mut moving = Moving {
            base_url: "https://h.example",
            owner: &owner,
            moved: &"https://old.example/moves/1".parse().expect("a URL"),
            from: &from,
            follow: &follow,
            to: &to,
            document: object,
            is_known: false,
            is_followed: false,
            barrier: None,
            signatures: &Unsigned,
            now: Timestamp::from_millis(0),
        };
        change(&mut moving);
        let told = |event: Event| {
            let Event::ActivityAppended(appended) = event else { return "learned".to_owned() };
            format!("{} {}", appended.activity.kind, appended.activity.object_id().unwrap_or_default())
        };
        moving.follow_on().map(|events| events.into_iter().map(told).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn whoever_moves_is_followed_there_and_no_more_where_they_were() {
        let follow = format!("Follow {NEW}");
        let undo = "Undo https://h.example/activities/f".to_owned();
        let alias = || json!({"alsoKnownAs": [OLD]});
        assert_eq!(moved(alias(), |_| {}), Ok(vec!["learned".to_owned(), follow.clone(), undo.clone()]));
        assert_eq!(moved(json!({"alsoKnownAs": OLD}), |moving| moving.is_known = true), Ok(vec![follow, undo.clone()]));
        assert_eq!(moved(alias(), |moving| moving.is_followed = true), Ok(vec![undo]));
    }

    #[test]
    fn what_is_said_is_said_once() {
        let ids = || {
            let mut ids = Vec::new();
            moved(json!({"alsoKnownAs": OLD}), |moving| {
                for event in moving.follow_on().expect("moved") {
                    if let Event::ActivityAppended(appended) = event {
                        ids.push(appended.activity.id.to_string());
                    }
                }
            })
            .expect("moved");
            ids
        };
        assert_eq!(ids(), ids());
        assert_ne!(ids()[0], ids()[1]);
    }

    #[test]
    fn nobody_is_led_where_they_would_not_go() {
        let refused = |members, change: fn(&mut Moving<'_>)| moved(members, change).expect_err("refused");
        let alias = || json!({"alsoKnownAs": [OLD]});
        for (members, rule) in [
            (json!({}), "alsoKnownAs"),
            (json!({"alsoKnownAs": ["https://old.example/ben", "https://old.example/ann/"]}), "alsoKnownAs"),
            (json!({"alsoKnownAs": [OLD], "movedTo": OLD}), "movedTo"),
            (json!({"alsoKnownAs": [OLD], "movedTo": "https://third.example/ann"}), "movedTo"),
        ] {
            assert!(refused(members, |_| {}).starts_with(rule), "{rule}");
        }
        let many: Vec<_> =
            (0..REMOTE_ALIASES).map(|n| format!("https://old.example/{n}")).chain([OLD.to_owned()]).collect();
        assert!(refused(json!({"alsoKnownAs": many}), |_| {}).starts_with("alsoKnownAs"));
        assert!(refused(alias(), |moving| moving.barrier = Some(Barrier::Moved)).starts_with("movedTo"), "a circle");
        assert!(refused(alias(), |moving| moving.barrier = Some(Barrier::Blocked)).starts_with("target"));
    }
}
