//! `/users` and `/tokens`: who may come in, for operators. Pages for people, JSON for the command line.

use askama::Template;
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_adapters::{
    accounts::{AccountError, Accounts, NewUser, Role, Token, User, UserName},
    clock::SystemClock,
};
use rosehip_core::{
    event::{Audited, Deed},
    ids::ActorName,
};
use serde_json::{Map, Value, json};

use super::{
    App,
    account::done,
    csrf,
    fault::Fault,
    input::{self, Input},
    negotiate::{DOCUMENT, Form, choose, wants_redirect},
    page::{self, Frame, Moment},
    session::{BackendError, blocking},
    visitor::Visitor,
};
use crate::host::Host;

impl From<BackendError> for Fault {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Account(error) => error.into(),
            BackendError::Stopping => Self::later("stopping", error.to_string(), 5),
        }
    }
}

/// Members that must be strings, taken out one by one.
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// The members of a document, or the fields of a form but for its token. What a form leaves empty is left out.
    pub(super) fn of(input: Input) -> Self {
        Self(match input {
            Input::Json(members) => members,
            Input::Form(fields) => {
                let given = fields.into_iter().filter(|(name, value)| name != csrf::FIELD && !value.is_empty());
                given.map(|(name, value)| (name, Value::String(value))).collect()
            }
        })
    }

    pub(super) fn optional(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::invalid(name, "type", "must be a string")),
        }
    }

    fn required(&mut self, name: &str) -> Result<String, Fault> {
        self.optional(name)?.ok_or_else(|| Fault::invalid(name, "required", "is missing"))
    }

    /// Refuses what was not taken.
    pub(super) fn end(self) -> Result<(), Fault> {
        match self.0.keys().next() {
            Some(other) => Err(Fault::invalid(other, "unknown-field", "is not a field")),
            None => Ok(()),
        }
    }
}

fn user_json(user: &User) -> Value {
    json!({"name": user.name.as_str(), "role": user.role, "actor": user.actor, "created": user.created})
}

fn token_json(token: &Token) -> Value {
    json!({"name": token.name, "user": token.user.as_str(), "created": token.created})
}

fn user_name(text: &str) -> Result<UserName, Fault> {
    text.parse().map_err(|error: AccountError| error.into())
}

/// A user as a row of a page.
struct UserView {
    name: String,
    role: String,
    actor: String,
    created: Moment,
    tokens: usize,
    is_self: bool,
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    users: Vec<UserView>,
    roles: Vec<String>,
    actors: Vec<String>,
}

