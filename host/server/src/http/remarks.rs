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

/// `GET /objects/{type}/{id}/replies`
pub(super) async fn replies(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let object = readable(&app.host, &key, &visitor).await?;
    collection(&app.host, &visitor, &object, RemarkKind::Reply, &uri, &headers).await
}

/// `GET /objects/{type}/{id}/likes`
pub(super) async fn likes(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let object = readable(&app.host, &key, &visitor).await?;
    collection(&app.host, &visitor, &object, RemarkKind::Like, &uri, &headers).await
}

/// `GET /objects/{type}/{id}/shares`
pub(super) async fn shares(
    State(app): State<App>,
    Named(key): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let object = readable(&app.host, &key, &visitor).await?;
    collection(&app.host, &visitor, &object, RemarkKind::Share, &uri, &headers).await
}

/// What a collection of remarks of a kind is called in addresses.
pub(super) fn name(kind: RemarkKind) -> &'static str {
    match kind {
        RemarkKind::Like => "likes",
        RemarkKind::Share => "shares",
        RemarkKind::Reply
        | RemarkKind::Post
        | RemarkKind::Follow
        | RemarkKind::Move
        | RemarkKind::Update
        | RemarkKind::End => "replies",
    }
}

async fn collection(
    host: &Host,
    visitor: &Visitor,
    object: &Object,
    kind: RemarkKind,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let fields = input::fields(uri.query().unwrap_or_default().as_bytes());
    let after = fields.get("after").map(|text| text.parse::<u64>()).transpose();
    let after = after.map_err(|_| Fault::invalid("after", "type", "must be a whole number"))?;
    let path = format!("/objects/{}/{}", object.key, name(kind));
    let counts = host.counts_about(object).await?;
    let count = match kind {
        RemarkKind::Like => counts.likes,
        RemarkKind::Share => counts.shares,
        RemarkKind::Reply
        | RemarkKind::Post
        | RemarkKind::Follow
        | RemarkKind::Move
        | RemarkKind::Update
        | RemarkKind::End => counts.replies,
    };
    let form = choose(headers, negotiate::COLLECTION);
    if form == Form::Html {
        let mut found = host.said_about(object, kind, after.unwrap_or(0), REMARKS_PAGE).await?;
        hide(&mut found, visitor);
        return Ok(page::html(&RemarksPage::of(visitor, object, kind, count, &found, &path)));
    }
    let url = format!("{}{path}", host.base_url());
    let mut told = json!({"@context": ACTIVITY_STREAMS, "totalItems": count.number});
    if let Some(after) = after {
        let mut found = host.said_about(object, kind, after, BOX_PAGE).await?;
        hide(&mut found, visitor);
        let is_reply = kind == RemarkKind::Reply;
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
            replies: in_words(counts.replies, "reply", "replies"),
            likes: in_words(counts.likes, "like", "likes"),
            shares: in_words(counts.shares, "boost", "boosts"),
        })
    }
}

fn in_words(count: Count, one: &str, many: &str) -> String {
    let Count { number, has_more } = count;
    match (number, has_more) {
        (1, false) => format!("1 {one}"),
        (number, false) => format!("{number} {many}"),
        (number, true) => format!("more than {number} {many}"),
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
    fn of(visitor: &Visitor, object: &Object, kind: RemarkKind, count: Count, found: &SaidPage, path: &str) -> Self {
        let name = object.content.as_ref().and_then(|content| content.get("name")?.as_str()).map(line);
        let (heading, count) = match kind {
            RemarkKind::Like => ("Likes", in_words(count, "like", "likes")),
            RemarkKind::Share => ("Boosts", in_words(count, "boost", "boosts")),
            RemarkKind::Reply
            | RemarkKind::Post
            | RemarkKind::Follow
            | RemarkKind::Move
            | RemarkKind::Update
            | RemarkKind::End => ("Replies", in_words(count, "reply", "replies")),
        };
        let title = name.filter(|name| !name.is_empty()).unwrap_or_else(|| object.key.to_string());
        Self {
            frame: Frame::new(format!("{heading}: {title}"), visitor),
            title,
            back: written::path(&object.key, object.slug()),
            heading,
            count,
            has_words: kind == RemarkKind::Reply,
            remarks: found.said.iter().map(RemarkView::of).collect(),
            next: found.next.map(|next| format!("{path}?after={next}")),
            owner: visitor.may_act_as(&object.owner).then(|| object.owner.to_string()),
        }
    }
}
