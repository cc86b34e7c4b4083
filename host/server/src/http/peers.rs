//! `/peers` and `/deliveries`: other hosts, what went there and what did not.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use rosehip_adapters::{
    federation::{DeliveryError, RedriveError},
    views::{DeliveryPlace, PeerRow},
};
use rosehip_core::{
    federation::Peer,
    ids::DeliveryId,
    limits::{PAGE_DEFAULT, PAGE_MAX},
    state::DeliveryStatus,
};
use serde_json::{Value, json};

use super::{
    App,
    article_pages::document,
    bulk::reason_of,
    delivery_view::{DeliveryJson, DeliveryView},
    fault::Fault,
    input::{self, Fields, Input},
    negotiate::{self, Form, choose, wants_redirect},
    page::{self, Badge, Frame, Moment},
    visitor::Visitor,
};
use crate::host::{PeerError, WriteError};

/// A host as JSON.
fn peer_json(row: &PeerRow) -> Value {
    json!({
        "peer": row.peer,
        "blocked": row.is_blocked,
        "queued": row.counts.queued,
        "retrying": row.counts.retrying,
        "delivered": row.counts.delivered,
        "dead": row.counts.dead,
        "delivered_at": row.delivered_at,
        "failed_at": row.failed_at,
        "last_error": row.error,
        "unreachable_since": row.unreachable_since,
    })
}

/// A host as a row of a page.
struct PeerView {
    name: String,
    badge: Badge,
    open: u64,
    delivered: u64,
    dead: u64,
    delivered_at: Option<Moment>,
    failed_at: Option<Moment>,
    error: Option<String>,
    unreachable_since: Option<Moment>,
    is_blocked: bool,
}

impl PeerView {
    fn of(row: &PeerRow) -> Self {
        let badge = match (row.is_blocked, row.unreachable_since) {
            (true, _) => Badge { sign: "⊘", word: "blocked", tone: "bad" },
            (false, Some(_)) => Badge { sign: "✕", word: "unreachable", tone: "waiting" },
            (false, None) if row.delivered_at.is_some() => Badge { sign: "✓", word: "reached", tone: "good" },
            (false, None) => Badge { sign: "○", word: "known", tone: "quiet" },
        };
        Self {
            name: row.peer.to_string(),
            badge,
            open: row.counts.queued + row.counts.retrying,
            delivered: row.counts.delivered,
            dead: row.counts.dead,
            delivered_at: row.delivered_at.map(Moment),
            failed_at: row.failed_at.map(Moment),
            error: row.error.clone(),
            unreachable_since: row.unreachable_since.map(Moment),
            is_blocked: row.is_blocked,
        }
    }
}

#[derive(Template)]
#[template(path = "peers.html")]
struct PeersPage {
    frame: Frame,
    peers: Vec<PeerView>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "peer.html")]
struct PeerPage {
    frame: Frame,
    peer: PeerView,
    deliveries: Vec<DeliveryView>,
    /// The status that is filtered by.
    status: Option<String>,
    next: Option<String>,
}

/// What a list is asked for.
struct Asked {
    fields: Fields,
    limit: usize,
}

impl Asked {
    fn of(uri: &Uri, known: &[&str]) -> Result<Self, Fault> {
        let fields = input::query(uri.query(), known)?;
        let limit = match fields.get("limit") {
            None => PAGE_DEFAULT,
            Some(limit) => {
                let limit = limit.trim().parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
                limit.ok_or_else(|| Fault::invalid("limit", "form", "must be 1 to 200"))?
            }
        };
        Ok(Self { fields, limit })
    }

    /// The address of the next page, with the same filters.
    fn next(&self, path: &str, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.fields.iter().filter(|(name, _)| *name != "cursor"));
        format!("{path}?{}", query.append_pair("cursor", cursor).finish())
    }
}

/// `GET /peers?limit=&cursor=`
pub(super) async fn list(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let asked = Asked::of(&uri, &["limit", "cursor"])?;
    let after = asked.fields.get("cursor").map(String::as_str).unwrap_or_default();
    let mut peers = app.host.peers(after, asked.limit + 1).await?;
    let has_more = peers.len() > asked.limit;
    peers.truncate(asked.limit);
    let cursor = peers.last().filter(|_| has_more).map(|row| row.peer.to_string());
    let form = choose(&headers, negotiate::PAGE);
    if form == Form::Html {
        return Ok(page::html(&PeersPage {
            frame: Frame::new("Peers", &visitor),
            peers: peers.iter().map(PeerView::of).collect(),
            next: cursor.map(|cursor| asked.next("/peers", &cursor)),
        }));
    }
    let peers: Vec<_> = peers.iter().map(peer_json).collect();
    Ok(document(form, &json!({"peers": peers, "next": cursor})))
}

fn named(name: &str) -> Result<Peer, Fault> {
    name.parse().map_err(|_| Fault::not_found("peer"))
}

