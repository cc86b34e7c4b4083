//! What others say: about objects of this host, those whom an actor follows, and what is addressed to an actor.

use rosehip_adapters::views::{RemarkCursor, RemarkPage, RemarkPlace, ViewError, ViewReader};
use rosehip_core::{
    activity::{Activity, actor_url, id_of, local_actor, object_document, urls_of},
    federation::{ActorUrl, RemoteActor},
    follows::{FollowState, Side},
    ids::ActorName,
    limits::REMARKS_PAGE,
    object::Object,
    remark::{RemarkKind, named},
};
use serde_json::{Map, Value};

use super::{Host, ReadError};

/// Former addresses of an article by which replies to it are found.
const SLUGS: usize = 20;

/// Who said something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speaker {
    /// Their URL, which is their identity.
    pub url: String,
    /// Their page for people.
    pub page: String,
    /// What they are called, where that is known.
    pub name: Option<String>,
    /// `@name@host`, where that is known.
    pub handle: Option<String>,
}

/// Something that somebody said.
#[derive(Debug, Clone)]
pub struct Said {
    /// Where it stands in its list.
    pub seq: u64,
    /// What it is.
    pub kind: RemarkKind,
    /// Who said it.
    pub speaker: Speaker,
    /// The activity that brought it, or that changed it last.
    pub activity: Activity,
    /// Of a `Follow` how far it has come; none where it is one no more.
    pub follow: Option<FollowState>,
}

/// A page of what was said.
#[derive(Debug, Clone, Default)]
pub struct SaidPage {
    /// What was said.
    pub said: Vec<Said>,
    /// The place that another page begins after, or before where the newest come first; none where there is no other page.
    pub next: Option<u64>,
}

/// How many of a kind there are, as far as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many.
    pub number: u64,
    /// Whether there are more.
    pub has_more: bool,
}

/// What was said about an object, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Replies that everybody may see.
    pub replies: Count,
    /// Actors who like it.
    pub likes: Count,
    /// Actors who passed it on.
    pub shares: Count,
}

/// What somebody said that is to be answered.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Who said it.
    pub speaker: Speaker,
    /// Whether everybody may see it.
    pub is_public: bool,
    /// What it says.
    pub object: Map<String, Value>,
}

impl Host {
    /// What was said of a kind about an object of this host, the oldest first, from a place.
    pub async fn said_about(
        &self,
        object: &Object,
        kind: RemarkKind,
        after: u64,
        limit: usize,
    ) -> Result<SaidPage, ReadError> {
        let base_url = self.base_url();
        let page = self
            .read_views(|views| {
                let targets = targets(base_url, views, object, kind)?;
                views.remarks_about(&object.owner, &targets, kind, after, limit)
            })
            .await?;
        self.said(None, page).await
    }

    /// How much was said about an object of this host.
    pub async fn counts_about(&self, object: &Object) -> Result<Counts, ReadError> {
        let base_url = self.base_url();
        self.read_views(|views| {
            let count = |kind| -> Result<Count, ViewError> {
                let targets = targets(base_url, views, object, kind)?;
                let (number, has_more) = views.count_remarks_about(&object.owner, &targets, kind)?;
                Ok(Count { number, has_more })
            };
            Ok(Counts {
                replies: count(RemarkKind::Reply)?,
                likes: count(RemarkKind::Like)?,
                shares: count(RemarkKind::Share)?,
            })
        })
        .await
    }

    /// What those said whom an actor of this host follows, the newest first.
    pub async fn timeline(&self, owner: &ActorName, before: Option<u64>) -> Result<SaidPage, ReadError> {
        let cursor = RemarkCursor { before, limit: REMARKS_PAGE };
        let page = self.read_views(|views| views.timeline(owner, cursor)).await?;
        self.said(Some(owner), page).await
    }

    /// What was addressed to an actor of this host or is about what is theirs, the newest first.
    pub async fn notices(&self, owner: &ActorName, before: Option<u64>) -> Result<SaidPage, ReadError> {
        let cursor = RemarkCursor { before, limit: REMARKS_PAGE };
        let page = self.read_views(|views| views.notices(owner, cursor)).await?;
        let mut page = self.said(Some(owner), page).await?;
        // An actor of another host of our kind may have the same name.
        let me = actor_url(self.base_url(), owner);
        let is_post = |said: &Said| matches!(said.kind, RemarkKind::Post | RemarkKind::Reply);
        page.said.retain(|said| !is_post(said) || named(&said.activity).any(|url| url == me));
        Ok(page)
    }

