//! Reading articles: the first page, drafts and an article.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_TYPE, ETAG, LINK},
    },
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::{
    activity::{PUBLIC, object_document, tag_url},
    ids::ObjectKey,
    limits::{PAGE_DEFAULT, PAGE_MAX, REMARKS_PAGE},
    object::{Object, tag_of},
    remark::RemarkKind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    App,
    access::Need,
    article_following::Following,
    article_form::{self, Typed},
    fault::Fault,
    flow_row::FlowRow,
    negotiate::{self, Form, choose},
    page::{self, Badge, Frame, Moment, article_badge},
    remark_view::RemarkView,
    remarks::{CountsView, Remarks},
    slug,
    visitor::Visitor,
    written,
};
use crate::host::{FlowQuery, Host, Resolved};

/// Flows that an article's page shows to editors.
const FLOWS_SHOWN: usize = 20;
/// Characters of a body that lists show.
const EXCERPT_CHARS: usize = 220;
/// Bytes of its HTML that they are taken from.
const EXCERPT_HTML_BYTES: usize = 4_096;
/// The context of `ActivityStreams` documents.
fn context() -> Value {
    json!("https://www.w3.org/ns/activitystreams")
}

/// Which part of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    before: Option<String>,
    limit: Option<String>,
    note: Option<String>,
}

impl Paging {
    fn read(&self) -> Result<(Option<u64>, usize), Fault> {
        let number = |field: &'static str, text: &Option<String>| match text.as_deref().filter(|text| !text.is_empty())
        {
            Some(text) => {
                text.parse::<u64>().map(Some).map_err(|_| Fault::invalid(field, "type", "must be a whole number"))
            }
            None => Ok(None),
        };
        let limit =
            number("limit", &self.limit)?.map_or(PAGE_DEFAULT, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX));
        if limit == 0 || limit > PAGE_MAX {
            return Err(Fault::invalid("limit", "range", format!("must be 1 to {PAGE_MAX}")));
        }
        Ok((number("before", &self.before)?, limit))
    }
}

/// An article as lists show it.
struct Card {
    path: String,
    title: String,
    excerpt: String,
    category: Option<String>,
    badge: Badge,
    at: Moment,
}

impl Card {
    fn of(object: &Object) -> Self {
        let typed = Typed::of(object);
        Self {
            path: written::path(&object.key, object.slug()),
            title: typed.title,
            excerpt: excerpt(object),
            category: Some(typed.category).filter(|category| !category.is_empty()),
            badge: article_badge(object.status()),
            at: Moment(object.published_at.unwrap_or(object.updated_at)),
        }
    }
}

/// The beginning of an article's text.
fn excerpt(object: &Object) -> String {
    let html = object.content.as_ref().and_then(|content| content.get("content")?.as_str()).unwrap_or_default();
    let line = plain_text(html);
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", line[..end].rsplit_once(' ').map_or(&line[..end], |(whole, _)| whole)),
        None => line,
    }
}

/// The words of the beginning of HTML.
pub(super) fn plain_text(html: &str) -> String {
    // The beginning is enough, however long the article is.
    let html = &html[..html.floor_char_boundary(EXCERPT_HTML_BYTES)];
    let text = ammonia::Builder::empty().clean(html).to_string();
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Template)]
#[template(path = "articles.html")]
struct ArticlesPage {
    frame: Frame,
    heading: String,
    is_drafts: bool,
    note: Option<&'static str>,
    articles: Vec<Card>,
    next: Option<String>,
}

/// `GET /`
pub(super) async fn index(
    State(app): State<App>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let (before, limit) = paging.read()?;
    let objects = app.host.published(before, limit + 1).await?;
    let (path, heading) = ("/".to_owned(), "Articles".to_owned());
    let list = List { app: &app, path, heading, objects, limit, paging: &paging };
    Ok(list.answer(&headers, &visitor))
}

/// `GET /drafts`
pub(super) async fn drafts(
    State(app): State<App>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let (before, limit) = paging.read()?;
    let objects = app.host.drafts(before, limit + 1).await?;
    let (path, heading) = ("/drafts".to_owned(), "Drafts".to_owned());
    let list = List { app: &app, path, heading, objects, limit, paging: &paging };
    Ok(list.answer(&headers, &visitor))
}

/// `GET /tags/{tag}`
pub(super) async fn tagged(
    State(app): State<App>,
    Path(tag): Path<String>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let (before, limit) = paging.read()?;
    let tag = tag_of(&tag);
    let objects = app.host.tagged(&tag, before, limit + 1).await?;
    let path = tag_url("", &tag);
    let list = List { app: &app, path, heading: format!("#{tag}"), objects, limit, paging: &paging };
    Ok(list.answer(&headers, &visitor))
}