/// `GET /peers/{host}?status=&limit=&cursor=`
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let peer = named(&name)?;
    let row = app.host.peer(&peer).await?.ok_or_else(|| Fault::not_found("peer"))?;
    let asked = Asked::of(&uri, &["status", "limit", "cursor"])?;
    let status = match asked.fields.get("status").map(|status| status.trim()).filter(|status| !status.is_empty()) {
        None => None,
        Some(word) => Some(
            DeliveryStatus::from_word(word)
                .ok_or_else(|| Fault::invalid("status", "form", "must be queued, retrying, delivered or dead"))?,
        ),
    };
    let before = match asked.fields.get("cursor") {
        None => None,
        Some(cursor) => {
            let place = cursor.trim().parse().map_err(|_| Fault::invalid("cursor", "form", "must be a number"))?;
            Some(DeliveryPlace::from_u64(place))
        }
    };
    let mut deliveries = app.host.deliveries_to(&peer, status, before, asked.limit + 1).await?;
    let has_more = deliveries.len() > asked.limit;
    deliveries.truncate(asked.limit);
    let cursor = deliveries.last().filter(|_| has_more).map(|detail| detail.row.place.as_u64().to_string());
    let form = choose(&headers, negotiate::PAGE);
    if form == Form::Html {
        return Ok(page::html(&PeerPage {
            frame: Frame::new(peer.to_string(), &visitor),
            peer: PeerView::of(&row),
            deliveries: deliveries.iter().map(DeliveryView::of).collect(),
            status: status.map(|status| status.as_str().to_owned()),
            next: cursor.map(|cursor| asked.next(&format!("/peers/{peer}"), &cursor)),
        }));
    }
    let mut told = peer_json(&row);
    told["deliveries"] = json!(deliveries.iter().map(DeliveryJson::of).collect::<Vec<_>>());
    told["next"] = json!(cursor);
    Ok(document(form, &told))
}

/// What was done about a host, as the host or as its page.
async fn done(app: &App, parts: &Parts, peer: &Peer, more: Option<(&str, Value)>) -> Result<Response, Fault> {
    if wants_redirect(parts) {
        return Ok(Redirect::to(&format!("/peers/{peer}")).into_response());
    }
    let row = app.host.peer(peer).await?;
    let mut told = row.as_ref().map_or_else(|| json!({ "peer": peer }), peer_json);
    if let Some((name, value)) = more {
        told[name] = value;
    }
    Ok(document(Form::Json, &told))
}

/// `POST /peers/{host}/redrive`: all that was given up there is tried again.
pub(super) async fn redrive(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let (peer, reason) = (named(&name)?, reason_of(input)?);
    if app.host.peer(&peer).await?.is_none() {
        return Err(Fault::not_found("peer"));
    }
    let redriven = app.host.redrive_peer(&peer, visitor.by(), reason).await?;
    done(&app, &parts, &peer, Some(("redriven", json!(redriven)))).await
}

async fn set_blocked(
    app: &App,
    name: &str,
    is_blocked: bool,
    visitor: &Visitor,
    parts: &Parts,
    input: Input,
) -> Result<Response, Fault> {
    let (peer, reason) = (named(name)?, reason_of(input)?);
    app.host.block_peer(&peer, is_blocked, visitor.by(), reason).await?;
    done(app, parts, &peer, None).await
}

/// `POST /peers/{host}/block`
pub(super) async fn block(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    set_blocked(&app, &name, true, &visitor, &parts, input).await
}

/// `POST /peers/{host}/unblock`
pub(super) async fn unblock(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    set_blocked(&app, &name, false, &visitor, &parts, input).await
}

/// `POST /deliveries/{id}/redrive`: one that was given up is tried again.
pub(super) async fn redrive_one(
    State(app): State<App>,
    Path(id): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let reason = reason_of(input)?;
    let delivery: DeliveryId = id.parse().map_err(|_| Fault::not_found("delivery"))?;
    let peer = app.host.redrive_delivery(&delivery, visitor.by(), reason).await?;
    if wants_redirect(&parts) {
        // The form stands on several pages; the peer's shows what becomes of it.
        let page = peer.map_or_else(|| "/peers".to_owned(), |peer| format!("/peers/{peer}"));
        return Ok(Redirect::to(&page).into_response());
    }
    Ok(document(Form::Json, &json!({"id": delivery, "status": DeliveryStatus::Queued.as_str()})))
}

impl From<PeerError> for Fault {
    fn from(error: PeerError) -> Self {
        match error {
            PeerError::Append(error) | PeerError::Redrive(RedriveError::Delivery(DeliveryError::Append(error))) => {
                WriteError::from(error).into()
            }
            PeerError::Redrive(RedriveError::NotFound(_)) => Self::not_found("delivery"),
            PeerError::Redrive(error @ RedriveError::Superseded(_)) => Self::conflict("superseded", error.to_string()),
            PeerError::Redrive(RedriveError::Illegal(illegal)) => Self::conflict("status", illegal.to_string()),
            PeerError::Redrive(RedriveError::Delivery(error)) => Self::ours(&error),
            PeerError::Read(error) => error.into(),
        }
    }
}
