//! `GET /actors/{id}/outbox` and `…/inbox`: boxes as `ActivityStreams` collections, for people as pages. Strangers see of an
//! outbox what everybody may see; an inbox is its owner's.

use axum::{
    extract::State,
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{ETAG, IF_NONE_MATCH, VARY},
    },
    response::{IntoResponse, Response},
};
use rosehip_adapters::views::BoxTip;
use rosehip_core::{activity::ACTIVITY_STREAMS, actor::LocalActor, ids::BoxName, limits::BOX_PAGE};
use serde_json::{Value, json};

use super::{
    App,
    actor_pages::BoxedPage,
    actors::Named,
    article_pages::document,
    fault::Fault,
    input,
    negotiate::{self, Form, choose},
    page,
    visitor::Visitor,
};
use crate::host::{BoxPage, BoxRequest};

/// `GET /actors/{id}/outbox`
pub(super) async fn outbox(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let only_public = !visitor.owns(&actor.name);
    answer(&app, &visitor, &actor, BoxName::Outbox, only_public, &uri, &headers).await
}

/// `GET /actors/{id}/inbox`
pub(super) async fn inbox(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    visitor.must_own(&actor.name)?;
    answer(&app, &visitor, &actor, BoxName::Inbox, false, &uri, &headers).await
}

/// Which part of a collection an address asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    page: Option<u64>,
    since: Option<String>,
    before: Option<u64>,
}

impl Asked {
    /// Reads `page`, `since` and `before`, in whatever order they stand.
    pub(super) fn of(uri: &Uri) -> Result<Self, Fault> {
        let mut fields = input::fields(uri.query().unwrap_or_default().as_bytes());
        let page = match fields.remove("page") {
            Some(text) => match text.parse() {
                Ok(page) if page > 0 => Some(page),
                Ok(_) | Err(_) => return Err(Fault::invalid("page", "range", "must be a whole number from 1")),
            },
            None => None,
        };
        let before = fields.remove("before").map(|text| text.parse());
        let before = before.transpose().map_err(|_| Fault::invalid("before", "type", "must be a whole number"))?;
        Ok(Self { page, before, since: fields.remove("since").filter(|since| !since.is_empty()) })
    }

    /// The page, which is the first where none is named.
    pub(super) fn page(&self) -> u64 {
        self.page.unwrap_or(1)
    }

    /// The entry that a stream is asked for what came before.
    pub(super) fn before(&self) -> Option<u64> {
        self.before
    }

    /// Whether the collection as a whole is asked for.
    pub(super) fn is_whole(&self) -> bool {
        self.page.is_none() && self.since.is_none()
    }

    /// The address of a page of what is asked for.
    pub(super) fn address(&self, collection: &str, page: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(since) = &self.since {
            query.append_pair("since", since);
        }
        format!("{collection}?{}", query.append_pair("page", &page.to_string()).finish())
    }
}

/// The last page of a collection of so many items.
pub(super) fn last_page(items: u64) -> u64 {
    items.div_ceil(BOX_PAGE as u64).max(1)
}

async fn answer(
    app: &App,
    visitor: &Visitor,
    actor: &LocalActor,
    name: BoxName,
    only_public: bool,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let asked = Asked::of(uri)?;
    let form = choose(headers, negotiate::COLLECTION);
    // The tip is read first: what comes between the two reads is listed twice by whoever follows it, and never missed.
    let tip = app.host.box_tip(&actor.name, name).await?;
    let tag = tag(&tip, only_public, form);
    if form != Form::Html && is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let request = BoxRequest {
        owner: actor.name.clone(),
        r#box: name,
        since: asked.since.clone(),
        before: None,
        page: asked.page(),
        only_public,
    };
    let listing = Listing {
        url: format!("{}/{name}", actor.url(app.host.base_url())),
        total: if only_public { tip.public } else { tip.count },
        asked: &asked,
        tip: &tip,
    };
    if form == Form::Html {
        let found = app.host.box_page(&request).await?.unwrap_or_default();
        let page = BoxedPage::of(visitor, actor, name, &asked, &found, listing.total);
        return Ok(page::html(&page));
    }
    let collection = match asked.is_whole() {
        true => listing.whole(),
        false => listing.page(app.host.box_page(&request).await?),
    };
    let mut response = document(form, &collection);
    response.headers_mut().insert(ETAG, tag);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// A box as it is told.
struct Listing<'a> {
    url: String,
    /// Activities of it that the visitor may see.
    total: u64,
    asked: &'a Asked,
    tip: &'a BoxTip,
}

