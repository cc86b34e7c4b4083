//! Actors, their boxes and who follows them, as pages.

use askama::Template;
use rosehip_core::{
    activity::{Activity, id_of},
    actor::{KINDS, LocalActor},
    follows::{FollowState, Side},
    ids::BoxName,
    time::Timestamp,
};

use super::{
    access::Need,
    boxes::Asked,
    fault::Fault,
    page::{Frame, Moment},
    people_pages::{Person, own_tabs},
    social_pages::Tab,
    visitor::Visitor,
};
use crate::host::{BoxPage, BoxRequest, FollowCounts, Host};

/// Characters of what an activity is about that its row shows.
const ABOUT_CHARS: usize = 120;

/// An actor of this host as pages head it.
struct Head {
    name: String,
    title: String,
    kind: String,
    handle: String,
    summary: String,
    approves_followers: bool,
    /// A URL a line.
    also_known_as: String,
    since: Moment,
    counts: FollowCounts,
}

impl Head {
    async fn of(host: &Host, actor: &LocalActor) -> Result<Self, Fault> {
        let handle = host.handle(&actor.name).map(|handle| handle.to_string());
        Ok(Self {
            name: actor.name.to_string(),
            title: actor.profile.display_name.clone().unwrap_or_else(|| actor.name.to_string()),
            kind: actor.kind.clone(),
            handle: handle.unwrap_or_else(|| actor.url(host.base_url())),
            summary: actor.profile.summary.clone().unwrap_or_default(),
            approves_followers: actor.profile.approves_followers,
            also_known_as: actor.profile.also_known_as.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            since: Moment(actor.created_at),
            counts: host.follow_counts(&actor.name).await?,
        })
    }
}

