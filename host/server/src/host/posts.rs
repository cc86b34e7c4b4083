//! What an actor of this host says by itself: what its owner posts to its outbox, follows, answers and blocks.
//!
//! It appends `activity.appended`, after `remote-actor.learned` where somebody new was met. Changes of objects go the way
//! of every write (`objects.rs`).

use std::{sync::Arc, time::Duration};

use rosehip_adapters::{clock::SystemClock, engine::Engine, federation::FetchError, writer::AppendError};
use rosehip_core::{
    activity::{Activity, Asked, InvalidActivity, actor_url, id_of},
    event::{ActivityAppended, Event, append_of},
    federation::ActorUrl,
    flow::FlowSummary,
    follows::{FollowState, Side},
    ids::{ActivityId, ActorName, BoxName},
    limits::UNMATCHED_ACTIVITIES,
};
use serde_json::{Map, Value, json};

use super::{Host, ReadError, WriteError};

/// What cannot be undone: an object is deleted instead, an answer is followed by another one.
const NOT_UNDONE: [&str; 6] = ["Create", "Update", "Delete", "Undo", "Accept", "Reject"];

/// What was said.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The activity.
    pub activity: Arc<Activity>,
    /// Whether it had not been said before.
    pub is_new: bool,
    /// The flows it fired, where they were waited for.
    pub flows: Option<Vec<FlowSummary>>,
}

