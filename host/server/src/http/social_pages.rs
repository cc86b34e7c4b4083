//! `/actors/{id}/timeline` and `…/notifications`: what those say whom an actor of this host follows, and what others say to
//! it. Both are their owner's, newest first, a page at a time.

use askama::Template;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header::VARY},
    response::{IntoResponse, Response},
};
use rosehip_core::{follows::FollowState, remark::RemarkKind};

use super::{
    App,
    actors::Named,
    boxes::Asked,
    fault::Fault,
    negotiate::{self, Form, choose},
    page::{self, Frame},
    remark_view::{RemarkView, RemarksJson, ours},
    visitor::Visitor,
};
use crate::host::{Host, Said, SaidPage};

/// A row of the navigation between what an actor's owner may see: the word, its address and whether it is this page.
pub(super) type Tab = (&'static str, String, bool);

/// The pages of an actor, as its owner goes between them.
pub(super) fn tabs(actor: &str, may_act: bool, current: &str) -> Vec<Tab> {
    let at = |end: &str| format!("/actors/{actor}{end}");
    let all = [
        ("Posts", ""),
        ("Timeline", "/timeline"),
        ("Notifications", "/notifications"),
        ("Write a note", "/notes"),
        ("Followers", "/followers"),
        ("Requests", "/followers?state=pending"),
        ("Following", "/following"),
        ("Inbox", "/inbox"),
    ];
    let is_shown = |(word, _): &(&str, &str)| may_act || *word != "Write a note";
    all.into_iter().filter(is_shown).map(|(word, end)| (word, at(end), word == current)).collect()
}

/// Something in a timeline.
struct Row {
    remark: RemarkView,
    /// Where it can be answered, by those who may.
    answer: Option<String>,
    /// What of this host it is about, and where that is.
    ours: Option<(String, String)>,
    /// Whether a follow waits for a decision, and whether it stands.
    is_pending: bool,
    is_following: bool,
    /// The address that somebody has from now on.
    moved_to: Option<String>,
}

impl Row {
    async fn of(host: &Host, actor: &str, may_act: bool, said: &Said) -> Result<Self, Fault> {
        let remark = RemarkView::of(said);
        let answer = Some(&remark.id).filter(|id| may_act && remark.has_words() && !id.is_empty());
        let query =
            |id: &String| form_urlencoded::Serializer::new(String::new()).append_pair("in_reply_to", id).finish();
        let target = said.activity.document.get("target").and_then(rosehip_core::activity::id_of);
        Ok(Self {
            answer: answer.map(|id| format!("/actors/{actor}/notes?{}", query(id))),
            ours: ours(host, said).await?,
            is_pending: said.follow == Some(FollowState::Pending),
            is_following: said.follow == Some(FollowState::Accepted),
            moved_to: target.filter(|_| said.kind == RemarkKind::Move).map(str::to_owned),
            remark,
        })
    }

    /// What was done, after the name of who did it.
    fn deed(&self) -> &'static str {
        match self.remark.kind {
            RemarkKind::Reply => "replied",
            RemarkKind::Post | RemarkKind::Update | RemarkKind::End => "wrote",
            RemarkKind::Like => "likes",
            RemarkKind::Share => "boosted",
            RemarkKind::Follow if self.is_pending => "wants to follow",
            RemarkKind::Follow if self.is_following => "follows",
            // Who was refused or has left does not.
            RemarkKind::Follow => "asked to follow",
            RemarkKind::Move => "has moved",
        }
    }
}

/// What an actor's owner reads.
#[derive(Template)]
#[template(path = "timeline.html")]
struct StreamPage {
    frame: Frame,
    name: String,
    heading: &'static str,
    empty: &'static str,
    tabs: Vec<Tab>,
    may_act: bool,
    rows: Vec<Row>,
    newest: Option<String>,
    older: Option<String>,
}

/// `GET /actors/{id}/timeline`
pub(super) async fn timeline(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.must_own(&actor.name)?;
    let before = Asked::of(&uri)?.before();
    let found = app.host.timeline(&actor.name, before).await?;
    let stream = Stream { actor: actor.name.as_str(), end: "timeline", heading: "Timeline", before };
    let empty = "Nothing yet. What those say whom it follows comes here.";
    stream.answer(&app.host, &visitor, &headers, &found, empty).await
}

/// `GET /actors/{id}/notifications`
pub(super) async fn notifications(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.must_own(&actor.name)?;
    let before = Asked::of(&uri)?.before();
    let found = app.host.notices(&actor.name, before).await?;
    let stream = Stream { actor: actor.name.as_str(), end: "notifications", heading: "Notifications", before };
    let empty = "Nothing yet. Follows, replies, mentions, likes and boosts come here.";
    stream.answer(&app.host, &visitor, &headers, &found, empty).await
}

/// One of the two.
struct Stream<'a> {
    actor: &'a str,
    end: &'static str,
    heading: &'static str,
    before: Option<u64>,
}

impl Stream<'_> {
    async fn answer(
        &self,
        host: &Host,
        visitor: &Visitor,
        headers: &HeaderMap,
        found: &SaidPage,
        empty: &'static str,
    ) -> Result<Response, Fault> {
        let path = format!("/actors/{}/{}", self.actor, self.end);
        let next = found.next.map(|next| format!("{path}?before={next}"));
        let mut response = if choose(headers, negotiate::PAGE) == Form::Html {
            let may_act = self.actor.parse().is_ok_and(|actor| visitor.may_act_as(&actor));
            let mut rows = Vec::with_capacity(found.said.len());
            for said in &found.said {
                rows.push(Row::of(host, self.actor, may_act, said).await?);
            }
            page::html(&StreamPage {
                frame: Frame::new(format!("{} · {}", self.heading, self.actor), visitor),
                name: self.actor.to_owned(),
                heading: self.heading,
                empty,
                tabs: tabs(self.actor, may_act, self.heading),
                may_act,
                rows,
                newest: self.before.map(|_| path),
                older: next,
            })
        } else {
            Json(RemarksJson::of(found, next)).into_response()
        };
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept, authorization"));
        Ok(response)
    }
}