/// A page of articles, with one more than it shows where there is a next page.
struct List<'a> {
    app: &'a App,
    path: String,
    heading: String,
    /// With the place of each in the list.
    objects: Vec<(u64, Object)>,
    limit: usize,
    paging: &'a Paging,
}

impl List<'_> {
    fn answer(mut self, headers: &HeaderMap, visitor: &Visitor) -> Response {
        let has_next = self.objects.len() > self.limit;
        self.objects.truncate(self.limit);
        let last = self.objects.last().filter(|_| has_next);
        let next = last.map(|(place, _)| format!("{}?before={place}&limit={}", self.path, self.limit));
        let form = choose(headers, negotiate::PUBLIC_PAGE);
        let mut response =
            if form == Form::Html { self.page(visitor, next.clone()) } else { self.collection(form, next.as_deref()) };
        if let Some(link) = next.and_then(|next| format!("<{next}>; rel=\"next\"").parse().ok()) {
            response.headers_mut().insert(LINK, link);
        }
        response
    }

    fn page(&self, visitor: &Visitor, next: Option<String>) -> Response {
        page::html(&ArticlesPage {
            frame: Frame::new(self.heading.clone(), visitor),
            heading: self.heading.clone(),
            is_drafts: self.path == "/drafts",
            note: self.paging.note.as_deref().and_then(note),
            articles: self.objects.iter().map(|(_, object)| Card::of(object)).collect(),
            next,
        })
    }

    fn collection(&self, form: Form, next: Option<&str>) -> Response {
        let base_url = self.app.host.base_url();
        let items: Vec<Value> = self.objects.iter().map(|(_, object)| object_document(base_url, object)).collect();
        let id = format!("{base_url}{}", self.path);
        let mut collection =
            json!({"@context": context(), "id": id, "type": "OrderedCollection", "orderedItems": items});
        if let Some(before) = self.paging.before.as_deref() {
            collection["id"] = format!("{id}?before={before}").into();
            collection["type"] = "OrderedCollectionPage".into();
            collection["partOf"] = id.into();
        }
        if let Some(next) = next {
            collection["next"] = format!("{base_url}{next}").into();
        }
        document(form, &collection)
    }
}

/// Writes a JSON document in the form that was asked for.
pub(super) fn document(form: Form, value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).expect("what is shown has text for member names");
    ([(CONTENT_TYPE, form.content_type())], text).into_response()
}

/// An object as an `ActivityStreams` document.
pub(super) fn with_context(base_url: &str, object: &Object) -> Value {
    let mut value = object_document(base_url, object);
    value["@context"] = context();
    if object.is_for_everybody() {
        for (name, url) in collections(base_url, &object.key) {
            if value.get(name).is_none() {
                value[name] = url.into();
            }
        }
    }
    value
}

/// The collections of what was said about an object, by the members that name them (ActivityPub §5.7 and §5.8, `replies` of
/// the ActivityStreams vocabulary).
fn collections(base_url: &str, key: &ObjectKey) -> [(&'static str, String); 3] {
    Remarks::ALL.map(Remarks::name).map(|name| (name, format!("{base_url}/objects/{key}/{name}")))
}

/// Takes out of what is sent what a document of the object told of those collections, and of whom an article is for: whoever
/// changes what was read sends it back.
pub(super) fn without_told(base_url: &str, key: &ObjectKey, members: &mut Map<String, Value>) {
    for (name, url) in collections(base_url, key) {
        if members.get(name).and_then(Value::as_str) == Some(&url) {
            members.remove(name);
        }
    }
    if key.kind == Host::article_type() && members.get("to").is_some_and(|to| *to == json!([PUBLIC])) {
        members.remove("to");
        members.remove("cc");
    }
}

/// Notes that an address may ask for; nothing else of it reaches the page.
fn note(name: &str) -> Option<&'static str> {
    match name {
        "deleted" => Some("Deleted."),
        _ => None,
    }
}

#[derive(Template)]
#[template(path = "article.html")]
struct ArticlePage {
    frame: Frame,
    slug: String,
    title: String,
    content: String,
    category: Option<String>,
    /// Each with the address of what else has it.
    tags: Vec<(String, String)>,
    badge: Badge,
    is_published: bool,
    at: Moment,
    updated: Option<Moment>,
    revision: u64,
    flows: Vec<FlowRow>,
    /// What its last change set off, for editors.
    following: Option<Following>,
    key: String,
    /// What was said about it, where that is anything.
    counts: Option<CountsView>,
    replies: Vec<RemarkView>,
    /// The address of more replies.
    more: Option<String>,
    /// Whose article it is, where the visitor may answer as it.
    owner: Option<String>,
}

