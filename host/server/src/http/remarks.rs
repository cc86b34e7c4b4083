//! `/objects/{type}/{id}/replies`, `…/likes` and `…/shares`: what was said about an object of this host, as collections of
//! `ActivityStreams` (ActivityPub §5.7 and §5.8) and as pages.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header::VARY},
    response::Response,
};
use rosehip_core::{
    activity::ACTIVITY_STREAMS,
    limits::{BOX_PAGE, REMARKS_PAGE},
    object::Object,
    remark::RemarkKind,
};
use serde_json::json;

use super::{
    App,
    access::Need,
    article_pages::document,
    fault::Fault,
    input,
    negotiate::{self, Form, choose},
    objects::{Named, readable},
    page::{self, Frame},
    remark_view::{RemarkView, line},
    visitor::Visitor,
    written,
};
use crate::host::{Count, Counts, Host, Said, SaidPage};

/// The collections that an object of this host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remarks {
    /// What answers it.
    Replies,
    /// Who likes it.
    Likes,
    /// Who passed it on.
    Shares,
}

impl Remarks {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Replies, Self::Likes, Self::Shares];

    /// The member of the object's document that names it, which is also the end of its address.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Replies => "replies",
            Self::Likes => "likes",
            Self::Shares => "shares",
        }
    }

    fn kind(self) -> RemarkKind {
        match self {
            Self::Replies => RemarkKind::Reply,
            Self::Likes => RemarkKind::Like,
            Self::Shares => RemarkKind::Share,
        }
    }

    fn count(self, counts: &Counts) -> Count {
        match self {
            Self::Replies => counts.replies,
            Self::Likes => counts.likes,
            Self::Shares => counts.shares,
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::Replies => "Replies",
            Self::Likes => "Likes",
            Self::Shares => "Boosts",
        }
    }

    /// So many of them, in words.
    fn in_words(self, Count { number, has_more }: Count) -> String {
        let (one, many) = match self {
            Self::Replies => ("reply", "replies"),
            Self::Likes => ("like", "likes"),
            Self::Shares => ("boost", "boosts"),
        };
        match (number, has_more) {
            (1, false) => format!("1 {one}"),
            (number, false) => format!("{number} {many}"),
            (number, true) => format!("more than {number} {many}"),
        }
    }
}

/// `GET /objects/{type}/{id}/replies`, `…/likes` and `…/shares`
pub(super) async fn show(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let end = uri.path().rsplit('/').next();
    let asked = Remarks::ALL.into_iter().find(|remarks| Some(remarks.name()) == end);
    let asked = asked.ok_or_else(|| Fault::not_found("collection"))?;
    let object = readable(&app.host, &key, &visitor).await?;
    collection(&app.host, &visitor, &object, asked, &uri, &headers).await
}

async fn collection(
    host: &Host,
    visitor: &Visitor,
    object: &Object,
    asked: Remarks,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let fields = input::fields(uri.query().unwrap_or_default().as_bytes());
    let after = fields.get("after").map(|text| text.parse::<u64>()).transpose();
    let after = after.map_err(|_| Fault::invalid("after", "type", "must be a whole number"))?;
    let path = format!("/objects/{}/{}", object.key, asked.name());
    let count = asked.count(&host.counts_about(object).await?);
    let form = choose(headers, negotiate::COLLECTION);
    if form == Form::Html {
        let mut found = host.said_about(object, asked.kind(), after.unwrap_or(0), REMARKS_PAGE).await?;
        hide(&mut found, visitor);
        return Ok(page::html(&RemarksPage::of(visitor, object, asked, count, &found, &path)));
    }
    let url = format!("{}{path}", host.base_url());
    let mut told = json!({"@context": ACTIVITY_STREAMS, "totalItems": count.number});
    if let Some(after) = after {
        let mut found = host.said_about(object, asked.kind(), after, BOX_PAGE).await?;
        hide(&mut found, visitor);
        let is_reply = asked == Remarks::Replies;
        let items = found.said.iter().map(|said| match said.object_id() {
            Some(id) if is_reply => id.to_owned(),
            Some(_) | None => said.activity.id.to_string(),
        });
        told["id"] = format!("{url}?after={after}").into();
        told["type"] = "OrderedCollectionPage".into();
        told["partOf"] = url.clone().into();
        told["orderedItems"] = items.collect();
        if let Some(next) = found.next {
            told["next"] = format!("{url}?after={next}").into();
        }
    } else {
        told["id"] = url.clone().into();
        told["type"] = "OrderedCollection".into();
        told["first"] = format!("{url}?after=0").into();
    }
    let mut response = document(form, &told);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// A like is counted; whose it is hears who may write here, and everybody of those that say that they are for everybody.
fn hide(found: &mut SaidPage, visitor: &Visitor) {
    if !visitor.has(Need::Write) {
        found.said.retain(Said::is_public);
    }
}

/// What was said about an object, as numbers that a page shows.
pub(super) struct CountsView {
    pub(super) replies: String,
    pub(super) likes: String,
    pub(super) shares: String,
}

impl CountsView {
    /// None where nothing was said.
    pub(super) fn of(counts: &Counts) -> Option<Self> {
        let all = [counts.replies, counts.likes, counts.shares];
        let [replies, likes, shares] = all.map(|count| count.number);
        (replies + likes + shares > 0).then(|| Self {
            replies: Remarks::Replies.in_words(counts.replies),
            likes: Remarks::Likes.in_words(counts.likes),
            shares: Remarks::Shares.in_words(counts.shares),
        })
    }
}

/// What was said of one kind about an object.
#[derive(Template)]
#[template(path = "remarks.html")]
struct RemarksPage {
    frame: Frame,
    /// What the object is called, and its page.
    title: String,
    back: String,
    heading: &'static str,
    count: String,
    has_words: bool,
    remarks: Vec<RemarkView>,
    next: Option<String>,
    /// Whose the object is, where the visitor may answer as it.
    owner: Option<String>,
}

impl RemarksPage {
    fn of(visitor: &Visitor, object: &Object, asked: Remarks, count: Count, found: &SaidPage, path: &str) -> Self {
        let name = object.content.as_ref().and_then(|content| content.get("name")?.as_str()).map(line);
        let title = name.filter(|name| !name.is_empty()).unwrap_or_else(|| object.key.to_string());
        Self {
            frame: Frame::new(format!("{}: {title}", asked.heading()), visitor),
            title,
            back: written::path(&object.key, object.slug()),
            heading: asked.heading(),
            count: asked.in_words(count),
            has_words: asked == Remarks::Replies,
            remarks: found.said.iter().map(RemarkView::of).collect(),
            next: found.next.map(|next| format!("{path}?after={next}")),
            owner: visitor.may_act_as(&object.owner).then(|| object.owner.to_string()),
        }
    }
}
