//! `/account`: a user's own sessions and tokens.

use std::net::IpAddr;

use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_adapters::{
    accounts::{Session, Token, UserName},
    clock::SystemClock,
};
use rosehip_core::{
    event::{Audited, Deed},
    time::Timestamp,
};
use serde_json::{Value, json};
use tower_sessions::Session as OpenSession;

use super::{
    App,
    account_admin::{self, Members},
    article_pages::document,
    fault::Fault,
    input::Input,
    negotiate::{Form, PAGE, choose, wants_redirect},
    page::{self, Frame, Moment},
    session::blocking,
    visitor::Visitor,
};

/// Where a session says when it began.
pub(super) const BEGUN: &str = "begun";
/// Where a session says from which network.
pub(super) const FROM: &str = "from";

/// The network that an address is in, for people to recognise where they logged in: as much as a town, not a door.
pub(super) fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let network = u128::from(address) & !(u128::MAX >> 48);
            format!("{}/48", std::net::Ipv6Addr::from(network))
        }
    }
}

/// A session as its user sees it. Its id is what the cookie holds, and is told to nobody.
struct SessionView {
    begun: Option<Moment>,
    from: Option<String>,
    expires: Moment,
    is_this: bool,
}

impl SessionView {
    fn of(session: &Session, this: Option<&str>) -> Self {
        let data: Value = serde_json::from_str(&session.data).unwrap_or_default();
        let begun = data[BEGUN].as_str().and_then(|begun| begun.parse::<Timestamp>().ok());
        Self {
            begun: begun.map(Moment),
            from: data[FROM].as_str().map(str::to_owned),
            expires: Moment(session.expires),
            is_this: this == Some(&session.id),
        }
    }

    fn json(&self) -> Value {
        json!({
            "begun": self.begun.map(|begun| begun.0),
            "from": self.from,
            "expires": self.expires.0,
            "current": self.is_this,
        })
    }
}

/// A token as its user sees it.
struct TokenView {
    name: String,
    created: Moment,
}

impl TokenView {
    fn of(token: &Token) -> Self {
        Self { name: token.name.clone(), created: Moment(token.created) }
    }
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    user: String,
    role: String,
    actor: String,
    sessions: Vec<SessionView>,
    tokens: Vec<TokenView>,
    /// A token that was just made: its name and its secret.
    made: Option<(String, String)>,
    /// Whether this is a session, which alone may make tokens.
    is_session: bool,
}

impl AccountPage {
    async fn of(app: &App, visitor: &Visitor, session: Option<&OpenSession>) -> Result<Self, Fault> {
        let identity = visitor.user()?.clone();
        let name = identity.user.clone();
        let (sessions, tokens) = blocking(app, move |app| {
            let accounts = app.host.accounts();
            let sessions = accounts.sessions_of(&name, SystemClock::now())?;
            let tokens: Vec<Token> = accounts.tokens()?.into_iter().filter(|token| token.user == name).collect();
            Ok((sessions, tokens))
        })
        .await?;
        let this = session.and_then(OpenSession::id).map(|id| id.to_string());
        Ok(Self {
            frame: Frame::new("Your account", visitor),
            user: identity.user.to_string(),
            role: identity.role.to_string(),
            actor: identity.actor.to_string(),
            sessions: sessions.iter().map(|session| SessionView::of(session, this.as_deref())).collect(),
            tokens: tokens.iter().map(TokenView::of).collect(),
            made: None,
            is_session: this.is_some(),
        })
    }

    fn others(&self) -> usize {
        self.sessions.iter().filter(|session| !session.is_this).count()
    }

    fn json(&self) -> Value {
        let tokens = self.tokens.iter().map(|token| json!({"name": token.name, "created": token.created.0}));
        json!({
            "user": self.user,
            "role": self.role,
            "actor": self.actor,
            "sessions": self.sessions.iter().map(SessionView::json).collect::<Vec<_>>(),
            "tokens": tokens.collect::<Vec<_>>(),
        })
    }
}

/// `GET /account`
pub(super) async fn page(
    State(app): State<App>,
    session: Option<Extension<OpenSession>>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let page = AccountPage::of(&app, &visitor, session.as_deref()).await?;
    Ok(match choose(&headers, PAGE) {
        Form::Html => page::html(&page),
        form @ (Form::Json | Form::Activity | Form::LinkedData) => document(form, &page.json()),
    })
}

/// `POST /account/tokens`: `{name?}`. The secret is in this answer and nowhere else. A token makes no tokens: one that
/// leaked must not outlive its being revoked.
pub(super) async fn add_token(
    State(app): State<App>,
    session: Option<Extension<OpenSession>>,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let user = visitor.user()?.user.clone();
    if session.is_none() {
        let detail = "log in to make a token for yourself; an operator makes one for anybody with POST /tokens";
        return Err(Fault::forbidden("session", detail));
    }
    let mut members = Members::of(input);
    let name = members.optional("name")?;
    members.end()?;
    let (name, secret) = account_admin::make_token(&app, &visitor, &user, name).await?;
    if !wants_redirect(&parts) {
        let value = json!({"token": secret, "name": name, "user": user.as_str()});
        return Ok((StatusCode::CREATED, axum::Json(value)).into_response());
    }
    // No redirect: the secret would have to be kept for the page that it leads to.
    let page = AccountPage::of(&app, &visitor, session.as_deref()).await?;
    Ok(page::html(&AccountPage { made: Some((name, secret)), ..page }))
}

/// `POST /account/tokens/{name}/revoke`
pub(super) async fn revoke_token(
    State(app): State<App>,
    Path(name): Path<String>,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let user = visitor.user()?.user.clone();
    account_admin::end_token(&app, &visitor, user, name).await?;
    Ok(done(&parts, "/account"))
}

/// `POST /account/sessions/end-others`: logs the user out everywhere else; with a token, everywhere.
pub(super) async fn end_other_sessions(
    State(app): State<App>,
    session: Option<Extension<OpenSession>>,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let user: UserName = visitor.user()?.user.clone();
    let this = session.and_then(|session| session.id()).map(|id| id.to_string()).unwrap_or_default();
    let ended = blocking(&app, move |app| app.host.accounts().end_sessions_but(&user, &this)).await?;
    if ended > 0 {
        let detail = Some(format!("{ended} ended"));
        app.host.audit(Audited { detail, ..visitor.audited(Deed::SessionsEnded) }).await;
    }
    Ok(done(&parts, "/account"))
}

/// What is answered to a change: its page for people, nothing more for programs.
pub(super) fn done(parts: &Parts, page: &str) -> Response {
    match wants_redirect(parts) {
        true => Redirect::to(page).into_response(),
        false => StatusCode::NO_CONTENT.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_somebody_logged_in_is_told_roughly() {
        let of = |address: &str| network(address.parse().expect("an address"));
        assert_eq!(of("198.51.100.77"), "198.51.100.0/24");
        assert_eq!(of("2001:db8:1:2:3::4"), "2001:db8:1::/48");
    }
}