    /// What an actor of this host answers: what came to its inbox, or an object of this host that everybody may see.
    pub async fn answered(&self, owner: &ActorName, id: &str) -> Result<Option<Answered>, ReadError> {
        if let Some(path) = id.strip_prefix(self.base_url()).and_then(|path| path.strip_prefix("/objects/")) {
            let key = path.split(['?', '#']).next().unwrap_or(path).parse();
            let Ok(key) = key else { return Ok(None) };
            let Some(object) = self.object(&key).await?.filter(Object::is_for_everybody) else { return Ok(None) };
            let speaker = self.speaker(&actor_url(self.base_url(), &object.owner)).await?;
            let document = object_document(self.base_url(), &object);
            let document = document.as_object().cloned().unwrap_or_default();
            return Ok(Some(Answered { speaker, is_public: true, object: document }));
        }
        let place = self
            .read_views(|views| {
                let Some((false, actor)) = views.received(owner.as_str(), id)? else { return Ok(None) };
                Ok(views.posted_to(owner, &actor, id)?.map(|seq| (seq, actor)))
            })
            .await?;
        let Some((seq, actor)) = place else { return Ok(None) };
        let Some(activity) = self.activity_at(seq)? else { return Ok(None) };
        let object = activity.object_document().as_object().cloned().unwrap_or_default();
        let speaker = self.speaker(&actor).await?;
        let is_public = activity.audience().is_public;
        Ok(Some(Answered { speaker, is_public, object }))
    }

    /// Who an actor is, as far as this host knows.
    pub async fn speaker(&self, url: &str) -> Result<Speaker, ReadError> {
        let handle = self.handle_of(url).await?.map(|handle| handle.to_string());
        let own = local_actor(self.base_url(), url);
        let (name, page) = if let Some(own) = own {
            (self.actor(&own).await?.and_then(|actor| actor.profile.display_name), None)
        } else {
            let known = self.remote_actor(url).await?;
            known.map_or((None, None), |actor| (actor.name, actor.url))
        };
        Ok(Speaker { url: url.to_owned(), page: page.unwrap_or_else(|| url.to_owned()), name, handle })
    }

    async fn remote_actor(&self, url: &str) -> Result<Option<RemoteActor>, ReadError> {
        let Ok(url) = url.parse::<ActorUrl>() else { return Ok(None) };
        self.read_views(|views| views.remote_actor(&url)).await
    }

    /// Reads what stands at places. What was erased meanwhile is left out.
    async fn said(&self, owner: Option<&ActorName>, page: RemarkPage) -> Result<SaidPage, ReadError> {
        let mut said = Vec::with_capacity(page.places.len());
        for place in page.places {
            let Some(activity) = self.activity_at(place.said)? else { continue };
            let RemarkPlace { seq, kind, actor, .. } = place;
            let follow = match (owner, kind) {
                (Some(owner), RemarkKind::Follow) => {
                    let follow = self.read_views(|views| views.follow(owner, Side::Followers, &actor)).await?;
                    follow.map(|follow| follow.state)
                }
                (_, _) => None,
            };
            said.push(Said { seq, kind, speaker: self.speaker(&actor).await?, activity, follow });
        }
        Ok(SaidPage { said, next: page.next })
    }
}

/// The names by which something is said to be about an object: of likes and shares its key, of replies its URLs.
fn targets(base_url: &str, views: &ViewReader, object: &Object, kind: RemarkKind) -> Result<Vec<String>, ViewError> {
    if kind != RemarkKind::Reply {
        return Ok(vec![object.key.to_string()]);
    }
    let mut targets = vec![format!("{base_url}/objects/{}", object.key)];
    for slug in views.slugs_of(&object.key.to_string(), SLUGS)? {
        targets.push(format!("{base_url}/{slug}"));
    }
    Ok(targets)
}

impl Said {
    /// What was posted; none where it is only named, as in a like.
    pub fn object(&self) -> Option<&Map<String, Value>> {
        self.activity.object_document().as_object()
    }

    /// The id of what it is about or of what was posted.
    pub fn object_id(&self) -> Option<&str> {
        id_of(self.activity.object_document())
    }

    /// What it answers.
    pub fn in_reply_to(&self) -> Option<&str> {
        urls_of(self.object()?.get("inReplyTo")).next()
    }

    /// Whether everybody may see it.
    pub fn is_public(&self) -> bool {
        self.activity.audience().is_public
    }
}