impl Listing<'_> {
    fn whole(&self) -> Value {
        let address = |page| self.asked.address(&self.url, page);
        json!({
            "@context": context(),
            "id": self.url,
            "type": "OrderedCollection",
            "totalItems": self.total,
            "first": address(1),
            "last": address(last_page(self.total)),
            "tip": self.tip(),
        })
    }

    /// A page; where nobody knows the Cid that it is to begin after, it holds the tip and nothing else.
    fn page(&self, found: Option<BoxPage>) -> Value {
        let page = self.asked.page();
        let mut told = json!({
            "@context": context(),
            "id": self.asked.address(&self.url, page),
            "type": "OrderedCollectionPage",
            "partOf": self.url,
            "orderedItems": [],
            "tip": self.tip(),
        });
        let Some(found) = found else { return told };
        told["totalItems"] = self.total.into();
        told["orderedItems"] = found.activities.iter().map(|activity| json!(activity.document)).collect();
        // Beside the items and not in them: a Cid is over a document, which would be another one with it.
        told["cids"] = found.activities.iter().map(|activity| json!(activity.cid)).collect();
        if found.has_next {
            told["next"] = self.asked.address(&self.url, page.saturating_add(1)).into();
        }
        if page > 1 {
            told["prev"] = self.asked.address(&self.url, page - 1).into();
        }
        told
    }

    fn tip(&self) -> Value {
        json!({"seq": self.tip.count, "cid": self.tip.cid})
    }
}

/// The vocabularies of a box: what `ActivityStreams` does not know is rosehip's own.
fn context() -> Value {
    let own = ["tip", "seq", "cid", "cids"].map(|name| (name.to_owned(), json!(format!("urn:rosehip:{name}"))));
    json!([ACTIVITY_STREAMS, Value::Object(own.into_iter().collect())])
}

/// Changes with the box, and differs by who asks and in which form.
fn tag(tip: &BoxTip, only_public: bool, form: Form) -> HeaderValue {
    let who = if only_public { "public" } else { "owner" };
    let form = match form {
        Form::Html => "html",
        Form::Json => "json",
        Form::Activity => "activity",
        Form::LinkedData => "ld",
    };
    let cid = tip.cid.as_deref().unwrap_or("empty");
    let tag = format!("\"{cid}-{}-{}-{who}-{form}\"", tip.count, tip.public);
    tag.parse().expect("letters, digits and hyphens in quotes are a header value")
}

fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tag = tag.to_str().unwrap_or_default();
    // The comparison is the weak one (RFC 9110 §13.1.2).
    lists
        .flat_map(|list| list.split(','))
        .any(|known| matches!(known.trim().trim_start_matches("W/"), known if known == tag || known == "*"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &'static str) -> Result<Asked, String> {
        let uri = format!("/actors/site/outbox?{query}").parse().expect("a URI");
        Asked::of(&uri).map_err(|fault| fault.errors[0].field.clone())
    }

    #[test]
    fn page_and_since_come_in_either_order() {
        let both = Asked { page: Some(2), since: Some("bagu".to_owned()), before: None };
        assert_eq!(asked("page=2&since=bagu"), Ok(both.clone()));
        assert_eq!(asked("since=bagu&page=2"), Ok(both.clone()));
        assert_eq!(both.address("http://h/outbox", 3), "http://h/outbox?since=bagu&page=3");
        assert_eq!(asked(""), Ok(Asked::default()));
        assert_eq!(asked("before=x"), Err("before".to_owned()));
        for bad in ["page=0", "page=x", "page=", "page=-1", "page=1.5"] {
            assert_eq!(asked(bad), Err("page".to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_tag_is_known_by_itself_in_a_list_and_weakly() {
        let tip = BoxTip { count: 3, public: 1, cid: Some("bagu".to_owned()) };
        let tag = tag(&tip, true, Form::Json);
        assert_eq!(tag, "\"bagu-3-1-public-json\"");
        let known = |text: &'static str| {
            is_known(&HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(text))]), &tag)
        };
        for text in ["\"bagu-3-1-public-json\"", "\"x\", W/\"bagu-3-1-public-json\"", "*"] {
            assert!(known(text), "{text}");
        }
        assert!(!known("\"bagu-3-1-owner-json\"") && !is_known(&HeaderMap::new(), &tag));
    }

    #[test]
    fn an_empty_collection_has_one_page() {
        assert_eq!([0, 1, 50, 51, 100].map(last_page), [1, 1, 1, 2, 2]);
    }
}