/// `GET /{slug}/`
pub(super) async fn show(
    State(app): State<App>,
    Path(slug): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    if slug::is_reserved(&slug) {
        return Ok(Redirect::permanent(&format!("/{slug}")).into_response());
    }
    let may_write = visitor.has(Need::Write);
    let is_visible = |object: &Object| object.exists() && (may_write || object.status() == Some("published"));
    let object = match app.host.by_slug(&slug).await? {
        Some(Resolved::Article(object)) if is_visible(&object) => *object,
        Some(Resolved::Moved(to)) => {
            // Where a draft lives now is nobody's business either.
            return match app.host.by_slug(&to).await? {
                Some(Resolved::Article(object)) if is_visible(&object) => Ok(moved(&format!("/{to}/"))),
                Some(Resolved::Article(_) | Resolved::Moved(_)) | None => Err(not_found()),
            };
        }
        None if app.host.slug_was_erased(&slug)? => return Err(Fault::gone("the article")),
        Some(Resolved::Article(_)) | None => return Err(not_found()),
    };
    let form = choose(&headers, negotiate::PUBLIC_PAGE);
    if form == Form::Html {
        return article_page(&app.host, &visitor, &object).await;
    }
    let mut response = document(form, &with_context(app.host.base_url(), &object));
    response.headers_mut().insert(ETAG, written::etag(object.revision));
    Ok(response)
}

async fn article_page(host: &Host, visitor: &Visitor, object: &Object) -> Result<Response, Fault> {
    let typed = Typed::of(object);
    let content = object.content.as_ref();
    let html = content.and_then(|content| content.get("content")?.as_str()).unwrap_or_default();
    let (flows, following) = match visitor.has(Need::Write) {
        true => (flows_of(host, object, visitor).await?, Following::of(host, object).await?),
        false => (Vec::new(), None),
    };
    let at = object.published_at.unwrap_or(object.updated_at);
    let replies = host.said_about(object, RemarkKind::Reply, 0, REMARKS_PAGE).await?;
    Ok(page::html(&ArticlePage {
        frame: Frame::new(typed.title.clone(), visitor),
        slug: typed.slug,
        title: typed.title,
        content: html.to_owned(),
        category: Some(typed.category).filter(|category| !category.is_empty()),
        tags: content
            .map(article_form::tags)
            .unwrap_or_default()
            .into_iter()
            .map(|tag| (tag_url("", &tag), tag))
            .collect(),
        badge: article_badge(object.status()),
        is_published: object.status() == Some("published"),
        at: Moment(at),
        updated: (object.updated_at > at).then_some(Moment(object.updated_at)),
        revision: object.revision,
        flows,
        following,
        key: object.key.to_string(),
        counts: CountsView::of(&host.counts_about(object).await?),
        replies: replies.said.iter().map(RemarkView::of).collect(),
        more: replies.next.map(|next| format!("/objects/{}/replies?after={next}", object.key)),
        owner: visitor.may_act_as(&object.owner).then(|| object.owner.to_string()),
    }))
}

/// The flows that an article's last publication started.
async fn flows_of(host: &Host, object: &Object, visitor: &Visitor) -> Result<Vec<FlowRow>, Fault> {
    let query = FlowQuery { limit: FLOWS_SHOWN, object: Some(object.key.to_string()), ..FlowQuery::default() };
    let since = object.published_at;
    let flows = host.flows(query).await?.flows;
    let since = flows.iter().filter(|flow| since.is_none_or(|since| flow.started_at >= since));
    Ok(since.map(|flow| FlowRow::of(flow, visitor)).collect())
}

/// `GET /{slug}`: addresses of articles end in a slash.
pub(super) async fn to_slash(Path(slug): Path<String>) -> Result<Redirect, Fault> {
    if !slug::is_slug(&slug) || slug::is_reserved(&slug) {
        return Err(Fault::not_found("page"));
    }
    Ok(Redirect::permanent(&format!("/{slug}/")))
}

fn moved(to: &str) -> Response {
    let location = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (axum::http::StatusCode::MOVED_PERMANENTLY, [(axum::http::header::LOCATION, location)]).into_response()
}

/// What a stranger hears of a draft, and everybody of what never was.
pub(super) fn not_found() -> Fault {
    Fault::not_found("article")
}
