//! Logging in and out.

use askama::Template;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_login::AuthSession;
use rosehip_adapters::clock::SystemClock;
use serde::Deserialize;
use tower_sessions::{Expiry, Session};

use super::{
    App, csrf,
    fault::Fault,
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
    let Some(user) = auth.authenticate(credentials).await.map_err(|error| Fault::ours(&error))? else {
        let (frame, problem) = (Frame::new("Log in", &visitor), Some("That name and password do not belong together."));
        return Ok((StatusCode::UNAUTHORIZED, page::html(&LoginPage { frame, name, next, problem })).into_response());
    };
    auth.login(&user).await.map_err(|error| Fault::ours(&error))?;
    auth.session.set_expiry(Some(Expiry::OnInactivity(session::SESSION_TIME)));
    csrf::renew(&auth.session).await?;
    let swept = session::blocking(&app, |app| app.host.accounts().delete_expired_sessions(SystemClock::now())).await;
    swept.map_err(|error| Fault::ours(&error))?;
    Ok(Redirect::to(&next).into_response())
}

/// `POST /logout`
pub(super) async fn logout(auth: Option<Extension<AuthSession<Backend>>>) -> Result<Redirect, Fault> {
    if let Some(Extension(mut auth)) = auth {
        auth.logout().await.map_err(|error| Fault::ours(&error))?;
    }
    Ok(Redirect::to("/"))
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
