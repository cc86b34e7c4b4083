//! Who a request is from, as its door found out.

use std::{convert::Infallible, sync::Arc};

use axum::{extract::FromRequestParts, http::request::Parts};
use rosehip_adapters::accounts::{Identity, Role};
use rosehip_core::event::{Audited, Deed, Via};

use super::{access::Need, fault::Fault};

/// Who asks: a user by session or token, the operator at the socket, or a stranger.
#[derive(Debug, Clone, Default)]
pub(super) struct Visitor {
    /// The user; none for a stranger.
    pub(super) identity: Option<Arc<Identity>>,
    /// What forms of this session must hold; none where there is no session.
    pub(super) csrf: Option<Arc<str>>,
    /// How the user came in.
    pub(super) via: Option<Via>,
}

impl Visitor {
    /// A program or the socket: no session, so no forms to protect.
    pub(super) fn without_session(identity: Arc<Identity>, via: Via) -> Self {
        Self { identity: Some(identity), csrf: None, via: Some(via) }
    }

    /// The user's role.
    pub(super) fn role(&self) -> Option<Role> {
        self.identity.as_ref().map(|identity| identity.role)
    }

    /// Whether the visitor has what is needed.
    pub(super) fn has(&self, need: Need) -> bool {
        need.is_met_by(self.role())
    }

    /// Refuses a stranger with 401 and a role that does not do with 403.
    pub(super) fn must_have(&self, need: Need) -> Result<(), Fault> {
        match self.role() {
            _ if self.has(need) => Ok(()),
            None => Err(Fault::unauthenticated()),
            Some(role) => Err(Fault::forbidden("role", format!("this {}; you are {role}", need.rule()))),
        }
    }

    /// The user, where the route let nobody else through.
    pub(super) fn user(&self) -> Result<&Identity, Fault> {
        self.identity.as_deref().ok_or_else(Fault::unauthenticated)
    }

    /// The entry that says what the user did.
    pub(super) fn audited(&self, what: Deed) -> Audited {
        let via = self.via.unwrap_or(Via::Session);
        Audited { what, by: self.by(), about: None, detail: None, via, times: 1 }
    }

    /// The name that the log keeps of who did it.
    pub(super) fn by(&self) -> Option<String> {
        self.identity.as_ref().map(|identity| identity.user.to_string())
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
