//! Following, and deciding on who follows: what people ask for, as the activities of `posts.rs`.

use rosehip_core::{
    activity::{actor_url, local_actor},
    event::{Event, RemoteActorLearned},
    federation::{ActorUrl, Handle, Peer, RemoteActor, Who},
    follows::{Follow, FollowState, Side},
    ids::ActorName,
    limits::BOX_PAGE,
};
use serde_json::{Map, Value, json};

use super::{Host, PostError, Posted, ReadError};

/// What somebody decides on a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Who asked follows from now on.
    Accept,
    /// Who asked does not follow.
    Reject,
    /// Who followed does not any more.
    Remove,
}

/// One side of an actor's follows, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FollowCounts {
    /// Those who follow.
    pub followers: u64,
    /// Those who wait for an answer.
    pub pending: u64,
    /// Those whom the actor follows.
    pub following: u64,
}

impl Host {
    /// Has an actor follow somebody. Where it does already, or has asked, that is the answer.
    pub async fn follow(&self, owner: &ActorName, who: &Who) -> Result<Posted, PostError> {
        let (url, learned) = self.find(who).await?;
        self.refuse_itself(owner, &url)?;
        if let Some(known) = self.followed(owner, Side::Following, &url).await?
            && let Some(found) = self.activity(&known.follow).await?
        {
            return Ok(Posted { activity: found.activity.into(), is_new: false, flows: None });
        }
        let learned = learned.map(|actor| Event::from(RemoteActorLearned { actor }));
        let document = members(json!({"type": "Follow", "to": [url], "object": url}));
        self.say(owner, document, None, learned.into_iter().collect(), None).await
    }

    /// Has an actor follow somebody no more, or ask no more.
    pub async fn unfollow(&self, owner: &ActorName, who: &Who) -> Result<Posted, PostError> {
        let url = self.url_of(who).await?;
        let known = self.followed(owner, Side::Following, &url).await?;
        let known =
            known.ok_or_else(|| PostError::invalid("actor", "unknown", format!("{owner} does not follow {url}")))?;
        self.post(owner, members(json!({"type": "Undo", "object": known.follow})), None).await
    }

    /// Decides on somebody who follows an actor or wants to.
    pub async fn decide(&self, owner: &ActorName, who: &Who, decision: Decision) -> Result<Posted, PostError> {
        let url = self.url_of(who).await?;
        let (kind, state) = match decision {
            Decision::Accept => ("Accept", FollowState::Pending),
            Decision::Reject => ("Reject", FollowState::Pending),
            Decision::Remove => ("Reject", FollowState::Accepted),
        };
        let known = self.followed(owner, Side::Followers, &url).await?.filter(|follow| follow.state == state);
        let known = known.ok_or_else(|| match state {
            FollowState::Pending => PostError::invalid("actor", "pending", format!("{url} waits for no answer")),
            FollowState::Accepted => PostError::invalid("actor", "unknown", format!("{url} does not follow {owner}")),
        })?;
        self.post(owner, members(json!({"type": kind, "object": known.follow})), None).await
    }

    /// Has an actor block somebody, which ends follows both ways, or block no more. None where that changes nothing.
    pub async fn block(&self, owner: &ActorName, who: &Who, is_blocked: bool) -> Result<Option<Posted>, PostError> {
        let url = match self.find(who).await {
            Ok((url, _)) => url,
            // Whoever does not answer can be blocked all the same.
            Err(PostError::Fetch(error)) => match who {
                Who::Url(url) => url.clone(),
                Who::Handle(_) => return Err(error.into()),
            },
            Err(error) => return Err(error),
        };
        self.refuse_itself(owner, &url)?;
        if self.read_views(|views| views.blocks(owner, url.as_str())).await? == is_blocked {
            return Ok(None);
        }
        let me = actor_url(self.base_url(), owner);
        let document = match is_blocked {
            true => json!({"type": "Block", "object": url}),
            false => json!({"type": "Undo", "object": {"type": "Block", "actor": me, "object": url}}),
        };
        self.post(owner, members(document), None).await.map(Some)
    }

    /// A page of one side of an actor's follows, the newest first, from page 1.
    pub async fn follows(
        &self,
        owner: &ActorName,
        side: Side,
        state: FollowState,
        page: u64,
    ) -> Result<Vec<Follow>, ReadError> {
        let skip = page.saturating_sub(1).saturating_mul(BOX_PAGE as u64).min(i64::MAX as u64);
        self.read_views(|views| views.follows(owner, side, state, skip, BOX_PAGE)).await
    }