/// `GET /users`
pub(super) async fn users(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Result<Response, Fault> {
    let (users, tokens) =
        blocking(&app, |app| Ok((app.host.accounts().users()?, app.host.accounts().tokens()?))).await?;
    if choose(&headers, DOCUMENT) != Form::Html {
        return Ok(Json(json!({"users": users.iter().map(user_json).collect::<Vec<_>>()})).into_response());
    }
    let me = visitor.user()?.user.clone();
    let views = users.into_iter().map(|user| UserView {
        tokens: tokens.iter().filter(|token| token.user == user.name).count(),
        is_self: user.name == me,
        name: user.name.to_string(),
        role: user.role.to_string(),
        actor: user.actor.to_string(),
        created: Moment(user.created),
    });
    Ok(page::html(&UsersPage {
        frame: Frame::new("Users", &visitor),
        users: views.collect(),
        roles: Role::ALL.iter().map(ToString::to_string).collect(),
        actors: app.host.actors().await?.into_iter().map(|actor| actor.name.to_string()).collect(),
    }))
}

/// `POST /users`: `{name, role, password, actor?}`
pub(super) async fn add_user(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut members = Members::of(input);
    let (name, role, password) = (members.required("name")?, members.required("role")?, members.required("password")?);
    let actor = members.optional("actor")?;
    members.end()?;
    let role: Role = role.parse()?;
    let actor: ActorName = match actor {
        Some(actor) => {
            let known = app.host.actors().await?.into_iter().find(|known| known.name.as_str() == actor);
            known.ok_or_else(|| Fault::invalid("actor", "one-of", "is not an actor of this host"))?.name
        }
        None => Host::site(),
    };
    let _permit = app.passwords.acquire().await.map_err(|_| BackendError::Stopping)?;
    let user = blocking(&app, move |app| {
        let new = NewUser { name: &name, role, actor: &actor, password: &password, now: SystemClock::now() };
        app.host.accounts().add_user(new)
    })
    .await?;
    let audited = Audited { detail: Some(role.to_string()), ..about(&visitor, Deed::UserAdded, &user.name) };
    app.host.audit(audited).await;
    if wants_redirect(&parts) {
        return Ok(Redirect::to("/users").into_response());
    }
    Ok((StatusCode::CREATED, Json(user_json(&user))).into_response())
}

/// `POST /users/{name}/password`: `{password}`
pub(super) async fn set_password(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut members = Members::of(input);
    let (name, password) = (user_name(&name)?, members.required("password")?);
    members.end()?;
    let _permit = app.passwords.acquire().await.map_err(|_| BackendError::Stopping)?;
    let audited = about(&visitor, Deed::PasswordChanged, &name);
    change(&app, &parts, audited, move |accounts| accounts.set_password(&name, &password)).await
}

/// `POST /users/{name}/role`: `{role}`
pub(super) async fn set_role(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut members = Members::of(input);
    let (name, role) = (user_name(&name)?, members.required("role")?);
    members.end()?;
    let role: Role = role.parse()?;
    let audited = Audited { detail: Some(role.to_string()), ..about(&visitor, Deed::RoleChanged, &name) };
    change(&app, &parts, audited, move |accounts| accounts.set_role(&name, role)).await
}

/// `DELETE /users/{name}`, `POST /users/{name}/delete`
pub(super) async fn remove_user(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let name = user_name(&name)?;
    let audited = about(&visitor, Deed::UserRemoved, &name);
    change(&app, &parts, audited, move |accounts| accounts.remove_user(&name)).await
}

/// Changes a user, and records that once it is done.
async fn change(
    app: &App,
    parts: &Parts,
    audited: Audited,
    call: impl FnOnce(&Accounts) -> Result<(), AccountError> + Send + 'static,
) -> Result<Response, Fault> {
    blocking(app, move |app| call(app.host.accounts())).await?;
    app.host.audit(audited).await;
    Ok(done(parts, "/users"))
}

/// A token as a row of a page.
struct TokenView {
    name: String,
    user: String,
    created: Moment,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    tokens: Vec<TokenView>,
    users: Vec<String>,
    /// A token that was just made: its name, its user and its secret.
    made: Option<(String, String, String)>,
}

impl TokensPage {
    async fn of(app: &App, visitor: &Visitor) -> Result<Self, Fault> {
        let (tokens, users) =
            blocking(app, |app| Ok((app.host.accounts().tokens()?, app.host.accounts().users()?))).await?;
        let tokens = tokens.into_iter().map(|token| TokenView {
            name: token.name,
            user: token.user.to_string(),
            created: Moment(token.created),
        });
        let users = users.into_iter().map(|user| user.name.to_string()).collect();
        Ok(Self { frame: Frame::new("Tokens", visitor), tokens: tokens.collect(), users, made: None })
    }
}

/// `GET /tokens`
pub(super) async fn tokens(State(app): State<App>, visitor: Visitor, headers: HeaderMap) -> Result<Response, Fault> {
    if choose(&headers, DOCUMENT) == Form::Html {
        return Ok(page::html(&TokensPage::of(&app, &visitor).await?));
    }
    let tokens = blocking(&app, |app| app.host.accounts().tokens()).await?;
    Ok(Json(json!({"tokens": tokens.iter().map(token_json).collect::<Vec<_>>()})).into_response())
}

/// `POST /tokens`: `{user, name?}`. The secret is in this answer and nowhere else.
pub(super) async fn add_token(
    State(app): State<App>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let mut members = Members::of(input);
    let (user, name) = (user_name(&members.required("user")?)?, members.optional("name")?);
    members.end()?;
    let (name, secret) = make_token(&app, &visitor, &user, name).await?;
    if wants_redirect(&parts) {
        let page = TokensPage::of(&app, &visitor).await?;
        return Ok(page::html(&TokensPage { made: Some((name, user.to_string(), secret)), ..page }));
    }
    let value = json!({"token": secret, "name": name, "user": user.as_str()});
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// Makes a token and records that. Gives its name, which is made up where none is asked for, and its secret.
pub(super) async fn make_token(
    app: &App,
    visitor: &Visitor,
    user: &UserName,
    name: Option<String>,
) -> Result<(String, String), Fault> {
    let name = if let Some(name) = name {
        name
    } else {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| Fault::ours(&error))?;
        format!("token-{:08x}", u32::from_le_bytes(random))
    };
    let (owner, made) = (user.clone(), name.clone());
    let create = move |app: &App| app.host.accounts().create_token(&owner, &made, SystemClock::now());
    let secret = blocking(app, create).await?;
    app.host.audit(Audited { detail: Some(name.clone()), ..about(visitor, Deed::TokenCreated, user) }).await;
    Ok((name, secret))
}

/// Revokes a token and records that.
pub(super) async fn end_token(app: &App, visitor: &Visitor, user: UserName, name: String) -> Result<(), Fault> {
    let (owner, revoked) = (user.clone(), name.clone());
    blocking(app, move |app| app.host.accounts().revoke_token(&owner, &revoked)).await?;
    app.host.audit(Audited { detail: Some(name), ..about(visitor, Deed::TokenRevoked, &user) }).await;
    Ok(())
}

/// `DELETE /tokens/{name}`, `POST /tokens/{name}/revoke`: of the user that `?user=` names, or of the only one who has a
/// token of that name.
pub(super) async fn revoke_token(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let user = input::fields(uri.query().unwrap_or_default().as_bytes()).remove("user");
    let tokens = blocking(&app, |app| app.host.accounts().tokens()).await?;
    let is_meant = |token: &&Token| token.name == name && user.as_ref().is_none_or(|user| token.user.as_str() == user);
    let mut meant = tokens.iter().filter(is_meant);
    let token = meant.next().cloned().ok_or_else(|| Fault::not_found("token"))?;
    if meant.next().is_some() {
        return Err(Fault::conflict("ambiguous", "several users have a token of that name; say whose with ?user="));
    }
    end_token(&app, &visitor, token.user, token.name).await?;
    Ok(done(&parts, "/tokens"))
}

/// The entry that says what was done to a user.
fn about(visitor: &Visitor, what: Deed, user: &UserName) -> Audited {
    Audited { about: Some(user.to_string()), ..visitor.audited(what) }
}
