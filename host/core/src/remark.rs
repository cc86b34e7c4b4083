//! Remarks: what somebody says about something or to somebody, as far as pages show it. Replies, likes and shares
//! (ActivityPub §7.2, §7.8, §7.11), posts, follows and moves, and what changes or ends them.
//!
//! A pure reading of one activity of a box; nothing is checked here, because what is in a box was when it came.

use serde_json::Value;

use crate::{
    activity::{Activity, id_of, is_public, urls_of},
    ids::BoxName,
};

/// What a remark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RemarkKind {
    /// Something was posted in answer to something (`inReplyTo`).
    Reply,
    /// Something was posted that answers nothing.
    Post,
    /// Something of this host is liked.
    Like,
    /// Something is passed on (`Announce`).
    Share,
    /// Somebody asks to follow.
    Follow,
    /// Somebody has another address from now on.
    Move,
    /// What was posted says something else now.
    Update,
    /// What was posted or done is no more (`Delete`, `Undo`).
    End,
}

impl RemarkKind {
    const ALL: [Self; 8] =
        [Self::Reply, Self::Post, Self::Like, Self::Share, Self::Follow, Self::Move, Self::Update, Self::End];

    /// The kind as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Post => "post",
            Self::Like => "like",
            Self::Share => "share",
            Self::Follow => "follow",
            Self::Move => "move",
            Self::Update => "update",
            Self::End => "end",
        }
    }

    /// The kind of this text.
    pub fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is.
    pub kind: RemarkKind,
    /// Whose it is, by their URL.
    pub actor: String,
    /// What it is told from others by: the id of what was posted; of a like, a share, a follow and a move that of the
    /// activity; of what changes or ends something the id of that.
    pub id: String,
    /// What it is about: of a reply the URL that it answers, in the form of [`target_of`]; of a like and a share the key of the
    /// object of this host.
    pub target: Option<String>,
    /// Whether everybody may see it. A like is counted whoever may see it.
    pub is_open: bool,
    /// Whether it belongs among what those say who are followed.
    pub is_news: bool,
    /// Whether it is addressed to the owner of the inbox, or about what is theirs.
    pub is_notice: bool,
}

/// A URL as targets are compared by it: without query, fragment and the slash at its end. An article's page and its
/// publications are one thing to answer.
pub fn target_of(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/')
}

/// Whether an object is for everybody, as far as it says itself whom it is for.
fn is_open_object(object: &Value) -> bool {
    let named = || ["to", "cc"].into_iter().flat_map(|member| urls_of(object.get(member)));
    named().next().is_none() || named().any(is_public)
}

/// The URLs of whom an activity and what was posted with it name: in `to`, `cc` or as a mention.
pub fn named(activity: &Activity) -> impl Iterator<Item = &str> {
    let members = |name| [activity.object_document().get(name), activity.document.get(name)].into_iter();
    let addressed = ["to", "cc"].into_iter().flat_map(members).flat_map(urls_of);
    let tags = members("tag").flatten().flat_map(|tag| tag.as_array().map_or(std::slice::from_ref(tag), Vec::as_slice));
    addressed.chain(tags.filter_map(|tag| tag.get("href")?.as_str()))
}

/// Whether an activity names the actor of this host that it came to. The host's own origin is not known here, so that an actor
/// of another host of our kind with the same name is taken for one; whoever shows it knows better.
fn names_owner(activity: &Activity) -> bool {
    let end = format!("/actors/{}", activity.owner);
    named(activity).any(|url| url.ends_with(&end))
}