/// Why nothing was said.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A member has a value that it cannot have.
    #[error("{member}: {message}")]
    Invalid {
        /// The member.
        member: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Who is meant could not be found out.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The log was not appended to.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The log or a view could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl PostError {
    pub(super) fn invalid(member: &'static str, rule: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { member, rule, message: message.into() }
    }
}

impl From<InvalidActivity> for PostError {
    fn from(error: InvalidActivity) -> Self {
        Self::Invalid { member: error.member, rule: "activity", message: error.message }
    }
}

impl Host {
    /// Appends what an actor's owner posts to its outbox. What answers or undoes something is written out, and refused
    /// where there is nothing to answer or to undo. Waits for the flows that it fires, at most so long.
    pub async fn post(
        &self,
        owner: &ActorName,
        mut document: Map<String, Value>,
        wait: Option<Duration>,
    ) -> Result<Posted, PostError> {
        let kind = document.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let answered = match kind.as_str() {
            "Accept" | "Reject" => self.write_out_answered(owner, &kind, &mut document).await?,
            "Undo" => {
                self.write_out_undone(owner, &mut document).await?;
                None
            }
            "Follow" => {
                let target = self.other_actor(owner, &document)?;
                document.entry("to").or_insert_with(|| json!([target]));
                None
            }
            "Block" => {
                self.other_actor(owner, &document)?;
                None
            }
            _ => None,
        };
        self.say(owner, document, answered.as_ref(), Vec::new(), wait).await
    }

    /// Appends an activity after other entries; one that answers another has an id of that, so that an answer is given
    /// once.
    pub(super) async fn say(
        &self,
        owner: &ActorName,
        document: Map<String, Value>,
        answered: Option<&ActivityId>,
        mut events: Vec<Event>,
        wait: Option<Duration>,
    ) -> Result<Posted, PostError> {
        if self.with_engine(Engine::jobs) >= UNMATCHED_ACTIVITIES {
            return Err(WriteError::Busy { retry_after: 1 }.into());
        }
        let now = SystemClock::now();
        let asked = Asked { base_url: self.base_url(), owner, document: &document, now };
        let activity = match answered {
            Some(answered) => asked.answering(answered, &*self.federation.keyring)?,
            None => asked.of_post(&*self.federation.keyring)?,
        };
        let activity = Arc::new(Activity { trace: self.trace(), ..activity });
        events.push(ActivityAppended { activity: Arc::clone(&activity) }.into());
        match self.append_and_wait(append_of(now, events), Some(&activity.id), wait).await {
            Ok(recorded) => Ok(Posted { activity, is_new: true, flows: recorded.flows? }),
            Err(AppendError::Duplicate { .. }) => {
                let known = self.activity_in_box(owner, BoxName::Outbox, activity.id.as_str()).await?;
                let activity = known.map_or(activity, Arc::new);
                Ok(Posted { activity, is_new: false, flows: wait.map(|_| Vec::new()) })
            }
            Err(error) => Err(WriteError::from(error).into()),
        }
    }

    /// The actor that a `Follow` or a `Block` is about, which is somebody else.
    fn other_actor(&self, owner: &ActorName, document: &Map<String, Value>) -> Result<ActorUrl, PostError> {
        let object = document.get("object").and_then(id_of);
        let object = object.ok_or_else(|| PostError::invalid("object", "required", "name an actor by its URL"))?;
        let url: ActorUrl = object.parse().map_err(|error| PostError::invalid("object", "form", format!("{error}")))?;
        if url.as_str() == actor_url(self.base_url(), owner) {
            return Err(PostError::invalid("object", "self", format!("is {owner}, who acts")));
        }
        Ok(url)
    }

    /// Writes the `Follow` out that an `Accept` or `Reject` answers, and gives its id; none where it answers something else.
    async fn write_out_answered(
        &self,
        owner: &ActorName,
        kind: &str,
        document: &mut Map<String, Value>,
    ) -> Result<Option<ActivityId>, PostError> {
        let id = document.get("object").and_then(id_of);
        let id = id.ok_or_else(|| PostError::invalid("object", "required", "name what is answered by its id"))?;
        let asked = self.last_asked(owner, id).await?;
        let asked = asked
            .ok_or_else(|| PostError::invalid("object", "unknown", format!("{owner} was sent no activity {id:?}")))?;
        if asked.kind.as_str() != "Follow" {
            return Ok(None);
        }
        let asker = asked.actor().unwrap_or_default();
        let follow = self.read_views(|views| views.follow(owner, Side::Followers, asker)).await?;
        let may = |state| state == FollowState::Pending || kind == "Reject";
        if !follow.is_some_and(|follow| follow.follow == asked.said_id() && may(follow.state)) {
            return Err(PostError::invalid("object", "pending", "is no follow that waits for an answer"));
        }
        let me = actor_url(self.base_url(), owner);
        let follow = json!({"type": "Follow", "id": asked.said_id(), "actor": asker, "object": me});
        document.insert("object".to_owned(), follow);
        document.entry("to").or_insert_with(|| json!([asker]));
        Ok(Some(asked.id))
    }

    /// What somebody sent to an inbox under an id: of what was done again under it, the last.
    async fn last_asked(&self, owner: &ActorName, id: &str) -> Result<Option<Activity>, ReadError> {
        let place = self
            .read_views(|views| {
                let mut place = views.activity_in_box(owner, BoxName::Inbox, id)?;
                let Ok(said) = id.parse::<ActivityId>() else { return Ok(place) };
                while let Some(seq) = place {
                    let again = views.activity_in_box(owner, BoxName::Inbox, said.again(seq).as_str())?;
                    if again.is_none() {
                        break;
                    }
                    place = again;
                }
                Ok(place)
            })
            .await?;
        place.map_or(Ok(None), |seq| self.activity_at(seq))
    }

    /// Writes out what an `Undo` takes back, and addresses it to those who were told of that.
    async fn write_out_undone(&self, owner: &ActorName, document: &mut Map<String, Value>) -> Result<(), PostError> {
        let unknown = || PostError::invalid("object", "unknown", format!("{owner} has done no such thing"));
        let object = document.get("object").unwrap_or(&Value::Null);
        let kind = object.get("type").and_then(Value::as_str);
        let about = object.get("object").and_then(id_of);
        let id = match (id_of(object), kind, about) {
            (Some(id), _, _) => id.to_owned(),
            (None, Some("Follow"), Some(actor)) => {
                let follow = self.read_views(|views| views.follow(owner, Side::Following, actor)).await?;
                follow.ok_or_else(unknown)?.follow
            }
            (None, Some("Block"), Some(actor)) => {
                return match self.read_views(|views| views.blocks(owner, actor)).await? {
                    true => Ok(()),
                    false => Err(unknown()),
                };
            }
            (None, _, _) => return Err(PostError::invalid("object", "required", "name what is undone by its id")),
        };
        let undone = self.activity_in_box(owner, BoxName::Outbox, &id).await?.ok_or_else(unknown)?;
        if NOT_UNDONE.contains(&undone.kind.as_str()) {
            let message = format!("a {} cannot be undone", undone.kind);
            return Err(PostError::invalid("object", "not-undone", message));
        }
        let target = undone.object_id().unwrap_or_default();
        if undone.kind.as_str() == "Follow" {
            let follow = self.read_views(|views| views.follow(owner, Side::Following, target)).await?;
            if follow.is_none_or(|follow| follow.follow != id) {
                return Err(PostError::invalid("object", "unknown", format!("{owner} does not follow {target}")));
            }
        }
        if !document.contains_key("to") && !document.contains_key("cc") {
            for member in ["to", "cc"] {
                document.extend(undone.document.get(member).map(|told| (member.to_owned(), told.clone())));
            }
        }
        let me = actor_url(self.base_url(), owner);
        let undone = json!({"type": undone.kind, "id": id, "actor": me, "object": target});
        document.insert("object".to_owned(), undone);
        Ok(())
    }
}
