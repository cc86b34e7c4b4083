//! `/users` and `/tokens`, for the command line: operators only, JSON only.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
};
use rosehip_adapters::{
    accounts::{AccountError, NewUser, Role, Token, User, UserName},
    clock::SystemClock,
};
use rosehip_core::ids::ActorName;
use serde_json::{Map, Value, json};

use super::{
    App,
    fault::Fault,
    input::{self, Document},
    session::{BackendError, blocking},
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
struct Members(Map<String, Value>);

impl Members {
    fn optional(&mut self, name: &str) -> Result<Option<String>, Fault> {
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
    fn end(self) -> Result<(), Fault> {
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

/// `GET /users`
pub(super) async fn users(State(app): State<App>) -> Result<Response, Fault> {
    let users = blocking(&app, |app| app.host.accounts().users()).await?;
    Ok(Json(json!({"users": users.iter().map(user_json).collect::<Vec<_>>()})).into_response())
}

/// `POST /users`: `{name, role, password, actor?}`
pub(super) async fn add_user(State(app): State<App>, Document(members): Document) -> Result<Response, Fault> {
    let mut members = Members(members);
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
    Ok((StatusCode::CREATED, Json(user_json(&user))).into_response())
}

/// `POST /users/{name}/password`: `{password}`
pub(super) async fn set_password(
    State(app): State<App>,
    Path(name): Path<String>,
    Document(members): Document,
) -> Result<StatusCode, Fault> {
    let mut members = Members(members);
    let (name, password) = (user_name(&name)?, members.required("password")?);
    members.end()?;
    let _permit = app.passwords.acquire().await.map_err(|_| BackendError::Stopping)?;
    blocking(&app, move |app| app.host.accounts().set_password(&name, &password)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /users/{name}`
pub(super) async fn remove_user(State(app): State<App>, Path(name): Path<String>) -> Result<StatusCode, Fault> {
    let name = user_name(&name)?;
    blocking(&app, move |app| app.host.accounts().remove_user(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /tokens`
pub(super) async fn tokens(State(app): State<App>) -> Result<Response, Fault> {
    let tokens = blocking(&app, |app| app.host.accounts().tokens()).await?;
    Ok(Json(json!({"tokens": tokens.iter().map(token_json).collect::<Vec<_>>()})).into_response())
}

/// `POST /tokens`: `{user, name?}`. The secret is in this answer and nowhere else.
pub(super) async fn add_token(State(app): State<App>, Document(members): Document) -> Result<Response, Fault> {
    let mut members = Members(members);
    let (user, name) = (user_name(&members.required("user")?)?, members.optional("name")?);
    members.end()?;
    let name = if let Some(name) = name {
        name
    } else {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| Fault::ours(&error))?;
        format!("token-{:08x}", u32::from_le_bytes(random))
    };
    let (owner, made) = (user.clone(), name.clone());
    let create = move |app: &App| app.host.accounts().create_token(&user, &name, SystemClock::now());
    let secret = blocking(&app, create).await?;
    let value = json!({"token": secret, "name": made, "user": owner.as_str()});
    Ok((StatusCode::CREATED, Json(value)).into_response())
}

/// `DELETE /tokens/{name}`: of the user that `?user=` names, or of the only one who has a token of that name.
pub(super) async fn revoke_token(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<StatusCode, Fault> {
    let user = input::fields(uri.query().unwrap_or_default().as_bytes()).remove("user");
    let tokens = blocking(&app, |app| app.host.accounts().tokens()).await?;
    let is_meant = |token: &&Token| token.name == name && user.as_ref().is_none_or(|user| token.user.as_str() == user);
    let mut meant = tokens.iter().filter(is_meant);
    let token = meant.next().cloned().ok_or_else(|| Fault::not_found("token"))?;
    if meant.next().is_some() {
        return Err(Fault::conflict("ambiguous", "several users have a token of that name; say whose with ?user="));
    }
    blocking(&app, move |app| app.host.accounts().revoke_token(&token.user, &token.name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
