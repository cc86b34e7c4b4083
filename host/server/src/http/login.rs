//! Logging in and out.

use std::net::IpAddr;

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_login::AuthSession;
use rosehip_adapters::{accounts::UserName, clock::SystemClock};
use rosehip_core::event::{Audited, Deed};
use serde::Deserialize;
use tower_sessions::{Expiry, Session};

use super::{
    App, account, csrf,
    fault::Fault,
    inbox::ClientAddress,
    input::Input,
    page::{self, Frame},
    session::{self, Backend, Credentials},
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    name: String,
    next: String,
    problem: Option<&'static str>,
}

/// Where to go after logging in.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

/// `GET /login`
pub(super) async fn form(
    Query(Next { next }): Query<Next>,
    session: Option<Extension<Session>>,
    mut visitor: Visitor,
) -> Result<Response, Fault> {
    let next = local(next.as_deref());
    let Some(Extension(session)) = session.filter(|_| visitor.identity.is_none()) else {
        return Ok(Redirect::to(next).into_response());
    };
    if visitor.csrf.is_none() {
        visitor.csrf = Some(csrf::renew(&session).await?);
    }
    let frame = Frame::new("Log in", &visitor);
    Ok(page::html(&LoginPage { frame, name: String::new(), next: next.to_owned(), problem: None }))
}

/// `POST /login`
pub(super) async fn login(
    State(app): State<App>,
    auth: Option<Extension<AuthSession<Backend>>>,
    client: Option<Extension<ClientAddress>>,
    visitor: Visitor,
    input: Input,
) -> Result<Response, Fault> {
    let Some(Extension(mut auth)) = auth else { return Ok(Redirect::to("/").into_response()) };
    let Input::Form(mut fields) = input else {
        return Err(Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-type", "programs send a bearer token"));
    };
    let mut take = |name: &str| fields.remove(name).unwrap_or_default();
    let (name, password, next) = (take("name"), take("password"), take("next"));
    let next = local(Some(&next)).to_owned();
    let credentials = Credentials { name: name.trim().to_lowercase(), password };
    let tried = credentials.name.clone();
    let Some(user) = auth.authenticate(credentials).await.map_err(|error| Fault::ours(&error))? else {
        app.host.audit_failed_login(known(&app, &tried).await?).await;
        let (frame, problem) = (Frame::new("Log in", &visitor), Some("That name and password do not belong together."));
        return Ok((StatusCode::UNAUTHORIZED, page::html(&LoginPage { frame, name, next, problem })).into_response());
    };
    auth.login(&user).await.map_err(|error| Fault::ours(&error))?;
    mark(&auth.session, client.map(|Extension(ClientAddress(address))| address)).await?;
    auth.session.set_expiry(Some(Expiry::OnInactivity(session::SESSION_TIME)));
    csrf::renew(&auth.session).await?;
    let swept = session::blocking(&app, |app| app.host.accounts().delete_expired_sessions(SystemClock::now())).await;
    swept.map_err(|error| Fault::ours(&error))?;
    app.host.audit(Audited { by: Some(user.identity.user.to_string()), ..visitor.audited(Deed::LoggedIn) }).await;
    Ok(Redirect::to(&next).into_response())
}

/// `POST /logout`
pub(super) async fn logout(
    State(app): State<App>,
    auth: Option<Extension<AuthSession<Backend>>>,
    visitor: Visitor,
) -> Result<Redirect, Fault> {
    if let Some(Extension(mut auth)) = auth {
        auth.logout().await.map_err(|error| Fault::ours(&error))?;
        if visitor.identity.is_some() {
            app.host.audit(visitor.audited(Deed::LoggedOut)).await;
        }
    }
    Ok(Redirect::to("/"))
}

/// The user of that name, if there is one. What strangers type is in no log.
async fn known(app: &App, tried: &str) -> Result<Option<String>, Fault> {
    let Ok(name) = tried.parse::<UserName>() else { return Ok(None) };
    let user = session::blocking(app, move |app| app.host.accounts().user(&name)).await?;
    Ok(user.map(|user| user.name.to_string()))
}

/// Notes in a session when and from where it began, for its user to know it by.
async fn mark(session: &Session, address: Option<IpAddr>) -> Result<(), Fault> {
    let ours = |error: tower_sessions::session::Error| Fault::ours(&error);
    session.insert(account::BEGUN, SystemClock::now()).await.map_err(ours)?;
    session.insert(account::FROM, address.map(account::network)).await.map_err(ours)
}

/// A path of this host, or the first page: `next` must not lead anywhere else.
fn local(next: Option<&str>) -> &str {
    let is_local = |path: &&str| {
        let mut characters = path.chars();
        characters.next() == Some('/')
            && !matches!(characters.next(), Some('/' | '\\'))
            && !path.contains(|c: char| c.is_control() || c == '\\')
    };
    next.filter(is_local).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_stays_here() {
        assert_eq!(local(Some("/flows?status=failed")), "/flows?status=failed");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "flows", "", "/\t/evil.example"]
        {
            assert_eq!(local(Some(elsewhere)), "/", "{elsewhere}");
        }
        assert_eq!(local(None), "/");
    }
}
