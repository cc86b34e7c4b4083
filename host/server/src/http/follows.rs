//! `/actors/{id}/followers` and `…/following`, and what an owner decides about them: following, answering, blocking.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::LOCATION, header::VARY, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::{
    activity::ACTIVITY_STREAMS,
    actor::LocalActor,
    federation::Who,
    follows::{FollowState, Side},
};
use serde_json::{Value, json};

use super::{
    App,
    actors::Named,
    article_pages::document,
    boxes::{Asked, last_page},
    fault::Fault,
    input::{self, Input},
    negotiate::{self, Form, choose, wants_redirect},
    page,
    people_pages::{Listed, PeoplePage},
    sent::Sent,
    visitor::Visitor,
};
use crate::host::{Decision, Posted};

/// `GET /actors/{id}/followers`; for those who may act as the actor, with `?state=pending` those who wait.
pub(super) async fn followers(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let fields = input::fields(uri.query().unwrap_or_default().as_bytes());
    let state = match fields.get("state").map(String::as_str) {
        None | Some("accepted") => FollowState::Accepted,
        Some("pending") => {
            visitor.must_own(&actor.name)?;
            FollowState::Pending
        }
        Some(_) => return Err(Fault::invalid("state", "one-of", "must be accepted or pending")),
    };
    collection(&app, &visitor, &actor, Side::Followers, state, &uri, &headers).await
}

/// `GET /actors/{id}/following`
pub(super) async fn following(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    collection(&app, &visitor, &actor, Side::Following, FollowState::Accepted, &uri, &headers).await
}

async fn collection(
    app: &App,
    visitor: &Visitor,
    actor: &LocalActor,
    side: Side,
    state: FollowState,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Fault> {
    let asked = Asked::of(uri)?;
    let form = choose(headers, negotiate::COLLECTION);
    let counts = app.host.follow_counts(&actor.name).await?;
    let total = match (side, state) {
        (Side::Followers, FollowState::Accepted) => counts.followers,
        (Side::Followers, FollowState::Pending) => counts.pending,
        (Side::Following, _) => counts.following,
    };
    let (page, last) = (asked.page(), last_page(total));
    if form == Form::Html {
        let follows = app.host.follows(&actor.name, side, state, page).await?;
        let listed = Listed { side, state, follows: &follows, total };
        let people = PeoplePage::of(&app.host, visitor, actor, &listed, &asked).await?;
        return Ok(page::html(&people));
    }
    let url = format!("{}/{}", actor.url(app.host.base_url()), side.as_str());
    let address = |page: u64| match state {
        FollowState::Accepted => format!("{url}?page={page}"),
        FollowState::Pending => format!("{url}?state=pending&page={page}"),
    };
    let mut told = json!({"@context": ACTIVITY_STREAMS, "totalItems": total});
    if asked.is_whole() {
        told["id"] = url.clone().into();
        told["type"] = "OrderedCollection".into();
        told["first"] = address(1).into();
        told["last"] = address(last).into();
    } else {
        let follows = app.host.follows(&actor.name, side, state, page).await?;
        told["id"] = address(page).into();
        told["type"] = "OrderedCollectionPage".into();
        told["partOf"] = url.clone().into();
        told["orderedItems"] = follows.iter().map(|follow| follow.actor.as_str()).collect();
        if page < last {
            told["next"] = address(page + 1).into();
        }
        if page > 1 {
            told["prev"] = address(page - 1).into();
        }
    }
    let mut response = document(form, &told);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept, authorization"));
    Ok(response)
}

/// `POST /actors/{id}/follow`: `{who}`
pub(super) async fn follow(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let mut sent = Sent::of(input);
    let who = who(&mut sent, "who")?;
    sent.end()?;
    let posted = app.host.follow(&actor.name, &who).await?;
    Ok(answer(&actor, &parts, Some(&posted)))
}

/// `POST /actors/{id}/unfollow`: `{actor}`
pub(super) async fn unfollow(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let mut sent = Sent::of(input);
    let who = who(&mut sent, "actor")?;
    sent.end()?;
    let posted = app.host.unfollow(&actor.name, &who).await?;
    Ok(answer(&actor, &parts, Some(&posted)))
}

/// `POST /actors/{id}/followers`: `{actor, decision: accept|reject|remove}`
pub(super) async fn decide(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let mut sent = Sent::of(input);
    let who = who(&mut sent, "actor")?;
    let decision = match sent.required("decision")?.as_str() {
        "accept" => Decision::Accept,
        "reject" => Decision::Reject,
        "remove" => Decision::Remove,
        _ => return Err(Fault::invalid("decision", "one-of", "must be accept, reject or remove")),
    };
    sent.end()?;
    let posted = app.host.decide(&actor.name, &who, decision).await?;
    Ok(answer(&actor, &parts, Some(&posted)))
}

/// `POST /actors/{id}/block`: `{actor}`
pub(super) async fn block(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    set_block(&app, &actor, &visitor, &parts, input, true).await
}

/// `POST /actors/{id}/unblock`: `{actor}`
pub(super) async fn unblock(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    set_block(&app, &actor, &visitor, &parts, input, false).await
}

async fn set_block(
    app: &App,
    actor: &LocalActor,
    visitor: &Visitor,
    parts: &Parts,
    input: Input,
    is_blocked: bool,
) -> Result<Response, Fault> {
    visitor.must_act_as(&actor.name)?;
    let mut sent = Sent::of(input);
    let who = who(&mut sent, "actor")?;
    sent.end()?;
    let posted = app.host.block(&actor.name, &who, is_blocked).await?;
    Ok(answer(actor, parts, posted.as_ref()))
}

fn who(sent: &mut Sent, field: &'static str) -> Result<Who, Fault> {
    sent.required(field)?.parse().map_err(|error| Fault::invalid(field, "form", format!("{error}")))
}

/// Back to the actor's page for people; for everybody else the activity, which is null where nothing had to be said.
fn answer(actor: &LocalActor, parts: &Parts, posted: Option<&Posted>) -> Response {
    match wants_redirect(parts) {
        true => Redirect::to(&format!("/actors/{}", actor.name)).into_response(),
        false => posted_json(posted),
    }
}

/// 201 with what was said, 200 where it had been said before.
pub(super) fn posted_json(posted: Option<&Posted>) -> Response {
    let Some(Posted { activity, is_new, flows }) = posted else {
        return Json(json!({"id": null, "cid": null, "activity": null, "url": null})).into_response();
    };
    let mut told = json!({"id": activity.id, "cid": activity.cid, "activity": activity.id, "url": activity.id});
    if let Some(flows) = flows {
        told["flows"] = json!(flows);
    }
    let status = if *is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(told)).into_response();
    locate(&mut response, &Value::String(activity.id.to_string()));
    response
}

/// Says where the activity is found.
pub(super) fn locate(response: &mut Response, id: &Value) {
    if let (StatusCode::CREATED, Some(Ok(location))) = (response.status(), id.as_str().map(str::parse)) {
        response.headers_mut().insert(LOCATION, location);
    }
}