/// The remark that an activity is; none where pages show nothing of it.
pub fn remark(activity: &Activity) -> Option<Remark> {
    let actor = activity.actor()?.to_owned();
    let object = activity.object_document();
    let is_inbox = activity.r#box == BoxName::Inbox;
    let object_id = || id_of(object).map(str::to_owned);
    let of_activity = |kind, target: Option<String>, is_open, is_news, is_notice| Remark {
        kind,
        actor: actor.clone(),
        id: activity.id.to_string(),
        target,
        is_open,
        is_news,
        is_notice,
    };
    let about = || activity.object.as_ref().map(ToString::to_string);
    match activity.kind.as_str() {
        "Create" | "Update" if object.is_object() => {
            let answered = urls_of(object.get("inReplyTo")).next();
            let id = object_id().filter(|id| *id != actor)?;
            let kind = match (activity.kind.as_str(), answered) {
                ("Update", _) => RemarkKind::Update,
                (_, Some(_)) => RemarkKind::Reply,
                (_, None) => RemarkKind::Post,
            };
            if !is_inbox && answered.is_none() {
                return None;
            }
            let is_new = kind != RemarkKind::Update;
            Some(Remark {
                kind,
                id,
                target: answered.filter(|_| is_new).map(|url| target_of(url).to_owned()),
                is_open: activity.audience().is_public && is_open_object(object),
                is_news: is_new && is_inbox,
                is_notice: is_new && is_inbox && names_owner(activity),
                actor,
            })
        }
        "Like" if is_inbox => Some(of_activity(RemarkKind::Like, Some(about()?), true, false, true)),
        "Announce" if is_inbox => {
            let (target, is_open) = (about(), activity.audience().is_public);
            let is_ours = target.is_some();
            Some(of_activity(RemarkKind::Share, target, is_open, true, is_ours))
        }
        "Follow" if is_inbox => Some(of_activity(RemarkKind::Follow, None, true, false, true)),
        "Move" if is_inbox => Some(of_activity(RemarkKind::Move, None, true, false, true)),
        "Undo" if is_inbox => {
            let id = object_id()?;
            Some(Remark { id, ..of_activity(RemarkKind::End, None, true, false, false) })
        }
        "Delete" => {
            let id = object_id()?;
            Some(Remark { id, ..of_activity(RemarkKind::End, None, true, false, false) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{activity::PUBLIC, canonical::Cid, ids::ActivityId};

    const THEM: &str = "https://there.example/ann";
    const ME: &str = "https://here.example/actors/site";

    fn said(r#box: BoxName, kind: &str, object: Value, to: Value, about: Option<&str>) -> Option<Remark> {
        let actor = if r#box == BoxName::Inbox { THEM } else { ME };
        let id: ActivityId = "https://there.example/activities/1".parse().expect("a URL");
        let document = json!({"id": id, "type": kind, "actor": actor, "object": object, "to": to});
        let document = document.as_object().cloned().expect("an object");
        remark(&Activity {
            cid: Cid::of_document(&document),
            owner: "site".parse().expect("a name"),
            r#box,
            kind: kind.parse().expect("a type"),
            object_type: "Note".parse().expect("a type"),
            object: about.map(|key| key.parse().expect("a key")),
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
        })
    }

    /// What each activity is, in a line: kind, what it is told by, what it is about, and whether it is open, news, a notice.
    #[test]
    fn activities_are_read_as_remarks() {
        let note = |members: Value| {
            let mut note = json!({"id": "https://there.example/n/1", "type": "Note", "content": "x"});
            let object = note.as_object_mut().expect("an object");
            object.extend(members.as_object().cloned().expect("an object"));
            note
        };
        let reply = || note(json!({"inReplyTo": "https://here.example/roses/?a=b#c"}));
        let (inbox, outbox, all) = (BoxName::Inbox, BoxName::Outbox, json!([PUBLIC]));
        let rows = [
            (inbox, "Create", reply(), all.clone(), None),
            (inbox, "Create", reply(), json!([ME]), None),
            (inbox, "Create", note(json!({"to": [THEM], "tag": {"type": "Mention", "href": ME}})), all.clone(), None),
            (inbox, "Create", note(json!({"cc": "as:Public"})), all.clone(), None),
            (inbox, "Update", reply(), all.clone(), None),
            (inbox, "Update", json!({"id": THEM, "type": "Person"}), all.clone(), None),
            (inbox, "Create", json!("https://there.example/n/1"), all.clone(), None),
            (inbox, "Like", json!("https://here.example/roses/"), json!([]), Some("Article/roses")),
            (inbox, "Like", json!("https://elsewhere.example/1"), json!([]), None),
            (inbox, "Announce", json!("https://here.example/roses/"), all.clone(), Some("Article/roses")),
            (inbox, "Announce", json!("https://elsewhere.example/1"), all.clone(), None),
            (inbox, "Follow", json!(ME), json!([]), None),
            (inbox, "Move", json!(THEM), json!([]), None),
            (inbox, "Undo", json!({"id": "https://there.example/l/1", "type": "Like"}), json!([]), None),
            (inbox, "Delete", json!(THEM), json!([]), None),
            (outbox, "Create", reply(), all.clone(), Some("Note/1")),
            (outbox, "Create", note(json!({})), all.clone(), Some("Note/1")),
            (outbox, "Delete", note(json!({})), all.clone(), Some("Note/1")),
            (outbox, "Like", json!("https://there.example/n/1"), all, None),
            (inbox, "Accept", json!("https://there.example/n/1"), json!([]), None),
        ];
        let lines: Vec<String> = rows
            .into_iter()
            .map(|(r#box, kind, object, to, about)| {
                let told = said(r#box, kind, object, to, about).map(|remark| {
                    let flag = |is: bool, letter| if is { letter } else { '-' };
                    let (open, news) = (flag(remark.is_open, 'o'), flag(remark.is_news, 'n'));
                    let target = remark.target.as_deref().unwrap_or("nothing");
                    let notice = flag(remark.is_notice, '!');
                    format!("{} {} about {target} {open}{news}{notice}", remark.kind.as_str(), remark.id)
                });
                format!("{box} {kind}: {}", told.unwrap_or_else(|| "nothing".to_owned()))
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in RemarkKind::ALL {
            assert_eq!(RemarkKind::of(kind.as_str()), Some(kind));
        }
        assert_eq!(RemarkKind::of("poke"), None);
    }

    #[test]
    fn a_page_and_the_publications_of_an_object_are_one_target() {
        for url in ["https://h/roses", "https://h/roses/", "https://h/roses?publication=2", "https://h/roses/#replies"]
        {
            assert_eq!(target_of(url), "https://h/roses");
        }
    }
}
