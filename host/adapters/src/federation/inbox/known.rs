//! What this host knows when something arrives: of its own actor, of the sender, and of what the arrival goes on from.

use std::collections::BTreeSet;

use rosehip_core::{
    actor::LocalActor,
    event::{Event, Record},
    federation::RemoteActor,
    follows::{Follow, FollowState},
    ids::{ActorName, FlowId, ObjectKey},
    pipeline::receive::{Arrival, Known, TheirObject},
    ports::{LogReader, StoreError},
    time::Timestamp,
};

use super::{InboxParts, Refused};
use crate::views::ViewReader;

/// What stands in the views.
pub(super) struct Facts {
    pub(super) actor: LocalActor,
    pub(super) is_blocked: bool,
    pub(super) following: Option<Follow>,
    /// The sender as the log knows it.
    pub(super) sender: Option<RemoteActor>,
    pub(super) their_object: TheirObject,
    pub(super) their_author: Option<String>,
    pub(super) object: Option<ObjectKey>,
    pub(super) follower: Option<FollowState>,
    /// The id of the `Follow` by which the sender follows.
    pub(super) follow: Option<String>,
    pub(super) depth: Option<u32>,
}

impl Facts {
    pub(super) fn known<'a>(&'a self, parts: &'a InboxParts, owner: &'a ActorName, now: Timestamp) -> Known<'a> {
        Known {
            base_url: &parts.base_url,
            owner,
            owner_kind: &self.actor.kind,
            approves_followers: self.actor.profile.approves_followers,
            is_blocked: self.is_blocked,
            following: self.following.clone(),
            object: self.object.clone(),
            their_object: self.their_object,
            their_author: self.their_author.as_deref(),
            follower: self.follower,
            depth: self.depth,
            signatures: &*parts.keyring,
            now,
        }
    }
}

/// The path of a URL of this host, without what stands after it.
fn own_path<'a>(base_url: &str, url: &'a str) -> Option<&'a str> {
    let path = url.strip_prefix(base_url)?.strip_prefix('/')?;
    Some(path.split(['?', '#']).next().unwrap_or(path))
}

/// The key that a URL of this host names an object by: its id, or the page of an article.
fn object_of(base_url: &str, url: &str, views: &ViewReader) -> Result<Option<ObjectKey>, Refused> {
    let Some(path) = own_path(base_url, url) else { return Ok(None) };
    if let Some(key) = path.strip_prefix("objects/") {
        let key: Option<ObjectKey> = key.parse().ok();
        return Ok(match key {
            Some(key) if views.object(&key.to_string())?.is_some() => Some(key),
            _ => None,
        });
    }
    let slug = path.trim_end_matches('/');
    if slug.is_empty() || slug.contains('/') {
        return Ok(None);
    }
    Ok(views.slug(slug)?.and_then(|owner| owner.key.parse().ok()))
}

/// The object of this host that an arrival is about.
pub(super) fn own_object(base_url: &str, arrival: &Arrival, views: &ViewReader) -> Result<Option<ObjectKey>, Refused> {
    match arrival.object() {
        Some(url) if !arrival.is_about_their_object() => object_of(base_url, url, views),
        _ => Ok(None),
    }
}

/// URLs of this host that an arrival goes on from, as far as they are looked at.
const MOST_REFERENCES: usize = 16;

/// How many flows led to what an arrival goes on from, as far as that happened here: of several, the most.
pub(super) fn depth(parts: &InboxParts, arrival: &Arrival, views: &ViewReader) -> Result<Option<u32>, Refused> {
    let own: BTreeSet<&str> =
        arrival.refers_to().into_iter().filter(|url| own_path(&parts.base_url, url).is_some()).collect();
    let mut deepest = None;
    for url in own.into_iter().take(MOST_REFERENCES) {
        deepest = deepest.max(depth_of(parts, url, views)?);
    }
    Ok(deepest)
}

fn depth_of(parts: &InboxParts, url: &str, views: &ViewReader) -> Result<Option<u32>, Refused> {
    let Some(path) = own_path(&parts.base_url, url) else { return Ok(None) };
    let seq = if path.starts_with("activities/") {
        views.activity(url)?.map(|place| place.seq)
    } else if let Some(flow) = path.strip_prefix("flows/").and_then(|flow| flow.parse::<FlowId>().ok()) {
        return flow_depth(parts, flow, views);
    } else {
        match object_of(&parts.base_url, url, views)? {
            Some(key) => views.object(&key.to_string())?,
            None => None,
        }
    };
    let Some(seq) = seq else { return Ok(None) };
    Ok(match event_at(parts, seq)?.as_deref() {
        Some(Event::ActivityAppended(appended)) => Some(appended.activity.depth),
        Some(Event::ObjectRevised(revised)) => match &revised.cause {
            Some(cause) => Some(flow_depth(parts, cause.flow, views)?.map_or(0, |depth| depth + 1)),
            None => Some(0),
        },
        _ => None,
    })
}

fn flow_depth(parts: &InboxParts, flow: FlowId, views: &ViewReader) -> Result<Option<u32>, Refused> {
    let Some((seq, _)) = views.flow(&flow.to_string())? else { return Ok(None) };
    Ok(match event_at(parts, seq)?.as_deref() {
        Some(Event::FlowStarted(started)) => Some(started.depth),
        _ => None,
    })
}

pub(super) fn event_at(parts: &InboxParts, seq: u64) -> Result<Option<std::sync::Arc<Event>>, Refused> {
    Ok(parts.log.with::<_, StoreError>(|log| {
        let entries = log.read(seq, 1)?;
        let record = entries.first().filter(|entry| entry.header.seq == seq).map(Record::read).transpose();
        Ok(record.map_err(|error| StoreError::Unreadable(error.to_string()))?.and_then(|record| record.event))
    })?)
}