/// The list of actors.
#[derive(Template)]
#[template(path = "actors.html")]
pub(super) struct ActorsPage {
    frame: Frame,
    actors: Vec<Head>,
    may_operate: bool,
    kinds: [&'static str; 3],
}

impl ActorsPage {
    /// The page of the actors of this host.
    pub(super) async fn of(host: &Host, visitor: &Visitor, actors: &[LocalActor]) -> Result<Self, Fault> {
        let mut heads = Vec::with_capacity(actors.len());
        for actor in actors {
            heads.push(Head::of(host, actor).await?);
        }
        let (frame, may_operate) = (Frame::new("Actors", visitor), visitor.has(Need::Operate));
        Ok(Self { frame, actors: heads, may_operate, kinds: KINDS })
    }
}

/// An activity as lists show it.
struct ActivityRow {
    path: String,
    kind: String,
    /// None where the object is only named.
    object_type: Option<String>,
    about: String,
    /// Who acts, where that is somebody else.
    actor: Option<String>,
    at: Option<Moment>,
    is_private: bool,
}

impl ActivityRow {
    fn of(activity: &Activity) -> Self {
        let published = activity.document.get("published").and_then(|published| published.as_str());
        let is_inbox = activity.r#box == BoxName::Inbox;
        Self {
            path: format!(
                "/activities/{}",
                if is_inbox { activity.cid.to_string() } else { activity.id.token().to_owned() }
            ),
            kind: activity.kind.to_string(),
            object_type: Some(activity.object_type.to_string()).filter(|name| name != "Link"),
            about: about(activity),
            actor: activity.actor().filter(|_| is_inbox).map(str::to_owned),
            at: published.and_then(|published| published.parse::<Timestamp>().ok()).map(Moment),
            is_private: !is_inbox && !activity.is_for_everybody(),
        }
    }
}

/// Something that an actor said, as its stream shows it.
struct StreamItem {
    /// What it did, in a word.
    deed: &'static str,
    /// Its type, where it has no word.
    kind: String,
    title: String,
    /// The page of what it is about, where that is here and stands; else the activity.
    path: String,
    excerpt: String,
    activity: String,
    at: Option<Moment>,
    is_private: bool,
}

impl StreamItem {
    fn of(base_url: &str, activity: &Activity) -> Self {
        let ActivityRow { path: of_activity, at, is_private, about, .. } = ActivityRow::of(activity);
        let object = activity.object_document();
        let text = |name: &str| object.get(name).and_then(|value| value.as_str());
        let deed = match (activity.kind.as_str(), activity.object_type.as_str()) {
            ("Create", "Article") => "Published",
            ("Create", _) => "Posted",
            ("Update", _) => "Changed",
            ("Delete", _) => "Took back",
            ("Follow", _) => "Followed",
            ("Announce", _) => "Passed on",
            ("Like", _) => "Liked",
            _ => "",
        };
        let page = text("url").and_then(|url| url.strip_prefix(base_url)).filter(|path| path.starts_with('/'));
        let has_name = text("name").is_some();
        let excerpt = text("content").filter(|_| has_name).map(super::article_pages::plain_text).unwrap_or_default();
        Self {
            deed,
            kind: activity.kind.to_string(),
            path: page.map_or_else(|| of_activity.clone(), str::to_owned),
            excerpt: shortened(excerpt, EXCERPT_CHARS),
            title: about,
            activity: of_activity,
            at,
            is_private,
        }
    }
}

fn shortened(text: String, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What an activity is about, in a few words.
fn about(activity: &Activity) -> String {
    let object = activity.object_document();
    let name = object.get("name").and_then(|name| name.as_str()).map(str::to_owned);
    let content = object.get("content").and_then(|content| content.as_str());
    let text = content.map(super::article_pages::plain_text).filter(|text| !text.is_empty());
    let asker = object.get("actor").and_then(id_of).filter(|_| activity.object_type.as_str() == "Follow");
    let named = || asker.or_else(|| id_of(object)).unwrap_or_default().to_owned();
    let about = name.or(text).unwrap_or_else(named);
    shortened(about, ABOUT_CHARS)
}

/// Characters of a text that a stream shows.
const EXCERPT_CHARS: usize = 280;

/// The addresses of the pages before and after one.
pub(super) struct Pager {
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

impl Pager {
    pub(super) fn of(path: &str, asked: &Asked, has_next: bool) -> Self {
        let page = asked.page();
        Self {
            newer: (page > 1).then(|| asked.address(path, page - 1)),
            older: has_next.then(|| asked.address(path, page.saturating_add(1))),
        }
    }
}

/// An actor's page.
#[derive(Template)]
#[template(path = "actor.html")]
pub(super) struct ActorPage {
    frame: Frame,
    actor: Head,
    stream: Vec<StreamItem>,
    pager: Pager,
    /// What only those see who may act as the actor.
    desk: Option<Desk>,
    /// Whether the visitor sees the inbox and what is not for everybody.
    is_owner: bool,
    may_operate: bool,
    display_name: String,
    /// The pages of its owner.
    tabs: Vec<Tab>,
}

/// What those see who may act as an actor.
struct Desk {
    pending: Vec<Person>,
    followers: Vec<Person>,
    following: Vec<Person>,
    blocks: Vec<Person>,
}

impl Desk {
    async fn of(host: &Host, actor: &LocalActor) -> Result<Self, Fault> {
        let side = async |side, state| -> Result<Vec<Person>, Fault> {
            Person::all(host, &host.follows(&actor.name, side, state, 1).await?).await
        };
        let mut following = side(Side::Following, FollowState::Pending).await?;
        following.extend(side(Side::Following, FollowState::Accepted).await?);
        let mut blocks = Vec::new();
        for url in host.blocked_by(&actor.name).await? {
            blocks.push(Person::of(host, &url, false).await?);
        }
        Ok(Self {
            pending: side(Side::Followers, FollowState::Pending).await?,
            followers: side(Side::Followers, FollowState::Accepted).await?,
            following,
            blocks,
        })
    }
}

impl ActorPage {
    /// A page of what an actor does.
    pub(super) async fn of(host: &Host, visitor: &Visitor, actor: &LocalActor, asked: &Asked) -> Result<Self, Fault> {
        let is_owner = visitor.owns(&actor.name);
        let request = BoxRequest {
            owner: actor.name.clone(),
            r#box: BoxName::Outbox,
            since: None,
            before: asked.before(),
            page: asked.page(),
            only_public: !is_owner,
        };
        let found = host.box_page(&request).await?.unwrap_or_default();
        let desk = match visitor.may_act_as(&actor.name) {
            true => Some(Desk::of(host, actor).await?),
            false => None,
        };
        let head = Head::of(host, actor).await?;
        Ok(Self {
            frame: Frame::new(head.title.clone(), visitor),
            pager: Pager {
                newer: (asked.before().is_some() || asked.page() > 1).then(|| format!("/actors/{}", actor.name)),
                older: found
                    .last
                    .filter(|_| found.has_next)
                    .map(|last| format!("/actors/{}?before={last}", actor.name)),
            },
            stream: found.activities.iter().map(|activity| StreamItem::of(host.base_url(), activity)).collect(),
            display_name: actor.profile.display_name.clone().unwrap_or_default(),
            tabs: own_tabs(visitor, actor, "Posts"),
            actor: head,
            desk,
            is_owner,
            may_operate: visitor.has(Need::Operate),
        })
    }
}

/// A box as a page.
#[derive(Template)]
#[template(path = "box.html")]
pub(super) struct BoxedPage {
    frame: Frame,
    name: String,
    r#box: &'static str,
    total: u64,
    activities: Vec<ActivityRow>,
    pager: Pager,
}

impl BoxedPage {
    /// The page of a part of a box.
    pub(super) fn of(
        visitor: &Visitor,
        actor: &LocalActor,
        name: BoxName,
        asked: &Asked,
        found: &BoxPage,
        total: u64,
    ) -> Self {
        let r#box = match name {
            BoxName::Inbox => "Inbox",
            BoxName::Outbox => "Outbox",
        };
        Self {
            frame: Frame::new(format!("{box} of {}", actor.name), visitor),
            name: actor.name.to_string(),
            r#box,
            total,
            activities: found.activities.iter().map(ActivityRow::of).collect(),
            pager: Pager::of(&format!("/actors/{}/{name}", actor.name), asked, found.has_next),
        }
    }
}