    /// How many follow an actor, want to, and are followed.
    pub async fn follow_counts(&self, owner: &ActorName) -> Result<FollowCounts, ReadError> {
        self.read_views(|views| {
            Ok(FollowCounts {
                followers: views.count_follows(owner, Side::Followers, FollowState::Accepted)?,
                pending: views.count_follows(owner, Side::Followers, FollowState::Pending)?,
                following: views.count_follows(owner, Side::Following, FollowState::Accepted)?,
            })
        })
        .await
    }

    /// Whom an actor blocks.
    pub async fn blocked_by(&self, owner: &ActorName) -> Result<Vec<String>, ReadError> {
        self.read_views(|views| views.blocked_by(owner)).await
    }

    /// What an actor is called in a handle, `@name@host`, as far as this host knows.
    pub async fn handle_of(&self, url: &str) -> Result<Option<Handle>, ReadError> {
        if let Some(name) = local_actor(self.base_url(), url) {
            return Ok(self.handle(&name));
        }
        let Ok(url) = url.parse::<ActorUrl>() else { return Ok(None) };
        let known = self.read_views(|views| views.remote_actor(&url)).await?;
        Ok(known.and_then(|actor| Handle::new(&actor.handle?, url.host()).ok()))
    }

    /// What an actor of this host is called; none where the host's own URL has no host that can stand in a handle.
    pub fn handle(&self, name: &ActorName) -> Option<Handle> {
        Handle::new(name.as_str(), self.own_name()?).ok()
    }

    /// What the actor that this host asks others as is called: the host's own name, as peers expect it.
    pub fn instance_handle(&self) -> Option<Handle> {
        let host = self.own_name()?;
        let name = host.as_str().split(':').next().unwrap_or_default();
        Handle::new(name, host.clone()).or_else(|_| Handle::new("instance", host.clone())).ok()
    }

    /// This host as others name it.
    pub fn own_name(&self) -> Option<Peer> {
        self.base_url().parse::<ActorUrl>().ok().map(|url| url.host())
    }

    /// The actor of this host that somebody means; none where another host is meant.
    pub async fn own(&self, who: &Who) -> Result<Option<Option<ActorName>>, ReadError> {
        if self.own_name() != Some(who.host()) {
            return Ok(None);
        }
        let name = match who {
            Who::Url(url) => local_actor(self.base_url(), url.as_str()),
            Who::Handle(handle) => handle.user().to_ascii_lowercase().parse().ok(),
        };
        let Some(name) = name else { return Ok(Some(None)) };
        Ok(Some(self.actor(&name).await?.map(|actor| actor.name)))
    }

    /// Who is meant, with what the log does not know of them yet.
    async fn find(&self, who: &Who) -> Result<(ActorUrl, Option<RemoteActor>), PostError> {
        let nobody = || PostError::invalid("who", "unknown", format!("{who} is nobody here"));
        if let Some(own) = self.own(who).await? {
            let url = actor_url(self.base_url(), &own.ok_or_else(nobody)?);
            return Ok((url.parse().map_err(|_| nobody())?, None));
        }
        let actor = self.federation.directory.find(who).await?;
        let known = self.read_views(|views| views.remote_actor(&actor.id)).await?;
        let is_news = known.as_ref() != Some(&*actor);
        Ok((actor.id.clone(), is_news.then(|| RemoteActor::clone(&actor))))
    }

    /// The URL of who is meant; nobody is asked where it is a URL already.
    async fn url_of(&self, who: &Who) -> Result<ActorUrl, PostError> {
        match who {
            Who::Url(url) => Ok(url.clone()),
            Who::Handle(_) => Ok(self.find(who).await?.0),
        }
    }

    async fn followed(&self, owner: &ActorName, side: Side, url: &ActorUrl) -> Result<Option<Follow>, ReadError> {
        self.read_views(|views| views.follow(owner, side, url.as_str())).await
    }

    fn refuse_itself(&self, owner: &ActorName, url: &ActorUrl) -> Result<(), PostError> {
        match url.as_str() == actor_url(self.base_url(), owner) {
            true => Err(PostError::invalid("who", "self", format!("is {owner}, who acts"))),
            false => Ok(()),
        }
    }
}

fn members(document: Value) -> Map<String, Value> {
    let Value::Object(members) = document else { unreachable!("it is given an object") };
    members
}
