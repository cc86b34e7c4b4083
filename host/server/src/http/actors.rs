//! `/actors`: the actors of this host, and changing them.

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::LOCATION, header::VARY, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::{actor::LocalActor, event::ActorProfile, ids::ActorName};
use serde_json::{Value, json};

use super::{
    App,
    access::Need,
    actor_pages::{ActorPage, ActorsPage},
    article_pages::document,
    boxes::Asked,
    fault::Fault,
    input::Input,
    negotiate::{self, Form, choose, wants_redirect},
    page,
    sent::Sent,
    visitor::Visitor,
};
use crate::host::{ActorError, Host, NewActor};

/// The fields of an actor.
const KIND: &str = "kind";

/// An actor of this host that a path names.
pub(super) struct Named(pub(super) LocalActor);

impl FromRequestParts<App> for Named {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let not_found = || Fault::not_found("actor");
        let Path(name) = Path::<String>::from_request_parts(parts, app).await.map_err(|_| not_found())?;
        let name: ActorName = name.parse().map_err(|_| not_found())?;
        // Beside another host's actor it has to be said which of the two is not there.
        let unknown = || Fault::from(ActorError::NotFound(name.clone()));
        app.host.actor(&name).await?.map(Self).ok_or_else(unknown)
    }
}

impl Visitor {
    /// Whether the visitor sees what only an actor's owner may see: the owner and operators do.
    pub(super) fn owns(&self, actor: &ActorName) -> bool {
        let is_owner = self.identity.as_ref().is_some_and(|identity| identity.actor == *actor);
        is_owner || self.has(Need::Operate)
    }

    /// Whether the visitor may act as an actor: an owner who may write, or an operator.
    pub(super) fn may_act_as(&self, actor: &ActorName) -> bool {
        self.has(Need::Write) && self.owns(actor)
    }

    /// Refuses who is neither an actor's owner nor an operator.
    pub(super) fn must_own(&self, actor: &ActorName) -> Result<(), Fault> {
        match self.owns(actor) {
            true => Ok(()),
            false if self.identity.is_none() => Err(Fault::unauthenticated()),
            false => Err(Fault::forbidden("owner", format!("this is for the owner of {actor} and for operators"))),
        }
    }

    /// Refuses who may not act as an actor.
    pub(super) fn must_act_as(&self, actor: &ActorName) -> Result<(), Fault> {
        self.must_have(Need::Write)?;
        self.must_own(actor)
    }
}

/// An actor as lists and answers tell it, for those who work here.
async fn item(host: &Host, actor: &LocalActor) -> Result<Value, Fault> {
    let counts = host.follow_counts(&actor.name).await?;
    Ok(json!({
        "name": actor.name,
        "kind": actor.kind,
        "url": actor.url(host.base_url()),
        "handle": host.handle(&actor.name).map(|handle| handle.to_string()),
        "display_name": actor.profile.display_name,
        "summary": actor.profile.summary,
        "approves_followers": actor.profile.approves_followers,
        "also_known_as": actor.profile.also_known_as,
        "followers": counts.followers,
        "pending": counts.pending,
        "following": counts.following,
        "blocks": host.blocked_by(&actor.name).await?,
        "key": actor.key_number(),
        "created_at": actor.created_at,
    }))
}

/// `GET /actors`
pub(super) async fn list(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Result<Response, Fault> {
    let actors = app.host.actors().await?;
    if choose(&headers, negotiate::PAGE) == Form::Html {
        return Ok(page::html(&ActorsPage::of(&app.host, &visitor, &actors).await?));
    }
    let mut items = Vec::with_capacity(actors.len());
    for actor in &actors {
        items.push(item(&app.host, actor).await?);
    }
    Ok(Json(json!({"actors": items})).into_response())
}

/// `GET /actors/{id}`
pub(super) async fn show(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let form = choose(&headers, negotiate::PUBLIC_PAGE);
    if form == Form::Html {
        let asked = Asked::of(&uri)?;
        return Ok(page::html(&ActorPage::of(&app.host, &visitor, &actor, &asked).await?));
    }
    let rsa = app.host.rsa_key(&actor.name).await.map_err(|error| Fault::ours(&error.to_string()))?;
    let mut response = document(form, &actor.document(app.host.base_url(), &rsa));
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// `POST /actors`: `{name, kind?, display_name?, summary?, approves_followers?, also_known_as?}`
pub(super) async fn add(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut sent = Sent::of(input);
    let name = sent.required("name")?;
    let name = name.parse().map_err(|error| Fault::invalid("name", "form", format!("{error}")))?;
    let kind = sent.text(KIND)?.unwrap_or_else(|| "Person".to_owned());
    let profile = profile(&mut sent, ActorProfile::default())?;
    sent.end()?;
    let actor = app.host.add_actor(NewActor { name, kind, profile, by: visitor.by() }).await?;
    answer(&app.host, &parts, &actor, StatusCode::CREATED).await
}

/// `POST /actors/{id}/edit`: `{display_name?, summary?, approves_followers?, also_known_as?}`. What is not sent stays; of a form, a box
/// that is not ticked is sent.
pub(super) async fn edit(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut sent = Sent::of(input);
    let profile = profile(&mut sent, actor.profile)?;
    sent.end()?;
    let actor = app.host.change_actor(&actor.name, profile, visitor.by()).await?;
    answer(&app.host, &parts, &actor, StatusCode::OK).await
}

/// `POST /actors/{id}/rotate-key`
pub(super) async fn rotate_key(
    State(app): State<App>,
    Named(actor): Named,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let actor = app.host.rotate_key(&actor.name, visitor.by()).await?;
    answer(&app.host, &parts, &actor, StatusCode::OK).await
}

/// The profile that was sent, over what stood before.
fn profile(sent: &mut Sent, before: ActorProfile) -> Result<ActorProfile, Fault> {
    let over = |sent: Option<String>, before| sent.map_or(before, |text| Some(text).filter(|text| !text.is_empty()));
    let url = |text: String| {
        text.parse().map_err(|error| Fault::invalid("also_known_as", "form", format!("{text:?}: {error}")))
    };
    let also_known_as = sent.list("also_known_as")?.map(|names| names.into_iter().map(url).collect::<Result<_, _>>());
    Ok(ActorProfile {
        display_name: over(sent.text("display_name")?, before.display_name),
        summary: over(sent.text("summary")?, before.summary),
        approves_followers: sent.flag("approves_followers")?.unwrap_or(before.approves_followers),
        also_known_as: also_known_as.transpose()?.unwrap_or(before.also_known_as),
    })
}

/// The actor as it is now: its page for people, JSON for everybody else.
async fn answer(host: &Host, parts: &Parts, actor: &LocalActor, status: StatusCode) -> Result<Response, Fault> {
    if wants_redirect(parts) {
        return Ok(Redirect::to(&format!("/actors/{}", actor.name)).into_response());
    }
    let mut response = (status, Json(item(host, actor).await?)).into_response();
    if let (StatusCode::CREATED, Ok(url)) = (status, actor.url(host.base_url()).parse()) {
        response.headers_mut().insert(LOCATION, url);
    }
    Ok(response)
}
