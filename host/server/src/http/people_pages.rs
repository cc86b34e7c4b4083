//! Who follows an actor, who wants to, and whom it follows, as pages on which its owner decides about them.

use askama::Template;
use rosehip_core::{
    actor::LocalActor,
    follows::{Follow, FollowState, Side},
};

use super::{
    actor_pages::Pager,
    boxes::{Asked, last_page},
    fault::Fault,
    page::Frame,
    social_pages::{Tab, tabs},
    visitor::Visitor,
};
use crate::host::Host;

/// Somebody who follows or is followed.
pub(super) struct Person {
    pub(super) url: String,
    pub(super) label: String,
    pub(super) is_pending: bool,
}

impl Person {
    pub(super) async fn of(host: &Host, url: &str, is_pending: bool) -> Result<Self, Fault> {
        let handle = host.handle_of(url).await?.map(|handle| handle.to_string());
        Ok(Self { url: url.to_owned(), label: handle.unwrap_or_else(|| url.to_owned()), is_pending })
    }

    pub(super) async fn all(host: &Host, follows: &[Follow]) -> Result<Vec<Self>, Fault> {
        let mut people = Vec::with_capacity(follows.len());
        for follow in follows {
            people.push(Self::of(host, &follow.actor, follow.state == FollowState::Pending).await?);
        }
        Ok(people)
    }

    /// Whether it is a link that a page may lead to.
    pub(super) fn is_link(&self) -> bool {
        self.url.starts_with("https://") || self.url.starts_with("http://")
    }
}

/// Who follows an actor, or whom it follows.
#[derive(Template)]
#[template(path = "people.html")]
pub(super) struct PeoplePage {
    frame: Frame,
    name: String,
    heading: &'static str,
    total: u64,
    people: Vec<Person>,
    pager: Pager,
    tabs: Vec<Tab>,
    /// Whether the visitor decides on them.
    may_act: bool,
    is_following: bool,
}

/// The pages that an actor's owner sees; none for others.
pub(super) fn own_tabs(visitor: &Visitor, actor: &LocalActor, current: &str) -> Vec<Tab> {
    match visitor.owns(&actor.name) {
        true => tabs(actor.name.as_str(), visitor.may_act_as(&actor.name), current),
        false => Vec::new(),
    }
}

/// A part of one side of an actor's follows.
pub(super) struct Listed<'a> {
    pub(super) side: Side,
    pub(super) state: FollowState,
    pub(super) follows: &'a [Follow],
    /// How many there are in all.
    pub(super) total: u64,
}

impl PeoplePage {
    /// The page of a part of one side.
    pub(super) async fn of(
        host: &Host,
        visitor: &Visitor,
        actor: &LocalActor,
        listed: &Listed<'_>,
        asked: &Asked,
    ) -> Result<Self, Fault> {
        let Listed { side, state, follows, total } = *listed;
        let heading = match (side, state) {
            (Side::Followers, FollowState::Accepted) => "Followers",
            (Side::Followers, FollowState::Pending) => "Requests",
            (Side::Following, _) => "Following",
        };
        let path = format!("/actors/{}/{}", actor.name, side.as_str());
        let mut pager = Pager::of(&path, asked, asked.page() < last_page(total));
        if state == FollowState::Pending {
            for address in [&mut pager.newer, &mut pager.older].into_iter().flatten() {
                address.push_str("&state=pending");
            }
        }
        Ok(Self {
            frame: Frame::new(format!("{heading} · {}", actor.name), visitor),
            name: actor.name.to_string(),
            heading,
            total,
            people: Person::all(host, follows).await?,
            pager,
            tabs: own_tabs(visitor, actor, heading),
            may_act: visitor.may_act_as(&actor.name),
            is_following: side == Side::Following,
        })
    }
}
